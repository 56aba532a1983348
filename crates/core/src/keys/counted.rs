//! Keys with what is said of their writes: kinds, ages, and how many there are.

use std::collections::btree_map::Entry as Place;
use std::time::Instant;

use afterwrite_types::{Floor, Moment};
use smallvec::smallvec;

use super::tally::{KeyCount, KeyKind, Written};
use super::{Entry, Key, Keys, WriteMark};

/// Set in the keys of tables, and in no others: a kind that needs no room of its own.
const TABLE: u128 = 1 << 127;

impl Key {
    /// The key of something that clients name, from a fingerprint of its name.
    pub fn named(fingerprint: u128) -> Self {
        Self(fingerprint & !TABLE)
    }

    /// The key of a table, or of all of a database, from a fingerprint of its name.
    pub fn table(fingerprint: u128) -> Self {
        Self(fingerprint | TABLE)
    }

    pub(super) fn is_table(self) -> bool {
        self.0 & TABLE != 0
    }
}

impl Keys {
    /// As [`Self::begin_writes`], of writes of which more is known.
    pub fn begin_writes_of(
        &mut self,
        keys: &[Key],
        written: Written,
        now: Moment,
    ) -> Option<WriteMark> {
        self.begin_all(keys, Some(written), now)
    }

    /// Has reads of a key see everything that was written until `now`, whichever way.
    ///
    /// What that is only the primary knows: the next of them asks for its position. Whatever
    /// is under way stays so.
    pub fn raise(&mut self, key: Key, written: Written, now: Moment) {
        let entry = self.entry(key, Some(written), now);
        entry.floor = entry.floor.merge(Floor::since(now), now);
    }

    /// The keys of each kind, as [`KeyKind::ALL`] has them; as quick for a million as for one.
    pub fn counts(&self, at: Instant) -> [(KeyKind, KeyCount); KeyKind::ALL.len()] {
        KeyKind::ALL.map(|kind| (kind, self.tally.count(kind, at)))
    }

    pub(super) fn begin_all(
        &mut self,
        keys: &[Key],
        written: Option<Written>,
        now: Moment,
    ) -> Option<WriteMark> {
        let begin = |key: &Key| {
            self.entry(*key, written, now).pending += 1;
            Some(WriteMark(smallvec![*key]))
        };
        keys.iter().map(begin).reduce(WriteMark::both).flatten()
    }

    /// The entry of a key that is written to, and counted so; room is made for it if need be.
    ///
    /// Nobody can be told of a write without this, so no entry is uncounted.
    pub(super) fn entry(&mut self, key: Key, written: Option<Written>, now: Moment) -> &mut Entry {
        if !self.entries.contains_key(&key) && self.entries.len() >= self.entries_max {
            self.make_room(now);
        }
        match self.entries.entry(key) {
            Place::Vacant(place) => place.insert(Entry {
                floor: self.missing,
                pending: 0,
                tag: self.tally.enter(key, written),
            }),
            Place::Occupied(place) => {
                let entry = place.into_mut();
                if let Some(written) = written {
                    entry.tag = self.tally.write(key, entry.tag, written);
                }
                entry
            }
        }
    }
}
