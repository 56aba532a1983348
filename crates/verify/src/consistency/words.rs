//! What is checked, what ties reads to writes, and what is promised.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One property of reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A read sees what was acknowledged in its scope before it was sent.
    OwnWrites,
    /// A read sees nothing older than an earlier read of the same scope did.
    MonotonicReads,
    /// Who has read a write sees what its writer had read before it.
    WritesFollowReads,
    /// A read sees whatever was acknowledged to anyone longer ago than a bound.
    BoundedStaleness,
    /// Two rows that are always written together are equal within one snapshot, and do
    /// not go backwards within one read-only transaction.
    Snapshots,
}

/// What ties a session's reads to writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One client connection; with separate URLs for writes and reads, one user of them.
    Connection,
    /// Two connections that both `SET afterwrite.session` to the same key.
    Key,
    /// Two connections; `SHOW afterwrite.token` on the one, `SET afterwrite.token` on the
    /// other.
    Token,
    /// Connections that have nothing in common but the tables.
    Table,
}

/// What reads ask for, from the weakest to the strictest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Anything.
    Eventual,
    /// Whatever was acknowledged longer ago than a bound.
    Bounded,
    /// What was written in the scope.
    #[default]
    ReadYourWrites,
    /// That, and what was read in it.
    Causal,
    /// Whatever was acknowledged to anyone.
    Strong,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 5] = [
        Self::OwnWrites,
        Self::MonotonicReads,
        Self::WritesFollowReads,
        Self::BoundedStaleness,
        Self::Snapshots,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::OwnWrites => "own writes",
            Self::MonotonicReads => "monotonic reads",
            Self::WritesFollowReads => "writes follow reads",
            Self::BoundedStaleness => "bounded staleness",
            Self::Snapshots => "snapshots",
        }
    }
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Connection, Self::Key, Self::Token, Self::Table];

    /// Connections of one session.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Connection => 1,
            Self::Key | Self::Token | Self::Table => 2,
        }
    }
}

impl Level {
    /// Every level, the weakest first.
    pub const ALL: [Self; 5] =
        [Self::Eventual, Self::Bounded, Self::ReadYourWrites, Self::Causal, Self::Strong];

    /// Whether reads at this level must pass the check.
    pub fn promises(self, check: Check) -> bool {
        match check {
            Check::OwnWrites => self >= Self::ReadYourWrites,
            Check::MonotonicReads | Check::WritesFollowReads => self >= Self::Causal,
            Check::BoundedStaleness => matches!(self, Self::Bounded | Self::Strong),
            // A snapshot is one server's own affair, however old it is.
            Check::Snapshots => true,
        }
    }
}

/// Names as they stand in options, histories and `SET afterwrite.level`.
macro_rules! names {
    ($type:ty, $($value:path => $name:literal),+) => {
        impl $type {
            /// As in options and histories.
            pub fn name(self) -> &'static str {
                match self { $($value => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok($value),)+
                    _ => Err(format!("expected {}", [$($name),+].join(", "))),
                }
            }
        }
    };
}

names!(Check,
    Check::OwnWrites => "own_writes",
    Check::MonotonicReads => "monotonic_reads",
    Check::WritesFollowReads => "writes_follow_reads",
    Check::BoundedStaleness => "bounded_staleness",
    Check::Snapshots => "snapshots");
names!(Scope,
    Scope::Connection => "connection",
    Scope::Key => "key",
    Scope::Token => "token",
    Scope::Table => "table");
names!(Level,
    Level::Eventual => "eventual",
    Level::Bounded => "bounded",
    Level::ReadYourWrites => "read_your_writes",
    Level::Causal => "causal",
    Level::Strong => "strong");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        fn check<T>(all: &[T])
        where
            T: Serialize + FromStr<Err = String> + fmt::Display + fmt::Debug + PartialEq + Copy,
        {
            for value in all {
                let name = value.to_string();
                assert_eq!(serde_json::to_value(value).ok(), Some(name.clone().into()));
                assert_eq!(name.parse(), Ok(*value));
            }
        }
        check(&Check::ALL);
        check(&Scope::ALL);
        check(&Level::ALL);
        assert!("strongest".parse::<Level>().is_err_and(|said| said.contains("causal, strong")));
    }

    #[test]
    fn promises() {
        let check = |level: Level, expected: &[&str]| {
            let promised = Check::ALL.into_iter().filter(|check| level.promises(*check));
            assert_eq!(promised.map(Check::name).collect::<Vec<_>>(), expected, "{level}");
        };
        check(Level::Eventual, &["snapshots"]);
        check(Level::Bounded, &["bounded_staleness", "snapshots"]);
        check(Level::ReadYourWrites, &["own_writes", "snapshots"]);
        let causal = ["own_writes", "monotonic_reads", "writes_follow_reads", "snapshots"];
        check(Level::Causal, &causal);
        check(Level::Strong, &Check::ALL.map(Check::name));
    }
}
