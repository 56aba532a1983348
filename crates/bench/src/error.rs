//! Why a benchmark could not go on.

use std::fmt;
use std::io;
use std::time::Duration;

use afterwrite_cluster::ClusterError;
use afterwrite_wire::frame::Malformed;

/// What ends the whole run, or one cell of it.
#[derive(Debug)]
pub(crate) enum BenchError {
    /// The PostgreSQL cluster did not start, or did not do as told.
    Cluster(ClusterError),
    /// A program that a target needs is not there.
    Missing { program: &'static str, advice: &'static str },
    /// The operating system refused.
    Io { doing: String, source: io::Error },
    /// A program ended with an error; the end of what it printed.
    Failed { program: String, printed: String },
    /// pgbench ended well, but its report lacks something.
    Unreadable { printed: String },
    /// Something took longer than its limit.
    Timeout { waiting_for: String, limit: Duration },
    /// A server hung up, or answered with an error.
    Refused { by: String, why: String },
    /// A server wants a password where we have none to give.
    PasswordWanted,
    /// A server sent something that is not the protocol.
    Malformed(Malformed),
    /// `/proc` does not show a process that should be there.
    NoProcess { pid: i32 },
    /// Nothing is left to be measured.
    NoCells,
    /// The plot could not be drawn.
    Plot(String),
}

impl BenchError {
    /// For `map_err`: names what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl From<ClusterError> for BenchError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error)
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(error) => write!(f, "{error}"),
            Self::Missing { program, advice } => write!(f, "{program} not found: {advice}"),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Failed { program, printed } => write!(f, "{program} failed: {printed}"),
            Self::Unreadable { printed } => write!(f, "pgbench reported no figures: {printed}"),
            Self::Timeout { waiting_for, limit } => {
                write!(f, "gave up after {limit:?} waiting for {waiting_for}")
            }
            Self::Refused { by, why } => write!(f, "{by}: {why}"),
            Self::PasswordWanted => f.write_str("the server asks for a password"),
            Self::Malformed(malformed) => write!(f, "not the PostgreSQL protocol: {malformed}"),
            Self::NoProcess { pid } => write!(f, "process {pid} is gone or hidden from us"),
            Self::NoCells => f.write_str("no cell matches --only; a name is like select/simple/8"),
            Self::Plot(why) => write!(f, "drawing the plot: {why}"),
        }
    }
}

impl std::error::Error for BenchError {}

/// The last lines of `text`, for an error.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 6;
    let lines: Vec<&str> = text.trim().lines().collect();
    lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("; ")
}
