//! The versions of one key that were acknowledged, and when.

use std::collections::VecDeque;

use crate::guarantee::WriteShape;

/// Versions of one key that are remembered. What is older only loses its story, and
/// staleness beyond it is not judged.
const KEPT_MAX: usize = 1_024;

/// An acknowledged version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) version: i64,
    pub(super) how: WriteShape,
    pub(super) lane: usize,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// The acknowledged versions of one key, rising in version and in time.
#[derive(Debug, Default)]
pub(super) struct Versions {
    kept: VecDeque<Made>,
    /// The newest one that is not kept any more.
    dropped: Option<Made>,
}

impl Versions {
    pub(super) fn push(&mut self, made: Made) {
        // A history may have been put together by hand; ours rise.
        let rises =
            self.kept.back().is_none_or(|last| last.version < made.version && last.end <= made.end);
        if !rises {
            return;
        }
        if self.kept.len() == KEPT_MAX {
            self.dropped = self.kept.pop_front();
        }
        self.kept.push_back(made);
    }

    /// The newest version that had been acknowledged at `time`.
    pub(super) fn at(&self, time: u64) -> Option<Made> {
        let count = self.kept.partition_point(|made| made.end <= time);
        let index = count.checked_sub(1);
        let kept = index.and_then(|index| self.kept.get(index)).copied();
        kept.or(self.dropped.filter(|made| made.end <= time))
    }

    /// The oldest version newer than `version`.
    pub(super) fn after(&self, version: i64) -> Option<Made> {
        let count = self.kept.partition_point(|made| made.version <= version);
        self.kept.get(count).copied()
    }

    /// How this version was made, if it is still known.
    pub(super) fn made(&self, version: i64) -> Option<Made> {
        let index = self.kept.binary_search_by_key(&version, |made| made.version).ok()?;
        self.kept.get(index).copied()
    }

    /// Forgets what is newer than `version`: it is lost.
    pub(super) fn cut(&mut self, version: i64) {
        while self.kept.pop_back_if(|made| made.version > version).is_some() {}
        self.dropped = self.dropped.filter(|made| made.version <= version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(version: i64, end: u64) -> Made {
        Made { version, how: WriteShape::Simple, lane: 0, begin: end - 1, end }
    }

    #[test]
    fn versions_are_found_by_time_and_by_number() {
        let mut versions = Versions::default();
        for version in 1..=3 {
            versions.push(made(version * 2, 100 * version.unsigned_abs()));
        }
        let at = |time| versions.at(time).map(|made| made.version);
        assert_eq!([at(99), at(100), at(299), at(300)], [None, Some(2), Some(4), Some(6)]);
        let after = |version| versions.after(version).map(|made| made.version);
        assert_eq!([after(0), after(2), after(3), after(6)], [Some(2), Some(4), Some(4), None]);
        assert_eq!(versions.made(4).map(|made| made.end), Some(200));
        assert_eq!(versions.made(5), None);
        versions.cut(3);
        assert_eq!(versions.at(300).map(|made| made.version), Some(2));
    }

    #[test]
    fn what_is_dropped_is_not_judged_too_strictly() {
        let mut versions = Versions::default();
        for version in 1..=2_000 {
            versions.push(made(version, version.unsigned_abs()));
        }
        assert_eq!(versions.kept.len(), KEPT_MAX);
        let at = |time| versions.at(time).map(|made| made.version);
        // Between what is dropped and what is kept nothing is claimed.
        assert_eq!(
            [at(10), at(976), at(977), at(2_000)],
            [None, Some(976), Some(977), Some(2_000)]
        );
    }
}
