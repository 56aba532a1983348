//! Why a login failed.

use std::fmt;
use std::io;
use std::time::Duration;

use afterwrite_net::tls::TlsError;
use afterwrite_wire::frame::Malformed;
use afterwrite_wire::scram::ScramError;
use afterwrite_wire::server::Report;

use crate::auth::{LookupError, Peer, PeerAddress};

/// Why a login failed.
#[derive(Debug)]
pub enum LoginError {
    /// The connection broke, or the client hung up.
    Io(io::Error),
    /// The client took too long.
    TimedOut(Duration),
    /// The TLS handshake failed. The client heard of it in the words of TLS.
    Tls(TlsError),
    /// It must use TLS, and does not.
    TlsRequired,
    /// It went on before it had the answer to its request for encryption.
    Unencrypted {
        /// Which one: `SSL` or `GSSAPI`.
        request: &'static str,
    },
    /// What it sent makes no sense.
    Malformed(Malformed),
    /// A wrong password, or an unknown user: the client is not told which.
    Denied {
        /// The user it wanted to be.
        user: String,
        /// What it failed at.
        denial: Denial,
        /// What is behind it, for the log alone.
        why: String,
    },
    /// No rule is for such a client, or one rejects it.
    Barred {
        /// The line of the rule that rejects it; `None` if no rule fits.
        line: Option<usize>,
        /// Who, from where, to where.
        whom: String,
    },
    /// The servers could not be asked for the user.
    Lookup(LookupError),
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

/// What a client failed to prove itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A password, in whatever form.
    Password,
    /// A TLS certificate.
    Certificate,
    /// The system's user at the other end of a Unix socket.
    Peer,
}

impl Denial {
    /// The word that PostgreSQL has for it.
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Peer => "peer",
        }
    }

    fn sqlstate(self) -> &'static str {
        match self {
            Self::Password => "28P01",
            Self::Certificate | Self::Peer => "28000",
        }
    }
}

impl LoginError {
    /// No rule of the HBA file fits, or the one in this line says no.
    pub(crate) fn barred(line: Option<usize>, peer: &Peer, database: &str, user: &str) -> Self {
        Self::Barred { line, whom: whom(peer, database, user) }
    }

    /// What the client is told; `None` if there is nobody to tell.
    pub fn report(&self) -> Option<Report> {
        let report = match self {
            Self::Io(_) | Self::Tls(_) => return None,
            Self::TlsRequired => Report::fatal("28000", "this proxy is spoken to over TLS only")
                .hint("connect with sslmode=require or a stricter one"),
            Self::Unencrypted { request } => {
                Report::fatal("08P01", format!("received unencrypted data after {request} request"))
                    .detail(
                        "This could be a client-software bug, or evidence of an attempted \
                         man-in-the-middle attack.",
                    )
            }
            Self::TimedOut(limit) => {
                Report::fatal("08P01", format!("the login was not finished within {limit:?}"))
            }
            Self::Malformed(malformed) => {
                Report::fatal(malformed.sqlstate(), malformed.to_string())
            }
            Self::Denied { user, denial, why: _ } => Report::fatal(
                denial.sqlstate(),
                format!("{} authentication failed for user \"{user}\"", denial.name()),
            ),
            Self::Barred { line: None, whom } => {
                Report::fatal("28000", format!("no HBA rule lets in {whom}"))
            }
            Self::Barred { line: Some(_), whom } => {
                Report::fatal("28000", format!("an HBA rule rejects {whom}"))
            }
            Self::Lookup(_) => Report::fatal("57P03", "the user cannot be looked up at the moment")
                .hint("try again when the servers are back"),
            Self::UnknownUser(user) => {
                Report::fatal("28000", format!("user \"{user}\" is not served by this proxy"))
                    .hint("it serves the users of its configuration and its user list")
            }
            Self::UnknownDatabase(name) => {
                Report::fatal("3D000", format!("database \"{name}\" is not served by this proxy"))
                    .hint("it serves the databases of its configuration")
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

/// Who, from where, to where: in PostgreSQL's words.
fn whom(peer: &Peer, database: &str, user: &str) -> String {
    let host = match &peer.address {
        PeerAddress::Ip(ip) => ip.to_string(),
        PeerAddress::Local { .. } => "[local]".to_owned(),
    };
    let encryption = if peer.tls.is_some() { "SSL encryption" } else { "no encryption" };
    format!("host \"{host}\", user \"{user}\", database \"{database}\", {encryption}")
}

/// For the log: more than the client is told.
impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.report()) {
            (Self::Io(error), _) => write!(f, "{error}"),
            (Self::Tls(error), _) => write!(f, "{error}"),
            (Self::Denied { why, .. }, Some(report)) => write!(f, "{}: {why}", report.message),
            (Self::Barred { line: Some(line), .. }, Some(report)) => {
                write!(f, "{} (line {line})", report.message)
            }
            (Self::Lookup(error), Some(report)) => write!(f, "{}: {error}", report.message),
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

impl From<TlsError> for LoginError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<Malformed> for LoginError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
