//! What a read asks for.

use std::fmt;
use std::str::FromStr;

/// What a read asks for, from the weakest to the strictest: of several the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Any healthy replica, however far behind.
    Eventual,
    /// At least everything the session, its key and its token have written.
    #[default]
    ReadYourWrites,
    /// At least everything that anyone had committed when the read began.
    Strong,
}

impl Level {
    /// The name in configuration, `SET afterwrite.level` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eventual => "eventual",
            Self::ReadYourWrites => "read_your_writes",
            Self::Strong => "strong",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected eventual, read_your_writes or strong")
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        [Self::Eventual, Self::ReadYourWrites, Self::Strong]
            .into_iter()
            .find(|level| text.eq_ignore_ascii_case(level.name()))
            .ok_or(UnknownLevel)
    }
}
