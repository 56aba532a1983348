//! Tokens and log positions as text.

use afterwrite_types::{Lsn, Token};

/// A token that is read prints as the text it was read from.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string(), text, "two texts for one token");
    }
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
