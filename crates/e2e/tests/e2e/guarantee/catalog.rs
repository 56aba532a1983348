//! What the catalog of the real database says of functions, views and tables decides where a
//! statement runs; a change of the schema counts at once.

use std::time::Duration;

use tokio_postgres::Client;

use crate::support::{Bed, Checks, connect, eventually, text};

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
    on_primary(client, "SELECT marks()", "opaque_function (public.marks)").await;
    on_primary(client, "SELECT t.noting FROM (SELECT 1 AS noting) t, noted(1)", "volatile").await;
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
