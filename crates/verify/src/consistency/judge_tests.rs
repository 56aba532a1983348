//! Hand-written histories, each check both ways; and violations put into random ones.
use proptest::prelude::*;

use super::*;
use crate::consistency::history::{Second, Seen};
use crate::consistency::words::Level;
use crate::guarantee::{ReadShape, WriteShape};

/// Two sessions with two keys each: 0 and 1 are session 0's, 2 and 3 session 1's.
fn header(scope: Scope, level: Level) -> Header {
    Header {
        afterwrite_history: Header::form(),
        target: "by hand".to_owned(),
        seed: 0,
        sessions: 2,
        keys: 2,
        scopes: vec![scope],
        level,
        bound_us: 100,
        checks: Check::ALL.to_vec(),
        split: false,
        expect_failover: false,
    }
}

/// An event as one line; `0.1` is connection 1 of session 0.
///
/// ```text
/// write 0.0 key=2 version=5 at=10-20     version=told nothing, or version=unknown outcome
/// read  0.0 key=2 version=5 at=30-40     and second=5, later=5, after=2:5; version=none
/// connect 0.0     take 0.0 token=1       tell 0.1 token=1
/// ```
fn parsed(described: &str) -> Event {
    let mut words = described.split_whitespace();
    let (op, place) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (whose, which) = place.split_once('.').unwrap_or((place, "0"));
    let (session, lane) = (whose.parse().unwrap_or(0), which.parse().unwrap_or(0));
    let fields: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
    let text = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let number = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
    let index = |name: &str| usize::try_from(number(name).unwrap_or(0)).unwrap_or(0);
    let (begin, end) = text("at").and_then(|at| at.split_once('-')).unwrap_or(("0", "0"));
    let (begin, end) = (begin.parse().unwrap_or(0), end.parse().unwrap_or(0));
    let (key, version) = (index("key"), number("version"));
    match op {
        "connect" => Event::Connect { at: 0, session, lane },
        "take" | "tell" => {
            let token = index("token") as u64;
            if op == "take" {
                Event::Take { at: 0, session, lane, token }
            } else {
                Event::Tell { at: 0, session, lane, token }
            }
        }
        "write" => {
            let unknown = text("version") == Some("unknown");
            let outcome = if unknown { Outcome::Unknown } else { Outcome::Acknowledged };
            let how = if version.is_some() { WriteShape::Simple } else { WriteShape::Copy };
            Event::Write(Write { session, lane, key, how, begin, end, outcome, version })
        }
        "read" => {
            let side = |name| text(name).map(|value| value.parse().ok());
            let second = side("second").map(|version| Second { version, same_snapshot: true });
            let later = side("later").map(|version| Second { version, same_snapshot: false });
            let after = text("after").and_then(|after| after.split_once(':'));
            Event::Read(Read {
                session,
                lane,
                key,
                how: ReadShape::Simple,
                begin,
                end,
                version,
                second: second.or(later),
                after: after.and_then(|(key, version)| {
                    Some(Seen { key: key.parse().ok()?, version: version.parse().ok()? })
                }),
                server: None,
            })
        }
        _ => panic!("no such event: {described}"),
    }
}

fn judged(header: Header, lines: &[&str]) -> Findings {
    let mut judge = Judge::new(header);
    for line in lines {
        judge.event(&parsed(line));
    }
    judge.finish()
}

/// `own_writes 1`: what was violated, and how often.
fn violations(findings: &Findings) -> String {
    let count = |check: Check| {
        let violations = findings.sum(check, None).violations;
        (violations > 0).then(|| format!("{check} {violations}"))
    };
    Check::ALL.into_iter().filter_map(count).collect::<Vec<_>>().join(", ")
}

fn check(scope: Scope, lines: &[&str], expected: &str) {
    let findings = judged(header(scope, Level::Strong), lines);
    assert_eq!(violations(&findings), expected, "{scope}: {lines:?}");
}

#[test]
fn own_writes() {
    use Scope::{Connection, Key, Table, Token};
    let wrote = "write 0.0 key=0 version=2 at=10-20";
    check(Connection, &[wrote, "read 0.0 key=0 version=2 at=30-40"], "");
    check(Connection, &[wrote, "read 0.0 key=0 version=3 at=30-40"], "");
    let stale = "read 0.0 key=0 version=1 at=30-40";
    check(Connection, &[wrote, stale], "own_writes 1");
    check(Connection, &[wrote, "read 0.0 key=0 version=none at=30-40"], "own_writes 1");
    // Another connection, or the same anew, has promised nothing.
    check(Connection, &[wrote, "read 0.1 key=0 version=1 at=30-40"], "");
    check(Connection, &[wrote, "connect 0.0", stale], "");
    check(Connection, &[wrote, "read 1.0 key=0 version=1 at=30-40"], "");
    // A key goes beyond the connection, and not beyond the session.
    check(Key, &[wrote, "read 0.1 key=0 version=1 at=30-40"], "own_writes 1");
    check(Key, &[wrote, "connect 0.0", stale], "own_writes 1");
    check(Key, &[wrote, "read 1.0 key=0 version=1 at=30-40"], "");
    // A token covers what was written before it was taken, where it was given.
    let (take, tell) = ("take 0.0 token=1", "tell 0.1 token=1");
    let elsewhere = "read 0.1 key=0 version=1 at=30-40";
    check(Token, &[wrote, take, elsewhere], "");
    check(Token, &[wrote, take, tell, elsewhere], "own_writes 1");
    check(Token, &[take, wrote, tell, elsewhere], "");
    // The token that is given counts, not one before or after it.
    let later = ["write 0.0 key=0 version=3 at=21-25", "take 0.0 token=2"];
    let seen = "read 0.1 key=0 version=2 at=30-40";
    check(Token, &[wrote, take, later[0], later[1], tell, seen], "");
    check(Token, &[wrote, take, later[0], later[1], "tell 0.1 token=2", seen], "own_writes 1");
    check(Token, &[wrote, take, tell, "connect 0.1", elsewhere], "");
    // Tables bind everybody to what was acknowledged before the read began.
    check(Table, &[wrote, "read 1.0 key=0 version=1 at=21-40"], "own_writes 1");
    check(Table, &[wrote, "read 1.0 key=0 version=1 at=19-40"], "");
    check(Table, &[wrote, "read 1.0 key=0 version=2 at=21-40"], "");
}

#[test]
fn writes_that_do_not_tell_their_version() {
    use Scope::Connection;
    let wrote = ["write 0.0 key=0 version=4 at=1-2", "write 0.0 key=0 version=told at=3-4"];
    let read = |version| format!("read 0.0 key=0 version={version} at=5-6");
    check(Connection, &[wrote[0], wrote[1], &read(5)], "");
    check(Connection, &[wrote[0], wrote[1], &read(4)], "own_writes 1");
    // One whose outcome is unknown may be seen, and need not be.
    let unknown = "write 0.0 key=0 version=unknown at=3-4";
    check(Connection, &[wrote[0], unknown, &read(4)], "");
    check(Connection, &[wrote[0], unknown, &read(5)], "");
    check(Connection, &[wrote[0], unknown, &read(3)], "own_writes 1");
}

#[test]
fn monotonic_reads() {
    use Scope::{Connection, Key, Token};
    let read = |place, version| format!("read {place} key=2 version={version} at=1-2");
    let (new, old) = (read("0.0", 5), read("0.0", 4));
    check(Connection, &[&old, &new], "");
    check(Connection, &[&new, &new], "");
    check(Connection, &[&new, &old], "monotonic_reads 1");
    check(Connection, &[&new, "connect 0.0", &old], "");
    check(Connection, &[&new, &read("0.1", 4)], "");
    // A key carries writes; what was read binds each connection for itself.
    check(Key, &[&new, &old], "monotonic_reads 1");
    check(Key, &[&new, &read("0.1", 4)], "");
    check(Key, &[&new, "connect 0.0", &old], "");
    check(Key, &[&new, &read("1.0", 4)], "");
    let (take, tell) = ("take 0.0 token=7", "tell 0.1 token=7");
    check(Token, &[&new, take, tell, &read("0.1", 4)], "monotonic_reads 1");
    check(Token, &[&new, take, &read("0.1", 4)], "");
    // Of two rows the newer one has been seen.
    check(Connection, &["read 0.0 key=2 version=4 later=5 at=1-2", &old], "monotonic_reads 1");
}

#[test]
fn writes_follow_reads() {
    use Scope::Connection;
    let learnt = "read 0.0 key=2 version=7 after=3:4 at=1-2";
    check(Connection, &[learnt, "read 0.0 key=3 version=4 at=3-4"], "");
    check(Connection, &[learnt, "read 0.0 key=3 version=3 at=3-4"], "writes_follow_reads 1");
    check(Connection, &["read 0.0 key=3 version=3 at=0-1", learnt], "");
    check(Connection, &[learnt, "read 1.0 key=3 version=3 at=3-4"], "");
}

#[test]
fn bounded_staleness() {
    use Scope::Connection;
    let wrote = ["write 1.0 key=2 version=1 at=10-20", "write 1.0 key=2 version=2 at=30-40"];
    let read = |version, begin| format!("read 0.0 key=2 version={version} at={begin}-500");
    // The bound is 100.
    let all = |read: String| [wrote[0], wrote[1], &read].map(str::to_owned);
    let check = |read: String, expected| {
        let lines = all(read);
        check(Connection, &lines.each_ref().map(String::as_str), expected);
    };
    check(read("none", 119), "");
    check(read("none", 120), "bounded_staleness 1");
    check(read("0", 120), "bounded_staleness 1");
    check(read("1", 139), "");
    check(read("1", 140), "bounded_staleness 1");
    check(read("2", 140), "");
}

#[test]
fn snapshots() {
    use Scope::Connection;
    let both = |sides: &str| format!("read 0.0 key=2 {sides} at=1-2");
    check(Connection, &[&both("version=3 second=3")], "");
    check(Connection, &[&both("version=3 second=4")], "snapshots 1");
    check(Connection, &[&both("version=3 second=none")], "snapshots 1");
    check(Connection, &[&both("version=3 later=4")], "");
    check(Connection, &[&both("version=3 later=2")], "snapshots 1");
    check(Connection, &[&both("version=none second=none")], "");
    // Each of the two must be new enough.
    let wrote = "write 0.0 key=0 version=3 at=0-1";
    check(
        Connection,
        &[wrote, "read 0.0 key=0 version=3 later=2 at=2-3"],
        "own_writes 1, snapshots 1",
    );
}

#[test]
fn one_user_of_separate_urls() {
    let split = Header { split: true, ..header(Scope::Connection, Level::Strong) };
    let lines = ["write 0.0 key=0 version=2 at=1-2", "read 0.2 key=0 version=1 at=3-4"];
    assert_eq!(violations(&judged(split, &lines)), "own_writes 1");
}

#[test]
fn what_is_not_promised_is_only_observed() {
    let lines = [
        "write 0.0 key=0 version=2 at=1-2",
        "read 0.0 key=0 version=1 at=3-4",
        "read 0.0 key=2 version=2 at=3-4",
        "read 0.0 key=2 version=1 at=3-4",
    ];
    let check = |level, expected: [u64; 2]| {
        let findings = judged(header(Scope::Connection, level), &lines);
        assert_eq!([findings.broken(), findings.observed()], expected, "{level}");
    };
    check(Level::Eventual, [0, 2]);
    check(Level::ReadYourWrites, [1, 1]);
    check(Level::Causal, [2, 0]);
    let only =
        Header { checks: vec![Check::Snapshots], ..header(Scope::Connection, Level::Causal) };
    assert_eq!(judged(only, &lines).broken(), 0, "what is not asked for is not judged");
}

#[test]
fn lost_writes() {
    let wrote = "write 0.0 key=0 version=5 at=1-2";
    let older = "read 0.0 key=0 version=3 at=3-4";
    let again = "write 0.0 key=0 version=4 at=5-6";
    let check = |failover, lines: &[&str], broken: [u64; 3]| {
        let header =
            Header { expect_failover: failover, ..header(Scope::Connection, Level::Strong) };
        let findings = judged(header, lines);
        let found = [findings.broken(), findings.lost_writes, findings.excused];
        assert_eq!(found, broken, "{failover}: {lines:?}");
    };
    // Two versions are gone: 4 and 5. The read of 3 saw all that is left.
    check(false, &[wrote, older, again], [3, 2, 0]);
    check(true, &[wrote, older, again], [0, 2, 1]);
    // A read of less than what is left was stale all the same.
    check(true, &[wrote, "read 0.0 key=0 version=2 at=3-4", again], [1, 2, 0]);
    // Nothing was lost: the read was stale.
    check(true, &[wrote, older, "write 0.0 key=0 version=6 at=5-6"], [1, 0, 0]);
    // Nobody shows that something was lost: the read was stale.
    check(true, &[wrote, older], [1, 0, 0]);
    // After a loss what is left binds, and what is written again.
    check(true, &[wrote, again, "read 0.0 key=0 version=4 at=7-8"], [0, 2, 0]);
    check(true, &[wrote, again, "read 0.0 key=0 version=3 at=7-8"], [1, 2, 0]);
    // What was on its way when the loss was found may have seen what is gone; what is asked
    // for later saw what is there.
    let late = |begin| {
        [
            wrote.to_owned(),
            again.to_owned(),
            format!("read 1.0 key=0 version=5 at={begin}-8"),
            "read 1.0 key=0 version=4 at=9-10".to_owned(),
        ]
    };
    check(true, &late(5).each_ref().map(String::as_str), [0, 2, 0]);
    check(true, &late(7).each_ref().map(String::as_str), [1, 2, 0]);
    // A write of unknown outcome may stand between what is left and the next one.
    let unknown = "write 0.0 key=0 version=unknown at=3-4";
    check(true, &[wrote, older, unknown, "write 0.0 key=0 version=5 at=5-6"], [0, 2, 1]);
}

#[test]
fn how_old_what_was_read_was() {
    let lines = [
        "write 1.0 key=2 version=1 at=0-10",
        "read 0.0 key=2 version=1 at=20-21",
        "write 1.0 key=2 version=2 at=22-30",
        "write 1.0 key=2 version=3 at=32-40",
        "read 0.0 key=2 version=1 at=1030-1031",
    ];
    let findings = judged(header(Scope::Connection, Level::Eventual), &lines);
    let answered =
        findings.servers.get(&None).map(|it| (it.reads, it.fresh, it.freshness.quantiles_us()));
    assert_eq!(answered, Some((2, 1, [0, 1_000, 1_000])));
}

#[test]
fn stories_tell_who_did_what_when() {
    let lines = [
        "write 0.0 key=0 version=42 at=1000000-1001000",
        "read 0.0 key=0 version=40 at=1004100-1004500",
    ];
    let findings = judged(header(Scope::Connection, Level::ReadYourWrites), &lines);
    let told = findings.stories.first().map(ToString::to_string).unwrap_or_default();
    let expected = "\
own writes, scope connection
     1.0010 s  session 0 wrote key 0, version 42 (simple query, connection 0, sent at 1.0000 s) and had it acknowledged
     1.0041 s  session 0 read key 0 (simple query, connection 0) and after 0.4 ms got version 40
  2 versions behind its own write of 3.1 ms before";
    assert_eq!(told, expected);
}

/// A correct history of a single server: each read sees the newest version.
fn correct(choices: &[(bool, usize, usize)]) -> Vec<Event> {
    let mut versions = [0_i64; 4];
    let mut events = Vec::new();
    for (number, (writes, session, key)) in choices.iter().enumerate() {
        let (begin, key) = (number as u64 * 10, if *writes { session * 2 + key % 2 } else { *key });
        let version = &mut versions[key];
        let line = if *writes {
            *version += 1;
            format!("write {session}.0 key={key} version={version} at={begin}-{}", begin + 5)
        } else {
            format!(
                "read {session}.0 key={key} version={version} second={version} at={begin}-{}",
                begin + 5
            )
        };
        events.push(parsed(&line));
    }
    events
}

fn verdict(events: &[Event]) -> Findings {
    let mut judge = Judge::new(header(Scope::Connection, Level::Strong));
    for event in events {
        judge.event(event);
    }
    judge.finish()
}

proptest! {
    #[test]
    fn a_correct_history_is_clean_and_an_injected_violation_is_found(
        choices in prop::collection::vec((any::<bool>(), 0..2_usize, 0..4_usize), 1..200),
        place in any::<prop::sample::Index>(),
        older in 1..4_i64,
    ) {
        let mut events = correct(&choices);
        let clean = verdict(&events);
        prop_assert_eq!(violations(&clean), "");
        prop_assert_eq!(clean.lost_writes, 0);

        // One of the reads that something binds is made older than that.
        let bound: Vec<usize> = (0..events.len())
            .filter(|index| {
                let Event::Read(read) = &events[*index] else { return false };
                events[..*index].iter().any(|event| match event {
                    Event::Write(write) => (write.session, write.key) == (read.session, read.key),
                    Event::Read(other) => {
                        (other.session, other.key) == (read.session, read.key)
                            && other.version > Some(0)
                    }
                    _ => false,
                })
            })
            .collect();
        prop_assume!(!bound.is_empty());
        let victim = bound[place.index(bound.len())];
        let mut required = 0;
        for event in &events[..victim] {
            let Event::Read(read) = &events[victim] else { continue };
            match event {
                Event::Write(write) if (write.session, write.key) == (read.session, read.key) => {
                    required = required.max(write.version.unwrap_or(0));
                }
                Event::Read(other) if (other.session, other.key) == (read.session, read.key) => {
                    required = required.max(other.version.unwrap_or(0));
                }
                _ => {}
            }
        }
        if let Event::Read(read) = &mut events[victim] {
            let version = Some(required - older).filter(|version| *version >= 0);
            (read.version, read.second) =
                (version, Some(Second { version, same_snapshot: true }));
        }
        prop_assert!(verdict(&events).broken() > 0, "not found at {victim}: {events:?}");

        // And a torn snapshot, wherever it is.
        let mut events = correct(&choices);
        let reads = |event: &&mut Event| matches!(event, Event::Read(_));
        if let Some(Event::Read(read)) = events.iter_mut().filter(reads).last() {
            read.second = Some(Second { version: read.version.map(|it| it - older), same_snapshot: true });
            prop_assert!(verdict(&events).sum(Check::Snapshots, None).violations == 1);
        }
    }

    #[test]
    fn a_kept_history_is_judged_alike(
        choices in prop::collection::vec((any::<bool>(), 0..2_usize, 0..4_usize), 1..50),
    ) {
        use crate::consistency::history::put;
        let events = correct(&choices);
        let mut kept = Vec::new();
        put(&mut kept, &header(Scope::Connection, Level::Strong)).unwrap();
        for event in &events {
            put(&mut kept, event).unwrap();
        }
        let (_, again) = crate::consistency::judge(&kept[..]).unwrap();
        prop_assert_eq!(again.to_string(), verdict(&events).to_string());
    }
}

#[test]
fn histories_that_are_none_are_refused() {
    let refusal = |text: &str| crate::consistency::judge(text.as_bytes()).map(drop).unwrap_err();
    let mut kept = Vec::new();
    crate::consistency::history::put(&mut kept, &header(Scope::Key, Level::Strong)).unwrap();
    let header = String::from_utf8(kept).unwrap();
    assert_eq!(refusal(""), "it is empty");
    assert!(refusal("{}\n").starts_with("line 1: missing field"));
    let other = header.replace("\"afterwrite_history\":1", "\"afterwrite_history\":2");
    assert!(refusal(&other).contains("only form 1 is read"));
    let many = header.replace("\"sessions\":2", "\"sessions\":99999999999");
    assert!(refusal(&many).contains("none that a checker makes"));
    let beyond = format!("{header}{{\"op\":\"connect\",\"at\":0,\"session\":2,\"lane\":0}}\n");
    assert_eq!(refusal(&beyond), "line 2: no such session, connection or key");
    assert!(refusal(&format!("{header}nonsense")).starts_with("line 2: expected"));
    let endless = format!("{header}{}", " ".repeat(100_000));
    assert_eq!(refusal(&endless), "line 2: longer than 65536 bytes");
}
