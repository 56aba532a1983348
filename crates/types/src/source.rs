//! What kind of write a key was last noted for.

use std::fmt;
use std::str::FromStr;

/// What kind of write a key was last noted for.
///
/// It is for people who look at statistics: no read asks for more or less because of it.
/// In the order of weight: of several in one exchange or transaction the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Everything that was written was added.
    Creation,
    /// Something may have been changed, or nobody knows.
    #[default]
    Update,
    /// Somebody has asked for it: the floor was raised for a write that went another way.
    Manual,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Creation, Self::Update, Self::Manual];

    /// The name in settings, hints, tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Update => "update",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSource;

impl fmt::Display for UnknownSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected creation, update or manual")
    }
}

impl std::error::Error for UnknownSource {}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        Self::ALL
            .into_iter()
            .find(|source| text.eq_ignore_ascii_case(source.name()))
            .ok_or(UnknownSource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again_and_nothing_else() {
        for source in Source::ALL {
            assert_eq!(source.to_string().parse(), Ok(source));
            assert_eq!(source.name().to_ascii_uppercase().parse(), Ok(source));
        }
        assert_eq!("table".parse::<Source>(), Err(UnknownSource));
        assert_eq!("".parse::<Source>(), Err(UnknownSource));
    }
}
