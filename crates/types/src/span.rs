//! Lengths of time as text, the way PostgreSQL writes them in settings.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest that can be said: a day.
const MAX: Duration = Duration::from_hours(24);

/// Units by name, in microseconds.
const UNITS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)];

/// A length of time as text: `20ms`, `5s`, `1min`; a number alone means milliseconds, as in
/// PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// The text is no length of time, or one of more than a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSpan;

impl fmt::Display for BadSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a time of at most a day, such as 20ms, 5s or 1min")
    }
}

impl std::error::Error for BadSpan {}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        let fits = |unit: &&(&str, u64)| micros.is_multiple_of(unit.1);
        match UNITS.iter().rev().find(fits).filter(|_| micros > 0) {
            Some((name, unit)) => write!(f, "{}{name}", micros / unit),
            None => f.write_str("0"),
        }
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(digits).ok_or(BadSpan)?;
        let number: u64 = number.parse().map_err(|_| BadSpan)?;
        let unit = match unit.trim() {
            "" => 1_000,
            name => UNITS.iter().find(|unit| unit.0 == name).ok_or(BadSpan)?.1,
        };
        let span = Duration::from_micros(number.checked_mul(unit).ok_or(BadSpan)?);
        if span > MAX { Err(BadSpan) } else { Ok(Self(span)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_in_postgresql() {
        for (text, micros) in [
            ("20ms", 20_000),
            ("20", 20_000),
            (" 5 s ", 5_000_000),
            ("1min", 60_000_000),
            ("1h", 3_600_000_000),
            ("250us", 250),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_micros(micros))), "{text}");
        }
        for text in ["", "ms", "-1s", "1.5s", "1 d", "25h", "99999999999999999999", "1s1", "1S"] {
            assert_eq!(text.parse::<Span>(), Err(BadSpan), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(micros in 0u64..=86_400_000_000) {
            let span = Span(Duration::from_micros(micros));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
