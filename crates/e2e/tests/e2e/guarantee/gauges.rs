//! Where the log tells no positions: by a heartbeat table nothing is weaker, and by the clock
//! what is assumed of the replicas must hold.

use std::time::Duration;

use afterwrite_cluster::{Plan as ClusterPlan, StopMode};
use afterwrite_verify::guarantee::{Findings, Scope};
use tokio_postgres::{Client, NoTls};

use crate::support::{Bed, Checks, Proxy, connect, eventually, guarantee, number, sqlstate, text};

const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";
const BEHIND: Duration = Duration::from_millis(100);

async fn run(bed: &Bed, proxy: &Proxy, scopes: &[Scope], reads: u64) -> Findings {
    guarantee(bed, proxy, 12, scopes, reads).await
}

fn clean(findings: &Findings) -> bool {
    findings.complete && findings.is_clean()
}

#[tokio::test]
async fn by_heartbeats_no_read_is_stale() {
    let delays = [Duration::ZERO, Duration::from_millis(100)];
    let plan = ClusterPlan { apply_delay: delays.to_vec(), ..ClusterPlan::default() };
    let heartbeat = ["--set", "cluster.positions=heartbeat", "--set", "pool.size=8"];
    let bed = Bed::with(plan, &heartbeat).await;
    let mut checks = Checks::default();
    let findings = run(&bed, &bed.proxy, &Scope::ALL, 5_000).await;
    checks.that("one replica 100 ms behind", clean(&findings), &findings.to_string());
    let errors = findings.errors_by_sqlstate.iter().any(|(kind, _)| kind != "42P01");
    checks.that("no errors", !errors, &findings.to_string());
    let share = findings.reads_on_replicas * 10 > findings.reads;
    checks.that("replicas answered", share, &findings.to_string());
    checks.run("beats are made while somebody needs them", beats(&bed)).await;
    checks.run("a token is a beat", tokens(&bed)).await;
    checks.run("levels", levels(&bed)).await;
    checks.run("another database", elsewhere(&bed)).await;
    let metrics = bed.proxy.metrics().await;
    let kind = metrics.sum("afterwrite_positions", &[("kind", "heartbeat")]);
    checks.that("the metric says so", kind > 0.5, &kind.to_string());

    let set = ["--set", "cluster.positions=heartbeat", "--set", "routing.level=eventual"];
    let eventual = bed.another(&set).await;
    let findings = run(&bed, &eventual, &[Scope::Connection], 1_000).await;
    checks.that("without the floor it is found", findings.stale_count > 0, &findings.to_string());
}

async fn beat(bed: &Bed) -> i64 {
    let direct = connect(&bed.direct()).await;
    number(&direct, "SELECT beat FROM afterwrite.heartbeat").await
}

async fn beats(bed: &Bed) {
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = beat(bed).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(beat(bed).await, before, "nobody needs one");
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("CREATE TABLE IF NOT EXISTS b (v int)").await.unwrap();
    eventually("a beat", Duration::from_secs(10), async || {
        client.batch_execute("INSERT INTO b VALUES (1)").await.unwrap();
        number(&client, "SELECT count(*) FROM b").await;
        beat(bed).await > before
    })
    .await;
}

/// What one connection wrote another reads by its token, also through another proxy.
async fn tokens(bed: &Bed) {
    let writer = connect(&bed.proxy.url()).await;
    let other = bed.another(&["--set", "cluster.positions=heartbeat"]).await;
    writer.batch_execute("CREATE TABLE IF NOT EXISTS c (v int)").await.unwrap();
    for round in 1..20 {
        writer.batch_execute("INSERT INTO c VALUES (1)").await.unwrap();
        let token = text(&writer, "SHOW afterwrite.token").await;
        assert!(token.len() > 20, "{token:?}");
        let reader = connect(&other.url()).await;
        reader.batch_execute(&format!("SET afterwrite.token = '{token}'")).await.unwrap();
        assert_eq!(number(&reader, "SELECT count(*) FROM c").await, round);
    }
}

async fn levels(bed: &Bed) {
    let (writer, reader) = (connect(&bed.proxy.url()).await, connect(&bed.proxy.url()).await);
    writer.batch_execute("CREATE TABLE IF NOT EXISTS d (v int)").await.unwrap();
    for (level, rounds) in [("strong", 15), ("causal", 15)] {
        reader.batch_execute(&format!("SET afterwrite.level = '{level}'")).await.unwrap();
        let mut last = 0;
        for _ in 0..rounds {
            writer.batch_execute("INSERT INTO d VALUES (1)").await.unwrap();
            let written = number(&writer, "SELECT count(*) FROM d").await;
            let read = number(&reader, "SELECT count(*) FROM d").await;
            assert!(read >= last, "{level}: {read} after {last}");
            assert!(level != "strong" || read >= written, "{level}: {read} of {written}");
            last = read;
        }
    }
    reader
        .batch_execute("SET afterwrite.level = 'bounded'; SET afterwrite.max_staleness = '3s'")
        .await
        .unwrap();
    assert_eq!(text(&reader, ON_REPLICA).await, "t");
}

/// Connections to a database without the table go by the probe's answers alone.
async fn elsewhere(bed: &Bed) {
    let admin = connect(&bed.cluster.primary().superuser_url()).await;
    admin.batch_execute("CREATE DATABASE other OWNER app").await.unwrap();
    bed.cluster.wait_for_catch_up(Duration::from_secs(20)).await.unwrap();
    let set = ["--set", "cluster.positions=heartbeat", "--set", "databases.other.cluster=default"];
    let proxy = bed.another(&set).await;
    let client = connect(&format!("postgres://app@127.0.0.1:{}/other", proxy.port())).await;
    client.batch_execute("CREATE TABLE e (v int)").await.unwrap();
    for round in 1..60 {
        client.batch_execute("INSERT INTO e VALUES (1)").await.unwrap();
        assert_eq!(number(&client, "SELECT count(*) FROM e").await, round);
    }
    eventually("replicas serve it", Duration::from_secs(10), async || {
        text(&client, ON_REPLICA).await == "t"
    })
    .await;
}

#[tokio::test]
async fn beats_outlive_a_restart_of_the_primary() {
    let plan = ClusterPlan { apply_delay: vec![Duration::ZERO; 2], ..ClusterPlan::default() };
    let bed = Bed::with(plan, &["--set", "cluster.positions=heartbeat"]).await;
    bed.prepare("CREATE TABLE t (v int)").await;
    let life = "SELECT life FROM afterwrite.heartbeat";
    let before = number(&connect(&bed.direct()).await, life).await;
    bed.cluster.primary().restart(StopMode::Immediate).await.unwrap();
    eventually("it serves again", Duration::from_secs(15), async || {
        let Ok((client, connection)) = tokio_postgres::connect(&bed.proxy.url(), NoTls).await
        else {
            return false;
        };
        tokio::spawn(connection);
        client.batch_execute("INSERT INTO t VALUES (1); DELETE FROM t").await.is_ok()
    })
    .await;
    let client = connect(&bed.proxy.url()).await;
    for round in 1..20 {
        client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(number(&client, "SELECT count(*) FROM t").await, round);
    }
    let after = number(&connect(&bed.direct()).await, life).await;
    assert!(after > before, "life {after} after {before}");
}

#[tokio::test]
async fn a_window_longer_than_the_lag_hides_it() {
    let plan = ClusterPlan { apply_delay: vec![BEHIND; 2], ..ClusterPlan::default() };
    let set = |window| ["--set", "cluster.positions=window", "--set", window];
    let bed = Bed::with(plan, &set("cluster.window=400ms")).await;
    let mut checks = Checks::default();
    checks.run("a write and the window after it", window(&bed)).await;
    checks.run("levels", levels_by_clock(&bed)).await;
    let findings = run(&bed, &bed.proxy, &Scope::ALL, 1_500).await;
    checks.that("none is stale", clean(&findings), &findings.to_string());
    let metrics = bed.proxy.metrics().await;
    let kind = metrics.sum("afterwrite_positions", &[("kind", "window")]);
    checks.that("the metric says so", kind > 0.5, &kind.to_string());
    let said = bed.proxy.log().iter().any(|line| line.contains("assumed and not known"));
    checks.that("the log says so", said, "");

    let short = bed.another(&set("cluster.window=10ms")).await;
    let findings = run(&bed, &short, &[Scope::Connection], 1_000).await;
    checks.that("a shorter one is found out", findings.stale_count > 0, &findings.to_string());
}

async fn goes_to_replica(client: &Client) -> bool {
    text(client, ON_REPLICA).await == "t"
}

async fn window(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    client.batch_execute("CREATE TABLE w (v int)").await.unwrap();
    for round in 1..4 {
        client.batch_execute("INSERT INTO w VALUES (1)").await.unwrap();
        let written = std::time::Instant::now();
        assert_eq!(number(&client, "SELECT count(*) FROM w").await, round);
        assert!(!goes_to_replica(&client).await, "within the window");
        eventually("the window ends", Duration::from_secs(10), || goes_to_replica(&client)).await;
        let elapsed = written.elapsed();
        assert!(elapsed >= Duration::from_millis(400), "{elapsed:?}");
        assert_eq!(number(&client, "SELECT count(*) FROM w").await, round);
    }
    client.batch_execute("INSERT INTO w VALUES (1)").await.unwrap();
    number(&client, "SELECT count(*) FROM w").await;
    let refused = client.simple_query("SHOW afterwrite.token").await.unwrap_err();
    assert_eq!(sqlstate(&refused), "55000", "{refused:?}");
}

async fn levels_by_clock(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let level = async |set: &str| {
        client.batch_execute(set).await.unwrap();
        goes_to_replica(&client).await
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!level("SET afterwrite.level = 'strong'").await);
    assert!(level("SET afterwrite.level = 'eventual'").await);
    assert!(
        !level("SET afterwrite.level = 'bounded'; SET afterwrite.max_staleness = '500ms'").await
    );
    let bounded = "SET afterwrite.level = 'bounded'; SET afterwrite.max_staleness = '4s'";
    eventually("beyond the window", Duration::from_secs(10), || level(bounded)).await;
}

/// A replica that stays behind with the old primary shows more beats than the new one has made
/// when it begins.
#[tokio::test]
async fn beats_that_a_failover_has_lost_are_not_taken_for_others() {
    let plan = ClusterPlan { replicas: 2, ..ClusterPlan::default() };
    let bed = Bed::with(plan, &["--set", "cluster.positions=heartbeat"]).await;
    bed.prepare("CREATE TABLE t (v int)").await;
    let writer = connect(&bed.proxy.url()).await;
    // The next primary hears no more, and many beats are made without it.
    bed.replica(0).set("primary_conninfo", "").await.unwrap();
    for _ in 0..30 {
        writer.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
        number(&writer, "SELECT count(*) FROM t").await;
    }
    let replica = connect(&bed.replica(1).superuser_url()).await;
    let shown = "SELECT count(*) FROM t";
    eventually("all on the other", Duration::from_secs(5), async || {
        number(&replica, shown).await == 30
    })
    .await;
    bed.cluster.primary().stop(StopMode::Immediate).await.unwrap();
    drop(writer);
    bed.replica(0).promote().await.unwrap();
    eventually("the new one serves", Duration::from_secs(20), async || {
        let Ok((client, connection)) = tokio_postgres::connect(&bed.proxy.url(), NoTls).await
        else {
            return false;
        };
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE IF NOT EXISTS u (v int)").await.is_ok()
    })
    .await;
    let new = connect(&bed.replica(0).superuser_url()).await;
    let base = number(&new, shown).await;
    assert!(base < 30, "nothing was lost");
    let client = connect(&bed.proxy.url()).await;
    // Until the new primary's catalog is known, everything goes there.
    eventually("the catalog is known", Duration::from_secs(15), async || {
        number(&client, shown).await;
        text(&client, "SHOW afterwrite.last_decision").await.contains("reads public.t")
    })
    .await;
    for round in 1..30 {
        client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
        let seen = number(&client, shown).await;
        assert_eq!(seen, base + round, "the old replica shows 30, and more beats");
    }
}
