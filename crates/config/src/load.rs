//! The one way in: [`load`].

use std::io;
use std::num::NonZeroU16;
use std::path::Path;

use crate::check::{Checker, Refusal, integer};
use crate::source::{Sources, Value};
use crate::{Config, Problems, Threads, cluster, listen, section};

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
/// `file` is a name for messages and the text. A relative path in the text is
/// relative to the folder of that name. `read_file` is asked for the files with
/// passwords, and for every other file that is named, to see that it can be read. Of `environment`, only
/// `DATABASE_URL` and what begins with `AFTERWRITE_` is looked at.
///
/// The error holds everything that is wrong, not only the first.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overlay,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Config, Problems> {
    let sources = Sources::gather(file, environment, flags);
    let mut checker = Checker { sources, read_file };
    let config = read(&mut checker);
    if let Some(config) = &config {
        section::check_users(&mut checker, config);
    }
    // A cluster that could not be read has said why, so that there are problems.
    match (Problems::of(checker.sources.problems), config) {
        (None, Some(config)) => Ok(config),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problems::unexplained()),
    }
}

/// Everything, or `None` where a cluster could not be read.
fn read(checker: &mut Checker<'_>) -> Option<Config> {
    let listen = listen::read(checker);
    let unix_socket_mode = listen::read_unix_mode(checker);
    let metrics_listen = listen::read_metrics(checker, &listen);
    let restart_socket = listen::read_restart(checker, &listen);
    let threads = read_threads(checker);
    let cluster = cluster::read(checker);
    let names = checker.sources.names("clusters");
    let clusters: Vec<_> =
        names.into_iter().map(|name| (cluster::read_named(checker, &name), name)).collect();
    let pool = section::read_pool(checker);
    let databases = section::read_databases(checker, cluster.as_ref(), &pool);
    let users = section::read_users(checker);
    let clients = section::read_clients(checker, cluster.as_ref(), &users, &listen);
    section::check_secrets(checker, clients.auth, &users);
    let routing = section::read_routing(checker);
    let tokens = section::read_tokens(checker);
    let shared = section::read_shared(checker);
    let probe = section::read_probe(checker);
    let admin = section::read_admin(checker);
    let shutdown = section::read_shutdown(checker);
    let log = section::read_log(checker);
    Some(Config {
        listen,
        unix_socket_mode,
        metrics_listen,
        restart_socket,
        threads,
        cluster: cluster?,
        clusters: clusters
            .into_iter()
            .map(|(cluster, name)| Some((name, cluster?)))
            .collect::<Option<_>>()?,
        databases,
        users,
        clients,
        pool,
        routing,
        tokens,
        shared,
        probe,
        admin,
        shutdown,
        log,
    })
}

fn read_threads(checker: &mut Checker<'_>) -> Threads {
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
