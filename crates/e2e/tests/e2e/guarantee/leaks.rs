//! Nothing that one client leaves on a server connection is ever seen by another.
//!
//! With one server connection per node, a client leaves every kind of state in every
//! way of the protocol, and the next one looks for it.

use std::time::Duration;

use afterwrite_wire::client::{self, STATEMENT};

use crate::support::{Bed, Checks, Raw, Reply, connect, query, text};

/// How long a client waits that is kept off a connection, in these tests.
const KEPT_OFF: Duration = Duration::from_millis(80);

const SCHEMA: &str = "
CREATE SEQUENCE leak_seq;
CREATE TABLE leak_serial (id serial, v int);
CREATE FUNCTION leave_setting() RETURNS text LANGUAGE sql
  AS $$ SELECT set_config('my.secret', 'f', false) $$;
CREATE FUNCTION leave_work_mem() RETURNS void LANGUAGE plpgsql
  AS $$ BEGIN SET work_mem = '9MB'; SET search_path = pg_catalog; END $$;
CREATE FUNCTION leave_role() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET ROLE clerk; END $$;
CREATE FUNCTION leave_table() RETURNS void LANGUAGE plpgsql
  AS $$ BEGIN CREATE TEMP TABLE leak (a int); END $$;
CREATE FUNCTION leave_lock() RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_lock(7) $$;
CREATE FUNCTION leave_listen() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LISTEN leak; END $$;
CREATE FUNCTION leave_prepared() RETURNS void LANGUAGE plpgsql
  AS $$ BEGIN EXECUTE 'PREPARE leak AS SELECT 1'; END $$;
CREATE FUNCTION leave_nextval() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('leak_seq') $$;
CREATE FUNCTION drop_prepared() RETURNS void LANGUAGE plpgsql
  AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;
CREATE PROCEDURE leave_all() LANGUAGE plpgsql AS $$ BEGIN
  PERFORM leave_setting(), leave_work_mem(), leave_lock(), leave_listen(), leave_nextval();
  COMMIT;
  PERFORM public.leave_table(), public.leave_prepared();
END $$;";

/// What a client may leave, by its name.
const STATES: &[(&str, &str)] = &[
    ("SET", "SET my.secret = 'x'"),
    ("SET of a known setting", "SET work_mem = '9MB'"),
    ("SET search_path", "SET search_path = pg_catalog"),
    ("SET SESSION CHARACTERISTICS", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
    ("set_config", "SELECT set_config('my.secret', 'x', false)"),
    ("set_config by a function", "SELECT leave_setting()"),
    ("SET by a function", "SELECT leave_work_mem()"),
    ("set_config by DO", "DO $$ BEGIN PERFORM set_config('my.secret', 'x', false); END $$"),
    ("SET ROLE", "SET ROLE clerk"),
    ("SET ROLE by a function", "SELECT leave_role()"),
    ("SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION clerk"),
    ("session_replication_role", "SET session_replication_role = replica"),
    ("a temporary table", "CREATE TEMP TABLE leak (a int)"),
    ("a temporary table by SELECT INTO", "SELECT 1 AS a INTO TEMP leak"),
    ("a temporary table by its schema", "CREATE TABLE pg_temp.leak (a int)"),
    ("a temporary table by a function", "SELECT leave_table()"),
    (
        "a temporary function",
        "CREATE FUNCTION pg_temp.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ),
    ("an advisory lock", "SELECT pg_advisory_lock(7)"),
    ("an advisory lock by DO", "DO $$ BEGIN PERFORM pg_advisory_lock(7); END $$"),
    ("an advisory lock by a function", "SELECT leave_lock()"),
    ("LISTEN", "LISTEN leak"),
    ("LISTEN by a function", "SELECT leave_listen()"),
    ("a cursor WITH HOLD", "DECLARE leak CURSOR WITH HOLD FOR SELECT 1"),
    ("PREPARE", "PREPARE leak AS SELECT 1"),
    ("PREPARE by a function", "SELECT leave_prepared()"),
    ("nextval", "SELECT nextval('leak_seq')"),
    ("a serial column", "INSERT INTO leak_serial (v) VALUES (1)"),
    ("nextval by a function", "SELECT leave_nextval()"),
    ("setval", "SELECT setval('leak_seq', 100)"),
    ("a random seed", "SELECT setseed(0.5)"),
    ("a procedure", "CALL leave_all()"),
    ("DEALLOCATE ALL by a function", "SELECT drop_prepared()"),
];

/// Everything of a session that can be asked for at once.
const LOOK: &str = "SELECT pg_catalog.concat_ws('|', current_user, session_user, \
 coalesce(current_setting('my.secret', true), ''), current_setting('work_mem'), current_setting('search_path'), \
 current_setting('session_replication_role'), current_setting('default_transaction_read_only'), \
 to_regclass('pg_temp.leak'), \
 (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
 (SELECT count(*) FROM pg_listening_channels()), (SELECT count(*) FROM pg_cursors), \
 (SELECT count(*) FROM pg_prepared_statements WHERE from_sql), \
 (SELECT count(*) FROM pg_depend WHERE refobjid = pg_my_temp_schema() \
   AND refclassid = 'pg_namespace'::regclass))";

/// What a fresh session sees.
struct Clean {
    look: String,
    /// The first random number behind the seed that is left; not to be seen.
    seeded: String,
}

fn message(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    build(&mut out);
    out
}

/// Parse, Bind and Execute, without the Sync.
fn run(name: &str, sql: &str) -> Vec<u8> {
    message(|out| {
        client::parse(out, name, sql, &[]);
        client::bind(out, "", name, &[], &[], &[]);
        client::execute(out, "", 0);
    })
}

fn sync() -> Vec<u8> {
    message(client::sync)
}

/// The ways to leave it: what is sent, and how many "ready"s answer it.
fn ways(sql: &str) -> Vec<(&'static str, Vec<u8>, usize)> {
    let long = format!("{sql} -- {}", "x".repeat(300_000));
    vec![
        ("simple", query(sql), 1),
        ("extended", [run("", sql), sync()].concat(), 1),
        ("named", [run("leak", sql), sync()].concat(), 1),
        ("pipelined", [run("", "SELECT 1"), run("", sql), run("", "SELECT 2"), sync()].concat(), 1),
        ("many syncs", [run("", sql), sync(), run("", "SELECT 2"), sync()].concat(), 2),
        ("in a transaction", [query("BEGIN"), query(sql), query("COMMIT")].concat(), 3),
        ("rolled back", [query("BEGIN"), query(sql), query("ROLLBACK")].concat(), 3),
        ("aborted", [query("BEGIN"), query(sql), query("SELECT 1/0"), query("COMMIT")].concat(), 4),
        ("an error behind", query(&format!("{sql}; SELECT 1/0")), 1),
        ("committed, then an error", query(&format!("BEGIN; {sql}; COMMIT; SELECT 1/0")), 1),
        ("an error behind, pipelined", [run("", sql), run("", "SELECT 1/0"), sync()].concat(), 1),
        ("two statements", query(&format!("SELECT 1; {sql}")), 1),
        (
            "two statements, extended begin",
            [run("", "BEGIN"), run("", sql), run("", "COMMIT"), sync()].concat(),
            1,
        ),
        ("too long to be read", query(&long), 1),
        ("too long to be read, extended", [run("", &long), sync()].concat(), 1),
        (
            "read-only transaction",
            [query("BEGIN READ ONLY"), query(sql), query("COMMIT")].concat(),
            3,
        ),
    ]
}

#[tokio::test]
async fn nothing_of_one_client_is_seen_by_another() {
    let bed = Bed::start(&["--set", "pool.size=1"]).await;
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    admin.batch_execute("CREATE ROLE clerk; ALTER ROLE app SUPERUSER").await.unwrap();
    bed.prepare(SCHEMA).await;
    bed.prepare("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk").await;
    let direct = connect(&bed.direct()).await;
    let look_there = text(&direct, LOOK).await;
    text(&direct, "SELECT setseed(0.5)").await;
    let clean = Clean { look: look_there, seeded: text(&direct, "SELECT random()").await };
    let mut checks = Checks::default();
    for (name, sql) in STATES {
        let check = async {
            for (way, bytes, readies) in ways(sql) {
                println!("  {way}");
                let mut first = Raw::login(bed.proxy.port(), &[]).await;
                first.send(&bytes).await;
                for _ in 0..readies {
                    first.until(b'Z').await;
                }
                look(&bed, first, &clean).await;
            }
        };
        checks.run(name, check).await;
    }
    checks.run("killed in the middle", killed(&bed, &clean)).await;
    checks.run("prepared by the protocol", prepared(&bed)).await;
    checks.run("called by number", called(&bed, &clean)).await;
}

/// Another client looks for what `first` has left, while it is still there if the
/// connection is free, and when it has gone.
async fn look(bed: &Bed, first: Raw, clean: &Clean) {
    let mut second = Raw::login(bed.proxy.port(), &[]).await;
    let free = seen(&mut second, clean, Some(KEPT_OFF)).await;
    drop(first);
    if !free {
        second = Raw::login(bed.proxy.port(), &[]).await;
    }
    assert!(seen(&mut second, clean, None).await);
}

/// What a client sees on the primary's connection must be what a fresh session sees.
/// `false` if it did not get the connection.
async fn seen(raw: &mut Raw, clean: &Clean, patience: Option<Duration>) -> bool {
    raw.query("BEGIN").await;
    match patience {
        Some(patience) => {
            if tokio::time::timeout(patience, raw.until(b'Z')).await.is_err() {
                return false;
            }
        }
        None => drop(raw.until(b'Z').await),
    }
    assert_eq!(raw.ask(LOOK).await, [clean.look.as_str()]);
    assert_ne!(raw.ask("SELECT random()").await, [clean.seeded.as_str()], "the seed is another's");
    raw.ask("COMMIT").await;
    for (sql, code) in [
        ("SELECT currval('leak_seq')", "55000"),
        ("SELECT currval('leak_serial_id_seq')", "55000"),
        ("SELECT lastval()", "55000"),
        ("DO $$ BEGIN PERFORM lastval(); END $$", "55000"),
        ("EXECUTE leak", "26000"),
        ("EXECUTE _afterwrite_1", "26000"),
        ("FETCH leak", "34000"),
    ] {
        assert_eq!(error(raw, &query(sql)).await, code, "{sql}");
    }
    true
}

/// The code of the error that answers `bytes`.
async fn error(raw: &mut Raw, bytes: &[u8]) -> String {
    raw.send(bytes).await;
    let replies = raw.until(b'Z').await;
    replies.iter().find(|reply| reply.tag == b'E').map(Reply::code).unwrap_or_default()
}

/// In the middle of a transaction, of one that failed, and of a COPY.
async fn killed(bed: &Bed, clean: &Clean) {
    let copy = [
        query("COPY leak_serial (v) FROM STDIN"),
        message(|out| client::copy_data(out, b"1\n2\n")),
    ];
    for (bytes, last) in [
        ([query("BEGIN"), query("SET LOCAL my.secret = 'x'")].concat(), b'C'),
        ([query("BEGIN"), query("SELECT pg_advisory_lock(7), 1/0")].concat(), b'E'),
        (copy.concat(), b'G'),
        (run("", "SELECT pg_advisory_lock(7)"), b'\0'),
    ] {
        let mut first = Raw::login(bed.proxy.port(), &[]).await;
        first.send(&bytes).await;
        if last != 0 {
            first.until(last).await;
        }
        drop(first);
        let mut second = Raw::login(bed.proxy.port(), &[]).await;
        assert!(seen(&mut second, clean, None).await);
    }
}

/// Statements and portals of the protocol, by the client's names and by ours.
async fn prepared(bed: &Bed) {
    // FOR UPDATE keeps it on the primary.
    let secret = "SELECT 'secret' FROM leak_serial FOR UPDATE";
    let mut first = Raw::login(bed.proxy.port(), &[]).await;
    for name in ["", "leak"] {
        first.send(&[run(name, secret), sync()].concat()).await;
        first.until(b'Z').await;
    }
    let mut second = Raw::login(bed.proxy.port(), &[]).await;
    let names = ["", "leak", "_afterwrite_1", "_afterwrite_2", "_afterwrite_position"];
    for name in names {
        let bind = message(|out| client::bind(out, "", name, &[], &[], &[]));
        let execute = message(|out| client::execute(out, "", 0));
        let describe = message(|out| client::describe(out, STATEMENT, name));
        for bytes in [bind.clone(), describe, [bind, execute].concat()] {
            assert_eq!(error(&mut second, &[bytes, sync()].concat()).await, "26000", "{name:?}");
        }
    }
    let execute = message(|out| client::execute(out, "", 0));
    assert_eq!(error(&mut second, &[execute, sync()].concat()).await, "34000");
    for name in names {
        let close = message(|out| client::close(out, STATEMENT, name));
        assert_eq!(error(&mut second, &[close, sync()].concat()).await, "", "{name:?}");
    }
    for name in ["", "leak"] {
        let bind = message(|out| {
            client::bind(out, "", name, &[], &[], &[]);
            client::execute(out, "", 0);
        });
        assert_eq!(
            error(&mut first, &[bind, sync()].concat()).await,
            "",
            "its own are still there"
        );
    }
}

/// By the protocol's `FunctionCall`.
async fn called(bed: &Bed, clean: &Clean) {
    let direct = connect(&bed.direct()).await;
    for name in ["leave_lock", "leave_table", "leave_setting", "leave_nextval"] {
        let number = text(&direct, &format!("SELECT '{name}'::regproc::oid")).await;
        let number: u32 = number.parse().unwrap();
        let mut body = number.to_be_bytes().to_vec();
        // No formats, no arguments, the result as text.
        body.extend([0; 6]);
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let mut first = Raw::login(bed.proxy.port(), &[]).await;
        assert_eq!(error(&mut first, &[b"F", &length[..], &body].concat()).await, "", "{name}");
        look(bed, first, clean).await;
    }
}

/// What triggers leave is looked for where the configuration says so.
#[tokio::test]
async fn what_triggers_leave_is_seen_by_nobody_either() {
    const TRIGGER: &str = "
        CREATE TABLE leak_trigger (what text, seen text DEFAULT leave_setting());
        CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql
          AS $$ BEGIN EXECUTE 'SELECT ' || NEW.what; RETURN NEW; END $$;
        CREATE TRIGGER leave BEFORE INSERT ON leak_trigger FOR EACH ROW EXECUTE FUNCTION leave();";
    let bed = Bed::start(&["--set", "pool.size=1", "--set", "pool.inventory=always"]).await;
    bed.prepare(&(SCHEMA.replace("clerk", "app") + TRIGGER)).await;
    let direct = connect(&bed.direct()).await;
    let clean = Clean { look: text(&direct, LOOK).await, seeded: String::new() };
    let insert = |what: &str| format!("INSERT INTO leak_trigger (what) VALUES ('{what}()')");
    let mut checks = Checks::default();
    for what in ["leave_work_mem", "leave_table", "leave_lock", "leave_listen", "leave_prepared"] {
        let check = async {
            for bytes in [
                query(&insert(what)),
                [run("leak", &insert(what)), sync()].concat(),
                [query("BEGIN"), query(&insert(what)), query("COMMIT")].concat(),
            ] {
                let readies = if bytes.starts_with(&query("BEGIN")) { 3 } else { 1 };
                let mut first = Raw::login(bed.proxy.port(), &[]).await;
                first.send(&bytes).await;
                for _ in 0..readies {
                    let replies = first.until(b'Z').await;
                    assert!(replies.iter().all(|reply| reply.tag != b'E'), "{replies:?}");
                }
                look(&bed, first, &clean).await;
            }
        };
        checks.run(what, check).await;
    }
    // Otherwise it is taken for harmless, as is said of it.
    let other = bed.another(&["--set", "pool.size=1"]).await;
    let mut first = Raw::login(other.port(), &[]).await;
    first.ask(&insert("leave_lock")).await;
    let mut second = Raw::login(other.port(), &[]).await;
    second.ask("BEGIN").await;
    let seen = second.ask(LOOK).await;
    checks.that("there is something to be seen", seen != [clean.look.as_str()], &seen.concat());
}

#[tokio::test]
async fn a_pin_ends_with_its_cause() {
    let bed = Bed::start(&["--set", "pool.size=1"]).await;
    bed.prepare(SCHEMA.replace("clerk", "app").as_str()).await;
    let mut checks = Checks::default();
    for (begin, end) in [
        ("LISTEN leak", "UNLISTEN *"),
        ("SELECT pg_advisory_lock(7)", "SELECT pg_advisory_unlock(7)"),
        ("SELECT leave_lock()", "SELECT pg_advisory_unlock_all()"),
        ("CREATE TEMP TABLE leak (a int)", "DROP TABLE leak"),
        ("SELECT leave_table()", "DISCARD TEMP"),
        ("PREPARE leak AS SELECT 1", "DEALLOCATE leak"),
        ("PREPARE leak AS SELECT 1", "DEALLOCATE ALL"),
        ("DECLARE leak CURSOR WITH HOLD FOR SELECT 1", "CLOSE leak"),
        ("SELECT set_config('my.secret', 'x', false)", "RESET ALL"),
        ("SELECT nextval('leak_seq'), lastval()", "DISCARD SEQUENCES"),
        ("CREATE TEMP TABLE leak (a int); LISTEN leak", "DISCARD ALL"),
        ("BEGIN; CREATE TEMP TABLE leak (a int); COMMIT", "BEGIN; DROP TABLE leak; COMMIT"),
    ] {
        checks.run(begin, ends(&bed, begin, end)).await;
    }
    checks.run("in transactions", in_transactions(&bed)).await;
}

async fn ends(bed: &Bed, begin: &str, end: &str) {
    let mut first = Raw::login(bed.proxy.port(), &[]).await;
    let mut second = Raw::login(bed.proxy.port(), &[]).await;
    first.ask(begin).await;
    let pid = first.ask("SELECT pg_backend_pid()").await;
    second.query("INSERT INTO leak_serial (v) VALUES (1)").await;
    let kept_off = tokio::time::timeout(KEPT_OFF, second.until(b'Z')).await;
    assert!(kept_off.is_err(), "the connection belongs to the first");
    assert_eq!(first.ask("SELECT pg_backend_pid()").await, pid);
    first.ask(end).await;
    second.until(b'Z').await;
    assert_eq!(first.ask("SELECT pg_is_in_recovery()").await, ["t"], "its reads go to replicas");
}

/// What comes and goes within a transaction pins nobody.
async fn in_transactions(bed: &Bed) {
    let mut first = Raw::login(bed.proxy.port(), &[]).await;
    let mut second = Raw::login(bed.proxy.port(), &[]).await;
    for statements in [
        &["CREATE TEMP TABLE leak (a int) ON COMMIT DROP", "INSERT INTO leak VALUES (1)"][..],
        &["INSERT INTO leak_serial (v) VALUES (1)", "SELECT currval('leak_serial_id_seq')"],
        &["SELECT nextval('leak_seq')", "SELECT lastval()", "SELECT leave_nextval()"],
        &["DECLARE leak CURSOR FOR SELECT 1", "FETCH leak"],
        &["PREPARE leak AS SELECT 1", "EXECUTE leak", "DEALLOCATE leak"],
        &["SET LOCAL my.secret = 'x'", "SELECT set_config('my.secret', 'y', true)"],
    ] {
        first.ask("BEGIN").await;
        for sql in statements {
            first.ask(sql).await;
        }
        first.ask("COMMIT").await;
        second.ask("INSERT INTO leak_serial (v) VALUES (2)").await;
    }
    // Another client's number in between is never told.
    for _ in 0..3 {
        first.ask("BEGIN").await;
        let own = first.ask("INSERT INTO leak_serial (v) VALUES (1) RETURNING id").await;
        assert_eq!(first.ask("SELECT currval('leak_serial_id_seq')").await, own);
        assert_eq!(first.ask("SELECT lastval()").await, own);
        first.ask("COMMIT").await;
        second.ask("INSERT INTO leak_serial (v) VALUES (2)").await;
    }
}

/// Everything at once, in session mode: kept while the client is there, gone with it.
#[tokio::test]
async fn in_session_mode_a_client_leaves_its_connection_clean() {
    let args = ["--set", "pool.size=1", "--set", "pool.mode=session"];
    let bed = Bed::start(&args).await;
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    admin.batch_execute("CREATE ROLE clerk; ALTER ROLE app SUPERUSER").await.unwrap();
    bed.prepare(SCHEMA).await;
    let direct = connect(&bed.direct()).await;
    let look_there = text(&direct, LOOK).await;
    text(&direct, "SELECT setseed(0.5)").await;
    let clean = Clean { look: look_there, seeded: text(&direct, "SELECT random()").await };
    let mut pids = Vec::new();
    for round in 0..3 {
        let mut first = Raw::login(bed.proxy.port(), &[]).await;
        pids.push(first.ask("SELECT pg_backend_pid()").await);
        for (name, sql) in STATES {
            if !matches!(*name, "a random seed" | "PREPARE by a function")
                && !name.starts_with("a temporary table by")
                && !name.starts_with("a procedure")
                && !name.starts_with("SET SESSION CHARACTERISTICS")
                && !name.starts_with("SET SESSION AUTHORIZATION")
                && !name.starts_with("SET search_path")
                && !name.contains("by a function")
            {
                assert_eq!(error(&mut first, &query(sql)).await, "", "{name}, round {round}");
                first.ask("RESET ROLE").await;
            }
        }
        let mut bind = run("named", "SELECT 1");
        bind.extend(sync());
        assert_eq!(error(&mut first, &bind).await, "");
        assert_eq!(first.ask("SELECT pg_backend_pid()").await, pids[round], "it is its own");
        assert_eq!(first.ask("SELECT currval('leak_seq')").await.len(), 1);
        first.ask("SET ROLE clerk").await;
        if round == 2 {
            // It goes while it waits, so the connection may be closed with it.
            let mut second = Raw::login(bed.proxy.port(), &[]).await;
            assert!(!seen(&mut second, &clean, Some(KEPT_OFF)).await, "there is only one");
        }
        drop(first);
        let mut third = Raw::login(bed.proxy.port(), &[]).await;
        assert!(seen(&mut third, &clean, None).await);
    }
    assert!(pids.iter().all(|pid| *pid == pids[0]), "cleared, not closed: {pids:?}");
}

#[tokio::test]
async fn in_statement_mode_no_transaction_begins() {
    let bed = Bed::start(&["--set", "pool.mode=statement"]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    for bytes in [
        query("BEGIN"),
        [run("", "BEGIN"), sync()].concat(),
        query("BEGIN; INSERT INTO t VALUES (1)"),
    ] {
        let mut raw = Raw::login(bed.proxy.port(), &[]).await;
        raw.ask("INSERT INTO t VALUES (2)").await;
        raw.send(&[bytes, query("INSERT INTO t VALUES (1)")].concat()).await;
        let replies = raw.until_end().await;
        let error = replies.iter().find(|reply| reply.tag == b'E').map(Reply::code);
        assert_eq!(error.as_deref(), Some("08P01"));
    }
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.ask("BEGIN; INSERT INTO t VALUES (2); COMMIT").await;
    assert_eq!(raw.ask("SELECT count(*) FROM t WHERE id = 1").await, ["0"]);
    assert_eq!(raw.ask("SELECT count(*) FROM t WHERE id = 2").await, ["4"]);
}
