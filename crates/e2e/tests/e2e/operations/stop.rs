//! Who hears what when the proxy is told to stop, and in which order.

use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};

use crate::support::{Checks, Proxy, Raw};

/// Longer than all that must not wait for it.
const DRAIN: (&str, &str) = ("AFTERWRITE_SHUTDOWN__DRAIN_TIMEOUT", "4s");
const END_MAX: Duration = Duration::from_secs(20);

async fn proxy(cluster: &Cluster) -> Proxy {
    Proxy::start_with(&[&cluster.url()], &[DRAIN]).await
}

/// What a client is told that is sent away: nothing but 57P01, and the end.
async fn hears_goodbye(mut client: Raw) {
    let replies = client.until_end().await;
    let codes: Vec<_> = replies.iter().map(|it| (it.tag, it.code())).collect();
    assert_eq!(codes, [(b'E', "57P01".to_owned())]);
}

#[tokio::test]
async fn clients_are_sent_away_when_they_are_done() {
    let cluster = Cluster::start(Plan::default(), &|_| ()).await.unwrap();
    let mut checks = Checks::default();
    checks.run("done by themselves", transactions_finish(&cluster)).await;
    checks.run("past drain_timeout", the_limit(&cluster)).await;
    checks.run("a second signal", the_second_signal(&cluster)).await;
    checks.run("SIGQUIT", quit(&cluster)).await;
    checks.run("PAUSE by signal", pause(&cluster)).await;
}

/// Idle clients go at once; statements and transactions under way are finished.
async fn transactions_finish(cluster: &Cluster) {
    let mut proxy = proxy(cluster).await;
    let port = proxy.port();
    let idle = Raw::login(port, &[]).await;
    let mut running = Raw::login(port, &[]).await;
    let mut open = Raw::login(port, &[]).await;
    open.ask("BEGIN").await;
    open.ask("CREATE TABLE finished (n int)").await;
    running.query("SELECT 'slow', pg_sleep(1)").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    proxy.signal("TERM");
    hears_goodbye(idle).await;
    assert!(begin.elapsed() < Duration::from_millis(500), "idle: {:?}", begin.elapsed());
    // No new ones meanwhile.
    let refused = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    assert!(refused.is_err(), "somebody was let in");
    let replies = running.until(b'Z').await;
    assert!(replies.iter().any(|it| it.tag == b'D'), "{replies:?}");
    hears_goodbye(running).await;
    open.ask("INSERT INTO finished VALUES (1)").await;
    open.ask("COMMIT").await;
    hears_goodbye(open).await;
    let (code, _) = proxy.ended(END_MAX).await;
    assert_eq!(code, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let rows = cluster.primary().query("SELECT count(*) FROM finished").await.unwrap();
    assert_eq!(rows[0][0].as_deref(), Some("1"));
}

/// A transaction that does not end is rolled back after `drain_timeout`.
async fn the_limit(cluster: &Cluster) {
    let mut proxy = proxy(cluster).await;
    let mut open = Raw::login(proxy.port(), &[]).await;
    open.ask("BEGIN").await;
    open.ask("CREATE TABLE left_behind (n int)").await;
    let (code, took) = proxy.end("TERM", END_MAX).await;
    assert_eq!(code, Some(0));
    assert!((Duration::from_secs(4)..Duration::from_secs(7)).contains(&took), "{took:?}");
    hears_goodbye(open).await;
    let rows = cluster.primary().query("SELECT to_regclass('left_behind')").await.unwrap();
    assert_eq!(rows[0][0], None);
}

async fn the_second_signal(cluster: &Cluster) {
    let mut proxy = proxy(cluster).await;
    let mut open = Raw::login(proxy.port(), &[]).await;
    open.ask("BEGIN").await;
    proxy.signal("INT");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(proxy.is_running());
    let (code, took) = proxy.end("TERM", END_MAX).await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    hears_goodbye(open).await;
}

async fn quit(cluster: &Cluster) {
    let mut proxy = proxy(cluster).await;
    let mut running = Raw::login(proxy.port(), &[]).await;
    running.query("SELECT pg_sleep(30)").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (code, took) = proxy.end("QUIT", END_MAX).await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

async fn pause(cluster: &Cluster) {
    let mut proxy = proxy(cluster).await;
    let mut client = Raw::login(proxy.port(), &[]).await;
    client.ask("SELECT 1").await;
    proxy.signal("USR1");
    proxy.wait_for_log("paused").await;
    client.query("SELECT 2").await;
    let early = tokio::time::timeout(Duration::from_millis(500), client.receive()).await;
    assert!(early.is_err(), "{early:?}");
    proxy.signal("USR2");
    let replies = client.until(b'Z').await;
    assert!(replies.iter().any(|it| it.tag == b'D'), "{replies:?}");
}
