//! Conversations with the console, as drivers have them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use afterwrite_console::{
    Action, Console, Database, Ending, Permission, Shutdown, Snapshot, Stats, Step, refusal,
};
use afterwrite_wire::client::{self, PORTAL, STATEMENT};
use afterwrite_wire::frame;
use afterwrite_wire::server::Report;

/// A client, the console and a driver that carries out everything.
struct Talk {
    console: Console,
    snapshot: Snapshot,
    /// What `Do` is answered with.
    result: Result<(), Report>,
    done: Vec<Action>,
    ending: Option<Ending>,
}

impl Talk {
    fn new(permission: Permission) -> Self {
        let database =
            |name: &str| Database { name: name.into(), port: 5432, ..Database::default() };
        let snapshot = Snapshot {
            version: "0.1.0".into(),
            databases: vec![database("app"), database("shop"), database("blog")],
            stats: vec![Stats { database: "app".into(), ..Stats::default() }],
            ..Snapshot::default()
        };
        Self {
            console: Console::new(permission, "ann"),
            snapshot,
            result: Ok(()),
            done: Vec::new(),
            ending: None,
        }
    }

    /// Sends bytes and gives the answer, each message in short.
    fn send(&mut self, bytes: &[u8]) -> String {
        let mut answer = Vec::new();
        let mut rest = bytes;
        loop {
            let consumed = self.console.receive(rest);
            rest = &rest[consumed..];
            let mut stepped = false;
            while let Some(step) = self.console.next() {
                stepped = true;
                match step {
                    Step::Send(bytes) => answer.extend(bytes),
                    Step::Show(_) => self.console.give(&self.snapshot),
                    Step::Do(action) => {
                        self.done.push(action);
                        self.console.done(self.result.clone());
                    }
                    Step::Closed(ending) => {
                        self.ending = Some(ending);
                        return in_short(&answer);
                    }
                }
            }
            if consumed == 0 && !stepped {
                return in_short(&answer);
            }
        }
    }

    fn query(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        client::query(&mut bytes, text);
        self.send(&bytes)
    }
}

/// `T(name,host) D(app,~) C(SHOW) Z`: tags with what is worth reading of a body.
fn in_short(mut bytes: &[u8]) -> String {
    let mut messages = Vec::new();
    while let Some((message, rest)) = frame::split(bytes, 1 << 20).unwrap() {
        messages.push(short(message.tag, message.body));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a message was sent");
    messages.join(" ")
}

fn short(tag: u8, body: &[u8]) -> String {
    let mut reader = afterwrite_wire::reader::Reader::new(body);
    let name = char::from(tag);
    match tag {
        b'T' => {
            let columns = (0..reader.u16().unwrap()).map(|_| {
                let name = reader.str().unwrap().to_owned();
                let fields = reader.take(18).unwrap();
                if fields[17] == 1 { format!("{name}:binary") } else { name }
            });
            format!("T({})", columns.collect::<Vec<_>>().join(","))
        }
        b'D' => {
            let values = (0..reader.u16().unwrap()).map(|_| match reader.value().unwrap() {
                None => "~".to_owned(),
                Some(value) => String::from_utf8_lossy(value).escape_default().to_string(),
            });
            format!("D({})", values.collect::<Vec<_>>().join(","))
        }
        b'C' => format!("C({})", reader.str().unwrap()),
        b'E' | b'N' => {
            let mut said = String::new();
            while let Ok(field @ 1..) = reader.u8() {
                let text = reader.str().unwrap();
                match field {
                    b'V' if text == "FATAL" => said.push_str("FATAL "),
                    b'C' => said.push_str(text),
                    b'M' => said = format!("{said} {text}"),
                    _ => {}
                }
            }
            format!("{name}({said})")
        }
        b'Z' if body == b"T" => "ZT".to_owned(),
        _ => name.to_string(),
    }
}

#[track_caller]
fn check(permission: Permission, text: &str, expected: &str) {
    assert_eq!(Talk::new(permission).query(text), expected, "{text:?}");
}

#[track_caller]
fn check_done(text: &str, action: &Action) {
    let mut talk = Talk::new(Permission::Admin);
    let answer = talk.query(text);
    assert!(answer.starts_with("C("), "{text:?}: {answer}");
    assert_eq!(talk.done, std::slice::from_ref(action), "{text:?}");
}

#[test]
fn commands_are_read_as_pgbouncer_reads_them() {
    let name = |name: &str| Some(name.to_owned());
    check_done("PAUSE", &Action::Pause(None));
    check_done("pause app;", &Action::Pause(name("app")));
    check_done(" Pause \"my \"\"db\"\" x\" ; ", &Action::Pause(name("my \"db\" x")));
    check_done("resume App", &Action::Resume(name("App")));
    check_done("DISABLE app", &Action::Disable("app".into()));
    check_done("enable app", &Action::Enable("app".into()));
    check_done("reconnect", &Action::Reconnect(None));
    check_done("kill app", &Action::Kill(name("app")));
    check_done("KILL", &Action::Kill(None));
    check_done("kill_client 12", &Action::KillClient(12));
    let raise = |key: &str, database: Option<&str>| Action::RaiseKey {
        key: key.to_owned(),
        database: database.map(str::to_owned),
    };
    check_done("RAISE KEY 'it''s: 17'", &raise("it's: 17", None));
    check_done("raise key order17 shop;", &raise("order17", Some("shop")));
    check_done("Raise Key \"Order\" \"my db\"", &raise("Order", Some("my db")));
    check_done("wait_close app", &Action::WaitClose(name("app")));
    check_done("reload", &Action::Reload);
    check_done("shutdown", &Action::Shutdown(Shutdown::Now));
    check_done("shutdown wait_for_clients", &Action::Shutdown(Shutdown::WaitForClients));
    check_done("SHUTDOWN WAIT_FOR_SERVERS;", &Action::Shutdown(Shutdown::WaitForServers));
    let set = |key: &str, value: &str| Action::Set { key: key.into(), value: value.into() };
    check_done("SET pool_size = 20", &set("pool_size", "20"));
    check_done("set pool_size to 20;", &set("pool_size", "20"));
    check_done("set server_check_query='select ''x'';'", &set("server_check_query", "select 'x';"));
    check_done("set session = 1", &set("session", "1"));
}

#[test]
fn tags_are_pgbouncers() {
    use Permission::Admin;
    check(Admin, "pause app", "C(PAUSE) Z");
    check(Admin, "kill_client 3", "C(KILL_CLIENT) Z");
    check(Admin, "wait_close", "C(WAIT_CLOSE) Z");
    check(Admin, "raise key 'a'", "C(RAISE KEY) Z");
    check(Admin, "set log_connections = 1", "C(SET log_connections=1) Z");
    check(Admin, "show version;", "T(version) D(PgBouncer 1.25.2 (Afterwrite 0.1.0)) C(SHOW) Z");
    check(Admin, "show help", "N(00000 Console usage) C(SHOW) Z");
}

#[test]
fn errors_are_pgbouncers() {
    use Permission::Admin;
    let invalid = |text: &str| format!("E(08P01 invalid command '{text}', use SHOW HELP;) Z");
    for text in [
        "show foo",
        "show",
        "foo",
        "select * from x",
        "select 1 +",
        "pause a b",
        "reload x",
        "shutdown now",
        "show stats 1",
        "set x",
        "set = 3",
        "set x = ",
        "begin (",
        "'show' pools",
        "reset nothing",
        "set pool_size = (3)",
        "kill_client",
        "suspend x",
        "raise",
        "raise key",
        "raise keys 'a'",
        "raise key 'a' b c",
        "raise key *",
        "listen x",
    ] {
        check(Admin, text, &invalid(text.trim()));
    }
    check(Admin, "show 'x", &invalid("show 'x"));
    check(Admin, &format!("x{}", "é".repeat(300)), &invalid(&format!("x{}…", "é".repeat(199))));
    let key = "E(22023 a key has between 1 and 1024 bytes) Z";
    check(Admin, "raise key ''", key);
    check(Admin, &format!("raise key '{}'", "x".repeat(1025)), key);
    check(Admin, "raise key a pgbouncer", "E(08P01 cannot raise a key of admin db: pgbouncer) Z");
    check(Admin, "disable", "E(08P01 a database is required) Z");
    check(Admin, "kill_client x", "E(08P01 invalid client pointer supplied) Z");
    check(Admin, "pause pgbouncer", "E(08P01 cannot pause admin db: pgbouncer) Z");
    check(Admin, "wait_close afterwrite", "E(08P01 cannot wait in admin db: afterwrite) Z");
    check(Admin, "suspend", "E(0A000 SUSPEND is not supported) Z");
}

#[test]
fn what_fails_is_told_in_the_drivers_words() {
    let mut talk = Talk::new(Permission::Admin);
    talk.result = Err(refusal::no_such_database("nodb"));
    assert_eq!(talk.query("pause nodb"), "E(08P01 no such database: nodb) Z");
    assert_eq!(talk.query("pause nodb; reload"), "E(08P01 no such database: nodb) Z");
    assert_eq!(talk.done.len(), 2, "what stands behind a failure is not done");
}

#[test]
fn stats_users_may_look_and_set_what_only_they_see() {
    use Permission::Stats;
    let refused = "E(08P01 admin access needed) Z";
    for text in [
        "pause",
        "resume app",
        "reload",
        "shutdown",
        "kill app",
        "kill_client 1",
        "disable app",
        "enable app",
        "reconnect",
        "wait_close",
        "set pool_size = 1",
        "show fds",
    ] {
        let mut talk = Talk::new(Stats);
        assert_eq!(talk.query(text), refused, "{text}");
        assert!(talk.done.is_empty(), "{text}");
    }
    check(Stats, "show lists; pause", &format!("{} {refused}", lists()));
    check(Stats, "set application_name = x", "C(SET) Z");
    check(Stats, "show config", "T(key,value,default,changeable) C(SHOW) Z");
}

fn lists() -> String {
    let answer = Talk::new(Permission::Stats).query("show lists");
    answer.strip_suffix(" Z").unwrap().to_owned()
}

#[test]
fn several_statements_are_answered_in_order_and_read_before_any_is_done() {
    let mut talk = Talk::new(Permission::Admin);
    let answer = talk.query("pause; show state; ; resume app;");
    let state = "T(key,value) D(active,yes) D(paused,no) D(suspended,no) C(SHOW)";
    assert_eq!(answer, format!("C(PAUSE) {state} C(RESUME) Z"));
    assert_eq!(talk.done, [Action::Pause(None), Action::Resume(Some("app".into()))]);

    assert!(talk.query("pause; shtdown").starts_with("E(08P01 invalid command 'shtdown'"));
    assert_eq!(talk.done.len(), 2);
    assert_eq!(talk.query(""), "I Z");
    assert_eq!(talk.query(" ; -- nothing"), "I Z");
}

#[test]
fn drivers_may_say_what_they_say_to_every_server() {
    use Permission::Stats;
    for (text, tag) in [
        ("SET client_encoding TO 'UTF8'", "SET"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET"),
        ("SET extra_float_digits = 3", "SET"),
        ("SET DateStyle = ISO, MDY", "SET"),
        ("SET TIME ZONE 'Europe/Paris'", "SET"),
        ("SET NAMES 'utf8'", "SET"),
        ("set session statement_timeout to default", "SET"),
        ("RESET ALL", "RESET"),
        ("RESET application_name", "RESET"),
        ("rollback to savepoint a", "ROLLBACK"),
        ("COMMIT", "COMMIT"),
        ("ROLLBACK;", "ROLLBACK"),
        ("DISCARD ALL", "DISCARD ALL"),
        ("DEALLOCATE ALL", "DEALLOCATE ALL"),
        ("CLOSE ALL", "CLOSE CURSOR ALL"),
        ("UNLISTEN *", "UNLISTEN"),
    ] {
        check(Stats, text, &format!("C({tag}) Z"));
    }
    check(Stats, "select 1", "T(?column?) D(1) C(SELECT 1) Z");
    check(Stats, "/* ping */ SELECT 1 AS alive;", "T(alive) D(1) C(SELECT 1) Z");
    check(
        Stats,
        "select 'it''s', NULL, true",
        "T(?column?,?column?,bool) D(it\\'s,~,t) C(SELECT 1) Z",
    );
    let version = "PostgreSQL 15.0 (Afterwrite), the admin console";
    check(Stats, "select version()", &format!("T(version) D({version}) C(SELECT 1) Z"));
    check(Stats, "select pg_catalog.version() \"v\"", &format!("T(v) D({version}) C(SELECT 1) Z"));
    check(
        Stats,
        "select current_database(), current_user, current_schema()",
        "T(current_database,current_user,current_schema) D(afterwrite,ann,public) C(SELECT 1) Z",
    );
    check(Stats, "SHOW server_version", "T(server_version) D(15.0 (Afterwrite)) C(SHOW) Z");
    check(Stats, "show client_encoding", "T(client_encoding) D(UTF8) C(SHOW) Z");
    check(
        Stats,
        "show transaction isolation level",
        "T(transaction_isolation) D(read committed) C(SHOW) Z",
    );
    check(
        Stats,
        "select state",
        "T(key,value) D(active,yes) D(paused,no) D(suspended,no) C(SHOW) Z",
    );
}

#[test]
fn what_a_session_sets_it_gets_and_no_other() {
    let mut talk = Talk::new(Permission::Stats);
    assert_eq!(talk.query("set application_name = 'a b'"), "C(SET) Z");
    let named = "T(application_name) D(a b) C(SHOW) Z";
    assert_eq!(talk.query("SHOW Application_Name"), named);
    assert_eq!(
        talk.query("select current_setting('application_name')"),
        "T(current_setting) D(a b) C(SELECT 1) Z"
    );
    assert_eq!(talk.query("discard all"), "C(DISCARD ALL) Z");
    assert_eq!(talk.query("show application_name"), "T(application_name) D() C(SHOW) Z");
    let console = Console::new(Permission::Stats, "ann").with_setting("application_name", "a b");
    talk.console = console;
    assert_eq!(talk.query("show application_name"), named);
}

#[test]
fn strict_readers_may_have_pgbouncers_columns_alone() {
    let short = |answer: &str| answer.split(' ').next().unwrap().matches(',').count() + 1;
    let mut talk = Talk::new(Permission::Stats);
    assert_eq!(short(&talk.query("show databases")), 20);
    assert_eq!(talk.query("set afterwrite.columns = 'PgBouncer'"), "C(SET) Z");
    let answer = talk.query("show databases");
    assert_eq!(short(&answer), 17);
    assert!(answer.contains("D(app,~,5432,"), "{answer}");
    assert_eq!(
        talk.query("show afterwrite.columns"),
        "T(afterwrite.columns) D(pgbouncer) C(SHOW) Z"
    );
    assert_eq!(talk.query("reset afterwrite.columns"), "C(RESET) Z");
    assert_eq!(short(&talk.query("show databases")), 20);
    talk.console =
        Console::new(Permission::Stats, "ann").with_setting("afterwrite.columns", "pgbouncer");
    assert_eq!(short(&talk.query("show databases")), 17);
    assert!(talk.query("set afterwrite.columns = few").starts_with("E(22023 invalid value"));
}

/// What psql 15 sends for `psql -c 'SHOW STATE' … \q`, byte for byte.
#[test]
fn psql_is_answered() {
    let mut talk = Talk::new(Permission::Admin);
    assert_eq!(
        talk.send(b"Q\0\0\0\x10SHOW STATE;\0"),
        "T(key,value) D(active,yes) D(paused,no) D(suspended,no) C(SHOW) Z"
    );
    assert_eq!(talk.send(b"X\0\0\0\x04"), "");
    assert_eq!(talk.ending, Some(Ending::Goodbye));
}

/// As asyncpg's `fetch`: a named statement, described in full, its result in binary.
#[test]
fn asyncpg_prepares_and_reads_binary() {
    let mut talk = Talk::new(Permission::Stats);
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "__asyncpg_stmt_1__", "SHOW LISTS", &[]);
    client::describe(&mut bytes, STATEMENT, "__asyncpg_stmt_1__");
    client::flush(&mut bytes);
    assert_eq!(talk.send(&bytes), "1 t T(list,items)");

    let mut bytes = Vec::new();
    client::bind(&mut bytes, "", "__asyncpg_stmt_1__", &[], &[1], &[1]);
    client::execute(&mut bytes, "", 0);
    client::sync(&mut bytes);
    let answer = talk.send(&bytes);
    assert!(answer.starts_with(r"2 D(databases,\u{0}\u{0}\u{0}\u{0}) D(users,"), "{answer}");
    assert!(answer.ends_with("C(SHOW) Z"), "{answer}");

    let mut bytes = Vec::new();
    client::bind(&mut bytes, "", "__asyncpg_stmt_1__", &[], &[], &[1, 0]);
    client::describe(&mut bytes, PORTAL, "");
    client::close(&mut bytes, STATEMENT, "__asyncpg_stmt_1__");
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "2 T(list:binary,items) 3 Z");

    let mut bytes = Vec::new();
    client::bind(&mut bytes, "", "__asyncpg_stmt_1__", &[], &[], &[]);
    client::sync(&mut bytes);
    let gone = "E(26000 prepared statement \"__asyncpg_stmt_1__\" does not exist) Z";
    assert_eq!(talk.send(&bytes), gone);
}

/// As JDBC: unnamed statement, described portal, a row limit, all in one write.
#[test]
fn jdbc_fetches_in_parts() {
    let mut talk = Talk::new(Permission::Admin);
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "", "SHOW STATE", &[]);
    client::bind(&mut bytes, "C_1", "", &[], &[], &[]);
    client::describe(&mut bytes, PORTAL, "C_1");
    client::execute(&mut bytes, "C_1", 2);
    client::execute(&mut bytes, "C_1", 1);
    client::execute(&mut bytes, "C_1", 1);
    client::sync(&mut bytes);
    assert_eq!(
        talk.send(&bytes),
        "1 2 T(key,value) D(active,yes) D(paused,no) s D(suspended,no) s C(SHOW) Z"
    );

    let mut bytes = Vec::new();
    client::execute(&mut bytes, "C_1", 0);
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "E(34000 portal \"C_1\" does not exist) Z", "after its Sync");

    let mut bytes = Vec::new();
    client::parse(&mut bytes, "", "RELOAD", &[]);
    client::bind(&mut bytes, "", "", &[], &[], &[]);
    client::describe(&mut bytes, PORTAL, "");
    client::execute(&mut bytes, "", 1);
    client::execute(&mut bytes, "", 1);
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "1 2 n C(RELOAD) E(55000 portal \"\" cannot be run) Z");
    assert_eq!(talk.done, [Action::Reload], "once");
}

/// JDBC without autocommit: the portal is fetched from after its Sync.
#[test]
fn portals_live_as_long_as_their_transaction() {
    let mut talk = Talk::new(Permission::Stats);
    assert_eq!(talk.query("begin isolation level serializable, read only"), "C(BEGIN) ZT");
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "", "SHOW STATE", &[]);
    client::bind(&mut bytes, "C_1", "", &[], &[], &[]);
    client::execute(&mut bytes, "C_1", 1);
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "1 2 D(active,yes) s ZT");
    let mut bytes = Vec::new();
    client::execute(&mut bytes, "C_1", 0);
    client::parse(&mut bytes, "", "COMMIT", &[]);
    client::bind(&mut bytes, "", "", &[], &[], &[]);
    client::execute(&mut bytes, "", 0);
    client::sync(&mut bytes);
    client::execute(&mut bytes, "C_1", 0);
    client::sync(&mut bytes);
    assert_eq!(
        talk.send(&bytes),
        "D(paused,no) D(suspended,no) C(SHOW) 1 2 C(COMMIT) Z \
         E(34000 portal \"C_1\" does not exist) Z"
    );
    assert_eq!(talk.query("START TRANSACTION"), "C(START TRANSACTION) ZT");
    assert_eq!(talk.query("rollback to savepoint a"), "C(ROLLBACK) ZT");
    assert_eq!(talk.query("show nothing").rsplit(' ').next(), Some("ZT"));
    assert_eq!(talk.query("abort"), "C(ROLLBACK) Z");
}

#[test]
fn an_error_in_a_batch_skips_to_its_sync() {
    let mut talk = Talk::new(Permission::Admin);
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "a", "nonsense", &[]);
    client::bind(&mut bytes, "", "a", &[], &[], &[]);
    client::query(&mut bytes, "shutdown");
    client::execute(&mut bytes, "", 0);
    client::sync(&mut bytes);
    client::query(&mut bytes, "select 2");
    assert_eq!(
        talk.send(&bytes),
        "E(08P01 invalid command 'nonsense', use SHOW HELP;) Z T(?column?) D(2) C(SELECT 1) Z"
    );
    assert!(talk.done.is_empty());

    talk.result = Err(refusal::not_paused());
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "", "resume", &[]);
    client::bind(&mut bytes, "", "", &[], &[], &[]);
    client::execute(&mut bytes, "", 0);
    client::execute(&mut bytes, "", 0);
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "1 2 E(08P01 pooler is not paused/suspended) Z");
}

#[test]
fn a_batch_is_held_to_the_protocol() {
    type Build = fn(&mut Vec<u8>);
    let cases: &[(&str, Build)] = &[
        (
            "1 E(08P01 bind message supplies 1 parameters, but prepared statement \"\" requires 0) Z",
            |b| {
                client::parse(b, "", "show lists", &[]);
                client::bind(b, "", "", &[Some(b"1")], &[], &[]);
            },
        ),
        ("1 E(08P01 bind message has 3 result formats but query has 2 columns) Z", |b| {
            client::parse(b, "", "show lists", &[]);
            client::bind(b, "", "", &[], &[], &[0, 0, 0]);
        }),
        ("1 E(22023 unsupported format code: 2) Z", |b| {
            client::parse(b, "", "show lists", &[]);
            client::bind(b, "", "", &[], &[], &[2]);
        }),
        ("E(42601 cannot insert multiple commands into a prepared statement) Z", |b| {
            client::parse(b, "", "show lists; show stats", &[]);
        }),
        ("1 E(42P05 prepared statement \"a\" already exists) Z", |b| {
            client::parse(b, "a", "show lists", &[]);
            client::parse(b, "a", "show lists", &[]);
        }),
        ("1 1 2 t n I Z", |b| {
            client::parse(b, "", "show lists", &[]);
            client::parse(b, "", " ; ", &[]);
            client::bind(b, "", "", &[], &[], &[]);
            client::describe(b, STATEMENT, "");
            client::execute(b, "", 0);
        }),
    ];
    for (expected, build) in cases {
        let mut bytes = Vec::new();
        build(&mut bytes);
        client::sync(&mut bytes);
        assert_eq!(Talk::new(Permission::Admin).send(&bytes), *expected);
    }
}

#[test]
fn what_is_held_for_a_client_is_bounded() {
    let mut talk = Talk::new(Permission::Admin);
    for at in 0..300 {
        let mut bytes = Vec::new();
        client::parse(&mut bytes, &format!("s{at}"), "show lists", &[]);
        client::sync(&mut bytes);
        let expected = match at {
            0..256 => "1 Z",
            _ => "E(54000 too many prepared statements: the admin console keeps at most 256) Z",
        };
        assert_eq!(talk.send(&bytes), expected);
    }
    let mut bytes = Vec::new();
    for at in 0..17 {
        client::bind(&mut bytes, format!("p{at}"), "s0", &[], &[], &[]);
    }
    client::sync(&mut bytes);
    let full = "E(54000 too many portals: the admin console keeps at most 16) Z";
    assert_eq!(talk.send(&bytes), format!("{}{full}", "2 ".repeat(16)));
    assert_eq!(talk.query("deallocate all"), "C(DEALLOCATE ALL) Z");
    let mut bytes = Vec::new();
    client::parse(&mut bytes, "s0", "show lists", &[]);
    client::sync(&mut bytes);
    assert_eq!(talk.send(&bytes), "1 Z");
}

#[test]
fn a_long_message_is_refused_before_it_has_come() {
    let mut talk = Talk::new(Permission::Admin);
    let answer = talk.send(b"Q\0\x10\0\0");
    assert_eq!(answer, "E(FATAL 08P01 message length 1048576 is over the limit of 16384 bytes)");
    assert!(matches!(talk.ending, Some(Ending::Fault(_))));
    assert_eq!(talk.console.receive(b"Q\0\0\0\x0dSHOW STATE\0"), 0, "nothing is read any more");
}

#[test]
fn messages_out_of_place_end_the_conversation() {
    let mut talk = Talk::new(Permission::Admin);
    assert_eq!(talk.send(b"p\0\0\0\x05x"), "E(FATAL 08P01 unexpected message 'p' (0x70))");
    let mut talk = Talk::new(Permission::Admin);
    assert_eq!(talk.send(b"F\0\0\0\x05x"), "E(0A000 the admin console has no functions to call) Z");
    assert_eq!(talk.ending, None);
}

#[test]
fn nothing_is_read_while_the_driver_is_at_work() {
    let mut console = Console::new(Permission::Admin, "ann");
    let mut bytes = Vec::new();
    client::query(&mut bytes, "pause");
    let first = bytes.len();
    client::query(&mut bytes, "resume");
    assert_eq!(console.receive(&bytes), first);
    assert_eq!(console.next(), Some(Step::Do(Action::Pause(None))));
    assert_eq!(console.receive(&bytes[first..]), 0);
    assert_eq!(console.next(), None);
    console.give(&Snapshot::default());
    assert_eq!(console.next(), None, "an answer to what was not asked");
    console.done(Ok(()));
    let Some(Step::Send(answer)) = console.next() else { panic!("no answer") };
    assert_eq!(in_short(&answer), "C(PAUSE) Z");
    assert_eq!(console.receive(&bytes[first..]), bytes.len() - first);
}

#[test]
fn a_flood_of_questions_is_read_as_its_answers_are_taken() {
    let mut console = Console::new(Permission::Admin, "ann");
    let mut bytes = Vec::new();
    for _ in 0..5_000 {
        client::query(&mut bytes, "select 1");
    }
    let consumed = console.receive(&bytes);
    assert!(consumed < bytes.len(), "not all at once");
    let Some(Step::Send(answer)) = console.next() else { panic!("no answer") };
    assert!(answer.len() < 70_000, "{}", answer.len());
}

#[test]
fn settings_are_reported_when_a_client_connects() {
    let mut out = Vec::new();
    afterwrite_console::welcome(&mut out, "ann", "psql");
    let text = String::from_utf8_lossy(&out).into_owned();
    for pair in [
        "server_version\x0015.0 (Afterwrite)\0",
        "client_encoding\0UTF8\0",
        "standard_conforming_strings\0on\0",
        "integer_datetimes\0on\0",
        "session_authorization\0ann\0",
        "application_name\0psql\0",
    ] {
        assert!(text.contains(pair), "{pair:?} is not in {text:?}");
    }
}
