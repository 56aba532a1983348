//! Tokens and log positions as text.

use afterwrite_session::Keyring;
use afterwrite_types::{Lsn, Token};

/// A token that is read prints as the text it was read from; and whatever it says, only the
/// holder of the key can have signed it.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(token) = text.parse::<Token>() else { return };
    assert_eq!(token.to_string(), text, "two texts for one token");
    let key: [(u8, &[u8]); 1] = [(1, b"a secret that nobody who fuzzes knows")];
    let Some(keyring) = Keyring::new(key) else { return };
    let signed = keyring.sign(token.position);
    assert!(keyring.vouches_for(&signed), "its own token is not believed");
    assert!(signed == token || !keyring.vouches_for(&token), "a forged token is believed: {text}");
}

/// A position that is read prints as text that reads the same.
pub(crate) fn lsn(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(lsn) = text.parse::<Lsn>() {
        assert_eq!(lsn.to_string().parse(), Ok(lsn));
        assert!(text.len() <= "FFFFFFFF/FFFFFFFF".len(), "more than 32 bits were read: {text}");
        assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'/'), "{text}");
    }
}
