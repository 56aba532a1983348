//! Where clients connect, and the other sockets of the process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::ListenAddress;
use crate::check::{Checker, ReadFile, Refusal, items, path};
use crate::problem::Problem;
use crate::source::{Entry, Value};
use crate::unit::parse_listen;

const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6432);
const METRICS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6433);

/// The most addresses to listen on.
const LISTEN_MAX: usize = 16;

/// The longest path of a Unix socket, in bytes: Linux has room for 108 with the
/// zero byte at the end.
const UNIX_PATH_MAX: usize = 107;

const EXPECTED: &str = "an address, such as \"127.0.0.1:6432\", or the path of a Unix socket";

pub(crate) fn read(checker: &mut Checker<'_>) -> Vec<ListenAddress> {
    let expected = format!("{EXPECTED}; or an array of them");
    let lists = checker.all("listen", &expected, |entry| match items(entry) {
        Some(list) if list.is_empty() => Err(Refusal::found("an empty array")),
        Some(list) if list.len() > LISTEN_MAX => Err(Refusal {
            expected: Some(format!("at most {LISTEN_MAX} addresses")),
            ..Refusal::found(format!("{} addresses", list.len()))
        }),
        Some(list) => Ok((list, matches!(entry.value, Value::List(_)))),
        None => Err(Refusal::default()),
    });
    let mut addresses = vec![ListenAddress::Tcp(DEFAULT)];
    for list in lists {
        let (list, is_array) = list.value;
        addresses = read_list(checker, &list, is_array);
    }
    addresses
}

fn read_list(checker: &mut Checker<'_>, list: &[Entry], is_array: bool) -> Vec<ListenAddress> {
    let read_file = checker.read_file;
    // The port in the names of the Unix sockets, which clients look for.
    let port = list.iter().find_map(|entry| tcp(entry).ok()).map_or(DEFAULT.port(), |a| a.port());
    let mut addresses = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let key = if is_array { format!("listen[{index}]") } else { "listen".to_owned() };
        let address = if is_unix(entry) {
            unix(entry, port, read_file).map(ListenAddress::Unix)
        } else {
            tcp(entry).map(ListenAddress::Tcp)
        };
        let refusal = match address {
            // Port 0 is another port each time.
            Ok(address)
                if address.tcp().is_none_or(|tcp| tcp.port() != 0)
                    && addresses.contains(&address) =>
            {
                Refusal::found(format!("{address} twice"))
            }
            Ok(address) => {
                addresses.push(address);
                continue;
            }
            Err(refusal) => refusal,
        };
        checker.refuse(&key, entry, EXPECTED, refusal);
    }
    addresses
}

fn tcp(entry: &Entry) -> Result<SocketAddr, Refusal> {
    match &entry.value {
        Value::Text(text) => {
            parse_listen(text).map_err(|hint| Refusal { hint, ..Refusal::default() })
        }
        _ => Err(Refusal::default()),
    }
}

fn is_unix(entry: &Entry) -> bool {
    matches!(&entry.value, Value::Text(text) if text.starts_with(['/', '@']))
}

/// The path of a socket; of a folder, the one in it that clients look for.
fn unix(entry: &Entry, port: u16, read_file: ReadFile<'_>) -> Result<PathBuf, Refusal> {
    let Value::Text(text) = &entry.value else { return Err(Refusal::default()) };
    if text == "@" {
        return Err(Refusal::hint("write a name behind the @"));
    }
    let written = Path::new(text);
    let is_folder = text.ends_with('/')
        || (!text.starts_with('@')
            && read_file(written).is_err_and(|e| e.kind() == io::ErrorKind::IsADirectory));
    let path =
        if is_folder { written.join(format!(".s.PGSQL.{port}")) } else { written.to_owned() };
    short_enough(path)
}

fn short_enough(path: PathBuf) -> Result<PathBuf, Refusal> {
    let length = path.as_os_str().as_bytes().len();
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(Refusal::default());
    }
    if length > UNIX_PATH_MAX {
        return Err(Refusal {
            expected: Some(format!("a path of at most {UNIX_PATH_MAX} bytes")),
            ..Refusal::found(format!("a path of {length} bytes"))
        });
    }
    Ok(path)
}

/// As `chmod` has it, in octal digits.
pub(crate) fn read_unix_mode(checker: &mut Checker<'_>) -> u32 {
    let expected = "permissions in octal digits, from \"0000\" to \"0777\"";
    checker
        .one("unix_socket_mode", expected, |entry| match &entry.value {
            Value::Text(text)
                if (3..=4).contains(&text.len())
                    && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) =>
            {
                let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
                mode.ok_or_else(Refusal::default)
            }
            Value::Integer(_) => Err(Refusal::hint("write it in quotes")),
            _ => Err(Refusal::default()),
        })
        .unwrap_or(0o777)
}

pub(crate) fn read_metrics(
    checker: &mut Checker<'_>,
    listen: &[ListenAddress],
) -> Option<SocketAddr> {
    let key = "metrics_listen";
    let expected = "an address, such as \"127.0.0.1:6433\", or \"off\"";
    let address = checker
        .one(key, expected, |entry| match &entry.value {
            value if value.is_off() => Ok(None),
            _ => tcp(entry).map(Some),
        })
        .unwrap_or(Some(METRICS_DEFAULT));
    let is_taken = |address: &SocketAddr| listen.iter().any(|at| at.tcp() == Some(*address));
    let clash = address.filter(|address| address.port() != 0 && is_taken(address));
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

/// Where a new process takes over.
pub(crate) fn read_restart(checker: &mut Checker<'_>, listen: &[ListenAddress]) -> Option<PathBuf> {
    let key = "restart_socket";
    let socket = checker.one(key, "the path of a Unix socket, or \"off\"", |entry| {
        if entry.value.is_off() {
            return Ok(None);
        }
        match &entry.value {
            Value::Text(text) if text.ends_with('/') => {
                Err(Refusal::hint("name the socket itself, not its folder"))
            }
            _ => path(entry).and_then(short_enough).map(Some),
        }
    })??;
    let is_taken = listen.contains(&ListenAddress::Unix(socket.clone()));
    if is_taken && checker.are_good(&[key, "listen"]) {
        checker.report(Problem {
            key: key.to_owned(),
            place: checker.place_of(key),
            found: "a socket where clients connect".to_owned(),
            expected: "a path of its own".to_owned(),
            hint: None,
        });
    }
    Some(socket)
}
