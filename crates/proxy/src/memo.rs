//! Readings of texts that have been read before. Bounded, and shared by all clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterwrite_session::Reading;
use ahash::RandomState;
use parking_lot::Mutex;

/// Parts with a lock of their own.
const SHARDS: usize = 16;

/// Bytes of all parts together, roughly.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a reading weighs besides its texts, roughly.
const READING_BYTES: usize = 768;

/// Longer texts are read each time; they are hardly ever the same.
const KEY_MAX: usize = 64 * 1024;

/// Readings by the normal form of their text. The hasher has a seed of its own, so that nobody
/// can choose texts that fall together.
#[derive(Debug)]
pub(crate) struct Memo {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    hurried: AtomicU64,
}

type Readings = HashMap<Box<[u8]>, (u64, Arc<Reading>), RandomState>;

/// Two halves: what was used lately, and what was used before that. When the first is full it
/// takes the place of the second, whose readings are gone if nobody has asked for them.
#[derive(Debug, Default)]
struct Shard {
    young: Readings,
    old: Readings,
    young_bytes: usize,
    hits: u64,
    misses: u64,
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
            hurried: AtomicU64::new(0),
        }
    }
}

impl Memo {
    pub(crate) fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    fn shard(&self, key: &[u8]) -> Option<&Mutex<Shard>> {
        let hash = self.hasher.hash_one(key);
        self.shards.get(usize::try_from(hash >> 32).unwrap_or(0) % SHARDS)
    }

    /// The reading of this generation.
    pub(crate) fn get(&self, key: &[u8], generation: u64) -> Option<Arc<Reading>> {
        let mut shard = self.shard(key)?.lock();
        if let Some((known, reading)) = shard.young.get(key)
            && *known == generation
        {
            let reading = Arc::clone(reading);
            shard.hits += 1;
            return Some(reading);
        }
        if let Some((key, (known, reading))) = shard.old.remove_entry(key)
            && known == generation
        {
            shard.hits += 1;
            shard.take_up(key, known, Arc::clone(&reading));
            return Some(reading);
        }
        shard.misses += 1;
        None
    }

    pub(crate) fn put(&self, key: &[u8], generation: u64, reading: &Arc<Reading>) {
        if key.len() > KEY_MAX {
            return;
        }
        if let Some(shard) = self.shard(key) {
            shard.lock().take_up(key.into(), generation, Arc::clone(reading));
        }
    }

    /// A text was read without the grammar.
    pub(crate) fn note_hurried(&self) {
        self.hurried.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a text was known, was read anew, and was read in haste.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let hurried = self.hurried.load(Ordering::Relaxed);
        let mut counts = [0, 0, hurried];
        for shard in &self.shards {
            let shard = shard.lock();
            counts = [counts[0] + shard.hits, counts[1] + shard.misses, hurried];
        }
        counts[1] = counts[1].saturating_sub(hurried);
        counts
    }
}

impl Shard {
    fn take_up(&mut self, key: Box<[u8]>, generation: u64, reading: Arc<Reading>) {
        let bytes = key.len() + reading.footprint.len() + READING_BYTES;
        if self.young_bytes + bytes > BYTES_MAX / SHARDS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, (generation, reading));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_texts_stays_within_bounds_and_what_is_used_stays() {
        let memo = Memo::default();
        let reading = Arc::new(Reading::of_words(b"SELECT 1"));
        let count = 4 * BYTES_MAX / READING_BYTES;
        memo.put(b"used", 0, &reading);
        for number in 0..count {
            memo.put(&number.to_be_bytes(), 0, &reading);
            if number % 1000 == 0 {
                assert!(memo.get(b"used", 0).is_some(), "{number}");
            }
        }
        let kept: usize = memo
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock();
                shard.young.len() + shard.old.len()
            })
            .sum();
        assert!(kept * READING_BYTES <= BYTES_MAX, "{kept} are kept");
        assert!(memo.get(&0_usize.to_be_bytes(), 0).is_none());
    }

    #[test]
    fn a_reading_holds_for_its_generation() {
        let memo = Memo::default();
        memo.put(b"a", 1, &Arc::new(Reading::of_words(b"SELECT 1")));
        assert!(memo.get(b"a", 1).is_some());
        assert!(memo.get(b"a", 2).is_none());
        assert_eq!(memo.counts(), [1, 1, 0]);
    }
}
