//! What a client may send first: the only messages without a tag.

mod options;

use std::fmt;

use crate::frame::{LENGTH, Malformed};
use crate::reader::Reader;

/// Protocol 3.0 as the startup packet writes it.
pub(crate) const PROTOCOL_3_0: u32 = 3 << 16;
/// Where a version would be: a cancel request.
pub(crate) const CANCEL_CODE: u32 = (1234 << 16) + 5678;
/// Where a version would be: the question for TLS.
pub(crate) const SSL_CODE: u32 = (1234 << 16) + 5679;
/// Where a version would be: the question for GSSAPI encryption.
pub(crate) const GSS_CODE: u32 = (1234 << 16) + 5680;

/// The most bytes after the length field, as in PostgreSQL.
pub const STARTUP_BYTES_MAX: usize = 10_000;

/// The longest key of a cancel request, as in protocol 3.2.
pub const CANCEL_KEY_BYTES_MAX: usize = 256;

/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client opens its connection with.
#[derive(Clone, PartialEq, Eq)]
pub enum Opening {
    /// It wants a session.
    Startup(Startup),
    /// It asks for TLS, and will open again after the answer.
    Ssl,
    /// It asks for GSSAPI encryption, and will open again after the answer.
    Gss,
    /// It wants a statement cancelled. No answer is ever sent.
    Cancel {
        /// The process that runs the statement.
        pid: i32,
        /// Proof that the client may do that: a secret, so `Debug` leaves it out.
        key: Vec<u8>,
    },
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup(startup) => f.debug_tuple("Startup").field(startup).finish(),
            Self::Ssl => f.write_str("Ssl"),
            Self::Gss => f.write_str("Gss"),
            Self::Cancel { pid, key: _ } => {
                f.debug_struct("Cancel").field("pid", pid).finish_non_exhaustive()
            }
        }
    }
}

/// Reads the opening at the front of `buffer`, and how many bytes it took.
///
/// `Ok(None)` means "read more": never more than [`STARTUP_BYTES_MAX`] and the
/// length. After [`Opening::Ssl`] and [`Opening::Gss`] the buffer must hold
/// nothing more: bytes that came before the answer were not encrypted, and may
/// have been put there by a man in the middle.
pub fn opening(buffer: &[u8]) -> Result<Option<(Opening, usize)>, Malformed> {
    // No opening begins with this byte: it would be 352 MiB long.
    if buffer.first() == Some(&TLS_HANDSHAKE) {
        return Err(Malformed::DirectTls);
    }
    let Some((length, rest)) = buffer.split_first_chunk::<LENGTH>() else { return Ok(None) };
    let claimed = u32::from_be_bytes(*length);
    let body_len = opening_body_len(claimed)?;
    let Some(body) = rest.get(..body_len) else { return Ok(None) };
    Ok(Some((decode(body)?, LENGTH + body_len)))
}

fn opening_body_len(claimed: u32) -> Result<usize, Malformed> {
    let too_short = Malformed::TooShort { claimed: claimed.cast_signed() };
    if claimed.cast_signed() < 0 {
        return Err(too_short);
    }
    let claimed = claimed as usize;
    let body_len = claimed.checked_sub(LENGTH).ok_or(too_short)?;
    if body_len < size_of::<u32>() {
        return Err(too_short);
    }
    if body_len > STARTUP_BYTES_MAX {
        return Err(Malformed::TooLong { claimed, limit: STARTUP_BYTES_MAX + LENGTH });
    }
    Ok(body_len)
}

fn decode(body: &[u8]) -> Result<Opening, Malformed> {
    let mut reader = Reader::new(body);
    let code = reader.u32()?;
    match code {
        SSL_CODE => reader.finish().map(|()| Opening::Ssl),
        GSS_CODE => reader.finish().map(|()| Opening::Gss),
        CANCEL_CODE => {
            let pid = reader.i32()?;
            let key = reader.rest();
            if key.len() < 4 || key.len() > CANCEL_KEY_BYTES_MAX {
                return Err(Malformed::BadStartup { problem: "invalid cancel key length" });
            }
            Ok(Opening::Cancel { pid, key: key.to_vec() })
        }
        version => {
            let [major, minor] = [(version >> 16) as u16, (version & 0xffff) as u16];
            if major != 3 {
                return Err(Malformed::UnsupportedProtocol { major, minor });
            }
            parameters(reader).map(|parameters| Opening::Startup(Startup { minor, parameters }))
        }
    }
}

fn parameters(mut reader: Reader<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let mut parameters = Vec::new();
    loop {
        let name = reader.str().map_err(unterminated)?;
        if name.is_empty() {
            break;
        }
        let value = reader.str().map_err(unterminated)?;
        parameters.push((name.to_owned(), value.to_owned()));
    }
    if !reader.is_empty() {
        return Err(Malformed::BadStartup { problem: "expected terminator as last byte" });
    }
    Ok(parameters)
}

fn unterminated(malformed: Malformed) -> Malformed {
    match malformed {
        Malformed::Truncated => {
            Malformed::BadStartup { problem: "expected terminator as last byte" }
        }
        other => other,
    }
}

/// A client's wish for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The protocol is 3.`minor`.
    pub minor: u16,
    /// Names and values in the order sent, `user` and `database` included.
    pub parameters: Vec<(String, String)>,
}

impl Startup {
    /// A parameter's value. If it was sent twice the later one counts, as in
    /// PostgreSQL.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    /// The protocol that is spoken is 3.`spoken_minor`: 3.2 with whoever asks for
    /// it or for a later one, else 3.0. (There never was a 3.1.)
    pub fn spoken_minor(&self) -> u16 {
        const NEWEST: u16 = 2;
        if self.minor >= NEWEST { NEWEST } else { 0 }
    }

    /// The user; `None` if it is missing or empty, which PostgreSQL refuses
    /// with 28000.
    pub fn user(&self) -> Option<&str> {
        self.get("user").filter(|user| !user.is_empty())
    }

    /// The database; the user's name if it is missing or empty.
    pub fn database(&self) -> Option<&str> {
        self.get("database").filter(|database| !database.is_empty()).or_else(|| self.user())
    }

    /// What was asked for in `replication` (`database`, or a true word), if the
    /// session is to be a replication connection; `None` if it is not.
    pub fn replication(&self) -> Option<&str> {
        self.get("replication").filter(|value| !is_false(value))
    }

    /// The settings given in `options`, in order.
    ///
    /// Understood as PostgreSQL does: `-c name=value`, `-cname=value` and
    /// `--name=value`, with a backslash before what shall not end a word. Other
    /// server switches are an error.
    pub fn options(&self) -> Result<Vec<(String, String)>, Malformed> {
        options::parse(self.get("options").unwrap_or_default())
    }

    /// The names of protocol extensions asked for: `_pq_.*`.
    pub fn protocol_options(&self) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| name.starts_with("_pq_."))
    }
}

/// Whether PostgreSQL reads this as a boolean that is false.
fn is_false(value: &str) -> bool {
    // Every unique beginning of a word counts; a lone `o` could be `on`.
    let begins = |word: &str, least: usize| {
        value.len() >= least
            && word.get(..value.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(value))
    };
    value == "0" || begins("false", 1) || begins("no", 1) || begins("off", 2)
}

#[cfg(test)]
mod tests;
