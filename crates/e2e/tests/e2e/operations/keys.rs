//! Keys: what is said of them, and how one is raised for a write that went past the proxy.

use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};
use tokio_postgres::Client;

use super::desk::{Console, Desk, Row, cluster_section, figure};
use crate::support::{Checks, connect, number, sqlstate, text};

/// How long replicas stay behind: long enough that no read waits so long.
const BEHIND: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_counted_and_raised() {
    let plan = Plan { replicas: 1, apply_delay: vec![BEHIND], ..Plan::default() };
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    let configuration = format!(
        "{}[clients]\nauth = \"trust\"\n[users.admin]\n[users.looker]\n[users.app]\n[admin]\nusers = [\"admin\"]\nstats_users = [\"looker\"]\n\
         [databases.app]\n[routing]\nkeys_max = 40\n",
        cluster_section(&cluster)
    );
    let desk = Desk::open(&configuration).await;
    let direct = connect(&cluster.primary().url()).await;
    direct
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL);
             INSERT INTO t SELECT n, 0 FROM generate_series(1, 99) n; GRANT ALL ON t TO PUBLIC",
        )
        .await
        .unwrap();
    cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let mut checks = Checks::default();
    checks.run("keys by what wrote them", counted(&desk)).await;
    checks.run("what a client says", said(&desk)).await;
    checks.run("a raised key", raised(&desk, &direct)).await;
    checks.run("a key that a client raises", raised_by_client(&desk, &direct)).await;
    checks.run("who may raise one, and which", refused(&desk)).await;
    checks.run("keys that are dropped", evicted(&desk)).await;
}

async fn with_key(desk: &Desk, key: &str) -> Client {
    let client = desk.app().await;
    client.batch_execute(&format!("SET afterwrite.session = '{key}'")).await.unwrap();
    client
}

async fn of(console: &Console, source: &str) -> Row {
    console.row_of("SHOW KEYS", "source", source).await
}

async fn keys(console: &Console) -> [u32; 4] {
    let mut counts = [0; 4];
    for (at, source) in ["creation", "update", "manual", "table"].into_iter().enumerate() {
        counts[at] = of(console, source).await["keys"].parse().unwrap();
    }
    counts
}

fn seconds(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap()
}

async fn counted(desk: &Desk) {
    let console = desk.console("looker").await;
    assert_eq!(keys(&console).await, [0; 4]);
    assert_eq!(of(&console, "update").await["oldest_seconds"], "", "there is none");
    let began = Instant::now();
    let order = with_key(desk, "order:1").await;
    order.batch_execute("INSERT INTO t VALUES (1001, 1)").await.unwrap();
    assert_eq!(keys(&console).await, [1, 0, 0, 0]);
    order.batch_execute("BEGIN; INSERT INTO t VALUES (1002, 1); COMMIT").await.unwrap();
    let client = with_key(desk, "order:2").await;
    for sql in ["BEGIN", "INSERT INTO t VALUES (1003, 1)", "COMMIT"] {
        client.batch_execute(sql).await.unwrap();
    }
    assert_eq!(keys(&console).await, [2, 0, 0, 0]);
    order.execute("UPDATE t SET v = 2 WHERE id = $1", &[&1001]).await.unwrap();
    assert_eq!(keys(&console).await, [1, 1, 0, 0], "what it was last written by");
    assert_eq!(number(&order, "SELECT v FROM t WHERE id = 1001").await, 2);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let row = of(&console, "creation").await;
    assert_eq!((row["cluster"].as_str(), row["evicted"].as_str()), ("default", "0"), "{row:?}");
    for column in ["oldest_seconds", "average_seconds", "known_seconds"] {
        let age = seconds(&row, column);
        assert!((1.0..=began.elapsed().as_secs_f64() + 1.0).contains(&age), "{row:?}");
    }
    let metrics = desk.proxy.metrics().await;
    for (source, keys) in [("creation", "1"), ("update", "1"), ("manual", "0"), ("table", "0")] {
        let labels = [("source", source), ("cluster", "default")];
        assert_eq!(metrics.sum("afterwrite_keys", &labels).to_string(), keys, "{source}");
    }
    for stat in ["oldest", "average"] {
        let labels = [("stat", stat), ("cluster", "default")];
        let age = metrics.sum("afterwrite_key_age_seconds", &labels);
        assert!((1.0..60.0).contains(&age), "{stat}: {age}");
    }
}

async fn said(desk: &Desk) {
    let console = desk.console("looker").await;
    let before = keys(&console).await;
    let client = with_key(desk, "order:3").await;
    client.batch_execute("SET afterwrite.source = 'creation'").await.unwrap();
    client.batch_execute("UPDATE t SET v = 1 WHERE id = 3").await.unwrap();
    assert_eq!(text(&client, "SHOW afterwrite.source").await, "creation");
    let hinted =
        "UPDATE t SET v = 1 WHERE id = 4 /*afterwrite.session='o4',afterwrite.source='manual'*/";
    let client = desk.app().await;
    client.batch_execute(hinted).await.unwrap();
    let url = format!(
        "{}?options=-c%20afterwrite.session%3Do5%20-c%20afterwrite.source%3Dcreation",
        desk.url("app", "app")
    );
    connect(&url).await.batch_execute("DELETE FROM t WHERE id = 5").await.unwrap();
    let after = keys(&console).await;
    assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [2, 0, 1]);
    let refusal = client.batch_execute("SET afterwrite.source = 'table'").await.unwrap_err();
    assert_eq!(sqlstate(&refusal), "22023");
}

/// A read that nobody has told of the write is stale; after `RAISE KEY` it is not.
async fn raised(desk: &Desk, direct: &Client) {
    let console = desk.console("admin").await;
    let [named, other] = [with_key(desk, "order:10").await, with_key(desk, "order:11").await];
    let read = "SELECT v FROM t WHERE id = 10";
    // Until this key is known, its reads ask for all that was there before the start.
    for client in [&named, &other] {
        assert_eq!(number(client, read).await, 0);
    }
    tokio::time::sleep(BEHIND + Duration::from_millis(500)).await;
    direct.batch_execute("UPDATE t SET v = 7 WHERE id = 10").await.unwrap();
    assert_eq!(number(&named, read).await, 0, "the control: the replica has not come to it yet");
    console.run("RAISE KEY 'order:10' app").await;
    assert_eq!(number(&named, read).await, 7, "{}", decision(&named).await);
    assert_eq!(number(&other, read).await, 0, "no other key is raised");
    assert_eq!(number(&with_key(desk, "order:10").await, read).await, 7, "on any connection");
    tokio::time::sleep(BEHIND + Duration::from_millis(500)).await;
    direct.batch_execute("UPDATE t SET v = 8 WHERE id = 10").await.unwrap();
    assert_eq!(number(&named, read).await, 7, "and not for what comes later");
    console.run("RAISE KEY 'order:10'").await;
    assert_eq!(number(&named, read).await, 8, "in all clusters");
}

/// Without the console: any statement that is no read.
async fn raised_by_client(desk: &Desk, direct: &Client) {
    let console = desk.console("looker").await;
    let before = keys(&console).await;
    let reader = with_key(desk, "order:20").await;
    let read = "SELECT v FROM t WHERE id = 20";
    assert_eq!(number(&reader, read).await, 0);
    tokio::time::sleep(BEHIND + Duration::from_millis(500)).await;
    direct.batch_execute("UPDATE t SET v = 7 WHERE id = 20").await.unwrap();
    assert_eq!(number(&reader, read).await, 0, "the control");
    let raise = "BEGIN; COMMIT /* afterwrite: session=order:20, source=manual */";
    desk.app().await.batch_execute(raise).await.unwrap();
    assert_eq!(number(&reader, read).await, 7, "{}", decision(&reader).await);
    assert_eq!(keys(&console).await[2], before[2] + 1);
}

async fn decision(client: &Client) -> String {
    text(client, "SHOW afterwrite.last_decision").await
}

async fn refused(desk: &Desk) {
    let looker = desk.console("looker").await;
    assert!(looker.error("RAISE KEY 'a'").await.contains("admin access needed"));
    let admin = desk.console("admin").await;
    assert!(admin.error("RAISE KEY 'a' nodb").await.contains("no such database: nodb"));
    assert!(admin.error("RAISE KEY ''").await.contains("1024 bytes"));
    let log = desk.proxy.log().join("\n");
    assert!(log.contains("RaiseKey") && !log.contains("order:10"), "keys are not for logs: {log}");
}

async fn evicted(desk: &Desk) {
    let console = desk.console("looker").await;
    let client = desk.app().await;
    for key in 0..100 {
        let sql = format!("UPDATE t SET v = 1 WHERE id = 99 /*afterwrite.session='many{key}'*/");
        client.batch_execute(&sql).await.unwrap();
    }
    let now = keys(&console).await;
    assert!(now.iter().sum::<u32>() <= 40, "{now:?}");
    let rows = console.rows("SHOW KEYS").await;
    let evicted: i64 = rows.iter().map(|row| figure(row, "evicted")).sum();
    assert!(evicted >= 60, "{rows:?}");
    let metrics = desk.proxy.metrics().await;
    assert_eq!(metrics.sum("afterwrite_keys_evicted_total", &[]).to_string(), evicted.to_string());
}
