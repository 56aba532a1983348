//! What can go wrong, and what the user can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a cluster could not be started, asked, changed or stopped.
///
/// Where a server's own words help, the text ends with the last lines of its log.
#[derive(Debug)]
pub enum ClusterError {
    /// The plan asks for something that cannot work.
    Plan(String),
    /// No directory with `postgres`, `initdb` and `pg_basebackup` was found.
    NoPostgres {
        /// Where it was looked for, in order.
        looked: Vec<String>,
    },
    /// The PostgreSQL found is older than 13, or does not say its version.
    Version {
        /// What `postgres --version` printed.
        printed: String,
    },
    /// We are root, and there is no unprivileged account to run the servers as.
    NoAccount,
    /// Another cluster lives in this directory.
    DirectoryInUse(PathBuf),
    /// The directory holds files that are not ours.
    DirectoryNotEmpty(PathBuf),
    /// The unprivileged account cannot reach the directory.
    DirectoryUnreachable {
        /// The directory asked for.
        directory: PathBuf,
        /// The parent that others may not pass through.
        closed: PathBuf,
    },
    /// The directory does not hold a cluster of ours.
    NotACluster(PathBuf),
    /// The port asked for is taken.
    PortTaken(u16),
    /// The operating system refused.
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` or `pg_basebackup` failed.
    Tool {
        /// The program's name.
        tool: &'static str,
        /// The end of what it printed.
        printed: String,
    },
    /// A server ended while it was starting.
    Exited {
        /// The server's name.
        server: String,
        /// The end of its log.
        log: String,
    },
    /// Something took longer than its limit.
    Timeout {
        /// What was awaited.
        waiting_for: String,
        /// The limit.
        limit: Duration,
        /// The end of the log of the server concerned.
        log: String,
    },
    /// A server refused a query or could not be asked.
    Query {
        /// The server's name.
        server: String,
        /// What the server or the driver said.
        source: tokio_postgres::Error,
    },
    /// A server answered something unexpected.
    Answer {
        /// The server's name.
        server: String,
        /// What was asked for.
        asked: &'static str,
    },
    /// The server is not running.
    NotRunning(String),
    /// The server is running already.
    Running(String),
    /// The process is not a child of this server.
    NotABackend {
        /// The server's name.
        server: String,
        /// The process asked for.
        pid: i32,
    },
}

impl ClusterError {
    /// For `map_err`: names what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(why) => write!(f, "bad plan: {why}"),
            Self::NoPostgres { looked } => write!(
                f,
                "no PostgreSQL server programs (postgres, initdb, pg_basebackup) found; \
                 looked in: {}; install the package postgresql or name their directory",
                looked.join(", ")
            ),
            Self::Version { printed } => {
                write!(f, "expected PostgreSQL 13 or newer, found {printed:?}")
            }
            Self::NoAccount => f.write_str(
                "PostgreSQL does not run as root, and neither of the accounts postgres and \
                 nobody exists",
            ),
            Self::DirectoryInUse(path) => write!(
                f,
                "a cluster is in {} already; end it with `afterwrite cluster down` first",
                path.display()
            ),
            Self::DirectoryNotEmpty(path) => {
                write!(f, "{} is not empty; name a missing or empty directory", path.display())
            }
            Self::DirectoryUnreachable { directory, closed } => write!(
                f,
                "started by root, the servers run as an unprivileged account, which cannot \
                 reach {} because {} is closed to others",
                directory.display(),
                closed.display()
            ),
            Self::NotACluster(path) => {
                write!(f, "no cluster started by afterwrite is in {}", path.display())
            }
            Self::PortTaken(port) => write!(f, "port {port} of 127.0.0.1 is taken"),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Tool { tool, printed } => write!(f, "{tool} failed: {printed}"),
            Self::Exited { server, log } => {
                write!(f, "{server} ended while starting; its log ends with:\n{log}")
            }
            Self::Timeout { waiting_for, limit, log } => {
                write!(f, "gave up after {limit:?} waiting for {waiting_for}")?;
                if log.is_empty() { Ok(()) } else { write!(f, "; its log ends with:\n{log}") }
            }
            Self::Query { server, source } => match source.as_db_error() {
                Some(said) => write!(f, "{server}: {} ({})", said.message(), said.code().code()),
                None => write!(f, "{server}: {source}"),
            },
            Self::Answer { server, asked } => {
                write!(f, "{server} gave an unexpected answer for {asked}")
            }
            Self::NotRunning(server) => write!(f, "{server} is not running"),
            Self::Running(server) => write!(f, "{server} is running already"),
            Self::NotABackend { server, pid } => {
                write!(f, "process {pid} is not a child of {server}")
            }
        }
    }
}

impl std::error::Error for ClusterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Query { source, .. } => Some(source),
            Self::Plan(_)
            | Self::NoPostgres { .. }
            | Self::Version { .. }
            | Self::NoAccount
            | Self::DirectoryInUse(_)
            | Self::DirectoryNotEmpty(_)
            | Self::DirectoryUnreachable { .. }
            | Self::NotACluster(_)
            | Self::PortTaken(_)
            | Self::Tool { .. }
            | Self::Exited { .. }
            | Self::Timeout { .. }
            | Self::Answer { .. }
            | Self::NotRunning(_)
            | Self::Running(_)
            | Self::NotABackend { .. } => None,
        }
    }
}
