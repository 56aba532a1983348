//! The token in front of "ready": for each way of writing it is the write's own, or empty.

use afterwrite_session::{Place, Progress, TokenPolicy};
use afterwrite_types::{Lsn, Position, Role, Token};
use afterwrite_wire::client;
use afterwrite_wire::frame;
use afterwrite_wire::server::{self, ParameterStatus, Report};

use crate::rig::{LINE, PRIMARY, Rig, batch, captured, done, execute, link, parse, query, sync};

/// A client that wants to be told its token.
fn rig() -> Rig {
    let mut rig = Rig::new();
    assert_eq!(local(&mut rig, "SET afterwrite.report_token = on"), "C token=none Z");
    rig
}

fn local(rig: &mut Rig, sql: &str) -> String {
    rig.request(&query(sql));
    let mut out = Vec::new();
    rig.session.reply_locally(&mut out);
    seen(&out)
}

/// What the client sees; of a token, which position it stands for.
fn seen(mut bytes: &[u8]) -> String {
    let mut words: Vec<String> = Vec::new();
    while let Some((message, rest)) = frame::split(bytes, 1 << 20).unwrap() {
        words.push(if message.tag == b'S' {
            let status = ParameterStatus::decode(message.body).unwrap();
            assert_eq!(status.name, "afterwrite.token");
            let token = status.value.parse::<Token>();
            let lsn = token.map_or("none".to_owned(), |it| it.position.lsn.0.to_string());
            assert_eq!(lsn == "none", status.value.is_empty());
            format!("token={lsn}")
        } else {
            char::from(message.tag).to_string()
        });
        bytes = rest;
    }
    words.join(" ")
}

/// Sends what was gathered and plays the server's answer; gives back what the client sees,
/// what the server was asked meanwhile, and whether the exchange is over.
fn play(rig: &mut Rig, replies: &[u8]) -> (String, usize, bool) {
    let (mut out, mut upstream) = (Vec::new(), Vec::new());
    let mut over = false;
    let mut rest = replies;
    while !rest.is_empty() {
        let relayed =
            rig.session.relay(&mut rig.link, rest, &rig.sequence, &mut out, &mut upstream).unwrap();
        rest = &rest[relayed.consumed..];
        over = matches!(relayed.progress, Progress::Done(_));
        assert!(relayed.consumed > 0);
    }
    (seen(&out), upstream.len(), over)
}

/// The answer to the question for the position.
fn position(lsn: u64) -> Vec<u8> {
    let mut out = Vec::new();
    server::bind_complete(&mut out);
    server::data_row(&mut out, &[Some(&lsn.to_be_bytes())]);
    server::command_complete(&mut out, "SELECT 1");
    server::ready(&mut out, b'I');
    out
}

fn error(status: u8) -> Vec<u8> {
    let mut out = Vec::new();
    server::error(&mut out, &Report::error("57014", "canceled"));
    server::ready(&mut out, status);
    out
}

fn write(rig: &mut Rig, bytes: &[u8], replies: &[u8]) -> String {
    rig.request(bytes);
    rig.send(PRIMARY);
    let (seen, asked, over) = play(rig, replies);
    assert!(over && asked == 0, "{seen}");
    seen
}

#[test]
fn a_write_is_told_its_token_in_front_of_ready() {
    let mut rig = rig();
    rig.request(&query("UPDATE t SET v = 1"));
    rig.send(PRIMARY);
    assert_eq!(play(&mut rig, &done("UPDATE 1", b'I')).0, "C", "nothing before it is known");
    assert_eq!(play(&mut rig, &position(8192)).0, "token=8192 Z");
    // What is no other is not told again.
    assert_eq!(write(&mut rig, &query("UPDATE t SET v = 1"), &captured("UPDATE 1")), "C Z");
    let mut replies = Vec::new();
    server::parse_complete(&mut replies);
    server::bind_complete(&mut replies);
    let more = [replies, done("UPDATE 1", b'I'), position(9000)].concat();
    assert_eq!(write(&mut rig, &batch(&["UPDATE t SET v = 2"]), &more), "1 2 C token=9000 Z");
}

#[test]
fn who_has_not_asked_is_told_nothing() {
    let mut rig = Rig::new();
    assert_eq!(write(&mut rig, &query("UPDATE t SET v = 1"), &captured("UPDATE 1")), "C Z");
    assert_eq!(local(&mut rig, "SHOW afterwrite.report_token"), "T D C Z");
    assert_eq!(local(&mut rig, "SET afterwrite.report_token = 1"), "C token=8192 Z");
    assert_eq!(local(&mut rig, "SET afterwrite.report_token = 1"), "C token=8192 Z");
    assert_eq!(local(&mut rig, "SET afterwrite.report_token = off"), "C Z");
    rig.session.set_token_policy(TokenPolicy { report: true, ..TokenPolicy::default() });
    assert_eq!(local(&mut rig, "SHOW afterwrite.level"), "T D C Z", "it has said that it will not");
    assert_eq!(local(&mut rig, "RESET afterwrite.report_token"), "C token=8192 Z");
    assert!(local(&mut rig, "SET afterwrite.report_token = maybe").starts_with('E'));
}

#[test]
fn a_transaction_is_told_its_token_with_the_commit() {
    let mut rig = rig();
    assert_eq!(write(&mut rig, &query("BEGIN"), &done("BEGIN", b'T')), "C Z");
    assert_eq!(write(&mut rig, &query("UPDATE t SET v = 1"), &done("UPDATE 1", b'T')), "C Z");
    assert_eq!(write(&mut rig, &query("COMMIT"), &captured("COMMIT")), "C token=8192 Z");
}

#[test]
fn where_the_position_cannot_be_asked_for_with_the_write_it_is_asked_for_behind_it() {
    let forgets = query("DISCARD ALL");
    let several = query("BEGIN; UPDATE t SET v = 1; COMMIT");
    for (bytes, prepares) in [(forgets, true), (several, false)] {
        let mut rig = rig();
        rig.request(&bytes);
        rig.send(PRIMARY);
        let (seen, asked, over) = play(&mut rig, &done("X", b'I'));
        assert_eq!((seen.as_str(), over), ("C", false));
        assert!(asked > 0, "the server is asked");
        let mut answer = Vec::new();
        if prepares {
            server::parse_complete(&mut answer);
        }
        answer.extend(position(8192));
        assert_eq!(play(&mut rig, &answer), ("token=8192 Z".to_owned(), 0, true));
    }
}

#[test]
fn where_it_is_not_answered_no_older_token_is_left_standing() {
    let mut rig = rig();
    write(&mut rig, &query("UPDATE t SET v = 1"), &captured("UPDATE 1"));
    rig.request(&query("UPDATE t SET v = 2"));
    rig.send(PRIMARY);
    let (seen, asked, over) = play(&mut rig, &[done("UPDATE 1", b'I'), error(b'I')].concat());
    assert_eq!((seen.as_str(), over), ("C", false));
    assert!(asked > 0, "once more");
    assert_eq!(play(&mut rig, &error(b'I')), ("token=none Z".to_owned(), 0, true));
    assert_eq!(
        write(&mut rig, &query("UPDATE t SET v = 3"), &captured("UPDATE 1")),
        "C token=8192 Z"
    );
}

#[test]
fn where_it_must_not_be_asked_no_older_token_is_left_standing() {
    let mut rig = rig();
    write(&mut rig, &query("UPDATE t SET v = 1"), &captured("UPDATE 1"));
    // In the transaction that follows at once it would fix the client's snapshot.
    assert_eq!(write(&mut rig, &query("COMMIT; BEGIN"), &done("X", b'T')), "C token=none Z");
    assert_eq!(write(&mut rig, &query("COMMIT"), &captured("COMMIT")), "C token=8192 Z");
}

#[test]
fn a_write_that_may_have_happened_has_no_token() {
    let mut rig = rig();
    write(&mut rig, &query("UPDATE t SET v = 1"), &captured("UPDATE 1"));
    rig.request(&query("UPDATE t SET v = 2"));
    rig.send(PRIMARY);
    let mut out = Vec::new();
    rig.session.lost(&link(Role::Primary), "gone", &mut out);
    assert_eq!(seen(&out), "token=none E Z");
}

#[test]
fn copied_data_is_told_with_its_ready() {
    let mut rig = rig();
    rig.request(&query("COPY t FROM STDIN"));
    rig.send(PRIMARY);
    play(&mut rig, b"G\0\0\0\x07\0\0\0");
    let mut data = Vec::new();
    data.extend_from_slice(b"c\0\0\0\x04");
    rig.gather(&data);
    rig.send(PRIMARY);
    let (seen, asked, _) = play(&mut rig, &done("COPY 1", b'I'));
    assert_eq!(seen, "C");
    assert!(asked > 0);
    assert_eq!(play(&mut rig, &position(8192)).0, "token=8192 Z");
}

#[test]
fn a_function_call_is_told_with_its_ready() {
    let mut rig = rig();
    let mut call = Vec::new();
    call.extend_from_slice(b"F\0\0\0\x0e\0\0\0\x01\0\0\0\0\0\0");
    rig.request(&call);
    rig.send(PRIMARY);
    let mut result = b"V\0\0\0\x08\xff\xff\xff\xff".to_vec();
    server::ready(&mut result, b'I');
    assert_eq!(play(&mut rig, &result).0, "V");
    // What the function has left the server is asked in the same breath.
    assert_eq!(play(&mut rig, &position(8192)), (String::new(), 0, false));
    let mut nothing = Vec::new();
    server::parse_complete(&mut nothing);
    nothing.extend(position(0));
    assert_eq!(play(&mut rig, &nothing), ("token=8192 Z".to_owned(), 0, true));
}

#[test]
fn batches_sent_ahead_are_told_one_by_one() {
    let one = |sql| [parse("", sql), execute(""), sync()].concat();
    let two = [one("INSERT INTO t VALUES (1)"), one("INSERT INTO t VALUES (2)")].concat();
    let answer = |lsn| {
        let mut out = Vec::new();
        server::parse_complete(&mut out);
        server::bind_complete(&mut out);
        [out, done("INSERT 0 1", b'I'), position(lsn)].concat()
    };
    let mut rig = rig();
    assert_eq!(write(&mut rig, &two, &answer(8192)), "1 2 C token=8192 Z");
    assert_eq!(write(&mut rig, &[], &answer(9000)), "1 2 C token=9000 Z");
}

#[test]
fn within_a_transaction_they_are_sent_on_together() {
    let one = |sql| [parse("", sql), execute(""), sync()].concat();
    let two = [one("INSERT INTO t VALUES (1)"), one("INSERT INTO t VALUES (2)")].concat();
    let mut rig = rig();
    write(&mut rig, &query("BEGIN"), &done("BEGIN", b'T'));
    let mut answer = Vec::new();
    server::parse_complete(&mut answer);
    server::bind_complete(&mut answer);
    answer.extend(done("INSERT 0 1", b'T'));
    assert_eq!(write(&mut rig, &two, &answer.repeat(2)), "1 2 C Z 1 2 C Z");
}

#[test]
fn what_was_brought_is_told_too() {
    let mut rig = rig();
    let token = Token::unsigned(Position { line: LINE, lsn: Lsn(9) });
    assert_eq!(local(&mut rig, &format!("SET afterwrite.token = '{token}'")), "C token=9 Z");
    assert_eq!(local(&mut rig, "SET afterwrite.token = 'nonsense'"), "N C token=none Z");
}

#[test]
fn a_read_tells_nothing_new() {
    let mut rig = rig();
    let place = Place::Replica(afterwrite_core::Reason::CaughtUp);
    rig.link = link(Role::Replica);
    rig.request(&query("SELECT 1"));
    rig.send(place);
    assert_eq!(play(&mut rig, &done("SELECT 1", b'I')), ("C Z".to_owned(), 0, true));
    let mut terminate = Vec::new();
    client::terminate(&mut terminate);
    rig.gather(&terminate);
}
