//! Two proxies in front of one cluster, with a real Redis or Valkey between them: a write
//! through one is seen by reads through the other, whatever becomes of the store.

mod failover;
mod load;
mod server;

use std::time::{Duration, Instant};

use afterwrite_cluster::Plan;
use tokio::time::sleep;

use crate::support::{Bed, Checks, Proxy, Relay, connect, eventually, number, sqlstate, text};
use load::{Load, Outcome, SCHEMA};
use server::StoreServer;

/// Until everybody believes the store again.
const SETTLED: Duration = Duration::from_secs(20);

/// Replicas so late that whoever does not wait for a write misses it.
fn plan() -> Plan {
    Plan { apply_delay: vec![Duration::from_millis(60); 2], ..Plan::default() }
}

/// Two proxies, each with a way of its own to the store.
struct Pair {
    bed: Bed,
    other: Proxy,
    ways: [Relay; 2],
    store: StoreServer,
}

impl Pair {
    async fn start(more: &[&str]) -> Self {
        let store = StoreServer::start(&[]).await;
        let ways = [Relay::to(store.port).await, Relay::to(store.port).await];
        let [first, second] = [shared(&ways[0], more), shared(&ways[1], more)];
        let bed = Bed::with(plan(), &strs(&first)).await;
        bed.prepare(SCHEMA).await;
        let other = bed.another(&strs(&second)).await;
        Self { bed, other, ways, store }
    }

    fn proxies(&self) -> [&Proxy; 2] {
        [&self.bed.proxy, &self.other]
    }

    /// Waits until both believe what the store says.
    async fn settle(&self) {
        eventually("both proxies trust the store", SETTLED, async || {
            let mut trusting = 0.0;
            for proxy in self.proxies() {
                let labels = [("standing", "trusts")];
                trusting += proxy.metrics().await.sum("afterwrite_shared_standing", &labels);
            }
            trusting > 1.5
        })
        .await;
    }

    async fn under_load(&self, by: By, fault: impl Future<Output = ()>) -> Outcome {
        let urls = self.proxies().map(Proxy::url);
        let load = Load::start(&urls, by);
        fault.await;
        load.end().await
    }
}

use load::By;

fn shared(way: &Relay, more: &[&str]) -> Vec<String> {
    let url = format!("shared.url=redis://127.0.0.1:{}/1", way.port);
    let mut all = vec!["--set".to_owned(), url];
    all.extend(more.iter().map(|it| (*it).to_owned()));
    all
}

fn strs(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

async fn keyed(proxy: &Proxy, key: &str) -> tokio_postgres::Client {
    let client = connect(&proxy.url()).await;
    client.batch_execute(&format!("SET afterwrite.session = '{key}'")).await.unwrap();
    client
}

/// Nothing stale, much read, and on replicas.
fn judge(checks: &mut Checks, name: &str, outcome: &Outcome) {
    println!("{name}: {outcome:?}");
    checks.that(name, outcome.stale == 0 && outcome.reads > 20, &format!("{outcome:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_one_proxy_is_seen_through_the_other() {
    let set = ["routing.wait_max=300ms", "admin.users=app"];
    let pair = Pair::start(&["--set", set[0], "--set", set[1]]).await;
    let mut checks = Checks::default();
    pair.settle().await;
    let [first, second] = pair.proxies();

    let writer = keyed(first, "user:1").await;
    let reader = keyed(second, "user:1").await;
    for value in 1..=20 {
        writer.batch_execute(&format!("UPDATE t SET v = {value} WHERE id = 100")).await.unwrap();
        assert_eq!(number(&reader, "SELECT v FROM t WHERE id = 100").await, value);
    }
    let decision = text(&reader, "SHOW afterwrite.last_decision").await;
    checks.that("a replica answers", decision.starts_with("replica: "), &decision);
    let before = second.metrics().await.sum("afterwrite_fences_total", &[]);
    let asked =
        second.metrics().await.sum("afterwrite_shared_lookups_total", &[("result", "answered")]);
    for _ in 0..20 {
        number(&reader, "SELECT v FROM t WHERE id = 100").await;
    }
    let metrics = second.metrics().await;
    let fences = metrics.sum("afterwrite_fences_total", &[]) - before;
    checks.that("the primary is not asked", fences < 3.0, &format!("{fences} fences"));
    let asked = metrics.sum("afterwrite_shared_lookups_total", &[("result", "answered")]) - asked;
    checks.that("the store is asked", asked > 15.0, &format!("{asked} lookups"));

    let times = write_times(first).await;
    println!("a write takes {:?} without a key, {:?} with one", times[0], times[1]);

    checks.run("ways to write", ways_to_write(first, second)).await;
    checks.run("a key that is raised", raised(&pair)).await;
    let outcome = pair.under_load(By::Key, sleep(Duration::from_secs(4))).await;
    judge(&mut checks, "under load", &outcome);
    checks.that("nothing fails", outcome.errors == 0, &format!("{outcome:?}"));

    // Without it, it is found; so the load can find something.
    let lone = [pair.bed.another(&[]).await, pair.bed.another(&[]).await];
    let load = Load::start(&[lone[0].url(), lone[1].url()], By::Key);
    sleep(Duration::from_secs(2)).await;
    let outcome = load.end().await;
    checks.that("without a store reads are stale", outcome.stale > 0, &format!("{outcome:?}"));
}

/// Medians without a key, and with one.
async fn write_times(proxy: &Proxy) -> [Duration; 2] {
    let mut medians = [Duration::ZERO; 2];
    for (key, median) in ["", "user:7"].into_iter().zip(&mut medians) {
        let client = keyed(proxy, key).await;
        let mut times = Vec::new();
        for _ in 0..200 {
            let begin = Instant::now();
            client.batch_execute("UPDATE t SET v = v + 1 WHERE id = 101").await.unwrap();
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        *median = times[times.len() / 2];
    }
    medians
}

/// What was written past both is seen through the one that was not told, too.
async fn raised(pair: &Pair) {
    let [first, second] = pair.proxies();
    let direct = connect(&pair.bed.direct()).await;
    let console = connect(&format!("{}/afterwrite", first.url().trim_end_matches("/app"))).await;
    let reader = keyed(second, "order:9").await;
    let read = "SELECT v FROM t WHERE id = 99";
    let (direct, reader) = (&direct, &reader);
    let write = "UPDATE t SET v = v + 1 WHERE id = 99 RETURNING v";
    let stale = async || {
        let written = number(direct, write).await;
        number(reader, read).await < written
    };
    eventually("without it a read is stale, or the test sees nothing", SETTLED, stale).await;
    for _ in 0..10 {
        let written = number(direct, write).await;
        console.batch_execute("RAISE KEY 'order:9'").await.unwrap();
        assert_eq!(number(reader, read).await, written);
    }
}

async fn ways_to_write(first: &Proxy, second: &Proxy) {
    const COUNT: &str = "SELECT count(*) FROM log";
    let [writer, reader] = [keyed(first, "user:2").await, keyed(second, "user:2").await];
    let mut count = number(&reader, COUNT).await;
    for write in [
        "INSERT INTO log VALUES (1)",
        "BEGIN; INSERT INTO log VALUES (1); COMMIT",
        "DO $$ BEGIN INSERT INTO log VALUES (1); END $$",
        "SELECT note()",
        "INSERT INTO log VALUES (1); SELECT repeat('x', 300000)",
        "INSERT INTO log VALUES (1) /* afterwrite: session=user:2 */",
    ] {
        writer.simple_query(write).await.unwrap();
        count += 1;
        assert_eq!(number(&reader, COUNT).await, count, "{write}");
    }
    writer.batch_execute("BEGIN").await.unwrap();
    writer.batch_execute("INSERT INTO log VALUES (1)").await.unwrap();
    writer.batch_execute("COMMIT").await.unwrap();
    assert_eq!(number(&reader, COUNT).await, count + 1, "a transaction step by step");
    // Batches sent ahead of each other's answers.
    let insert = writer.prepare("INSERT INTO log VALUES (2)").await.unwrap();
    let all = (0..5).map(|_| writer.execute(&insert, &[]));
    for done in futures_util::future::join_all(all).await {
        assert_eq!(done.unwrap(), 1);
    }
    assert_eq!(number(&reader, COUNT).await, count + 6, "in a pipeline");
    let sink = writer.copy_in::<_, bytes::Bytes>("COPY log FROM STDIN").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    futures_util::SinkExt::send(&mut sink, bytes::Bytes::from_static(b"3\n")).await.unwrap();
    sink.finish().await.unwrap();
    assert_eq!(number(&reader, COUNT).await, count + 7, "COPY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_shared_too() {
    let more = ["--set", "routing.table_scope=true", "--set", "routing.wait_max=300ms"];
    let pair = Pair::start(&more).await;
    let mut checks = Checks::default();
    pair.settle().await;
    for proxy in pair.proxies() {
        let client = connect(&proxy.url()).await;
        eventually("the catalog is known", SETTLED, async || {
            number(&client, "SELECT count(*) FROM t").await;
            text(&client, "SHOW afterwrite.last_decision").await.contains("reads public.t; ")
        })
        .await;
    }
    let outcome = pair.under_load(By::Table, sleep(Duration::from_secs(4))).await;
    judge(&mut checks, "by table", &outcome);
    let fault = async {
        for _ in 0..4 {
            sleep(Duration::from_millis(900)).await;
            pair.store.command(&["FLUSHALL"]).await;
        }
    };
    let outcome = pair.under_load(By::Table, fault).await;
    judge(&mut checks, "by table, emptied", &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_store() {
    let mut pair = Pair::start(&["--set", "routing.wait_max=300ms"]).await;
    let mut checks = Checks::default();
    pair.settle().await;

    let fault = async {
        sleep(Duration::from_secs(1)).await;
        pair.store.signal("STOP");
        sleep(Duration::from_secs(4)).await;
        pair.store.signal("CONT");
        sleep(Duration::from_secs(2)).await;
    };
    let outcome = pair.under_load(By::Key, fault).await;
    judge(&mut checks, "stopped", &outcome);
    let short = outcome.write_max < Duration::from_secs(4) && outcome.errors == 0;
    checks.that("never stuck", short, &format!("{outcome:?}"));

    pair.settle().await;
    let fault = async {
        for _ in 0..4 {
            sleep(Duration::from_millis(1500)).await;
            pair.store.command(&["FLUSHALL"]).await;
        }
        sleep(Duration::from_secs(2)).await;
    };
    judge(&mut checks, "emptied", &pair.under_load(By::Key, fault).await);

    // Slower than a read waits, then slower than anything waits.
    for delay in [10, 60] {
        let fault = async {
            pair.ways.iter().for_each(|way| way.delay(Duration::from_millis(delay)));
            sleep(Duration::from_secs(4)).await;
            pair.ways.iter().for_each(|way| way.delay(Duration::ZERO));
            sleep(Duration::from_secs(1)).await;
        };
        judge(&mut checks, &format!("{delay} ms late"), &pair.under_load(By::Key, fault).await);
    }

    // One of them cannot reach it, and the other can.
    pair.settle().await;
    let fault = async {
        sleep(Duration::from_secs(1)).await;
        pair.ways[0].cut();
        sleep(Duration::from_secs(5)).await;
        pair.ways[0].lead_to(pair.store.port);
        sleep(Duration::from_secs(2)).await;
    };
    judge(&mut checks, "cut off from one", &pair.under_load(By::Key, fault).await);

    // Killed, and started anew with nothing.
    pair.settle().await;
    let mut next = None;
    let fault = async {
        sleep(Duration::from_secs(1)).await;
        pair.store.signal("KILL");
        sleep(Duration::from_secs(2)).await;
        let fresh = StoreServer::start(&[]).await;
        pair.ways.iter().for_each(|way| way.lead_to(fresh.port));
        next = Some(fresh);
        sleep(Duration::from_secs(3)).await;
    };
    judge(&mut checks, "killed", &pair.under_load(By::Key, fault).await);
    pair.store = next.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_lags_takes_the_stores_place() {
    let pair = Pair::start(&["--set", "routing.wait_max=300ms"]).await;
    let mut checks = Checks::default();
    pair.settle().await;
    let of = pair.store.port.to_string();
    let copy = StoreServer::start(&["--replicaof", "127.0.0.1", &of]).await;
    eventually("the copy has it all", SETTLED, async || {
        copy.command(&["INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;
    let fault = async {
        sleep(Duration::from_secs(1)).await;
        copy.signal("STOP");
        sleep(Duration::from_secs(1)).await;
        pair.store.signal("STOP");
        copy.signal("CONT");
        copy.command(&["REPLICAOF", "NO", "ONE"]).await;
        pair.ways.iter().for_each(|way| way.lead_to(copy.port));
        sleep(Duration::from_secs(3)).await;
        pair.store.signal("CONT");
    };
    judge(&mut checks, "a copy that lags", &pair.under_load(By::Key, fault).await);

    // Two masters: each proxy goes to another one.
    pair.settle().await;
    let fault = async {
        sleep(Duration::from_secs(1)).await;
        pair.ways[1].lead_to(pair.store.port);
        sleep(Duration::from_secs(6)).await;
    };
    judge(&mut checks, "two at once", &pair.under_load(By::Key, fault).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_dies_takes_nothing_with_it() {
    let mut pair = Pair::start(&["--set", "routing.wait_max=300ms"]).await;
    let mut checks = Checks::default();
    pair.settle().await;
    for round in 0..3 {
        let client = keyed(&pair.other, "user:9").await;
        client.batch_execute(&format!("UPDATE t SET v = {round} WHERE id = 102")).await.unwrap();
        pair.other.signal("KILL");
        let reader = keyed(&pair.bed.proxy, "user:9").await;
        assert_eq!(number(&reader, "SELECT v FROM t WHERE id = 102").await, round);
        let args = shared(&pair.ways[1], &["--set", "routing.wait_max=300ms"]);
        pair.other = pair.bed.another(&strs(&args)).await;
        let reader = keyed(&pair.other, "user:9").await;
        assert_eq!(number(&reader, "SELECT v FROM t WHERE id = 102").await, round);
        let outcome = pair.under_load(By::Key, sleep(Duration::from_secs(2))).await;
        judge(&mut checks, "after a restart", &outcome);
    }
    // Its announcement is taken away behind its back.
    pair.settle().await;
    let fault = async {
        let direct = connect(&pair.bed.direct()).await;
        for _ in 0..6 {
            sleep(Duration::from_millis(700)).await;
            let killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
                          WHERE locktype = 'advisory' AND objsubid = 2";
            let _ = direct.simple_query(killed).await;
            pair.store.command(&["FLUSHALL"]).await;
        }
        sleep(Duration::from_secs(1)).await;
    };
    judge(&mut checks, "announcements lost", &pair.under_load(By::Key, fault).await);
}

/// Neither the store nor the primary can say anything to the others: the client is not told
/// that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_cannot_be_shared_is_no_success() {
    let pair = Pair::start(&[]).await;
    pair.settle().await;
    let client = keyed(&pair.bed.proxy, "user:3").await;
    // Nobody can announce anything while this is held.
    let blocker = connect(&pair.bed.direct()).await;
    let announced =
        "SELECT classid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 LIMIT 1";
    let class = number(&blocker, announced).await;
    let class = i32::from_ne_bytes(u32::try_from(class).unwrap().to_ne_bytes());
    blocker.batch_execute(&format!("SELECT pg_advisory_lock({class}, 0)")).await.unwrap();
    pair.ways[0].cut();
    sleep(Duration::from_secs(1)).await;
    let error = client.batch_execute("UPDATE t SET v = 5 WHERE id = 103").await.unwrap_err();
    assert_eq!(sqlstate(&error), "08007", "{error:?}");
    let strong = connect(&pair.other.url()).await;
    strong.batch_execute("SET afterwrite.level = 'strong'").await.unwrap();
    assert_eq!(number(&strong, "SELECT v FROM t WHERE id = 103").await, 5, "it is done");
    blocker.batch_execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    let client = keyed(&pair.bed.proxy, "user:3").await;
    client.batch_execute("UPDATE t SET v = 6 WHERE id = 103").await.unwrap();
    let reader = keyed(&pair.other, "user:3").await;
    assert_eq!(number(&reader, "SELECT v FROM t WHERE id = 103").await, 6);
}
