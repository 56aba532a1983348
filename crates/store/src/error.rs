//! Why the store has not answered.

use std::fmt;
use std::time::Duration;

/// Why the store has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The address cannot be understood.
    Address(String),
    /// There is no connection: it is tried in the background.
    Away,
    /// More is waiting for it than is kept.
    Busy,
    /// It has not answered in time.
    TimedOut(Duration),
    /// It refused, or the connection failed.
    Failed(String),
    /// It answered something else than was asked.
    Unexpected(&'static str),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(why) => write!(f, "the store's address cannot be understood: {why}"),
            Self::Away => f.write_str("there is no connection to the store"),
            Self::Busy => f.write_str("too much is waiting for the store"),
            Self::TimedOut(limit) => write!(f, "the store did not answer within {limit:?}"),
            Self::Failed(why) => write!(f, "the store failed: {why}"),
            Self::Unexpected(what) => write!(f, "the store's answer has {what}"),
        }
    }
}

impl std::error::Error for StoreError {}
