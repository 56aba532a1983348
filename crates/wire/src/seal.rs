//! Seals: an HMAC-SHA-256, cut short and compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::scram::digest::{HASH_BYTES, HmacSha256, finish, keyed};

/// A key that seals are made and checked with. `Debug` does not show it.
#[derive(Clone)]
pub struct SealKey(HmacSha256);

impl SealKey {
    /// Takes a secret of any length.
    pub fn new(secret: &[u8]) -> Self {
        Self(keyed(secret))
    }

    /// The seal of `data`: as many bytes as are asked for, of 32.
    pub fn seal<const BYTES: usize>(&self, data: &[u8]) -> [u8; BYTES] {
        const { assert!(BYTES <= HASH_BYTES, "there are no more") };
        let whole = finish(self.0.clone(), data);
        let mut seal = [0; BYTES];
        seal.iter_mut().zip(whole).for_each(|(to, byte)| *to = byte);
        seal
    }

    /// Whether this is the seal of `data`. How long it takes says nothing of what is wrong.
    pub fn is_sealed<const BYTES: usize>(&self, data: &[u8], seal: &[u8; BYTES]) -> bool {
        self.seal::<BYTES>(data).ct_eq(seal).into()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_the_beginning_of_the_hmac() {
        // The second case of RFC 4231.
        let key = SealKey::new(b"Jefe");
        let data = b"what do ya want for nothing?";
        let seal: [u8; 9] = key.seal(data);
        assert_eq!(seal, [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a]);
        assert!(key.is_sealed(data, &seal));
        assert!(!key.is_sealed(b"what else?", &seal));
        assert!(!SealKey::new(b"Geoff").is_sealed(data, &seal));
        for bit in 0..seal.len() * 8 {
            let mut other = seal;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.is_sealed(data, &other), "bit {bit}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", SealKey::new(b"swordfish")), "SealKey(redacted)");
    }
}
