//! Tokens that a session brings with SET: believed, asked about, or answered by the primary.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_session::{Gathered, Keyring, TokenCounts, TokenPolicy};
use afterwrite_types::{
    Fence, Level, Line, Lsn, Moment, Need, Position, SystemId, Timeline, Token,
};

use afterwrite_wire::server::Report;

use crate::rig::{KNOWN, LINE, PRIMARY, Rig, batch, captured, query, told};

const OLD: Line = Line { system: SystemId(7), timeline: Timeline(0) };
const NEWER: Line = Line { system: SystemId(7), timeline: Timeline(2) };
const FOREIGN: Line = Line { system: SystemId(8), timeline: Timeline(1) };

const KEY: (u8, &[u8]) = (1, b"a secret that is long enough to be one");
const OTHER: (u8, &[u8]) = (2, b"another secret, just as long as it is");

fn at(line: Line, lsn: u64) -> Position {
    Position { line, lsn: Lsn(lsn) }
}

fn unsigned(line: Line, lsn: u64) -> String {
    Token::unsigned(at(line, lsn)).to_string()
}

fn signed(keys: &[(u8, &'static [u8])], line: Line, lsn: u64) -> String {
    Keyring::new(keys.iter().copied()).unwrap().sign(at(line, lsn)).to_string()
}

fn policy(keys: &[(u8, &'static [u8])]) -> TokenPolicy {
    let keyring = Keyring::new(keys.iter().copied()).map(Arc::new);
    TokenPolicy { keyring, ..TokenPolicy::default() }
}

/// Runs a command that needs no server; gives back the warnings and what the client sees.
fn local(rig: &mut Rig, sql: &str) -> (Vec<String>, String) {
    rig.warned(&query(sql), &[])
}

fn set(rig: &mut Rig, token: &str) -> (Vec<String>, String) {
    local(rig, &format!("SET afterwrite.token = '{token}'"))
}

/// What a read asks for, which is then not sent anywhere.
fn asks(rig: &mut Rig, sql: &str) -> String {
    let asks = rig.asks(&query(sql));
    refuse(rig);
    asks
}

fn refuse(rig: &mut Rig) {
    rig.session.refuse(&Report::error("53300", "no room"), &mut Vec::new());
}

/// The primary answers `lsn`, to a question asked now.
fn answers(rig: &mut Rig, line: Line, lsn: u64) {
    let asked = rig.sequence.next();
    rig.session.resolve(Fence { position: at(line, lsn), asked });
}

/// What the read that was gathered asks for.
fn need(rig: &Rig) -> (Need, bool) {
    let ask = rig.session.ask(false, Duration::ZERO, false);
    (ask.floor.need(), ask.bad_token)
}

fn counts(rig: &mut Rig) -> TokenCounts {
    rig.session.take_token_counts()
}

const NONE: TokenCounts =
    TokenCounts { good: 0, old_timeline: 0, future: 0, foreign: 0, malformed: 0, forged: 0 };

#[test]
fn what_is_no_token_here_is_answered_by_the_primary_and_fails_nothing() {
    let malformed = TokenCounts { malformed: 1, ..NONE };
    let foreign = TokenCounts { foreign: 1, ..NONE };
    for (token, expected) in [
        ("nonsense".to_owned(), malformed),
        ("v1.".to_owned(), malformed),
        ("v9.AAAA".to_owned(), malformed),
        (unsigned(LINE, 9)[..28].to_owned(), malformed),
        ("x".repeat(2000), malformed),
        (unsigned(FOREIGN, 9), foreign),
    ] {
        let mut rig = Rig::new();
        let (warnings, seen) = set(&mut rig, &token);
        assert_eq!((warnings.len(), seen.as_str()), (1, "NCZ"), "{token}");
        assert_eq!(counts(&mut rig), expected, "{token}");
        for _ in 0..2 {
            // Until it is taken back; and a fence covers what it may have stood for.
            let asks = asks(&mut rig, "SELECT 1");
            assert_eq!(asks, "read_your_writes, fence, bad token", "{token}");
        }
        rig.asks(&query("SELECT 1"));
        answers(&mut rig, LINE, 600);
        assert_eq!(need(&rig), (Need::Position(at(LINE, 600)), true), "{token}");
        assert_eq!(counts(&mut rig), NONE, "counted once");
    }
}

#[test]
fn a_bad_token_is_forgotten_with_the_next_or_with_none() {
    let good = format!("SET afterwrite.token = '{}'", unsigned(LINE, 9));
    for end in [
        &good,
        "RESET afterwrite.token",
        "SET afterwrite.token = ''",
        "SET afterwrite.token TO DEFAULT",
    ] {
        let mut rig = Rig::new();
        set(&mut rig, "nonsense");
        assert_eq!(local(&mut rig, end), (vec![], "CZ".to_owned()), "{end}");
        let asks = asks(&mut rig, "SELECT 1");
        assert_eq!(asks, "read_your_writes, fence", "{end}: what it stood for is not forgotten");
    }
}

#[test]
fn an_eventual_read_asks_for_no_token() {
    let mut rig = Rig::at(Level::Eventual);
    set(&mut rig, "nonsense");
    assert_eq!(rig.asks(&query("SELECT 1")), "eventual");
}

#[test]
fn the_primary_tells_a_token_that_is_ahead_from_one_of_the_future() {
    for (token, line, lsn, expected, is_bad) in [
        // A little ahead of what this proxy knows: another proxy gave it.
        (at(LINE, 501), LINE, 600, TokenCounts { good: 1, ..NONE }, false),
        (at(LINE, 600), LINE, 600, TokenCounts { good: 1, ..NONE }, false),
        (at(LINE, 601), LINE, 600, TokenCounts { future: 1, ..NONE }, true),
        (at(LINE, u64::MAX), LINE, 600, TokenCounts { future: 1, ..NONE }, true),
        // A failover that this proxy has not heard of yet, or one that never was.
        (at(NEWER, 501), NEWER, 600, TokenCounts { good: 1, ..NONE }, false),
        (at(NEWER, 501), LINE, 600, TokenCounts { future: 1, ..NONE }, true),
        (at(LINE, 900), NEWER, 600, TokenCounts { old_timeline: 1, ..NONE }, false),
    ] {
        let mut rig = Rig::new();
        assert_eq!(set(&mut rig, &Token::unsigned(token).to_string()).1, "CZ", "{token:?}");
        assert_eq!(counts(&mut rig), NONE, "nobody knows yet");
        assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, fence", "{token:?}");
        answers(&mut rig, line, lsn);
        assert_eq!(need(&rig), (Need::Position(at(line, lsn)), is_bad), "{token:?}");
        assert_eq!(counts(&mut rig), expected, "{token:?}");
        assert_eq!(counts(&mut rig), NONE);
    }
}

#[test]
fn an_answer_from_before_the_token_settles_nothing() {
    let mut rig = Rig::new();
    set(&mut rig, &unsigned(LINE, 550));
    rig.asks(&query("SELECT 1"));
    rig.session.resolve(Fence { position: at(LINE, 540), asked: Moment(0) });
    assert!(matches!(need(&rig), (Need::Fence(_), false)));
    assert_eq!(counts(&mut rig), NONE);
}

#[test]
fn a_write_of_its_own_settles_a_token_too() {
    let mut rig = Rig::new();
    set(&mut rig, &unsigned(LINE, 550));
    rig.request(&query("UPDATE t SET v = 1"));
    rig.finish(PRIMARY, &captured("UPDATE 1"));
    assert_eq!(counts(&mut rig), TokenCounts { good: 1, ..NONE });
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 8192");
}

#[test]
fn a_timeline_that_was_left_is_asked_about() {
    let mut rig = Rig::new();
    assert_eq!(set(&mut rig, &unsigned(OLD, 9_000)).1, "CZ");
    assert_eq!(counts(&mut rig), TokenCounts { old_timeline: 1, ..NONE });
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, fence");
    answers(&mut rig, LINE, 600);
    assert_eq!(need(&rig), (Need::Position(at(LINE, 600)), false));
}

#[test]
fn of_several_tokens_the_highest_counts() {
    let mut rig = Rig::new();
    set(&mut rig, &unsigned(LINE, 300));
    set(&mut rig, &unsigned(LINE, 200));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 300");
    let (both, mut rig) = ([unsigned(LINE, 7), unsigned(LINE, 8)], Rig::new());
    set(&mut rig, &both.join(", "));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 8");
    assert_eq!(counts(&mut rig).good, 2);
    // A bad one among them is bad.
    let mut rig = Rig::new();
    set(&mut rig, &format!("{} nonsense", both[0]));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, fence, bad token");
}

#[test]
fn with_keys_only_what_they_have_signed_is_believed() {
    let forged = TokenCounts { forged: 1, ..NONE };
    let good = TokenCounts { good: 1, ..NONE };
    let of_key = signed(&[KEY], LINE, 9);
    let mut tampered = of_key.clone().into_bytes();
    tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
    for (token, expected, asks) in [
        (of_key, good, "read_your_writes, sees 9"),
        (signed(&[OTHER], LINE, 9), good, "read_your_writes, sees 9"),
        (unsigned(LINE, 9), forged, "read_your_writes, fence, bad token"),
        (signed(&[(1, OTHER.1)], LINE, 9), forged, "read_your_writes, fence, bad token"),
        (signed(&[(9, KEY.1)], LINE, 9), forged, "read_your_writes, fence, bad token"),
        (String::from_utf8(tampered).unwrap(), forged, "read_your_writes, fence, bad token"),
    ] {
        let mut rig = Rig::new();
        rig.session.set_token_policy(policy(&[KEY, OTHER]));
        set(&mut rig, &token);
        assert_eq!(counts(&mut rig), expected, "{token}");
        assert_eq!(rig.asks(&query("SELECT 1")), asks, "{token}");
        // The same in a hint, for its statement alone.
        let mut rig = Rig::new();
        rig.session.set_token_policy(policy(&[KEY, OTHER]));
        let asks = asks.replace("fence, ", "");
        assert_eq!(rig.asks(&query(&format!("SELECT 1 /*afterwrite.token='{token}'*/"))), asks);
        assert_eq!(counts(&mut rig), expected, "{token}");
        rig.finish(PRIMARY, &crate::rig::guarded());
        assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes");
    }
    // Who has no keys believes what a proxy with keys has signed.
    let mut rig = Rig::new();
    set(&mut rig, &signed(&[KEY], LINE, 9));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 9");
}

#[test]
fn a_signed_token_may_still_be_of_another_history() {
    let mut rig = Rig::new();
    rig.session.set_token_policy(policy(&[KEY]));
    set(&mut rig, &signed(&[KEY], FOREIGN, 9));
    assert_eq!(asks(&mut rig, "SELECT 1"), "read_your_writes, fence, bad token");
    set(&mut rig, &signed(&[KEY], LINE, 10_000));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, fence");
    answers(&mut rig, LINE, 600);
    assert_eq!(need(&rig), (Need::Position(at(LINE, 600)), true));
}

#[test]
fn a_text_that_is_known_is_judged_by_the_keys_of_the_moment() {
    let text = format!("SELECT 1 /*afterwrite.token='{}'*/", signed(&[KEY], LINE, 9));
    let mut rig = Rig::new();
    for (keys, expected) in [
        (&[KEY][..], "read_your_writes, sees 9"),
        (&[OTHER, KEY], "read_your_writes, sees 9"),
        (&[OTHER], "read_your_writes, bad token"),
        (&[KEY], "read_your_writes, sees 9"),
    ] {
        rig.session.set_token_policy(policy(keys));
        assert_eq!(rig.asks(&batch(&[&text])), expected);
        refuse(&mut rig);
    }
}

#[test]
fn a_hinted_token_that_is_ahead_is_settled_by_the_primary_for_its_read_alone() {
    for (lsn, is_bad) in [(550, false), (601, true)] {
        let mut rig = Rig::new();
        let hint = unsigned(LINE, lsn);
        rig.asks(&query(&format!("SELECT 1 /*afterwrite.token='{hint}'*/")));
        answers(&mut rig, LINE, 600);
        assert_eq!(need(&rig), (Need::Position(at(LINE, 600)), is_bad));
        let expected = TokenCounts { good: u32::from(!is_bad), future: u32::from(is_bad), ..NONE };
        assert_eq!(counts(&mut rig), expected);
        rig.finish(PRIMARY, &crate::rig::guarded());
        assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes");
    }
}

#[test]
fn a_token_among_other_statements_is_taken_up_and_warned_of() {
    let mut rig = Rig::new();
    let text = "SET afterwrite.token = 'nonsense'; SELECT 1";
    let (warnings, _) = rig.warned(&query(text), &captured("SELECT 1"));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 8192, bad token");
}

#[test]
fn set_local_brings_a_token_for_good() {
    let mut rig = Rig::new();
    let text = format!("SET LOCAL afterwrite.token = '{}'", unsigned(LINE, 9));
    assert_eq!(local(&mut rig, &text), (vec![], "CZ".to_owned()));
    assert_eq!(asks(&mut rig, "SELECT 1"), "read_your_writes, sees 9");
    assert!(local(&mut rig, "SET LOCAL afterwrite.report_token = on").1.starts_with('E'));
}

#[test]
fn what_is_shown_is_signed_and_covers_what_is_in_doubt() {
    let mut rig = Rig::new();
    rig.session.set_token_policy(policy(&[KEY]));
    set(&mut rig, &signed(&[KEY], LINE, KNOWN));
    rig.request(&query("SHOW afterwrite.token"));
    let mut out = Vec::new();
    rig.session.reply_locally(&mut out);
    let shown = String::from_utf8_lossy(&out).into_owned();
    assert!(shown.contains(&signed(&[KEY], LINE, KNOWN)), "{shown}");
    set(&mut rig, "nonsense");
    assert!(matches!(rig.gather(&query("SHOW afterwrite.token")), Gathered::NeedsFence(_)));
}

#[test]
fn a_write_whose_outcome_is_unknown_has_no_token_yet() {
    let mut rig = Rig::new();
    set(&mut rig, &unsigned(LINE, 9));
    rig.request(&query("UPDATE t SET v = 1"));
    rig.send(PRIMARY);
    let mut out = Vec::new();
    let link = crate::rig::link(afterwrite_types::Role::Primary);
    rig.session.lost(&link, "gone", &mut out);
    assert!(told(&out).1.ends_with("EZ"));
    assert!(rig.session.is_in_doubt());
    assert!(matches!(rig.gather(&query("SHOW afterwrite.token")), Gathered::NeedsFence(_)));
    rig.session.settle(rig.sequence.next());
    answers(&mut rig, LINE, 600);
    assert!(matches!(rig.gather(&[]), Gathered::Request(_)));
}
