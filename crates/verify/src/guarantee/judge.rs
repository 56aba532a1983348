//! The verdict on one operation. Pure.

use serde::Serialize;

/// What a read saw, on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The version of the key's first side; none if there is no such row.
    pub(super) first: Option<i64>,
    /// The second side, where it was read too.
    pub(super) second: Option<Side>,
    pub(super) node: Option<Node>,
}

impl Seen {
    /// The version of the second side, where there is one.
    pub(super) fn second_version(&self) -> Option<i64> {
        self.second.and_then(Side::version)
    }
}

/// The second side of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Of the same snapshot: must equal the first.
    SameSnapshot(Option<i64>),
    /// Of a later snapshot: must not be older than the first.
    LaterSnapshot(Option<i64>),
}

impl Side {
    fn version(self) -> Option<i64> {
        match self {
            Self::SameSnapshot(version) | Self::LaterSnapshot(version) => version,
        }
    }
}

/// Who answered a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Whether it was in recovery.
    pub replica: bool,
    /// The port it listens on, if it said so.
    pub port: Option<i32>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A read returned a state older than its floor.
    Stale,
    /// Two rows that are always written together differed, or went backwards,
    /// within one transaction.
    Torn,
    /// A write found that an acknowledged write before it is gone.
    Lost,
}

/// Judges a read of a key whose writes up to version `floor` had been
/// acknowledged when the read was sent. Version 0 is before the first write.
pub(super) fn judge(seen: &Seen, floor: i64) -> Option<Kind> {
    // A missing row is a state from before the table was filled.
    let short = |version: Option<i64>| version.map_or(floor > 0, |version| version < floor);
    let torn = match seen.second {
        None => false,
        Some(Side::SameSnapshot(second)) => second != seen.first,
        Some(Side::LaterSnapshot(second)) => second < seen.first,
    };
    if short(seen.first) || seen.second.is_some_and(|side| short(side.version())) {
        Some(Kind::Stale)
    } else {
        torn.then_some(Kind::Torn)
    }
}

/// Judges a write that made version `made` of a key whose last acknowledged
/// version was `last`. Nobody else writes it, so it must have grown.
pub(super) fn judge_write(made: i64, last: i64) -> Option<Kind> {
    (made <= last).then_some(Kind::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: Option<i64>, second: Option<Side>, floor: i64, expected: Option<Kind>) {
        let seen = Seen { first, second, node: None };
        assert_eq!(judge(&seen, floor), expected, "{seen:?}, floor {floor}");
    }

    #[test]
    fn verdicts() {
        use Side::{LaterSnapshot, SameSnapshot};
        check(Some(3), None, 3, None);
        check(Some(4), None, 3, None);
        check(Some(2), None, 3, Some(Kind::Stale));
        check(Some(0), None, 0, None);
        check(None, None, 0, None);
        check(None, None, 1, Some(Kind::Stale));
        check(Some(3), Some(SameSnapshot(Some(3))), 3, None);
        check(Some(4), Some(SameSnapshot(Some(3))), 3, Some(Kind::Torn));
        check(Some(3), Some(SameSnapshot(Some(4))), 3, Some(Kind::Torn));
        check(Some(3), Some(LaterSnapshot(Some(4))), 3, None);
        check(Some(4), Some(LaterSnapshot(Some(3))), 3, Some(Kind::Torn));
        check(Some(4), Some(LaterSnapshot(Some(2))), 3, Some(Kind::Stale));
        check(Some(3), Some(LaterSnapshot(None)), 3, Some(Kind::Stale));
    }

    #[test]
    fn a_version_that_did_not_grow_is_a_lost_write() {
        assert_eq!(judge_write(1, 0), None);
        assert_eq!(judge_write(5, 3), None);
        assert_eq!(judge_write(3, 3), Some(Kind::Lost));
        assert_eq!(judge_write(1, 3), Some(Kind::Lost));
    }
}
