//! Where a client would rather have a read run.

use std::fmt;
use std::str::FromStr;

/// Where a client would rather have a read run. What the read must see it must see either way.
///
/// In the order of weight: of several for one exchange the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// On a replica: it waits for one as long as it may, even if that seems futile.
    Replica,
    /// On the primary.
    Primary,
}

impl Preference {
    /// The name in hints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Primary => "primary",
        }
    }
}

/// The text names no preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPreference;

impl fmt::Display for UnknownPreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected primary or replica")
    }
}

impl std::error::Error for UnknownPreference {}

impl FromStr for Preference {
    type Err = UnknownPreference;

    fn from_str(text: &str) -> Result<Self, UnknownPreference> {
        [Self::Replica, Self::Primary]
            .into_iter()
            .find(|preference| text.eq_ignore_ascii_case(preference.name()))
            .ok_or(UnknownPreference)
    }
}
