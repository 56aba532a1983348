//! A client that speaks the protocol, its messages chosen by bytes.

use afterwrite_wire::client;

use super::server::Server;
use crate::bytes::Choices;

/// What it runs. Begun with words that [`super::server`] knows.
const TEXTS: [&str; 20] = [
    "SELECT 1",
    "SELECT v FROM t",
    "INSERT INTO t VALUES (1)",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "BEGIN READ ONLY",
    "SELECT 1/0",
    "",
    "nonsense",
    "SELECT 1; SELECT 1/0; INSERT INTO t VALUES (2)",
    "INSERT INTO t VALUES (1); SELECT 2",
    "COPY t FROM STDIN",
    "COPY t TO STDOUT",
    "SET work_mem = '1MB'",
    "RESET ALL",
    "SHOW work_mem",
    "SELECT nextval('s')",
    "BEGIN; INSERT INTO t VALUES (1); COMMIT",
    "UPDATE t SET v = 1",
];

/// What it runs by simple queries alone.
const SIMPLE: [&str; 2] = ["DISCARD ALL", "DEALLOCATE ALL"];

const STATEMENTS: [&str; 4] = ["", "a", "b", "c"];
const PORTALS: [&str; 3] = ["", "p", "q"];

/// What a client has been asked to do, message by message.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) bytes: Vec<u8>,
}

/// Appends the messages that one byte stands for. With `direct`, what it has been sent so
/// far, the client keeps to what drivers do: see docs/fuzzing.md for what it leaves out.
pub(crate) fn message(choices: &mut Choices<'_>, script: &mut Script, direct: Option<&Server>) {
    let out = &mut script.bytes;
    let statement = |choices: &mut Choices<'_>| {
        let name = choices.of(&STATEMENTS);
        let known = direct.is_none_or(|direct| direct.knows(name));
        if name.is_empty() && !known { "a" } else { name }
    };
    let what = choices.below(13);
    if matches!(what, 2 | 7 | 11) && direct.is_some_and(Server::skips) {
        // What becomes of a statement's name that is given or taken away there, drivers
        // do not rely on.
        client::sync(out);
    }
    match what {
        0 | 1 => {
            if direct.is_some_and(Server::is_in_batch) {
                client::sync(out);
            }
            let at = choices.below(TEXTS.len() + SIMPLE.len());
            client::query(out, TEXTS.iter().chain(&SIMPLE).nth(at).unwrap_or(&""));
        }
        2 => {
            let name = choices.of(&STATEMENTS);
            make_room(name, direct, out);
            client::parse(out, name, choices.of(&TEXTS), &[]);
        }
        3 => {
            let name = statement(choices);
            bind(name, choices, out);
        }
        4 => client::execute(out, choices.of(&PORTALS), i32::from(choices.byte() % 2)),
        5 => client::describe(out, b'S', statement(choices)),
        6 => client::describe(out, b'P', choices.of(&PORTALS)),
        7 => client::close(out, b'S', choices.of(&STATEMENTS)),
        8 => client::close(out, b'P', choices.of(&PORTALS)),
        9 => {
            client::sync(out);
        }
        10 => client::flush(out),
        11 => {
            // What most drivers send for one statement.
            let name = choices.of(&STATEMENTS);
            make_room(name, direct, out);
            client::parse(out, name, choices.of(&TEXTS), &[]);
            client::bind(out, "", name, &[], &[], &[]);
            client::describe(out, b'P', "");
            client::execute(out, "", 0);
            client::sync(out);
        }
        _ => copy(choices, out),
    }
}

/// Closes a statement that is about to be prepared again inside a transaction.
fn make_room(name: &str, direct: Option<&Server>, out: &mut Vec<u8>) {
    if direct.is_some_and(|direct| direct.in_transaction() && direct.knows(name)) {
        client::close(out, b'S', name);
    }
}

fn bind(statement: &str, choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let portal = choices.of(&PORTALS);
    // Sometimes too long to be held whole.
    let value = vec![b'x'; usize::from(choices.byte() / 128) * 700];
    let values: &[Option<&[u8]>] = if value.is_empty() { &[] } else { &[Some(&value)] };
    client::bind(out, portal, statement, values, &[], &[]);
}

fn copy(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    match choices.below(4) {
        0 | 1 => client::copy_data(out, &vec![b'1'; usize::from(choices.byte()) * 8]),
        2 => client::copy_done(out),
        _ => client::copy_fail(out, "no"),
    }
}

/// What a client may send while the server takes COPY data.
pub(crate) fn during_copy(choices: &mut Choices<'_>, script: &mut Script) {
    let out = &mut script.bytes;
    match choices.below(8) {
        0 => client::flush(out),
        1 => client::sync(out),
        _ => copy(choices, out),
    }
}

/// What only few clients send.
pub(crate) fn unusual(choices: &mut Choices<'_>, script: &mut Script) {
    const TEXTS: [&str; 14] = [
        "SET afterwrite.level = 'strong'",
        "SHOW afterwrite.token",
        "SHOW afterwrite.level; SELECT 1",
        "SET afterwrite.session = 'a'; INSERT INTO t VALUES (1)",
        "EXECUTE a",
        "DEALLOCATE a",
        "PREPARE b AS SELECT 1",
        "LISTEN x",
        "CREATE TEMP TABLE t (a int)",
        "SET search_path = a; SET work_mem = '1MB'",
        "SAVEPOINT a",
        "COMMIT AND CHAIN",
        "SET afterwrite.report_token = on",
        "SET afterwrite.token = 'v1.AAAAAAAAAAEAAAACAAAAAAAAAAMA, nonsense'",
    ];
    let out = &mut script.bytes;
    match choices.below(6) {
        0 | 1 => client::query(out, choices.of(&TEXTS)),
        2 => {
            client::parse(out, choices.of(&STATEMENTS), choices.of(&TEXTS), &[]);
            client::bind(out, "", choices.of(&STATEMENTS), &[], &[], &[]);
            client::execute(out, "", 0);
            client::sync(out);
        }
        3 => {
            // Too long to be held.
            let text = format!("SELECT '{}'", "x".repeat(usize::from(choices.byte()) * 16));
            client::query(out, &text);
        }
        4 => {
            let name = choices.of(&STATEMENTS);
            let text = format!("SELECT '{}'", "x".repeat(usize::from(choices.byte()) * 16));
            client::parse(out, name, &text, &[]);
        }
        _ => out.extend_from_slice(b"F\0\0\0\x08\0\0\0\x07"),
    }
}
