//! `bounded`: no read sees a state older than it may be, however far the replicas are behind,
//! and however long nobody has written.

use std::time::{Duration, Instant};

use afterwrite_cluster::Plan;

use crate::support::{Bed, Checks, connect, number, text};

const HINTED: &str = "SELECT v FROM t /* afterwrite: level=bounded, max_staleness=50ms */";
const ON_REPLICA: &str = "SELECT pg_is_in_recovery()";
/// A busy machine may take longer to ask the servers than a read waits otherwise.
const PATIENT: &str = "SET afterwrite.wait_max = '10s'";
const BEHIND: Duration = Duration::from_millis(300);

#[tokio::test]
async fn no_read_is_older_than_its_bound() {
    let plan = Plan { apply_delay: vec![BEHIND; 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0)").await;
    let mut checks = Checks::default();
    checks.run("an idle primary is no lag", idle(&bed)).await;
    checks.run("what the session wrote is not waited for", own_writes(&bed)).await;
    checks.run("what is older than the bound is seen", old_writes(&bed)).await;
    let near = under_load(&bed, "SET afterwrite.max_staleness = '100ms'");
    checks.run("under load, a bound below the lag", near).await;
    let far = under_load(&bed, "SET afterwrite.max_staleness = '900ms'");
    checks.run("under load, a bound above the lag", far).await;
    checks.run("with another level", with_another_level(&bed)).await;
    checks.run("by hint, startup option and configuration", said_elsewhere(&bed)).await;
}

async fn bounded(bed: &Bed, max_staleness: &str) -> tokio_postgres::Client {
    let client = connect(&bed.proxy.url()).await;
    let set = format!(
        "SET afterwrite.level = 'bounded'; SET afterwrite.max_staleness = '{max_staleness}'"
    );
    client.batch_execute(&set).await.unwrap();
    client
}

/// The last commit is old, and the state is not.
async fn idle(bed: &Bed) {
    tokio::time::sleep(2 * BEHIND).await;
    let client = bounded(bed, "100ms").await;
    client.batch_execute(PATIENT).await.unwrap();
    for _ in 0..10 {
        assert_eq!(text(&client, ON_REPLICA).await, "t");
    }
}

async fn own_writes(bed: &Bed) {
    let client = bounded(bed, "5s").await;
    client.batch_execute(PATIENT).await.unwrap();
    client.batch_execute("UPDATE t SET v = 1").await.unwrap();
    assert_eq!(number(&client, "SELECT v FROM t").await, 0);
    assert_eq!(text(&client, ON_REPLICA).await, "t");
    // The own write is in the floor still, for a level that asks for it.
    client.batch_execute("SET afterwrite.level = 'read_your_writes'").await.unwrap();
    assert_eq!(number(&client, "SELECT v FROM t").await, 1);
}

/// Also one that was made past the proxy.
async fn old_writes(bed: &Bed) {
    let client = bounded(bed, "100ms").await;
    let direct = connect(&bed.direct()).await;
    for n in 2..12 {
        direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(101)).await;
        assert_eq!(number(&client, "SELECT v FROM t").await, n);
    }
}

/// A writer counts; every read sees at least what was acknowledged longer ago than the bound.
async fn under_load(bed: &Bed, set: &str) {
    let bound: u64 = set.split('\'').nth(1).unwrap().trim_end_matches("ms").parse().unwrap();
    let bound = Duration::from_millis(bound);
    let direct = connect(&bed.direct()).await;
    let first = number(&direct, "SELECT v FROM t").await + 1;
    let (done, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        for n in first..first + 400 {
            direct.batch_execute(&format!("UPDATE t SET v = {n}")).await.unwrap();
            done.send((n, Instant::now())).unwrap();
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    });
    let client = bounded(bed, "5s").await;
    client.batch_execute(set).await.unwrap();
    let mut written: Vec<(i64, Instant)> = Vec::new();
    let (mut reads, mut on_replica, mut behind) = (0, 0, 0);
    while !writer.is_finished() {
        let began = Instant::now();
        let seen = text(&client, "SELECT v || ' ' || pg_is_in_recovery()::text FROM t").await;
        let (seen, place) = seen.split_once(' ').unwrap();
        let seen: i64 = seen.parse().unwrap();
        while let Ok(write) = acknowledged.try_recv() {
            written.push(write);
        }
        let owed = written.iter().rev().find(|write| write.1 + bound < began).map_or(0, |it| it.0);
        assert!(seen >= owed, "{seen} seen, {owed} was acknowledged more than {bound:?} before");
        reads += 1;
        on_replica += i32::from(place == "true");
        behind += i32::from(written.last().is_some_and(|last| last.0 > seen + 10));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    writer.await.unwrap();
    println!("bound {bound:?}: {reads} reads, {on_replica} on replicas, {behind} a little behind");
    assert!(reads > 100, "{reads}");
    if bound > 2 * BEHIND {
        assert!(on_replica * 10 > reads * 8, "{on_replica} of {reads} on replicas");
        assert!(behind * 10 > reads * 5, "{behind} of {reads} were behind: the test shows nothing");
    }
}

/// A bound that is set counts beside what the level asks for.
async fn with_another_level(bed: &Bed) {
    let direct = connect(&bed.direct()).await;
    let last = number(&direct, "SELECT v FROM t").await;
    for (level, next) in [("eventual", last + 1), ("read_your_writes", last + 2)] {
        let client = connect(&bed.proxy.url()).await;
        client.batch_execute(&format!("SET afterwrite.level = '{level}'")).await.unwrap();
        client.batch_execute("SET afterwrite.max_staleness = '50ms'").await.unwrap();
        direct.batch_execute(&format!("UPDATE t SET v = {next}")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(number(&client, "SELECT v FROM t").await, next, "{level}");
        client.batch_execute("RESET afterwrite.max_staleness").await.unwrap();
        assert!(number(&client, "SELECT v FROM t").await < next, "{level}, without a bound");
    }
}

async fn said_elsewhere(bed: &Bed) {
    let by_option = format!(
        "{}?options=-c%20afterwrite.level%3Dbounded%20-c%20afterwrite.max_staleness%3D50ms",
        bed.proxy.url()
    );
    let option = connect(&by_option).await;
    let args = ["--set", "routing.level=bounded", "--set", "routing.max_staleness=50ms"];
    let configured = bed.another(&args).await;
    let configuration = connect(&configured.url()).await;
    let plain = connect(&bed.proxy.url()).await;
    let direct = connect(&bed.direct()).await;
    let last = number(&direct, "SELECT v FROM t").await;
    for (next, client, sql) in [
        (last + 1, &option, "SELECT v FROM t"),
        (last + 2, &configuration, "SELECT v FROM t"),
        (last + 3, &plain, HINTED),
    ] {
        direct.batch_execute(&format!("UPDATE t SET v = {next}")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(number(&plain, "SELECT v FROM t").await < next, "the control");
        assert_eq!(number(client, sql).await, next, "{sql}");
    }
    assert_eq!(text(&configuration, "SHOW afterwrite.max_staleness").await, "50ms");
    assert_eq!(text(&configuration, "SHOW afterwrite.level").await, "bounded");
}
