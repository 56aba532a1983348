//! A floor as text that a client carries.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Line, Lsn, Position, SystemId, Timeline};

/// Begins a token that anybody could have written.
const UNSIGNED: &str = "v1.";

/// Begins a token with a seal.
const SIGNED: &str = "v2.";

/// Bytes of a position.
const POSITION_BYTES: usize = 20;

/// Bytes of a seal: 72 bits, so that a signed token has no bit to spare.
pub const SEAL_BYTES: usize = 9;

/// Letters of the longest token. A longer text is none, and is not looked at.
const TEXT_MAX: usize = 43;

/// A position as text: opaque to clients, safe in a cookie, a header or SQL.
///
/// | version | behind it, in base64url | letters |
/// | --- | --- | --- |
/// | `v1.` | system identifier (8 bytes), timeline (4), LSN (8), zero (1) | 31 |
/// | `v2.` | system identifier (8), timeline (4), LSN (8), key (1), seal (9) | 43 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it stands for.
    pub position: Position,
    /// What proves that a proxy gave it, if anything does.
    pub seal: Option<Seal>,
}

/// What proves that a token was given by somebody who has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The number of the key.
    pub key: u8,
    /// The first bytes of the HMAC-SHA-256 of [`Token::sealed`].
    pub code: [u8; SEAL_BYTES],
}

impl Token {
    /// A token that anybody could have written.
    pub fn unsigned(position: Position) -> Self {
        Self { position, seal: None }
    }

    /// What a seal covers: everything that the token says, its version included.
    pub fn sealed(position: Position, key: u8) -> Vec<u8> {
        [SIGNED.as_bytes(), &position_bytes(position), &[key]].concat()
    }
}

fn position_bytes(Position { line, lsn }: Position) -> Vec<u8> {
    let system = line.system.0.to_be_bytes();
    [&system[..], &line.timeline.0.to_be_bytes(), &lsn.0.to_be_bytes()].concat()
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = position_bytes(self.position);
        let version = match self.seal {
            None => {
                bytes.push(0);
                UNSIGNED
            }
            Some(Seal { key, code }) => {
                bytes.push(key);
                bytes.extend_from_slice(&code);
                SIGNED
            }
        };
        write!(f, "{version}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The text is not a token that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadToken;

impl fmt::Display for BadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token that SHOW afterwrite.token gave")
    }
}

impl std::error::Error for BadToken {}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        if text.len() > TEXT_MAX {
            return Err(BadToken);
        }
        let (version, encoded) = text.split_at_checked(UNSIGNED.len()).ok_or(BadToken)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| BadToken)?;
        let (position, rest) = bytes.split_first_chunk().ok_or(BadToken)?;
        let position = read_position(position)?;
        match (version, rest) {
            (UNSIGNED, [0]) => Ok(Self::unsigned(position)),
            (SIGNED, [key, code @ ..]) => {
                let code = code.try_into().map_err(|_| BadToken)?;
                Ok(Self { position, seal: Some(Seal { key: *key, code }) })
            }
            _ => Err(BadToken),
        }
    }
}

fn read_position(bytes: &[u8; POSITION_BYTES]) -> Result<Position, BadToken> {
    let (system, rest) = bytes.split_first_chunk().ok_or(BadToken)?;
    let (timeline, lsn) = rest.split_first_chunk().ok_or(BadToken)?;
    let line = Line {
        system: SystemId(u64::from_be_bytes(*system)),
        timeline: Timeline(u32::from_be_bytes(*timeline)),
    };
    let lsn = lsn.try_into().map_err(|_| BadToken)?;
    Ok(Position { line, lsn: Lsn(u64::from_be_bytes(lsn)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(system: u64, timeline: u32, lsn: u64) -> Position {
        let line = Line { system: SystemId(system), timeline: Timeline(timeline) };
        Position { line, lsn: Lsn(lsn) }
    }

    proptest! {
        #[test]
        fn both_forms_round_trip(
            system: u64, timeline: u32, lsn: u64, key: u8, code: [u8; SEAL_BYTES],
        ) {
            let position = at(system, timeline, lsn);
            let text = Token::unsigned(position).to_string();
            prop_assert_eq!(text.len(), 31);
            prop_assert_eq!(text.parse(), Ok(Token::unsigned(position)));
            let signed = Token { position, seal: Some(Seal { key, code }) };
            let text = signed.to_string();
            prop_assert_eq!(text.len(), TEXT_MAX);
            prop_assert_eq!(text.parse(), Ok(signed));
        }

        #[test]
        fn any_other_text_is_refused_quietly(text in ".{0,64}") {
            let _ = text.parse::<Token>();
        }

        #[test]
        fn one_token_has_one_text(text in "v[12][.][A-Za-z0-9_-]{0,42}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }

    #[test]
    fn tokens_of_earlier_versions_are_read() {
        let text = "v1.AAAAAAAAAAEAAAACAAAAAAAAAAMA";
        assert_eq!(text.parse(), Ok(Token::unsigned(at(1, 2, 3))));
        assert_eq!(Token::unsigned(at(1, 2, 3)).to_string(), text);
    }

    #[test]
    fn a_cut_or_lengthened_token_is_refused() {
        let seal = Some(Seal { key: 1, code: [7; SEAL_BYTES] });
        for token in [Token::unsigned(at(1, 2, 3)), Token { position: at(1, 2, 3), seal }] {
            let text = token.to_string();
            for end in 0..text.len() {
                assert!(text.get(..end).unwrap().parse::<Token>().is_err(), "{end}");
            }
            assert!(format!("{text}AA").parse::<Token>().is_err());
            assert!(format!("{text}{}", "A".repeat(10_000)).parse::<Token>().is_err());
            let other = if seal == token.seal { ("v2", "v1") } else { ("v1", "v2") };
            assert!(text.replace(other.0, other.1).parse::<Token>().is_err());
            assert!(text.replace(other.0, "v3").parse::<Token>().is_err());
        }
    }

    #[test]
    fn a_seal_covers_all_that_a_token_says() {
        let sealed = Token::sealed(at(1, 2, 3), 4);
        for other in [(at(9, 2, 3), 4), (at(1, 9, 3), 4), (at(1, 2, 9), 4), (at(1, 2, 3), 9)] {
            assert_ne!(Token::sealed(other.0, other.1), sealed, "{other:?}");
        }
        assert!(sealed.starts_with(b"v2."), "what is signed for tokens is signed for nothing else");
    }
}
