//! What single statements may do: every rule has its line.

#![expect(clippy::panic, reason = "a test says what is wrong by panicking")]

use afterwrite_sql::{Access, Effect, Sets, Statement, analyse};

/// Analyses `sql`, which must be one statement, and compares `<access> [<reason>] [<effect>]`; the
/// reason of a proven read and the plain effect are left out.
fn check(expected: &str, statements: &[&str]) {
    for sql in statements {
        let analysis = analyse(sql.as_bytes());
        let Some(statement) = analysis.single() else {
            panic!("{sql:?} is {} statements", analysis.statements.len());
        };
        assert_eq!(said(statement), expected, "{sql}");
    }
}

fn said(statement: &Statement) -> String {
    let access = match statement.access {
        Access::Reads => "reads".to_owned(),
        Access::Writes => format!("writes {}", statement.reason.name()),
    };
    match &statement.effect {
        Effect::Plain => access,
        effect => format!("{access} {effect:?}"),
    }
}

#[test]
fn the_corpus_of_reads() {
    let mut count = 0;
    for line in include_str!("corpus/reads.sql").lines().filter(|line| !line.starts_with("--")) {
        let analysis = analyse(line.as_bytes());
        assert!(analysis.reads_only(), "{line}\n{:?}", analysis.statements);
        count += 1;
    }
    assert!(count > 250, "{count}");
}

#[test]
fn data() {
    check(
        "writes dml",
        &[
            "INSERT INTO t VALUES (1)",
            "insert into t(a, b) values ($1, $2) returning id",
            "/* x */ INSERT INTO t SELECT * FROM u",
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
            "UPDATE pgbench_accounts SET abalance = abalance + 5 WHERE aid = 1;",
            "UPDATE t SET a = (SELECT 1)",
            "DELETE FROM t USING u WHERE t.a = u.a",
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DO NOTHING",
            "TRUNCATE t, u CASCADE",
        ],
    );
    check("writes dml", &["WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"]);
    check("writes dml", &["WITH x(a) AS (SELECT 1) UPDATE t SET a = 1"]);
    check("writes dml", &["WITH x AS (SELECT 1) DELETE FROM t"]);
    check(
        "writes writing_cte",
        &[
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM x",
            "WITH a AS (SELECT 1), b AS MATERIALIZED (UPDATE t SET x = 1 RETURNING *) SELECT 1",
            "SELECT * FROM (WITH x AS (WITH y AS (DELETE FROM t RETURNING 1) SELECT 1) SELECT 1) z",
            "WITH x AS (MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE RETURNING 1) SELECT 1",
            "(WITH x AS (DELETE FROM t RETURNING 1) SELECT 1)",
            "(DELETE FROM t)",
        ],
    );
    // Words that write count wherever they stand without quotes.
    check("writes dml", &["SELECT 1 AS update", "SELECT delete FROM t"]);
}

#[test]
fn what_only_adds() {
    let inserts = |sql: &str| {
        let analysis = analyse(sql.as_bytes());
        analysis.statements.iter().all(|statement| statement.inserts)
    };
    for sql in [
        "INSERT INTO t VALUES (1)",
        "insert into t select * from u where a = f(b) for update returning id",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM x",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "COPY t FROM STDIN",
        "COPY t (a, b) FROM '/tmp/x'",
    ] {
        assert!(inserts(sql), "{sql}");
    }
    for sql in [
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
        "WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM x",
        "UPDATE t SET a = 1",
        "MERGE INTO t USING u ON true WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "COPY t TO STDOUT",
        "COPY t TO '/tmp/x'",
        "SELECT 1",
        "SELECT f()",
        "DO 'INSERT'",
        "CREATE TABLE t (insert int)",
        "BEGIN",
    ] {
        assert!(!inserts(sql), "{sql}");
    }
}

#[test]
fn locking_and_into() {
    check(
        "writes locking_clause",
        &[
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t FOR NO KEY UPDATE",
            "SELECT * FROM t FOR SHARE",
            "SELECT * FROM t FOR KEY SHARE",
            "SELECT * FROM t ORDER BY a LIMIT 1 for/**/update OF t SKIP LOCKED",
            "SELECT * FROM (SELECT * FROM t FOR UPDATE) x",
            "WITH x AS (SELECT * FROM t FOR SHARE NOWAIT) SELECT * FROM x",
            "(SELECT 1) FOR UPDATE",
            "TABLE t FOR UPDATE",
        ],
    );
    check(
        "writes select_into",
        &[
            "SELECT * INTO u FROM t",
            "SELECT 1 into/*x*/u",
            "WITH x AS (SELECT 1) SELECT * INTO u FROM x",
            "SELECT * INTO UNLOGGED u FROM t",
            "SELECT * INTO TABLE u FROM t",
        ],
    );
    check(
        "writes select_into Pins(TemporaryTable)",
        &[
            "SELECT * INTO TEMP u FROM t",
            "SELECT * INTO TEMPORARY TABLE u FROM t",
            "SELECT * INTO LOCAL TEMP u FROM t",
            "SELECT * INTO pg_temp.u FROM t",
        ],
    );
}

#[test]
fn functions_that_write_or_are_not_known() {
    check(
        "writes unknown_function",
        &[
            "SELECT my_function(1)",
            "SELECT public.my_function(1)",
            "SELECT public.lower('A')",
            "SELECT db.pg_catalog.lower('A')",
            "SELECT \"LOWER\"('A')",
            "SELECT \"lower \"('A')",
            "SELECT * FROM my_function(1) AS f(a, b)",
            "SELECT * FROM t WHERE a = my_function /* */ (b)",
            "SELECT 1 FROM t ORDER BY my_function(a)",
            "SELECT dblink('x', 'DELETE FROM t')",
            "SELECT uuid_generate_v4()",
            "SELECT * FROM ROWS FROM (my_function(1))",
            "SELECT * FROM t TABLESAMPLE my_method(1)",
            "SELECT 1 OPERATOR(public.+) 2",
            "SELECT operator(1)",
            "SELECT treat('s'::regclass AS nextval)",
            "SELECT filter(1), over(2)",
            "SELECT DISTINCT ON (a) filter(b) FROM t",
            "SELECT DISTINCT ON (a) over() FROM t",
            "SELECT a.in(1)",
            "SELECT s.exists(1)",
            "SELECT join(1)",
            "SELECT 1 WHERE NOT ilike(1)",
            "SELECT materialized(1)",
            "SELECT NOT materialized(1)",
            "SELECT cube(1, 2)",
            "SELECT 1 ORDER BY cube(1, 2)",
            "SELECT sets(1)",
            "SELECT varying(1)",
            "SELECT recursive(1)",
            "SELECT by(1), 1 ORDER BY by(1)",
            "SELECT zone(1)",
            "SELECT 1 OPERATOR(pg_catalog.+) f(2)",
            "WITH x AS (SELECT 1) SELECT f(1), g(2)",
            "WITH x AS (SELECT 1) SELECT (1), g(2)",
            "WITH x AS (SELECT 1) (SELECT 1) ORDER BY (1), g(2)",
            "SELECT * FROM json_to_record('{}') AS (a int), g(1)",
            "SELECT * FROM unnest(a) WITH ORDINALITY, g(1)",
            "SELECT * FROM unnest(a) WITH ORDINALITY t(a, b), g(1)",
            "WITH x AS (VALUES (1)) (TABLE x) ORDER BY (1), g(2)",
            "SELECT $1::int, f($2)",
            "SELECT x.lower::f, f(1)",
            "SELECT ääää(1)",
            "SELECT \"a\"\"b\"(1)",
        ],
    );
    check(
        "writes volatile_function",
        &[
            "SELECT pg_notify('a', 'b')",
            "SELECT lo_creat(-1)",
            "SELECT lo_put(1, 0, NULL)",
            "SELECT lo_unlink(1), lower('A')",
            "SELECT lower(lo_import('/x')::text)",
            "SELECT pg_read_file('x')",
            "SELECT pg_ls_dir('.')",
            "SELECT query_to_xml('DELETE FROM t', true, true, '')",
            "SELECT table_to_xml('t', true, true, '')",
            "SELECT * FROM ts_stat('SELECT 1')",
        ],
    );
    check(
        "writes standby_unsafe_function",
        &[
            "SELECT txid_current()",
            "SELECT pg_current_xact_id()",
            "SELECT pg_current_wal_lsn()",
            "SELECT pg_current_wal_insert_lsn()",
            "SELECT pg_walfile_name('0/0')",
            "SELECT pg_export_snapshot()",
            "SELECT pg_switch_wal()",
            "SELECT pg_terminate_backend(1)",
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
            "SELECT gid FROM pg_prepared_xacts",
            "SELECT * FROM \"pg_catalog\".\"pg_replication_slots\"",
            "TABLE pg_stat_replication",
            "SELECT pg_stat_reset()",
            "SELECT * FROM pg_stat_activity",
            "SELECT * FROM pg_locks",
            "SELECT * FROM pg_prepared_statements",
            "SELECT pg_promote()",
            "SELECT pg_logical_emit_message(true, 'a', 'b')",
            "SELECT \"pg_catalog\".\"txid_current\"()",
        ],
    );
    check("writes session_state", &["SELECT pg_my_temp_schema()"]);
    check(
        "writes session_state Pins(ServerState)",
        &[
            "SELECT setseed(0.5)",
            "SELECT pg_create_physical_replication_slot('s', true, true)",
            "SELECT pg_replication_origin_session_setup('o')",
        ],
    );
}

#[test]
fn sequences_and_advisory_locks() {
    check(
        "writes sequence_function",
        &[
            "SELECT nextval('s')",
            "SELECT NEXTVAL ('s')",
            "SELECT pg_catalog.nextval('s')",
            "SELECT \"nextval\"('s')",
            "SELECT setval('s', 1)",
            // A column that is not there is tried as a function of the value before the dot.
            "SELECT ('s'::regclass).nextval",
            "SELECT (ARRAY['s'::regclass])[1].nextval",
            "SELECT $1.nextval",
            "SELECT s.nextval FROM regclass('s') s",
        ],
    );
    check("writes sequence_function Pins(Sequence)", &["SELECT currval('s')", "SELECT lastval()"]);
    check(
        "writes advisory_lock Pins(AdvisoryLock)",
        &[
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock(1, 2)",
            "SELECT pg_advisory_lock_shared(1)",
            "SELECT 1 WHERE pg_try_advisory_lock(hashtext('a'))",
        ],
    );
    check(
        "writes advisory_lock",
        &[
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT pg_try_advisory_xact_lock_shared(1)",
            "SELECT pg_advisory_unlock_all()",
        ],
    );
    // Of several, the one that the server cannot be asked for counts.
    check(
        "writes advisory_lock Pins(SetConfig)",
        &["SELECT pg_advisory_lock(1), set_config('a', 'b', false)"],
    );
    check(
        "writes session_state Pins(SetConfig)",
        &[
            "SELECT set_config('a.b', 'c', false)",
            "SELECT set_config('a.b', 'c', $1)",
            "SELECT set_config('a.b', 'c', true or false)",
            "SELECT set_config(lower('a.b'), 'c', true)",
            "SELECT set_config('a', 'b', true), set_config('a', 'b', false)",
        ],
    );
    // A rule makes the same of it.
    check(
        "writes dml Pins(SetConfig)",
        &[
            "UPDATE pg_settings SET setting = 'b' WHERE name = 'search_path'",
            "UPDATE ONLY (pg_catalog.\"pg_settings\") AS s SET setting = 'b'",
            "WITH a AS (SELECT 1) UPDATE PG_SETTINGS SET setting = 'b'",
        ],
    );
    check("writes dml", &["UPDATE t SET a = (SELECT setting FROM pg_settings)"]);
    check("writes ddl", &["GRANT SELECT, UPDATE ON pg_settings TO a"]);
    check("writes locking_clause", &["SELECT 1 FROM pg_settings FOR UPDATE OF pg_settings"]);
    check(
        "writes session_state SetLocal",
        &[
            "SELECT set_config('a.b', 'c', true)",
            "SELECT pg_catalog.set_config($1, $2, TRUE), set_config('x', 'y', true)",
        ],
    );
    check("writes dml Pins(Sequence)", &["INSERT INTO t VALUES (currval('s'))"]);
    check("writes dml Pins(AdvisoryLock)", &["UPDATE t SET a = pg_try_advisory_lock(1)"]);
}

#[test]
fn temporary_tables() {
    check(
        "writes ddl Pins(TemporaryTable)",
        &[
            "CREATE TEMP TABLE t (a int)",
            "CREATE TEMPORARY TABLE t AS SELECT 1",
            "create local temp table t (a int)",
            "CREATE GLOBAL TEMPORARY TABLE t (a int)",
            "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
            "CREATE TEMP SEQUENCE s",
            "CREATE TABLE pg_temp.t (a int)",
            "CREATE TABLE IF NOT EXISTS \"pg_temp\".t (a int)",
        ],
    );
    check(
        "writes session_state Pins(TemporaryTable)",
        &["SELECT * FROM pg_temp.t", "SELECT * FROM PG_TEMP_3.t", "SELECT pg_temp.f(1)"],
    );
    check("writes unknown", &["SELECT * FROM U&\"pg\\005ftemp\".t", "SELECT U&\"lower\"('A')"]);
}

#[test]
fn schema_and_utilities() {
    check(
        "writes ddl",
        &[
            "CREATE TABLE t (a int DEFAULT 1, CHECK (a > 0))",
            "CREATE TABLE t AS SELECT 1",
            "CREATE UNLOGGED TABLE t (a int)",
            "CREATE MATERIALIZED VIEW v AS SELECT 1",
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM u; SELECT 1)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
            "CREATE OR REPLACE PROCEDURE f(a int) LANGUAGE sql BEGIN ATOMIC \
         SELECT CASE WHEN a > 0 THEN 1 END AS end; INSERT INTO t VALUES (1); END;",
            "ALTER TABLE t ADD COLUMN b int",
            "DROP TABLE t",
            "GRANT SELECT ON t TO u",
            "COMMENT ON TABLE t IS 'x'",
            "REFRESH MATERIALIZED VIEW v",
            "REINDEX TABLE t",
        ],
    );
    check(
        "writes utility",
        &[
            "CALL p()",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "NOTIFY a, 'b'",
            "LOCK TABLE t",
            "VACUUM t",
            "ANALYZE",
            "CHECKPOINT",
            "FETCH 5 FROM c",
            "MOVE c",
            "CLOSE c",
            "DECLARE c CURSOR FOR SELECT * FROM t",
            "DECLARE c CURSOR WITHOUT HOLD FOR SELECT * FROM t",
            "SET CONSTRAINTS ALL DEFERRED",
        ],
    );
    check(
        "writes session_state Pins(HoldCursor)",
        &[
            "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t",
            "DECLARE c NO SCROLL CURSOR WITH HOLD FOR WITH x AS (SELECT 1) SELECT * FROM x",
        ],
    );
    check("writes session_state Pins(Listen)", &["LISTEN a"]);
    check("writes session_state", &["UNLISTEN *", "UNLISTEN a"]);
    check("writes session_state Pins(Load)", &["LOAD 'auto_explain'"]);
    check(
        "writes session_state Pins(Prepare)",
        &[
            "PREPARE p AS SELECT 1",
            "PREPARE p(int) AS INSERT INTO t VALUES ($1)",
            "PREPARE transaction AS SELECT 1",
        ],
    );
    check("writes session_state DeallocateAll", &["DEALLOCATE ALL", "deallocate prepare all"]);
    check(
        "writes session_state Deallocate { name: Some(\"p\") }",
        &["DEALLOCATE p", "deallocate prepare P;", "DEALLOCATE \"p\""],
    );
    check("writes session_state Deallocate { name: Some(\"all\") }", &["DEALLOCATE \"all\""]);
    check("writes session_state Deallocate { name: None }", &["DEALLOCATE p q", "DEALLOCATE"]);
    check("writes session_state DiscardAll", &["DISCARD ALL"]);
    check("writes session_state", &["DISCARD TEMP", "DISCARD PLANS"]);
    check("writes session_state DiscardSequences", &["DISCARD SEQUENCES", "discard Sequences;"]);
    check(
        "writes unknown",
        &["FROBNICATE t", "1", "'a'", "(1)", "{call p()}", "SELECT {fn now()}", "SELECT 1)"],
    );
}

#[test]
fn explain_goes_where_its_statement_goes() {
    check("writes dml", &["EXPLAIN INSERT INTO t VALUES (1)", "EXPLAIN (COSTS off) DELETE FROM t"]);
    check("writes locking_clause", &["EXPLAIN SELECT * FROM t FOR UPDATE"]);
    check("writes advisory_lock", &["EXPLAIN SELECT pg_advisory_lock(1)"]);
    check("writes ddl", &["EXPLAIN CREATE TEMP TABLE t AS SELECT 1"]);
    check("writes utility Execute { name: Some(\"p\") }", &["EXECUTE p", "execute P (1, 'a;b')"]);
    check("writes utility", &["EXPLAIN EXECUTE p", "EXPLAIN DECLARE c CURSOR FOR SELECT 1"]);
    check(
        "writes explain_analyze",
        &[
            "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
            "EXPLAIN ANALYSE DELETE FROM t",
            "EXPLAIN (ANALYZE) DELETE FROM t",
            "EXPLAIN (\"analyze\", BUFFERS) DELETE FROM t",
            "EXPLAIN (COSTS off, ANALYZE false) DELETE FROM t",
            "EXPLAIN ANALYZE VERBOSE SELECT my_function(1)",
            "EXPLAIN ANALYZE WITH x AS (DELETE FROM t RETURNING 1) SELECT 1",
            "EXPLAIN ANALYZE EXECUTE p",
        ],
    );
    check(
        "writes explain_analyze Pins(AdvisoryLock)",
        &["EXPLAIN ANALYZE SELECT pg_advisory_lock(1)"],
    );
    check("writes unknown", &["EXPLAIN", "EXPLAIN EXPLAIN SELECT 1"]);
}

#[test]
fn copy() {
    check("reads CopyOut", &["COPY t TO STDOUT", "copy (table t) to stdout with (format csv)"]);
    check(
        "writes copy_from CopyIn",
        &[
            "COPY t FROM STDIN",
            "COPY s.t (a, b) FROM STDIN WITH (FORMAT csv) WHERE a > 1",
            "COPY t FROM STDOUT",
            "COPY BINARY t FROM STDIN",
        ],
    );
    check(
        "writes copy_from",
        &["COPY t FROM '/x'", "COPY t TO '/x'", "COPY t TO PROGRAM 'x'", "COPY (SELECT 1) TO '/x'"],
    );
    check("writes dml CopyOut", &["COPY (DELETE FROM t RETURNING *) TO STDOUT"]);
    check("writes unknown_function CopyOut", &["COPY (SELECT my_function(1)) TO STDOUT"]);
    check("writes locking_clause CopyOut", &["COPY (SELECT 1 FROM t FOR UPDATE) TO STDOUT"]);
    check("writes session_state CopyOut", &["COPY pg_temp.t TO STDOUT"]);
    check("writes unknown", &["COPY", "COPY t", "COPY (SELECT 1) FROM STDIN"]);
}

#[test]
fn transactions() {
    let begin = |mode: &str, serializable: bool| {
        format!(
            "writes transaction_control Begin {{ read_only: {mode}, serializable: {serializable} }}"
        )
    };
    check(
        &begin("None", false),
        &[
            "BEGIN",
            "begin;",
            "BEGIN WORK",
            "BEGIN TRANSACTION",
            "START TRANSACTION",
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "BEGIN NOT DEFERRABLE",
        ],
    );
    check(
        &begin("Some(true)", false),
        &[
            "BEGIN READ ONLY",
            "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            "begin transaction read write, read only",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY DEFERRABLE",
        ],
    );
    check(&begin("Some(false)", false), &["BEGIN READ WRITE", "BEGIN READ ONLY READ WRITE"]);
    check(&begin("None", true), &["BEGIN ISOLATION LEVEL SERIALIZABLE"]);
    check(
        &begin("Some(true)", true),
        &[
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
            "START TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
        ],
    );
    check(
        "writes transaction_control Commit { chain: false }",
        &["COMMIT", "END", "COMMIT WORK", "END TRANSACTION", "COMMIT AND NO CHAIN"],
    );
    check("writes transaction_control Commit { chain: true }", &["COMMIT AND CHAIN"]);
    check(
        "writes transaction_control Rollback { chain: false }",
        &["ROLLBACK", "ABORT", "ROLLBACK TRANSACTION AND NO CHAIN"],
    );
    check("writes transaction_control Rollback { chain: true }", &["ROLLBACK WORK AND CHAIN"]);
    check(
        "writes transaction_control Savepoint",
        &[
            "SAVEPOINT a",
            "RELEASE a",
            "RELEASE SAVEPOINT a",
            "ROLLBACK TO a",
            "ROLLBACK TRANSACTION TO SAVEPOINT a",
        ],
    );
    check("writes transaction_control PrepareTransaction", &["PREPARE TRANSACTION 'x'"]);
    check("writes transaction_control CommitPrepared", &["COMMIT PREPARED 'x'"]);
    check("writes transaction_control RollbackPrepared", &["ROLLBACK PREPARED 'x'"]);
    check(
        "writes transaction_control SetTransaction",
        &[
            "SET TRANSACTION READ ONLY",
            "SET LOCAL TRANSACTION READ ONLY",
            "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET TRANSACTION SNAPSHOT '1'",
            "SET transaction_isolation = 'serializable'",
            "SET transaction_read_only TO on",
        ],
    );
}

#[test]
fn settings() {
    let set = |name: &str, default: bool| {
        format!("writes session_state Set(Set {{ name: {name:?}, to_default: {default} }})")
    };
    check(
        &set("work_mem", false),
        &["SET work_mem = '4MB'", "set session Work_Mem to 4096", "SET \"work_mem\" = -1"],
    );
    check(&set("work_mem", true), &["SET work_mem TO DEFAULT", "SET work_mem = default;"]);
    check(&set("my.own.thing", false), &["SET my.own.thing = on", "SET My.\"Own\" . Thing TO x"]);
    check(
        &set("search_path", false),
        &["SET search_path TO a, \"b\", 'c'", "SET SCHEMA 'a'", "SET search_path = 'a'"],
    );
    check(
        &set("timezone", false),
        &[
            "SET TIME ZONE 'UTC'",
            "SET TIME ZONE -7",
            "SET TIME ZONE INTERVAL '1' HOUR",
            "SET timezone = 'UTC'",
        ],
    );
    check(&set("timezone", true), &["SET TIME ZONE LOCAL", "SET TIME ZONE DEFAULT"]);
    check(&set("client_encoding", false), &["SET NAMES 'utf8'", "SET client_encoding TO 'UTF8'"]);
    check(&set("client_encoding", true), &["SET NAMES", "SET NAMES DEFAULT"]);
    check(&set("standard_conforming_strings", false), &["SET standard_conforming_strings = off"]);
    check(&set("xmloption", false), &["SET XML OPTION DOCUMENT"]);
    check(&set("application_name", false), &["SET application_name = ''"]);
    check(
        "writes session_state SetLocal",
        &[
            "SET LOCAL work_mem = '4MB'",
            "SET LOCAL TIME ZONE 'UTC'",
            "SET LOCAL ROLE a",
            "SET LOCAL SESSION AUTHORIZATION a",
            "SET LOCAL role = a",
        ],
    );
    check(
        &set("role", false),
        &["SET ROLE a", "SET ROLE NONE", "SET SESSION ROLE a", "SET role = 'a'"],
    );
    check(
        &set("session_authorization", false),
        &["SET SESSION AUTHORIZATION a", "SET session_authorization = a"],
    );
    check(&set("session_authorization", true), &["SET SESSION AUTHORIZATION DEFAULT"]);
    let characteristics = "SET SESSION CHARACTERISTICS AS TRANSACTION";
    check(
        &set("default_transaction_read_only", false),
        &[&format!("{characteristics} READ ONLY"), &format!("{characteristics} READ WRITE")],
    );
    check(
        &set("default_transaction_isolation", false),
        &[&format!("{characteristics} ISOLATION LEVEL REPEATABLE READ")],
    );
    check(
        "writes session_state Pins(Other)",
        &[&format!("{characteristics} READ ONLY, ISOLATION LEVEL SERIALIZABLE"), characteristics],
    );
    check(
        "writes session_state Pins(Other)",
        &[
            "SET",
            "SET work_mem",
            "SET work_mem =",
            "SET work_mem = ,",
            "SET work_mem = a b",
            "SET work_mem = (1)",
            "SET work_mem FROM CURRENT",
            "SET work_mem = DEFAULT, 1",
            "SET = 1",
            "SET a. = 1",
            "SET LOCAL",
            "SET SESSION",
        ],
    );
    check(
        "writes session_state Reset { name: \"work_mem\" }",
        &["RESET work_mem", "reset WORK_MEM"],
    );
    check("writes session_state Reset { name: \"timezone\" }", &["RESET TIME ZONE"]);
    check("writes session_state Reset { name: \"role\" }", &["RESET ROLE"]);
    check(
        "writes session_state Reset { name: \"session_authorization\" }",
        &["RESET SESSION AUTHORIZATION"],
    );
    check("writes session_state ResetAll", &["RESET ALL"]);
    check("writes session_state Pins(Other)", &["RESET", "RESET a b"]);
    check("reads Show", &["SHOW work_mem", "SHOW \"work_mem\"", "SHOW a.b", "SHOW ALL"]);
    check("writes unknown", &["SHOW", "SHOW a b", "SHOW 1"]);
}

#[test]
fn the_proxys_own_settings() {
    let set = |name: &str, value: &str, local: bool| {
        format!(
            "writes proxy_setting Afterwrite(Set {{ name: {name:?}, values: {value}, local: {local} }})"
        )
    };
    check(
        &set("session", "[\"user:42\"]", false),
        &[
            "SET afterwrite.session = 'user:42'",
            "SET SESSION Afterwrite.SESSION TO 'user:42';",
            "set \"afterwrite\".\"session\" = $$user:42$$",
            "SET afterwrite.session = $t$user:42$t$ -- x",
        ],
    );
    check(&set("session", "[\"it's\"]", false), &["SET afterwrite.session = 'it''s'"]);
    check(
        &set("session", "[\"A\\\\b\"]", false),
        &[
            "SET afterwrite.session = 'A\\b'",
            "SET afterwrite.session = E'A\\\\b'",
            "SET afterwrite.session = E'\\x41\\134\\u0062'",
            "SET afterwrite.session = U&'A\\\\\\0062'",
        ],
    );
    check(&set("level", "[\"strong\"]", true), &["SET LOCAL afterwrite.level = STRONG"]);
    check(&set("level", "[\"Strong\"]", false), &["SET afterwrite.level = \"Strong\""]);
    check(&set("level", "[]", false), &["SET afterwrite.level TO DEFAULT"]);
    check(&set("wait_max", "[\"-50\"]", false), &["SET afterwrite.wait_max = -50"]);
    check(
        &set("session", "[\"a\", \"B, c\"]", false),
        &["SET afterwrite.session = A, 'B, c'", "SET afterwrite.session TO 'a' , 'B, c'"],
    );
    check(&set("a.b", "[\"on\"]", false), &["SET afterwrite.a.b = on"]);
    check(
        "writes proxy_setting Afterwrite(Reset { name: \"level\" })",
        &["RESET AFTERWRITE.level"],
    );
    check("writes proxy_setting Afterwrite(Show { name: \"token\" })", &["SHOW afterwrite.token"]);
    check(
        "writes session_state Afterwrite(SetConfig)",
        &[
            "SELECT set_config('afterwrite.session', $1, false)",
            "SELECT pg_catalog.SET_CONFIG('AfterWrite.session', 'a', true)",
            "SELECT set_config(E'afterwrite\\x2esession'::text, 'a', $1), 1",
            "SELECT set_config($$afterwrite.token$$, 'a', false) FROM t",
            "SELECT set_config('a.b', 'c', false), set_config(U&'afterwrite\\002elevel', 'd', true)",
            "SELECT set_config(setting_name => 'afterwrite.session', new_value => 'a', is_local => $1)",
            "SELECT 1 WHERE set_config('afterwrite.session', 'a', false) <> ''",
            "DECLARE c CURSOR FOR SELECT set_config('afterwrite.session', 'a', false)",
        ],
    );
    check(
        "writes explain_analyze Afterwrite(SetConfig)",
        &["EXPLAIN ANALYZE SELECT set_config('afterwrite.session', 'a', false)"],
    );
    check(
        "writes dml Afterwrite(SetConfig)",
        &["INSERT INTO t SELECT set_config('afterwrite.session', 'a', false)"],
    );
    // The server's own, and those that do not run.
    check(
        "writes session_state Pins(SetConfig)",
        &[
            "SELECT set_config('afterwrites.session', 'a', false)",
            "SELECT set_config('app.name', 'afterwrite.session', false)",
            "SELECT set_config($1, $2, false)",
        ],
    );
    check("writes session_state", &["EXPLAIN SELECT set_config('afterwrite.level', 'a', false)"]);
    check("reads", &["SELECT current_setting('afterwrite.session', true)"]);
    check(
        "writes proxy_setting Afterwrite(Malformed)",
        &[
            "SET afterwrite.session",
            "SET afterwrite.session =",
            "SET afterwrite.session = a,",
            "SET afterwrite.session = a b",
            "SET afterwrite.session = a, DEFAULT b",
            "SET afterwrite.session = E'a\\0'",
            "SET afterwrite.session = U&'a' UESCAPE '!'",
            "SET afterwrite.session = X'0a'",
            "SET afterwrite.session = 'a'\n'b'",
            "SET afterwrite.session = -x",
            "SET afterwrite.session FROM CURRENT",
        ],
    );
}

#[test]
fn hostile_texts() {
    check(
        "writes unreadable",
        &[
            "SELECT 'a",
            "SELECT \"a",
            "SELECT $$a",
            "SELECT 1 /* a",
            "SELECT 1 /* /* */",
            "/*",
            "SELECT E'a\\'",
            "SELECT (1",
            "SELECT 'a' || '",
        ],
    );
    // What looks quoted and is not.
    check(
        "writes volatile_function",
        &[
            "SELECT 'a\\', lo_creat(1), ''",
            "SELECT E'a\\\\', lo_creat(1)",
            "SELECT $a$ $b$ $a$, lo_creat(1)",
            "SELECT a$$, lo_creat(1) --$$",
            "SELECT 1 --\r, lo_creat(1)",
            "SELECT 1 /* /* */ */, lo_creat(1)",
            "SELECT 1 +/* */ lo_creat(1)",
            "SELECT E'a'\n'b\\'' , lo_creat(1)",
            "SELECT U&'\\', lo_creat(1)",
            "SELECT \"a\"\"\", lo_creat(1)",
        ],
    );
    // What looks like a call and is quoted.
    check(
        "reads",
        &[
            "SELECT E'a\\', lo_creat(1)'",
            "SELECT E'a'\n'b\\', lo_creat(1)'",
            "SELECT E'a' -- '\n'\\', lo_creat(1)'",
            "SELECT 1 /* /* */ , lo_creat(1) */",
            "SELECT 1 AS \"lo_creat(1)\"",
            "SELECT 1 --, lo_creat(1)",
            "SELECT $a$ $$ , lo_creat(1) $a$",
        ],
    );
    let deep = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    check("reads", &[deep(100).as_str()]);
    check("writes unknown", &[deep(10_000).as_str()]);
    for bytes in [&b"SELECT \xff"[..], b"SELECT 1\0", b"\0", b"SELECT '\xc3'"] {
        let analysis = analyse(bytes);
        assert_eq!(said(&analysis.statements[0]), "writes unreadable");
    }
}

/// What `sql` may do to the session besides its effect, in letters: opaque, moves a sequence,
/// releases, sets something for it.
fn session_use(sql: &str) -> String {
    let analysis = analyse(sql.as_bytes());
    let mut letters = String::new();
    for statement in &analysis.statements {
        for (letter, holds) in [
            ('o', statement.session.opaque),
            ('m', statement.session.moves_sequence),
            ('r', statement.session.releases),
            ('s', statement.session.sets == Sets::Session),
        ] {
            if holds && !letters.contains(letter) {
                letters.push(letter);
            }
        }
    }
    letters
}

#[test]
fn code_that_nobody_has_read_is_told_apart() {
    for sql in [
        "DO $$ BEGIN END $$",
        "CALL p()",
        "SELECT f(1)",
        "SELECT a.lower('x')",
        "SELECT * FROM t WHERE f(a)",
        "UPDATE t SET a = f(a)",
        "UPDATE t SET a = set(1)",
        "DELETE FROM t USING f() WHERE true",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
        "EXECUTE p",
        "EXPLAIN ANALYZE EXECUTE p",
        "CREATE TABLE t AS SELECT f()",
        "DECLARE c CURSOR FOR SELECT f()",
        "COPY (SELECT f()) TO STDOUT",
        "COPY t FROM STDIN WHERE f(a)",
        "SELECT 1 JOIN b ON conflict(a)",
        "FROBNICATE t",
        "SELECT 'a",
    ] {
        assert!(session_use(sql).contains('o'), "{sql}");
    }
    for sql in [
        "SELECT 1",
        "UPDATE pgbench_accounts SET abalance = abalance + 5 WHERE aid = 1",
        "UPDATE t SET (a, b) = (1, 2) WHERE c = lower($1)",
        "DELETE FROM t WHERE a = now()",
        "BEGIN",
        "COMMIT",
        "SET work_mem = '1MB'",
        "LISTEN a",
        "NOTIFY a",
        "FETCH 5 FROM c",
        "LOCK TABLE t",
        "SELECT nextval('s'), pg_advisory_lock(1), txid_current()",
        "SELECT * FROM t WHERE a = 1 FOR UPDATE",
        "TRUNCATE t",
    ] {
        assert!(!session_use(sql).contains('o'), "{sql}");
    }
}

#[test]
fn what_a_block_may_do_to_settings() {
    let sets = |sql: &str| {
        analyse(sql.as_bytes()).statements.iter().map(|it| it.session.sets).max().unwrap()
    };
    for sql in [
        "DO $$ BEGIN PERFORM set_config('a.b', 'c', false); END $$",
        "DO LANGUAGE plpgsql 'BEGIN EXECUTE ''SET search_path TO a''; END'",
        "SELECT 1; DO $x$ BEGIN SET ROLE a; END $x$ LANGUAGE 'plpgsql'",
        "DO $$ plpy.execute('SET a.b = 1') $$ LANGUAGE plpython3u",
    ] {
        assert_eq!(sets(sql), Sets::Session, "{sql}");
        assert!(session_use(sql).contains('s'), "{sql}");
    }
    for sql in ["DO $$ BEGIN UPDATE t SET a = 1; END $$", "UPDATE t SET a = 1", "SET a.b = 1"] {
        assert_eq!(sets(sql), Sets::Nothing, "{sql}");
    }
    let sql = "DO $$ BEGIN PERFORM set_config('a.b', 'c', true); END $$";
    assert_eq!(sets(sql), Sets::Transaction);
    for sql in ["CALL p()", "SELECT f()", "EXECUTE p", "DO x", "FROBNICATE t"] {
        assert_eq!(sets(sql), Sets::Unknown, "{sql}");
    }
}

#[test]
fn what_may_move_a_sequence() {
    for sql in [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t (a, b) VALUES (1, 2) RETURNING id",
        "INSERT INTO s.t (a, b) VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET (a, b) = (1, 2)",
        "INSERT INTO t AS x (a) SELECT 1 ON CONFLICT (a, b) WHERE a > 1 DO NOTHING",
        "WITH x AS (INSERT INTO t (a) VALUES (1) RETURNING a) SELECT a FROM x",
        "COPY t (a, b) FROM STDIN",
        "COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ',') WHERE a > 1",
        "SELECT nextval('s')",
        "SELECT setval('s', 1)",
    ] {
        assert_eq!(session_use(sql), "m", "{sql}");
    }
    assert_eq!(session_use("MERGE INTO t USING u ON true WHEN MATCHED THEN DO NOTHING"), "m");
    assert_eq!(session_use("UPDATE t SET a = 1"), "");
}

#[test]
fn what_may_end_a_pin() {
    for sql in [
        "UNLISTEN *",
        "CLOSE c",
        "CLOSE ALL",
        "DEALLOCATE p",
        "DEALLOCATE ALL",
        "DISCARD ALL",
        "DISCARD TEMP",
        "DISCARD SEQUENCES",
        "DROP TABLE t",
        "SELECT pg_advisory_unlock(1)",
        "SELECT pg_advisory_unlock_all()",
    ] {
        assert_eq!(session_use(sql), "r", "{sql}");
    }
    assert_eq!(session_use("SELECT 1; LISTEN a; UPDATE t SET a = 1"), "");
}
