//! What hints in comments make of an exchange: from the client's bytes to what is asked of
//! the decision, what is marked, and what the client is told.

use std::time::Duration;

use afterwrite_core::Reason;
use afterwrite_session::{Gathered, HintCounts, Limits, Route, Session, Settings};
use afterwrite_types::{Level, Line, Lsn, Position, SystemId, Timeline, Token};
use afterwrite_wire::client;
use afterwrite_wire::server::{self, Report};

use crate::rig::*;

fn token(line: Line, lsn: u64) -> String {
    Token::unsigned(Position { line, lsn: Lsn(lsn) }).to_string()
}

#[test]
fn a_hint_holds_for_its_statement_and_no_longer() {
    for (hint, expected) in [
        ("", "read_your_writes"),
        ("level=strong", "strong, fence"),
        ("level=eventual", "eventual"),
        ("level=exact", "read_your_writes"),
        ("session=a", "read_your_writes, a"),
        ("primary", "read_your_writes, primary"),
        ("replica", "read_your_writes, replica"),
        ("replica, primary", "read_your_writes, primary"),
        ("level=strong, session=a, session=b, session=a", "strong, fence, a, b"),
    ] {
        let sql = format!("SELECT 1 /* afterwrite: {hint} */");
        let mut rig = Rig::new();
        assert_eq!(rig.asks(&query(&sql)), expected, "{hint}");
        rig.finish(PRIMARY, &guarded());
        assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes", "behind {hint}");
        let mut rig = Rig::new();
        assert_eq!(rig.asks(&batch(&[&sql])), expected, "extended, {hint}");
    }
}

#[test]
fn what_the_session_asks_for_counts_too() {
    let mut rig = Rig::new();
    rig.session.scope_mut().name_keys(&["x".to_owned()]);
    assert_eq!(rig.asks(&query("SELECT 1 -- afterwrite: session=a")), "read_your_writes, x, a");
    let mut rig = Rig::at(Level::Strong);
    assert_eq!(rig.asks(&query("SELECT 1 -- afterwrite: session=a")), "strong, fence, a");
}

#[test]
fn who_names_a_key_or_a_token_wants_to_see_it() {
    let mut rig = Rig::at(Level::Eventual);
    assert_eq!(rig.asks(&query("SELECT 1 -- afterwrite: session=a")), "read_your_writes, a");
    let mut rig = Rig::at(Level::Eventual);
    let sql = format!("SELECT 1 -- afterwrite: token={}", token(LINE, 9));
    assert_eq!(rig.asks(&query(&sql)), "read_your_writes, sees 9");
    let mut rig = Rig::at(Level::Eventual);
    let both = "SELECT 1 -- afterwrite: session=a, level=eventual";
    assert_eq!(rig.asks(&query(both)), "eventual, a", "but its own word is its word");
}

#[test]
fn a_batch_adds_up_to_the_safest() {
    for (texts, expected) in [
        (&["SELECT 1 -- afterwrite: level=eventual"][..], "eventual"),
        (&["SELECT 1 -- afterwrite: level=eventual", "SELECT 2"], "read_your_writes"),
        (&["SELECT 2", "SELECT 1 -- afterwrite: level=eventual"], "read_your_writes"),
        (
            &["SELECT 1 -- afterwrite: level=eventual", "SELECT 2 -- afterwrite: session=a"],
            "read_your_writes, a",
        ),
        (
            &["SELECT 1 -- afterwrite: level=strong", "SELECT 2 -- afterwrite: level=eventual"],
            "strong, fence",
        ),
        (
            &["SELECT 1 -- afterwrite: primary", "SELECT 2 -- afterwrite: replica, session=b"],
            "read_your_writes, b, primary",
        ),
    ] {
        assert_eq!(Rig::new().asks(&batch(texts)), expected, "{texts:?}");
    }
    let two = |one: u64, two: u64| {
        let hint = |lsn| format!("SELECT 1 -- afterwrite: token={}", token(LINE, lsn));
        Rig::new().asks(&batch(&[&hint(one), &hint(two)]))
    };
    assert_eq!(two(9, 300), "read_your_writes, sees 300");
    assert_eq!(two(300, 9), "read_your_writes, sees 300");
}

#[test]
fn a_named_statement_keeps_its_hints() {
    let mut rig = Rig::new();
    let prepare = [parse("s", "SELECT 1 /*afterwrite.level='strong'*/"), sync()].concat();
    assert_eq!(rig.asks(&prepare), "read_your_writes", "it is not executed yet");
    let mut replies = Vec::new();
    server::parse_complete(&mut replies);
    server::ready(&mut replies, b'I');
    rig.finish(PRIMARY, &replies);
    for _ in 0..2 {
        assert_eq!(rig.asks(&[execute("s"), sync()].concat()), "strong, fence");
        rig.session.refuse(&Report::error("53300", "no room"), &mut Vec::new());
    }
}

#[test]
fn a_token_is_believed_as_far_as_it_can_be_placed() {
    let old = Line { timeline: Timeline(0), ..LINE };
    let foreign = Line { system: SystemId(8), ..LINE };
    for (token, expected, unplaced) in [
        (token(LINE, 9), "read_your_writes, sees 9", 0),
        (token(LINE, KNOWN), "read_your_writes, sees 500", 0),
        (token(LINE, KNOWN + 1), "read_your_writes, fence", 1),
        (token(old, 9), "read_your_writes, fence", 1),
        (token(foreign, 9), "read_your_writes, bad token", 1),
        ("nonsense".to_owned(), "read_your_writes, bad token", 0),
    ] {
        let mut rig = Rig::new();
        let sql = format!("SELECT 1 /*afterwrite.token='{token}'*/");
        assert_eq!(rig.asks(&query(&sql)), expected, "{token}");
        let counts = rig.session.take_hint_counts();
        assert_eq!(counts.unplaced, unplaced, "{token}");
        assert_eq!(counts.bad, u32::from(token == "nonsense"), "{token}");
    }
}

#[test]
fn a_read_that_asks_for_less_is_counted() {
    let weaker = |rig: &mut Rig, sql: &str| {
        rig.request(&query(sql));
        let counts = rig.session.take_hint_counts();
        rig.session.refuse(&Report::error("53300", "no room"), &mut Vec::new());
        (counts.followed, counts.weaker)
    };
    for (own, hint, expected) in [
        (Level::ReadYourWrites, "level=eventual", 1),
        (Level::Strong, "level=eventual", 1),
        (Level::Strong, "level=read_your_writes", 1),
        (Level::ReadYourWrites, "level=read_your_writes", 0),
        (Level::ReadYourWrites, "level=strong", 0),
        (Level::Eventual, "level=eventual", 0),
        (Level::Strong, "session=a", 0),
    ] {
        let read = format!("SELECT 1 -- afterwrite: {hint}");
        assert_eq!(weaker(&mut Rig::at(own), &read), (1, expected), "{own} {hint}");
        let write = format!("INSERT INTO t VALUES (1) -- afterwrite: {hint}");
        assert_eq!(weaker(&mut Rig::at(own), &write), (1, 0), "a write is where it is");
    }
    let mut rig = Rig::new();
    rig.request(&query("BEGIN"));
    rig.finish(PRIMARY, &done("BEGIN", b'T'));
    assert_eq!(weaker(&mut rig, "SELECT 1 -- afterwrite: level=eventual"), (1, 0));
}

#[test]
fn a_write_is_noted_under_the_keys_that_it_names() {
    let mut rig = Rig::new();
    rig.session.scope_mut().name_keys(&["x".to_owned()]);
    let insert = "INSERT INTO t VALUES (1) -- afterwrite: session=a, session=x";
    assert!(rig.request(&query(insert)).may_write);
    assert_eq!(rig.marked(), ["x", "a"]);
    assert!(rig.marked().is_empty(), "each once");
    rig.finish(PRIMARY, &captured("INSERT 0 1"));
    rig.request(&query("INSERT INTO t VALUES (2)"));
    assert_eq!(rig.marked(), ["x"], "no longer than its statement");
}

#[test]
fn what_a_transaction_names_is_noted_again_at_its_end() {
    let mut rig = Rig::new();
    for (sql, marked, tag, status) in [
        ("BEGIN -- afterwrite: session=a", &["a"][..], "BEGIN", b'T'),
        ("INSERT INTO t VALUES (1) -- afterwrite: session=b", &["b"], "INSERT 0 1", b'T'),
        ("INSERT INTO t VALUES (2)", &[], "INSERT 0 1", b'T'),
        ("SELECT 1 -- afterwrite: session=c", &[], "SELECT 1", b'T'),
    ] {
        rig.request(&query(sql));
        assert_eq!(rig.marked(), marked, "{sql}");
        rig.finish(PRIMARY, &done(tag, status));
    }
    rig.request(&query("COMMIT"));
    assert_eq!(rig.marked(), ["a", "b", "c"]);
    rig.finish(PRIMARY, &captured("COMMIT"));
    rig.request(&query("BEGIN; INSERT INTO t VALUES (3); COMMIT"));
    assert!(rig.marked().is_empty(), "the transaction is over");
}

#[test]
fn keys_that_come_behind_a_flush_are_noted_too() {
    let mut rig = Rig::new();
    rig.session.scope_mut().name_keys(&["x".to_owned()]);
    let mut first = parse("", "INSERT INTO t VALUES (1) -- afterwrite: session=a");
    client::flush(&mut first);
    let both = [first, execute(""), sync()].concat();
    let request = rig.request(&both);
    assert!(!request.may_write && rig.marked().is_empty(), "nothing is executed yet");
    rig.send(PRIMARY);
    assert_eq!(rig.gather(&[]), Gathered::Further);
    assert_eq!(rig.marked(), ["x", "a"], "before it is sent");
}

#[test]
fn too_many_keys_are_no_weaker_a_read() {
    let mut rig = Rig::new();
    let limits = Limits { held_max: 1 << 20, ..LIMITS };
    rig.session = Session::new(limits, Level::ReadYourWrites, Settings::default(), 0);
    for round in 0..70 {
        let hint = |n: i32| format!("/* afterwrite: session={round}-{n} */");
        let hints = (0..16).map(hint).collect::<Vec<_>>().concat();
        let bytes = [parse("", &format!("SELECT 1 {hints}")), execute("")].concat();
        if round < 69 {
            let _ = rig.gather(&bytes);
        } else {
            rig.gather(&[bytes, sync()].concat());
        }
    }
    assert_eq!(rig.session.keys().len(), 1024);
    assert!(rig.session.take_hint_counts().bad > 0);
    let ask = rig.session.ask(false, Duration::ZERO, false);
    assert_eq!(ask.preference, Some(afterwrite_types::Preference::Primary));
}

#[test]
fn a_bad_hint_is_told_and_does_nothing_else() {
    let ignored = |text: &str| vec![format!("ignored a hint: {text}")];
    for (hint, warnings) in [
        (
            "afterwrite: level=exact",
            ignored(
                "level \"exact\": expected eventual, bounded, read_your_writes, causal or strong (and then primary, error or stale)",
            ),
        ),
        ("afterwrite.colour='red'", ignored("there is no hint \"colour\"")),
        ("afterwrite.token='v1.x'", ignored("token is none that SHOW afterwrite.token gave")),
        ("afterwrite: level=strong", vec![]),
        ("traceparent='00-01'", vec![]),
    ] {
        let read = format!("SELECT 1 /*{hint}*/");
        let told = Rig::new().warned(&query(&read), &guarded());
        let seen = if warnings.is_empty() { "CZ" } else { "CNZ" };
        assert_eq!(told, (warnings.clone(), seen.to_owned()), "{hint}");
        let write = format!("UPDATE t SET v = 1 /*{hint}*/");
        assert_eq!(Rig::new().warned(&query(&write), &captured("UPDATE 1")).0, warnings, "{hint}");
        let local = format!("SHOW afterwrite.level /*{hint}*/");
        let (told, seen) = Rig::new().warned(&query(&local), &[]);
        assert_eq!(told, warnings, "{hint}");
        assert!(seen.ends_with(if warnings.is_empty() { "CZ" } else { "CNZ" }), "{seen}");
    }
}

#[test]
fn a_prepared_text_is_told_once_and_a_flood_in_part() {
    let mut rig = Rig::new();
    let bad = "SELECT 1 -- afterwrite: colour=red";
    let mut replies = Vec::new();
    server::parse_complete(&mut replies);
    server::ready(&mut replies, b'I');
    assert_eq!(rig.warned(&[parse("s", bad), sync()].concat(), &replies).0.len(), 1);
    rig.request(&[execute("s"), sync()].concat());
    let mut out = Vec::new();
    rig.session.refuse(&Report::error("53300", "no room"), &mut out);
    assert!(told(&out).0.is_empty());
    assert_eq!(rig.session.take_hint_counts().bad, 1);

    let mut rig = Rig::new();
    rig.request(&batch(&[bad; 40]));
    rig.session.refuse(&Report::error("53300", "no room"), &mut out);
    assert_eq!(told(&out).0.len(), 16);
    assert_eq!(rig.session.take_hint_counts().bad, 40);
}

#[test]
fn where_strings_may_end_elsewhere_there_are_no_hints() {
    let mut rig = Rig::new();
    rig.session.parameter("standard_conforming_strings", "off");
    let text = r"SELECT '\' /* afterwrite: level=eventual, session=a */ '";
    assert_eq!(rig.request(&query(text)).route, Route::Primary(Reason::Unread));
    assert!(rig.session.keys().is_empty());
    let counts = rig.session.take_hint_counts();
    assert_eq!(counts, HintCounts { bad: 1, ..HintCounts::default() });
}

#[test]
fn a_statement_too_long_to_be_held_is_read_as_far_as_it_is_there() {
    let text = |end: &str| {
        format!("/* afterwrite: session=a */ INSERT INTO t VALUES ('{}') {end}", "x".repeat(9000))
    };
    let mut rig = Rig::new();
    assert!(rig.request(&query(&text("-- afterwrite: session=b"))[..6000]).may_write);
    assert_eq!(rig.marked(), ["a"]);
    let mut rig = Rig::new();
    rig.request(&parse("", &text(""))[..6000]);
    rig.send(PRIMARY);
    rig.session.upstream_done(rig.session.upstream_left().unwrap().0);
    assert_eq!(rig.gather(&[execute(""), sync()].concat()), Gathered::Further);
    assert_eq!(rig.marked(), ["a"]);
}

#[test]
fn what_may_have_been_a_token_is_not_read_past() {
    let many = format!("SELECT 1 /* afterwrite: {} */", ["session=a"; 17].join(", "));
    let long = format!("SELECT 1 /*afterwrite.token='{}'*/", "A".repeat(5000));
    for (sql, on_primary) in [
        ("SELECT 1 /*afterwrite.token='%zz'*/", true),
        ("SELECT 1 /*afterwrite.token=v1.A*/", true),
        (&many, true),
        (&long, true),
        ("SELECT 1 /*afterwrite.level='stong'*/", false),
        ("SELECT 1 /*afterwrite.colour='red'*/", false),
    ] {
        let asked = Rig::new().asks(&query(sql));
        assert_eq!(
            asked.ends_with(", primary"),
            on_primary,
            "{asked}: {}",
            &sql[..40.min(sql.len())]
        );
    }
}

/// A read sees the highest of their floors, a write counts under each.
#[test]
fn a_session_may_have_several_keys() {
    let mut rig = Rig::new();
    for (sql, keys) in [
        ("SET afterwrite.session = 'x', 'y'", 2),
        ("SET afterwrite.session = 'x, y'", 1),
        ("SET afterwrite.session = 'y', ''", 1),
        ("RESET afterwrite.session", 0),
    ] {
        rig.request(&query(sql));
        rig.session.reply_locally(&mut Vec::new());
        rig.request(&query("UPDATE t SET v = 1"));
        let marked = rig.session.take_unmarked().len();
        assert_eq!((rig.session.keys().len(), marked), (keys, keys), "{sql}");
        rig.finish(PRIMARY, &captured("UPDATE 1"));
    }
}
