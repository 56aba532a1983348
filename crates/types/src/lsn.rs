//! A byte position in a write-ahead log.

use std::fmt;
use std::str::FromStr;

/// A byte position in a write-ahead log, comparable only within one [`Line`](crate::Line).
///
/// Always compared as a number: the text form is not padded on every server
/// version, so `0/9FFFFFF` sorts after `0/10000000` as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The bytes from `earlier` to `self`; zero if `self` is not ahead.
    pub fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// The text is not a position such as `16/B374D848`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLsn;

impl fmt::Display for BadLsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a log position such as 16/B374D848")
    }
}

impl std::error::Error for BadLsn {}

impl FromStr for Lsn {
    type Err = BadLsn;

    fn from_str(text: &str) -> Result<Self, BadLsn> {
        let (high, low) = text.split_once('/').ok_or(BadLsn)?;
        Ok(Self(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

fn half(text: &str) -> Result<u32, BadLsn> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !digits || text.len() > 8 {
        return Err(BadLsn);
    }
    u32::from_str_radix(text, 16).map_err(|_| BadLsn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for (text, value) in [
            ("0/0", 0),
            ("0/16B3748", 0x16B_3748),
            ("16/B374D848", 0x16_B374_D848),
            ("FFFFFFFF/FFFFFFFF", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Lsn(value)));
            assert_eq!(Lsn(value).to_string(), text);
        }
        assert_eq!("0/0306EE20".parse(), Ok(Lsn(0x306_EE20)), "padded, as newer servers print it");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "/", "0", "0/", "/0", "0/G", "+1/0", "0/123456789", "1/2/3", " 0/1"] {
            assert_eq!(text.parse::<Lsn>(), Err(BadLsn), "{text:?}");
        }
    }
}
