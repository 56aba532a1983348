//! Floors shared by every connection that names the same key.
//!
//! Bounded, and nothing is forgotten unsafely: whatever is dropped raises the
//! floor of all keys that are *not* found. No entry ever expires by time.

mod ages;
mod counted;
mod tally;

use std::collections::BTreeMap;

use afterwrite_types::{Fence, Floor, History, Line, Lsn, Moment, Orphan};
use smallvec::{SmallVec, smallvec};

pub use self::tally::{KeyCount, KeyKind, Written};
use self::tally::{Tag, Tally};

/// A key's fingerprint: 128 bits, so that two keys practically never share one
/// (and if they did, both would only read fresher than they must).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// Which of `slots` it belongs to, where there is no room for each key of its own.
    pub fn slot(self, slots: u16) -> u16 {
        const ODD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        let spread = (self.0 ^ (self.0 >> 64)).wrapping_mul(ODD) >> 64;
        u16::try_from(spread % u128::from(slots.max(1))).unwrap_or_default()
    }
}

/// A write of one key or several that has been sent and whose position is not recorded yet.
///
/// Must be handed back with [`Keys::end_write`], whatever became of the write.
#[derive(Debug)]
#[must_use = "a write that never ends keeps its key's reads on the primary"]
pub struct WriteMark(SmallVec<[Key; 1]>);

impl WriteMark {
    /// The keys that it is a write of.
    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Both writes as one: they end together.
    pub fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(mut one), Some(other)) => {
                one.0.extend(other.0);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }
}

/// What a read of a key must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFloor {
    /// The least that must be seen.
    pub floor: Floor,
    /// Whether a write is under way, so that not even the floor is known.
    pub pending: bool,
}

#[derive(Debug)]
struct Entry {
    floor: Floor,
    pending: u32,
    tag: Tag,
}

/// The floors of all keys.
#[derive(Debug)]
pub struct Keys {
    entries: BTreeMap<Key, Entry>,
    entries_max: usize,
    missing: Floor,
    tally: Tally,
}

impl Keys {
    /// An empty map of at most `entries_max` keys.
    ///
    /// What was written before `boot` through another process is not known, so
    /// a key that is not found asks for a fence later than that.
    pub fn new(entries_max: usize, boot: Moment) -> Self {
        Self {
            entries: BTreeMap::new(),
            entries_max: entries_max.max(1),
            missing: Floor::since(boot),
            tally: Tally::default(),
        }
    }

    /// Remembers at most so many from now on. What is too much is dropped, and raises the
    /// floor of all keys that are not found; only writes under way are kept beyond that.
    pub fn set_max(&mut self, entries_max: usize, now: Moment) {
        self.entries_max = entries_max.max(1);
        let mut before = usize::MAX;
        while self.entries.len() > self.entries_max && self.entries.len() < before {
            before = self.entries.len();
            self.make_room(now);
        }
    }

    /// What a read of `key` must see.
    pub fn floor(&self, key: Key) -> KeyFloor {
        match self.entries.get(&key) {
            Some(entry) => KeyFloor { floor: entry.floor, pending: entry.pending > 0 },
            None => KeyFloor { floor: self.missing, pending: false },
        }
    }

    /// What a read must see that names all of these keys; `None` if it names none.
    pub fn floors(&self, keys: &[Key], now: Moment) -> Option<KeyFloor> {
        keys.iter().map(|key| self.floor(*key)).reduce(|one, other| KeyFloor {
            floor: one.floor.merge(other.floor, now),
            pending: one.pending || other.pending,
        })
    }

    /// Records that a write of these keys is about to be sent; `None` if there are none.
    pub fn begin_writes(&mut self, keys: &[Key], now: Moment) -> Option<WriteMark> {
        self.begin_all(keys, None, now)
    }

    /// Records that a write is about to be sent. Called *before* it is.
    pub fn begin_write(&mut self, key: Key, now: Moment) -> WriteMark {
        self.entry(key, None, now).pending += 1;
        WriteMark(smallvec![key])
    }

    /// Records what became of a write: `floor` covers it.
    pub fn end_write(&mut self, mark: WriteMark, floor: Floor, now: Moment) {
        let WriteMark(keys) = mark;
        for key in keys {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.pending = entry.pending.saturating_sub(1);
                entry.floor = entry.floor.merge(floor, now);
            }
        }
    }

    /// Asks for a fence for a key whose floor is not on `line`, the primary's.
    pub fn distrust(&mut self, key: Key, line: Line, now: Moment) {
        match self.entries.get_mut(&key) {
            Some(entry) => entry.floor.distrust(line, now),
            None => self.missing.distrust(line, now),
        }
    }

    /// Tells a key's floor as one of the primary's line of history; says so, once, if it
    /// is an orphan.
    pub fn place(&mut self, key: Key, history: &History, now: Moment) -> Option<Orphan> {
        match self.entries.get_mut(&key) {
            Some(entry) => entry.floor.place(history, now),
            None => self.missing.place(history, now),
        }
    }

    /// Lets every key that waits for a fence use this one.
    pub fn resolve(&mut self, key: Key, fence: Fence) {
        self.missing.resolve(fence);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.floor.resolve(fence);
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops the lower half of the entries that have no write under way.
    fn make_room(&mut self, now: Moment) {
        let mut positions: Vec<Lsn> = self
            .entries
            .values()
            .filter(|entry| entry.pending == 0)
            .map(|entry| entry.floor.position().map_or(Lsn(0), |at| at.lsn))
            .collect();
        if positions.is_empty() {
            return;
        }
        let middle = positions.len() / 2;
        let (_, &mut middle, _) = positions.select_nth_unstable(middle);
        let mut missing = self.missing;
        let tally = &mut self.tally;
        self.entries.retain(|key, entry| {
            let lsn = entry.floor.position().map_or(Lsn(0), |at| at.lsn);
            let keep = entry.pending > 0 || lsn > middle;
            if !keep {
                missing = missing.merge(entry.floor, now);
                tally.evict(*key, entry.tag);
            }
            keep
        });
        self.missing = missing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Need, Position, SystemId, Timeline};
    use proptest::prelude::*;

    fn at(lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(1) }, lsn: Lsn(lsn) }
    }

    fn booted(entries_max: usize) -> Keys {
        let mut keys = Keys::new(entries_max, Moment(0));
        keys.resolve(Key(0), Fence { position: at(10), asked: Moment(1) });
        keys
    }

    fn write(keys: &mut Keys, key: u128, lsn: u64) {
        let mark = keys.begin_write(Key(key), Moment(1));
        keys.end_write(mark, Floor::at(at(lsn)), Moment(1));
    }

    #[test]
    fn a_key_nobody_wrote_has_the_floor_of_the_start() {
        assert_eq!(Keys::new(9, Moment(4)).floor(Key(1)).floor.need(), Need::Fence(Moment(4)));
        assert_eq!(booted(9).floor(Key(1)).floor.need(), Need::Position(at(10)));
    }

    #[test]
    fn a_write_under_way_is_pending_until_it_ends() {
        let mut keys = booted(9);
        let first = keys.begin_write(Key(1), Moment(1));
        let second = keys.begin_write(Key(1), Moment(1));
        assert!(keys.floor(Key(1)).pending);
        assert!(!keys.floor(Key(2)).pending);
        keys.end_write(first, Floor::at(at(50)), Moment(1));
        assert!(keys.floor(Key(1)).pending);
        keys.end_write(second, Floor::at(at(40)), Moment(1));
        let floor = keys.floor(Key(1));
        assert!(!floor.pending);
        assert_eq!(floor.floor.need(), Need::Position(at(50)));
    }

    #[test]
    fn a_write_may_have_several_keys_and_a_read_too() {
        let mut keys = booted(9);
        let now = Moment(1);
        assert!(keys.begin_writes(&[], now).is_none() && keys.floors(&[], now).is_none());
        write(&mut keys, 1, 20);
        let mark = keys.begin_writes(&[Key(2), Key(3)], now);
        let late = keys.begin_writes(&[Key(4)], now);
        for key in 2..5 {
            assert!(keys.floors(&[Key(1), Key(key)], now).unwrap().pending, "{key}");
        }
        keys.end_write(WriteMark::both(mark, late).unwrap(), Floor::at(at(50)), now);
        for key in 2..5 {
            let both = keys.floors(&[Key(1), Key(key)], now).unwrap();
            assert_eq!((both.floor.need(), both.pending), (Need::Position(at(50)), false), "{key}");
        }
        assert_eq!(keys.floors(&[Key(1)], now).unwrap().floor.need(), Need::Position(at(20)));
    }

    #[test]
    fn a_full_map_of_pending_writes_still_takes_one_more() {
        let mut keys = booted(2);
        let marks: Vec<_> = (0..4).map(|key| keys.begin_write(Key(key), Moment(1))).collect();
        for mark in marks {
            keys.end_write(mark, Floor::at(at(99)), Moment(1));
        }
        assert_eq!(keys.floor(Key(3)).floor.need(), Need::Position(at(99)));
    }

    #[test]
    fn what_a_smaller_map_drops_raises_the_floor_of_all_that_are_not_found() {
        let mut keys = booted(100);
        for key in 0..50 {
            write(&mut keys, key, 100 + u64::try_from(key).unwrap());
        }
        let under_way = keys.begin_write(Key(200), Moment(1));
        keys.set_max(2, Moment(2));
        assert!(keys.len() <= 2, "{}", keys.len());
        assert!(keys.floor(Key(200)).pending, "a write under way is not dropped");
        for key in 0..50 {
            let known = keys.floor(Key(key)).floor.position().map(|at| at.lsn);
            assert!(known >= Some(Lsn(100 + u64::try_from(key).unwrap())), "key {key}: {known:?}");
        }
        keys.end_write(under_way, Floor::at(at(300)), Moment(3));
        assert_eq!(keys.floor(Key(200)).floor.need(), Need::Position(at(300)));
    }

    #[test]
    fn a_larger_map_takes_more_and_one_full_of_writes_under_way_keeps_them() {
        let mut keys = booted(1);
        keys.set_max(4, Moment(1));
        let marks: Vec<_> = (0..4).map(|key| keys.begin_write(Key(key), Moment(1))).collect();
        assert_eq!(keys.len(), 4);
        keys.set_max(1, Moment(1));
        assert_eq!(keys.len(), 4);
        for mark in marks {
            keys.end_write(mark, Floor::at(at(99)), Moment(1));
        }
        keys.set_max(1, Moment(1));
        assert!(keys.is_empty());
        assert_eq!(keys.floor(Key(3)).floor.need(), Need::Position(at(99)));
    }

    #[test]
    fn a_keys_past_is_placed_once_and_so_is_that_of_all_that_are_not_found() {
        let mut keys = booted(9);
        write(&mut keys, 1, 100);
        write(&mut keys, 2, 101);
        let line = Line { timeline: Timeline(2), ..at(0).line };
        let history = History::parse(line, b"1\t0/64\tw\n").unwrap();
        let mut place = |key| keys.place(Key(key), &history, Moment(5));
        assert_eq!([1, 3].map(&mut place), [None, None]);
        assert_eq!(
            [2, 2].map(&mut place).map(|it| it.map(|it| it.position)),
            [Some(at(101)), None]
        );
        let here = |lsn| Need::Position(Position { line, lsn: Lsn(lsn) });
        assert_eq!(keys.floor(Key(1)).floor.need(), here(100));
        assert_eq!(keys.floor(Key(2)).floor.need(), Need::Fence(Moment(5)));
        assert_eq!(keys.floor(Key(3)).floor.need(), here(10));
    }

    proptest! {
        /// However small the map, no key's floor ever sinks below its own last write.
        #[test]
        fn eviction_never_lowers_a_floor(
            entries_max in 1usize..6,
            writes in prop::collection::vec((0u128..12, 11u64..1000), 1..80),
        ) {
            let mut keys = booted(entries_max);
            let mut last = BTreeMap::new();
            for (key, lsn) in writes {
                write(&mut keys, key, lsn);
                let highest = last.entry(key).or_insert(lsn);
                *highest = lsn.max(*highest);
                for (&key, &lsn) in &last {
                    let known = keys.floor(Key(key)).floor.position().map(|at| at.lsn);
                    prop_assert!(known >= Some(Lsn(lsn)), "key {key}: {known:?} below {lsn}");
                }
                prop_assert!(keys.len() <= entries_max + 1);
            }
        }
    }
}
