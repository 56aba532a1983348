//! Cutting the byte stream into messages, and what can be wrong with one.

use std::fmt;

/// Bytes before a message's body: the tag and the length.
pub const HEAD: usize = 5;

/// Bytes of the length field, which counts itself.
pub(crate) const LENGTH: usize = size_of::<u32>();

/// The largest body a length field can announce: it is a signed 32-bit number.
const BODY_MAX: u32 = i32::MAX.cast_unsigned() - LENGTH_MIN;

/// The least a length field can say: itself.
const LENGTH_MIN: u32 = 4;

/// A message's tag and size, read before its body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which message: see [`crate::tags`].
    pub tag: u8,
    /// Bytes of the body, without the head. Not held against any limit yet.
    pub body_len: usize,
}

impl Head {
    /// Bytes of the whole message, head included.
    #[inline]
    pub fn total(self) -> usize {
        HEAD + self.body_len
    }
}

/// One whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which message: see [`crate::tags`].
    pub tag: u8,
    /// Everything after the length field.
    pub body: &'a [u8],
}

/// Reads the head of the first message in `buffer`.
///
/// `Ok(None)` means "read more". A length that cannot be one is an error; a
/// large one is not, because what is relayed need not fit into memory.
#[inline]
pub fn head(buffer: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some(([tag, length @ ..], _)) = buffer.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let claimed = u32::from_be_bytes(*length);
    // One comparison for both faults: a length below 4 wraps to the top of the
    // range, where a negative one already is.
    let body_len = claimed.wrapping_sub(LENGTH_MIN);
    if body_len > BODY_MAX {
        return Err(impossible(claimed));
    }
    Ok(Some(Head { tag: *tag, body_len: body_len as usize }))
}

/// Takes one whole message off the front of `buffer`, and gives back the rest.
///
/// `Ok(None)` means "read more". A length over `limit` (bytes, the length field
/// included) is refused as soon as the head is there, so a peer cannot reserve
/// memory for what it has not sent.
#[inline]
pub fn split(buffer: &[u8], limit: usize) -> Result<Option<(Frame<'_>, &[u8])>, Malformed> {
    let Some(head) = head(buffer)? else { return Ok(None) };
    let claimed = head.body_len + LENGTH;
    if claimed > limit {
        return Err(Malformed::TooLong { claimed, limit });
    }
    let Some((message, rest)) = buffer.split_at_checked(head.total()) else { return Ok(None) };
    let body = message.get(HEAD..).unwrap_or_default();
    Ok(Some((Frame { tag: head.tag, body }, rest)))
}

#[cold]
fn impossible(claimed: u32) -> Malformed {
    Malformed::TooShort { claimed: claimed.cast_signed() }
}

/// What a peer sent that is not the protocol. The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A length that does not even cover its own field, or is negative.
    TooShort {
        /// The length field as sent.
        claimed: i32,
    },
    /// A length over what we accept.
    TooLong {
        /// The length field as sent, in bytes.
        claimed: usize,
        /// The most we accept, in bytes.
        limit: usize,
    },
    /// A body that ends in the middle of a field.
    Truncated,
    /// A body that goes on after its last field.
    Trailing {
        /// Bytes left over.
        bytes: usize,
    },
    /// Text that is not UTF-8 where we need to read it.
    NotText,
    /// A field with a value that the protocol does not have.
    BadValue {
        /// The field.
        field: &'static str,
    },
    /// A startup packet that is not one.
    BadStartup {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The `options` of a startup packet cannot be read.
    BadOptions {
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A TLS handshake without an SSL request before it.
    DirectTls,
    /// A protocol that is not version 3.
    UnsupportedProtocol {
        /// Asked for: the number before the dot.
        major: u16,
        /// Asked for: the number after the dot.
        minor: u16,
    },
    /// A message that has no place here.
    Unexpected {
        /// Its tag.
        tag: u8,
    },
}

impl Malformed {
    /// The code the peer sees; the same as PostgreSQL answers with.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::TooShort { .. }
            | Self::TooLong { .. }
            | Self::Truncated
            | Self::Trailing { .. }
            | Self::NotText
            | Self::BadValue { .. }
            | Self::BadStartup { .. }
            | Self::DirectTls
            | Self::Unexpected { .. } => "08P01",
            Self::BadOptions { .. } => "42601",
            Self::UnsupportedProtocol { .. } => "0A000",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { claimed } => write!(f, "invalid message length {claimed}"),
            Self::TooLong { claimed, limit } => {
                write!(f, "message length {claimed} is over the limit of {limit} bytes")
            }
            Self::Truncated => f.write_str("message ends in the middle of a field"),
            Self::Trailing { bytes } => {
                write!(f, "message goes on for {bytes} bytes after its last field")
            }
            Self::NotText => f.write_str("message has text that is not valid UTF-8"),
            Self::BadValue { field } => write!(f, "message has an invalid {field}"),
            Self::BadStartup { problem } => write!(f, "invalid startup packet: {problem}"),
            Self::BadOptions { problem } => write!(f, "invalid startup options: {problem}"),
            Self::DirectTls => f.write_str("TLS handshake without an SSL request before it"),
            Self::UnsupportedProtocol { major, minor } => {
                write!(f, "unsupported frontend protocol {major}.{minor}: only 3.x is supported")
            }
            Self::Unexpected { tag } => {
                write!(f, "unexpected message '{}' (0x{tag:02x})", tag.escape_ascii())
            }
        }
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_reads_tag_and_length() {
        type Case<'a> = (&'a [u8], Result<Option<Head>, Malformed>);
        let table: &[Case<'_>] = &[
            (b"", Ok(None)),
            (b"Q\0\0\0", Ok(None)),
            (b"S\0\0\0\x04", Ok(Some(Head { tag: b'S', body_len: 0 }))),
            (b"Q\0\0\0\x07ab", Ok(Some(Head { tag: b'Q', body_len: 3 }))),
            (b"Q\0\0\0\x03", Err(Malformed::TooShort { claimed: 3 })),
            (b"Q\0\0\0\0", Err(Malformed::TooShort { claimed: 0 })),
            (b"Q\xff\xff\xff\xff", Err(Malformed::TooShort { claimed: -1 })),
            (b"Q\x80\0\0\0", Err(Malformed::TooShort { claimed: i32::MIN })),
            (
                b"Q\x7f\xff\xff\xff",
                Ok(Some(Head { tag: b'Q', body_len: i32::MAX as usize - LENGTH })),
            ),
        ];
        for (buffer, expected) in table {
            assert_eq!(&head(buffer), expected, "{buffer:?}");
        }
    }

    #[test]
    fn split_takes_one_message() {
        let two = b"Q\0\0\0\x06a\0S\0\0\0\x04";
        let (first, rest) = split(two, 100).unwrap().unwrap();
        assert_eq!(first, Frame { tag: b'Q', body: b"a\0" });
        let (second, rest) = split(rest, 100).unwrap().unwrap();
        assert_eq!(second, Frame { tag: b'S', body: b"" });
        assert_eq!(split(rest, 100), Ok(None));
    }

    #[test]
    fn split_refuses_over_the_limit_before_the_body_comes() {
        let too_long = Malformed::TooLong { claimed: 11, limit: 10 };
        assert_eq!(split(b"Q\0\0\0\x0b", 10), Err(too_long));
        assert_eq!(split(b"Q\0\0\0\x0a", 10), Ok(None));
    }

    #[test]
    fn codes_and_texts() {
        let table = [
            (Malformed::TooShort { claimed: -1 }, "08P01", "invalid message length -1"),
            (
                Malformed::TooLong { claimed: 9, limit: 8 },
                "08P01",
                "message length 9 is over the limit of 8 bytes",
            ),
            (
                Malformed::UnsupportedProtocol { major: 2, minor: 0 },
                "0A000",
                "unsupported frontend protocol 2.0: only 3.x is supported",
            ),
            (Malformed::Unexpected { tag: 0 }, "08P01", "unexpected message '\\x00' (0x00)"),
            (Malformed::Unexpected { tag: b'Q' }, "08P01", "unexpected message 'Q' (0x51)"),
        ];
        for (malformed, code, text) in table {
            assert_eq!((malformed.sqlstate(), malformed.to_string().as_str()), (code, text));
        }
    }
}
