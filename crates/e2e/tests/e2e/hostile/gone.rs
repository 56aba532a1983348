//! Clients that go away in the middle of something.

use std::time::Duration;

use afterwrite_wire::client;

use crate::support::{ANSWER_MAX, Bed, Checks, Raw, connect, eventually, number, text};

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let bed = Bed::start(&["--set", "pool.size=3"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (0, 0)").await;
    let mut checks = Checks::default();
    let port = bed.proxy.port();
    checks.run("in a query", in_a_query(&bed, "SELECT pg_sleep(30)")).await;
    checks.run("in a read", in_a_query(&bed, "SELECT count(*) FROM t, pg_sleep(30)")).await;
    checks.run("in a transaction", in_a_transaction(&bed, port)).await;
    checks.run("in COPY", in_copy(&bed, port)).await;
    checks.run("in a result", in_a_result(&bed, port)).await;
    checks.run("in a batch", in_a_batch(&bed, port)).await;
    checks.run("with a goodbye in a transaction", goodbye(&bed, port)).await;
    checks.run("what it sent last is done", sent_last(&bed, port)).await;
    checks.run("temporary tables go too", temporary(&bed, port)).await;
    checks.run("server connections are bounded", bounded(&bed)).await;
    let gone = async || bed.proxy.metrics().await.clients() == 0.0;
    checks.run("no client is left", eventually("no client", ANSWER_MAX, gone)).await;
}

/// No server connection works for a client that is gone.
async fn quiet(bed: &Bed) {
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    let replica = connect(&bed.replica(0).superuser_url()).await;
    let other = connect(&bed.replica(1).superuser_url()).await;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' \
                AND state <> 'idle' AND query NOT LIKE '%pg_stat_activity%'";
    eventually("idle servers", Duration::from_secs(8), async || {
        let mut sum = 0;
        for server in [&admin, &replica, &other] {
            sum += number(server, busy).await;
        }
        sum == 0
    })
    .await;
}

async fn in_a_query(bed: &Bed, sql: &str) {
    for _ in 0..4 {
        let mut raw = Raw::login(bed.proxy.port(), &[]).await;
        raw.query(sql).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        drop(raw);
    }
    quiet(bed).await;
    let client = connect(&bed.proxy.url()).await;
    assert_eq!(number(&client, "SELECT 1").await, 1);
    client.batch_execute("UPDATE t SET v = v").await.unwrap();
}

async fn in_a_transaction(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.ask("BEGIN").await;
    raw.ask("UPDATE t SET v = 99 WHERE id = 0").await;
    drop(raw);
    // Its lock is gone, and so is its change.
    let client = connect(&bed.proxy.url()).await;
    client
        .batch_execute("SET lock_timeout = '5s'; UPDATE t SET v = v + 1 WHERE id = 0")
        .await
        .unwrap();
    assert!(number(&client, "SELECT v FROM t WHERE id = 0").await < 99);
    quiet(bed).await;
}

async fn in_copy(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.query("COPY t FROM STDIN").await;
    raw.until(b'G').await;
    let mut data = Vec::new();
    client::copy_data(&mut data, b"77\t1\n");
    // Half a message behind it.
    data.extend_from_slice(&[b'd', 0, 0, 1, 0, b'7']);
    raw.send(&data).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(raw);
    quiet(bed).await;
    let client = connect(&bed.direct()).await;
    assert_eq!(number(&client, "SELECT count(*) FROM t WHERE id = 77").await, 0);
}

async fn in_a_result(bed: &Bed, port: u16) {
    for sql in [
        "SELECT n, repeat('x', 100) FROM generate_series(1, 3000000) n",
        "COPY (SELECT n, repeat('x', 100) FROM generate_series(1, 3000000) n) TO STDOUT",
    ] {
        let mut raw = Raw::login(port, &[]).await;
        raw.query(sql).await;
        for _ in 0..10 {
            raw.receive().await;
        }
        drop(raw);
    }
    quiet(bed).await;
}

async fn in_a_batch(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    let mut out = Vec::new();
    client::parse(&mut out, "", "INSERT INTO t VALUES (88, 1)", &[]);
    client::bind(&mut out, "", "", &[], &[], &[]);
    client::execute(&mut out, "", 0);
    client::flush(&mut out);
    raw.send(&out).await;
    raw.until(b'C').await;
    drop(raw);
    quiet(bed).await;
    let direct = connect(&bed.direct()).await;
    assert_eq!(number(&direct, "SELECT count(*) FROM t WHERE id = 88").await, 0);
}

async fn goodbye(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.ask("BEGIN").await;
    raw.ask("INSERT INTO t VALUES (89, 1)").await;
    let mut out = Vec::new();
    client::terminate(&mut out);
    raw.send(&out).await;
    assert!(raw.until_end().await.is_empty());
    quiet(bed).await;
    let direct = connect(&bed.direct()).await;
    assert_eq!(number(&direct, "SELECT count(*) FROM t WHERE id = 89").await, 0);
}

/// `psql -c` and the like: a statement and a goodbye in one piece.
async fn sent_last(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    let mut out = Vec::new();
    client::query(&mut out, "INSERT INTO t VALUES (90, 1)");
    client::terminate(&mut out);
    raw.send(&out).await;
    drop(raw);
    let direct = connect(&bed.direct()).await;
    let there = async || number(&direct, "SELECT count(*) FROM t WHERE id = 90").await == 1;
    eventually("the row", Duration::from_secs(5), there).await;
}

async fn temporary(bed: &Bed, port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.ask("CREATE TEMP TABLE mine (n int)").await;
    raw.ask("SELECT pg_advisory_lock(4711)").await;
    raw.ask("LISTEN e2e").await;
    drop(raw);
    let direct = connect(&bed.direct()).await;
    let free = async || text(&direct, "SELECT pg_try_advisory_lock(4711)").await == "t";
    eventually("the lock", Duration::from_secs(5), free).await;
    direct.batch_execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    let tables = "SELECT count(*) FROM pg_class WHERE relname = 'mine'";
    let none = async || number(&direct, tables).await == 0;
    eventually("no table", Duration::from_secs(5), none).await;
    for _ in 0..6 {
        let client = connect(&bed.proxy.url()).await;
        let error = client.simple_query("SELECT * FROM mine").await.unwrap_err();
        assert_eq!(crate::support::sqlstate(&error), "42P01");
    }
}

/// Many clients, few server connections: the pool's three and what watches the node.
async fn bounded(bed: &Bed) {
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(connect(&bed.proxy.url()).await);
    }
    let work = clients.iter().enumerate().map(async |(number, client)| {
        for n in 0..5 {
            let id = 1000 + number * 10 + n;
            client.batch_execute(&format!("INSERT INTO t VALUES ({id}, 0)")).await.unwrap();
            let sql = format!("SELECT count(*) FROM t WHERE id = {id}");
            assert_eq!(crate::support::number(client, &sql).await, 1);
        }
    });
    futures_util::future::join_all(work).await;
    let count =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND pid <> pg_backend_pid()";
    for server in bed.cluster.servers() {
        let admin = connect(&server.superuser_url()).await;
        let connections = number(&admin, count).await;
        assert!(connections <= 3 + 2, "{}: {connections} connections", server.name());
    }
}
