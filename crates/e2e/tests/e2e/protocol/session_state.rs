//! State of a session works through the proxy as it works directly.

use crate::support::{Bed, Checks, connect};

use super::transcripts::{Step, bind, compare, execute, one, parse, queries, query, run, sync};

fn two_phase() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "two-phase: committed",
            queries(&[
                "BEGIN",
                "INSERT INTO t VALUES (1)",
                "PREPARE TRANSACTION 'e2e'",
                "SELECT count(*) FROM t",
                "COMMIT PREPARED 'e2e'",
                "SELECT count(*) FROM t",
            ]),
        ),
        (
            "two-phase: rolled back",
            queries(&[
                "BEGIN",
                "INSERT INTO t VALUES (1)",
                "PREPARE TRANSACTION 'e2e'",
                "ROLLBACK PREPARED 'e2e'",
                "SELECT count(*) FROM t",
            ]),
        ),
        (
            "two-phase: extended",
            vec![
                ([run("BEGIN", &[]), run("INSERT INTO t VALUES (1)", &[]), sync()].concat(), "Z"),
                ([run("PREPARE TRANSACTION 'e2e'", &[]), sync()].concat(), "Z"),
                ([run("COMMIT PREPARED 'e2e'", &[]), sync()].concat(), "Z"),
                ([run("SELECT count(*) FROM t", &[]), sync()].concat(), "Z"),
            ],
        ),
        (
            "two-phase: unknown, and outside of a transaction",
            queries(&[
                "COMMIT PREPARED 'nobody'",
                "ROLLBACK PREPARED 'nobody'",
                "PREPARE TRANSACTION 'e2e'",
                "SELECT 1",
            ]),
        ),
        (
            "two-phase: a failed transaction",
            queries(&[
                "BEGIN",
                "SELECT 1/0",
                "PREPARE TRANSACTION 'e2e'",
                "SELECT count(*) FROM pg_prepared_xacts",
            ]),
        ),
        (
            "two-phase: settings stay",
            queries(&[
                "BEGIN",
                "SET statement_timeout = '7s'",
                "SET LOCAL lock_timeout = '7s'",
                "PREPARE TRANSACTION 'e2e'",
                "SHOW statement_timeout",
                "SHOW lock_timeout",
                "SELECT current_setting('statement_timeout')",
                "ROLLBACK PREPARED 'e2e'",
            ]),
        ),
    ]
}

fn settings() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "settings: SET LOCAL",
            queries(&[
                "SET LOCAL statement_timeout = '3s'",
                "SHOW statement_timeout",
                "BEGIN",
                "SET LOCAL statement_timeout = '3s'",
                "SAVEPOINT a",
                "SET LOCAL statement_timeout = '4s'",
                "ROLLBACK TO a",
                "SHOW statement_timeout",
                "COMMIT",
                "SELECT current_setting('statement_timeout')",
            ]),
        ),
        (
            "settings: search_path and timezone",
            queries(&[
                "SET search_path = pg_catalog",
                "SELECT current_schemas(false)",
                "SET search_path TO public, pg_catalog",
                "SELECT current_schemas(false)",
                "SET TIME ZONE 'Asia/Tokyo'",
                "SELECT '2026-01-01 00:00Z'::timestamptz",
                "SET TIME ZONE LOCAL",
                "SHOW timezone",
                "RESET search_path",
                "SELECT current_schemas(false)",
            ]),
        ),
        (
            "settings: several at once",
            queries(&[
                "SET statement_timeout = '7s'; SET lock_timeout = '8s'",
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')",
                "INSERT INTO t VALUES (1)",
                "SHOW lock_timeout",
                "RESET ALL",
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')",
            ]),
        ),
        (
            "settings: characteristics",
            queries(&[
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "SHOW transaction_isolation",
                "SELECT current_setting('transaction_isolation')",
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                "INSERT INTO t VALUES (1)",
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE, ISOLATION LEVEL READ COMMITTED",
                "INSERT INTO t VALUES (1)",
                "SHOW transaction_isolation",
            ]),
        ),
        (
            "settings: roles",
            queries(&[
                "SET ROLE clerk",
                "SELECT current_user, session_user",
                "RESET ALL",
                "SELECT current_user, session_user",
                "INSERT INTO t VALUES (1)",
                "RESET ROLE",
                "INSERT INTO t VALUES (1)",
                "SET SESSION AUTHORIZATION clerk",
                "SELECT current_user, session_user",
                "SET ROLE NONE",
                "SELECT current_user, session_user",
                "RESET SESSION AUTHORIZATION",
                "SELECT current_user, session_user",
                "BEGIN",
                "SET ROLE clerk",
                "ROLLBACK",
                "SELECT current_user",
                "BEGIN",
                "SET LOCAL ROLE clerk",
                "SELECT current_user",
                "COMMIT",
                "SELECT current_user",
                "SET ROLE nobody_of_this_name",
                "SELECT current_user",
                "SET ROLE clerk",
                "DISCARD ALL",
                "SELECT current_user",
            ]),
        ),
    ]
}

fn left_behind() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        (
            "state: DISCARD",
            queries(&[
                "CREATE TEMP TABLE x AS SELECT 1 AS a",
                "DISCARD PLANS",
                "SELECT a + 0 FROM x",
                "DISCARD TEMP",
                "SELECT a + 0 FROM x",
                "PREPARE p AS SELECT 1",
                "DISCARD ALL",
                "EXECUTE p",
                "BEGIN",
                "DISCARD ALL",
                "ROLLBACK",
            ]),
        ),
        (
            "state: a cursor WITH HOLD",
            queries(&[
                "BEGIN",
                "DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5)",
                "FETCH 2 FROM c",
                "COMMIT",
                "FETCH 2 FROM c",
                "INSERT INTO t VALUES (1)",
                "SELECT count(*) FROM t",
                "CLOSE c",
                "FETCH 2 FROM c",
            ]),
        ),
        (
            "state: sequences",
            queries(&[
                "CREATE TEMP SEQUENCE s",
                "SELECT currval('s')",
                "SELECT lastval()",
                "SELECT nextval('s')",
                "SELECT currval('s'), lastval()",
                "DISCARD SEQUENCES",
                "SELECT currval('s')",
                "DROP SEQUENCE s",
            ]),
        ),
        (
            "state: temporary tables in transactions",
            queries(&[
                "BEGIN",
                "CREATE TEMP TABLE x (a int) ON COMMIT DROP",
                "INSERT INTO x VALUES (1)",
                "SELECT a + 0 FROM x",
                "COMMIT",
                "SELECT a + 0 FROM x",
                "CREATE TEMP TABLE x (a int) ON COMMIT DELETE ROWS",
                "INSERT INTO x VALUES (1)",
                "SELECT count(*) FROM x",
                "DROP TABLE x",
            ]),
        ),
        (
            "state: advisory locks",
            queries(&[
                "SELECT pg_advisory_unlock(5)",
                "SELECT pg_advisory_lock(5)",
                "SELECT pg_advisory_lock(5)",
                "SELECT pg_advisory_unlock(5)",
                "SELECT pg_advisory_unlock(5)",
                "SELECT pg_advisory_unlock(5)",
            ]),
        ),
    ]
}

/// What the proxy refuses itself counts as if the server had.
fn refused() -> Vec<(&'static str, Vec<Step>)> {
    let again = [parse("s", "SELECT 2"), bind("", "s", &[]), execute("", 0), sync()].concat();
    let prepare = [parse("s", "SELECT 1"), sync()].concat();
    vec![
        (
            "refused: in a transaction",
            vec![
                (prepare.clone(), "Z"),
                (query("BEGIN"), "Z"),
                (query("INSERT INTO t VALUES (1)"), "Z"),
                (again.clone(), "Z"),
                (query("SELECT 1"), "Z"),
                (query("COMMIT"), "Z"),
                (query("SELECT count(*) FROM t"), "Z"),
            ],
        ),
        (
            "refused: behind a write in one batch",
            [
                vec![(prepare, "Z")],
                one(&[run("INSERT INTO t VALUES (1)", &[]), again]),
                queries(&["SELECT count(*) FROM t"]),
            ]
            .concat(),
        ),
        (
            "refused: an unnamed statement that is not there",
            vec![
                ([bind("", "", &[]), execute("", 0), sync()].concat(), "Z"),
                (query("BEGIN"), "Z"),
                ([bind("", "", &[]), execute("", 0), sync()].concat(), "Z"),
                (query("SELECT 1"), "Z"),
                (query("COMMIT"), "Z"),
            ],
        ),
    ]
}

#[tokio::test]
async fn session_state_is_that_of_postgresql() {
    let bed = Bed::start(&["--set", "pool.size=2"]).await;
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    admin.batch_execute("CREATE ROLE clerk; ALTER ROLE app SUPERUSER").await.unwrap();
    let cases = [two_phase(), settings(), left_behind(), refused()].concat();
    compare(&bed, &mut Checks::default(), cases).await;
}
