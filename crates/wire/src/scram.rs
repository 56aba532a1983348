//! SCRAM-SHA-256 as PostgreSQL speaks it (RFC 5802, RFC 7677), both sides.
//!
//! ```text
//! client                                   server
//!   n,,n=,r=CLIENT            ──────────►  ServerExchange::first
//!   ClientExchange::client_final ◄───────  r=CLIENT SERVER,s=SALT,i=ROUNDS
//!   c=biws,r=CLIENT SERVER,p=PROOF  ────►  ServerExchange::finish
//!   ClientExchange::verify  ◄────────────  v=SIGNATURE
//! ```
//!
//! With channel binding (`SCRAM-SHA-256-PLUS`, RFC 5929) the proof also covers
//! the certificate of the TLS connection, so that nobody can sit in between. The
//! header in front of the first message says how the client stands to it:
//!
//! | header | the client says | the server refuses it |
//! | --- | --- | --- |
//! | `n` | I do not do channel binding | under `-PLUS` |
//! | `y` | I would, and was not offered it | under `-PLUS`; if it did offer it: somebody in between removed the offer |
//! | `p=tls-server-end-point` | I do | without `-PLUS` |

mod binding;
mod client;
pub(crate) mod digest;
mod keys;
mod server;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use binding::{ChannelBinding, ClientBinding, mechanisms};
pub use client::ClientExchange;
pub use keys::Keys;
pub(crate) use keys::ProofKeys;
pub use server::ServerExchange;

/// The mechanism's name in SASL.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// The name of the mechanism with channel binding.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// The rounds for keys that we make, as in PostgreSQL.
pub const ITERATIONS: u32 = 4096;

/// The most rounds that we let a server ask for: a few seconds of work.
pub const ITERATIONS_MAX: u32 = 10_000_000;

/// The longest message of an exchange that we read, as in PostgreSQL.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// Bytes of randomness in a nonce, as in PostgreSQL.
const NONCE_BYTES: usize = 18;

/// Bytes of a salt that we make, as in PostgreSQL.
pub const SALT_BYTES: usize = 16;

/// A fresh nonce: 18 random bytes from the operating system, as base64.
pub fn nonce() -> Result<String, ScramError> {
    random::<NONCE_BYTES>().map(|bytes| BASE64.encode(bytes))
}

/// A fresh salt for [`Keys::derive`].
pub fn salt() -> Result<[u8; SALT_BYTES], ScramError> {
    random()
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ScramError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| ScramError::NoRandomness)?;
    Ok(bytes)
}

/// Why a login did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// The peer sent something that is not SCRAM.
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The peer wants something of SCRAM that we do not do.
    Unsupported {
        /// What it wants.
        feature: &'static str,
    },
    /// The peer's nonce is not the one of this exchange.
    WrongNonce,
    /// The password is wrong, or there is no such user.
    WrongPassword,
    /// The server does not know the password either: it is not whom we meant.
    WrongServer,
    /// The client says that it was not offered channel binding, and it was:
    /// somebody in between changes messages.
    Downgraded,
    /// The two ends see different certificates: somebody is in between.
    BindingDiffers,
    /// The server asks for no rounds at all, or more than [`ITERATIONS_MAX`].
    Iterations {
        /// What it asks for.
        claimed: u32,
    },
    /// The server ended the exchange with this error of SCRAM.
    Refused {
        /// The error's name in RFC 5802, such as `other-error`.
        error: String,
    },
    /// A verifier that is not one.
    BadVerifier,
    /// A step was called before its turn, or twice.
    OutOfTurn,
    /// The operating system gave no random bytes.
    NoRandomness,
}

impl ScramError {
    /// The code for the client, or for the log.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::WrongPassword => "28P01",
            Self::WrongServer | Self::Downgraded | Self::BindingDiffers | Self::Refused { .. } => {
                "28000"
            }
            Self::Unsupported { .. } => "0A000",
            Self::Malformed { .. } | Self::WrongNonce | Self::Iterations { .. } => "08P01",
            Self::BadVerifier | Self::OutOfTurn | Self::NoRandomness => "XX000",
        }
    }
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { problem } => write!(f, "malformed SCRAM message: {problem}"),
            Self::Unsupported { feature } => write!(f, "SCRAM {feature} is not supported"),
            Self::WrongNonce => f.write_str("SCRAM nonce is not the one of this login"),
            Self::WrongPassword => f.write_str("password authentication failed"),
            Self::WrongServer => f.write_str("server could not prove that it knows the password"),
            Self::Downgraded => f.write_str(
                "SCRAM channel binding was offered, and the client believes that it was not",
            ),
            Self::BindingDiffers => f.write_str("SCRAM channel binding check failed"),
            Self::Iterations { claimed } => write!(
                f,
                "server asks for {claimed} SCRAM iterations, expected 1 to {ITERATIONS_MAX}"
            ),
            Self::Refused { error } => write!(f, "server refused the SCRAM login: {error}"),
            Self::BadVerifier => f.write_str("not a SCRAM-SHA-256 verifier"),
            Self::OutOfTurn => f.write_str("SCRAM step out of turn"),
            Self::NoRandomness => f.write_str("operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for ScramError {}

/// The attributes of a message: `a=value`, separated by commas.
struct Attributes<'a> {
    left: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    fn new(message: &'a str) -> Self {
        Self { left: Some(message) }
    }

    /// The next attribute's value; an error if it is another one.
    fn take(&mut self, name: &str, problem: &'static str) -> Result<&'a str, ScramError> {
        let malformed = ScramError::Malformed { problem };
        let left = self.left.ok_or(malformed.clone())?;
        let (attribute, left) = match left.split_once(',') {
            Some((attribute, left)) => (attribute, Some(left)),
            None => (left, None),
        };
        self.left = left;
        attribute.strip_prefix(name).and_then(|value| value.strip_prefix('=')).ok_or(malformed)
    }
}

/// A message as text, once its length is known to be sane.
fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(ScramError::Malformed { problem: "message is too long" });
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed { problem: "not UTF-8" })
}

/// Whether a nonce has only the characters it may have. Commas never reach here.
fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
mod tests;
