//! Reading what a server sends, as far as a proxy must understand it.

use std::borrow::Cow;
use std::fmt;

use super::{FAILED, IDLE, IN_TRANSACTION, authentication};
use crate::frame::Malformed;
use crate::reader::Reader;

/// The status in a ReadyForQuery: one of [`IDLE`], [`IN_TRANSACTION`] and
/// [`FAILED`], nothing else.
pub fn ready_status(body: &[u8]) -> Result<u8, Malformed> {
    let mut reader = Reader::new(body);
    let status = reader.u8()?;
    reader.finish()?;
    match status {
        IDLE | IN_TRANSACTION | FAILED => Ok(status),
        _ => Err(Malformed::BadValue { field: "transaction status" }),
    }
}

/// The command tag in a `CommandComplete`, such as `INSERT 0 1`.
pub fn command_tag(body: &[u8]) -> Result<&str, Malformed> {
    let mut reader = Reader::new(body);
    let tag = reader.str()?;
    reader.finish()?;
    Ok(tag)
}

/// An `ErrorResponse` or `NoticeResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorFields<'a> {
    /// The severity in English if the server sent it so, else in its language.
    pub severity: &'a str,
    /// The SQLSTATE.
    pub code: &'a str,
    /// What happened. A server that starts up or ends may not know the client's
    /// encoding, so what is not UTF-8 is replaced.
    pub message: Cow<'a, str>,
    /// More about it.
    pub detail: Option<Cow<'a, str>>,
    /// What to do about it.
    pub hint: Option<Cow<'a, str>>,
}

impl ErrorFields<'_> {
    /// Reads the body of an `ErrorResponse` or `NoticeResponse`. Unknown fields
    /// are skipped; severity, code and message must be there.
    pub fn decode(body: &[u8]) -> Result<ErrorFields<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let (mut localized, mut severity, mut code) = (None, None, None);
        let (mut message, mut detail, mut hint) = (None, None, None);
        loop {
            match reader.u8()? {
                0 => break,
                b'S' => localized = Some(reader.cstr()?),
                b'V' => severity = Some(reader.str()?),
                b'C' => code = Some(reader.str()?),
                b'M' => message = Some(reader.cstr()?),
                b'D' => detail = Some(reader.cstr()?),
                b'H' => hint = Some(reader.cstr()?),
                _ => _ = reader.cstr()?,
            }
        }
        reader.finish()?;
        let missing = |field| Malformed::BadValue { field };
        let severity = match (severity, localized) {
            (Some(severity), _) => severity,
            (None, Some(localized)) => {
                std::str::from_utf8(localized).map_err(|_| Malformed::NotText)?
            }
            (None, None) => return Err(missing("severity")),
        };
        Ok(ErrorFields {
            severity,
            code: code.ok_or(missing("error code"))?,
            message: String::from_utf8_lossy(message.ok_or(missing("error message"))?),
            detail: detail.map(String::from_utf8_lossy),
            hint: hint.map(String::from_utf8_lossy),
        })
    }
}

/// A ParameterStatus.
///
/// A value may be in an encoding that is not UTF-8: then decoding fails with
/// [`Malformed::NotText`], and the message is fit for passing on all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// The setting.
    pub name: &'a str,
    /// Its value from here on.
    pub value: &'a str,
}

impl ParameterStatus<'_> {
    /// Reads the body of a ParameterStatus.
    pub fn decode(body: &[u8]) -> Result<ParameterStatus<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let status = ParameterStatus { name: reader.str()?, value: reader.str()? };
        reader.finish()?;
        Ok(status)
    }
}

/// What a cancel request to this server process must show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    /// The server process.
    pub pid: i32,
    /// Proof of being its client: a secret, so `Debug` leaves it out.
    pub key: &'a [u8],
}

impl BackendKeyData<'_> {
    /// Reads the body of a `BackendKeyData`.
    pub fn decode(body: &[u8]) -> Result<BackendKeyData<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let (pid, key) = (reader.i32()?, reader.rest());
        match key.len() {
            4..=crate::startup::CANCEL_KEY_BYTES_MAX => Ok(BackendKeyData { pid, key }),
            _ => Err(Malformed::BadValue { field: "cancel key length" }),
        }
    }
}

impl fmt::Debug for BackendKeyData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendKeyData").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// What a server says during a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The login succeeded.
    Ok,
    /// It wants the password in clear text.
    CleartextPassword,
    /// It wants the password as MD5.
    Md5 {
        /// To be hashed with it.
        salt: [u8; 4],
    },
    /// It wants a SASL login.
    Sasl {
        /// To choose from, best first.
        mechanisms: Vec<&'a str>,
    },
    /// A SASL challenge.
    SaslContinue(&'a [u8]),
    /// The last SASL data.
    SaslFinal(&'a [u8]),
    /// Something we do not do (Kerberos, GSSAPI, SSPI…), by its code.
    Other(u32),
}

impl Authentication<'_> {
    /// Reads the body of an authentication message.
    pub fn decode(body: &[u8]) -> Result<Authentication<'_>, Malformed> {
        let mut reader = Reader::new(body);
        let request = match reader.u32()? {
            authentication::OK => Authentication::Ok,
            authentication::CLEARTEXT => Authentication::CleartextPassword,
            authentication::MD5 => Authentication::Md5 { salt: reader.u32()?.to_be_bytes() },
            authentication::SASL => Authentication::Sasl { mechanisms: mechanisms(&mut reader)? },
            authentication::SASL_CONTINUE => Authentication::SaslContinue(reader.rest()),
            authentication::SASL_FINAL => Authentication::SaslFinal(reader.rest()),
            other => {
                reader.rest();
                Authentication::Other(other)
            }
        };
        reader.finish()?;
        Ok(request)
    }
}

fn mechanisms<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, Malformed> {
    let mut mechanisms = Vec::new();
    loop {
        match reader.str()? {
            "" => return Ok(mechanisms),
            mechanism => mechanisms.push(mechanism),
        }
    }
}

/// The values of a `DataRow`, one after the other; `None` is NULL.
///
/// After an error it ends.
#[derive(Clone, Debug)]
pub struct DataRow<'a> {
    left: u16,
    reader: Reader<'a>,
}

impl DataRow<'_> {
    /// Reads the head of a `DataRow`'s body; the values are read by iterating.
    pub fn decode(body: &[u8]) -> Result<DataRow<'_>, Malformed> {
        let mut reader = Reader::new(body);
        Ok(DataRow { left: reader.u16()?, reader })
    }
}

impl<'a> Iterator for DataRow<'a> {
    type Item = Result<Option<&'a [u8]>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = self.reader.value();
        let value = match self.left {
            // The last one must also be the end.
            0 => value.and_then(|value| self.reader.clone().finish().map(|()| value)),
            _ => value,
        };
        if value.is_err() {
            self.left = 0;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_fields_as_a_server_sends_them() {
        let body = b"SFEHLER\0VERROR\0C42601\0Msyntax error\0P8\0Fscan.l\0\0";
        let fields = ErrorFields::decode(body).unwrap();
        assert_eq!((fields.severity, fields.code), ("ERROR", "42601"));
        assert_eq!(
            (fields.message.as_ref(), fields.detail, fields.hint),
            ("syntax error", None, None)
        );
        let old = ErrorFields::decode(b"SFATAL\0C28000\0Mno \xff\0Dd\0Hh\0\0").unwrap();
        assert_eq!((old.severity, old.message.as_ref()), ("FATAL", "no \u{fffd}"));
        assert_eq!((old.detail.as_deref(), old.hint.as_deref()), (Some("d"), Some("h")));
        for body in
            [&b""[..], b"\0", b"SERROR\0C1\0\0", b"SERROR\0C1\0Mx\0", b"SERROR\0C1\0Mx\0\0y"]
        {
            assert!(ErrorFields::decode(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn authentication_requests() {
        let table: &[(&[u8], Authentication<'_>)] = &[
            (b"\0\0\0\0", Authentication::Ok),
            (b"\0\0\0\x03", Authentication::CleartextPassword),
            (b"\0\0\0\x05abcd", Authentication::Md5 { salt: *b"abcd" }),
            (b"\0\0\0\x07", Authentication::Other(7)),
            (b"\0\0\0\x08gss", Authentication::Other(8)),
            (b"\0\0\0\x0aA\0B\0\0", Authentication::Sasl { mechanisms: vec!["A", "B"] }),
            (b"\0\0\0\x0br=x", Authentication::SaslContinue(b"r=x")),
            (b"\0\0\0\x0cv=x", Authentication::SaslFinal(b"v=x")),
        ];
        for (body, expected) in table {
            assert_eq!(Authentication::decode(body).as_ref(), Ok(expected));
        }
        for body in [&b"\0\0\0"[..], b"\0\0\0\0x", b"\0\0\0\x05abc", b"\0\0\0\x0aA\0B\0"] {
            assert!(Authentication::decode(body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn only_the_three_statuses() {
        for status in 0..=u8::MAX {
            assert_eq!(ready_status(&[status]).is_ok(), b"ITE".contains(&status), "{status}");
        }
        assert!(ready_status(b"").is_err());
        assert!(ready_status(b"II").is_err());
    }

    #[test]
    fn rows_end_at_the_first_fault() {
        let read = |body| DataRow::decode(body).unwrap().collect::<Vec<_>>();
        assert_eq!(read(b"\0\0"), []);
        assert_eq!(read(b"\0\x02\xff\xff\xff\xff\0\0\0\x01a"), [Ok(None), Ok(Some(&b"a"[..]))]);
        assert_eq!(read(b"\xff\xff"), [Err(Malformed::Truncated)]);
        assert_eq!(read(b"\0\x01\0\0\0\0x"), [Err(Malformed::Trailing { bytes: 1 })]);
    }

    #[test]
    fn keys_are_not_shown() {
        let key = BackendKeyData::decode(b"\0\0\0\x07abcd").unwrap();
        assert_eq!(key, BackendKeyData { pid: 7, key: b"abcd" });
        assert_eq!(format!("{key:?}"), "BackendKeyData { pid: 7, .. }");
        assert!(BackendKeyData::decode(b"\0\0\0\x07abc").is_err());
    }
}
