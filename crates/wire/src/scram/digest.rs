//! The functions that RFC 5802 builds on: H, HMAC, Hi and XOR.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Bytes of a SHA-256.
pub(crate) const HASH_BYTES: usize = 32;

/// Bytes that SHA-256 works on at a time: an HMAC key's size.
const BLOCK_BYTES: usize = 64;

pub(crate) type Hash = [u8; HASH_BYTES];

/// An HMAC with its key set.
pub(crate) type HmacSha256 = Hmac<Sha256>;

/// H(data).
pub(super) fn hash(data: &[u8]) -> Hash {
    Sha256::digest(data).into()
}

/// HMAC(key, data).
pub(super) fn hmac(key: &[u8], data: &[u8]) -> Hash {
    finish(keyed(key), data)
}

/// A XOR B.
pub(super) fn xor(a: &Hash, b: &Hash) -> Hash {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(out, b)| *out ^= b);
    out
}

/// Hi(password, salt, iterations): the slow one, by intent.
pub(super) fn salted_password(password: &str, salt: &[u8], iterations: u32) -> Hash {
    let password = prepared(password);
    // The key's own two blocks are hashed once and not in each round.
    let keyed = keyed(password.as_bytes());
    let first = [salt, &1_u32.to_be_bytes()].concat();
    let mut round = finish(keyed.clone(), &first);
    let mut sum = round;
    for _ in 1..iterations {
        round = finish(keyed.clone(), &round);
        sum = xor(&sum, &round);
    }
    sum
}

/// The password in its `SASLprep` form. As in PostgreSQL, one that has none, or
/// of which nothing would be left, is used as it is.
fn prepared(password: &str) -> std::borrow::Cow<'_, str> {
    match stringprep::saslprep(password) {
        Ok(prepared) if !prepared.is_empty() => prepared,
        Ok(_) | Err(_) => password.into(),
    }
}

/// An HMAC with its key set. The key is brought to one block by hand because
/// the way that takes any length has an error that cannot happen.
pub(crate) fn keyed(key: &[u8]) -> HmacSha256 {
    let hashed;
    let short = if key.len() > BLOCK_BYTES {
        hashed = hash(key);
        &hashed[..]
    } else {
        key
    };
    let mut block = [0; BLOCK_BYTES];
    block.iter_mut().zip(short).for_each(|(block, byte)| *block = *byte);
    Hmac::new(&block.into())
}

pub(crate) fn finish(mut keyed: HmacSha256, data: &[u8]) -> Hash {
    keyed.update(data);
    keyed.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_takes_keys_of_any_length() {
        for length in [0, 1, 63, 64, 65, 200] {
            let key = vec![7; length];
            let mut reference = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            reference.update(b"data");
            assert_eq!(hmac(&key, b"data")[..], reference.finalize().into_bytes()[..], "{length}");
        }
    }

    #[test]
    fn passwords_are_prepared_as_postgresql_does() {
        let table = [
            ("I\u{ad}X", "IX"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{a0}b", "a b"),
            ("plain", "plain"),
            // Prohibited, mixed direction, and nothing left: as they are.
            ("a\u{7}\u{aa}", "a\u{7}\u{aa}"),
            ("\u{627}1", "\u{627}1"),
            ("\u{ad}", "\u{ad}"),
            ("", ""),
        ];
        for (password, expected) in table {
            assert_eq!(prepared(password), expected, "{password:?}");
        }
    }
}
