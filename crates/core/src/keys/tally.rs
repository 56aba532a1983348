//! How many keys there are of what kind, and how old: counted along, never by looking at all.

use std::time::{Duration, Instant};

use afterwrite_types::Source;

use super::Key;
use super::ages::Ages;

/// What a key is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A key that clients name, last written to by adding something.
    Creation,
    /// One that was last written to in any other way.
    Update,
    /// One whose floor was raised on request.
    Manual,
    /// A table, or all of a database, in table scope.
    Table,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Creation, Self::Update, Self::Manual, Self::Table];

    /// The name in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creation => Source::Creation.name(),
            Self::Update => Source::Update.name(),
            Self::Manual => Source::Manual.name(),
            Self::Table => "table",
        }
    }

    fn of(key: Key, source: Source) -> Self {
        match source {
            _ if key.is_table() => Self::Table,
            Source::Creation => Self::Creation,
            Source::Update => Self::Update,
            Source::Manual => Self::Manual,
        }
    }
}

/// What a write is that keys are noted for.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Its kind; `None` if nothing is known to be written, and keys are noted only to be sure.
    pub source: Option<Source>,
    /// When it was sent; used for nothing but statistics.
    pub at: Instant,
}

/// The keys of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCount {
    /// How many are remembered.
    pub keys: usize,
    /// How long ago the oldest was last written to: whole seconds, and up to a 32nd too much.
    pub oldest: Duration,
    /// Since each was last written to, all together, in whole seconds each.
    pub ages: Duration,
    /// Since each is remembered, all together, in whole seconds each.
    pub known: Duration,
    /// How many were dropped to make room, so far.
    pub evicted: u64,
}

impl KeyCount {
    /// How long ago they were last written to, on average.
    pub fn average_age(&self) -> Duration {
        self.average(self.ages)
    }

    /// How long they have been remembered, on average.
    pub fn average_known(&self) -> Duration {
        self.average(self.known)
    }

    fn average(&self, sum: Duration) -> Duration {
        let keys = u32::try_from(self.keys).unwrap_or(u32::MAX);
        sum.checked_div(keys).unwrap_or_default()
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            keys: self.keys + other.keys,
            oldest: self.oldest.max(other.oldest),
            ages: self.ages.saturating_add(other.ages),
            known: self.known.saturating_add(other.known),
            evicted: self.evicted + other.evicted,
        }
    }
}

/// What an entry tells of its key's writes: no more than 12 bytes, for there are a million.
///
/// Seconds count from when the first key was noted; they last for 136 years.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) source: Source,
    /// Since when the key is there.
    since: u32,
    /// When it was last written to.
    written: u32,
}

/// Counts and sums of all entries' tags.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// When seconds began to be counted.
    origin: Option<Instant>,
    /// The latest second that was seen: the clock that is handed in may be read by many.
    latest: u32,
    kinds: [Sums; KeyKind::ALL.len()],
}

#[derive(Debug, Default)]
struct Sums {
    keys: usize,
    since: u64,
    written: u64,
    ages: Ages,
    evicted: u64,
}

impl Tally {
    /// Counts a new entry.
    pub(super) fn enter(&mut self, key: Key, written: Option<Written>) -> Tag {
        let second = self.second(written.map(|it| it.at));
        let source = written.and_then(|it| it.source).unwrap_or_default();
        let tag = Tag { source, since: second, written: second };
        self.add(key, tag);
        tag
    }

    /// Counts a further write of an entry.
    pub(super) fn write(&mut self, key: Key, tag: Tag, written: Written) -> Tag {
        let second = self.second(Some(written.at));
        let Some(source) = written.source else { return tag };
        let new = Tag { source, written: second, ..tag };
        // Most writes come many to a second.
        if (new.source, new.written) != (tag.source, tag.written) {
            self.remove(key, tag);
            self.add(key, new);
        }
        new
    }

    /// Counts an entry no more, since it makes room for others.
    pub(super) fn evict(&mut self, key: Key, tag: Tag) {
        self.remove(key, tag);
        self.sums(key, tag).evicted += 1;
    }

    /// Those of one kind.
    pub(super) fn count(&self, kind: KeyKind, at: Instant) -> KeyCount {
        let Some(sums) = self.kinds.get(kind as usize) else { return KeyCount::default() };
        let now = self.seconds_at(at).max(self.latest);
        let keys = u64::try_from(sums.keys).unwrap_or(u64::MAX);
        let ages = |sum: u64| u64::from(now).saturating_mul(keys).saturating_sub(sum);
        let oldest = sums.ages.oldest().unwrap_or(now);
        KeyCount {
            keys: sums.keys,
            oldest: Duration::from_secs(now.saturating_sub(oldest).into()),
            ages: Duration::from_secs(ages(sums.written)),
            known: Duration::from_secs(ages(sums.since)),
            evicted: sums.evicted,
        }
    }

    fn add(&mut self, key: Key, tag: Tag) {
        let sums = self.sums(key, tag);
        sums.keys += 1;
        sums.since += u64::from(tag.since);
        sums.written += u64::from(tag.written);
        sums.ages.add(tag.written);
    }

    fn remove(&mut self, key: Key, tag: Tag) {
        let sums = self.sums(key, tag);
        sums.keys = sums.keys.saturating_sub(1);
        sums.since = sums.since.saturating_sub(tag.since.into());
        sums.written = sums.written.saturating_sub(tag.written.into());
        sums.ages.remove(tag.written);
    }

    fn sums(&mut self, key: Key, tag: Tag) -> &mut Sums {
        let [creation, update, manual, table] = &mut self.kinds;
        match KeyKind::of(key, tag.source) {
            KeyKind::Creation => creation,
            KeyKind::Update => update,
            KeyKind::Manual => manual,
            KeyKind::Table => table,
        }
    }

    /// The second of this instant, never before one that was seen already.
    fn second(&mut self, at: Option<Instant>) -> u32 {
        if let Some(at) = at {
            self.origin.get_or_insert(at);
            self.latest = self.latest.max(self.seconds_at(at));
        }
        self.latest
    }

    fn seconds_at(&self, at: Instant) -> u32 {
        let since = self.origin.map_or(Duration::ZERO, |it| at.saturating_duration_since(it));
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
