//! An explicit transaction stays where it began, and begins where it may see.

use std::time::Duration;

use crate::support::{Bed, Checks, connect, number, sqlstate, text};

const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";
const PORT: &str = "SELECT inet_server_port()";

#[tokio::test]
async fn transactions_stay_where_they_began() {
    let bed = Bed::start(&["--set", "pool.size=4"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(0, 9) n").await;
    let mut checks = Checks::default();
    checks.run("read-write, on the primary", read_write(&bed)).await;
    checks.run("read-only, on one replica", read_only(&bed)).await;
    checks.run("read-only, sees own writes", own_writes(&bed)).await;
    checks.run("a write in a read-only transaction", refused(&bed)).await;
    let name = "a read-only transaction that changes its mind";
    checks.run(name, changed_mind(&bed)).await;
    checks.run("one snapshot", one_snapshot(&bed)).await;
    checks.run("isolation levels", isolation(&bed)).await;
    checks.run("read-only by default", by_default(&bed)).await;
    checks.run("a rollback is no write", rolled_back(&bed)).await;
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::from_millis(300)).await.unwrap();
    }
    checks.run("read-only, sees own writes, with lag", own_writes(&bed)).await;
    checks.run("both halves of a transfer", both_halves(&bed)).await;
}

async fn read_write(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for begin in
        ["BEGIN", "START TRANSACTION", "BEGIN READ WRITE", "BEGIN ISOLATION LEVEL SERIALIZABLE"]
    {
        client.batch_execute(begin).await.unwrap();
        let backend = text(&client, "SELECT pg_backend_pid()").await;
        for _ in 0..5 {
            assert_eq!(text(&client, ON_REPLICA).await, "f", "{begin}");
            assert_eq!(text(&client, "SELECT pg_backend_pid()").await, backend);
        }
        client.batch_execute("UPDATE t SET v = v + 1 WHERE id = 0").await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    }
}

async fn read_only(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for begin in [
        "BEGIN READ ONLY",
        "START TRANSACTION READ ONLY",
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "BEGIN TRANSACTION READ ONLY ISOLATION LEVEL READ COMMITTED",
    ] {
        client.batch_execute(begin).await.unwrap();
        let port = text(&client, PORT).await;
        for _ in 0..10 {
            assert_eq!(text(&client, ON_REPLICA).await, "t", "{begin}");
            assert_eq!(text(&client, PORT).await, port, "{begin}");
        }
        client.batch_execute("COMMIT").await.unwrap();
    }
}

async fn own_writes(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for n in 100..120 {
        client.batch_execute(&format!("UPDATE t SET v = {n} WHERE id = 1")).await.unwrap();
        let begin = if n % 2 == 0 {
            "BEGIN READ ONLY"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        client.batch_execute(begin).await.unwrap();
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 1").await, n);
        client.batch_execute("COMMIT").await.unwrap();
        // BEGIN and the read in one piece, without waiting.
        client.batch_execute(&format!("UPDATE t SET v = -{n} WHERE id = 1")).await.unwrap();
        let (_, seen, _) = tokio::join!(
            client.batch_execute(begin),
            client.query_one("SELECT v FROM t WHERE id = 1", &[]),
            client.batch_execute("COMMIT"),
        );
        assert_eq!(i64::from(seen.unwrap().get::<_, i32>(0)), -n);
    }
}

async fn refused(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for sql in [
        "UPDATE t SET v = 0",
        "SELECT txid_current()",
        "CREATE TABLE x (n int)",
        "SELECT v FROM t FOR UPDATE",
    ] {
        let expected = {
            let direct = connect(&bed.direct()).await;
            direct.batch_execute("BEGIN READ ONLY").await.unwrap();
            let outcome = direct.simple_query(sql).await;
            outcome.err().map(|error| sqlstate(&error).to_owned())
        };
        client.batch_execute("BEGIN READ ONLY").await.unwrap();
        let outcome = client.simple_query(sql).await;
        if let Some(expected) = expected {
            assert_eq!(sqlstate(&outcome.unwrap_err()), expected, "{sql}");
            let error = client.simple_query("SELECT 1").await.unwrap_err();
            assert_eq!(sqlstate(&error), "25P02");
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Directly this may write. Here it may have begun on a replica: then a clear error.
async fn changed_mind(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("BEGIN READ ONLY").await.unwrap();
    let changed = client.batch_execute("SET TRANSACTION READ WRITE").await;
    let wrote = client.batch_execute("UPDATE t SET v = 55 WHERE id = 2").await;
    client.batch_execute("COMMIT").await.unwrap();
    if changed.is_ok() && wrote.is_ok() {
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 2").await, 55);
    }
    client.batch_execute("UPDATE t SET v = 1 WHERE id = 2").await.unwrap();
    assert_eq!(number(&client, "SELECT v FROM t WHERE id = 2").await, 1);
}

async fn one_snapshot(bed: &Bed) {
    let [client, writer] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.unwrap();
    let before = number(&client, "SELECT sum(v) FROM t").await;
    writer.batch_execute("UPDATE t SET v = v + 1").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
    assert_eq!(number(&client, "SELECT sum(v) FROM t").await, before);
    client.batch_execute("COMMIT").await.unwrap();
}

async fn isolation(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for level in ["read committed", "repeatable read", "serializable", "read uncommitted"] {
        client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).await.unwrap();
        assert_eq!(text(&client, "SHOW transaction_isolation").await, level);
        client.batch_execute("COMMIT").await.unwrap();
        // A standby knows no serializable: this must not fail for having been sent there.
        client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level} READ ONLY")).await.unwrap();
        assert_eq!(text(&client, "SHOW transaction_isolation").await, level);
        number(&client, "SELECT sum(v) FROM t").await;
        client.batch_execute("COMMIT").await.unwrap();
    }
    client.batch_execute("SET default_transaction_isolation = 'serializable'").await.unwrap();
    for _ in 0..5 {
        number(&client, "SELECT sum(v) FROM t").await;
        assert_eq!(text(&client, "SHOW transaction_isolation").await, "serializable");
    }
    client.batch_execute("BEGIN READ ONLY").await.unwrap();
    number(&client, "SELECT sum(v) FROM t").await;
    client.batch_execute("COMMIT").await.unwrap();
}

async fn by_default(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    let error = client.batch_execute("UPDATE t SET v = 0").await.unwrap_err();
    assert_eq!(sqlstate(&error), "25006");
    client
        .batch_execute("BEGIN READ WRITE; UPDATE t SET v = 7 WHERE id = 3; COMMIT")
        .await
        .unwrap();
    assert_eq!(number(&client, "SELECT v FROM t WHERE id = 3").await, 7);
    client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    client.batch_execute("UPDATE t SET v = 8 WHERE id = 3").await.unwrap();
    assert_eq!(number(&client, "SELECT v FROM t WHERE id = 3").await, 8);
}

async fn rolled_back(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("BEGIN; UPDATE t SET v = 77 WHERE id = 4; ROLLBACK").await.unwrap();
    assert_eq!(
        number(&client, "SELECT v FROM t WHERE id = 4").await,
        number(&connect(&bed.direct()).await, "SELECT v FROM t WHERE id = 4").await
    );
}

/// Whoever reads both accounts in one snapshot sees all of a transfer or nothing.
async fn both_halves(bed: &Bed) {
    let [writer, reader] = [connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await];
    bed.prepare("UPDATE t SET v = 500 WHERE id IN (8, 9)").await;
    let sum = "SELECT sum(v) FROM t WHERE id IN (8, 9)";
    let transfer = async {
        for _ in 0..50 {
            writer.batch_execute("BEGIN; UPDATE t SET v = v - 1 WHERE id = 8; UPDATE t SET v = v + 1 WHERE id = 9; COMMIT").await.unwrap();
            assert_eq!(number(&writer, sum).await, 1000);
        }
    };
    let audit = async {
        for _ in 0..50 {
            assert_eq!(number(&reader, sum).await, 1000);
        }
    };
    tokio::join!(transfer, audit);
}
