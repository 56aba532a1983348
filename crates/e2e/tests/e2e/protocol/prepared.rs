//! Prepared statements by name, on server connections that change under them.

use tokio_postgres::error::SqlState;

use afterwrite_wire::client;

use crate::support::{Bed, Checks, Proxy, Raw, connect, number, sqlstate};

#[tokio::test]
async fn prepared_statements_survive_company_and_ddl() {
    let bed = Bed::start(&["--set", "pool.size=1"]).await;
    let two = bed.another(&["--set", "pool.size=2"]).await;
    // Fewer kept on a server connection than one client uses.
    let few = bed.another(&["--set", "pool.size=1", "--set", "pool.prepared_max=5"]).await;
    let mut checks = Checks::default();
    for (name, proxy) in [("size 1", &bed.proxy), ("size 2", &two), ("prepared_max 5", &few)] {
        checks.run(&format!("{name}: the same names, other texts"), same_names(&bed, proxy)).await;
        checks.run(&format!("{name}: many statements"), many(proxy)).await;
        checks.run(&format!("{name}: after DDL by another"), after_ddl(&bed, proxy)).await;
        checks.run(&format!("{name}: after its own DDL"), after_own_ddl(proxy)).await;
        checks.run(&format!("{name}: search_path"), search_path(&bed, proxy)).await;
        checks.run(&format!("{name}: prepared with a Flush"), flushed(proxy)).await;
        checks.run(&format!("{name}: others' failures"), others_failures(&bed, proxy)).await;
    }
    let limited = bed.another(&["--set", "clients.prepared_max=3"]).await;
    checks.run("more than a client may have", too_many(&limited)).await;
}

/// tokio-postgres names its statements `s0`, `s1`, … on every connection.
async fn same_names(bed: &Bed, proxy: &Proxy) {
    bed.prepare("DROP TABLE IF EXISTS w; CREATE TABLE w (client int, n int)").await;
    let mut clients = Vec::new();
    for number in 0..6_i32 {
        let client = connect(&proxy.url()).await;
        let read = client.prepare(&format!("SELECT {number} * 100 + $1::int")).await.unwrap();
        let write = client
            .prepare(&format!("INSERT INTO w VALUES ({number}, $1) RETURNING client"))
            .await
            .unwrap();
        let mine = format!("SELECT count(*) FROM w WHERE client = {number} AND n <= $1");
        let mine = client.prepare(&mine).await.unwrap();
        clients.push((number, client, read, write, mine));
    }
    for n in 0..10_i32 {
        for (number, client, read, write, mine) in &clients {
            let row = client.query_one(read, &[&n]).await.unwrap();
            assert_eq!(row.get::<_, i32>(0), number * 100 + n);
            let row = client.query_one(write, &[&n]).await.unwrap();
            assert_eq!(row.get::<_, i32>(0), *number);
            let row = client.query_one(mine, &[&n]).await.unwrap();
            assert_eq!(row.get::<_, i64>(0), i64::from(n) + 1);
        }
    }
}

async fn many(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    let mut statements = Vec::new();
    for n in 0..300_i32 {
        statements.push(client.prepare(&format!("SELECT {n} + $1::int")).await.unwrap());
    }
    for (n, statement) in (0..).zip(&statements).chain((0..).zip(&statements)) {
        let row = client.query_one(statement, &[&1_i32]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), n + 1);
    }
}

/// A prepares; the table changes; B, who never saw the old table, prepares the same
/// text. Directly B has a connection of its own and sees the new columns.
async fn after_ddl(bed: &Bed, proxy: &Proxy) {
    for read_only in [false, true] {
        bed.prepare("DROP TABLE IF EXISTS changed; CREATE TABLE changed (a int); INSERT INTO changed VALUES (1)")
            .await;
        let sql =
            if read_only { "SELECT * FROM changed" } else { "SELECT * FROM changed FOR UPDATE" };
        let first = connect(&proxy.url()).await;
        let old = first.prepare(sql).await.unwrap();
        assert_eq!(first.query_one(&old, &[]).await.unwrap().len(), 1);
        bed.prepare("ALTER TABLE changed ADD b text DEFAULT 'new'").await;
        let second = connect(&proxy.url()).await;
        for _ in 0..3 {
            let new = second.prepare(sql).await.unwrap();
            assert_eq!(new.columns().len(), 2, "read only: {read_only}");
            // A server connection on which A's plan still lives refuses once, as it
            // must for A's sake, and never again.
            let mut row = second.query_one(&new, &[]).await;
            for _ in 0..4 {
                match &row {
                    Err(error) if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
                        row = second.query_one(&new, &[]).await;
                    }
                    _ => break,
                }
            }
            let row = row.unwrap();
            assert_eq!(row.get::<_, &str>(1), "new");
        }
        // A has what PostgreSQL says: an error, until it prepares again.
        match first.query_one(&old, &[]).await {
            Err(error) => assert_eq!(sqlstate(&error), "0A000", "{error:?}"),
            // On a replica that has not replayed the change.
            Ok(row) => assert!(read_only && row.len() == 1, "{row:?}"),
        }
        let again = first.prepare(sql).await.unwrap();
        assert_eq!(first.query_one(&again, &[]).await.unwrap().len(), 2);
    }
    // Made anew under the same name, with another type.
    let client = connect(&proxy.url()).await;
    let sql = "SELECT a FROM changed WHERE a = $1";
    assert_eq!(client.query_one(sql, &[&1_i32]).await.unwrap().get::<_, i32>(0), 1);
    bed.prepare(
        "DROP TABLE changed; CREATE TABLE changed (a text); INSERT INTO changed VALUES ('x')",
    )
    .await;
    let other = connect(&proxy.url()).await;
    assert_eq!(other.query_one(sql, &[&"x"]).await.unwrap().get::<_, &str>(0), "x");
}

async fn after_own_ddl(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    client
        .batch_execute(
            "DROP TABLE IF EXISTS own; CREATE TABLE own (a int); INSERT INTO own VALUES (1)",
        )
        .await
        .unwrap();
    let narrow = client.prepare("SELECT a FROM own").await.unwrap();
    assert_eq!(client.query_one(&narrow, &[]).await.unwrap().get::<_, i32>(0), 1);
    client.batch_execute("ALTER TABLE own ADD b int DEFAULT 2").await.unwrap();
    // Columns by name: nothing changed for this one.
    assert_eq!(client.query_one(&narrow, &[]).await.unwrap().get::<_, i32>(0), 1);
    let row = client.query_one("SELECT * FROM own", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(1), 2);
}

/// The same text means another table under another `search_path`.
async fn search_path(bed: &Bed, proxy: &Proxy) {
    bed.prepare(
        "CREATE SCHEMA IF NOT EXISTS one; CREATE SCHEMA IF NOT EXISTS two; \
         DROP TABLE IF EXISTS one.who, two.who; \
         CREATE TABLE one.who AS SELECT 1 AS n; CREATE TABLE two.who AS SELECT 2 AS n",
    )
    .await;
    let [one, two] = [connect(&proxy.url()).await, connect(&proxy.url()).await];
    one.batch_execute("SET search_path = one").await.unwrap();
    two.batch_execute("SET search_path = two").await.unwrap();
    let sql = "SELECT n FROM who";
    let [in_one, in_two] = [one.prepare(sql).await.unwrap(), two.prepare(sql).await.unwrap()];
    for _ in 0..5 {
        assert_eq!(one.query_one(&in_one, &[]).await.unwrap().get::<_, i32>(0), 1);
        assert_eq!(two.query_one(&in_two, &[]).await.unwrap().get::<_, i32>(0), 2);
    }
}

/// Over the limit: an error on that statement, and the client goes on.
/// Clients that have only prepared something keep no server connection from each other.
async fn flushed(proxy: &Proxy) {
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::login(proxy.port(), &[]).await;
        let mut out = Vec::new();
        client::parse(&mut out, "s", "SELECT $1::text", &[]);
        client::describe(&mut out, client::STATEMENT, "s");
        client::flush(&mut out);
        raw.send(&out).await;
        raw.until(b'T').await;
        clients.push(raw);
    }
    for raw in clients.iter_mut().rev() {
        let mut out = Vec::new();
        client::bind(&mut out, "", "s", &[Some(b"x")], &[], &[]);
        client::execute(&mut out, "", 0);
        client::sync(&mut out);
        raw.send(&out).await;
        let replies: Vec<_> = raw.until(b'Z').await.into_iter().map(|it| it.tag).collect();
        assert_eq!(replies, b"2DCZ");
    }
}

/// What cannot be prepared by one is sound for all who have it.
async fn others_failures(bed: &Bed, proxy: &Proxy) {
    bed.prepare("DROP TABLE IF EXISTS mine; CREATE TABLE mine AS SELECT 1 AS n").await;
    for sql in ["SELECT n FROM mine", "SELECT n FROM mine FOR UPDATE"] {
        let (first, second) = (connect(&proxy.url()).await, connect(&proxy.url()).await);
        let statement = first.prepare(sql).await.unwrap();
        assert_eq!(first.query_one(&statement, &[]).await.unwrap().get::<_, i32>(0), 1);
        second.batch_execute("SET search_path = pg_catalog").await.unwrap();
        for _ in 0..2 {
            assert_eq!(sqlstate(&second.prepare(sql).await.err().unwrap()), "42P01");
            let row = first.query_one(&statement, &[]).await.unwrap();
            assert_eq!(row.get::<_, i32>(0), 1);
        }
    }
}

async fn too_many(proxy: &Proxy) {
    let client = connect(&proxy.url()).await;
    let mut kept = Vec::new();
    let mut refused = None;
    for n in 0..10 {
        match client.prepare(&format!("SELECT {n}")).await {
            Ok(statement) => kept.push(statement),
            Err(error) => refused = Some(sqlstate(&error).to_owned()),
        }
    }
    assert!(kept.len() >= 2, "{}", kept.len());
    assert!(refused.is_some_and(|code| !code.is_empty()), "the limit has an error of its own");
    drop(kept);
    assert_eq!(number(&client, "SELECT 1").await, 1);
    assert!(client.prepare("SELECT 'after'").await.is_ok());
}
