//! What has been promised: for each key the least version that must be seen.

use std::collections::BTreeMap;

/// A version with what set it: the moment in which it was written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) version: i64,
    /// When that was known.
    pub(super) at: u64,
}

/// Marks by key; they only rise, until an acknowledged write is lost.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(BTreeMap<usize, Mark>);

impl Marks {
    pub(super) fn get(&self, key: usize) -> Option<Mark> {
        self.0.get(&key).copied()
    }

    pub(super) fn raise(&mut self, key: usize, mark: Mark) {
        // Version 0 is before the first write: everybody has seen it.
        if mark.version > self.get(key).map_or(0, |old| old.version) {
            self.0.insert(key, mark);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (key, mark) in &other.0 {
            self.raise(*key, *mark);
        }
    }

    fn lower(&mut self, key: usize, version: i64) {
        if let Some(mark) = self.0.get_mut(&key) {
            mark.version = mark.version.min(version);
        }
    }
}

/// All that binds the reads of one connection, or of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Floors {
    /// What was written.
    pub(super) written: Marks,
    /// What was read.
    pub(super) read: Marks,
    /// What the writers of what was read had read.
    pub(super) behind: Marks,
}

impl Floors {
    /// As a token does: whatever binds there binds here as well.
    pub(super) fn merge(&mut self, other: &Self) {
        self.written.merge(&other.written);
        self.read.merge(&other.read);
        self.behind.merge(&other.behind);
    }

    /// After a loss nobody can ask for more than what is left.
    pub(super) fn lower(&mut self, key: usize, version: i64) {
        self.written.lower(key, version);
        self.read.lower(key, version);
        self.behind.lower(key, version);
    }
}
