//! The demo's workload on a real cluster, with the strategies that need no proxy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, Server};
use afterwrite_verify::payments::{Load, Report, Routes, Strategy, conclusion, run, table};
use afterwrite_verify::schema;

const LAG: Duration = Duration::from_millis(150);

fn load() -> Load {
    Load {
        sessions: 8,
        duration: Duration::from_secs(2),
        think: Duration::from_millis(20),
        ..Load::default()
    }
}

fn routes(cluster: &Cluster, proxy: Option<String>) -> Routes {
    let replicas = cluster.replicas().iter().map(Server::url).collect();
    Routes { primary: cluster.primary().url(), replicas, proxy }
}

async fn measure(strategy: Strategy, routes: &Routes) -> Report {
    let seen = AtomicU64::new(0);
    let report = run(strategy, routes, &load(), &|progress| {
        seen.store(progress.reads, Ordering::Relaxed);
    })
    .await
    .unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), report.reads, "the last progress is the result");
    assert_eq!(report.errors, 0, "{report:?}");
    assert!(report.reads > 200 && report.payments > 50, "{report:?}");
    report
}

#[tokio::test]
async fn stale_pages_lead_to_duplicate_payments_unless_the_primary_is_read() {
    let plan = Plan { apply_delay: vec![LAG; 2], ..Plan::default() };
    let cluster = Cluster::start(plan, &|_| ()).await.unwrap();
    // A single server in the proxy's place keeps the promise, too.
    let routes = routes(&cluster, Some(cluster.primary().url()));

    let random = measure(Strategy::RandomReplica, &routes).await;
    assert_eq!(random.primary_reads, 0);
    assert!(random.stale_reads > 100, "{random:?}");
    // Every page right after a payment is stale with such a lag.
    assert!(random.duplicate_payments * 2 >= random.payments - 8, "{random:?}");

    let primary = measure(Strategy::PrimaryOnly, &routes).await;
    assert_eq!((primary.stale_reads, primary.duplicate_payments), (0, 0));
    assert_eq!(primary.reads_on_primary_share, Some(1.0));
    let after_write = primary.read_after_write.clone().unwrap();
    assert_eq!(after_write.count, primary.payments, "one page follows each payment");

    let short = measure(Strategy::FixedWindow(Duration::from_millis(30)), &routes).await;
    assert!(short.stale_reads > 0, "{short:?}");
    assert_eq!(short.duplicate_payments, 0, "the page that follows is on the primary");
    let long = measure(Strategy::FixedWindow(LAG * 4), &routes).await;
    assert_eq!(long.stale_reads, 0, "{long:?}");
    assert!(long.primary_reads > short.primary_reads, "{long:?} {short:?}");

    let one = measure(Strategy::Afterwrite, &routes).await;
    assert_eq!((one.stale_reads, one.duplicate_payments), (0, 0));

    let reports = [random, primary, short, long, one];
    print!("{}{}", table(&reports, 100, false), conclusion(&reports, 100));
    let json = serde_json::to_value(&reports).unwrap();
    assert_eq!(json.pointer("/2/strategy").unwrap(), "fixed window 30 ms");
    schema::remove(&cluster.primary().url()).await.unwrap();
    schema::remove(&cluster.primary().url()).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_made() {
    let nowhere = "postgres://app:hunter2@127.0.0.1:1/app".to_owned();
    let routes = |proxy| Routes { primary: nowhere.clone(), replicas: vec![], proxy };
    let refuse = async |strategy, proxy: Option<&str>, load: &Load| {
        let outcome = run(strategy, &routes(proxy.map(str::to_owned)), load, &|_| ()).await;
        outcome.unwrap_err().to_string()
    };
    let text = refuse(Strategy::Afterwrite, None, &load()).await;
    assert_eq!(text, "cannot run this: no URL of the proxy was given");
    let text = refuse(Strategy::RandomReplica, None, &load()).await;
    assert_eq!(text, "cannot run this: random replica needs at least one replica");
    let none = Load { sessions: 0, ..load() };
    let text = refuse(Strategy::PrimaryOnly, None, &none).await;
    assert_eq!(text, "cannot run this: sessions: 0 is not 1 to 10000");
    let endless = Load { think: Duration::MAX, ..load() };
    let text = refuse(Strategy::PrimaryOnly, None, &endless).await;
    assert_eq!(text, "cannot run this: think: expected at most 3600s");
    let text = refuse(Strategy::Afterwrite, Some("postgres://a@h:x/d"), &load()).await;
    assert!(text.starts_with("bad URL of the proxy: "), "{text}");
    let text = refuse(Strategy::PrimaryOnly, None, &load()).await;
    assert!(text.starts_with("creating the tables: "), "{text}");
    assert!(!format!("{text} {:?}", routes(None)).contains("hunter2"), "{text}");
}
