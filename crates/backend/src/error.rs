//! What can go wrong between us and a server.

use std::fmt;
use std::io;
use std::time::Duration;

use afterwrite_types::Role;
use afterwrite_wire::frame::Malformed;
use afterwrite_wire::scram::ScramError;

/// A connection to a server could not be opened.
#[derive(Debug)]
pub enum ConnectError {
    /// The address cannot be reached, or the connection broke.
    Io(io::Error),
    /// Nobody answered in time.
    TimedOut(Duration),
    /// The server refused us, in its own words.
    Refused {
        /// The SQLSTATE.
        code: String,
        /// What it said.
        message: String,
    },
    /// The login exchange failed.
    Scram(ScramError),
    /// The server asks for a kind of authentication that we do not offer.
    Unsupported(&'static str),
    /// A password is needed and none is configured.
    NoPassword,
    /// It is not what it was a moment ago.
    RoleChanged(Role),
    /// The server said something that makes no sense.
    Protocol(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TimedOut(limit) => write!(f, "no answer within {limit:?}"),
            Self::Refused { code, message } => write!(f, "{message} (SQLSTATE {code})"),
            Self::Scram(error) => write!(f, "{error}"),
            Self::Unsupported(what) => {
                write!(f, "the server asks for {what}, which is not available yet")
            }
            Self::NoPassword => {
                f.write_str("the server asks for a password and none is configured")
            }
            Self::RoleChanged(role) => write!(f, "the server is a {} now", role.name()),
            Self::Protocol(what) => write!(f, "protocol error: {what}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Malformed> for ConnectError {
    fn from(malformed: Malformed) -> Self {
        Self::Protocol(malformed.to_string())
    }
}

impl From<ScramError> for ConnectError {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}

/// No server connection could be had for a statement.
#[derive(Debug)]
pub enum ClaimError {
    /// All are in use, and none came free in time.
    Busy {
        /// How long the statement waited.
        waited: Duration,
        /// How many connections there may be.
        size: usize,
    },
    /// Too many wait already.
    QueueFull {
        /// How many may wait.
        queue_max: usize,
    },
    /// A new one could not be opened.
    Connect(ConnectError),
    /// No primary is known.
    NoPrimary,
    /// The node is not known to be up.
    Down,
}

impl ClaimError {
    /// The code the client sees.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Busy { .. } | Self::QueueFull { .. } => "53300",
            Self::Connect(_) => "08001",
            Self::NoPrimary | Self::Down => "57P03",
        }
    }
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { waited, size } => write!(
                f,
                "no server connection came free within {waited:?}: all {size} of the pool are in use"
            ),
            Self::QueueFull { queue_max } => {
                write!(f, "{queue_max} statements wait for a server connection already")
            }
            Self::Connect(error) => write!(f, "cannot connect to the server: {error}"),
            Self::NoPrimary => f.write_str("no primary is available"),
            Self::Down => f.write_str("the server is not available"),
        }
    }
}

impl std::error::Error for ClaimError {}
