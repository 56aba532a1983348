//! The one way in: [`load`].

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;

use crate::check::{Checker, Refusal, integer, items};
use crate::problem::Problem;
use crate::source::{Entry, Sources, Value};
use crate::unit::parse_listen;
use crate::{Config, Problems, Threads, cluster, section};

/// What the command line says; it wins over the environment and the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// The multi-host URL: `cluster.url`.
    pub url: Option<String>,
    /// `--listen`, once per address; replaces the file's list.
    pub listen: Vec<String>,
    /// `--metrics-listen`: an address, or `off`.
    pub metrics_listen: Option<String>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
    /// `--log-decisions`; `false` says nothing.
    pub log_decisions: bool,
    /// `--set key=value`, for any other key by its dotted path.
    pub set: Vec<(String, String)>,
}

/// Lays the file, the environment and the flags over the defaults, and checks
/// all of it.
///
/// `file` is a name for messages and the text. A relative `password_file` in
/// the text is relative to the folder of that name. Of `environment`, only
/// `DATABASE_URL` and what begins with `AFTERWRITE_` is looked at.
///
/// The error holds everything that is wrong, not only the first.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overlay,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Config, Problems> {
    let mut checker = Checker { sources: Sources::gather(file, environment, flags) };
    let listen = read_listen(&mut checker);
    let metrics_listen = read_metrics_listen(&mut checker, &listen);
    let threads = read_threads(&mut checker);
    let cluster = cluster::read(&mut checker, read_file);
    let clients = section::read_clients(&mut checker, cluster.as_ref(), &listen);
    let pool = section::read_pool(&mut checker);
    let routing = section::read_routing(&mut checker);
    let probe = section::read_probe(&mut checker);
    let log = section::read_log(&mut checker);
    // A cluster that could not be read has said why, so that there are problems.
    match (Problems::of(checker.sources.problems), cluster) {
        (None, Some(cluster)) => Ok(Config {
            listen,
            metrics_listen,
            threads,
            cluster,
            clients,
            pool,
            routing,
            probe,
            log,
        }),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problems::unexplained()),
    }
}

const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 6432);
const METRICS_LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 6433);

/// The most addresses to listen on.
const LISTEN_MAX: usize = 16;

fn listen_address(entry: &Entry) -> Result<SocketAddr, Refusal> {
    match &entry.value {
        Value::Text(text) => {
            parse_listen(text).map_err(|hint| Refusal { hint, ..Refusal::default() })
        }
        _ => Err(Refusal::default()),
    }
}

fn read_listen(checker: &mut Checker) -> Vec<SocketAddr> {
    let expected = "an address, such as \"127.0.0.1:6432\", or an array of them";
    let lists = checker.all("listen", expected, |entry| match items(entry) {
        Some(list) if list.is_empty() => Err(Refusal::found("an empty array")),
        Some(list) if list.len() > LISTEN_MAX => Err(Refusal {
            expected: Some(format!("at most {LISTEN_MAX} addresses")),
            ..Refusal::found(format!("{} addresses", list.len()))
        }),
        Some(list) => Ok((list, matches!(entry.value, Value::List(_)))),
        None => Err(Refusal::default()),
    });
    let mut addresses = vec![LISTEN_DEFAULT];
    for list in lists {
        let (list, is_array) = list.value;
        addresses = Vec::new();
        for (index, entry) in list.iter().enumerate() {
            let key = if is_array { format!("listen[{index}]") } else { "listen".to_owned() };
            let refusal = match listen_address(entry) {
                // Port 0 is another port each time.
                Ok(address) if address.port() != 0 && addresses.contains(&address) => {
                    Refusal::found(format!("{address} twice"))
                }
                Ok(address) => {
                    addresses.push(address);
                    continue;
                }
                Err(refusal) => refusal,
            };
            checker.refuse(&key, entry, "an address, such as \"127.0.0.1:6432\"", refusal);
        }
    }
    addresses
}

fn read_metrics_listen(checker: &mut Checker, listen: &[SocketAddr]) -> Option<SocketAddr> {
    let key = "metrics_listen";
    let expected = "an address, such as \"127.0.0.1:6433\", or \"off\"";
    let address = checker
        .one(key, expected, |entry| match &entry.value {
            Value::Text(text) if text == "off" => Ok(None),
            _ => listen_address(entry).map(Some),
        })
        .unwrap_or(Some(METRICS_LISTEN_DEFAULT));
    let clash = address.filter(|address| address.port() != 0 && listen.contains(address));
    if let Some(address) = clash.filter(|_| checker.are_good(&[key, "listen"])) {
        checker.report(Problem {
            key: key.to_owned(),
            place: checker.place_of(key).or_else(|| checker.place_of("listen")),
            found: format!("{address}, where clients connect"),
            expected: "an address that is not in listen, or \"off\"".to_owned(),
            hint: None,
        });
    }
    address
}

fn read_threads(checker: &mut Checker) -> Threads {
    checker
        .one("threads", "\"auto\" or a whole number from 1 to 256", |entry| match &entry.value {
            Value::Text(text) if text == "auto" => Ok(Threads::Auto),
            _ => {
                let count = integer(entry, &(1..=256))?;
                let count = u16::try_from(count).ok().and_then(NonZeroU16::new);
                count.map(Threads::Exactly).ok_or_else(Refusal::default)
            }
        })
        .unwrap_or(Threads::Auto)
}
