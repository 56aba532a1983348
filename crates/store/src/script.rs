//! What runs in the store: raises floors and reads them, all of it at once.

use std::collections::BTreeMap;

use afterwrite_core::{Key, StoreLife};
use afterwrite_types::{Line, Lsn};
use redis::{Script, ScriptInvocation, Value};

use crate::error::StoreError;

/// Floors per line of history. Many keys share one: a read then waits for a write of another
/// key, for as long as a replica trails that one.
pub(crate) const SLOTS: u16 = 16_384;

/// After how long what nobody uses is removed. Whoever comes back later finds another life.
const UNUSED_FOR_MS: u64 = 7 * 24 * 3600 * 1000;

/// Positions are compared in halves: numbers here are doubles, and strings are ordered as the
/// server's locale has it.
///
/// The life is made of a number in the data itself, which goes when that is emptied, and of the
/// server's replication id, which changes with each start and each promotion: then the last
/// writes may be missing.
const SOURCE: &str = r"
local key, count = KEYS[1], tonumber(ARGV[3])
redis.call('HSETNX', key, 'life', ARGV[1])
local life = redis.call('HGET', key, 'life')
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local function half(text, first)
  return tonumber(string.sub(text, first, first + 7), 16)
end
for at = 4, 2 + 2 * count, 2 do
  local slot, lsn = ARGV[at], ARGV[at + 1]
  local known = redis.call('HGET', key, slot)
  local higher = not known or half(lsn, 1) > half(known, 1)
    or half(lsn, 1) == half(known, 1) and half(lsn, 9) > half(known, 9)
  if higher then redis.call('HSET', key, slot, lsn) end
end
redis.call('PEXPIRE', key, ARGV[2])
local answer = { life .. ' ' .. (replication or '') }
for at = 4 + 2 * count, #ARGV do
  answer[#answer + 1] = redis.call('HGET', key, ARGV[at]) or ''
end
return answer
";

pub(crate) fn script() -> Script {
    Script::new(SOURCE)
}

/// Questions of one line, put together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    raises: BTreeMap<u16, Lsn>,
    reads: BTreeMap<u16, Option<Lsn>>,
}

pub(crate) fn slot(key: Key) -> u16 {
    key.slot(SLOTS)
}

impl Batch {
    pub(crate) fn raise(&mut self, key: Key, lsn: Lsn) {
        let known = self.raises.entry(slot(key)).or_insert(lsn);
        *known = lsn.max(*known);
    }

    pub(crate) fn read(&mut self, key: Key) {
        self.reads.insert(slot(key), None);
    }

    /// The highest floor of these keys, once it was answered.
    pub(crate) fn floor(&self, keys: &[Key]) -> Option<Lsn> {
        keys.iter().filter_map(|key| self.reads.get(&slot(*key)).copied().flatten()).max()
    }

    pub(crate) fn invocation<'a>(
        &self,
        script: &'a Script,
        name: &str,
        line: Line,
        fresh: u64,
    ) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        // The braces keep it in one place of a Redis Cluster.
        let (system, timeline) = (line.system.0, line.timeline.0);
        call.key(format!("afterwrite:{{{name}}}:floors:{system:016x}:{timeline:x}"))
            .arg(format!("{fresh:016x}"))
            .arg(UNUSED_FOR_MS)
            .arg(self.raises.len());
        for (slot, lsn) in &self.raises {
            call.arg(*slot).arg(format!("{:016x}", lsn.0));
        }
        for slot in self.reads.keys() {
            call.arg(*slot);
        }
        call
    }

    /// Takes up what the script has answered.
    pub(crate) fn answered(&mut self, answer: &Value) -> Result<StoreLife, StoreError> {
        let Value::Array(values) = answer else {
            return Err(StoreError::Unexpected("no list in it"));
        };
        let mut values = values.iter().map(text);
        let life = values.next().flatten().filter(|life| life.len() > LIFE_LEN_MIN);
        let life = life.ok_or(StoreError::Unexpected("no life in it"))?;
        for floor in self.reads.values_mut() {
            let value = values.next().flatten().ok_or(StoreError::Unexpected("too few floors"))?;
            *floor = match value {
                "" => None,
                digits => {
                    let lsn = u64::from_str_radix(digits, 16);
                    Some(Lsn(lsn.map_err(|_| StoreError::Unexpected("a floor that is none"))?))
                }
            };
        }
        Ok(StoreLife(fingerprint(life)))
    }
}

/// 16 digits, a space, and something of a replication id.
const LIFE_LEN_MIN: usize = 16 + 1 + 8;

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// FNV-1a of 64 bits: every proxy must make the same of it.
fn fingerprint(text: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    text.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: &str = "00000000000000aa 0123456789012345678901234567890123456789";

    fn answer(parts: &[&str]) -> Value {
        let bulk = |part: &&str| Value::BulkString(part.as_bytes().to_vec());
        Value::Array(parts.iter().map(bulk).collect())
    }

    /// Keys that fall into different slots.
    fn keys(count: usize) -> Vec<Key> {
        let mut seen = std::collections::BTreeSet::new();
        (0..)
            .map(|number| Key(number * 7919))
            .filter(|key| seen.insert(slot(*key)))
            .take(count)
            .collect()
    }

    #[test]
    fn keys_are_spread_over_all_slots() {
        let mut used = vec![0; usize::from(SLOTS)];
        for number in 0..163_840_u128 {
            used[usize::from(slot(Key(number << 40)))] += 1;
        }
        assert!(used.iter().all(|count| (1..40).contains(count)), "{:?}", used.iter().max());
    }

    #[test]
    fn floors_come_back_to_those_who_asked() {
        let keys = keys(3);
        let mut batch = Batch::default();
        for key in &keys {
            batch.read(*key);
        }
        let values: Vec<_> = batch
            .reads
            .keys()
            .map(|slot| {
                if *slot == self::slot(keys[1]) {
                    "00000001fffffff0".to_owned()
                } else {
                    String::new()
                }
            })
            .collect();
        let parts: Vec<_> =
            std::iter::once(LIFE).chain(values.iter().map(String::as_str)).collect();
        batch.answered(&answer(&parts)).unwrap();
        assert_eq!(batch.floor(&keys), Some(Lsn(0x1_ffff_fff0)));
        assert_eq!(batch.floor(&keys[..1]), None);
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        let mut batch = Batch::default();
        batch.read(Key(1));
        for parts in [&[][..], &[LIFE], &[LIFE, "xyz"], &["00000000000000aa ", ""]] {
            assert!(batch.answered(&answer(parts)).is_err(), "{parts:?}");
        }
        assert!(batch.answered(&Value::Nil).is_err());
        assert!(batch.answered(&answer(&[LIFE, ""])).is_ok());
    }

    #[test]
    fn another_server_or_other_data_is_another_life() {
        let life = |text: &str| Batch::default().answered(&answer(&[text])).unwrap();
        assert_eq!(life(LIFE), life(LIFE));
        assert_ne!(life(LIFE), life(&LIFE.replace("aa", "ab")));
        assert_ne!(
            life(LIFE),
            life(&LIFE.replace("0123456789 ", "9123456789 ").replace("9012", "9013"))
        );
    }

    #[test]
    fn the_higher_of_two_raises_counts_in_any_order() {
        for lsns in [[5, 9], [9, 5], [9, 9]] {
            let mut batch = Batch::default();
            for lsn in lsns {
                batch.raise(Key(1), Lsn(lsn));
            }
            assert_eq!(batch.raises.values().collect::<Vec<_>>(), [&Lsn(9)]);
        }
    }
}
