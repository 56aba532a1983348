//! The keys that tokens are signed and checked with.

use afterwrite_types::{Position, Seal, Token};
use afterwrite_wire::seal::SealKey;

/// The keys that tokens are signed and checked with. `Debug` shows their numbers alone.
///
/// The first signs, all vouch. So a key is exchanged without a token going bad: the new one is
/// added behind the old on every proxy, then put in front, and the old one is removed once
/// nobody brings tokens that it has signed.
#[derive(Clone, Debug)]
pub struct Keyring {
    signs: (u8, SealKey),
    others: Vec<(u8, SealKey)>,
}

impl Keyring {
    /// Takes numbered secrets, the one that signs first; `None` without any.
    pub fn new<'a>(keys: impl IntoIterator<Item = (u8, &'a [u8])>) -> Option<Self> {
        let mut keys = keys.into_iter().map(|(number, secret)| (number, SealKey::new(secret)));
        Some(Self { signs: keys.next()?, others: keys.collect() })
    }

    /// A token that this and every proxy with the same key will believe.
    pub fn sign(&self, position: Position) -> Token {
        let (number, key) = &self.signs;
        let code = key.seal(&Token::sealed(position, *number));
        Token { position, seal: Some(Seal { key: *number, code }) }
    }

    /// Whether the token was signed with one of the keys.
    pub fn vouches_for(&self, token: &Token) -> bool {
        let Some(seal) = &token.seal else { return false };
        let sealed = Token::sealed(token.position, seal.key);
        let mut named = std::iter::once(&self.signs).chain(&self.others);
        named.any(|(number, key)| *number == seal.key && key.is_sealed(&sealed, &seal.code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Line, Lsn, SystemId, Timeline};

    const OLD: (u8, &[u8]) = (1, b"an old secret that is long enough");
    const NEW: (u8, &[u8]) = (2, b"a new secret that is long enough!");

    fn ring(keys: &[(u8, &'static [u8])]) -> Keyring {
        Keyring::new(keys.iter().copied()).unwrap()
    }

    fn position() -> Position {
        let line = Line { system: SystemId(7_000_000_000_000_000_000), timeline: Timeline(3) };
        Position { line, lsn: Lsn(0x0000_0009_8765_4321) }
    }

    #[test]
    fn a_key_is_exchanged_without_a_token_going_bad() {
        // Some proxies are one step ahead of the others.
        let steps = [ring(&[OLD]), ring(&[OLD, NEW]), ring(&[NEW, OLD]), ring(&[NEW])];
        for both in steps.windows(2) {
            for (signs, checks) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                assert!(both[checks].vouches_for(&both[signs].sign(position())), "{both:?}");
            }
        }
        let old = ring(&[OLD]).sign(position());
        assert!(ring(&[NEW, OLD]).vouches_for(&old));
        assert!(!ring(&[NEW]).vouches_for(&old), "it was removed");
        assert!(Keyring::new([]).is_none());
    }

    #[test]
    fn no_bit_of_a_signed_token_can_be_changed() {
        let ring = ring(&[OLD, NEW]);
        let text = ring.sign(position()).to_string();
        assert!(ring.vouches_for(&text.parse().unwrap()));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let Ok(token) = changed.parse::<Token>() else { continue };
                assert!(!ring.vouches_for(&token), "letter {at}, bit {bit}: {changed}");
            }
        }
    }

    #[test]
    fn a_token_of_another_key_or_of_none_is_not_believed() {
        let ring = ring(&[OLD]);
        assert!(!ring.vouches_for(&Token::unsigned(position())));
        // The right secret under a number that is not there, and the wrong one under its own.
        for key in [(9, OLD.1), (OLD.0, NEW.1)] {
            let forged = Keyring::new([key]).unwrap().sign(position());
            assert!(!ring.vouches_for(&forged));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", ring(&[OLD, NEW]));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
