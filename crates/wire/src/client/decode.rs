//! Reading what a client sends, as far as a proxy must understand it.
//!
//! What is only passed on (parameter types, values, formats) stays one slice
//! that nobody checks: the server will, and its error is the right one.

use super::{PORTAL, STATEMENT};
use crate::frame::Malformed;
use crate::reader::Reader;

/// The text of a Query.
pub fn query_text(body: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(body);
    let text = reader.cstr()?;
    reader.finish()?;
    Ok(text)
}

/// A Parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The statement's name; empty for the unnamed one.
    pub name: &'a [u8],
    /// The text, without its zero byte.
    pub sql: &'a [u8],
    /// Everything after the name: text, zero byte, and parameter types. Equal
    /// bytes here are the same statement.
    pub rest: &'a [u8],
}

impl Parse<'_> {
    /// Reads the body of a Parse.
    pub fn decode(body: &[u8]) -> Result<Parse<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let name = reader.cstr()?;
        let rest = reader.rest();
        let sql = Reader::new(rest).cstr()?;
        Ok(Parse { name, sql, rest })
    }
}

/// A Bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal to make; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The statement it is made of.
    pub statement: &'a [u8],
    /// Everything after the statement's name: formats and values.
    pub rest: &'a [u8],
}

impl Bind<'_> {
    /// Reads the body of a Bind.
    pub fn decode(body: &[u8]) -> Result<Bind<'_>, Malformed> {
        let mut reader = Reader::new(body);
        Ok(Bind { portal: reader.cstr()?, statement: reader.cstr()?, rest: reader.rest() })
    }
}

/// What a Describe or a Close is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// [`STATEMENT`] or [`PORTAL`], nothing else.
    pub kind: u8,
    /// Its name; empty for the unnamed one.
    pub name: &'a [u8],
}

impl Target<'_> {
    /// Reads the body of a Describe or Close.
    pub fn decode(body: &[u8]) -> Result<Target<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let kind = reader.u8()?;
        if !matches!(kind, STATEMENT | PORTAL) {
            return Err(Malformed::BadValue { field: "statement or portal kind" });
        }
        let name = reader.cstr()?;
        reader.finish()?;
        Ok(Target { kind, name })
    }
}

/// An Execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// The most rows to send; 0 or less means all.
    pub max_rows: i32,
}

impl Execute<'_> {
    /// Reads the body of an Execute.
    pub fn decode(body: &[u8]) -> Result<Execute<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let execute = Execute { portal: reader.cstr()?, max_rows: reader.i32()? };
        reader.finish()?;
        Ok(execute)
    }
}

/// The first SASL message: which mechanism, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    /// The mechanism's name.
    pub mechanism: &'a str,
    /// The mechanism's first message; `None` if there is none yet.
    pub data: Option<&'a [u8]>,
}

impl SaslInitial<'_> {
    /// Reads the body of a [`PASSWORD`](crate::tags::client::PASSWORD) message
    /// where the mechanism is awaited.
    pub fn decode(body: &[u8]) -> Result<SaslInitial<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let initial = SaslInitial { mechanism: reader.str()?, data: reader.value()? };
        reader.finish()?;
        Ok(initial)
    }
}

/// The text of a password message: clear text, so it must go into a
/// [`Secret`](crate::password::Secret) at once.
pub fn password_text(body: &[u8]) -> Result<&str, Malformed> {
    let mut reader = Reader::new(body);
    let text = reader.str()?;
    reader.finish()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_protocol_puts_them() {
        let parse = Parse::decode(b"s1\0SELECT 1\0\0\0").unwrap();
        assert_eq!(
            parse,
            Parse { name: b"s1", sql: b"SELECT 1", rest: b"SELECT 1\0\0\0" },
            "the rest begins behind the name"
        );
        let bind = Bind::decode(b"p\0s\0\0\0\0\0\0\0").unwrap();
        assert_eq!(bind, Bind { portal: b"p", statement: b"s", rest: &[0; 6] });
        assert_eq!(Target::decode(b"Sx\0"), Ok(Target { kind: b'S', name: b"x" }));
        let execute = Execute { portal: b"", max_rows: 5 };
        assert_eq!(Execute::decode(b"\0\0\0\0\x05"), Ok(execute));
        assert_eq!(query_text(b"SELECT '\xff'\0"), Ok(&b"SELECT '\xff'"[..]));
    }

    #[test]
    fn half_and_overlong_messages_are_refused() {
        let trailing = |bytes| Err(Malformed::Trailing { bytes });
        assert_eq!(query_text(b"SELECT 1\0; DROP\0"), trailing(7).map(|()| &b""[..]));
        assert_eq!(query_text(b"SELECT 1"), Err(Malformed::Truncated));
        assert_eq!(Parse::decode(b"s1\0SELECT 1"), Err(Malformed::Truncated));
        assert_eq!(Bind::decode(b"p\0s"), Err(Malformed::Truncated));
        assert_eq!(Execute::decode(b"\0\0\0\0"), Err(Malformed::Truncated));
        let kind = Malformed::BadValue { field: "statement or portal kind" };
        assert_eq!(Target::decode(b"Xx\0"), Err(kind));
        assert!(Target::decode(b"Sx\0y").is_err());
    }
}
