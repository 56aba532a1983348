//! A cancel request reaches the statement it is meant for, and no other.

use std::time::{Duration, Instant};

use afterwrite_wire::client;

use crate::support::{Bed, Checks, Raw, connect, number, within};

/// Sends a cancel request and waits until the proxy has hung up on it.
async fn cancel(port: u16, pid: i32, key: &[u8]) {
    let mut raw = Raw::open(port).await;
    let mut out = Vec::new();
    client::cancel(&mut out, pid, key);
    raw.send(&out).await;
    assert!(raw.until_end().await.is_empty(), "a cancel request is not answered");
}

/// The codes of the errors in an answer.
async fn codes(raw: &mut Raw) -> Vec<String> {
    let replies = raw.until(b'Z').await;
    replies.iter().filter(|reply| reply.tag == b'E').map(crate::support::Reply::code).collect()
}

#[tokio::test]
async fn a_cancel_request_reaches_its_own_statement() {
    let bed = Bed::start(&["--set", "pool.size=1"]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    let wide = bed.another(&[]).await;
    let mut checks = Checks::default();
    checks.run("one of two", one_of_two(wide.port())).await;
    checks.run("too late, on a shared connection", too_late(bed.proxy.port())).await;
    checks.run("a wrong key", wrong_key(wide.port())).await;
    checks.run("a write, in a transaction", in_a_transaction(wide.port())).await;
    checks.run("while it waits for a server connection", while_queued(bed.proxy.port())).await;
    checks.run("a storm", storm(&bed, bed.proxy.port())).await;
}

async fn one_of_two(port: u16) {
    let [mut first, mut second] = [Raw::login(port, &[]).await, Raw::login(port, &[]).await];
    assert_ne!((first.pid, &first.key), (second.pid, &second.key));
    first.query("SELECT pg_sleep(2)").await;
    second.query("SELECT pg_sleep(20)").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    cancel(port, second.pid, &second.key).await;
    assert_eq!(codes(&mut second).await, ["57014"]);
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(codes(&mut first).await.is_empty());
    assert_eq!(second.ask("SELECT 1").await, ["1"]);
}

/// A cancels after its own statement ended; B by then uses the same server connection.
async fn too_late(port: u16) {
    let [mut first, mut second] = [Raw::login(port, &[]).await, Raw::login(port, &[]).await];
    for sql in ["SELECT pg_sleep(0.3)", "SELECT count(*) FROM t, pg_sleep(0.3)", "SELECT 1"] {
        assert_eq!(first.ask("SELECT 1").await, ["1"]);
        second.query(sql).await;
        for _ in 0..5 {
            cancel(port, first.pid, &first.key).await;
        }
        assert!(codes(&mut second).await.is_empty(), "{sql}");
    }
}

async fn wrong_key(port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.query("SELECT pg_sleep(0.5)").await;
    let mut key = raw.key.clone();
    key[0] ^= 1;
    cancel(port, raw.pid, &key).await;
    cancel(port, raw.pid.wrapping_add(1), &raw.key).await;
    assert!(codes(&mut raw).await.is_empty());
}

async fn in_a_transaction(port: u16) {
    let mut raw = Raw::login(port, &[]).await;
    raw.ask("BEGIN").await;
    raw.ask("INSERT INTO t VALUES (1)").await;
    raw.query("SELECT pg_sleep(20)").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    cancel(port, raw.pid, &raw.key).await;
    assert_eq!(codes(&mut raw).await, ["57014"]);
    // Aborted, as directly.
    raw.query("SELECT 1").await;
    assert_eq!(codes(&mut raw).await, ["25P02"]);
    raw.ask("ROLLBACK").await;
    // Between two statements of a transaction there is nothing to cancel.
    raw.ask("BEGIN").await;
    cancel(port, raw.pid, &raw.key).await;
    assert_eq!(raw.ask("SELECT 2").await, ["2"]);
    raw.ask("COMMIT").await;
}

async fn while_queued(port: u16) {
    let [mut first, mut second] = [Raw::login(port, &[]).await, Raw::login(port, &[]).await];
    first.ask("BEGIN").await;
    first.ask("INSERT INTO t VALUES (2)").await;
    second.query("INSERT INTO t VALUES (3)").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begin = Instant::now();
    cancel(port, second.pid, &second.key).await;
    assert_eq!(codes(&mut second).await, ["57014"]);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    first.ask("ROLLBACK").await;
    assert_eq!(second.ask("SELECT count(*) FROM t WHERE id = 3").await, ["0"]);
}

/// One client cancels all the time; the other's statements all succeed.
async fn storm(bed: &Bed, port: u16) {
    let mut first = Raw::login(port, &[]).await;
    let (pid, key) = (first.pid, first.key.clone());
    let canceller = tokio::spawn(async move {
        for _ in 0..150 {
            cancel(port, pid, &key).await;
        }
    });
    let victim = tokio::spawn(async move {
        for _ in 0..100 {
            first.query("INSERT INTO t VALUES (10)").await;
            for code in codes(&mut first).await {
                assert_eq!(code, "57014");
            }
        }
    });
    let other = connect(&bed.proxy.url()).await;
    for n in 0..100 {
        within("a write", other.batch_execute(&format!("INSERT INTO t VALUES ({})", 1000 + n)))
            .await
            .unwrap();
        let sql = format!("SELECT count(*) FROM t WHERE id = {}", 1000 + n);
        assert_eq!(number(&other, &sql).await, 1);
    }
    within("the cancels", canceller).await.unwrap();
    within("the cancelled", victim).await.unwrap();
}
