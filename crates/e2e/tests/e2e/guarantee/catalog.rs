//! What the catalog of the real database says of functions, views and tables decides where a
//! statement runs; a change of the schema counts at once.

use std::time::Duration;

use tokio_postgres::Client;

use crate::support::{Bed, Checks, connect, eventually, number, text};

const SCHEMA: &str = "
    CREATE TABLE t (id int PRIMARY KEY, v int);
    INSERT INTO t SELECT n, n FROM generate_series(1, 10) n;
    CREATE TABLE log (what text);
    CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(v) FROM t';
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
    CREATE FUNCTION careless() RETURNS bigint LANGUAGE sql AS 'SELECT sum(v) FROM t';
    CREATE FUNCTION noted(int) RETURNS int LANGUAGE sql AS
        'INSERT INTO log VALUES (''noted'') RETURNING $1';
    CREATE FUNCTION marks() RETURNS text LANGUAGE plpgsql STABLE AS
        $$ BEGIN PERFORM set_config('my.mark', 'x', false); RETURN 'x'; END $$;
    CREATE VIEW plain AS SELECT id, v FROM t;
    CREATE VIEW deep AS SELECT id, twice(v) AS v FROM plain;
    CREATE VIEW noting AS SELECT noted(id) AS id FROM t;
    CREATE UNLOGGED TABLE scratch (id int);
    CREATE SCHEMA one; CREATE SCHEMA two;
    CREATE FUNCTION one.f() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
    CREATE FUNCTION two.f() RETURNS int LANGUAGE sql AS
        'INSERT INTO public.log VALUES (''two'') RETURNING 2';
    GRANT USAGE ON SCHEMA one, two TO PUBLIC;
    CREATE SEQUENCE tickets;
    CREATE FUNCTION latest() RETURNS bigint LANGUAGE sql STABLE AS
        'SELECT last_value FROM tickets';
    CREATE FUNCTION busy() RETURNS bigint LANGUAGE sql STABLE AS
        'SELECT count(*) FROM pg_stat_activity';
    CREATE FUNCTION by_view() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(id) FROM noting';
    CREATE FUNCTION marks(int, int) RETURNS int LANGUAGE plpgsql STABLE AS
        $$ BEGIN PERFORM set_config('my.mark', 'x', false); RETURN $1 + $2; END $$;
    CREATE AGGREGATE marked(int) (sfunc = marks, stype = int, initcond = 0);
    CREATE OPERATOR +# (leftarg = int, rightarg = int, function = marks);
    CREATE TYPE box2 AS (a int);
    CREATE FUNCTION marks(box2) RETURNS int LANGUAGE plpgsql STABLE AS
        $$ BEGIN PERFORM pg_advisory_lock_shared(4242); RETURN 1; END $$;
    CREATE CAST (box2 AS int) WITH FUNCTION marks(box2);
    CREATE FUNCTION marks(int) RETURNS boolean LANGUAGE plpgsql STABLE AS
        $$ BEGIN PERFORM pg_advisory_lock_shared(4242); RETURN true; END $$;
    CREATE DOMAIN marked_int AS int CHECK (marks(VALUE));
    CREATE FUNCTION hides() RETURNS bigint LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN 1 OPERATOR(public.!!!) 1; END $$;
    CREATE FUNCTION writes(int, int) RETURNS bigint LANGUAGE sql AS
        'INSERT INTO log VALUES (''hidden''); SELECT 1::bigint';
    CREATE OPERATOR !!! (leftarg = int, rightarg = int, function = writes);
";

#[tokio::test]
async fn the_catalog_decides() {
    let set =
        ["--set", "routing.functions_read=careless", "--set", "routing.catalog_interval=200ms"];
    let bed = Bed::start(&set).await;
    bed.prepare(SCHEMA).await;
    let client = connect(&bed.proxy.url()).await;
    eventually("the catalog is known", Duration::from_secs(10), async || {
        decision(&client, "SELECT total()").await.starts_with("replica")
    })
    .await;
    let mut checks = Checks::default();
    checks.run("functions", functions(&client)).await;
    // On a connection of its own, for some of it stays.
    let other = connect(&bed.proxy.url()).await;
    checks.run("what calls without naming", hidden(&other)).await;
    checks.run("a name that looks like a list", looks_like_a_list(&bed)).await;
    checks.run("a read that writes on a held connection", held(&bed)).await;
    checks.run("prepared statements", prepared(&client)).await;
    checks.run("views and tables", relations(&client)).await;
    checks.run("the search path", paths(&bed)).await;
    checks.run("changes through the proxy", changed_here(&bed)).await;
    checks.run("changes behind its back", changed_elsewhere(&bed)).await;
    checks.run("what is counted", counted(&bed)).await;
}

/// Where the statement ran, why, and what it was found to do.
async fn decision(client: &Client, sql: &str) -> String {
    client.simple_query(sql).await.unwrap();
    text(client, "SHOW afterwrite.last_decision").await
}

async fn on_replica(client: &Client, sql: &str) {
    eventually(sql, Duration::from_secs(5), async || {
        decision(client, sql).await.starts_with("replica")
    })
    .await;
}

async fn on_primary(client: &Client, sql: &str, why: &str) {
    let decision = decision(client, sql).await;
    assert!(decision.starts_with("primary") && decision.contains(why), "{sql}: {decision}");
}

async fn functions(client: &Client) {
    on_replica(client, "SELECT total()").await;
    on_replica(client, "SELECT twice(v) FROM t WHERE id = 1").await;
    on_replica(client, "SELECT public.twice(2), count(*) FROM t").await;
    // By the user's word.
    on_replica(client, "SELECT careless()").await;
    on_primary(client, "SELECT noted(1)", "volatile_function (public.noted)").await;
    on_primary(client, "SELECT id FROM t LIMIT noted(1)", "volatile_function").await;
    on_primary(client, "SELECT t.noting FROM (SELECT 1 AS noting) t, noted(1)", "volatile").await;
}

async fn hidden(client: &Client) {
    on_primary(client, "SELECT marks()", "opaque_function (public.marks)").await;
    on_primary(client, "SELECT marked(v) FROM t", "opaque_function (public.marked)").await;
    // A sequence is ahead on a replica.
    on_primary(client, "SELECT latest()", "opaque_function (public.latest)").await;
    on_primary(client, "SELECT busy()", "opaque_function (public.busy)").await;
    on_primary(client, "SELECT by_view()", "opaque_function (public.by_view)").await;
    on_primary(client, "SELECT 1 +# 2", "hidden_call (public.marks)").await;
    on_primary(client, "SELECT ROW(1)::box2::int", "hidden_call (public.marks)").await;
    on_primary(client, "SELECT 1::marked_int", "hidden_call (public.marks)").await;
    // What is told is what was found, and nothing that is not so.
    let told = decision(client, "SELECT noted(1)").await;
    assert!(told.contains("write: volatile_function (public.noted); reads"), "{told}");
}

async fn looks_like_a_list(bed: &Bed) {
    bed.prepare(
        "CREATE FUNCTION one.\"in\"(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'; \
         CREATE FUNCTION one.\"in\"(int, int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
    )
    .await;
    let client = connect(&bed.proxy.url()).await;
    on_replica(&client, "SELECT one.in(1)").await;
    on_primary(&client, "SELECT one.in(1, 2)", "volatile_function (one.in)").await;
}

/// Nothing proves there that what was taken for a read only reads: its key must know.
async fn held(bed: &Bed) {
    const COUNT: &str = "SELECT count(*) FROM log WHERE what = 'hidden'";
    let [writer, reader] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    for client in [&writer, &reader] {
        client.batch_execute("SET afterwrite.session = 'held'").await.unwrap();
    }
    writer.batch_execute("CREATE TEMPORARY TABLE mine (id int)").await.unwrap();
    on_replica(&reader, COUNT).await;
    for replica in bed.cluster.replicas() {
        replica.pause_replay().await.unwrap();
    }
    writer.batch_execute("SELECT hides()").await.unwrap();
    let told = text(&writer, "SHOW afterwrite.last_decision").await;
    assert!(told.contains("proven_read"), "it is seen through: {told}");
    let seen = number(&reader, COUNT).await;
    for replica in bed.cluster.replicas() {
        replica.resume_replay().await.unwrap();
    }
    assert_eq!(seen, 1);
}

async fn prepared(client: &Client) {
    let statement = client.prepare("SELECT total() + $1").await.unwrap();
    eventually("a prepared call of a stable function", Duration::from_secs(5), async || {
        client.query_one(&statement, &[&1_i64]).await.unwrap();
        text(client, "SHOW afterwrite.last_decision").await.starts_with("replica")
    })
    .await;
    let statement = client.prepare("SELECT noted($1)").await.unwrap();
    let row = client.query_one(&statement, &[&7_i32]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
    assert!(text(client, "SHOW afterwrite.last_decision").await.starts_with("primary"));
}

async fn relations(client: &Client) {
    on_replica(client, "SELECT * FROM plain").await;
    on_replica(client, "SELECT * FROM deep WHERE id = 3").await;
    on_primary(client, "SELECT * FROM noting LIMIT 1", "public.noted in public.noting").await;
    on_primary(client, "SELECT count(*) FROM scratch", "not_on_standby (public.scratch)").await;
    let told = decision(client, "SELECT * FROM deep").await;
    assert!(told.contains("reads public.t"), "{told}");
}

async fn paths(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("SET search_path = one, public").await.unwrap();
    on_replica(&client, "SELECT f()").await;
    client.batch_execute("SET search_path = two, public").await.unwrap();
    on_primary(&client, "SELECT f()", "volatile_function (two.f)").await;
    on_primary(&client, "SELECT f() AS again", "two.f").await;
    client.batch_execute("RESET search_path").await.unwrap();
    on_replica(&client, "SELECT one.f()").await;
    // As an option at login.
    let url = format!("{}?options=-csearch_path%3Done", bed.proxy.url());
    let client = connect(&url).await;
    on_replica(&client, "SELECT f()").await;
}

async fn changed_here(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for round in 0..5 {
        let stable =
            "CREATE OR REPLACE FUNCTION moody() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'";
        client.batch_execute(stable).await.unwrap();
        on_replica(&client, "SELECT moody()").await;
        let volatile = "CREATE OR REPLACE FUNCTION moody() RETURNS int LANGUAGE sql VOLATILE AS \
            'INSERT INTO log VALUES (''moody'') RETURNING 1'";
        client.batch_execute(volatile).await.unwrap();
        // Not once by what was known before.
        let decision = decision(&client, "SELECT moody()").await;
        assert!(decision.starts_with("primary"), "round {round}: {decision}");
        assert!(!decision.contains("rerouted"), "round {round}: {decision}");
    }
    // In a transaction: at its end, and not before.
    client.batch_execute("BEGIN; CREATE TABLE fresh (id int); COMMIT").await.unwrap();
    on_replica(&client, "SELECT count(*) FROM fresh").await;
    client.batch_execute("BEGIN").await.unwrap();
    client
        .batch_execute("CREATE OR REPLACE VIEW plain AS SELECT id, noted(v) AS v FROM t")
        .await
        .unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    let decision = decision(&client, "SELECT * FROM plain").await;
    assert!(decision.starts_with("primary"), "{decision}");
}

async fn changed_elsewhere(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    bed.prepare("CREATE TABLE elsewhere (id int)").await;
    on_replica(&client, "SELECT count(*) FROM elsewhere").await;
    bed.prepare("ALTER FUNCTION twice(int) VOLATILE").await;
    eventually("the change is known", Duration::from_secs(5), async || {
        decision(&client, "SELECT twice(1)").await.contains("volatile_function (public.twice)")
    })
    .await;
}

async fn counted(bed: &Bed) {
    let metrics = bed.proxy.metrics().await;
    let texts = |result: &str| metrics.sum("afterwrite_texts_total", &[("result", result)]);
    assert!(texts("known") >= 1.0 && texts("new") > 10.0, "{metrics:?}");
    assert!(metrics.sum("afterwrite_catalog_known", &[]) > 0.5, "{metrics:?}");
}
