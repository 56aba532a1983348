//! PostgreSQL's MD5 password: `md5` and the hash of password and user name.
//!
//! On the wire it is hashed once more, with four random bytes of the server's.
//! Weak by today's measure: whoever has the stored hash can log in with it.

use std::fmt;

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::scram::{ScramError, random};

/// What a stored secret of this kind begins with.
const PREFIX: &str = "md5";

/// Hexadecimal digits of a hash.
const DIGITS: usize = 32;

/// Four fresh random bytes for one login.
pub fn salt() -> Result<[u8; 4], ScramError> {
    random()
}

/// The hash of a password and a user's name. A secret: `Debug` shows nothing.
#[derive(Clone)]
pub struct Md5Hash([u8; DIGITS]);

impl Md5Hash {
    /// Hashes the password for this user.
    pub fn of(password: &str, user: &str) -> Self {
        Self(digits(&[password.as_bytes(), user.as_bytes()]))
    }

    /// Reads `md5` and 32 digits in lower case, as PostgreSQL keeps it; `None`
    /// if it is something else.
    pub fn parse(stored: &str) -> Option<Self> {
        let hash = <[u8; DIGITS]>::try_from(stored.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        hash.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(hash))
    }

    /// What a client answers to a server's salt. A secret for as long as the
    /// login takes.
    pub fn answer(&self, salt: [u8; 4]) -> String {
        let digits = digits(&[&self.0, &salt]);
        PREFIX.chars().chain(digits.into_iter().map(char::from)).collect()
    }

    /// Whether a client's answer is the right one for this salt.
    pub fn fits(&self, salt: [u8; 4], answer: &str) -> bool {
        self.answer(salt).as_bytes().ct_eq(answer.as_bytes()).into()
    }
}

fn digits(parts: &[&[u8]]) -> [u8; DIGITS] {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let hex = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
        if let [high, low] = pair {
            (*high, *low) = (hex(byte >> 4), hex(byte & 0xf));
        }
    }
    digits
}

impl PartialEq for Md5Hash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Md5Hash {}

impl fmt::Debug for Md5Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Hash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_as_postgresql_does() {
        let hash = Md5Hash::of("foo", "alice");
        assert_eq!(hash.answer(*b"abcd"), "md5c95c4668287d75395385be94c2c9b9db");
        assert!(hash.fits(*b"abcd", &hash.answer(*b"abcd")));
        assert!(!hash.fits(*b"abce", &hash.answer(*b"abcd")));
        assert!(!hash.fits(*b"abcd", ""));
        assert_eq!(&digits(&[b"abc"]), b"900150983cd24fb0d6963f7d28e17f72", "RFC 1321");
        assert_eq!(hash, Md5Hash(digits(&[b"fooalice"])));
        assert_ne!(hash, Md5Hash::of("foo", "bob"));
        assert_eq!(format!("{hash:?}"), "Md5Hash(redacted)");
    }

    #[test]
    fn only_the_stored_form_is_read() {
        let good = "md5900150983cd24fb0d6963f7d28e17f72";
        assert_eq!(Md5Hash::parse(good), Some(Md5Hash(digits(&[b"abc"]))));
        for other in ["", "md5", &good[..34], &good.to_uppercase(), &format!("{good}0"), &good[3..]]
        {
            assert_eq!(Md5Hash::parse(other), None, "{other}");
        }
    }
}
