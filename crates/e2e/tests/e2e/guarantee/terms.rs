//! What happens to a read that no replica can answer as it asks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterwrite_cluster::{Plan, StopMode};
use futures_util::future::poll_fn;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::support::{Bed, Checks, connect, number, sqlstate, text};

const READ: &str = "SELECT v FROM t";
const HINTED: &str = "SELECT v FROM t /* afterwrite: at_timeout=error, wait_max=1ms */";
const QUOTED: &str =
    "SELECT v FROM t /*afterwrite.level='strong%20within%201ms%2C%20then%20error'*/";

#[tokio::test]
async fn a_read_that_no_replica_can_answer() {
    let plan = Plan { apply_delay: vec![Duration::from_secs(2); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", "routing.wait_max=20ms"]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let mut checks = Checks::default();
    checks.run("the primary answers", primary(&bed)).await;
    checks.run("it fails", error(&bed)).await;
    checks.run("a replica answers, with a notice", stale(&bed)).await;
    checks.run("one step after the other", list(&bed)).await;
    checks.run("for a statement or a transaction", for_a_while(&bed)).await;
    checks.run("doubt goes to the primary", doubt(&bed)).await;
    checks.run("what cannot be followed is refused", refused(&bed)).await;
    checks.run("from the configuration", configured(&bed)).await;
    checks.run("without a primary", without_primary(&bed)).await;
}

/// A client, and what it is told beside its answers.
async fn listening(url: &str) -> (Client, Arc<Mutex<Vec<String>>>) {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let notices = Arc::clone(&told);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message {
                let text = format!("{} {}", notice.code().code(), notice.message());
                notices.lock().unwrap().push(text);
            }
        }
    });
    (client, told)
}

/// A client whose last write no replica has.
async fn writer(bed: &Bed) -> (Client, i64) {
    let client = connect(&bed.proxy.url()).await;
    let n = number(&client, "UPDATE t SET v = v + 1 RETURNING v").await;
    (client, n)
}

async fn primary(bed: &Bed) {
    let (client, n) = writer(bed).await;
    assert_eq!(text(&client, "SHOW afterwrite.at_timeout").await, "primary");
    assert_eq!(text(&client, "SHOW afterwrite.wait_max").await, "20ms");
    assert_eq!(number(&client, READ).await, n);
}

async fn error(bed: &Bed) {
    let (client, n) = writer(bed).await;
    client.batch_execute("SET afterwrite.at_timeout = 'error'").await.unwrap();
    for _ in 0..2 {
        let error = client.simple_query(READ).await.unwrap_err();
        assert_eq!(sqlstate(&error), "72AW1", "{error:?}");
        let detail = error.as_db_error().unwrap().detail().unwrap().to_owned();
        assert!(detail.contains("bytes and") && detail.contains("behind"), "{detail}");
        assert!(detail.contains("not sent to any server"), "{detail}");
    }
    let error = client.query_one("SELECT v FROM t WHERE id = $1", &[&1]).await.unwrap_err();
    assert_eq!(sqlstate(&error), "72AW1");
    client.batch_execute("RESET afterwrite.at_timeout").await.unwrap();
    assert_eq!(number(&client, READ).await, n, "the connection is good as before");
    let failed = bed.proxy.metrics().await.sum("afterwrite_reads_failed_behind_total", &[]);
    assert!(failed >= 3.0, "{failed}");
}

async fn stale(bed: &Bed) {
    let (client, told) = listening(&bed.proxy.url()).await;
    let n = number(&client, "UPDATE t SET v = v + 1 RETURNING v").await;
    client.batch_execute("SET afterwrite.at_timeout = 'stale'").await.unwrap();
    assert!(number(&client, READ).await < n);
    assert!(text(&client, "SHOW afterwrite.last_decision").await.starts_with("replica: eventual"));
    let told: Vec<String> = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("72AW1 could not read at level read_your_writes"), "{told:?}");
    let weakened = bed.proxy.metrics().await.sum("afterwrite_reads_weakened_total", &[]);
    assert!(weakened >= 1.0, "{weakened}");
}

/// Each step has its own wait; a level that can be had is served without the rest.
async fn list(bed: &Bed) {
    let (client, told) = listening(&bed.proxy.url()).await;
    let n = number(&client, "UPDATE t SET v = v + 1 RETURNING v").await;
    let set = |bounded: &str| {
        format!(
            "SET afterwrite.level = '[read_your_writes within 5ms, then {bounded}, then error]'"
        )
    };
    // The primary has to be asked first, which takes a busy machine its time.
    client.batch_execute(&set("bounded within 5s")).await.unwrap();
    assert_eq!(text(&client, "SHOW afterwrite.level").await, "read_your_writes");
    assert_eq!(text(&client, "SHOW afterwrite.wait_max").await, "5ms");
    let steps = text(&client, "SHOW afterwrite.at_timeout").await;
    assert_eq!(steps, "bounded within 5s, then error");
    assert!(number(&client, READ).await < n, "ten seconds old it may be");
    assert_eq!(told.lock().unwrap().len(), 1);
    client.batch_execute(&set("bounded within 5ms")).await.unwrap();
    client.batch_execute("SET afterwrite.max_staleness = '1ms'").await.unwrap();
    assert_eq!(sqlstate(&client.simple_query(READ).await.unwrap_err()), "72AW1");
}

async fn for_a_while(bed: &Bed) {
    let (client, n) = writer(bed).await;
    for sql in [HINTED, QUOTED] {
        assert_eq!(sqlstate(&client.simple_query(sql).await.unwrap_err()), "72AW1", "{sql}");
    }
    assert_eq!(number(&client, READ).await, n);
    client.batch_execute("SET LOCAL afterwrite.at_timeout = 'error'").await.unwrap();
    assert_eq!(number(&client, READ).await, n, "outside a transaction it has no effect");
}

/// Whatever is to happen at the end of a wait: where there is doubt, it does not even begin.
async fn doubt(bed: &Bed) {
    let other = connect(&bed.proxy.url()).await;
    let client = connect(&bed.proxy.url()).await;
    for client in [&client, &other] {
        client.batch_execute("SET afterwrite.session = 'doubt'").await.unwrap();
    }
    other.batch_execute("BEGIN; UPDATE t SET v = v + 1").await.unwrap();
    client.batch_execute("SET afterwrite.at_timeout = 'stale'").await.unwrap();
    let commit = other.batch_execute("SELECT pg_sleep(0.3); COMMIT");
    let read = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        number(&client, READ).await;
        text(&client, "SHOW afterwrite.last_decision").await
    };
    let (committed, decision) = tokio::join!(commit, read);
    committed.unwrap();
    assert!(decision.starts_with("primary: pending_write"), "{decision}");
}

async fn refused(bed: &Bed) {
    let (client, n) = writer(bed).await;
    for set in [
        "SET afterwrite.at_timeout = 'never'",
        "SET afterwrite.at_timeout = 'error, primary'",
        "SET afterwrite.wait_max = 'soon'",
        "SET afterwrite.max_staleness = '-1s'",
        "SET afterwrite.level = 'strong within'",
        "SET afterwrite.level = 'primary'",
    ] {
        let error = client.batch_execute(set).await.unwrap_err();
        assert_eq!(sqlstate(&error), "22023", "{set}");
    }
    assert_eq!(number(&client, READ).await, n);
}

async fn configured(bed: &Bed) {
    let proxy =
        bed.another(&["--set", "routing.at_timeout=error", "--set", "routing.wait_max=1ms"]).await;
    let client = connect(&proxy.url()).await;
    client.batch_execute("UPDATE t SET v = v + 1").await.unwrap();
    assert_eq!(sqlstate(&client.simple_query(READ).await.unwrap_err()), "72AW1");
}

/// "Then the primary, then any": the primary is gone, and the pages stay up.
async fn without_primary(bed: &Bed) {
    let (client, told) = listening(&bed.proxy.url()).await;
    let n = number(&client, "UPDATE t SET v = v + 1 RETURNING v").await;
    bed.cluster.primary().stop(StopMode::Immediate).await.unwrap();
    let error = client.simple_query(READ).await.unwrap_err();
    assert!(sqlstate(&error).starts_with("08") || sqlstate(&error) == "57P03", "{error:?}");
    client.batch_execute("SET afterwrite.at_timeout = 'primary, then eventual'").await.unwrap();
    assert!(number(&client, READ).await <= n);
    assert!(!told.lock().unwrap().is_empty());
    bed.cluster.primary().start().await.unwrap();
}
