//! Exchanges as scripts: what the client sends, what the server is sent, what the
//! server answers, what the client sees.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use afterwrite_core::{Proof, Reason};
use afterwrite_session::{
    CAPTURE_NAME, Dispatch, Gathered, INVENTORY_NAME, Leave, Library, Limits, Link, LinkSpec, Mode,
    Place, Prepared, Progress, Reading, Request, Route, SearchPath, Session, Settings, StatementId,
    TableKeys, Verdict,
};
use afterwrite_types::{
    Level, Line, Lsn, Moment, Need, NodeId, Position, Role, Sequence, SystemId, Timeline,
    WalGeometry,
};
use afterwrite_wire::client::{self, Bind, Parse, query_text};
use afterwrite_wire::frame;
use afterwrite_wire::server::{self, Report};

const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };

#[derive(Default)]
struct Shelf(RefCell<BTreeMap<Vec<u8>, Arc<Prepared>>>, Cell<bool>);

impl Library for Shelf {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        let mut texts = self.0.borrow_mut();
        let next = StatementId(texts.len() as u64 + 1);
        Arc::clone(
            texts.entry(rest.to_vec()).or_insert_with(|| Arc::new(Prepared::new(next, rest))),
        )
    }

    fn known_position(&self) -> Option<Position> {
        Some(Position { line: LINE, lsn: Lsn(1 << 40) })
    }

    fn reading(&self, text: &[u8], path: SearchPath<'_>) -> Arc<Reading> {
        self.1.set(path == SearchPath::Unknown);
        Arc::new(Reading::of_words(text))
    }
}

struct Rig {
    session: Session,
    library: Shelf,
    sequence: Sequence,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// What the server was asked while its answers were dealt with.
    asked: Vec<u8>,
}

fn link(role: Role) -> Link {
    let own = Position { line: LINE, lsn: Lsn(0x1000) };
    Link::new(LinkSpec {
        node: NodeId(u16::from(role == Role::Replica)),
        server: 0,
        role,
        line: LINE,
        wal: WalGeometry::default(),
        proof: (role == Role::Replica).then(|| Proof::new(own, Moment(0))),
        prepared_max: 2,
        capture: role == Role::Primary,
    })
}

const LIMITS: Limits = Limits { message_max: 1 << 20, held_max: 4096, prepared_max: 10 };

const PRIMARY: Place = Place::Primary(Reason::MayWrite);
const REPLICA: Place = Place::Replica(Reason::CaughtUp);

impl Rig {
    fn new() -> Self {
        Self {
            session: Session::new(LIMITS, Level::ReadYourWrites, Settings::default(), 0),
            library: Shelf::default(),
            sequence: Sequence::default(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// A client that asked for a setting when it logged in.
    fn with_login(name: &str, value: &str) -> Self {
        let mut rig = Self::new();
        let settings = Settings::at_login([(name.to_owned(), value.to_owned())]);
        rig.session = Session::new(LIMITS, Level::ReadYourWrites, settings, 0);
        rig
    }

    fn gather(&mut self, bytes: &[u8]) -> Gathered {
        let used = self.session.take_consumed();
        self.inbox.drain(..used);
        self.inbox.extend_from_slice(bytes);
        let now = self.sequence.now();
        self.session.gather(&self.inbox, &self.library, now, false).unwrap()
    }

    fn request(&mut self, bytes: &[u8]) -> Request {
        match self.gather(bytes) {
            Gathered::Request(request) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    /// Dispatches what was gathered; gives back what the server is sent.
    fn send(&mut self, link: &mut Link, place: Place) -> String {
        let how = Dispatch { place, positions: true, sequence: &self.sequence };
        let mut out = Vec::new();
        self.session.dispatch(link, &self.inbox, how, &mut out);
        sent(&out)
    }

    /// Plays the server's answer; gives back what the client sees of it.
    fn answer(&mut self, link: &mut Link, replies: &str) -> (String, Progress) {
        let bytes = replied(replies);
        let mut progress = Progress::More;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let out = &mut self.outbox;
            let asked = &mut self.asked;
            let relayed = self.session.relay(link, rest, &self.sequence, out, asked).unwrap();
            rest = &rest[relayed.consumed..];
            progress = relayed.progress;
            assert!(relayed.consumed > 0, "stuck before {rest:?}");
        }
        (seen(&std::mem::take(&mut self.outbox)), progress)
    }

    /// One exchange on a link, from the client's bytes to what it sees.
    fn run(
        &mut self,
        link: &mut Link,
        place: Place,
        bytes: &[u8],
        replies: &str,
    ) -> (String, String) {
        self.request(bytes);
        let sent = self.send(link, place);
        let (seen, progress) = self.answer(link, replies);
        assert!(matches!(progress, Progress::Done(_)), "{progress:?} after {replies}");
        (sent, seen)
    }
}

fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::query(&mut out, sql);
    out
}

/// Parse, Bind, Execute, Sync.
fn extended(name: &str, sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::parse(&mut out, name, sql, &[]);
    out.extend(bound(name));
    out
}

/// Bind, Execute, Sync.
fn bound(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::bind(&mut out, "", name, &[], &[], &[]);
    client::execute(&mut out, "", 0);
    client::sync(&mut out);
    out
}

/// Messages to a server, in short.
fn sent(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Some((message, rest)) = frame::split(bytes, 1 << 20).unwrap() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        words.push(match message.tag {
            b'Q' => format!("Q[{}]", text(query_text(message.body).unwrap())),
            b'P' => format!("P({})", text(Parse::decode(message.body).unwrap().name)),
            b'B' => match Bind::decode(message.body).unwrap().statement {
                name if name == CAPTURE_NAME.as_bytes() => "capture".to_owned(),
                name if name == INVENTORY_NAME.as_bytes() => "inventory".to_owned(),
                name => format!("B({})", text(name)),
            },
            tag => char::from(tag).to_string(),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a message was sent");
    let words = words.join(" ").replace("capture E S", "CAPTURE");
    // Where it is asked for the first time it is prepared.
    words
        .replace("P(_afterwrite_inventory) inventory E S", "INVENTORY")
        .replace("inventory E S", "INVENTORY AGAIN")
}

/// A server's answers, from short words: `1 2 T D C:TAG Z:I E:CODE CAPTURED:LSN LEFT:0/2`.
fn replied(words: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in words.split_whitespace() {
        let (kind, value) = word.split_once(':').unwrap_or((word, ""));
        match kind {
            "1" => server::parse_complete(&mut out),
            "2" => server::bind_complete(&mut out),
            "3" => server::close_complete(&mut out),
            "n" => server::no_data(&mut out),
            "t" => server::parameter_description(&mut out, &[]),
            "T" => server::row_description(&mut out, &[("v", 25)]),
            "TT" => server::row_description(&mut out, &[("v", 25), ("w", 25)]),
            "D" => server::data_row(&mut out, &[Some(b"x")]),
            "C" => server::command_complete(&mut out, value),
            "Z" => server::ready(&mut out, value.as_bytes()[0]),
            // The rest of the word is what the server reports of DateStyle.
            "S" => server::parameter_status(&mut out, "DateStyle", &value.replace('+', ", ")),
            // Whether a replica is one still, which servers report since PostgreSQL 14.
            "H" => server::parameter_status(&mut out, "in_hot_standby", value),
            "G" => out.extend_from_slice(b"G\0\0\0\x07\0\0\0"),
            "E" => server::error(&mut out, &Report::error(value.to_owned(), "no")),
            // What is left, and how many statements are prepared; the first time behind "1".
            "LEFT" => {
                let (left, prepared) = value.split_once('/').unwrap();
                let number: i64 =
                    left.parse::<i64>().unwrap() + 256 * prepared.parse::<i64>().unwrap();
                server::bind_complete(&mut out);
                server::data_row(&mut out, &[Some(&number.to_be_bytes())]);
                server::command_complete(&mut out, "SELECT 1");
                server::ready(&mut out, b'I');
            }
            "CAPTURED" => {
                server::bind_complete(&mut out);
                let lsn = u64::from_str_radix(value, 16).unwrap();
                server::data_row(&mut out, &[Some(&lsn.to_be_bytes())]);
                server::command_complete(&mut out, "SELECT 1");
                server::ready(&mut out, b'I');
            }
            other => panic!("unknown word {other}"),
        }
    }
    out
}

/// What a client sees, as message types; a ready with its status.
fn seen(mut bytes: &[u8]) -> String {
    let mut words = String::new();
    while let Some((message, rest)) = frame::split(bytes, 1 << 20).unwrap() {
        words.push(char::from(message.tag));
        if message.tag == b'Z' {
            words.push(char::from(message.body[0]));
        }
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a message was passed on");
    words
}

fn floor(rig: &Rig) -> Need {
    rig.session.scope().floor().need()
}

fn at(lsn: u64) -> Need {
    Need::Position(Position { line: LINE, lsn: Lsn(lsn) })
}

#[test]
fn a_write_is_captured_behind_its_commit_and_before_ready() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let request = rig.request(&query("UPDATE t SET v = 1"));
    assert_eq!(request, Request { route: Route::Primary(Reason::MayWrite), may_write: true });
    assert_eq!(rig.send(&mut primary, PRIMARY), "Q[UPDATE t SET v = 1] CAPTURE");
    let (seen, progress) = rig.answer(&mut primary, "C:UPDATE Z:I");
    assert_eq!(
        (seen.as_str(), progress),
        ("C", Progress::More),
        "ready is held until the position is in"
    );
    assert_eq!(floor(&rig), Need::Nothing);
    let (seen, _) = rig.answer(&mut primary, "CAPTURED:2000");
    assert_eq!(seen, "ZI");
    assert_eq!(floor(&rig), at(0x2000));
    assert!(primary.is_idle());
}

#[test]
fn what_cannot_be_captured_in_the_same_breath_asks_for_a_fence() {
    for (sql, replies) in [
        ("COMMIT; BEGIN", "C:COMMIT C:BEGIN Z:T"),
        ("DISCARD ALL", "C:DISCARD Z:I"),
        ("COPY t FROM STDIN", "E:42P01 Z:I"),
        ("BEGIN; UPDATE t SET v = 1; COMMIT", "C:BEGIN C:UPDATE C:COMMIT Z:I"),
    ] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        let (sent, _) = rig.run(&mut primary, PRIMARY, &query(sql), replies);
        assert_eq!(sent, format!("Q[{sql}]"));
        assert!(matches!(floor(&rig), Need::Fence(_)), "{sql}: {:?}", floor(&rig));
    }
}

#[test]
fn a_capture_that_fails_asks_for_a_fence() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let (_, seen) =
        rig.run(&mut primary, PRIMARY, &query("UPDATE t SET v = 1"), "C:UPDATE Z:I E:57014 Z:I");
    assert_eq!(seen, "CZI", "the client hears nothing of our error");
    assert!(matches!(floor(&rig), Need::Fence(_)));
}

#[test]
fn what_the_capture_needs_is_prepared_again_where_it_was_dropped() {
    let update = query("UPDATE t SET v = 1");
    let again = "1 CAPTURED:2000";
    for (sql, replies) in [
        ("DISCARD ALL", "C:DISCARD Z:I"),
        ("DEALLOCATE ALL", "C:DEALLOCATE Z:I"),
        // Code that nobody has read may have dropped it, too.
        ("UPDATE t SET v = 0", "C:UPDATE Z:I E:26000 Z:I"),
    ] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        rig.run(&mut primary, PRIMARY, &query(sql), replies);
        assert!(matches!(floor(&rig), Need::Fence(_)), "{sql}: {:?}", floor(&rig));
        let mut other = Rig::new();
        let (sent, seen) =
            other.run(&mut primary, PRIMARY, &update, &format!("C:UPDATE Z:I {again}"));
        assert_eq!(sent, "Q[UPDATE t SET v = 1] P(_afterwrite_position) CAPTURE", "{sql}");
        assert_eq!((seen.as_str(), floor(&other)), ("CZI", at(0x2000)), "{sql}");
        let (sent, _) = other.run(&mut primary, PRIMARY, &update, "C:UPDATE Z:I CAPTURED:3000");
        assert_eq!(sent, "Q[UPDATE t SET v = 1] CAPTURE", "{sql}: and then it is there");
    }
}

#[test]
fn a_statement_that_failed_may_still_have_committed_something() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let (sent, seen) =
        rig.run(&mut primary, PRIMARY, &query("VACUUM t"), "E:22012 Z:I CAPTURED:3000");
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[VACUUM t] CAPTURE", "EZI"));
    assert_eq!(floor(&rig), at(0x3000));
}

#[test]
fn inside_a_transaction_nothing_is_asked_and_its_end_is_captured() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    assert_eq!(rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T").0, "Q[BEGIN]");
    assert_eq!(rig.request(&query("SELECT 1")).route, Route::Held, "it stays where it began");
    rig.send(&mut primary, PRIMARY);
    rig.answer(&mut primary, "T D C:SELECT Z:T");
    let (sent, _) = rig.run(&mut primary, PRIMARY, &query("UPDATE t SET v = 1"), "C:UPDATE Z:T");
    assert_eq!(sent, "Q[UPDATE t SET v = 1]");
    assert_eq!(floor(&rig), Need::Nothing);
    let (sent, _) = rig.run(&mut primary, PRIMARY, &query("COMMIT"), "C:COMMIT Z:I CAPTURED:4000");
    assert_eq!(sent, "Q[COMMIT] CAPTURE");
    assert_eq!(floor(&rig), at(0x4000));
}

#[test]
fn a_commit_that_begins_the_next_transaction_asks_for_a_fence() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    rig.run(&mut primary, PRIMARY, &query("UPDATE t SET v = 1"), "C:UPDATE Z:T");
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &query("COMMIT AND CHAIN"), "C:COMMIT Z:T");
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[COMMIT AND CHAIN]", "CZT"));
    assert!(matches!(floor(&rig), Need::Fence(_)), "{:?}", floor(&rig));
}

#[test]
fn in_a_transaction_that_failed_nothing_is_asked() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    for sql in ["SELECT 1/0", "UPDATE t SET v = 1"] {
        let (sent, seen) = rig.run(&mut primary, PRIMARY, &query(sql), "E:25P02 Z:E");
        assert_eq!((sent.as_str(), seen.as_str()), (format!("Q[{sql}]").as_str(), "EZE"));
    }
    let (sent, seen) =
        rig.run(&mut primary, PRIMARY, &query("COMMIT"), "C:ROLLBACK Z:I CAPTURED:2000");
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[COMMIT] CAPTURE", "CZI"));
}

#[test]
fn what_another_session_has_prepared_is_captured_where_it_is_committed() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let sql = "COMMIT PREPARED 'one'";
    let request = rig.request(&query(sql));
    assert_eq!(request, Request { route: Route::Primary(Reason::MayWrite), may_write: true });
    assert_eq!(rig.send(&mut primary, PRIMARY), format!("Q[{sql}] CAPTURE"));
    rig.answer(&mut primary, "C:COMMIT Z:I CAPTURED:2000");
    assert_eq!(floor(&rig), at(0x2000));
}

#[test]
fn a_page_boundary_is_not_waited_for() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("UPDATE t SET v = 1"), "C:UPDATE Z:I CAPTURED:6018");
    assert_eq!(floor(&rig), at(0x6000));
}

#[test]
fn a_read_on_the_primary_is_proven_by_a_read_only_transaction() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let fallback = Place::Primary(Reason::NoneInTime);
    let (sent, seen) = rig.run(
        &mut primary,
        fallback,
        &query("SELECT v FROM t"),
        "C:BEGIN Z:T T D C:SELECT Z:T C:COMMIT Z:I",
    );
    assert_eq!(sent, "Q[BEGIN READ ONLY] Q[SELECT v FROM t] Q[COMMIT]");
    assert_eq!(seen, "TDCZI");
    assert_eq!(floor(&rig), Need::Nothing, "it has proven that it wrote nothing");
}

#[test]
fn a_read_that_turns_out_to_write_runs_again_as_a_write() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.request(&query("SELECT v FROM sneaky"));
    rig.send(&mut primary, Place::Primary(Reason::NoneInTime));
    let (seen, progress) = rig.answer(&mut primary, "C:BEGIN Z:T E:25006 Z:E C:ROLLBACK Z:I");
    assert_eq!((seen.as_str(), progress), ("", Progress::Again));
    let request = rig.session.request();
    assert_eq!(request, Request { route: Route::Primary(Reason::MayWrite), may_write: true });
    assert_eq!(rig.send(&mut primary, PRIMARY), "Q[SELECT v FROM sneaky] CAPTURE INVENTORY");
    let (seen, _) = rig.answer(&mut primary, "T D C:SELECT Z:I CAPTURED:5000 1 LEFT:0/2");
    assert_eq!(seen, "TDCZI");
    assert_eq!(floor(&rig), at(0x5000));
}

#[test]
fn what_a_replica_refuses_runs_again_unseen() {
    // It was a write; replay took away what it needed; an unlogged table, or what is not for
    // standbys; the replica goes away, or is not here yet.
    let codes = ["25006", "40001", "40P01", "0A000", "55000", "57P01", "57P02", "57P03"];
    for code in codes {
        let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
        assert_eq!(rig.request(&extended("", "SELECT v FROM t")).route, Route::Read);
        assert_eq!(rig.send(&mut replica, REPLICA), "P() B() E S");
        let (seen, progress) = rig.answer(&mut replica, &format!("1 2 E:{code} Z:I"));
        assert_eq!(progress, Progress::Again, "{code}");
        // What was passed on so far was held back, and its owner throws it away.
        assert!(!seen.contains('E') && !seen.contains('Z'), "{seen}");
    }
}

#[test]
fn a_replica_that_was_promoted_meanwhile_serves_nobody_else() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    let sql = query("SELECT v FROM t");
    rig.run(&mut replica, REPLICA, &sql, "H:on T D C:SELECT Z:I");
    assert_eq!(replica.retired(), None);
    rig.run(&mut replica, REPLICA, &sql, "T D C:SELECT H:off Z:I");
    assert_eq!(replica.retired(), Some("promoted"));
}

#[test]
fn an_error_after_rows_is_the_clients() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    let (_, seen) = rig.run(&mut replica, REPLICA, &query("SELECT v FROM t"), "T D E:40001 Z:I");
    assert_eq!(seen, "TDEZI");
}

#[test]
fn a_named_statement_follows_the_client() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Replica), link(Role::Replica));
    let (sent, seen) = rig.run(&mut one, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("P(_afterwrite_1) B(_afterwrite_1) E S", "12DCZI"));
    let (sent, seen) = rig.run(&mut one, REPLICA, &bound("s"), "2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("B(_afterwrite_1) E S", "2DCZI"));
    let (sent, seen) = rig.run(&mut two, REPLICA, &bound("s"), "1 2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("P(_afterwrite_1) B(_afterwrite_1) E S", "2DCZI"));
}

#[test]
fn a_statement_that_the_server_knows_is_answered_for_it() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    let (sent, seen) =
        rig.run(&mut replica, REPLICA, &extended("other", "SELECT 1"), "2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("B(_afterwrite_1) E S", "12DCZI"));
}

#[test]
fn an_answer_of_ours_waits_for_the_end_of_the_servers_message() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    let mut batch = Vec::new();
    client::describe(&mut batch, b'S', "s");
    client::parse(&mut batch, "other", "SELECT 1", &[]);
    client::sync(&mut batch);
    rig.request(&batch);
    assert_eq!(rig.send(&mut replica, REPLICA), "D S", "the server knows the other one, too");
    let replies = replied("T Z:I");
    let (mut rest, mut held) = (replies.as_slice(), Vec::new());
    while let Some((byte, behind)) = rest.split_first() {
        held.push(*byte);
        rest = behind;
        let (out, asked) = (&mut rig.outbox, &mut rig.asked);
        let relayed = rig.session.relay(&mut replica, &held, &rig.sequence, out, asked).unwrap();
        held.drain(..relayed.consumed);
    }
    assert_eq!(seen(&rig.outbox), "T1ZI");
}

#[test]
fn a_refusal_in_a_failed_transaction_leaves_the_servers_statement_known() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    rig.run(&mut primary, PRIMARY, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:T");
    rig.run(&mut primary, PRIMARY, &query("SELECT 1/0"), "E:22012 Z:E");
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &extended("t", "SELECT 1"), "E:25P02 Z:E");
    assert_eq!((sent.as_str(), seen.as_str()), ("P() B(_afterwrite_1) E S", "EZE"));
    assert_eq!(primary.prepared_len(), 1, "it is still there");
}

#[test]
fn an_unnamed_statement_outlives_its_sync() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Replica), link(Role::Replica));
    let mut parse = Vec::new();
    client::parse(&mut parse, "", "SELECT 1", &[]);
    client::sync(&mut parse);
    rig.run(&mut one, REPLICA, &parse, "1 Z:I");
    let (sent, seen) = rig.run(&mut two, REPLICA, &bound(""), "1 2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("P() B() E S", "2DCZI"));
}

#[test]
fn what_we_run_ourselves_ends_the_servers_unnamed_statement() {
    let (mut rig, mut primary) = (Rig::with_login("timezone", "UTC"), link(Role::Primary));
    let mut parse = Vec::new();
    client::parse(&mut parse, "", "SELECT 1", &[]);
    client::describe(&mut parse, b'S', "");
    client::sync(&mut parse);
    let fallback = Place::Primary(Reason::NoneInTime);
    rig.run(&mut primary, fallback, &parse, "1 T Z:I");
    let guarded = "Q[BEGIN READ ONLY] P() B() E S Q[COMMIT]";
    let (sent, seen) =
        rig.run(&mut primary, fallback, &bound(""), "C:BEGIN Z:T 1 2 D C:SELECT Z:T C:COMMIT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), (guarded, "2DCZI"));
    rig.request(&bound(""));
    let prelude = rig.session.prelude(&primary).unwrap();
    rig.session.send_prelude(prelude, &mut primary, &mut Vec::new());
    rig.answer(&mut primary, "C:RESET T D C:SELECT Z:I");
    assert_eq!(rig.send(&mut primary, fallback), guarded);
}

#[test]
fn the_least_used_statement_makes_room() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    for (name, sql) in [("a", "SELECT 1"), ("b", "SELECT 2")] {
        rig.run(&mut replica, REPLICA, &extended(name, sql), "1 2 D C:SELECT Z:I");
    }
    rig.run(&mut replica, REPLICA, &bound("a"), "2 D C:SELECT Z:I");
    let (sent, seen) =
        rig.run(&mut replica, REPLICA, &extended("c", "SELECT 3"), "3 1 2 D C:SELECT Z:I");
    assert_eq!(sent, "C P(_afterwrite_3) B(_afterwrite_3) E S");
    assert_eq!(seen, "12DCZI", "the client did not close anything");
    assert_eq!(replica.prepared_len(), 2);
}

#[test]
fn a_statement_that_could_not_be_prepared_is_not_known() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    let (_, seen) = rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "E:42P01 Z:I");
    assert_eq!(seen, "EZI");
    assert_eq!(replica.prepared_len(), 0);
}

#[test]
fn what_was_to_make_room_and_was_skipped_is_still_there() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    for (name, sql) in [("a", "SELECT 1"), ("b", "SELECT 2")] {
        rig.run(&mut replica, REPLICA, &extended(name, sql), "1 2 D C:SELECT Z:I");
    }
    let mut batch = Vec::new();
    client::parse(&mut batch, "x", "SELECT no", &[]);
    client::parse(&mut batch, "y", "SELECT 4", &[]);
    client::sync(&mut batch);
    let (sent, seen) = rig.run(&mut replica, REPLICA, &batch, "3 E:42703 Z:I");
    assert_eq!(sent, "C P(_afterwrite_3) C P(_afterwrite_4) S");
    assert_eq!(seen, "EZI");
    // A name that a server knows cannot be prepared again.
    let (sent, _) = rig.run(&mut replica, REPLICA, &bound("b"), "3 1 2 D C:SELECT Z:I");
    assert_eq!(sent, "C P(_afterwrite_2) B(_afterwrite_2) E S");
    let (sent, _) = rig.run(&mut replica, REPLICA, &bound("a"), "1 2 D C:SELECT Z:I");
    assert_eq!(sent, "P(_afterwrite_1) B(_afterwrite_1) E S");
}

#[test]
fn copy_in_takes_its_data_and_a_second_sync() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.request(&extended("", "COPY t FROM STDIN"));
    assert_eq!(rig.send(&mut primary, PRIMARY), "P() B() E S", "nothing behind it");
    let (seen, progress) = rig.answer(&mut primary, "1 2 G");
    assert_eq!((seen.as_str(), progress), ("12G", Progress::Client));
    let mut data = Vec::new();
    client::copy_data(&mut data, b"1\n");
    client::copy_done(&mut data);
    client::sync(&mut data);
    assert_eq!(rig.gather(&data), Gathered::Further);
    assert_eq!(rig.send(&mut primary, PRIMARY), "d c S");
    let (seen, progress) = rig.answer(&mut primary, "C:COPY Z:I");
    assert_eq!(seen, "CZI");
    assert!(matches!(progress, Progress::Done(outcome) if outcome.unresolved));
}

#[test]
fn copy_data_may_be_sent_ahead_in_the_same_batch() {
    let data = || {
        let mut out = extended("", "COPY t FROM STDIN");
        out.truncate(out.len() - 5);
        client::copy_data(&mut out, b"1\n");
        out
    };
    for (end, replies, told) in [(true, "C:COPY Z:I", "12GCZI"), (false, "E:57014 Z:I", "12GEZI")] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        let mut batch = data();
        if end {
            client::copy_done(&mut batch);
        } else {
            client::copy_fail(&mut batch, "no");
        }
        client::sync(&mut batch);
        rig.request(&batch);
        let sent = rig.send(&mut primary, PRIMARY);
        assert_eq!(sent, if end { "P() B() E d c S" } else { "P() B() E d f S" });
        let (seen, progress) = rig.answer(&mut primary, &format!("1 2 G {replies}"));
        assert_eq!(seen, told);
        assert!(matches!(progress, Progress::Done(outcome) if outcome.unresolved));
    }
    // A batch that takes no data: a server ignores them, and so do we.
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut batch = extended("", "INSERT INTO t VALUES (1)");
    batch.truncate(batch.len() - 5);
    client::copy_done(&mut batch);
    client::sync(&mut batch);
    rig.request(&batch);
    assert!(rig.send(&mut primary, PRIMARY).starts_with("P() B() E S "));
}

#[test]
fn a_server_that_asks_for_data_where_nothing_copies_is_not_fed_for_ever() {
    // Behind what is taken for a read: whatever follows is sent once.
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.request(&query("SELECT 1"));
    rig.send(&mut replica, REPLICA);
    let (_, progress) = rig.answer(&mut replica, "G");
    assert_eq!(progress, Progress::Client);
    let mut close = Vec::new();
    client::close(&mut close, b'P', "");
    rig.gather(&close);
    assert_eq!(rig.send(&mut replica, REPLICA), "C");
    assert_eq!(rig.send(&mut replica, REPLICA), "");
    // Behind what is ours it makes no sense at all.
    let (mut rig, mut primary) = (Rig::with_login("timezone", "UTC"), link(Role::Primary));
    rig.request(&query("SELECT 1"));
    let prelude = rig.session.prelude(&primary).unwrap();
    rig.session.send_prelude(prelude, &mut primary, &mut Vec::new());
    let (out, asked) = (&mut rig.outbox, &mut rig.asked);
    let told = rig.session.relay(&mut primary, &replied("G"), &rig.sequence, out, asked);
    assert!(told.is_err(), "{told:?}");
}

#[test]
fn the_tail_of_a_copy_that_failed_is_dropped() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.request(&query("COPY t FROM STDIN"));
    rig.send(&mut primary, PRIMARY);
    rig.answer(&mut primary, "G E:22P02 Z:I");
    let mut rest = Vec::new();
    client::copy_data(&mut rest, b"1\n");
    client::copy_done(&mut rest);
    rest.extend(query("SELECT 1"));
    assert_eq!(rig.request(&rest).route, Route::Read);
    assert_eq!(rig.send(&mut primary, REPLICA), "Q[SELECT 1]");
}

#[test]
fn settings_follow_the_client() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Primary), link(Role::Replica));
    assert!(rig.session.prelude(&one).is_none());
    rig.run(&mut one, PRIMARY, &query("SET work_mem = '1MB'"), "C:SET Z:I CAPTURED:2000");
    assert!(rig.session.prelude(&one).is_none(), "it has them already");
    let prelude = rig.session.prelude(&two).unwrap();
    let mut out = Vec::new();
    rig.session.send_prelude(prelude, &mut two, &mut out);
    assert_eq!(sent(&out), "Q[RESET ALL; SET work_mem = '1MB']");
    let (seen, progress) = rig.answer(&mut two, "C:RESET C:SET Z:I");
    assert_eq!((seen.as_str(), progress), ("", Progress::Prelude(Ok(()))));
    assert!(rig.session.prelude(&two).is_none());
    assert!(Rig::new().session.prelude(&two).is_some(), "the next client does not want them");
}

#[test]
fn no_client_can_write_on_a_replica_that_is_promoted() {
    for sql in [
        "SET default_transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        rig.run(&mut primary, PRIMARY, &query(sql), "C:SET Z:I CAPTURED:2000");
        assert_eq!(brought(&mut rig, &mut link(Role::Replica)), "Q[RESET ALL]", "{sql}");
        let expected = format!("Q[RESET ALL; {sql}]");
        assert_eq!(brought(&mut rig, &mut link(Role::Primary)), expected);
    }
}

#[test]
fn a_setting_counts_once_even_by_the_extended_protocol() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(
        &mut primary,
        PRIMARY,
        &extended("", "SET work_mem = '1MB'"),
        "1 2 C:SET Z:I CAPTURED:2000",
    );
    assert_eq!(rig.session.pinned(), None);
    assert!(rig.session.prelude(&link(Role::Replica)).is_some());
}

#[test]
fn a_reset_comes_back_to_the_clients_own_login() {
    let mut rig = Rig::with_login("timezone", "UTC");
    let mut primary = link(Role::Primary);
    let prelude = rig.session.prelude(&primary).unwrap();
    rig.session.send_prelude(prelude, &mut primary, &mut Vec::new());
    rig.answer(&mut primary, "C:RESET T D C:SELECT Z:I");
    let restore = "SELECT pg_catalog.set_config('timezone', 'UTC', false)";
    for (sql, sent_too) in
        [("RESET ALL", true), ("RESET timezone", true), ("RESET work_mem", false)]
    {
        rig.request(&query(sql));
        let sent = rig.send(&mut primary, PRIMARY);
        assert_eq!(sent.contains(restore), sent_too, "{sent}");
        let replies = if sent_too {
            "C:RESET Z:I T D C:SELECT Z:I CAPTURED:2000"
        } else {
            "C:RESET Z:I CAPTURED:2000"
        };
        assert_eq!(rig.answer(&mut primary, replies).0, "CZI", "the client sees only its own");
        assert!(rig.session.prelude(&primary).is_none(), "{sql}");
    }
}

#[test]
fn a_plan_that_the_schema_has_outgrown_is_made_anew_the_next_time() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    rig.request(&bound("s"));
    rig.send(&mut replica, REPLICA);
    let fields: [&[u8]; 4] = [b"SERROR", b"C0A000", b"Mno", b"RRevalidateCachedQuery"];
    let body = [fields.join(&0).as_slice(), &[0, 0]].concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let bytes = [b"E".as_slice(), &length, &body, &replied("Z:I")].concat();
    rig.session
        .relay(&mut replica, &bytes, &rig.sequence, &mut rig.outbox, &mut rig.asked)
        .unwrap();
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "EZI", "it may expect the old columns");
    assert_eq!(rig.request(&bound("s")).route, Route::Local, "wherever it would run");
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "EZI");
    let mut again = Vec::new();
    client::close(&mut again, b'S', "s");
    again.extend(extended("s", "SELECT 1"));
    let (sent, seen) = rig.run(&mut replica, REPLICA, &again, "3 1 2 D C:SELECT Z:I");
    assert_eq!(sent, "C P(_afterwrite_1) B(_afterwrite_1) E S");
    assert_eq!(seen, "312DCZI");
}

#[test]
fn what_fails_in_a_batch_leaves_its_other_statements_to_those_who_have_them() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    let mut batch = Vec::new();
    client::parse(&mut batch, "again", "SELECT 1", &[]);
    client::parse(&mut batch, "bad", "SELECT no", &[]);
    client::sync(&mut batch);
    let (sent, seen) = rig.run(&mut replica, REPLICA, &batch, "E:42703 Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("P(_afterwrite_2) S", "1EZI"));
    let (sent, seen) = rig.run(&mut replica, REPLICA, &bound("s"), "2 D C:SELECT Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("B(_afterwrite_1) E S", "2DCZI"));
}

#[test]
fn a_plan_that_fails_is_made_anew_for_who_has_just_prepared_and_stays_for_others() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Replica), link(Role::Primary));
    rig.run(&mut one, REPLICA, &described("s", "SELECT $1 = a FROM t"), "1 t T Z:I");
    rig.request(&bound("s"));
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    rig.answer(&mut two, " 1 t T Z:I");
    rig.send(&mut two, PRIMARY);
    rig.answer(&mut two, "C:BEGIN Z:T 2 D C:SELECT Z:T C:COMMIT Z:I");
    // The column has another type now; a parameter keeps the one it was prepared with.
    rig.request(&described("again", "SELECT $1 = a FROM t"));
    assert_eq!(rig.send(&mut one, REPLICA), "D S", "that server knows the text");
    assert_eq!(rig.answer(&mut one, "E:42883 Z:I").1, Progress::Again, "what is held back is lost");
    assert_eq!(rig.send(&mut two, PRIMARY), "C P(_afterwrite_1) D S");
    assert_eq!(rig.answer(&mut two, "3 1 t T Z:I").0, "1tTZI");
    // Who has it already is told the truth by each server, and nothing by us.
    assert_ne!(rig.request(&bound("s")).route, Route::Local);
    let prelude = rig.session.prelude(&one).unwrap();
    let mut out = Vec::new();
    rig.session.send_prelude(prelude, &mut one, &mut out);
    assert!(sent(&out).ends_with("C P(_afterwrite_1) D S"), "{}", sent(&out));
}

#[test]
fn a_name_is_taken_once_it_is_prepared_and_not_before() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT no"), "E:42703 Z:I");
    let (_, answer) =
        rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    assert_eq!(answer, "12DCZI", "the first one failed, so the name was free");
    assert_eq!(rig.request(&extended("s", "SELECT 2")).route, Route::Local);
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "EZI");
}

#[test]
fn what_is_sent_ahead_of_copys_end_waits_for_its_own_exchange() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut ahead = query("COPY t FROM STDIN");
    client::copy_data(&mut ahead, b"1\n");
    client::sync(&mut ahead); // ignored by a server that takes COPY data
    client::copy_done(&mut ahead);
    ahead.extend(query("SELECT 7"));
    rig.request(&ahead);
    assert_eq!(rig.send(&mut primary, PRIMARY), "Q[COPY t FROM STDIN]");
    assert_eq!(rig.answer(&mut primary, "G").0, "G");
    assert_eq!(rig.gather(&[]), Gathered::Further);
    assert_eq!(rig.send(&mut primary, PRIMARY), "d c");
    assert_eq!(rig.answer(&mut primary, "C:COPY Z:I").0, "CZI");
    assert_eq!(rig.request(&[]).route, Route::Read);
}

#[test]
fn a_setting_that_was_rolled_back_does_not_count() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    rig.run(&mut primary, PRIMARY, &query("SET work_mem = '1MB'"), "C:SET Z:T");
    rig.run(&mut primary, PRIMARY, &query("ROLLBACK"), "C:ROLLBACK Z:I CAPTURED:2000");
    assert_eq!(rig.session.settings().size(), 0);
}

#[test]
fn a_read_is_sent_again_if_its_server_goes_away_unseen() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.request(&query("SELECT v FROM t"));
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "T");
    let mut out = Vec::new();
    assert_eq!(rig.session.lost(&replica, "gone", &mut out), Verdict::Again);
    assert!(out.is_empty());
    assert_eq!(rig.session.request().route, Route::Read);
    assert_eq!(rig.send(&mut link(Role::Replica), REPLICA), "Q[SELECT v FROM t]");
}

#[test]
fn a_write_is_never_sent_again_and_its_outcome_is_in_doubt() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.request(&query("UPDATE t SET v = 1"));
    rig.send(&mut primary, PRIMARY);
    let mut out = Vec::new();
    let Verdict::Told(lost) = rig.session.lost(&primary, "gone", &mut out) else {
        panic!("not told")
    };
    assert!(lost.in_doubt && rig.session.is_in_doubt());
    assert_eq!(seen(&out), "EZI");
}

#[test]
fn what_was_meant_for_a_lost_transaction_is_not_run_without_it() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let mut ahead = query("UPDATE t SET v = 1");
    ahead.extend(query("UPDATE t SET v = 2"));
    rig.request(&ahead);
    rig.send(&mut primary, PRIMARY);
    let mut out = Vec::new();
    let verdict = rig.session.lost(&primary, "gone", &mut out);
    assert!(matches!(verdict, Verdict::Over(_, _)), "{verdict:?}");
    assert!(out.is_empty());
}

#[test]
fn a_batch_that_fails_half_way_is_skipped_to_its_sync() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut batch = extended("", "INSERT INTO t VALUES (1)");
    batch.truncate(batch.len() - 5);
    batch.extend(extended("", "INSERT INTO t VALUES (2)"));
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &batch, "1 2 E:23505 Z:I CAPTURED:2000");
    assert_eq!(sent, "P() B() E P() B() E S CAPTURE");
    assert_eq!(seen, "12EZI");
}

#[test]
fn behind_the_sync_of_a_batch_that_failed_all_is_answered_again() {
    let mut rig = Rig::with_login("timezone", "UTC");
    let mut primary = link(Role::Primary);
    let prelude = rig.session.prelude(&primary).unwrap();
    rig.session.send_prelude(prelude, &mut primary, &mut Vec::new());
    rig.answer(&mut primary, "C:RESET T D C:SELECT Z:I");
    let mut flushed = Vec::new();
    client::describe(&mut flushed, b'S', "none");
    client::flush(&mut flushed);
    rig.request(&flushed);
    assert_eq!(rig.send(&mut primary, PRIMARY), "D H");
    assert_eq!(rig.answer(&mut primary, "E:26000").0, "E");
    assert_eq!(rig.gather(&extended("", "RESET ALL")), Gathered::Further);
    let sent = rig.send(&mut primary, PRIMARY);
    assert!(sent.starts_with("P() B() E S Q[SELECT pg_catalog.set_config"), "{sent}");
    let replies = "Z:I T D C:SELECT Z:I 1 LEFT:0/2";
    let (seen, progress) = rig.answer(&mut primary, replies);
    assert!(matches!(progress, Progress::Done(_)), "{progress:?}");
    assert_eq!(seen, "ZI");
    assert!(primary.is_idle());
}

#[test]
fn what_the_server_skips_is_not_prepared() {
    for name in ["s", ""] {
        let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
        let mut primary = link(Role::Primary);
        rig.run(&mut replica, REPLICA, &extended(name, "SELECT 1"), "1 2 D C:SELECT Z:I");
        let mut flushed = Vec::new();
        client::describe(&mut flushed, b'P', "none");
        client::flush(&mut flushed);
        rig.request(&flushed);
        rig.send(&mut primary, PRIMARY);
        rig.answer(&mut primary, "E:34000");
        assert_eq!(rig.gather(&bound(name)), Gathered::Further);
        rig.send(&mut primary, PRIMARY);
        rig.answer(&mut primary, "Z:I CAPTURED:2000");
        assert_eq!(primary.prepared_len(), 0);
        rig.request(&bound(name));
        let sent = rig.send(&mut primary, Place::Primary(Reason::Pinned));
        assert!(sent.contains("P("), "{sent}");
    }
}

#[test]
fn what_we_skip_ourselves_does_nothing() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let listen = extended("s", "LISTEN x");
    rig.run(&mut primary, PRIMARY, &listen, "1 2 E:57014 Z:I CAPTURED:2000 1 LEFT:0/3");
    let mut batch = Vec::new();
    client::describe(&mut batch, b'S', "s");
    client::parse(&mut batch, "s", "SELECT 1", &[]);
    batch.extend(bound("s"));
    let (_, seen) = rig.run(&mut primary, PRIMARY, &batch, "t n E:42601 Z:I");
    assert_eq!(seen, "tnEZI", "the name is taken");
    assert_eq!(rig.session.pinned(), None, "nobody listens");
}

#[test]
fn nothing_is_sent_twice_to_a_server_that_waits_for_more() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    let mut mixed = Vec::new();
    client::describe(&mut mixed, b'P', "none");
    mixed.extend(query("SELECT 1"));
    rig.request(&mixed);
    assert_eq!(rig.send(&mut replica, REPLICA), "D Q[SELECT 1]");
    rig.answer(&mut replica, "E:34000");
    assert_eq!(rig.gather(&[]), Gathered::NeedMore, "the server waits for a Sync");
    let mut sync = Vec::new();
    client::sync(&mut sync);
    assert_eq!(rig.gather(&sync), Gathered::Further);
    assert_eq!(rig.send(&mut replica, REPLICA), "S");
    assert_eq!(rig.answer(&mut replica, "Z:I").0, "ZI");
    rig.request(&query("SELECT 1"));
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "G");
    assert_eq!(rig.gather(&[]), Gathered::NeedMore, "it asks for COPY data, whyever");
}

#[test]
fn what_was_sent_in_part_does_not_run_again_in_part() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    let mut flushed = Vec::new();
    client::parse(&mut flushed, "a", "SELECT 1", &[]);
    client::flush(&mut flushed);
    rig.request(&flushed);
    assert_eq!(rig.send(&mut replica, REPLICA), "P(_afterwrite_1) H");
    let mut rest = Vec::new();
    client::parse(&mut rest, "b", "nonsense", &[]);
    client::sync(&mut rest);
    assert_eq!(rig.gather(&rest), Gathered::Further);
    rig.send(&mut replica, REPLICA);
    let (seen, progress) = rig.answer(&mut replica, "1 E:57P01 Z:I");
    assert_eq!(seen, "1EZI", "the first answer would be lost");
    assert!(matches!(progress, Progress::Done(_)), "{progress:?}");
}

#[test]
fn commands_of_ours_are_answered_without_a_server() {
    let mut rig = Rig::new();
    assert_eq!(rig.request(&query("SET afterwrite.level = 'strong'")).route, Route::Local);
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "CZI");
    assert_eq!(rig.session.scope().level(), Level::Strong);
    assert_eq!(rig.request(&extended("", "SHOW afterwrite.level")).route, Route::Local);
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "12DCZI");
}

/// The server would set it for itself, and the client would think that it had named a key.
#[test]
fn set_config_of_ours_is_refused_and_never_sent() {
    let set = "SELECT set_config('afterwrite.session', $1, false)";
    let mixed = "SELECT 1; SELECT set_config('afterwrite.session', 'a', false)";
    let write = "INSERT INTO t SELECT set_config('afterwrite.session', 'a', true)";
    for bytes in [query(set), query(mixed), query(write), extended("", set), extended("s", write)] {
        let mut rig = Rig::new();
        assert_eq!(rig.request(&bytes).route, Route::Local);
        rig.session.reply_locally(&mut rig.outbox);
        let told = String::from_utf8_lossy(&rig.outbox).into_owned();
        assert!(told.contains("C0A000\0") && told.contains("afterwrite.session='"), "{told}");
        assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "EZI");
        assert_eq!(rig.session.pinned(), None);
    }
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    for bytes in [query(set), extended("", set), query(mixed)] {
        rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
        assert!(refuse_own(&mut rig, &mut primary, &bytes).contains("C0A000\0"));
        assert_eq!(refuse_own(&mut rig, &mut primary, &bytes), "25P02");
        rig.run(&mut primary, PRIMARY, &query("ROLLBACK"), "C:ROLLBACK Z:I CAPTURED:2000");
    }
}

#[test]
fn a_query_too_long_to_be_held_goes_to_the_primary_unread() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let long = query(&format!("SELECT '{}'", "x".repeat(9000)));
    let (head, tail) = long.split_at(6000);
    assert_eq!(rig.request(head).route, Route::Primary(Reason::Unread));
    let how = Dispatch { place: PRIMARY, positions: true, sequence: &rig.sequence };
    let mut out = Vec::new();
    rig.session.dispatch(&mut primary, &rig.inbox, how, &mut out);
    assert_eq!(out, head, "passed on as it is");
    assert_eq!(rig.session.upstream_left(), Some((tail.len(), false)));
    rig.session.upstream_done(tail.len());
    let (seen, _) = rig.answer(&mut primary, "T D C:SELECT Z:I");
    assert_eq!(seen, "TDC", "ready is held until the server has said what is left");
    assert_eq!(sent(&std::mem::take(&mut rig.asked)), "INVENTORY");
    assert_eq!(rig.answer(&mut primary, "1 LEFT:0/2").0, "ZI");
    assert!(matches!(floor(&rig), Need::Fence(_)), "nobody knows what it did");
    assert!(primary.is_idle() && primary.retired().is_none());
}

#[test]
fn what_is_thrown_away_of_one_message_leaves_the_next_whole() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut data = Vec::new();
    client::copy_data(&mut data, &[b'1'; 9000]);
    let (head, tail) = data.split_at(6000);
    // The tail of a COPY that failed is for nobody.
    assert_eq!(rig.gather(head), Gathered::NeedMore);
    assert_eq!(rig.session.upstream_left(), Some((tail.len(), true)));
    rig.session.upstream_done(tail.len());
    rig.run(&mut primary, PRIMARY, &query("COPY t FROM STDIN"), "E:42P01 Z:I");
    rig.request(&query("COPY t FROM STDIN"));
    rig.send(&mut primary, PRIMARY);
    assert_eq!(rig.answer(&mut primary, "G").1, Progress::Client);
    assert_eq!(rig.gather(head), Gathered::Further);
    assert_eq!(rig.session.upstream_left(), Some((tail.len(), false)), "these are wanted");
}

#[test]
fn a_short_message_at_the_limit_of_what_is_held_is_not_too_long() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut batch = Vec::new();
    client::parse(&mut batch, "", &"x".repeat(LIMITS.held_max - 20), &[]);
    assert!(batch.len() < LIMITS.held_max);
    batch.extend(bound(""));
    let (head, tail) = batch.split_at(LIMITS.held_max);
    assert_eq!(rig.request(head).route, Route::Primary(Reason::Unread));
    assert_eq!(rig.send(&mut primary, PRIMARY), "P()");
    assert_eq!(rig.gather(tail), Gathered::Further);
    assert_eq!(rig.send(&mut primary, PRIMARY), "B() E S");
}

#[test]
fn the_rest_of_a_long_query_waits_for_the_settings() {
    let (mut rig, mut primary) = (Rig::with_login("timezone", "UTC"), link(Role::Primary));
    let long = query(&format!("SELECT '{}'", "x".repeat(9000)));
    rig.request(&long[..6000]);
    let prelude = rig.session.prelude(&primary).unwrap();
    rig.session.send_prelude(prelude, &mut primary, &mut Vec::new());
    assert!(!rig.session.wants_client(), "its beginning has not been sent");
    rig.answer(&mut primary, "C:RESET T D C:SELECT Z:I");
    let how = Dispatch { place: PRIMARY, positions: true, sequence: &rig.sequence };
    let mut out = Vec::new();
    rig.session.dispatch(&mut primary, &rig.inbox, how, &mut out);
    assert_eq!(out, long[..6000]);
    assert!(rig.session.wants_client());
}

#[test]
fn the_rest_of_a_long_query_that_was_refused_is_thrown_away() {
    let mut rig = Rig::new();
    let long = query(&format!("SELECT '{}'", "x".repeat(9000)));
    let (head, tail) = long.split_at(6000);
    rig.request(head);
    rig.session.refuse(&Report::error("53300", "no room"), &mut rig.outbox);
    assert_eq!(seen(&rig.outbox), "EZI");
    assert_eq!(rig.session.upstream_left(), Some((tail.len(), true)));
}

#[test]
fn sql_deallocates_what_the_protocol_prepared() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    assert_eq!(rig.request(&query("DEALLOCATE s")).route, Route::Local);
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "CZI");
    let request = rig.request(&query("DEALLOCATE s"));
    assert_eq!(request.route, Route::Primary(Reason::MayWrite), "the server says that it is gone");
}

#[test]
fn drivers_deallocate_by_the_extended_protocol_too() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 1"), "1 2 D C:SELECT Z:I");
    assert_eq!(rig.request(&extended("", "DEALLOCATE s")).route, Route::Local);
    rig.session.reply_locally(&mut rig.outbox);
    assert_eq!(seen(&std::mem::take(&mut rig.outbox)), "12CZI");
    assert_eq!(rig.request(&extended("", "DEALLOCATE s")).route, Route::Primary(Reason::MayWrite));
}

#[test]
fn sql_executes_what_the_protocol_prepared() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(
        &mut primary,
        PRIMARY,
        &extended("s", "SELECT 1"),
        "C:BEGIN Z:T 1 2 D C:SELECT Z:T C:COMMIT Z:I",
    );
    let (sent, seen) = rig.run(
        &mut primary,
        PRIMARY,
        &query("EXECUTE s"),
        "1 Z:I T D C:SELECT Z:I 3 Z:I CAPTURED:2000 1 LEFT:0/3",
    );
    assert_eq!(sent, "P(s) S Q[EXECUTE s] C S CAPTURE INVENTORY");
    assert_eq!(seen, "TDCZI");
}

#[test]
fn an_error_names_the_statement_as_the_client_does() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.request(&extended("mine", "SELECT $1"));
    rig.send(&mut replica, REPLICA);
    let mut error = Vec::new();
    server::error(&mut error, &Report::error("08P01", "statement \"_afterwrite_1\" requires 1"));
    let mut bytes = replied("1");
    bytes.extend(error);
    bytes.extend(replied("Z:I"));
    rig.session
        .relay(&mut replica, &bytes, &rig.sequence, &mut rig.outbox, &mut rig.asked)
        .unwrap();
    let text = String::from_utf8_lossy(&rig.outbox);
    assert!(text.contains("\"mine\" requires 1") && !text.contains("_afterwrite_"), "{text}");
    assert_eq!(seen(&rig.outbox), "1EZI");
}

#[test]
fn serializable_reads_go_to_the_primary() {
    let mut rig = Rig::with_login("default_transaction_isolation", "serializable");
    for sql in ["SELECT 1", "BEGIN READ ONLY"] {
        assert_eq!(rig.request(&query(sql)).route, Route::Primary(Reason::Serializable), "{sql}");
        rig.session.refuse(&Report::error("57P03", "no"), &mut Vec::new());
    }
}

#[test]
fn a_setting_is_shown_as_the_primary_has_it() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let request = rig.request(&query("SHOW transaction_read_only"));
    assert_eq!(request, Request { route: Route::Primary(Reason::Shows), may_write: false });
    assert_eq!(
        rig.send(&mut primary, Place::Primary(Reason::Shows)),
        "Q[SHOW transaction_read_only]",
        "without a guard, which would make it read-only, and without a capture"
    );
    let (seen, _) = rig.answer(&mut primary, "T D C:SHOW Z:I");
    assert_eq!((seen.as_str(), floor(&rig)), ("TDCZI", Need::Nothing));
}

#[test]
fn garbage_is_a_fault_and_never_a_panic() {
    for bytes in [
        &b"\0\0\0\0\0\0"[..],
        b"Q\0\0\0\x01",
        b"Z\0\0\0\x04",
        b"Q\xff\xff\xff\xff",
        b"B\0\0\0\x05x",
    ] {
        let mut rig = Rig::new();
        let result = rig.session.gather(bytes, &rig.library, Moment(0), false);
        assert!(result.is_err(), "{bytes:?}: {result:?}");
    }
}

/// What ties the client to its connection, in words.
fn pinned(rig: &Rig) -> String {
    rig.session.pinned().map(|pinned| pinned.causes.to_string()).unwrap_or_default()
}

#[test]
fn what_a_function_leaves_pins_until_it_is_gone() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let (sent, seen) = rig.run(
        &mut primary,
        PRIMARY,
        &query("SELECT f()"),
        "T D C:SELECT Z:I CAPTURED:2000 1 LEFT:17/2",
    );
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[SELECT f()] CAPTURE INVENTORY", "TDCZI"));
    assert_eq!(pinned(&rig), "temporary_table,advisory_lock");
    assert!(rig.session.holds_link());
    assert_eq!(rig.request(&query("SELECT 1")).route, Route::Held);
    assert_eq!(rig.send(&mut primary, PRIMARY), "Q[SELECT 1] CAPTURE", "it is not asked each time");
    rig.answer(&mut primary, "T D C:SELECT Z:I CAPTURED:2000");
    let unlock = query("SELECT pg_advisory_unlock(1)");
    let (sent, _) =
        rig.run(&mut primary, PRIMARY, &unlock, "T D C:SELECT Z:I CAPTURED:2000 LEFT:1/2");
    assert!(sent.ends_with("CAPTURE INVENTORY AGAIN"), "{sent}");
    assert_eq!(pinned(&rig), "temporary_table");
    rig.request(&query("DROP TABLE x"));
    rig.send(&mut primary, PRIMARY);
    let (_, progress) = rig.answer(&mut primary, "C:DROP Z:I CAPTURED:2000 LEFT:0/2");
    assert!(matches!(progress, Progress::Done(outcome) if !outcome.keep), "{progress:?}");
    assert_eq!(rig.session.pinned(), None);
    assert_eq!(rig.request(&query("SELECT 1")).route, Route::Read);
}

/// In table scope, where unread code left this behind, the statement that it ran in.
fn behind_unread_code(sql: &str, left: &str) -> (Rig, Link) {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_tables(Some(TableKeys::of("db")));
    let replies = format!("C:DO Z:I CAPTURED:2000 1 LEFT:{left}/1");
    rig.run(&mut primary, PRIMARY, &query(sql), &replies);
    (rig, primary)
}

/// Whether names in its next statement may be any.
fn path_is_unknown(rig: &mut Rig) -> bool {
    rig.request(&query("INSERT INTO t VALUES (1)"));
    rig.library.1.get()
}

#[test]
fn settings_that_a_block_makes_pin_and_leave_the_path_unknown() {
    for sql in [
        "DO $$ BEGIN PERFORM set_config('a.b', 'c', false); END $$",
        "DO $$ BEGIN SET search_path TO a; END $$",
    ] {
        let (mut rig, primary) = behind_unread_code(sql, "0");
        assert_eq!(pinned(&rig), "set_config", "{sql}");
        assert!(rig.session.prelude(&primary).is_none(), "what it has set stays");
        assert!(path_is_unknown(&mut rig), "{sql}");
    }
    let (mut rig, primary) = behind_unread_code("DO $$ BEGIN UPDATE t SET a = 1; END $$", "0");
    assert_eq!(pinned(&rig), "");
    assert!(rig.session.prelude(&primary).is_none());
    assert!(!path_is_unknown(&mut rig));
}

#[test]
fn settings_that_unread_code_may_have_made_are_brought_anew() {
    let (mut rig, primary) = behind_unread_code("SELECT f()", "0");
    assert_eq!(pinned(&rig), "");
    assert!(rig.session.prelude(&primary).is_some());
    assert!(!path_is_unknown(&mut rig));
    // Where they cannot be, since the connection stays with the client, names may be any.
    let (mut rig, primary) = behind_unread_code("SELECT f()", "1");
    assert_eq!(pinned(&rig), "temporary_table");
    assert!(rig.session.prelude(&primary).is_none());
    assert!(path_is_unknown(&mut rig));
}

/// It may have committed before it failed.
#[test]
fn settings_of_a_block_that_failed_are_brought_anew() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_tables(Some(TableKeys::of("db")));
    let sql = query("DO $$ BEGIN SET search_path TO a; COMMIT; PERFORM 1/0; END $$");
    rig.run(&mut primary, PRIMARY, &sql, "E Z:I CAPTURED:2000 1 LEFT:0/1");
    assert_eq!(pinned(&rig), "");
    assert!(rig.session.prelude(&primary).is_some());
}

#[test]
fn a_temporary_table_dropped_by_its_commit_pins_no_longer() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let create = query("CREATE TEMP TABLE x (a int) ON COMMIT DROP");
    rig.run(&mut primary, PRIMARY, &create, "C:CREATE Z:T");
    let replies = "C:COMMIT Z:I CAPTURED:2000 1 LEFT:0/2";
    let (sent, _) = rig.run(&mut primary, PRIMARY, &query("COMMIT"), replies);
    assert_eq!(sent, "Q[COMMIT] CAPTURE INVENTORY");
    assert_eq!(rig.session.pinned(), None);
}

#[test]
fn what_is_left_in_spite_of_an_error_is_found() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let (_, seen) = rig.run(
        &mut primary,
        PRIMARY,
        &query("SELECT pg_advisory_lock(1), 1/0"),
        "T E:22012 Z:I CAPTURED:2000 1 LEFT:16/2",
    );
    assert_eq!((seen.as_str(), pinned(&rig).as_str()), ("TEZI", "advisory_lock"));
}

#[test]
fn a_connection_on_which_nobody_knows_what_is_left_is_retired() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(
        &mut primary,
        PRIMARY,
        &query("SELECT f()"),
        "T D C:SELECT Z:I CAPTURED:2000 E:57014 Z:I",
    );
    assert!(primary.retired().is_some() && rig.session.pinned().is_none());
}

#[test]
fn a_connection_whose_statements_were_dropped_unseen_is_retired() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let done = query("DO 'BEGIN EXECUTE ''DEALLOCATE x''; END'");
    rig.run(&mut primary, PRIMARY, &done, "C:DO Z:I CAPTURED:2000 1 LEFT:0/1");
    assert!(primary.retired().is_some());
}

#[test]
fn settings_made_by_unread_code_are_reset_for_others_only() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("CALL p()"), "C:CALL Z:I CAPTURED:2000 1 LEFT:0/2");
    assert!(rig.session.prelude(&primary).is_none());
    let prelude = other.session.prelude(&primary).unwrap();
    let mut out = Vec::new();
    other.session.send_prelude(prelude, &mut primary, &mut out);
    assert_eq!(sent(&out), "Q[SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL]");
    other.answer(&mut primary, "C:SET C:RESET C:RESET Z:I");
    assert!(other.session.prelude(&primary).is_none());
    assert!(rig.session.prelude(&primary).is_none(), "and it is as new for the first one");
}

#[test]
fn a_role_follows_the_client_and_nobody_else() {
    let (mut rig, mut one, two) = (Rig::new(), link(Role::Primary), link(Role::Replica));
    rig.run(&mut one, PRIMARY, &query("SET ROLE clerk"), "C:SET Z:I CAPTURED:2000");
    assert_eq!(rig.session.pinned(), None);
    assert!(rig.session.prelude(&one).is_none());
    let mut out = Vec::new();
    let mut two = two;
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut out);
    assert_eq!(sent(&out), "Q[RESET ALL; SET ROLE clerk]");
    rig.answer(&mut two, "C:RESET C:SET Z:I");
    for link in [&mut one, &mut two] {
        let mut other = Rig::new();
        let prelude = other.session.prelude(link).unwrap();
        let mut out = Vec::new();
        other.session.send_prelude(prelude, link, &mut out);
        assert_eq!(sent(&out), "Q[SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL]");
        other.answer(link, "C:SET C:RESET C:RESET Z:I");
    }
}

#[test]
fn settings_of_a_pinned_client_stay_where_they_are() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let replies = "C:BEGIN C:SET C:COMMIT Z:I";
    rig.run(&mut primary, PRIMARY, &query("BEGIN; SET a.b = 1; COMMIT"), replies);
    assert_eq!(pinned(&rig), "other");
    assert!(rig.session.prelude(&primary).is_none(), "only the server knows them");
    rig.run(&mut primary, PRIMARY, &query("RESET ALL"), "C:RESET Z:I CAPTURED:2000");
    assert_eq!(rig.session.pinned(), None);
}

const FORGET: &str = "P(_afterwrite_sequences) B(_afterwrite_sequences) E C S";

#[test]
fn nobody_is_told_of_anothers_sequences() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    let insert = query("INSERT INTO t (a) VALUES (1)");
    rig.run(&mut primary, PRIMARY, &insert, "C:INSERT Z:I CAPTURED:2000");
    let asked = query("SELECT currval('s')");
    let forgotten = "1 2 C:DISCARD 3 Z:I E:55000 Z:I CAPTURED:2000 1 LEFT:0/3";
    let (sent, seen) = other.run(&mut primary, PRIMARY, &asked, forgotten);
    assert_eq!(sent, format!("{FORGET} Q[SELECT currval('s')] CAPTURE INVENTORY"));
    assert_eq!(seen, "EZI");
    assert_eq!(other.session.pinned(), None, "it failed");
    let (sent, _) = rig.run(&mut primary, PRIMARY, &insert, "C:INSERT Z:I CAPTURED:2000");
    assert_eq!(sent, "Q[INSERT INTO t (a) VALUES (1)] CAPTURE", "who does not ask pays nothing");
}

#[test]
fn what_was_to_be_forgotten_and_was_skipped_is_not_told_later() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    let insert = query("INSERT INTO t VALUES (1)");
    other.run(&mut primary, PRIMARY, &insert, "C:INSERT Z:I CAPTURED:2000");
    let mut bad = Vec::new();
    client::parse(&mut bad, "", "SELECT no FROM t FOR UPDATE", &[]);
    client::flush(&mut bad);
    rig.request(&bad);
    assert_eq!(rig.send(&mut primary, PRIMARY), "P() H");
    // The error is on its way when the rest comes.
    assert_eq!(rig.gather(&extended("", "SELECT currval('s')")), Gathered::Further);
    let sent = rig.send(&mut primary, PRIMARY);
    assert!(sent.contains("B(_afterwrite_sequences)"), "{sent}");
    rig.answer(&mut primary, "E:42703 Z:I CAPTURED:2000 1 LEFT:0/2");
    rig.request(&query("SELECT currval('s')"));
    let sent = rig.send(&mut primary, PRIMARY);
    assert!(sent.starts_with(FORGET), "{sent}");
}

#[test]
fn who_moves_a_sequence_by_name_may_ask_for_it_next() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    let insert = query("INSERT INTO t VALUES (1)");
    other.run(&mut primary, PRIMARY, &insert, "C:INSERT Z:I CAPTURED:2000");
    let replies = "1 2 C:DISCARD 3 Z:I T D C:SELECT Z:I CAPTURED:2000";
    let (sent, _) = rig.run(&mut primary, PRIMARY, &query("SELECT nextval('s')"), replies);
    assert_eq!(sent, format!("{FORGET} Q[SELECT nextval('s')] CAPTURE"));
    let replies = "T D C:SELECT Z:I CAPTURED:2000 1 LEFT:0/2";
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &query("SELECT currval('s')"), replies);
    assert_eq!(sent, "Q[SELECT currval('s')] CAPTURE INVENTORY");
    assert_eq!(seen, "TDCZI");
}

#[test]
fn within_a_transaction_currval_tells_ones_own() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    let insert = query("INSERT INTO t VALUES (1)");
    other.run(&mut primary, PRIMARY, &insert, "C:INSERT Z:I CAPTURED:2000");
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let (sent, _) = rig.run(&mut primary, PRIMARY, &insert, "1 2 C:DISCARD 3 Z:T C:INSERT Z:T");
    assert_eq!(sent, format!("{FORGET} Q[INSERT INTO t VALUES (1)]"), "before its own, not behind");
    let (sent, _) =
        rig.run(&mut primary, PRIMARY, &query("SELECT currval('s')"), "T D C:SELECT Z:T");
    assert_eq!(sent, "Q[SELECT currval('s')]");
    assert_eq!(rig.session.pinned(), None);
}

#[test]
fn who_asks_for_its_sequences_outside_of_transactions_stays() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("SELECT nextval('s')"), "T D C:SELECT Z:I CAPTURED:2000");
    let replies = "T D C:SELECT Z:I CAPTURED:2000 1 LEFT:0/2";
    rig.run(&mut primary, PRIMARY, &query("SELECT lastval()"), replies);
    assert_eq!(pinned(&rig), "sequence");
    let replies = "C:DISCARD Z:I CAPTURED:2000 LEFT:0/2";
    rig.request(&query("DISCARD SEQUENCES"));
    rig.send(&mut primary, PRIMARY);
    rig.answer(&mut primary, replies);
    assert_eq!(rig.session.pinned(), None);
}

#[test]
fn anothers_unnamed_statement_cannot_be_bound() {
    let (mut rig, mut other, mut primary) = (Rig::new(), Rig::new(), link(Role::Primary));
    let mut parse = Vec::new();
    client::parse(&mut parse, "", "SELECT 'secret'", &[]);
    client::sync(&mut parse);
    rig.run(&mut primary, PRIMARY, &parse, "1 Z:I");
    let bind = bound("");
    let (sent, seen) = other.run(&mut primary, PRIMARY, &bind, "3 E:26000 Z:I 1 LEFT:0/2");
    assert!(sent.starts_with("C B() E S"), "{sent}");
    assert_eq!(seen, "EZI");
}

#[test]
fn anothers_named_statement_cannot_be_found() {
    let (mut rig, mut other, mut replica) = (Rig::new(), Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &extended("s", "SELECT 'secret'"), "1 2 D C:SELECT Z:I");
    let mut close = Vec::new();
    client::close(&mut close, b'S', "_afterwrite_1");
    client::sync(&mut close);
    for (bytes, expected) in [
        (bound("_afterwrite_1"), "EZI"),
        (query("EXECUTE _afterwrite_1"), "EZI"),
        (query("DEALLOCATE _afterwrite_position"), "EZI"),
        (extended("", "EXECUTE _afterwrite_1"), "1EZI"),
        (close, "3ZI"),
    ] {
        let route = other.request(&bytes).route;
        if route == Route::Local {
            other.session.reply_locally(&mut other.outbox);
            assert_eq!(seen(&std::mem::take(&mut other.outbox)), expected);
        } else {
            // A Parse has gone to the server, which must then fail, too.
            let mut primary = link(Role::Primary);
            assert_eq!(other.send(&mut primary, PRIMARY), "P() P(_afterwrite_refused) S");
            assert_eq!(other.answer(&mut primary, "1 E:42601 Z:I").0, expected);
        }
    }
}

#[test]
fn what_the_proxy_refuses_fails_the_transaction() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(
        &mut primary,
        PRIMARY,
        &extended("s", "SELECT 1 FOR UPDATE"),
        "1 2 C:SELECT Z:I CAPTURED:2000",
    );
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &extended("s", "SELECT 2"), "E:42601 Z:E");
    assert_eq!((sent.as_str(), seen.as_str()), ("P(_afterwrite_refused) S", "EZE"));
    rig.run(&mut primary, PRIMARY, &query("ROLLBACK"), "C:ROLLBACK Z:I CAPTURED:2000");
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let bad = query("SET afterwrite.level = 'bogus'");
    let (sent, seen) = rig.run(&mut primary, PRIMARY, &bad, "E:42601 Z:E");
    assert_eq!(sent, "Q[afterwrite has refused a statement of this transaction]");
    assert_eq!(seen, "EZE");
}

#[test]
fn what_the_proxy_refuses_undoes_what_stands_before_it_in_a_batch() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(
        &mut primary,
        PRIMARY,
        &extended("s", "SELECT 1 FOR UPDATE"),
        "1 2 C:SELECT Z:I CAPTURED:2000",
    );
    let mut batch = extended("", "INSERT INTO t VALUES (1)");
    batch.truncate(batch.len() - 5);
    batch.extend(extended("s", "SELECT 2"));
    let (sent, seen) =
        rig.run(&mut primary, PRIMARY, &batch, "1 2 C:INSERT E:42601 Z:I CAPTURED:3000");
    assert_eq!(sent, "P() B() E P(_afterwrite_refused) S CAPTURE");
    assert_eq!(seen, "12CEZI");
}

const REFUSED: &str = "Q[afterwrite has refused a statement of this transaction]";

/// In a transaction that has begun on a replica.
fn begun_on_replica() -> (Rig, Link) {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &query("BEGIN READ ONLY"), "C:BEGIN Z:T");
    (rig, replica)
}

/// What the client has gathered is refused; gives back what the server is sent.
fn refuse(rig: &mut Rig, link: &mut Link, bytes: &[u8]) -> String {
    assert_eq!(rig.request(bytes).route, Route::Held);
    rig.session.fail_transaction(&Report::error("72AW1", "too far behind"));
    assert_eq!(rig.session.request(), Request { route: Route::Held, may_write: false });
    rig.send(link, REPLICA)
}

#[test]
fn what_is_refused_before_it_is_sent_fails_the_transaction_too() {
    let (mut rig, mut replica) = begun_on_replica();
    assert_eq!(refuse(&mut rig, &mut replica, &query("SELECT 1")), REFUSED);
    let mut told = replied("E:42601 Z:E");
    let relayed =
        rig.session.relay(&mut replica, &told, &rig.sequence, &mut rig.outbox, &mut rig.asked);
    assert!(matches!(relayed.unwrap().progress, Progress::Done(outcome) if outcome.keep));
    told = std::mem::take(&mut rig.outbox);
    assert!(told.windows(5).any(|it| it == b"72AW1"), "in the proxy's words");
    assert_eq!(seen(&told), "EZE");
    let (sent, seen) = rig.run(&mut replica, REPLICA, &query("SELECT 2"), "E:25P02 Z:E");
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[SELECT 2]", "EZE"), "the server knows");
    let (sent, seen) = rig.run(&mut replica, REPLICA, &query("COMMIT"), "C:ROLLBACK Z:I");
    assert_eq!((sent.as_str(), seen.as_str()), ("Q[COMMIT]", "CZI"));
    assert!(!rig.session.holds_link() && replica.retired().is_none());
}

/// As any other command there, and what it sets is not set.
#[test]
fn in_a_transaction_that_failed_our_own_commands_fail_too() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    rig.run(&mut primary, PRIMARY, &query("SELECT 1 / 0"), "E:22012 Z:E");
    let set = "SET afterwrite.level = 'eventual'";
    for bytes in [query(set), extended("", set)] {
        assert_eq!(refuse_own(&mut rig, &mut primary, &bytes), "25P02");
    }
    rig.run(&mut primary, PRIMARY, &query("ROLLBACK"), "C:ROLLBACK Z:I CAPTURED:2000");
    assert_eq!(rig.session.level(), Level::ReadYourWrites);
}

/// A command of ours, which the server is made to fail; gives back what the client is told.
fn refuse_own(rig: &mut Rig, link: &mut Link, bytes: &[u8]) -> String {
    assert_eq!(rig.request(bytes).route, Route::Held);
    rig.send(link, PRIMARY);
    let told = replied("E:42601 Z:E");
    let relayed = rig.session.relay(link, &told, &rig.sequence, &mut rig.outbox, &mut rig.asked);
    assert!(matches!(relayed.unwrap().progress, Progress::Done(_)));
    let told = String::from_utf8_lossy(&std::mem::take(&mut rig.outbox)).into_owned();
    told.find("25P02").map(|at| told[at..at + 5].to_owned()).unwrap_or(told)
}

#[test]
fn what_is_refused_before_it_is_sent_is_skipped_to_its_sync() {
    let first = extended("named", "SELECT 1");
    let (mut rig, mut replica) = begun_on_replica();
    assert_eq!(refuse(&mut rig, &mut replica, &first), "P(_afterwrite_refused) S");
    assert_eq!(rig.answer(&mut replica, "E:42601 Z:E").0, "EZE");
    rig.run(&mut replica, REPLICA, &query("ROLLBACK"), "C:ROLLBACK Z:I");
    assert_eq!(rig.request(&first).route, Route::Read, "it was not prepared");

    let (mut rig, mut replica) = begun_on_replica();
    let ahead = [extended("", "SELECT 1"), extended("", "SELECT 2"), query("COMMIT")].concat();
    let sent = refuse(&mut rig, &mut replica, &ahead);
    assert_eq!(sent, "P(_afterwrite_refused) S P() B() E S");
    assert_eq!(rig.answer(&mut replica, "E:42601 Z:E E:25P02 Z:E").0, "EZEEZE");
    assert_eq!(rig.run(&mut replica, REPLICA, &[], "C:ROLLBACK Z:I").0, "Q[COMMIT]");

    // Its Sync is still to come.
    let (mut rig, mut replica) = begun_on_replica();
    let mut flushed = extended("", "SELECT 1");
    flushed.truncate(flushed.len() - 5);
    client::flush(&mut flushed);
    assert_eq!(refuse(&mut rig, &mut replica, &flushed), "P(_afterwrite_refused)");
    assert_eq!(rig.answer(&mut replica, "E:42601"), ("E".to_owned(), Progress::Client));
    assert_eq!(rig.gather(&extended("", "COMMIT")), Gathered::Further);
    assert_eq!(rig.send(&mut replica, REPLICA), "S");
    assert_eq!(rig.answer(&mut replica, "Z:E").0, "ZE");
    assert_eq!(rig.run(&mut replica, REPLICA, &query("COMMIT"), "C:ROLLBACK Z:I").0, "Q[COMMIT]");
}

/// Its rest is not for the server, which has not seen its beginning.
#[test]
fn of_a_long_statement_that_is_refused_nothing_is_sent() {
    let (mut rig, mut replica) = begun_on_replica();
    let long = query(&format!("SELECT '{}'", "x".repeat(3 * LIMITS.held_max)));
    let (start, rest) = long.split_at(2 * LIMITS.held_max);
    assert_eq!(refuse(&mut rig, &mut replica, start), REFUSED);
    assert_eq!(rig.session.upstream_left(), Some((rest.len(), true)));
    assert_eq!(rig.answer(&mut replica, "E:42601 Z:E").0, "EZE");
    assert!(replica.retired().is_none());
    rig.session.upstream_done(rest.len());
    assert_eq!(rig.run(&mut replica, REPLICA, &query("ROLLBACK"), "C:ROLLBACK Z:I").1, "CZI");
}

/// A transaction that has failed shows nothing, and what brings it back must not be refused.
#[test]
fn who_comes_back_to_a_savepoint_asks_anew() {
    let (mut rig, mut replica) = begun_on_replica();
    rig.run(&mut replica, REPLICA, &query("SAVEPOINT a"), "C:SAVEPOINT Z:T");
    rig.request(&query("SET LOCAL afterwrite.level = 'strong'"));
    rig.session.reply_locally(&mut Vec::new());
    let raised = |rig: &mut Rig, sql: &str| {
        rig.request(&query(sql));
        (rig.session.was_raised(), rig.session.raised_too_late())
    };
    assert_eq!(raised(&mut rig, "SELECT 1"), (true, None), "a savepoint fixes nothing");
    rig.session.fail_transaction(&Report::error("72AW1", "too far behind"));
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "E:42601 Z:E");
    assert!(!raised(&mut rig, "SELECT 1").0, "the server refuses it");
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "E:25P02 Z:E");
    assert!(!raised(&mut rig, "ROLLBACK TO a").0);
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "C:ROLLBACK Z:T");
    assert!(!raised(&mut rig, "RELEASE a").0);
    rig.send(&mut replica, REPLICA);
    rig.answer(&mut replica, "C:RELEASE Z:T");
    assert!(raised(&mut rig, "SELECT 1").0);
}

/// Under repeatable read a server takes the snapshot with the first statement that is prepared.
#[test]
fn what_is_prepared_in_a_transaction_is_its_first_statement() {
    let prepare = |sql| {
        let mut out = Vec::new();
        client::parse(&mut out, "", sql, &[]);
        client::sync(&mut out);
        out
    };
    let raise = query("SET LOCAL afterwrite.level = 'strong'");
    for (sql, first) in [("SELECT 1", true), ("COMMIT", false), ("ROLLBACK TO a", false)] {
        let (mut rig, mut replica) = begun_on_replica();
        rig.request(&raise);
        rig.session.reply_locally(&mut Vec::new());
        rig.request(&prepare(sql));
        assert_eq!(rig.session.was_raised(), first, "{sql}");

        let (mut late, _) = begun_on_replica();
        late.run(&mut replica, REPLICA, &prepare(sql), "1 Z:T");
        late.request(&raise);
        assert_eq!(late.session.raised_too_late().is_some(), first, "{sql}");
    }
}

#[test]
fn a_token_that_cannot_be_told_fails_the_transaction() {
    let show = "SHOW afterwrite.token";
    for (bytes, expected) in
        [(query(show), REFUSED), (extended("", show), "P(_afterwrite_refused) S")]
    {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        rig.session.scope_mut().doubt(Moment(3));
        rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
        assert!(matches!(rig.gather(&bytes), Gathered::NeedsFence(_)));
        let failed = rig.session.gather(&rig.inbox, &rig.library, Moment(4), true).unwrap();
        assert!(matches!(failed, Gathered::Request(Request { route: Route::Held, .. })));
        assert_eq!(rig.send(&mut primary, PRIMARY), expected);
    }
}

#[test]
fn in_session_mode_a_client_keeps_its_connection_and_leaves_it_clean() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_mode(Mode::Session);
    assert_eq!(rig.request(&query("SELECT 1")).route, Route::Primary(Reason::Pinned));
    let place = Place::Primary(Reason::Pinned);
    assert_eq!(rig.send(&mut primary, place), "Q[SELECT 1] CAPTURE");
    rig.answer(&mut primary, "T D C:SELECT Z:I CAPTURED:2000");
    assert_eq!(rig.request(&query("SELECT f()")).route, Route::Held);
    assert_eq!(rig.send(&mut primary, place), "Q[SELECT f()] CAPTURE", "nobody asks what is left");
    rig.answer(&mut primary, "T D C:SELECT Z:I CAPTURED:2000");
    let mut out = Vec::new();
    assert_eq!(rig.session.leave(&mut primary, Some("discard all;"), &mut out), Leave::Reset);
    assert_eq!(sent(&out), "Q[DISCARD ALL]");
    let (seen, progress) = rig.answer(&mut primary, "C:DISCARD Z:I");
    assert_eq!((seen.as_str(), progress), ("", Progress::Reset(true)));
    assert!(primary.is_idle() && primary.retired().is_none() && primary.prepared_len() == 0);
    assert!(Rig::new().session.prelude(&primary).is_none());
}

#[test]
fn a_connection_in_a_transaction_is_not_cleaned_but_closed() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_mode(Mode::Session);
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    assert_eq!(rig.session.leave(&mut primary, None, &mut Vec::new()), Leave::Close);
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_mode(Mode::Session);
    rig.run(&mut primary, PRIMARY, &query("LOAD 'x'"), "C:LOAD Z:I CAPTURED:2000");
    assert_eq!(rig.session.leave(&mut primary, None, &mut Vec::new()), Leave::Close);
}

#[test]
fn in_statement_mode_a_transaction_block_ends_the_connection() {
    for bytes in [query("BEGIN"), query("START TRANSACTION READ ONLY"), extended("", "BEGIN")] {
        let mut rig = Rig::new();
        rig.session.set_mode(Mode::Statement);
        rig.inbox.extend(bytes);
        let refused = rig.session.gather(&rig.inbox, &rig.library, Moment(0), false);
        assert_eq!(refused.unwrap_err().sqlstate(), "08P01");
    }
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_mode(Mode::Statement);
    rig.request(&query("BEGIN; UPDATE t SET v = 1"));
    rig.send(&mut primary, PRIMARY);
    let replies = replied("C:BEGIN C:UPDATE Z:T");
    let (out, asked) = (&mut rig.outbox, &mut rig.asked);
    assert!(rig.session.relay(&mut primary, &replies, &rig.sequence, out, asked).is_err());
    let mut out = Vec::new();
    let verdict = rig.session.lost(&primary, "", &mut out);
    assert!(matches!(&verdict, Verdict::Over(_, report) if report.code == "08P01"), "{verdict:?}");
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.session.set_mode(Mode::Statement);
    let whole = query("BEGIN; UPDATE t SET v = 1; COMMIT");
    let replies = "C:BEGIN C:UPDATE C:COMMIT Z:I";
    rig.run(&mut primary, PRIMARY, &whole, replies);
}

#[test]
fn nobody_is_tied_to_a_replica() {
    let (mut rig, mut replica) = (Rig::new(), link(Role::Replica));
    rig.run(&mut replica, REPLICA, &query("BEGIN READ ONLY"), "C:BEGIN Z:T");
    rig.run(&mut replica, REPLICA, &query("PREPARE p AS SELECT 1"), "C:PREPARE Z:T");
    let (sent, _) = rig.run(&mut replica, REPLICA, &query("COMMIT"), "C:COMMIT Z:I 1 LEFT:4/1");
    assert_eq!(sent, "Q[COMMIT] INVENTORY");
    assert!(!rig.session.holds_link() && replica.retired().is_some());
}

#[test]
fn the_operators_own_reset_query_runs_first() {
    for (replies, clean) in [
        ("T C:SELECT Z:I C:DISCARD Z:I", true),
        ("E:42601 Z:I C:DISCARD Z:I", false),
        ("C:BEGIN Z:T E:25001 Z:E", false),
    ] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        rig.session.set_mode(Mode::Session);
        rig.run(&mut primary, PRIMARY, &query("SELECT 1"), "T D C:SELECT Z:I CAPTURED:2000");
        let mut out = Vec::new();
        assert_eq!(rig.session.leave(&mut primary, Some("SELECT f()"), &mut out), Leave::Reset);
        assert_eq!(sent(&out), "Q[SELECT f()] Q[DISCARD ALL]");
        assert_eq!(rig.answer(&mut primary, replies).1, Progress::Reset(clean));
    }
}

#[test]
fn writes_sent_ahead_are_one_exchange_with_their_own_readies() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut ahead = extended("", "INSERT INTO t VALUES (1)");
    ahead.extend(extended("", "INSERT INTO t VALUES (2)"));
    ahead.extend(extended("", "UPDATE t SET v = 3"));
    ahead.extend(extended("", "SELECT 1"));
    rig.request(&ahead);
    let sent = rig.send(&mut primary, PRIMARY);
    assert_eq!(sent, "P() B() E S P() B() E S P() B() E S CAPTURE", "the read goes its own way");
    let (seen, progress) = rig.answer(&mut primary, "1 2 C:INSERT Z:I 1 2 E:23505 Z:I");
    assert_eq!((seen.as_str(), progress), ("12CZI12EZI", Progress::More));
    let (seen, progress) = rig.answer(&mut primary, "1 2 C:UPDATE Z:I");
    assert_eq!((seen.as_str(), progress), ("12C", Progress::More), "the last one is held");
    let (seen, progress) = rig.answer(&mut primary, "CAPTURED:2000");
    assert!(
        matches!(progress, Progress::Done(outcome) if outcome.batches == 3 && outcome.captured)
    );
    assert_eq!((seen.as_str(), floor(&rig)), ("ZI", at(0x2000)));
    assert_eq!(rig.request(&[]).route, Route::Read);
}

#[test]
fn what_is_sent_ahead_in_a_transaction_goes_together_up_to_its_end() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let locked = extended("s", "SELECT 1 FOR UPDATE");
    rig.run(&mut primary, PRIMARY, &locked, "1 2 C:SELECT Z:I CAPTURED:2000");
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let mut ahead = bound("s");
    ahead.extend(extended("", "SELECT no"));
    ahead.extend(bound("s"));
    ahead.extend(extended("", "COMMIT"));
    rig.request(&ahead);
    let sent = rig.send(&mut primary, PRIMARY);
    assert_eq!(sent, "B(_afterwrite_1) E S P() B() E S B(_afterwrite_1) E S");
    let (seen, progress) = rig.answer(&mut primary, "2 D C:SELECT Z:T E:42703 Z:E E:25P02 Z:E");
    assert_eq!(seen, "2DCZTEZEEZE");
    assert!(matches!(progress, Progress::Done(_)));
    rig.request(&[]);
    assert_eq!(rig.send(&mut primary, PRIMARY), "P() B() E S CAPTURE");
    assert_eq!(rig.answer(&mut primary, "1 2 C:ROLLBACK Z:I CAPTURED:2000").0, "12CZI");
}

#[test]
fn what_must_be_known_before_one_reads_on_is_not_joined() {
    for second in [
        extended("", "SET work_mem = '1MB'"),
        extended("", "LISTEN a"),
        extended("", "BEGIN"),
        extended("", "COPY t FROM STDIN"),
        extended("", "SELECT 1"),
        extended("", "SHOW afterwrite.token"),
        extended("named", "INSERT INTO t VALUES (1)"),
        extended("", "DISCARD ALL"),
        query("INSERT INTO t VALUES (1)"),
        bound(""),
        bound("unknown"),
        bound("named first"),
    ] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        let first = extended("named first", "INSERT INTO t VALUES (1)");
        rig.request(&[first, second].concat());
        let sent = rig.send(&mut primary, PRIMARY);
        assert_eq!(sent, "P(_afterwrite_1) B(_afterwrite_1) E S CAPTURE");
    }
}

#[test]
fn a_write_lost_among_others_is_in_doubt() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let one = extended("", "INSERT INTO t VALUES (1)");
    rig.request(&[one.clone(), one.clone(), one].concat());
    rig.send(&mut primary, PRIMARY);
    rig.answer(&mut primary, "1 2 C:INSERT Z:I");
    let mut out = Vec::new();
    let verdict = rig.session.lost(&primary, "gone", &mut out);
    assert!(matches!(verdict, Verdict::Told(lost) if lost.in_doubt), "{verdict:?}");
    assert_eq!(seen(&out), "EZIEZI", "each that was not answered");
}

#[test]
fn an_unnamed_statement_outlives_the_failure_of_an_earlier_one() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let mut ahead = extended("", "INSERT INTO missing VALUES (1)");
    ahead.extend(extended("", "INSERT INTO t VALUES (1)"));
    rig.run(&mut primary, PRIMARY, &ahead, "E:42P01 Z:I 1 2 C:INSERT Z:I CAPTURED:2000");
    rig.request(&bound(""));
    assert_eq!(rig.send(&mut primary, PRIMARY), "P() B() E S CAPTURE", "it is made sure of");
}

#[test]
fn what_is_bound_counts_once_it_is_executed() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let written = "2 C:INSERT Z:I CAPTURED:2000";
    let insert = extended("s", "INSERT INTO t VALUES (1)");
    rig.run(&mut primary, PRIMARY, &insert, &format!("1 {written}"));
    for sql in ["DEALLOCATE ALL", "SET work_mem = '1MB'", "LISTEN x"] {
        let mut batch = Vec::new();
        client::parse(&mut batch, "", sql, &[]);
        client::bind(&mut batch, "", "", &[], &[], &[]);
        client::sync(&mut batch);
        let (sent, _) = rig.run(&mut primary, PRIMARY, &batch, "1 2 Z:I");
        assert_eq!(sent, "P() B() S", "{sql}");
        assert!(rig.session.prelude(&primary).is_none(), "{sql}");
        assert_eq!(rig.session.pinned(), None, "{sql}");
    }
    let (sent, _) = rig.run(&mut primary, PRIMARY, &bound("s"), written);
    assert_eq!(sent, "B(_afterwrite_1) E S CAPTURE", "nothing was deallocated");
}

#[test]
fn a_portal_counts_in_whichever_exchange_of_its_transaction_it_is_executed() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    let mut batch = Vec::new();
    client::parse(&mut batch, "", "SET work_mem = '1MB'", &[]);
    client::bind(&mut batch, "p", "", &[], &[], &[]);
    client::sync(&mut batch);
    rig.run(&mut primary, PRIMARY, &batch, "1 2 Z:T");
    batch.clear();
    client::execute(&mut batch, "p", 0);
    client::sync(&mut batch);
    rig.run(&mut primary, PRIMARY, &batch, "C:SET Z:T");
    rig.run(&mut primary, PRIMARY, &query("COMMIT"), "C:COMMIT Z:I CAPTURED:2000");
    assert!(rig.session.prelude(&link(Role::Replica)).is_some(), "it follows the client");
}

#[test]
fn nothing_of_ours_stands_where_the_server_may_skip_it() {
    for sql in ["SELECT 1", "UPDATE t SET v = 1"] {
        let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
        let mut batch = Vec::new();
        client::describe(&mut batch, b'P', "none");
        client::query(&mut batch, sql);
        client::sync(&mut batch);
        rig.request(&batch);
        let sent = rig.send(&mut primary, Place::Primary(Reason::NoneInTime));
        assert_eq!(sent, format!("D Q[{sql}]"), "neither a guard nor a question");
        let (seen, progress) = rig.answer(&mut primary, "E:34000");
        assert_eq!((seen.as_str(), progress), ("E", Progress::Client), "{sql}");
        assert_eq!(rig.gather(&[]), Gathered::Further);
        assert_eq!(rig.send(&mut primary, PRIMARY), "S");
        let (seen, progress) = rig.answer(&mut primary, "Z:I");
        assert_eq!(seen, "ZI");
        assert!(matches!(progress, Progress::Done(_)));
    }
}

/// What the next server is brought first.
fn brought(rig: &mut Rig, link: &mut Link) -> String {
    let mut out = Vec::new();
    let prelude = rig.session.prelude(link).unwrap();
    rig.session.send_prelude(prelude, link, &mut out);
    rig.answer(link, "C:RESET Z:I");
    sent(&out)
}

#[test]
fn settings_changed_in_a_string_of_several_statements_follow_the_client() {
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    let sql = "SET a.b = '1;2'; -- two\n SELECT 1; SET a.c = 2 ; RESET a.b; SET a.b = 3";
    rig.run(
        &mut primary,
        PRIMARY,
        &query(sql),
        "C:SET T D C:SELECT C:SET C:RESET C:SET Z:I CAPTURED:2000",
    );
    assert_eq!(rig.session.pinned(), None);
    assert!(rig.session.prelude(&primary).is_none(), "they are there");
    let expected = "Q[RESET ALL; SET a.b = 3; SET a.c = 2]";
    assert_eq!(brought(&mut rig, &mut link(Role::Replica)), expected);

    let failed = query("SET a.b = 4; SELECT 1/0");
    rig.run(&mut primary, PRIMARY, &failed, "C:SET E:22012 Z:I CAPTURED:2000");
    assert_eq!(brought(&mut rig, &mut primary), expected, "all of it or nothing");
}

#[test]
fn what_a_drivers_pool_resets_neither_pins_nor_is_undone() {
    let reset = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";
    let replies = "T D C:SELECT C:CLOSE C:UNLISTEN C:RESET Z:I CAPTURED:2000";
    let (mut rig, mut primary) = (Rig::new(), link(Role::Primary));
    rig.run(&mut primary, PRIMARY, &query("SET a.b = 1"), "C:SET Z:I CAPTURED:2000");
    rig.run(&mut primary, PRIMARY, &query(reset), replies);
    assert_eq!(rig.session.pinned(), None);
    assert!(rig.session.prelude(&primary).is_none(), "it is as new");
    assert_eq!(rig.session.settings().fingerprint(), Settings::default().fingerprint());
}

#[test]
fn behind_a_reset_among_others_the_login_comes_back_too() {
    let mut rig = Rig::with_login("a.b", "1");
    let mut primary = link(Role::Primary);
    let login = "SELECT pg_catalog.set_config('a.b', '1', false)";
    brought(&mut rig, &mut primary);
    let sql = query("SELECT 1; RESET ALL");
    rig.run(&mut primary, PRIMARY, &sql, "T D C:SELECT C:RESET Z:I CAPTURED:2000");
    assert_eq!(brought(&mut rig, &mut primary), format!("Q[RESET ALL; {login}]"));

    // On a connection that stays there is no prelude.
    rig.run(&mut primary, PRIMARY, &query("LISTEN x"), "C:LISTEN Z:I CAPTURED:2000 1 LEFT:2/2");
    rig.request(&sql);
    rig.send(&mut primary, PRIMARY);
    let (seen, progress) = rig.answer(&mut primary, "T D C:SELECT C:RESET Z:I CAPTURED:2000");
    assert_eq!((seen.as_str(), progress), ("TDCC", Progress::More));
    assert_eq!(sent(&std::mem::take(&mut rig.asked)), format!("Q[{login}]"));
    let (seen, progress) = rig.answer(&mut primary, "T D C:SELECT Z:I");
    assert_eq!(seen, "ZI");
    assert!(matches!(progress, Progress::Done(_)));
}

/// Parse, Describe, Sync.
fn described(name: &str, sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    client::parse(&mut out, name, sql, &[]);
    client::describe(&mut out, b'S', name);
    client::sync(&mut out);
    out
}

#[test]
fn columns_that_the_client_was_not_told_of_are_refused() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Replica), link(Role::Replica));
    rig.run(&mut one, REPLICA, &described("s", "SELECT * FROM t"), "1 t T Z:I");
    rig.request(&bound("s"));
    assert!(rig.session.prelude(&one).is_none(), "it has just told them");
    let again = "P(_afterwrite_1) D S";
    let mut three = link(Role::Replica);
    for (server, told, expected) in [(&mut two, "T", "2DCZI"), (&mut three, "TT", "EZI")] {
        let prelude = rig.session.prelude(server).unwrap();
        let mut out = Vec::new();
        rig.session.send_prelude(prelude, server, &mut out);
        assert!(sent(&out).ends_with(again), "{}", sent(&out));
        let (seen, progress) = rig.answer(server, &format!(" 1 t {told} Z:I"));
        assert_eq!((seen.as_str(), progress), ("", Progress::Prelude(Ok(()))));
        let sent = rig.send(server, REPLICA);
        let (replies, refused) = if told == "TT" {
            ("E:42601 Z:I", "P(_afterwrite_refused) E S")
        } else {
            ("2 D C:SELECT Z:I", "B(_afterwrite_1) E S")
        };
        assert_eq!(sent, refused);
        assert_eq!(rig.answer(server, replies).0, expected, "{told}");
        if told == "T" {
            rig.request(&bound("s"));
            assert!(rig.session.prelude(server).is_none(), "both servers tell the same");
        }
    }
    assert_eq!(
        rig.request(&bound("s")).route,
        Route::Local,
        "as on a server, until it prepares anew"
    );
}

#[test]
fn columns_are_also_told_of_portals() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Replica), link(Role::Replica));
    let mut first = Vec::new();
    client::parse(&mut first, "s", "SELECT * FROM t", &[]);
    client::bind(&mut first, "", "s", &[], &[], &[]);
    client::describe(&mut first, b'P', "");
    client::execute(&mut first, "", 0);
    client::sync(&mut first);
    rig.run(&mut one, REPLICA, &first, "1 2 T D C:SELECT Z:I");
    rig.request(&bound("s"));
    assert!(rig.session.prelude(&one).is_none(), "it has just told them");
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    rig.answer(&mut two, " 1 t TT Z:I");
    assert_eq!(rig.send(&mut two, REPLICA), "P(_afterwrite_refused) E S");
    assert_eq!(rig.answer(&mut two, "E:42601 Z:I").0, "EZI", "they are others here");
    // Whoever prepares it again must not be given the plan that the first server has.
    let mut again = Vec::new();
    client::parse(&mut again, "again", "SELECT * FROM t", &[]);
    client::describe(&mut again, b'S', "again");
    client::flush(&mut again);
    rig.request(&again);
    let sent = rig.send(&mut one, REPLICA);
    assert!(sent.contains("P(_afterwrite_1) D H"), "{sent}");
}

#[test]
fn what_cannot_be_prepared_elsewhere_fails_where_it_is_used() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Primary), link(Role::Primary));
    rig.run(&mut one, PRIMARY, &described("s", "INSERT INTO t VALUES (1)"), "1 t n Z:I");
    rig.run(&mut two, PRIMARY, &query("BEGIN"), "C:BEGIN Z:T");
    assert_eq!(rig.request(&bound("s")).route, Route::Held);
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    let (_, progress) = rig.answer(&mut two, "E:42P01 Z:E");
    assert_eq!(progress, Progress::Prelude(Ok(())));
    assert_eq!(rig.send(&mut two, PRIMARY), "P(_afterwrite_refused) E S");
    let bytes = replied("E:25P02 Z:E");
    let (out, asked) = (&mut rig.outbox, &mut rig.asked);
    rig.session.relay(&mut two, &bytes, &rig.sequence, out, asked).unwrap();
    let text = String::from_utf8_lossy(&rig.outbox).into_owned();
    assert!(text.contains("42P01") && !text.contains("25P02"), "{text}");
}

#[test]
fn a_setting_that_servers_refuse_later_is_given_up_with_a_warning() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Primary), link(Role::Primary));
    rig.run(&mut one, PRIMARY, &query("SET x.a = 1; SET x.b = 2"), "C:SET C:SET Z:I CAPTURED:2000");
    rig.request(&query("UPDATE t SET v = 1"));
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    assert_eq!(rig.answer(&mut two, "E:22023 Z:I"), (String::new(), Progress::More));
    let trials = sent(&std::mem::take(&mut rig.asked));
    assert!(trials.ends_with("Q[RESET ALL] Q[SET x.a = 1] Q[SET x.b = 2]"), "{trials}");
    let replies = "C:SET Z:I C:RESET Z:I C:RESET Z:I E:22023 Z:I C:SET Z:I";
    let (seen, progress) = rig.answer(&mut two, replies);
    assert_eq!((seen.as_str(), progress), ("N", Progress::Prelude(Ok(()))));
    assert!(rig.session.prelude(&two).is_none(), "it has the rest");
    let mut three = link(Role::Replica);
    assert_eq!(brought(&mut rig, &mut three), "Q[RESET ALL; SET x.b = 2]");
}

#[test]
fn a_role_that_servers_refuse_later_is_never_given_up_but_by_the_client() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Primary), link(Role::Primary));
    rig.run(&mut one, PRIMARY, &query("SET ROLE clerk"), "C:SET Z:I CAPTURED:2000");
    rig.request(&query("UPDATE t SET v = 1"));
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    rig.answer(&mut two, "E:22023 Z:I");
    let (seen, progress) = rig.answer(&mut two, "C:SET Z:I C:RESET Z:I C:RESET Z:I E:22023 Z:I");
    assert_eq!((seen.as_str(), progress), ("", Progress::Prelude(Err("no".into()))));
    rig.session.refuse(&Report::error("22023", "no"), &mut rig.outbox);
    rig.outbox.clear();

    let mut three = link(Role::Primary);
    rig.request(&query("RESET ROLE"));
    let expected = "Q[SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL]";
    assert_eq!(brought(&mut rig, &mut three), expected);
    rig.send(&mut three, PRIMARY);
    assert_eq!(rig.answer(&mut three, "C:RESET Z:I CAPTURED:2000").0, "CZI");
    assert!(rig.session.prelude(&three).is_none());
    assert!(rig.session.prelude(&link(Role::Primary)).is_none(), "nothing is left to bring");
}

#[test]
fn what_a_setting_builds_on_follows_too() {
    let mut rig = Rig::with_login("DateStyle", "Postgres, MDY");
    let mut primary = link(Role::Primary);
    let login = "SELECT pg_catalog.set_config('datestyle', 'Postgres, MDY', false)";
    assert_eq!(brought(&mut rig, &mut primary), format!("Q[RESET ALL; {login}]"));
    let same = query("SET datestyle TO mdy");
    rig.run(&mut primary, PRIMARY, &same, "C:SET Z:I CAPTURED:2000");
    assert!(rig.session.prelude(&primary).is_none());
    let mut other = link(Role::Replica);
    assert_eq!(brought(&mut rig, &mut other), format!("Q[RESET ALL; {login}]"));
    let reports = "C:SET S:Postgres+DMY Z:I CAPTURED:2000";
    assert_eq!(rig.run(&mut primary, PRIMARY, &query("SET datestyle TO dmy"), reports).1, "CSZI");
    assert_eq!(
        brought(&mut rig, &mut other),
        format!("Q[RESET ALL; {}]", login.replace("MDY", "DMY"))
    );
}

#[test]
fn who_only_prepares_keeps_no_server() {
    let (mut rig, mut one, mut two) = (Rig::new(), link(Role::Primary), link(Role::Replica));
    let mut batch = Vec::new();
    client::parse(&mut batch, "s", "SELECT 1", &[]);
    client::describe(&mut batch, b'S', "s");
    client::flush(&mut batch);
    rig.request(&batch);
    assert_eq!(rig.send(&mut one, PRIMARY), "P(_afterwrite_1) D H");
    let (seen, progress) = rig.answer(&mut one, "1 t T");
    assert_eq!((seen.as_str(), progress), ("1tT", Progress::More));
    assert_eq!(sent(&std::mem::take(&mut rig.asked)), "S");
    assert!(!rig.session.wants_client(), "what follows waits");
    let (seen, progress) = rig.answer(&mut one, "Z:I");
    assert_eq!(seen, "", "the client has not asked for it");
    assert!(matches!(progress, Progress::Done(outcome) if !outcome.keep), "{progress:?}");
    assert!(one.is_idle());

    assert_eq!(rig.request(&bound("s")).route, Route::Read);
    let prelude = rig.session.prelude(&two).unwrap();
    rig.session.send_prelude(prelude, &mut two, &mut Vec::new());
    rig.answer(&mut two, "1 t T Z:I");
    assert_eq!(rig.send(&mut two, REPLICA), "B(_afterwrite_1) E S");
    assert_eq!(rig.answer(&mut two, "2 D C:SELECT Z:I").0, "2DCZI");
}

#[test]
fn who_has_bound_something_keeps_its_server() {
    let (mut rig, mut one) = (Rig::new(), link(Role::Primary));
    let mut batch = Vec::new();
    client::parse(&mut batch, "", "SELECT 1", &[]);
    client::bind(&mut batch, "", "", &[], &[], &[]);
    client::flush(&mut batch);
    rig.request(&batch);
    assert_eq!(rig.send(&mut one, PRIMARY), "P() B() H");
    assert_eq!(rig.answer(&mut one, "1 2"), ("12".to_owned(), Progress::Client));
    assert!(rig.asked.is_empty());
}

#[test]
fn a_server_that_is_lost_while_it_is_left_is_not_missed() {
    let (mut rig, mut one) = (Rig::new(), link(Role::Primary));
    let mut batch = Vec::new();
    client::parse(&mut batch, "s", "SELECT 1", &[]);
    client::flush(&mut batch);
    rig.request(&batch);
    rig.send(&mut one, PRIMARY);
    rig.answer(&mut one, "1");
    let verdict = rig.session.lost(&one, "gone", &mut rig.outbox);
    assert!(matches!(verdict, Verdict::Told(lost) if !lost.in_doubt), "{verdict:?}");
    assert!(rig.outbox.is_empty());
    assert_eq!(rig.request(&bound("s")).route, Route::Read);
}
