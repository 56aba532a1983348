//! What comes back, message by message, is what PostgreSQL itself sends.

use afterwrite_wire::client::{self, PORTAL, STATEMENT};
use afterwrite_wire::server::ErrorFields;

pub(super) use crate::support::query;
use crate::support::{ANSWER_MAX, Bed, Checks, Raw, Reply, connect, eventually, number, within};

/// What to send, then the tags of the replies to wait for, in this order; `$` is the
/// end of the connection.
pub(super) type Step = (Vec<u8>, &'static str);

fn message(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    build(&mut out);
    out
}

pub(super) fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(|out| client::parse(out, name, sql, &[]))
}

pub(super) fn bind(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let values: Vec<Option<&[u8]>> = values.iter().map(|value| Some(value.as_bytes())).collect();
    message(|out| client::bind(out, portal, statement, &values, &[], &[]))
}

fn describe(kind: u8, name: &str) -> Vec<u8> {
    message(|out| client::describe(out, kind, name))
}

pub(super) fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    message(|out| client::execute(out, portal, rows_max))
}

fn close(kind: u8, name: &str) -> Vec<u8> {
    message(|out| client::close(out, kind, name))
}

pub(super) fn sync() -> Vec<u8> {
    message(client::sync)
}

fn flush() -> Vec<u8> {
    message(client::flush)
}

fn data(text: &str) -> Vec<u8> {
    message(|out| client::copy_data(out, text.as_bytes()))
}

fn done() -> Vec<u8> {
    message(client::copy_done)
}

fn fail(why: &str) -> Vec<u8> {
    message(|out| client::copy_fail(out, why))
}

/// Parse, Bind, Describe, Execute of the unnamed statement.
pub(super) fn run(sql: &str, values: &[&str]) -> Vec<u8> {
    [parse("", sql), bind("", "", values), describe(PORTAL, ""), execute("", 0)].concat()
}

pub(super) fn one(bytes: &[Vec<u8>]) -> Vec<Step> {
    vec![(bytes.concat(), "Z")]
}

pub(super) fn queries(all: &[&str]) -> Vec<Step> {
    all.iter().map(|sql| (query(sql), "Z")).collect()
}

fn simple_cases() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("simple: one row", queries(&["SELECT 1, NULL, 'x'"])),
        ("simple: empty", queries(&["", " ;; ", "-- only a comment"])),
        (
            "simple: several",
            queries(&["SELECT 1; INSERT INTO t VALUES (1); SELECT count(*) FROM t"]),
        ),
        (
            "simple: error in the middle",
            queries(&["INSERT INTO t VALUES (1); SELECT 1/0; SELECT 2"]),
        ),
        (
            "simple: commit, then an error",
            queries(&[
                "BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1/0",
                "SELECT count(*) FROM t",
            ]),
        ),
        (
            "simple: an aborted transaction",
            queries(&["BEGIN", "SELECT 1/0", "SELECT 1", "COMMIT", "SELECT 2", "ROLLBACK"]),
        ),
        (
            "simple: chained transactions",
            queries(&[
                "BEGIN",
                "INSERT INTO t VALUES (1)",
                "COMMIT AND CHAIN",
                "INSERT INTO t VALUES (2)",
                "ROLLBACK AND CHAIN",
                "SELECT count(*) FROM t",
                "END",
            ]),
        ),
        (
            "simple: queries sent ahead",
            vec![(
                [
                    query("INSERT INTO t VALUES (1)"),
                    query("SELECT count(*) FROM t"),
                    query("SELECT 1/0"),
                    query("SELECT 2"),
                ]
                .concat(),
                "ZZZZ",
            )],
        ),
        (
            "simple: settings are reported",
            queries(&[
                "SET TimeZone = 'Asia/Tokyo'",
                "SET application_name = 'x'",
                "BEGIN",
                "SET LOCAL DateStyle = 'German'",
                "ROLLBACK",
                "SET client_encoding = 'LATIN1'",
                "RESET ALL",
            ]),
        ),
        (
            "simple: prepared by SQL",
            queries(&[
                "PREPARE a(int) AS SELECT $1 + 1",
                "EXECUTE a(1)",
                "EXECUTE a(2)",
                "PREPARE a AS SELECT 1",
                "DEALLOCATE a",
                "EXECUTE a(3)",
            ]),
        ),
        (
            "simple: discard all",
            queries(&[
                "SET application_name = 'x'",
                "PREPARE a AS SELECT 1",
                "DISCARD ALL",
                "SHOW application_name",
                "EXECUTE a",
            ]),
        ),
        (
            "simple: notices",
            queries(&[
                "DO $$ BEGIN RAISE NOTICE 'n'; END $$",
                "COMMIT",
                "BEGIN",
                "BEGIN",
                "COMMIT",
            ]),
        ),
        (
            "function call message",
            vec![
                (
                    message(|out| {
                        // int4pl(1, 2), by its OID: 177.
                        let body = [
                            &177_u32.to_be_bytes()[..],
                            &0_u16.to_be_bytes(),
                            &2_u16.to_be_bytes(),
                            &1_u32.to_be_bytes(),
                            b"1",
                            &1_u32.to_be_bytes(),
                            b"2",
                            &0_u16.to_be_bytes(),
                        ]
                        .concat();
                        out.push(b'F');
                        out.extend_from_slice(
                            &u32::try_from(body.len() + 4).unwrap().to_be_bytes(),
                        );
                        out.extend_from_slice(&body);
                    }),
                    "Z",
                ),
                (query("SELECT 1"), "Z"),
            ],
        ),
    ]
}

fn extended_cases() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("extended: one row", one(&[run("SELECT $1::int + 1", &["41"]), sync()])),
        ("extended: only sync", one(&[sync()])),
        ("extended: empty query", one(&[run("", &[]), sync()])),
        (
            "extended: describe",
            one(&[
                parse("s", "SELECT $1::int, id FROM t WHERE id = $2"),
                describe(STATEMENT, "s"),
                sync(),
            ]),
        ),
        (
            "extended: describe what has no rows",
            one(&[parse("s", "INSERT INTO t VALUES ($1)"), describe(STATEMENT, "s"), sync()]),
        ),
        (
            "extended: names that are not there",
            vec![
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
                ([execute("p", 0), sync()].concat(), "Z"),
                ([describe(STATEMENT, "s"), sync()].concat(), "Z"),
                ([describe(PORTAL, "p"), sync()].concat(), "Z"),
                ([close(STATEMENT, "s"), close(PORTAL, "p"), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: the unnamed statement, again and again",
            vec![
                ([parse("", "SELECT $1::int"), describe(STATEMENT, ""), sync()].concat(), "Z"),
                ([bind("", "", &["1"]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "", &["2"]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: the unnamed statement that writes, across syncs",
            vec![
                ([parse("", "INSERT INTO t VALUES ($1) RETURNING id"), sync()].concat(), "Z"),
                ([bind("", "", &["1"]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "", &["2"]), execute("", 0), sync()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "extended: an error skips to the sync",
            vec![
                (
                    [
                        run("INSERT INTO t VALUES (1)", &[]),
                        run("SELECT 1/0", &[]),
                        run("INSERT INTO t VALUES (2)", &[]),
                        sync(),
                        run("SELECT count(*) FROM t", &[]),
                        sync(),
                    ]
                    .concat(),
                    "ZZ",
                ),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "extended: prepared in a transaction that is rolled back",
            vec![
                (query("BEGIN"), "Z"),
                ([parse("s", "SELECT 1"), sync()].concat(), "Z"),
                (query("ROLLBACK"), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: a transaction in one batch",
            one(&[
                run("BEGIN", &[]),
                run("INSERT INTO t VALUES (1)", &[]),
                run("SELECT count(*) FROM t", &[]),
                run("COMMIT", &[]),
                sync(),
            ]),
        ),
        (
            "extended: a batch commits as one",
            vec![(
                [
                    run("INSERT INTO t VALUES (1)", &[]),
                    run("INSERT INTO t VALUES (2)", &[]),
                    sync(),
                    run("SELECT count(*) FROM t", &[]),
                    sync(),
                    run("SELECT 1/0", &[]),
                    sync(),
                    run("SELECT 5", &[]),
                    sync(),
                ]
                .concat(),
                "ZZZZ",
            )],
        ),
        (
            "extended: flush",
            vec![
                ([parse("s", "SELECT $1::int"), describe(STATEMENT, "s"), flush()].concat(), "T"),
                ([bind("", "s", &["7"]), execute("", 0), flush()].concat(), "C"),
                (sync(), "Z"),
            ],
        ),
        (
            "extended: flush, and a write",
            vec![
                ([run("INSERT INTO t VALUES (1)", &[]), flush()].concat(), "C"),
                ([run("SELECT count(*) FROM t", &[]), flush()].concat(), "C"),
                (sync(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "extended: a read, flush, then a write in the same batch",
            vec![
                ([run("SELECT count(*) FROM t", &[]), flush()].concat(), "C"),
                ([run("INSERT INTO t VALUES (1) RETURNING id", &[]), flush()].concat(), "C"),
                (sync(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "extended: rows in pieces",
            one(&[
                parse("", "SELECT generate_series(1, 5)"),
                bind("", "", &[]),
                execute("", 2),
                execute("", 2),
                execute("", 2),
                execute("", 2),
                sync(),
            ]),
        ),
        (
            "extended: a portal in a transaction",
            vec![
                (query("BEGIN"), "Z"),
                (
                    [
                        parse("s", "SELECT generate_series(1, 5)"),
                        bind("p", "s", &[]),
                        execute("p", 2),
                        sync(),
                    ]
                    .concat(),
                    "Z",
                ),
                ([run("INSERT INTO t VALUES (1)", &[]), sync()].concat(), "Z"),
                ([execute("p", 2), sync()].concat(), "Z"),
                (
                    [describe(PORTAL, "p"), execute("p", 0), close(PORTAL, "p"), sync()].concat(),
                    "Z",
                ),
                ([execute("p", 0), sync()].concat(), "Z"),
                (query("ROLLBACK"), "Z"),
            ],
        ),
        (
            "extended: a portal ends with its transaction",
            vec![
                (
                    [
                        parse("s", "SELECT generate_series(1, 5)"),
                        bind("p", "s", &[]),
                        execute("p", 2),
                        sync(),
                    ]
                    .concat(),
                    "Z",
                ),
                ([execute("p", 2), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: prepared by the protocol, used by SQL",
            vec![
                ([parse("s", "SELECT 42"), sync()].concat(), "Z"),
                (query("EXECUTE s"), "Z"),
                // pg_prepared_statements is not compared: it shows the statements of
                // a server connection, which is shared, under the proxy's names.
                (query("DEALLOCATE s"), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
                (query("DEALLOCATE s"), "Z"),
            ],
        ),
        (
            "extended: prepared by SQL, used by the protocol",
            vec![
                (query("PREPARE s(int) AS SELECT $1 + 1"), "Z"),
                (
                    [bind("", "s", &["1"]), describe(PORTAL, ""), execute("", 0), sync()].concat(),
                    "Z",
                ),
                ([close(STATEMENT, "s"), sync()].concat(), "Z"),
                (query("EXECUTE s(1)"), "Z"),
            ],
        ),
        (
            "extended: deallocate all",
            vec![
                (
                    [parse("s", "SELECT 1"), parse("w", "INSERT INTO t VALUES (1)"), sync()]
                        .concat(),
                    "Z",
                ),
                (query("DEALLOCATE ALL"), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "w", &[]), execute("", 0), sync()].concat(), "Z"),
                (
                    [parse("s", "SELECT 2"), bind("", "s", &[]), execute("", 0), sync()].concat(),
                    "Z",
                ),
            ],
        ),
        (
            "extended: discard all by the extended protocol",
            vec![
                ([parse("s", "SELECT 1"), sync()].concat(), "Z"),
                ([run("DISCARD ALL", &[]), sync()].concat(), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: parse only, bind only",
            vec![
                (
                    [parse("s", "INSERT INTO t VALUES (1)"), bind("", "s", &[]), sync()].concat(),
                    "Z",
                ),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "extended: several statements in one parse",
            one(&[parse("", "SELECT 1; SELECT 2"), sync()]),
        ),
        (
            "a simple query inside a batch",
            vec![
                (
                    [parse("s", "SELECT 1"), bind("", "s", &[]), execute("", 0), query("SELECT 2")]
                        .concat(),
                    "Z",
                ),
                (sync(), "Z"),
                (query("SELECT 3"), "Z"),
            ],
        ),
    ]
}

/// What names stand for, and until when. A client that keeps to the rules meets none
/// of these.
fn rule_cases() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "extended: a name used again",
            vec![
                ([parse("s", "SELECT 1"), sync()].concat(), "Z"),
                ([parse("s", "SELECT 2"), sync()].concat(), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
                (
                    [
                        close(STATEMENT, "s"),
                        parse("s", "SELECT 3"),
                        bind("", "s", &[]),
                        execute("", 0),
                        sync(),
                    ]
                    .concat(),
                    "Z",
                ),
            ],
        ),
        (
            "extended: the unnamed statement lives across syncs",
            vec![
                ([parse("", "SELECT $1::int"), describe(STATEMENT, ""), sync()].concat(), "Z"),
                ([bind("", "", &["1"]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "", &["2"]), execute("", 0), sync()].concat(), "Z"),
                (query("SELECT 'ends it'"), "Z"),
                ([bind("", "", &["3"]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: a failed parse ends the unnamed statement",
            vec![
                ([parse("", "SELECT 1"), sync()].concat(), "Z"),
                ([parse("", "SELEC"), sync()].concat(), "Z"),
                ([bind("", "", &[]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: a failed parse under a name",
            vec![
                ([parse("s", "SELECT * FROM missing"), sync()].concat(), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
                (
                    [parse("s", "SELECT 1"), bind("", "s", &[]), execute("", 0), sync()].concat(),
                    "Z",
                ),
            ],
        ),
        (
            "extended: prepared within a batch that fails",
            vec![
                (
                    [
                        parse("before", "SELECT 1"),
                        run("SELECT 1/0", &[]),
                        parse("after", "SELECT 2"),
                        sync(),
                    ]
                    .concat(),
                    "Z",
                ),
                ([bind("", "before", &[]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "after", &[]), execute("", 0), sync()].concat(), "Z"),
                (
                    [parse("after", "SELECT 3"), bind("", "after", &[]), execute("", 0), sync()]
                        .concat(),
                    "Z",
                ),
            ],
        ),
        (
            "extended: parse in an aborted transaction",
            vec![
                (query("BEGIN"), "Z"),
                (query("SELECT 1/0"), "Z"),
                ([parse("s", "SELECT 1"), sync()].concat(), "Z"),
                (query("ROLLBACK"), "Z"),
                ([bind("", "s", &[]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
        (
            "extended: wrong number of values, wrong value",
            vec![
                (
                    [parse("s", "SELECT $1::int"), bind("", "s", &[]), execute("", 0), sync()]
                        .concat(),
                    "Z",
                ),
                ([bind("", "s", &["x"]), execute("", 0), sync()].concat(), "Z"),
                ([bind("", "s", &["5"]), execute("", 0), sync()].concat(), "Z"),
            ],
        ),
    ]
}

fn copy_cases() -> Vec<(&'static str, Vec<Step>)> {
    let into = "COPY t FROM STDIN";
    vec![
        (
            "copy: in",
            vec![
                (query(into), "G"),
                ([data("1\n"), data("2\n3"), data("\n"), done()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: in, all sent at once",
            vec![(
                [query(into), data("1\n"), done(), query("SELECT count(*) FROM t")].concat(),
                "ZZ",
            )],
        ),
        (
            "copy: given up",
            vec![
                (query(into), "G"),
                ([data("1\n"), fail("no more")].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: bad data",
            vec![
                (query(into), "G"),
                ([data("x\n"), data("1\n"), done()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: in, extended",
            vec![
                ([run(into, &[]), sync()].concat(), "G"),
                ([data("1\n"), done(), sync()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: in, extended, all in one batch",
            vec![
                ([run(into, &[]), data("1\n"), data("2\n"), done(), sync()].concat(), "Z"),
                ([run("SELECT count(*) FROM t", &[]), sync()].concat(), "Z"),
            ],
        ),
        (
            "copy: given up, extended, all in one batch",
            one(&[run(into, &[]), data("1\n"), fail("no"), sync(), query("SELECT 1")]),
        ),
        (
            "copy: given up, extended",
            vec![
                ([run(into, &[]), sync()].concat(), "G"),
                ([data("1\n"), fail("no"), sync()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        ("copy: out", queries(&["COPY (SELECT generate_series(1, 5)) TO STDOUT", "SELECT 1"])),
        (
            "copy: out, extended",
            one(&[run("COPY (SELECT generate_series(1, 5)) TO STDOUT", &[]), sync()]),
        ),
        (
            "copy: out, ending in an error",
            queries(&[
                "COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) n) TO STDOUT",
                "SELECT 1",
            ]),
        ),
        (
            "copy: among other statements",
            vec![
                (
                    query("SELECT 1; COPY t FROM STDIN; SELECT count(*) FROM t; COPY t TO STDOUT"),
                    "G",
                ),
                ([data("7\n"), done()].concat(), "Z"),
            ],
        ),
        (
            "copy: twice in one query",
            vec![
                (query("COPY t FROM STDIN; COPY t FROM STDIN"), "G"),
                ([data("7\n"), done()].concat(), "G"),
                ([data("8\n"), done()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: in a transaction",
            vec![
                (query("BEGIN"), "Z"),
                (query(into), "G"),
                ([data("1\n"), done()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
                (query("ROLLBACK"), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: flush and sync are ignored meanwhile",
            vec![
                (query(into), "G"),
                ([data("1\n"), flush(), sync(), data("2\n"), done()].concat(), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "copy: data where none is wanted",
            vec![([data("1\n"), done(), fail("x"), query("SELECT 1")].concat(), "Z")],
        ),
    ]
}

fn broken_cases() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "broken: an unknown message",
            vec![(query("SELECT 1"), "Z"), (b"y\0\0\0\x04".to_vec(), "$")],
        ),
        (
            "broken: a bind with a count too high",
            vec![
                ([b"B\0\0\0\x0a\0\0\0\x07\0\x07".to_vec()].concat(), ""),
                (sync(), "Z"),
                (query("SELECT 1"), "Z"),
            ],
        ),
        ("goodbye", vec![(message(client::terminate), "$")]),
    ]
}

/// A reply as it is compared: an error without the place in the source it came from.
fn shown(reply: &Reply) -> Option<String> {
    match reply.tag {
        b'E' | b'N' => {
            let fields = ErrorFields::decode(&reply.body).unwrap();
            let ErrorFields { severity, code, message, detail, hint, .. } = fields;
            let tag = char::from(reply.tag);
            Some(format!("{tag} {severity} {code} {message} {detail:?} {hint:?}"))
        }
        // Ours to add.
        b'S' if reply.body.starts_with(b"afterwrite.") => None,
        _ => Some(format!("{reply:?}")),
    }
}

async fn transcript(bed: &Bed, port: u16, steps: &[Step]) -> Vec<String> {
    bed.prepare("TRUNCATE t").await;
    let mut raw = Raw::login(port, &[]).await;
    let mut replies = Vec::new();
    for (bytes, tags) in steps {
        raw.send(bytes).await;
        for tag in tags.bytes() {
            match tag {
                b'$' => replies.extend(raw.until_end().await),
                tag => loop {
                    let reply = raw.next().await;
                    let Some(reply) = reply else {
                        let mut lines: Vec<_> = replies.iter().filter_map(shown).collect();
                        lines.push("the connection ended".to_owned());
                        return lines;
                    };
                    let found = reply.tag;
                    replies.push(reply);
                    // The end of the answer came first: what was expected will not.
                    if found == tag || found == b'Z' {
                        break;
                    }
                },
            }
        }
    }
    drop(raw);
    let mut lines: Vec<_> = replies.iter().filter_map(shown).collect();
    let count = number(&connect(&bed.direct()).await, "SELECT count(*) FROM t").await;
    lines.push(format!("{count} rows in the table"));
    lines
}

pub(super) async fn compare(bed: &Bed, checks: &mut Checks, cases: Vec<(&'static str, Vec<Step>)>) {
    bed.prepare("CREATE TABLE t (id int)").await;
    for (name, steps) in cases {
        let check = async {
            let direct = transcript(bed, bed.cluster.primary().port(), &steps).await;
            let proxied = transcript(bed, bed.proxy.port(), &steps).await;
            assert!(
                direct == proxied,
                "\ndirectly:\n  {}\nthrough the proxy:\n  {}",
                direct.join("\n  "),
                proxied.join("\n  ")
            );
        };
        checks.run(name, within(name, check)).await;
    }
    let gone = async || bed.proxy.metrics().await.clients() == 0.0;
    checks.run("no client is left", eventually("no client", ANSWER_MAX, gone)).await;
}

#[tokio::test]
async fn replies_are_those_of_postgresql() {
    let bed = Bed::start(&["--set", "pool.size=2"]).await;
    let mut checks = Checks::default();
    let cases = [simple_cases(), extended_cases(), copy_cases(), broken_cases()].concat();
    compare(&bed, &mut checks, cases).await;
}

#[tokio::test]
async fn prepared_statement_rules_are_those_of_postgresql() {
    let bed = Bed::start(&["--set", "pool.size=2"]).await;
    compare(&bed, &mut Checks::default(), rule_cases()).await;
}
