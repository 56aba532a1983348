//! What a read asks for.

use std::fmt;
use std::str::FromStr;

/// What a read asks for, from the weakest to the strictest: of several the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Any healthy replica, however far behind.
    Eventual,
    /// At least everything that was acknowledged to anyone longer ago than a limit.
    Bounded,
    /// At least everything the session, its key and its token have written.
    #[default]
    ReadYourWrites,
    /// That, and never less than an earlier read of the session has seen.
    Causal,
    /// At least everything that anyone had committed when the read began.
    Strong,
}

impl Level {
    /// Every level, the weakest first.
    pub const ALL: [Self; 5] =
        [Self::Eventual, Self::Bounded, Self::ReadYourWrites, Self::Causal, Self::Strong];

    /// Whether the session's own writes, and those of its keys and tokens, must be seen.
    pub fn sees_own_writes(self) -> bool {
        self >= Self::ReadYourWrites
    }

    /// Whether no read may see less than an earlier one.
    pub fn is_monotonic(self) -> bool {
        self >= Self::Causal
    }

    /// The name in configuration, `SET afterwrite.level` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eventual => "eventual",
            Self::Bounded => "bounded",
            Self::ReadYourWrites => "read_your_writes",
            Self::Causal => "causal",
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
        f.write_str("expected eventual, bounded, read_your_writes, causal or strong")
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| text.eq_ignore_ascii_case(level.name()))
            .ok_or(UnknownLevel)
    }
}
