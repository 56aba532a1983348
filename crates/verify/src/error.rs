//! What can go wrong: with the whole run, and with one operation in it.

use std::fmt;
use std::time::Duration;

/// Why a workload or a check could not be run at all.
///
/// Errors of single operations are no reason: those are counted, and the run goes on.
#[derive(Debug)]
pub enum VerifyError {
    /// What was asked for cannot work.
    Plan(String),
    /// A connection URL is malformed.
    Url {
        /// Whose URL it is; the URL itself may hold a password.
        whose: &'static str,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// Setting up or cleaning up was refused.
    Server {
        /// What was being done.
        doing: &'static str,
        /// What the server or the driver said.
        source: tokio_postgres::Error,
    },
    /// A server answered something unexpected while setting up or cleaning up.
    Answer {
        /// What was being done.
        doing: &'static str,
        /// What the answer lacked.
        lacks: &'static str,
    },
    /// Something took longer than its limit.
    Timeout {
        /// What was being done.
        doing: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The history could not be written.
    History(std::io::Error),
    /// A task of ours died: a defect of this program.
    Task(String),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(why) => write!(f, "cannot run this: {why}"),
            Self::Url { whose, source } => write!(f, "bad URL of the {whose}: {source}"),
            Self::Server { doing, source } => match source.as_db_error() {
                Some(said) => write!(f, "{doing}: {} ({})", said.message(), said.code().code()),
                None => write!(f, "{doing}: {source}"),
            },
            Self::Answer { doing, lacks } => write!(f, "{doing}: the answer lacks {lacks}"),
            Self::Timeout { doing, limit } => write!(f, "{doing}: gave up after {limit:?}"),
            Self::History(source) => write!(f, "cannot keep the history: {source}"),
            Self::Task(why) => write!(f, "a task of the workload died: {why}"),
        }
    }
}

impl std::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url { source, .. } | Self::Server { source, .. } => Some(source),
            Self::History(source) => Some(source),
            Self::Plan(_) | Self::Answer { .. } | Self::Timeout { .. } | Self::Task(_) => None,
        }
    }
}

/// Why one operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No answer within the limit. The connection is of no use any more.
    Timeout(Duration),
    /// The server refused, or the connection broke.
    Server(tokio_postgres::Error),
    /// The answer is not one that the statement can have.
    Answer(&'static str),
    /// TLS cannot be made at all.
    Tls(String),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(source: tokio_postgres::Error) -> Self {
        Self::Server(source)
    }
}

impl Fault {
    /// The server's SQLSTATE, if it said one.
    pub(crate) fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(source) => source.code().map(tokio_postgres::error::SqlState::code),
            Self::Timeout(_) | Self::Answer(_) | Self::Tls(_) => None,
        }
    }

    /// What errors are counted by: the SQLSTATE, or else what happened.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Timeout(_) => "timeout".to_owned(),
            Self::Answer(_) => "unexpected answer".to_owned(),
            Self::Tls(_) => "no TLS".to_owned(),
            Self::Server(_) => self.sqlstate().unwrap_or("connection lost").to_owned(),
        }
    }

    /// Whether a write that failed so may have been committed all the same.
    ///
    /// 08, 57P and XX are the connection's, the operator's and the server's own
    /// troubles; any other SQLSTATE is a refusal.
    pub(crate) fn leaves_outcome_unknown(&self) -> bool {
        self.sqlstate()
            .is_none_or(|code| ["08", "57P", "XX"].iter().any(|class| code.starts_with(class)))
    }

    /// As a reason to give up a whole run.
    pub(crate) fn fatal(self, doing: &'static str) -> VerifyError {
        match self {
            Self::Timeout(limit) => VerifyError::Timeout { doing, limit },
            Self::Server(source) => VerifyError::Server { doing, source },
            Self::Answer(lacks) => VerifyError::Answer { doing, lacks },
            Self::Tls(why) => VerifyError::Plan(format!("no TLS: {why}")),
        }
    }
}
