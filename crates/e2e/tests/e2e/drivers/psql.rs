//! `psql`: each script runs directly and through the proxy, in a schema of its own,
//! and prints the same.

use crate::support::{Bed, Certificates, Checks, Ran, psql, run};

/// `@@` stands for a name of the same length in both runs.
const SCRIPTS: &[(&str, &str)] = &[
    (
        "statements",
        "CREATE TABLE t (id int PRIMARY KEY, name text);
         INSERT INTO t VALUES (1, 'one'), (2, 'two') RETURNING id, name;
         SELECT * FROM t ORDER BY id;
         UPDATE t SET name = upper(name) WHERE id = 2 RETURNING *;
         DELETE FROM t WHERE id = 1;
         SELECT count(*) FROM t;
         TABLE t;
         VALUES (1), (2);
         EXPLAIN (COSTS off) SELECT * FROM t WHERE id = 2;
         SELECT NULL, '', true, 1.5::numeric, '2024-02-29'::date, '{1,2}'::int[];",
    ),
    (
        "catalog",
        "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x');
         CREATE INDEX by_name ON t (name);
         CREATE VIEW v AS SELECT name FROM t;
         CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
         \\d t
         \\d+ v
         \\dt @@.*
         \\di @@.*
         \\df @@.*
         \\sf f
         \\dn @@
         \\encoding
         \\l app",
    ),
    (
        "copy",
        "CREATE TABLE t (id int, name text);
         \\copy t from stdin csv
1,one
2,\"two, three\"
\\.
         COPY t FROM stdin;
3\tthree
4\t\\N
\\.
         SELECT * FROM t ORDER BY id;
         \\copy (SELECT * FROM t ORDER BY id) to stdout csv header
         COPY t TO stdout;
         COPY t FROM stdin;
nonsense
\\.
         SELECT count(*) FROM t;
         COPY nothing_there TO stdout;
         SELECT 'after';",
    ),
    (
        "errors",
        "SELEC 1;
         SELECT 1/0;
         CREATE TABLE t (id int PRIMARY KEY);
         INSERT INTO t VALUES (1);
         INSERT INTO t VALUES (1);
         SELECT * FROM missing;
         SELECT missing FROM t;
         SELECT count(*) FROM t;
         BEGIN;
         INSERT INTO t VALUES (2);
         SELECT 1/0;
         SELECT count(*) FROM t;
         COMMIT;
         SELECT count(*) FROM t;
         DO $$ BEGIN RAISE EXCEPTION 'mine' USING ERRCODE = 'AW001', DETAIL = 'd', HINT = 'h'; END $$;
         COMMIT;
         ROLLBACK;",
    ),
    (
        "transactions",
        "CREATE TABLE t (id int);
         BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2);
         SELECT 1/0; ROLLBACK TO a; SELECT count(*) FROM t; COMMIT; SELECT count(*) FROM t;
         BEGIN ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation; COMMIT AND CHAIN;
         SHOW transaction_isolation; ROLLBACK;
         BEGIN READ ONLY; INSERT INTO t VALUES (3); ROLLBACK;
         START TRANSACTION READ ONLY; SELECT count(*) FROM t; END;
         BEGIN; SET LOCAL statement_timeout = '7s'; SHOW statement_timeout; ROLLBACK;
         SHOW statement_timeout;
         BEGIN; INSERT INTO t VALUES (9); PREPARE TRANSACTION 'p_@@';
         COMMIT PREPARED 'p_@@'; SELECT count(*) FROM t;",
    ),
    (
        "several statements in one query",
        "CREATE TABLE t (id int);
         SELECT 1\\; SELECT 2\\; SELECT 3;
         INSERT INTO t VALUES (1)\\; INSERT INTO t VALUES (2)\\; SELECT 1/0\\; SELECT 4;
         SELECT count(*) FROM t;
         BEGIN\\; INSERT INTO t VALUES (1)\\; COMMIT\\; SELECT 1/0;
         SELECT count(*) FROM t;
         ;
         SELECT 5\\;\\;SELECT 6;",
    ),
    (
        "notices",
        "DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'careful'; END $$;
         DROP TABLE IF EXISTS nothing_here;
         SET client_min_messages = 'error';
         DO $$ BEGIN RAISE NOTICE 'not shown'; END $$;
         RESET client_min_messages;
         DO $$ BEGIN RAISE NOTICE 'shown'; END $$;",
    ),
    (
        "settings",
        "SET statement_timeout = '5s'; SHOW statement_timeout; SELECT current_setting('statement_timeout');
         SET TimeZone = 'Asia/Tokyo'; SELECT '2024-01-01 00:00+00'::timestamptz;
         SET DateStyle = 'German'; SELECT '2024-01-31'::date;
         SET client_encoding = 'LATIN1'; SHOW client_encoding; RESET client_encoding;
         SELECT set_config('work_mem', '5MB', false); SHOW work_mem;
         SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ;
         SHOW default_transaction_isolation;
         SET my.own = 'x'; SELECT current_setting('my.own'); SHOW my.own;
         SET extra_float_digits = 0; SELECT 0.1::float8 + 0.2::float8;
         RESET ALL; SHOW statement_timeout; SHOW work_mem;
         SET search_path = pg_catalog; SHOW search_path; SELECT count(*) FROM pg_am WHERE amname = 'heap';
         SET nonsense = 1; SHOW nonsense; SET statement_timeout = 'soon';",
    ),
    (
        "a read-only session",
        "CREATE TABLE t (id int);
         SET default_transaction_read_only = on; INSERT INTO t VALUES (1);
         SHOW transaction_read_only; SET default_transaction_read_only = off;
         INSERT INTO t VALUES (1); SHOW transaction_read_only; SELECT count(*) FROM t;",
    ),
    (
        "sequences",
        "CREATE SEQUENCE s; SELECT nextval('s'); SELECT nextval('s'); SELECT currval('s');
         SELECT lastval(); SELECT setval('s', 40); SELECT nextval('s');
         CREATE TABLE t (id serial, x int); INSERT INTO t (x) VALUES (1); SELECT lastval();",
    ),
    (
        "temporary tables",
        "CREATE TEMP TABLE tmp (id int); INSERT INTO tmp VALUES (1), (2);
         SELECT count(*) FROM tmp; SELECT count(*) FROM pg_temp.tmp; DROP TABLE tmp; SELECT count(*) FROM tmp;",
    ),
    (
        "cursors",
        "CREATE TABLE t AS SELECT generate_series(1, 10) AS id;
         BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; FETCH 3 FROM c; FETCH 2 FROM c; CLOSE c; COMMIT;
         DECLARE h CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id; FETCH 2 FROM h; FETCH 2 FROM h; CLOSE h;
         \\set FETCH_COUNT 3
         SELECT id FROM t ORDER BY id;",
    ),
    (
        "advisory locks",
        "SELECT pg_advisory_lock(hashtext('@@')); SELECT pg_try_advisory_lock(hashtext('@@'));
         SELECT pg_advisory_unlock(hashtext('@@')); SELECT pg_advisory_unlock(hashtext('@@'));
         SELECT pg_advisory_unlock(hashtext('@@'));",
    ),
    (
        "prepared by SQL",
        "CREATE TABLE t (id int);
         PREPARE w(int) AS INSERT INTO t VALUES ($1); EXECUTE w(1); EXECUTE w(2);
         PREPARE r AS SELECT count(*) FROM t; EXECUTE r; EXECUTE r;
         PREPARE r AS SELECT 1; SELECT name FROM pg_prepared_statements WHERE from_sql ORDER BY name;
         DEALLOCATE r; EXECUTE r; EXECUTE w(3); DEALLOCATE ALL; EXECUTE w(4); SELECT count(*) FROM t;",
    ),
    (
        "variables and meta-commands",
        "SELECT 1 AS one, 2 AS two \\gset\n\\echo :one :two\nSELECT 1 AS a \\gdesc\n\
         SELECT 'x' AS c \\gx\nSELECT format('SELECT %s', n) FROM generate_series(1, 2) n \\gexec\n\
         \\if true\n\\echo yes\n\\endif\n\\errverbose\nSELECT 1/0;\n\\echo :SQLSTATE :ERROR",
    ),
    (
        "roles",
        "SELECT current_user, session_user; SET ROLE app; SELECT current_user; RESET ROLE;
         SET SESSION AUTHORIZATION app; SELECT current_user; RESET SESSION AUTHORIZATION;
         SET ROLE nobody_there;",
    ),
    (
        "listen and notify",
        "LISTEN e2e_@@; NOTIFY e2e_@@, 'one'; SELECT 1; UNLISTEN *; NOTIFY e2e_@@, 'two'; SELECT 2;",
    ),
    (
        "many values and long text",
        "SELECT length(repeat('x', 1000000)); SELECT md5(string_agg(n::text, ',')) FROM generate_series(1, 100000) n;
         SELECT generate_series(1, 2000);",
    ),
];

fn run_script(url: &str, schema: &str, script: &str) -> Ran {
    let script =
        format!("CREATE SCHEMA @@; SET search_path = @@;\n{script}\n").replace("@@", schema);
    let ran = psql(url, &script);
    // A process's number is its own.
    let plain = |text: &str| {
        let text = text.replace(schema, "@@");
        let mut lines: Vec<&str> = text.lines().collect();
        for line in &mut lines {
            *line = line.split(" received from server process").next().unwrap_or_default();
        }
        lines.join("\n")
    };
    Ran { code: ran.code, out: plain(&ran.out), err: plain(&ran.err) }
}

#[tokio::test]
async fn psql_works_as_directly() {
    let bed = Bed::start(&[]).await;
    let certificates = Certificates::make(&bed.cluster);
    let encrypts = certificates.proxy();
    let encrypts = bed.another(&encrypts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let encrypted = certificates.verified(&encrypts.url());
    let mut checks = Checks::default();
    for (name, script) in SCRIPTS {
        let direct = run_script(&bed.direct(), "via_a", script);
        let proxied = run_script(&bed.proxy.url(), "via_b", script);
        let why = format!("directly:\n{direct:#?}\nthrough the proxy:\n{proxied:#?}");
        checks.that(name, direct == proxied, &why);
        let over_tls = run_script(&encrypted, "via_c", script);
        let why = format!("directly:\n{direct:#?}\nthrough the proxy:\n{over_tls:#?}");
        checks.that(&format!("{name}, over TLS"), direct == over_tls, &why);
        let clean = "DROP SCHEMA IF EXISTS via_a, via_b, via_c CASCADE";
        psql(&bed.direct(), clean).ok();
    }
    for args in [
        &["-c", "SELECT 1; SELECT 2; SELECT 1/0; SELECT 3"][..],
        &["-1", "-c", "CREATE TABLE via_c (id int)", "-c", "SELECT 1/0"],
        &["-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0"],
        &["-At", "-c", "SHOW server_version", "-c", "SHOW server_encoding"],
        &["-l"],
    ] {
        let ask = |url: &str| run("psql", &[&["-X", "-w", "-d", url][..], args].concat(), "");
        let direct = ask(&bed.direct());
        for (how, url) in [("clear", bed.proxy.url()), ("TLS", encrypted.clone())] {
            let proxied = ask(&url);
            let why = format!("directly:\n{direct:#?}\nthrough the proxy:\n{proxied:#?}");
            checks.that(&format!("psql {args:?}, {how}"), direct == proxied, &why);
        }
    }
    let connected = psql(&encrypted, "\\conninfo").ok();
    checks.that("it is encrypted", connected.contains("SSL connection"), &connected);
    let clear = psql(&format!("{}?sslmode=disable", encrypts.url()), "SELECT 1");
    checks.that("clear text is refused", clear.code != Some(0), &format!("{clear:?}"));
}
