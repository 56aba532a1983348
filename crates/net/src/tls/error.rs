//! What can be wrong with TLS.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::{AlertDescription, CertificateError, Error};

/// Why TLS could not be set up. It names the file and what is wrong with it.
#[derive(Debug)]
pub enum TlsSettingsError {
    /// A file is needed, and none is named.
    Missing(&'static str),
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file does not hold what it should.
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The settings contradict each other.
    Contradiction(&'static str),
}

impl TlsSettingsError {
    pub(crate) fn unusable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for TlsSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "TLS needs {what}, and none is configured"),
            Self::Unreadable { path, error } => {
                write!(f, "cannot read {}: {error}", path.display())
            }
            Self::Unusable { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Contradiction(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TlsSettingsError {}

/// Why a handshake failed.
#[derive(Debug)]
pub enum TlsError {
    /// The connection broke, or was closed half-way.
    Io(io::Error),
    /// One side did not like what the other said.
    Handshake(String),
    /// A direct handshake that does not say that it is for PostgreSQL.
    NoAlpn,
}

impl TlsError {
    /// The same, for another who is told.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Io(error) => Self::Io(io::Error::new(error.kind(), error.to_string())),
            Self::Handshake(what) => Self::Handshake(what.clone()),
            Self::NoAlpn => Self::NoAlpn,
        }
    }

    /// The handshake's own fault is inside of the error that the socket gives.
    pub(crate) fn of(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(fault) => Self::Handshake(tell(fault)),
            None => Self::Io(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "TLS handshake broken off: {error}"),
            Self::Handshake(what) => write!(f, "TLS handshake failed: {what}"),
            Self::NoAlpn => f.write_str(
                "TLS handshake failed: it came without SSLRequest and without the \
                 protocol name \"postgresql\" (ALPN)",
            ),
        }
    }
}

impl std::error::Error for TlsError {}

/// A fault in words that lead to what must be mended.
fn tell(fault: &Error) -> String {
    match fault {
        Error::InvalidCertificate(problem) => format!("the peer's certificate {}", wrong(problem)),
        Error::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the peer does not know who signed our certificate".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the peer wants a certificate of us, and none is configured".to_owned()
        }
        Error::InvalidMessage(_) => format!("that is not TLS ({fault})"),
        other => other.to_string(),
    }
}

fn wrong(problem: &CertificateError) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "is signed by nobody whom the configured authorities vouch for".to_owned()
        }
        CertificateError::Other(other) => format!("cannot be used: {other}"),
        other => format!("cannot be used: {other}"),
    }
}
