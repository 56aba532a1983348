//! Where reads go, and what is counted.

use std::time::{Duration, Instant};

use crate::support::{Bed, Checks, Metrics, connect, eventually, number, text, within};

const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";

#[tokio::test]
async fn reads_go_to_replicas_when_they_can() {
    let bed = Bed::start(&[]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(1, 100) n").await;
    let mut checks = Checks::default();
    checks.run("proven reads", proven(&bed)).await;
    checks.run("both replicas", both(&bed)).await;
    checks.run("doubt goes to the primary", doubt(&bed)).await;
    checks.run("after a write, when they have caught up", caught_up(&bed)).await;
    checks.run("waiting", waiting(&bed)).await;
    checks.run("no wait that cannot succeed", hopeless(&bed)).await;
    checks.run("no wait for the log to be flushed", not_flushed(&bed)).await;
    checks.run("one replica is enough", one_is_enough(&bed)).await;
    checks.run("waiting holds no server connection", holds_nothing(&bed)).await;
    checks.run("what is measured", measured(&bed)).await;
}

async fn proven(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let before = bed.proxy.metrics().await;
    for id in 1..=100_i32 {
        assert_eq!(text(&client, ON_REPLICA).await, "t");
        client.query_one("SELECT v FROM t WHERE id = $1", &[&id]).await.unwrap();
        number(&client, "SELECT count(*) FROM t JOIN t u USING (id) WHERE lower('X') = 'x'").await;
        number(&client, "WITH x AS (SELECT * FROM t) SELECT sum(v) FROM x").await;
        text(&client, "SELECT to_char(now(), 'YYYY'), current_user, pg_typeof(1)").await;
    }
    let after = bed.proxy.metrics().await;
    assert!(after.reads_on(0) - before.reads_on(0) < 0.5, "{after:?}");
    assert!(after.reads_on(1) + after.reads_on(2) >= 500.0, "{after:?}");
    let writes = |metrics: &Metrics| metrics.sum("afterwrite_writes_total", &[]);
    assert!(writes(&after) - writes(&before) < 0.5, "{after:?}");
}

async fn both(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let mut ports = std::collections::BTreeMap::new();
    for _ in 0..100 {
        *ports.entry(text(&client, "SELECT inet_server_port()").await).or_insert(0) += 1;
    }
    assert_eq!(ports.len(), 2, "{ports:?}");
    assert!(ports.values().all(|count| *count >= 15), "{ports:?}");
}

async fn doubt(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    for sql in [
        "SELECT pg_is_in_recovery() FROM t WHERE id = 1 FOR UPDATE",
        "SELECT pg_is_in_recovery() FROM t WHERE id = 1 FOR SHARE",
        "SELECT pg_is_in_recovery(), pg_advisory_xact_lock(1)",
        "SELECT pg_is_in_recovery(), txid_current()",
        "SELECT pg_is_in_recovery(), nextval('q')",
        "SELECT pg_is_in_recovery(), unknown_function()",
    ] {
        if sql.contains('q') || sql.contains("unknown") {
            client
                .batch_execute(
                    "CREATE SEQUENCE IF NOT EXISTS q; CREATE OR REPLACE FUNCTION \
                     unknown_function() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                )
                .await
                .unwrap();
        }
        assert_eq!(text(&client, sql).await, "f", "{sql}");
    }
}

async fn caught_up(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("UPDATE t SET v = 1 WHERE id = 1").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
    // The proxy knows within a moment.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..20 {
        assert_eq!(text(&client, ON_REPLICA).await, "t");
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 1").await, 1);
    }
}

/// Replicas 20 ms behind: worth a wait, so most reads after a write are a replica's.
async fn waiting(bed: &Bed) {
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::from_millis(20)).await.unwrap();
    }
    let client = connect(&bed.proxy.url()).await;
    let before = bed.proxy.metrics().await;
    let (mut on_replica, mut slowest) = (0, Duration::ZERO);
    for n in 0..40 {
        client.batch_execute(&format!("UPDATE t SET v = {n} WHERE id = 2")).await.unwrap();
        let begin = Instant::now();
        let row =
            client.simple_query("SELECT v, pg_is_in_recovery() FROM t WHERE id = 2").await.unwrap();
        slowest = slowest.max(begin.elapsed());
        for message in row {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                assert_eq!(row.get(0), Some(n.to_string().as_str()));
                on_replica += i32::from(row.get(1) == Some("t"));
            }
        }
    }
    let after = bed.proxy.metrics().await;
    println!("        {on_replica} of 40 on a replica, slowest {slowest:?}");
    assert!(on_replica >= 20, "{on_replica} of 40");
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let waited = after.reads_because("waited") - before.reads_because("waited");
    assert!(waited >= 20.0, "{after:?}");
    let waits = |m: &Metrics| m.sum("afterwrite_wait_seconds_count", &[]);
    assert!(waits(&after) - waits(&before) >= 20.0, "{after:?}");
    assert!(after.sum("afterwrite_wait_seconds_sum", &[]) > 0.1, "{after:?}");
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    }
}

/// Paused replay: the primary answers, soon, with the reason counted.
async fn hopeless(bed: &Bed) {
    for replica in bed.cluster.replicas() {
        replica.pause_replay().await.unwrap();
    }
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("UPDATE t SET v = 33 WHERE id = 3").await.unwrap();
    let before = bed.proxy.metrics().await;
    let mut times = Vec::new();
    for _ in 0..40 {
        let begin = Instant::now();
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 3").await, 33);
        times.push(begin.elapsed());
        assert_eq!(text(&client, ON_REPLICA).await, "f");
    }
    times.sort();
    println!("        p50 {:?}, slowest {:?}", times[20], times[39]);
    assert!(times[39] < Duration::from_millis(500), "{times:?}");
    // Once it is known that replay stands still, nobody waits 50 ms again and again.
    assert!(times[20] < Duration::from_millis(20), "{times:?}");
    let after = bed.proxy.metrics().await;
    assert!(after.reads_on(0) - before.reads_on(0) >= 80.0, "{after:?}");
    let fallbacks = ["none_in_time", "hopeless"]
        .map(|reason| after.reads_because(reason) - before.reads_because(reason));
    assert!(fallbacks.iter().sum::<f64>() >= 80.0, "{fallbacks:?} {after:?}");
    let lag = after.sum("afterwrite_replica_lag_bytes", &[]);
    assert!(lag > 0.0, "{after:?}");
    assert!(after.sum("afterwrite_replica_lag_seconds", &[]) > 0.0, "{after:?}");
    // A session without a write of its own still reads from replicas.
    assert_eq!(text(&connect(&bed.proxy.url()).await, ON_REPLICA).await, "t");
    for replica in bed.cluster.replicas() {
        replica.resume_replay().await.unwrap();
    }
    eventually("replicas again", Duration::from_secs(5), async || {
        text(&client, ON_REPLICA).await == "t"
    })
    .await;
    assert_eq!(number(&client, "SELECT v FROM t WHERE id = 3").await, 33);
}

/// An asynchronous commit is on its way for up to 600 ms: once that was seen nobody waits for it.
async fn not_flushed(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("SET synchronous_commit = off").await.unwrap();
    let mut times = Vec::new();
    for n in 0..20 {
        client.batch_execute(&format!("UPDATE t SET v = {n} WHERE id = 5")).await.unwrap();
        let begin = Instant::now();
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 5").await, n);
        times.push(begin.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    times.sort();
    println!("        p50 {:?}, slowest {:?}", times[10], times[19]);
    assert!(times[10] < Duration::from_millis(20), "{times:?}");
}

async fn one_is_enough(bed: &Bed) {
    bed.replica(0).pause_replay().await.unwrap();
    let client = connect(&bed.proxy.url()).await;
    let fresh = bed.replica(1).port().to_string();
    for n in 0..20 {
        client.batch_execute(&format!("UPDATE t SET v = {n} WHERE id = 4")).await.unwrap();
        bed.replica(1)
            .wait_for_replay(bed.cluster.primary().mark().await.unwrap(), Duration::from_secs(5))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(number(&client, "SELECT v FROM t WHERE id = 4").await, n);
        assert_eq!(text(&client, "SELECT inet_server_port()").await, fresh);
    }
    bed.replica(0).resume_replay().await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(5)).await.unwrap();
}

/// Twenty readers that wait, and one server connection: others are served meanwhile.
async fn holds_nothing(bed: &Bed) {
    let narrow = bed.another(&["--set", "pool.size=1", "--set", "routing.wait_max=2s"]).await;
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::from_millis(700)).await.unwrap();
    }
    let mut waiting = Vec::new();
    for id in 20..40 {
        let client = connect(&narrow.url()).await;
        client.batch_execute(&format!("UPDATE t SET v = {id} WHERE id = {id}")).await.unwrap();
        let sql = format!("SELECT v FROM t WHERE id = {id}");
        waiting.push(tokio::spawn(async move { (number(&client, &sql).await, id) }));
    }
    // Two, for a write makes the next read of its own session wait.
    let [reader, writer] = [connect(&narrow.url()).await, connect(&narrow.url()).await];
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(text(&reader, "SELECT 'x'").await, "x");
        text(&writer, "SELECT txid_current()").await;
    }
    let took = begin.elapsed();
    for task in waiting {
        let (seen, expected) = within("a waiting read", task).await.unwrap();
        assert_eq!(seen, expected);
    }
    for replica in bed.cluster.replicas() {
        replica.set_apply_delay(Duration::ZERO).await.unwrap();
    }
    assert!(took < Duration::from_millis(500), "{took:?}");
}

async fn measured(bed: &Bed) {
    let metrics = bed.proxy.metrics().await;
    assert!(metrics.sum("afterwrite_captures_total", &[]) > 50.0, "{metrics:?}");
    assert!(metrics.sum("afterwrite_writes_total", &[]) > 50.0, "{metrics:?}");
    assert!(metrics.sum("afterwrite_node_up", &[]) > 2.5, "{metrics:?}");
    assert!(metrics.sum("afterwrite_node_primary", &[("node", "0")]) > 0.5);
    assert!(metrics.sum("afterwrite_pool_idle", &[]) >= 1.0, "{metrics:?}");
}
