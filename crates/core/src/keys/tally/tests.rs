use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use afterwrite_types::{Fence, Floor, Line, Lsn, Moment, Need, Position, SystemId, Timeline};
use proptest::prelude::*;

use super::*;
use crate::keys::{Entry, Keys, WriteMark};

fn at(lsn: u64) -> Position {
    Position { line: Line { system: SystemId(7), timeline: Timeline(1) }, lsn: Lsn(lsn) }
}

fn written(source: Source, at: Instant) -> Written {
    Written { source: Some(source), at }
}

fn count(keys: &Keys, kind: KeyKind, at: Instant) -> KeyCount {
    keys.counts(at).into_iter().find(|it| it.0 == kind).unwrap().1
}

fn write(keys: &mut Keys, key: Key, written: Written) {
    let mark = keys.begin_writes_of(&[key], written, Moment(1)).unwrap();
    keys.end_write(mark, Floor::at(at(100)), Moment(1));
}

#[test]
fn a_key_is_counted_as_what_it_was_last_written_by() {
    let (mut keys, start) = (Keys::new(9, Moment(0)), Instant::now());
    let later = |secs| start + Duration::from_secs(secs);
    let table = Key::table(1);
    assert_eq!(table, Key::table(table.0), "a table's key is no other's");
    assert_ne!(Key::named(table.0), table);
    write(&mut keys, Key::named(1), written(Source::Creation, start));
    write(&mut keys, Key::named(2), written(Source::Creation, later(4)));
    write(&mut keys, table, written(Source::Update, later(4)));
    let created = count(&keys, KeyKind::Creation, later(10));
    assert_eq!((created.keys, created.oldest), (2, Duration::from_secs(10)));
    assert_eq!(created.average_age(), Duration::from_secs(8));
    assert_eq!(count(&keys, KeyKind::Table, later(10)).keys, 1);
    assert_eq!(count(&keys, KeyKind::Update, later(10)), KeyCount::default());
    write(&mut keys, Key::named(1), written(Source::Update, later(10)));
    let updated = count(&keys, KeyKind::Update, later(12));
    assert_eq!((updated.keys, updated.oldest), (1, Duration::from_secs(2)));
    assert_eq!(updated.average_known(), Duration::from_secs(12), "but it is there for longer");
    assert_eq!(count(&keys, KeyKind::Creation, later(12)).oldest, Duration::from_secs(8));
    write(&mut keys, Key::named(2), Written { source: None, at: later(13) });
    let unchanged = count(&keys, KeyKind::Creation, later(13));
    assert_eq!((unchanged.keys, unchanged.oldest), (1, Duration::from_secs(9)), "no write at all");
}

#[test]
fn a_clock_that_seems_to_run_backwards_makes_no_age_negative() {
    let (mut keys, start) = (Keys::new(9, Moment(0)), Instant::now());
    write(&mut keys, Key(1), written(Source::Update, start + Duration::from_secs(9)));
    write(&mut keys, Key(2), written(Source::Update, start));
    write(&mut keys, Key(1), written(Source::Update, start));
    let all = count(&keys, KeyKind::Update, start);
    assert_eq!((all.keys, all.oldest, all.ages), (2, Duration::ZERO, Duration::ZERO));
}

#[test]
fn what_is_dropped_is_counted_as_such() {
    let (mut keys, start) = (Keys::new(4, Moment(0)), Instant::now());
    for key in 0..40 {
        write(&mut keys, Key(key), written(Source::Creation, start));
    }
    let all = count(&keys, KeyKind::Creation, start);
    assert_eq!(all.keys, keys.len());
    assert_eq!(all.evicted, 40 - u64::try_from(keys.len()).unwrap());
}

#[test]
fn a_raised_key_asks_for_a_fence_and_is_manual() {
    let (mut keys, start) = (Keys::new(9, Moment(0)), Instant::now());
    keys.resolve(Key(0), Fence { position: at(10), asked: Moment(1) });
    write(&mut keys, Key(1), written(Source::Update, start));
    assert_eq!(keys.floor(Key(1)).floor.need(), Need::Position(at(100)));
    for key in [Key(1), Key(2)] {
        keys.raise(key, written(Source::Manual, start), Moment(5));
        let floor = keys.floor(key);
        assert_eq!((floor.floor.need(), floor.pending), (Need::Fence(Moment(5)), false));
        keys.resolve(key, Fence { position: at(200), asked: Moment(5) });
        assert_eq!(keys.floor(key).floor.need(), Need::Fence(Moment(5)), "asked too early");
    }
    assert_eq!(keys.floor(Key(3)).floor.need(), Need::Position(at(10)), "and no other key");
    assert_eq!(count(&keys, KeyKind::Manual, start).keys, 2);
    keys.resolve(Key(2), Fence { position: at(300), asked: Moment(6) });
    assert_eq!(keys.floor(Key(2)).floor.need(), Need::Position(at(300)));
}

#[test]
fn a_raised_key_that_is_dropped_raises_all_that_are_not_found() {
    let mut keys = Keys::new(4, Moment(0));
    keys.resolve(Key(0), Fence { position: at(10), asked: Moment(1) });
    keys.raise(Key(1), written(Source::Manual, Instant::now()), Moment(5));
    keys.set_max(1, Moment(5));
    for key in 10..20 {
        write(&mut keys, Key(key), written(Source::Update, Instant::now()));
    }
    assert_eq!(keys.floor(Key(1)).floor.need(), Need::Fence(Moment(5)));
}

/// A million keys are the default.
#[test]
fn an_entry_is_hardly_larger_for_what_it_tells() {
    struct Untold {
        _floor: Floor,
        _pending: u32,
    }
    let grown = size_of::<Entry>() - size_of::<Untold>();
    assert!(size_of::<Tag>() <= 12 && grown <= 16, "{grown} bytes more");
}

/// What `Keys::counts` must say, found by looking at each entry.
fn recount(keys: &Keys, kind: KeyKind, at: Instant) -> (usize, u64, u64, u32) {
    let tally = &keys.tally;
    let now = tally.seconds_at(at).max(tally.latest);
    let of_kind = keys.entries.iter().filter(|(key, it)| KeyKind::of(**key, it.tag.source) == kind);
    of_kind.fold((0, 0, 0, 0), |(keys, ages, known, oldest), (_, entry)| {
        let (age, since) = (now - entry.tag.written, now - entry.tag.since);
        (keys + 1, ages + u64::from(age), known + u64::from(since), oldest.max(age))
    })
}

#[derive(Clone, Debug)]
enum Step {
    Begin { key: u8, table: bool, source: Option<Source>, clock: bool },
    End,
    Raise(u8),
    Max(usize),
    Pause(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let source = prop::option::weighted(0.9, prop::sample::select(Source::ALL.to_vec()));
    let begin = (0u8..24, any::<bool>(), source, prop::bool::weighted(0.9));
    prop_oneof![
        8 => begin.prop_map(|(key, table, source, clock)| Step::Begin { key, table, source, clock }),
        6 => Just(Step::End),
        1 => (0u8..24).prop_map(Step::Raise),
        1 => (1usize..30).prop_map(Step::Max),
        3 => (-5i64..4000).prop_map(Step::Pause),
    ]
}

proptest! {
    #[test]
    fn counts_are_what_a_recount_finds(steps in prop::collection::vec(step(), 1..300)) {
        let start = Instant::now() + Duration::from_secs(1000);
        let (mut keys, mut clock, mut lsn) = (Keys::new(12, Moment(0)), start, 100);
        let mut marks: Vec<WriteMark> = Vec::new();
        let mut gone: BTreeMap<&str, u64> = BTreeMap::new();
        for step in steps {
            let before: Vec<_> = keys.entries.iter().map(|(key, it)| (*key, it.tag.source)).collect();
            match step {
                Step::Begin { key, table, source, clock: told } => {
                    let key = if table { Key::table(key.into()) } else { Key::named(key.into()) };
                    marks.push(if told {
                        keys.begin_writes_of(&[key], Written { source, at: clock }, Moment(1)).unwrap()
                    } else {
                        keys.begin_write(key, Moment(1))
                    });
                }
                Step::End => if let Some(mark) = marks.pop() {
                    lsn += 1;
                    keys.end_write(mark, Floor::at(at(lsn)), Moment(1));
                },
                Step::Raise(key) => {
                    keys.raise(Key::named(key.into()), written(Source::Manual, clock), Moment(1));
                }
                Step::Max(most) => keys.set_max(most, Moment(1)),
                Step::Pause(secs) if secs < 0 => clock -= Duration::from_secs(secs.unsigned_abs()),
                Step::Pause(secs) => clock += Duration::from_secs(secs.unsigned_abs()),
            }
            for (key, source) in before {
                if !keys.entries.contains_key(&key) {
                    *gone.entry(KeyKind::of(key, source).name()).or_default() += 1;
                }
            }
            for (kind, told) in keys.counts(clock) {
                let (found, ages, known, oldest) = recount(&keys, kind, clock);
                prop_assert_eq!(told.keys, found);
                prop_assert_eq!(told.ages, Duration::from_secs(ages));
                prop_assert_eq!(told.known, Duration::from_secs(known));
                prop_assert_eq!(told.evicted, gone.get(kind.name()).copied().unwrap_or_default());
                let oldest = Duration::from_secs(oldest.into());
                prop_assert!(told.oldest >= oldest && told.oldest <= oldest + oldest / 32);
            }
        }
    }
}
