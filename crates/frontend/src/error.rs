//! Why a login failed.

use std::fmt;
use std::io;
use std::time::Duration;

use afterwrite_wire::frame::Malformed;
use afterwrite_wire::scram::ScramError;
use afterwrite_wire::server::Report;

/// Why a login failed.
#[derive(Debug)]
pub enum LoginError {
    /// The connection broke, or the client hung up.
    Io(io::Error),
    /// The client took too long.
    TimedOut(Duration),
    /// What it sent makes no sense.
    Malformed(Malformed),
    /// A wrong password, or an unknown user: the client is not told which.
    Denied {
        /// The user it wanted to be.
        user: String,
    },
    /// No password is asked for, and this user is not served.
    UnknownUser(String),
    /// It asked for a database that is not served here.
    UnknownDatabase(String),
    /// It named no user.
    NoUser,
    /// It asked for a replication connection.
    Replication,
    /// The login exchange broke down.
    Scram(ScramError),
}

impl LoginError {
    /// What the client is told; `None` if there is nobody to tell.
    pub fn report(&self) -> Option<Report> {
        let report = match self {
            Self::Io(_) => return None,
            Self::TimedOut(limit) => {
                Report::fatal("08P01", format!("the login was not finished within {limit:?}"))
            }
            Self::Malformed(malformed) => {
                Report::fatal(malformed.sqlstate(), malformed.to_string())
            }
            Self::Denied { user } => Report::fatal(
                "28P01",
                format!("password authentication failed for user \"{user}\""),
            ),
            Self::UnknownUser(user) => {
                Report::fatal("28000", format!("user \"{user}\" is not served by this proxy"))
                    .hint("it serves the user that is named in its configuration")
            }
            Self::UnknownDatabase(name) => {
                Report::fatal("3D000", format!("database \"{name}\" is not served by this proxy"))
                    .hint("it serves the database that is named in its configuration")
            }
            Self::NoUser => {
                Report::fatal("28000", "no PostgreSQL user name specified in startup packet")
            }
            Self::Replication => {
                Report::fatal("0A000", "replication connections cannot go through this proxy")
                    .hint("connect to the server itself")
            }
            Self::Scram(error) => Report::fatal(error.sqlstate(), error.to_string()),
        };
        Some(report)
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.report()) {
            (Self::Io(error), _) => write!(f, "{error}"),
            (_, Some(report)) => f.write_str(&report.message),
            (_, None) => f.write_str("the login failed"),
        }
    }
}

impl std::error::Error for LoginError {}

impl From<io::Error> for LoginError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Malformed> for LoginError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
