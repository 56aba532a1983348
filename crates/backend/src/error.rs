//! What can go wrong between us and a server.

use std::fmt;
use std::io;
use std::time::Duration;

use afterwrite_net::tls::TlsError;
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
    /// A password is needed and none is known.
    NoPassword {
        /// The user.
        user: String,
    },
    /// Something is known of the user, and it is not what the server needs.
    WrongKind {
        /// The user.
        user: String,
        /// What the server asks for.
        wanted: &'static str,
        /// What is known instead.
        known: &'static str,
    },
    /// The server does not take the SCRAM keys of the user's own login.
    KeysRefused {
        /// The user.
        user: String,
        /// What the server said.
        message: String,
    },
    /// Channel binding is required, and this login would not have it.
    NotBound,
    /// The handshake failed, or the server's certificate was not taken.
    Tls(TlsError),
    /// TLS is a must, and the server does not offer it.
    NoTls,
    /// It is something that replicates in a way of its own.
    Foreign(&'static str),
    /// It is not what it was a moment ago.
    RoleChanged(Role),
    /// The server said something that makes no sense.
    Protocol(String),
}

impl ConnectError {
    /// The server does not let us in: to ask again at once will not help.
    pub(crate) fn is_login_refused(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.starts_with("28") || code == "3D000",
            Self::NoPassword { .. }
            | Self::KeysRefused { .. }
            | Self::WrongKind { .. }
            | Self::NotBound
            | Self::NoTls
            | Self::Scram(_)
            | Self::Foreign(_)
            | Self::Unsupported(_) => true,
            Self::Tls(error) => !matches!(error, TlsError::Io(_)),
            Self::Io(_) | Self::TimedOut(_) | Self::RoleChanged(_) | Self::Protocol(_) => false,
        }
    }

    /// The server has answered, and said no: it will say so again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. }) || self.is_login_refused()
    }

    /// TLS did not come about.
    pub(crate) fn is_of_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The same, for another who is told.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Refused { code, message } => {
                Self::Refused { code: code.clone(), message: message.clone() }
            }
            Self::NoPassword { user } => Self::NoPassword { user: user.clone() },
            Self::KeysRefused { user, message } => {
                Self::KeysRefused { user: user.clone(), message: message.clone() }
            }
            Self::WrongKind { user, wanted, known } => {
                Self::WrongKind { user: user.clone(), wanted, known }
            }
            Self::NotBound => Self::NotBound,
            Self::Tls(error) => Self::Tls(error.again()),
            Self::NoTls => Self::NoTls,
            Self::Unsupported(what) => Self::Unsupported(what),
            Self::Foreign(name) => Self::Foreign(name),
            Self::TimedOut(limit) => Self::TimedOut(*limit),
            Self::RoleChanged(role) => Self::RoleChanged(*role),
            Self::Io(_) | Self::Scram(_) | Self::Protocol(_) => Self::Protocol(self.to_string()),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TimedOut(limit) => write!(f, "no answer within {limit:?}"),
            Self::Refused { code, message } => write!(f, "{message} (SQLSTATE {code})"),
            Self::Scram(error) => write!(f, "{error}"),
            Self::Unsupported(what) => {
                write!(f, "the server asks for {what}, which is not supported")
            }
            Self::NoPassword { user } => write!(
                f,
                "the server wants a password for user \"{user}\" and none is known: \
                 give it as server_password in [users.{user}]"
            ),
            Self::WrongKind { user, wanted, known } => write!(
                f,
                "the server wants {wanted} for user \"{user}\", and only {known} can be used: \
                 give the password as server_password in [users.{user}]"
            ),
            Self::KeysRefused { user, message } => write!(
                f,
                "{message} (SQLSTATE 28P01): the user logged in here by a SCRAM secret that is \
                 not the server's own; copy the server's, or give the password as server_password in [users.{user}]"
            ),
            Self::NotBound => f.write_str(
                "channel binding is required, and the server or the connection does not have it",
            ),
            Self::Tls(error) => write!(f, "{error}"),
            Self::NoTls => f.write_str("TLS is required, and the server does not offer it"),
            Self::Foreign(name) => write!(
                f,
                "this is {name}, which does not replicate as PostgreSQL does: what its nodes show \
                 cannot be told from here; use {name} without Afterwrite, or its primary alone \
                 through another pooler"
            ),
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
    /// Too many reads are on the primary for want of a replica.
    Fallback {
        /// How long the read waited.
        waited: Duration,
        /// How many there may be.
        size: usize,
    },
    /// The database is paused.
    Paused {
        /// How long the statement waited.
        waited: Duration,
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
    /// The code and the words by which the server has refused the login.
    pub fn refused(&self) -> Option<(&str, String)> {
        match self {
            Self::Connect(ConnectError::Refused { code, message })
                if code.starts_with("28") || code == "3D000" =>
            {
                Some((code, message.clone()))
            }
            Self::Connect(error) if error.is_login_refused() => Some(("28P01", error.to_string())),
            _ => None,
        }
    }

    /// The code the client sees.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Busy { .. } | Self::Fallback { .. } | Self::QueueFull { .. } => "53300",
            Self::Connect(_) => "08001",
            Self::NoPrimary | Self::Down | Self::Paused { .. } => "57P03",
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
            Self::Fallback { waited, size } => write!(
                f,
                "no replica is fresh enough, and within {waited:?} the primary had no room for \
                 another read: {size} are there already (pool.fallback_size)"
            ),
            Self::QueueFull { queue_max } => {
                write!(f, "{queue_max} statements wait for a server connection already")
            }
            Self::Paused { waited } => {
                write!(f, "the database is paused, and was not resumed within {waited:?}")
            }
            Self::Connect(error) => write!(f, "cannot connect to the server: {error}"),
            Self::NoPrimary => f.write_str("no primary is available"),
            Self::Down => f.write_str("the server is not available"),
        }
    }
}

impl std::error::Error for ClaimError {}
