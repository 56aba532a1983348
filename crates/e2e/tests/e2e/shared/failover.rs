//! The primary changes while floors are shared, and takes the last writes with it.

use std::time::{Duration, Instant};

use afterwrite_cluster::Plan;
use tokio::time::sleep;

use super::load::{By, Load, SCHEMA};
use super::server::StoreServer;
use super::{Pair, SETTLED, judge, keyed, shared, strs};
use crate::support::{Bed, Checks, Proxy, Relay, eventually, number};

/// How long a client may wait for anything while the primary changes.
const PATIENCE: Duration = Duration::from_secs(12);

async fn start() -> Pair {
    let store = StoreServer::start(&[]).await;
    let ways = [Relay::to(store.port).await, Relay::to(store.port).await];
    let more = ["--set", "routing.wait_max=300ms"];
    let [first, second] = [shared(&ways[0], &more), shared(&ways[1], &more)];
    let settings = [("wal_log_hints", "on"), ("synchronous_commit", "local")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let delays = vec![Duration::ZERO, Duration::from_millis(60)];
    let plan = Plan { apply_delay: delays, settings, ..Plan::default() };
    let bed = Bed::with(plan, &strs(&first)).await;
    bed.cluster.primary().query("ALTER ROLE app REPLICATION").await.unwrap();
    bed.prepare(SCHEMA).await;
    let other = bed.another(&strs(&second)).await;
    Pair { bed, other, ways, store }
}

/// Two proxies, a store, and a failover that loses the last writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_loses_writes_while_floors_are_shared() {
    let pair = start().await;
    let mut checks = Checks::default();
    pair.settle().await;
    let [first, second] = pair.proxies();
    let keys = ["lost:1", "lost:2"];
    let [kept, lost] = [keyed(first, "kept").await, keyed(first, keys[0]).await];
    kept.batch_execute("UPDATE t SET v = 1 WHERE id = 100").await.unwrap();
    pair.bed.cluster.wait_for_catch_up(SETTLED).await.unwrap();

    // The new primary does not get what is written now.
    let [old, new, follower] =
        [pair.bed.cluster.primary(), pair.bed.replica(0), pair.bed.replica(1)];
    new.cut_off().await.unwrap();
    follower.cut_off().await.unwrap();
    eventually("it is cut off", SETTLED, async || {
        new.query("SELECT FROM pg_stat_wal_receiver").await.unwrap().is_empty()
    })
    .await;
    lost.batch_execute("UPDATE t SET v = 1 WHERE id = 101").await.unwrap();
    let bulk = "INSERT INTO log SELECT n FROM generate_series(1, 20000) n";
    lost.batch_execute(bulk).await.unwrap();
    old.kill().await.unwrap();
    new.promote().await.unwrap();
    follower.follow(new).await.unwrap();

    // Through both, under both keys: what is left, soon, and again on replicas.
    for (proxy, name) in [(first, "first"), (second, "second")] {
        for key in ["kept", keys[0], keys[1]] {
            let client = keyed(proxy, key).await;
            let begin = Instant::now();
            eventually("a write on the new primary", PATIENCE, async || {
                client.batch_execute("UPDATE t SET v = v + 1 WHERE id = 102").await.is_ok()
            })
            .await;
            let read = number(&client, "SELECT v FROM t WHERE id = 100").await;
            checks.that(&format!("{name}, {key}: kept"), read == 1, &read.to_string());
            let read = number(&client, "SELECT v FROM t WHERE id = 101").await;
            checks.that(&format!("{name}, {key}: lost"), read == 0, &read.to_string());
            println!("{name}, {key}: after {:?}", begin.elapsed());
        }
    }
    pair.settle().await;
    for proxy in [first, second] {
        for key in keys {
            let client = keyed(proxy, key).await;
            eventually("reads on replicas again", PATIENCE, async || {
                number(&client, "SELECT v FROM t WHERE id = 101").await;
                is_on_replica(&client).await
            })
            .await;
        }
    }

    // And under load nothing is stale, from before the next failover until after it.
    old.rewind_to(new).await.unwrap();
    pair.settle().await;
    let urls = pair.proxies().map(Proxy::url);
    let load = Load::start(&urls, By::Key);
    sleep(Duration::from_secs(2)).await;
    new.stop(afterwrite_cluster::StopMode::Fast).await.unwrap();
    follower.promote().await.unwrap();
    old.follow(follower).await.unwrap();
    sleep(Duration::from_secs(8)).await;
    let outcome = load.end().await;
    judge(&mut checks, "switched over under load", &outcome);
    let longest = outcome.read_max.max(outcome.write_max);
    checks.that("nobody is stuck", longest < PATIENCE, &format!("{outcome:?}"));
    pair.settle().await;
    let outcome = pair.under_load(By::Key, sleep(Duration::from_secs(3))).await;
    judge(&mut checks, "after it", &outcome);
    checks.that("nothing fails", outcome.errors == 0, &format!("{outcome:?}"));
}

async fn is_on_replica(client: &tokio_postgres::Client) -> bool {
    crate::support::text(client, "SHOW afterwrite.last_decision").await.starts_with("replica: ")
}
