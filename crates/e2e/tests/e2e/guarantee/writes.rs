//! Every way to write, the hidden ones too: it must be seen at once on the same
//! connection, over a token, and over a key.

use std::time::Duration;

use afterwrite_cluster::Plan;
use tokio_postgres::Client;

use crate::support::{Bed, Checks, connect, number, text, within};

/// Ways to write are hidden in everything that can call a function.
pub(super) const SCHEMA: &str = "
    CREATE TABLE log (n int DEFAULT 0);
    CREATE TABLE arrival (n int);
    CREATE SEQUENCE s;
    CREATE TABLE one (n int); INSERT INTO one VALUES (1);
    CREATE FUNCTION w(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS
        $$ BEGIN INSERT INTO log VALUES (x); RETURN x; END $$;
    CREATE FUNCTION w_sql(x int) RETURNS int LANGUAGE sql AS
        $$ INSERT INTO log VALUES (x) RETURNING n $$;
    CREATE FUNCTION w_stable(x int) RETURNS int LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN w(x); END $$;
    CREATE FUNCTION w_immutable(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN w(x); END $$;
    CREATE FUNCTION w_set(x int) RETURNS SETOF int LANGUAGE sql VOLATILE AS
        $$ INSERT INTO log VALUES (x) RETURNING n $$;
    CREATE FUNCTION w_two(x int, y int) RETURNS boolean LANGUAGE sql VOLATILE AS
        $$ SELECT w(x) = y $$;
    CREATE FUNCTION lower(x text) RETURNS text LANGUAGE sql VOLATILE AS
        $$ SELECT w(1)::text $$;
    CREATE FUNCTION w_state(state int, x int) RETURNS int LANGUAGE sql VOLATILE AS
        $$ SELECT w(x) $$;
    CREATE VIEW v AS SELECT w(n) AS n FROM one;
    CREATE VIEW v_updatable AS SELECT n FROM log;
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = w_two);
    CREATE TYPE hidden AS (n int);
    CREATE FUNCTION w_cast(x int) RETURNS hidden LANGUAGE sql VOLATILE AS
        $$ SELECT ROW(w(x))::hidden $$;
    CREATE CAST (int AS hidden) WITH FUNCTION w_cast(int);
    CREATE DOMAIN guarded AS int CHECK (w(VALUE) IS NOT NULL);
    CREATE AGGREGATE gather (int) (SFUNC = w_state, STYPE = int);
    CREATE FUNCTION on_arrival() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (NEW.n); RETURN NEW; END $$;
    CREATE TRIGGER t AFTER INSERT ON arrival FOR EACH ROW EXECUTE FUNCTION on_arrival();
    CREATE TABLE policed (n int); INSERT INTO policed VALUES (1);
    ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
    ALTER TABLE policed FORCE ROW LEVEL SECURITY;
    CREATE POLICY p ON policed USING (w(n) = 1);
    CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1); END $$;
    CREATE PROCEDURE p_commit() LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (1); COMMIT; END $$;
    CREATE PROCEDURE p_commit_fail() LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO log VALUES (1); COMMIT; RAISE EXCEPTION 'after the commit'; END $$;
";

/// Each adds exactly one row to `log`; errors are part of some.
pub(super) const WAYS: &[&[&str]] = &[
    &["INSERT INTO log VALUES (1)"],
    &["INSERT INTO log VALUES (1) RETURNING n"],
    &["INSERT INTO log SELECT n FROM one"],
    &["INSERT INTO log DEFAULT VALUES"],
    &["/* SELECT */ iNsErT iNtO log VaLuEs (1)"],
    &["-- SELECT 1\nINSERT INTO log VALUES (1)"],
    &["WITH x AS (SELECT 1 AS n) INSERT INTO log SELECT n FROM x"],
    &["WITH x AS (INSERT INTO log VALUES (1) RETURNING n) SELECT n FROM x"],
    &["WITH x AS (INSERT INTO log VALUES (1)) SELECT 1"],
    &["MERGE INTO log USING one ON false WHEN NOT MATCHED THEN INSERT VALUES (one.n)"],
    &["INSERT INTO v_updatable VALUES (1)"],
    &["INSERT INTO arrival VALUES (1)"],
    &["SELECT w(1)"],
    &["SELECT w_sql(1)"],
    &["SELECT public.w(1)"],
    &["SELECT \"w\"(1)"],
    &["SELECT w_stable(1)"],
    &["SELECT w_immutable(n) FROM one"],
    &["SELECT 1 WHERE w(1) = 1"],
    &["SELECT (SELECT w(1))"],
    &["SELECT CASE WHEN true THEN w(1) END"],
    &["(SELECT w(1))"],
    &["SELECT w(1) UNION ALL SELECT 2"],
    &["SELECT * FROM w_set(1)"],
    &["SELECT * FROM one, LATERAL w_set(one.n)"],
    &["SELECT * FROM ROWS FROM (w_set(1))"],
    &["SELECT n FROM one ORDER BY w(n)"],
    &["SELECT count(*) FROM one GROUP BY w(n)"],
    &["SELECT count(*) FROM one HAVING w(1) = 1"],
    &["SELECT n FROM one LIMIT w(1)"],
    &["VALUES (w(1))"],
    &["TABLE v"],
    &["SELECT n FROM v"],
    &["SELECT 1 === 2"],
    &["SELECT 1 OPERATOR(public.===) 2"],
    &["SELECT 1::hidden"],
    &["SELECT CAST(1 AS hidden)"],
    &["SELECT 1::guarded"],
    &["SELECT gather(n) FROM one"],
    &["SELECT gather(n) OVER () FROM one"],
    &["SELECT public.lower('x')"],
    &["SELECT n FROM policed"],
    &["EXPLAIN ANALYZE SELECT w(1)"],
    &["EXPLAIN (ANALYZE, COSTS off) INSERT INTO log VALUES (1)"],
    &["DO $$ BEGIN INSERT INTO log VALUES (1); END $$"],
    &["DO $$ BEGIN INSERT INTO log VALUES (1); COMMIT; RAISE EXCEPTION 'late'; END $$"],
    &["CALL p()"],
    &["CALL p_commit()"],
    &["CALL p_commit_fail()"],
    &["COPY (SELECT w(1)) TO STDOUT"],
    &["COPY (INSERT INTO log VALUES (1) RETURNING n) TO STDOUT"],
    &["BEGIN", "INSERT INTO log VALUES (1)", "COMMIT"],
    &["START TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT w(1)", "END"],
    &["BEGIN", "SELECT count(*) FROM log", "INSERT INTO log VALUES (1)", "COMMIT"],
    &["BEGIN", "INSERT INTO log VALUES (1)", "COMMIT AND CHAIN", "SELECT 1/0", "ROLLBACK"],
    &[
        "BEGIN",
        "SAVEPOINT a",
        "SELECT 1/0",
        "ROLLBACK TO a",
        "INSERT INTO log VALUES (1)",
        "COMMIT",
    ],
    &["BEGIN", "INSERT INTO log VALUES (1)", "PREPARE TRANSACTION 'gid'", "COMMIT PREPARED 'gid'"],
    &["BEGIN", "DECLARE c CURSOR FOR SELECT w(1)", "FETCH c", "COMMIT"],
    &["PREPARE x AS INSERT INTO log VALUES (1)", "EXECUTE x", "DEALLOCATE x"],
    &["PREPARE x AS SELECT w(1)", "EXECUTE x", "DEALLOCATE x"],
    &["SET search_path = public, pg_catalog", "SELECT lower('x')", "RESET search_path"],
    &["SET synchronous_commit = off", "INSERT INTO log VALUES (1)", "RESET synchronous_commit"],
    &["BEGIN", "SET LOCAL synchronous_commit = off", "INSERT INTO log VALUES (1)", "COMMIT"],
    &[
        "SET standard_conforming_strings = off",
        "SELECT '\\'; INSERT INTO log VALUES (2); --'",
        "INSERT INTO log VALUES (1)",
        "RESET standard_conforming_strings",
    ],
    &["UPDATE log SET n = n", "INSERT INTO log VALUES (1)"],
];

/// Several statements in one string, for the simple protocol alone.
const STRINGS: &[&str] = &[
    "INSERT INTO log VALUES (1); SELECT 1",
    "SELECT 1; INSERT INTO log VALUES (1)",
    "SELECT 1; SELECT w(1); SELECT 2",
    ";;INSERT INTO log VALUES (1);",
    "BEGIN; INSERT INTO log VALUES (1); COMMIT",
    "BEGIN; INSERT INTO log VALUES (1); COMMIT; SELECT 1/0",
    "BEGIN; SET LOCAL synchronous_commit = off; INSERT INTO log VALUES (1); COMMIT",
    "INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (2); SELECT 1/0",
    "BEGIN READ ONLY; SELECT 1; COMMIT; INSERT INTO log VALUES (1)",
    "SELECT E'\\'; INSERT INTO log VALUES (2); --'; INSERT INTO log VALUES (1)",
    "SELECT $x$; $x$; INSERT INTO log VALUES (1)",
];

/// What changes something else than the rows of `log`: the writes, a read, its answer.
const OTHERS: &[(&[&str], &str, i64)] = &[
    (&["SELECT n AS m INTO made_1 FROM one"], "SELECT count(*) FROM made_1", 1),
    (&["SELECT * INTO TABLE made_2 FROM one"], "SELECT m FROM (SELECT n AS m FROM made_2) x", 1),
    (&["CREATE TABLE made_3 AS SELECT 1 AS n"], "SELECT count(*) FROM made_3", 1),
    (&["CREATE TABLE made_4 (n int)"], "SELECT count(*) FROM made_4", 0),
    (&["CREATE MATERIALIZED VIEW made_5 AS SELECT n FROM one"], "SELECT count(*) FROM made_5", 1),
    (&["UPDATE one SET n = 5"], "SELECT n FROM one", 5),
    (&["REFRESH MATERIALIZED VIEW made_5"], "SELECT n FROM made_5", 5),
    (&["UPDATE one SET n = 1"], "SELECT n FROM one", 1),
    (&["CREATE VIEW made_6 AS SELECT 6 AS n"], "SELECT n FROM made_6", 6),
    (&["ALTER TABLE made_4 ADD m int DEFAULT 4"], "SELECT count(m) FROM made_4", 0),
    (&["SELECT setval('s', 77)"], "SELECT last_value FROM s", 77),
    (&["INSERT INTO made_4 VALUES (1)", "TRUNCATE made_4"], "SELECT count(*) FROM made_4", 0),
    (&["INSERT INTO made_4 VALUES (1)", "DELETE FROM made_4"], "SELECT count(*) FROM made_4", 0),
    (
        &["SELECT lo_create(4711)"],
        "SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 4711",
        1,
    ),
    (
        &["SELECT lo_unlink(4711)"],
        "SELECT count(*) FROM pg_largeobject_metadata WHERE oid = 4711",
        0,
    ),
    (
        &["COMMENT ON TABLE log IS 'x'"],
        "SELECT count(*) FROM pg_description WHERE objoid = 'log'::regclass",
        1,
    ),
    (&["CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 8'"], "SELECT f()", 8),
    (&["DROP FUNCTION f()"], "SELECT count(*) FROM pg_proc WHERE proname = 'f'", 0),
    (&["DROP TABLE made_1"], "SELECT count(*) FROM pg_class WHERE relname = 'made_1'", 0),
];

/// A writer, and two others that have only its token and its key.
struct Session {
    writer: Client,
    by_token: Client,
    by_key: Option<Client>,
    token: String,
    /// How many rows `log` has.
    rows: i64,
}

impl Session {
    async fn open(bed: &Bed, key: Option<&str>) -> Self {
        let url = bed.proxy.url();
        let [writer, by_token] = [connect(&url).await, connect(&url).await];
        let mut by_key = None;
        if let Some(key) = key {
            let set = format!("SET afterwrite.session = '{key}'");
            writer.batch_execute(&set).await.unwrap();
            let other = connect(&url).await;
            other.batch_execute(&set).await.unwrap();
            by_key = Some(other);
        }
        let rows = number(&connect(&bed.direct()).await, "SELECT count(*) FROM log").await;
        Self { writer, by_token, by_key, token: String::new(), rows }
    }

    /// Everybody sees `expected`, at once.
    async fn see(&mut self, read: &str, expected: i64) {
        assert_eq!(number(&self.writer, read).await, expected, "on the same connection");
        let row = within(read, self.writer.query_one(read, &[])).await.unwrap();
        let seen = row.try_get::<_, i64>(0).unwrap_or_else(|_| row.get::<_, i32>(0).into());
        assert_eq!(seen, expected, "on the same connection, by the extended protocol");
        self.writer.batch_execute("BEGIN READ ONLY").await.unwrap();
        assert_eq!(number(&self.writer, read).await, expected, "in a read-only transaction");
        self.writer.batch_execute("COMMIT").await.unwrap();

        let token = text(&self.writer, "SHOW afterwrite.token").await;
        assert!(!token.is_empty(), "no token");
        assert_ne!(token, self.token, "the token did not move");
        let set = format!("SET afterwrite.token = '{token}'");
        self.by_token.batch_execute(&set).await.unwrap();
        assert_eq!(number(&self.by_token, read).await, expected, "by the token");
        self.token = token;
        if let Some(by_key) = &self.by_key {
            assert_eq!(number(by_key, read).await, expected, "by the key");
        }
    }

    /// Runs the steps, whatever comes of them.
    async fn write(&self, steps: &[&str], extended: bool) {
        for step in steps {
            if extended {
                let _ = within(step, self.writer.query(*step, &[])).await;
            } else {
                let _ = within(step, self.writer.simple_query(step)).await;
            }
        }
    }

    async fn one_more_row(&mut self, steps: &[&str], extended: bool) {
        self.rows += 1;
        self.write(steps, extended).await;
        self.see("SELECT count(*) FROM log", self.rows).await;
    }
}

/// One check; after a failure the next begins with new connections.
async fn run(
    bed: &Bed,
    checks: &mut Checks,
    name: &str,
    key: Option<&str>,
    session: &mut Session,
    check: impl AsyncFnOnce(&mut Session),
) {
    if !checks.run(name, check(session)).await {
        *session = Session::open(bed, key).await;
    }
}

async fn every_way(bed: &Bed, checks: &mut Checks, name: &str) {
    for (extended, key) in [(false, None), (true, Some("user:1"))] {
        let how = if extended { "extended" } else { "simple" };
        let mut session = Session::open(bed, key).await;
        for steps in WAYS {
            // COPY TO gives no rows to a driver's query.
            if extended && steps[0].starts_with("COPY") {
                continue;
            }
            let label = format!("{name}, {how}: {}", steps.join("; "));
            let check = async |session: &mut Session| session.one_more_row(steps, extended).await;
            run(bed, checks, &label, key, &mut session, check).await;
        }
        for string in STRINGS.iter().filter(|_| !extended) {
            let label = format!("{name}, {how}: {string}");
            let check = async |session: &mut Session| session.one_more_row(&[string], false).await;
            run(bed, checks, &label, key, &mut session, check).await;
        }
        let label = format!("{name}, {how}: COPY FROM");
        run(bed, checks, &label, key, &mut session, copy_from).await;
        for (steps, read, expected) in OTHERS {
            let label = format!("{name}, {how}: {}", steps.join("; "));
            let check = async |session: &mut Session| {
                session.write(steps, extended).await;
                session.see(read, *expected).await;
            };
            run(bed, checks, &label, key, &mut session, check).await;
        }
        bed.prepare("DROP MATERIALIZED VIEW made_5; DROP VIEW made_6; DROP TABLE made_2, made_3, made_4; COMMENT ON TABLE log IS NULL").await;
    }
}

async fn copy_from(session: &mut Session) {
    use futures_util::SinkExt;
    for table in ["log", "arrival"] {
        let sink = session.writer.copy_in(&format!("COPY {table} FROM STDIN")).await.unwrap();
        futures_util::pin_mut!(sink);
        sink.send(bytes::Bytes::from("1\n")).await.unwrap();
        assert_eq!(sink.finish().await.unwrap(), 1);
        session.rows += 1;
        session.see("SELECT count(*) FROM log", session.rows).await;
    }
}

#[tokio::test]
async fn every_way_to_write_is_seen_at_once() {
    let bed = Bed::start(&[]).await;
    bed.prepare(SCHEMA).await;
    let mut checks = Checks::default();
    every_way(&bed, &mut checks, "natural lag").await;
    let replicas = bed.proxy.metrics().await;
    let share = replicas.reads_on(1) + replicas.reads_on(2);
    checks.that("replicas took a part", share > 20.0, &format!("{replicas:?}"));
}

#[tokio::test]
async fn every_way_to_write_is_seen_at_once_with_lagging_replicas() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(200); 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare(SCHEMA).await;
    let mut checks = Checks::default();
    every_way(&bed, &mut checks, "200 ms behind").await;
}
