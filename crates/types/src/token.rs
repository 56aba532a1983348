//! A floor as text that a client carries.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Line, Lsn, Position, SystemId, Timeline};

const PREFIX: &str = "v1.";
const BYTES: usize = 21;

/// A position as text: opaque to clients, safe in a cookie, a header or SQL.
///
/// `v1.` and base64url of: system identifier (8 bytes), timeline (4), LSN (8),
/// flags (1, zero so far).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub Position);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, lsn } = self.0;
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&line.system.0.to_be_bytes());
        bytes.extend_from_slice(&line.timeline.0.to_be_bytes());
        bytes.extend_from_slice(&lsn.0.to_be_bytes());
        bytes.push(0);
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
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
        let encoded = text.strip_prefix(PREFIX).ok_or(BadToken)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| BadToken)?;
        let (system, rest) = bytes.split_first_chunk().ok_or(BadToken)?;
        let (timeline, rest) = rest.split_first_chunk().ok_or(BadToken)?;
        let (lsn, flags) = rest.split_first_chunk().ok_or(BadToken)?;
        if flags != [0] {
            return Err(BadToken);
        }
        let line = Line {
            system: SystemId(u64::from_be_bytes(*system)),
            timeline: Timeline(u32::from_be_bytes(*timeline)),
        };
        Ok(Self(Position { line, lsn: Lsn(u64::from_be_bytes(*lsn)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(system: u64, timeline: u32, lsn: u64) {
            let line = Line { system: SystemId(system), timeline: Timeline(timeline) };
            let token = Token(Position { line, lsn: Lsn(lsn) });
            let text = token.to_string();
            prop_assert_eq!(text.len(), 31);
            prop_assert_eq!(text.parse(), Ok(token));
        }

        #[test]
        fn any_other_text_is_refused_quietly(text in ".{0,64}") {
            let _ = text.parse::<Token>();
        }
    }

    #[test]
    fn a_cut_or_lengthened_token_is_refused() {
        let line = Line { system: SystemId(1), timeline: Timeline(2) };
        let text = Token(Position { line, lsn: Lsn(3) }).to_string();
        assert!(text.get(..text.len() - 2).unwrap().parse::<Token>().is_err());
        assert!(format!("{text}AA").parse::<Token>().is_err());
        assert!(text.replace("v1", "v2").parse::<Token>().is_err());
    }
}
