//! What a session's reads must see: levels, bounds, and what was seen before.

use std::time::Duration;

use afterwrite_core::{KeyFloor, Reason, Seen};
use afterwrite_session::{Place, Progress, Route};
use afterwrite_types::{Fence, Floor, Level, Lsn, Moment, Need, NodeId, Position, Role};
use afterwrite_wire::client;
use afterwrite_wire::server::{self, Report};

use crate::rig::{
    LIMITS, LINE, PRIMARY, Rig, batch, captured, done, execute, guarded, link, parse, query, sync,
    told,
};

const REPLICA: Place = Place::Replica(Reason::CaughtUp);

fn at(lsn: u64) -> Position {
    Position { line: LINE, lsn: Lsn(lsn) }
}

impl Rig {
    /// Reads on a replica.
    fn reads_there(&mut self, sql: &str) {
        self.request(&query(sql));
        self.link = link(Role::Replica);
        self.finish(REPLICA, &done("SELECT 1", b'I'));
    }

    /// Reads on the primary, which is not asked for its position behind it.
    fn reads_here(&mut self, sql: &str) {
        self.request(&query(sql));
        self.link = link(Role::Primary);
        self.finish(Place::Primary(Reason::Hinted), &guarded());
    }

    fn fence(&mut self, lsn: u64) {
        let asked = self.sequence.next();
        self.session.resolve(Fence { position: at(lsn), asked });
    }

    fn floor_anywhere(&mut self, sql: &str) -> Need {
        self.asks(&query(sql));
        self.session.ask(false, Duration::ZERO, false).floor.need()
    }
}

#[test]
fn what_a_causal_read_has_seen_is_seen_elsewhere_too() {
    let mut rig = Rig::at(Level::Causal);
    assert_eq!(rig.asks(&query("SELECT 1")), "causal");
    assert_eq!(rig.session.ask(false, Duration::ZERO, false).stuck, None);
    rig.link = link(Role::Replica);
    rig.finish(REPLICA, &done("SELECT 1", b'I'));
    assert_eq!(rig.session.may_be_ahead(), Some(NodeId(0)));
    assert_eq!(rig.asks(&query("SELECT 1")), "causal, fence", "elsewhere the primary is asked");
    let stuck = rig.session.ask(false, Duration::ZERO, false).stuck.unwrap();
    assert_eq!((stuck.life.node, stuck.floor.need()), (NodeId(0), Need::Nothing));
    rig.fence(700);
    assert_eq!(rig.session.read_floor().need(), Need::Position(at(700)));
    rig.session.unstick();
    assert_eq!(rig.session.ask(false, Duration::ZERO, false).stuck, None);
}

#[test]
fn what_was_seen_on_the_primary_is_seen_on_replicas() {
    let mut rig = Rig::at(Level::Causal);
    rig.reads_here("SELECT 1");
    rig.fence(700);
    assert_eq!(rig.floor_anywhere("SELECT 1"), Need::Position(at(700)));
    assert_eq!(rig.session.may_be_ahead(), None);
    assert_eq!(rig.session.ask(false, Duration::ZERO, false).stuck, None);
}

/// The position behind a write is above all that was seen before.
#[test]
fn a_write_of_its_own_needs_no_fence() {
    let mut rig = Rig::at(Level::Causal);
    rig.reads_there("SELECT 1");
    rig.session.caught_up();
    rig.request(&query("INSERT INTO t VALUES (1)"));
    rig.link = link(Role::Primary);
    rig.finish(PRIMARY, &captured("INSERT 0 1"));
    assert_eq!(rig.floor_anywhere("SELECT 1"), Need::Position(at(0x2000)));
}

#[test]
fn below_causal_nothing_of_it_is_kept() {
    let mut rig = Rig::new();
    rig.reads_there("SELECT 1");
    assert_eq!(rig.floor_anywhere("SELECT 1"), Need::Nothing);
    assert_eq!(rig.session.may_be_ahead(), None);
    // A hint makes one read monotonic, and only those among them.
    rig.finish(REPLICA, &done("SELECT 1", b'I'));
    rig.reads_there("SELECT 1 /* afterwrite: level=causal */");
    assert_eq!(rig.floor_anywhere("SELECT 1"), Need::Nothing);
    rig.finish(REPLICA, &done("SELECT 1", b'I'));
    assert_eq!(rig.asks(&query("SELECT 1 /* afterwrite: level=causal */")), "causal, fence");
}

#[test]
fn what_may_show_others_writes_is_told_from_what_only_writes() {
    let asks = [
        "SELECT 1",
        "SELECT f()",
        "SELECT v FROM t FOR UPDATE",
        "INSERT INTO t VALUES (1); SELECT 1",
        "BEGIN",
        "BEGIN; INSERT INTO t VALUES (1)",
        "EXPLAIN ANALYZE SELECT f()",
        "COPY t TO STDOUT",
        "WHAT",
    ];
    let only_writes = [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET v = 1",
        "CREATE TABLE u ()",
        "COPY t FROM STDIN",
        "CALL p()",
        "COMMIT",
        "SHOW work_mem",
        "SET work_mem = '4MB'",
    ];
    for (sql, expected) in
        asks.map(|sql| (sql, true)).into_iter().chain(only_writes.map(|sql| (sql, false)))
    {
        let mut rig = Rig::at(Level::Causal);
        rig.request(&query(sql));
        assert_eq!(rig.session.may_ask(), expected, "{sql}");
    }
    let mut rig = Rig::at(Level::Causal);
    let mut unended = [parse("s", "UPDATE t SET v = 1"), execute("s")].concat();
    client::flush(&mut unended);
    rig.request(&unended);
    assert!(rig.session.may_ask(), "what comes behind it may");
}

/// An answer is received when its server may have crashed and be back: whoever was admitted to
/// that life in the meantime does not lead to the one that was read in.
#[test]
fn the_life_that_was_read_in_is_that_which_was_asked() {
    let mut rig = Rig::at(Level::Causal);
    rig.asks(&query("SELECT 1"));
    rig.link = link(Role::Replica);
    rig.send(REPLICA);
    let admitted = rig.sequence.next();
    rig.answer(&done("SELECT 1", b'I'));
    let life = rig.session.scope().seen().and_then(Seen::life).unwrap();
    assert!(life.at <= admitted, "{life:?} is behind {admitted:?}");
    assert!(matches!(rig.floor_anywhere("SELECT 1"), Need::Fence(after) if after >= admitted));
}

/// What a transaction on a replica must see is fixed by its first statement, not by `BEGIN`.
#[test]
fn what_is_set_behind_begin_counts_for_the_first_statement() {
    let mut rig = Rig::new();
    rig.asks(&query("BEGIN READ ONLY"));
    rig.link = link(Role::Replica);
    rig.finish(REPLICA, &done("BEGIN", b'T'));
    rig.request(&query("SELECT 1"));
    assert!(!rig.session.was_raised(), "nothing was set");
    rig.finish(REPLICA, &done("SELECT 1", b'T'));

    let mut rig = Rig::new();
    rig.asks(&query("BEGIN READ ONLY"));
    rig.link = link(Role::Replica);
    rig.finish(REPLICA, &done("BEGIN", b'T'));
    rig.request(&query("SET afterwrite.report_token = on"));
    rig.session.reply_locally(&mut Vec::new());
    rig.request(&query("SELECT 1"));
    assert!(!rig.session.was_raised(), "no read sees more or less of that");
    rig.request(&query("SET LOCAL afterwrite.level = 'strong'"));
    rig.session.reply_locally(&mut Vec::new());
    rig.request(&query("SELECT 1"));
    assert!(rig.session.was_raised());
    assert_eq!(rig.session.raised_too_late(), None);
    rig.session.begin_read(None, Some(LINE), rig.sequence.now());
    rig.session.was_placed_anew();
    assert!(!rig.session.was_raised(), "it is asked once");
    rig.finish(REPLICA, &done("SELECT 1", b'T'));
    rig.request(&query("SET LOCAL afterwrite.level = 'causal'"));
    rig.session.reply_locally(&mut Vec::new());
    rig.request(&query("SELECT 1"));
    assert_eq!(rig.session.raised_too_late(), None, "that is less");
    rig.finish(REPLICA, &done("SELECT 1", b'T'));
    rig.request(&query("COMMIT"));
    assert!(!rig.session.was_raised(), "it may end in any case");

    let mut rig = Rig::new();
    rig.asks(&query("BEGIN READ ONLY"));
    rig.link = link(Role::Replica);
    rig.finish(REPLICA, &done("BEGIN", b'T'));
    rig.request(&query("SELECT 1"));
    rig.finish(REPLICA, &done("SELECT 1", b'T'));
    rig.request(&query("SET LOCAL afterwrite.level = 'strong'"));
    rig.session.reply_locally(&mut Vec::new());
    rig.request(&query("SELECT 1"));
    assert!(rig.session.was_raised());
    assert_eq!(rig.session.raised_too_late(), Some(Level::Strong));
}

/// It saw some of an answer before its server was lost: that is not to be taken back.
#[test]
fn half_an_answer_was_seen_too() {
    let mut rig = Rig::at(Level::Causal);
    rig.request(&query("SELECT 1"));
    rig.link = link(Role::Replica);
    rig.send(REPLICA);
    rig.session.shown();
    rig.session.lost(&rig.link, "gone", &mut Vec::new());
    assert!(matches!(rig.floor_anywhere("SELECT 1"), Need::Fence(_)));
    assert_eq!(rig.session.may_be_ahead(), Some(NodeId(0)), "the primary may still hide it");
}

/// A transaction that was placed at a lower level may be where less is shown: what it reads at a
/// monotonic one counts, but it is no place to stay.
#[test]
fn a_transaction_that_was_placed_at_a_lower_level_is_no_place_to_stay() {
    for (begin, then) in [
        ("BEGIN READ ONLY /* afterwrite: level=eventual */", "SELECT 1"),
        ("BEGIN READ ONLY", "SELECT 1"),
    ] {
        let mut rig = Rig::at(Level::Causal);
        rig.reads_here("SELECT 1");
        rig.asks(&query(begin));
        if begin == "BEGIN READ ONLY" {
            // Nobody could answer as it asked.
            rig.session.relax(Level::Eventual);
            rig.session.begin_read(None, None, rig.sequence.now());
        }
        rig.link = link(Role::Replica);
        rig.finish(REPLICA, &done("BEGIN", b'T'));
        rig.request(&query(then));
        rig.finish(REPLICA, &done("SELECT 1", b'T'));
        rig.request(&query("COMMIT"));
        rig.finish(REPLICA, &done("COMMIT", b'I'));
        assert!(matches!(rig.floor_anywhere("SELECT 1"), Need::Fence(_)), "{begin}");
        assert_eq!(rig.session.ask(false, Duration::ZERO, false).stuck, None, "{begin}");
        assert_eq!(rig.session.may_be_ahead(), Some(NodeId(0)));
    }
}

/// No replica could answer as it asked, nor at the level below: the primary does, and what it
/// shows counts as seen.
#[test]
fn what_the_primary_answers_after_all_is_seen() {
    for answers in [true, false] {
        let mut rig = Rig::at(Level::Causal);
        rig.asks(&query("SELECT 1"));
        rig.session.relax(Level::Eventual);
        rig.session.begin_read(None, None, rig.sequence.now());
        if answers {
            rig.session.unrelax();
        }
        rig.link = link(Role::Primary);
        rig.finish(Place::Primary(Reason::NoneInTime), &guarded());
        let seen = matches!(rig.floor_anywhere("SELECT 1"), Need::Fence(_));
        assert_eq!(seen, answers);
    }
}

/// It runs again elsewhere in the end, as it was asked for.
#[test]
fn a_warning_about_a_weaker_answer_is_not_told_with_another_one() {
    for replica_refuses in [false, true] {
        let mut rig = Rig::at(Level::Causal);
        rig.request(&query("SELECT 1"));
        rig.session.warn_weakened(&Report::warning("72AW1", "no replica was fresh enough"));
        rig.link = link(Role::Replica);
        if replica_refuses {
            rig.send(REPLICA);
            rig.session.lost(&rig.link, "gone", &mut Vec::new());
            rig.link = link(Role::Replica);
        }
        let out = rig.finish(REPLICA, &done("SELECT 1", b'I'));
        let told = out.windows(5).any(|it| it == b"72AW1");
        assert_eq!(told, !replica_refuses);
    }
}

#[test]
fn a_bounded_read_does_not_ask_for_what_the_session_wrote() {
    let mut rig = Rig::at(Level::Bounded);
    rig.request(&query("INSERT INTO t VALUES (1)"));
    rig.finish(PRIMARY, &captured("INSERT 0 1"));
    assert_eq!(rig.floor_anywhere("SELECT 1"), Need::Nothing);
    assert_eq!(rig.session.max_staleness(), Some(Duration::from_secs(10)), "unless it is set");
    rig.session.raise_read_floor(Floor::at(at(300)), rig.sequence.now());
    assert_eq!(rig.session.read_floor().need(), Need::Position(at(300)));
}

#[test]
fn a_limit_on_staleness_counts_beside_the_level() {
    const MS: Duration = Duration::from_millis(1);
    for (level, sql, asked, limit) in [
        (Level::ReadYourWrites, "SELECT 1", "read_your_writes", None),
        (Level::Eventual, "SELECT 1", "eventual", None),
        (Level::Bounded, "SELECT 1", "bounded", Some(Duration::from_secs(10))),
        (
            Level::ReadYourWrites,
            "SELECT 1 /* afterwrite: max_staleness=1ms */",
            "read_your_writes",
            Some(MS),
        ),
        (Level::Eventual, "SELECT 1 /* afterwrite: max_staleness=1ms */", "bounded", Some(MS)),
        (Level::Strong, "SELECT 1 /* afterwrite: max_staleness=1ms */", "strong, fence", None),
        (
            Level::Strong,
            "SELECT 1 /* afterwrite: level=bounded, max_staleness=1ms */",
            "bounded",
            Some(MS),
        ),
    ] {
        let mut rig = Rig::at(level);
        assert_eq!(rig.asks(&query(sql)), asked, "{level} {sql}");
        assert_eq!(rig.session.max_staleness(), limit, "{level} {sql}");
    }
}

/// Of several in one batch the stricter of each counts.
#[test]
fn terms_of_several_statements_add_up() {
    let mut rig = Rig::new();
    let texts = [
        "SELECT 1 /* afterwrite: level=eventual, wait_max=5ms, at_timeout=stale */",
        "SELECT 2 /* afterwrite: level=causal, wait_max=9ms, at_timeout=error */",
    ];
    assert_eq!(rig.asks(&batch(&texts)), "causal");
    assert_eq!(rig.session.terms().to_string(), "causal within 9ms, then primary");
}

/// What a read had to do without is forgotten with it.
#[test]
fn a_read_that_was_relaxed_is_the_only_one() {
    let mut rig = Rig::new();
    rig.request(&query("INSERT INTO t VALUES (1)"));
    rig.finish(PRIMARY, &captured("INSERT 0 1"));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 8192");
    rig.session.relax(Level::Eventual);
    rig.session.begin_read(None, Some(LINE), rig.sequence.now());
    assert_eq!(rig.session.ask(false, Duration::ZERO, false).level, Level::Eventual);
    rig.link = link(Role::Replica);
    rig.finish(REPLICA, &done("SELECT 1", b'I'));
    assert_eq!(rig.asks(&query("SELECT 1")), "read_your_writes, sees 8192");
}

#[test]
fn set_local_ends_with_its_transaction() {
    let mut rig = Rig::new();
    rig.request(&query("BEGIN"));
    rig.finish(PRIMARY, &done("BEGIN", b'T'));
    for sql in [
        "SET LOCAL afterwrite.level = 'strong within 1ms, then error'",
        "SET LOCAL afterwrite.max_staleness = '1s'",
    ] {
        rig.request(&query(sql));
        rig.session.reply_locally(&mut Vec::new());
    }
    let terms = rig.session.terms();
    assert_eq!(terms.to_string(), "strong within 1ms, then error");
    assert_eq!(terms.max_staleness, Some(Duration::from_secs(1)));
    rig.request(&query("COMMIT"));
    rig.finish(PRIMARY, &captured("COMMIT"));
    assert_eq!(rig.session.terms().to_string(), "read_your_writes");
}

/// It was never sent: the client may prepare it once more under its name.
#[test]
fn what_was_refused_is_not_prepared() {
    let mut rig = Rig::new();
    let prepares = [parse("s", "SELECT 1"), sync()].concat();
    for _ in 0..2 {
        rig.request(&prepares);
        let report = Report::error("72AW1", "too far behind");
        rig.session.refuse(&report, &mut Vec::new());
    }
    assert_eq!(rig.request(&prepares).route, Route::Read);
}

/// Run again on the primary it is what was asked for.
#[test]
fn who_is_sent_elsewhere_is_not_told_that_the_answer_is_older() {
    let mut conflict = Vec::new();
    server::error(&mut conflict, &Report::error("40001", "conflict with recovery"));
    server::ready(&mut conflict, b'I');
    for moves in [false, true] {
        let mut rig = Rig::new();
        rig.asks(&query("SELECT 1"));
        rig.session.relax(Level::Eventual);
        rig.session.warn_weakened(&Report::warning("01000", "older"));
        rig.link = link(Role::Replica);
        let out = if moves {
            rig.send(REPLICA);
            let (mut out, mut upstream) = (Vec::new(), Vec::new());
            let Rig { session, link, sequence, .. } = &mut rig;
            let relayed = session.relay(link, &conflict, sequence, &mut out, &mut upstream);
            assert_eq!(relayed.unwrap().progress, Progress::Again);
            rig.link = crate::rig::link(Role::Primary);
            rig.finish(Place::Primary(Reason::Rerouted), &guarded())
        } else {
            rig.finish(REPLICA, &done("SELECT 1", b'I'))
        };
        assert_eq!(told(&out).1, if moves { "CZ" } else { "CNZ" });
    }
}

/// It may end before the read is decided upon. Of several batches in one exchange its client has
/// been told of the first by then.
#[test]
fn a_write_that_was_under_way_when_a_read_began_is_seen() {
    let mut rig = Rig::new();
    rig.request(&query("SELECT 1"));
    for (pending, expected) in [(false, Need::Position(at(100))), (true, Need::Fence(Moment(1)))] {
        let key = KeyFloor { floor: Floor::at(at(100)), pending };
        rig.session.begin_read(Some(key), Some(LINE), Moment(1));
        assert_eq!(rig.session.read_floor().need(), expected);
    }
}

/// In a transaction that began at a lower level it reads where it would not have been sent.
#[test]
fn a_transaction_that_asked_for_less_leads_to_no_place_that_shows_what_was_seen() {
    for begin in ["BEGIN READ ONLY /* afterwrite: level=eventual */", "BEGIN READ ONLY"] {
        let mut rig = Rig::at(Level::Causal);
        rig.reads_here("SELECT 1");
        rig.fence(700);
        rig.asks(&query(begin));
        rig.link = link(Role::Replica);
        rig.finish(REPLICA, &done("BEGIN", b'T'));
        rig.request(&query("SELECT 1"));
        rig.finish(Place::Replica(Reason::Transaction), &done("SELECT 1", b'T'));
        rig.request(&query("COMMIT"));
        rig.finish(Place::Replica(Reason::Transaction), &done("COMMIT", b'I'));
        assert_eq!(rig.session.may_be_ahead(), Some(NodeId(0)), "{begin}");
        assert!(matches!(rig.floor_anywhere("SELECT 1"), Need::Fence(_)), "{begin}");
        let stays = rig.session.ask(false, Duration::ZERO, false).stuck.is_some();
        assert_eq!(stays, begin == "BEGIN READ ONLY", "{begin}");
    }
}

/// A batch is answered at one place: what is set behind a read says nothing of that read.
#[test]
fn what_is_set_behind_a_read_does_not_weaken_it() {
    let strong = "SET afterwrite.level = 'strong'";
    for (texts, expected) in [
        (&[strong, "SELECT 1", "RESET afterwrite.level"][..], "strong, fence"),
        (&[strong, "SELECT 1", "SET afterwrite.level = 'eventual'"], "strong, fence"),
        (&[strong, "RESET afterwrite.level", "SELECT 1"], "read_your_writes"),
        (&["SET afterwrite.level = 'eventual'", "SELECT 1", strong, "SELECT 1"], "strong, fence"),
        (&["SET afterwrite.level = 'eventual'", "SELECT 1"], "eventual"),
    ] {
        assert_eq!(Rig::new().asks(&batch(texts)), expected, "{texts:?}");
    }
    let mut rig = Rig::new();
    let bound = "SET afterwrite.max_staleness = '1ms'";
    rig.asks(&batch(&[bound, "SELECT 1", "RESET afterwrite.max_staleness"]));
    assert_eq!(rig.session.max_staleness(), Some(Duration::from_millis(1)));
    rig.session.refuse(&Report::error("53300", "no room"), &mut Vec::new());
    rig.asks(&query("SELECT 1"));
    assert_eq!(rig.session.max_staleness(), None, "it held for the batch");
}

/// A pool resets what one has set before it gives the connection to another.
#[test]
fn a_reset_comes_back_to_what_was_set_at_login() {
    let now = |rig: &Rig| (rig.session.scope().level(), rig.session.scope().key_names().join(", "));
    let set = |rig: &mut Rig| {
        for sql in ["SET afterwrite.level = 'eventual'", "SET afterwrite.session = 'b'"] {
            rig.warned(&query(sql), &[]);
        }
        assert_eq!(now(rig), (Level::Eventual, "b".to_owned()));
    };
    for (level, key) in [(None, ""), (Some(Level::Strong), "a")] {
        let mut rig = Rig::new();
        rig.session.scope_mut().set_level(level);
        rig.session.scope_mut().name_keys(&[key.to_owned()]);
        rig.session.scope_mut().log_in();
        let expected = (level.unwrap_or_default(), key.to_owned());
        set(&mut rig);
        for sql in ["RESET afterwrite.level", "SET afterwrite.session TO DEFAULT"] {
            rig.warned(&query(sql), &[]);
        }
        assert_eq!(now(&rig), expected);
        set(&mut rig);
        rig.warned(&query("RESET ALL"), &captured("RESET"));
        assert_eq!(now(&rig), expected);
        // It is known to who has rested, too.
        set(&mut rig);
        rig.session.take_consumed();
        rig.inbox.clear();
        rig.session = rig.session.rest().unwrap().wake(LIMITS);
        rig.warned(&query("DISCARD ALL"), &done("DISCARD ALL", b'I'));
        assert_eq!(now(&rig), expected, "after a rest");
    }
}

#[test]
fn a_string_that_is_refused_sets_nothing() {
    for last in ["SHOW afterwrite.level", "SET afterwrite.level = 'none'"] {
        let mut rig = Rig::new();
        let sql =
            format!("SET afterwrite.session = 'a'; SET afterwrite.level = 'eventual'; {last}");
        rig.request(&query(&sql));
        let mut out = Vec::new();
        rig.session.reply_locally(&mut out);
        assert!(told(&out).1.starts_with('E'), "{last}");
        let scope = rig.session.scope();
        assert_eq!((scope.level(), scope.key_names().len()), (Level::ReadYourWrites, 0), "{last}");
    }
}
