//! What a client is told of a write that may be lost.

use std::fmt;
use std::str::FromStr;

/// What a client is told of a write in its scope that may be lost. It is counted and
/// logged in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOrphan {
    /// Nothing.
    #[default]
    Ignore,
    /// A warning with the answer to its next statement.
    Notice,
    /// Its next statement fails, once, before anything of it was sent.
    Error,
}

impl OnOrphan {
    /// The name in configuration and `SET afterwrite.on_orphan`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Notice => "notice",
            Self::Error => "error",
        }
    }
}

/// The text names none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownOnOrphan;

impl fmt::Display for UnknownOnOrphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected ignore, notice or error")
    }
}

impl std::error::Error for UnknownOnOrphan {}

impl FromStr for OnOrphan {
    type Err = UnknownOnOrphan;

    fn from_str(text: &str) -> Result<Self, UnknownOnOrphan> {
        [Self::Ignore, Self::Notice, Self::Error]
            .into_iter()
            .find(|it| text.eq_ignore_ascii_case(it.name()))
            .ok_or(UnknownOnOrphan)
    }
}
