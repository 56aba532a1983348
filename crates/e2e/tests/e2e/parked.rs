//! Clients that are silent for long are parked: nobody notices, and nothing is lost.

use std::time::Duration;

use afterwrite_cluster::Plan;
use afterwrite_wire::client;
use tokio::io::AsyncWriteExt;
use tokio_postgres::NoTls;

use crate::support::{Bed, Checks, Proxy, Raw, Reply, connect, eventually, number, text, within};

/// Whoever is silent is parked after so long, at most twice that.
const PARK_MS: &str = "150";

const PARKED_WITHIN: Duration = Duration::from_secs(10);

/// As many as a test may have files.
const CROWD: usize = 400;

async fn proxy(bed: &Bed, more: &[&str]) -> Proxy {
    let url = bed.cluster.url();
    let mut args = vec![url.as_str(), "--set", "clients.auth=trust", "--set", "admin.users=app"];
    args.extend(more);
    Proxy::start_with(&args, &[("AFTERWRITE_TEST_PARK_MS", PARK_MS)]).await
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, far below what a float can tell"
)]
async fn parked(proxy: &Proxy) -> usize {
    proxy.metrics().await.sum("afterwrite_clients_parked", &[]).round() as usize
}

/// Waits until as many are parked.
async fn until_parked(proxy: &Proxy, wanted: usize) {
    let what = format!("{wanted} parked");
    eventually(&what, PARKED_WITHIN, || async { parked(proxy).await == wanted }).await;
}

async fn until_gone(proxy: &Proxy) {
    let nobody = || async {
        let metrics = proxy.metrics().await;
        metrics.clients() == 0.0 && metrics.sum("afterwrite_clients_parked", &[]) == 0.0
    };
    eventually("everybody gone", PARKED_WITHIN, nobody).await;
}

#[tokio::test]
async fn silent_clients_are_parked_and_woken() {
    let bed = Bed::start(&[]).await;
    bed.prepare("CREATE TABLE t (id int); CREATE SEQUENCE s").await;
    let ours = proxy(&bed, &[]).await;
    let mut checks = Checks::default();
    checks.run("byte by byte", byte_by_byte(&ours)).await;
    checks.run("leaving", leaving(&ours)).await;
    checks.run("what a client has is kept", state(&ours)).await;
    checks.run("own writes", own_writes(&bed, &ours)).await;
    checks.run("who has something open stays up", open(&ours)).await;
    checks.run("the console", console(&ours)).await;
    checks.run("a crowd wakes at once", crowd(&ours)).await;
    checks.run("silent for too long", idle_timeout(&bed)).await;
    checks.run("sent away", sent_away(&bed)).await;
}

/// Whoever wakes still sees what anyone has written to the tables that it reads.
#[tokio::test]
async fn tables_are_followed_by_who_wakes() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(500); 2], ..Plan::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    let ours = proxy(&bed, &["--set", "routing.table_scope=true"]).await;
    let [writer, reader] = [connect(&ours.url()).await, connect(&ours.url()).await];
    eventually("the catalog is known", Duration::from_secs(10), async || {
        number(&reader, "SELECT count(*) FROM t").await;
        text(&reader, "SHOW afterwrite.last_decision").await.contains("reads public.t")
    })
    .await;
    until_parked(&ours, 2).await;
    writer.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(number(&reader, "SELECT count(*) FROM t").await, 1);
}

async fn byte_by_byte(proxy: &Proxy) {
    let mut raw = Raw::login(proxy.port(), &[]).await;
    until_parked(proxy, 1).await;
    let mut out = Vec::new();
    client::query(&mut out, "SELECT 42");
    let (last, first) = out.split_last().unwrap();
    for byte in first {
        raw.send(&[*byte]).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    // Half a message is nothing to sleep on.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(parked(proxy).await, 0);
    raw.send(&[*last]).await;
    assert!(raw.until(b'Z').await.iter().any(|reply| reply.tag == b'D'));
    until_parked(proxy, 1).await;
    assert_eq!(raw.ask("SELECT 7").await, ["7"]);
    drop(raw);
    until_gone(proxy).await;
}

async fn leaving(proxy: &Proxy) {
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Raw::login(proxy.port(), &[]).await);
    }
    until_parked(proxy, 3).await;
    let mut says_goodbye = clients.pop().unwrap();
    says_goodbye.send(b"X\0\0\0\x04").await;
    assert_eq!(says_goodbye.next().await, None);
    let resets = clients.pop().unwrap();
    resets.stream.set_zero_linger().unwrap();
    drop(resets);
    let mut shuts_down = clients.pop().unwrap();
    shuts_down.stream.shutdown().await.unwrap();
    assert_eq!(shuts_down.next().await, None);
    until_gone(proxy).await;
}

async fn state(proxy: &Proxy) {
    let url = format!("{}?application_name=sleeper", proxy.url());
    let client = connect(&url).await;
    until_parked(proxy, 1).await;
    client.batch_execute("SET work_mem = '5MB'").await.unwrap();
    until_parked(proxy, 1).await;
    client.batch_execute("SET afterwrite.session = 'user:1'").await.unwrap();
    until_parked(proxy, 1).await;
    let statement = client.prepare("SELECT $1::int + 1").await.unwrap();
    until_parked(proxy, 1).await;
    assert_eq!(text(&client, "SHOW work_mem").await, "5MB");
    assert_eq!(text(&client, "SHOW application_name").await, "sleeper");
    assert_eq!(text(&client, "SHOW afterwrite.session").await, "user:1");
    until_parked(proxy, 1).await;
    let row = within("executing", client.query_one(&statement, &[&41])).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    let decision = text(&client, "SHOW afterwrite.last_decision").await;
    until_parked(proxy, 1).await;
    assert_eq!(text(&client, "SHOW afterwrite.last_decision").await, decision);
    // A cancel request finds nothing to do, and nothing comes of it later.
    client.cancel_token().cancel_query(NoTls).await.unwrap();
    assert_eq!(number(&client, "SELECT 1").await, 1);
    drop(client);
    until_gone(proxy).await;
}

async fn own_writes(bed: &Bed, proxy: &Proxy) {
    let mut raw = Raw::login(proxy.port(), &[]).await;
    for replica in bed.cluster.replicas() {
        replica.query("SELECT pg_wal_replay_pause()").await.unwrap();
    }
    raw.ask("INSERT INTO t VALUES (1)").await;
    let token = raw.ask("SHOW afterwrite.token").await;
    until_parked(proxy, 1).await;
    let count = raw.ask("SELECT count(*) FROM t").await;
    let after = raw.ask("SHOW afterwrite.token").await;
    for replica in bed.cluster.replicas() {
        replica.query("SELECT pg_wal_replay_resume()").await.unwrap();
    }
    assert_eq!(count, ["1"]);
    assert_eq!(after, token, "the floor is kept");
    drop(raw);
    until_gone(proxy).await;
}

async fn open(proxy: &Proxy) {
    let mut raw = Raw::login(proxy.port(), &[]).await;
    raw.ask("BEGIN").await;
    let mut listens = Raw::login(proxy.port(), &[]).await;
    listens.ask("LISTEN news").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(parked(proxy).await, 0);
    raw.ask("INSERT INTO t VALUES (2)").await;
    raw.ask("COMMIT").await;
    until_parked(proxy, 1).await;
    raw.ask("NOTIFY news").await;
    assert_eq!(listens.receive().await.tag, b'A');
    listens.ask("UNLISTEN news").await;
    until_parked(proxy, 2).await;
    drop((raw, listens));
    until_gone(proxy).await;
}

async fn console(proxy: &Proxy) {
    let mut raw = Raw::login(proxy.port(), &[("application_name", "sleeper")]).await;
    until_parked(proxy, 1).await;
    let admin = connect(&format!("postgres://app@127.0.0.1:{}/pgbouncer", proxy.port())).await;
    let rows = within("SHOW CLIENTS", admin.simple_query("SHOW CLIENTS")).await.unwrap();
    let sleeper = rows.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row)
            if row.get("application_name") == Some("sleeper") =>
        {
            Some((row.get("id").unwrap().to_owned(), row.get("state").unwrap().to_owned()))
        }
        _ => None,
    });
    let (pointer, state) = sleeper.unwrap();
    assert_eq!((state.as_str(), parked(proxy).await), ("idle", 1));
    within("KILL_CLIENT", admin.simple_query(&format!("KILL_CLIENT {pointer}"))).await.unwrap();
    let last = raw.until_end().await;
    assert_eq!(last.last().map(Reply::code).as_deref(), Some("57P01"));
    until_gone(proxy).await;
}

async fn crowd(proxy: &Proxy) {
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        clients.push(Raw::login(proxy.port(), &[]).await);
    }
    until_parked(proxy, CROWD).await;
    for _ in 0..2 {
        let asking = clients.iter_mut().map(|raw| raw.ask("SELECT 1"));
        let answers = futures_util::future::join_all(asking).await;
        assert!(answers.iter().all(|answer| answer == &["1"]));
        until_parked(proxy, CROWD).await;
    }
    drop(clients);
    until_gone(proxy).await;
}

async fn idle_timeout(bed: &Bed) {
    let proxy = proxy(bed, &["--set", "clients.idle_timeout=3s"]).await;
    let begin = std::time::Instant::now();
    let mut asks = Raw::login(proxy.port(), &[]).await;
    let mut silent = Raw::login(proxy.port(), &[]).await;
    until_parked(&proxy, 2).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    asks.ask("SELECT 1").await;
    let last = silent.until_end().await;
    assert_eq!(last.last().map(Reply::code).as_deref(), Some("57P05"));
    let took = begin.elapsed();
    assert!(took > Duration::from_millis(2900) && took < Duration::from_secs(6), "{took:?}");
    asks.ask("SELECT 1").await;
    let asked = std::time::Instant::now();
    assert_eq!(asks.until_end().await.last().map(Reply::code).as_deref(), Some("57P05"));
    assert!(asked.elapsed() > Duration::from_millis(2900), "{:?}", asked.elapsed());
    until_gone(&proxy).await;
}

async fn sent_away(bed: &Bed) {
    let mut proxy = proxy(bed, &[]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Raw::login(proxy.port(), &[]).await);
    }
    until_parked(&proxy, 20).await;
    let (code, took) = proxy.end("TERM", Duration::from_secs(8)).await;
    assert!(code == Some(0) && took < Duration::from_secs(3), "{code:?} after {took:?}");
    for mut raw in clients {
        assert_eq!(raw.until_end().await.last().map(Reply::code).as_deref(), Some("57P01"));
    }
}

/// In table scope, others write while it is parked, and after.
#[tokio::test]
async fn who_wakes_still_sees_what_others_write_to_its_tables() {
    let delay = Duration::from_millis(400);
    let plan = afterwrite_cluster::Plan { apply_delay: vec![delay; 2], ..Default::default() };
    let bed = Bed::with(plan, &[]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    let ours = proxy(&bed, &["--set", "routing.table_scope=true"]).await;
    let [reader, writer] = [connect(&ours.url()).await, connect(&ours.url()).await];
    eventually("the catalog is known", PARKED_WITHIN, async || {
        number(&reader, "SELECT count(*) FROM t").await;
        text(&reader, "SHOW afterwrite.last_decision").await.contains("reads public.t; ")
    })
    .await;
    for written in 1..=3 {
        until_parked(&ours, 2).await;
        writer.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(number(&reader, "SELECT count(*) FROM t").await, written);
    }
}
