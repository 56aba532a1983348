//! The consistency checker on real clusters: it finds what is broken, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan as ClusterPlan, Server, StopMode};
use afterwrite_verify::consistency::{
    Check, Checker, Findings, Level, Plan, Scope, Target, check, judge,
};
use afterwrite_verify::guarantee::WriteShape;

async fn cluster(lags_ms: &[u64]) -> Cluster {
    let plan = ClusterPlan {
        replicas: lags_ms.len(),
        apply_delay: lags_ms.iter().map(|ms| Duration::from_millis(*ms)).collect(),
        ..ClusterPlan::default()
    };
    Cluster::start(plan, &|_| ()).await.unwrap()
}

fn naive(cluster: &Cluster) -> Target {
    Target::Split {
        writes: cluster.primary().url(),
        reads: cluster.replicas().iter().map(Server::url).collect(),
        per_statement: true,
    }
}

fn single(cluster: &Cluster) -> Target {
    Target::Group { urls: vec![cluster.primary().url()] }
}

fn plan(seconds: u64, level: Level) -> Plan {
    Plan {
        duration: Duration::from_secs(seconds),
        bound: Duration::from_millis(50),
        level: Some(level),
        ..Plan::default()
    }
}

async fn run(target: Target, plan: Plan) -> Findings {
    let findings = check(target, plan, &|_| ()).await.unwrap();
    println!("{findings}");
    findings
}

async fn objects(cluster: &Cluster) -> String {
    let sql = "SELECT count(*) FROM pg_class WHERE relname LIKE 'verify\\_%'";
    cluster.primary().query(sql).await.unwrap()[0][0].clone().unwrap()
}

#[tokio::test]
async fn every_check_finds_its_violation_behind_a_naive_router() {
    let cluster = cluster(&[0, 100]).await;
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.jsonl");
    let plan = Plan { history: Some(history.clone()), ..plan(4, Level::Causal) };
    let findings = run(naive(&cluster), plan).await;
    assert!(findings.complete, "{findings}");
    for check in Check::ALL {
        let cell = findings.sum(check, Some(Scope::Connection));
        assert!(cell.violations > 0 && cell.violations < cell.judged, "{check}: {cell:?}");
        assert!(findings.stories.iter().any(|it| it.to_string().starts_with(check.title())));
    }
    let bounded = findings.sum(Check::BoundedStaleness, None).violations;
    assert_eq!(findings.observed(), bounded, "the one that is not promised");
    assert_eq!(findings.errors.total() + findings.lost_writes, 0, "{findings}");
    assert_eq!(findings.reads_on_replicas() + inside(&findings), findings.reads);
    assert_eq!(objects(&cluster).await, "0", "what was made is removed");

    let (header, again) = judge(BufReader::new(File::open(&history).unwrap())).unwrap();
    assert_eq!(header.target, "a naive router: reads at random from 2 URLs");
    assert_eq!(again.to_string(), findings.to_string(), "a history is judged alike");
    cluster.stop().await.unwrap();
}

/// Reads inside of writing transactions.
fn inside(findings: &Findings) -> u64 {
    use afterwrite_verify::guarantee::ReadShape;
    findings.reads_by_shape.get(&ReadShape::InWrite).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_single_server_keeps_every_promise_in_every_way() {
    let cluster = cluster(&[]).await;
    let findings = run(single(&cluster), plan(3, Level::Strong)).await;
    assert!(findings.complete && findings.broken() + findings.observed() == 0, "{findings}");
    assert_eq!(findings.errors.total() + findings.unknown_outcomes, 0, "{findings}");
    let shapes = [findings.reads_by_shape.len(), findings.writes_by_shape.len()];
    assert_eq!(shapes, [7, WriteShape::ALL.len()], "{findings}");
    for check in Check::ALL {
        assert!(findings.sum(check, None).judged > 100, "{check}: {findings}");
    }
    let json = serde_json::to_value(&findings).unwrap();
    assert_eq!(json["broken"], 0);
    assert!(json["cells"].as_array().unwrap().len() > 20, "{json}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_exists_stays_and_a_stop_cleans_up() {
    let cluster = cluster(&[]).await;
    let primary = cluster.primary();
    primary.query("CREATE SCHEMA theirs AUTHORIZATION app").await.unwrap();
    let plan = Plan { schema: "theirs".to_owned(), ..plan(60, Level::Strong) };
    let checker = Checker::new(single(&cluster), plan.clone()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let offer = checker.offer().await.unwrap();
    assert_eq!(offer.scopes, [Scope::Connection]);
    assert_eq!(offer.missing.len(), 3, "{offer:?}");
    checker.create(&stop).await.unwrap();
    // An index is one more: the key's.
    assert_eq!(objects(&cluster).await, "3");
    let second = check(single(&cluster), plan, &|_| ()).await.map(drop).unwrap_err();
    assert!(second.to_string().contains("name another schema"), "{second}");

    let progress = |progress: afterwrite_verify::consistency::Progress| {
        stop.store(progress.reads > 10, Ordering::Relaxed);
    };
    let findings = checker.run(&offer, &stop, &progress).await.unwrap();
    assert!(!findings.complete && findings.broken() == 0, "{findings}");
    checker.remove().await.unwrap();
    checker.remove().await.unwrap();
    assert_eq!(objects(&cluster).await, "0");
    let sql = "SELECT nspname FROM pg_namespace WHERE nspname IN ('theirs', 'afterwrite_verify')";
    assert_eq!(primary.query(sql).await.unwrap(), [[Some("theirs".to_owned())]]);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_write_is_no_stale_read_if_a_failover_is_expected() {
    let cluster = cluster(&[]).await;
    let primary = cluster.primary();
    let lose = async |schema: &str| {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let sql = format!("UPDATE {schema}.verify_kv SET v = greatest(v - 3, 0)");
        primary.query(&sql).await.unwrap();
    };
    for (expect_failover, schema) in [(true, "expected"), (false, "unexpected")] {
        let schema = schema.to_owned();
        // A real failover would end the transactions within which the loss is seen here.
        let checks = Check::ALL.into_iter().filter(|check| *check != Check::Snapshots).collect();
        let schema_of = schema.clone();
        let plan = Plan { expect_failover, checks, schema: schema_of, ..plan(3, Level::Strong) };
        let (findings, ()) = tokio::join!(run(single(&cluster), plan), lose(&schema));
        assert!(findings.lost_writes > 0, "{findings}");
        assert_eq!(findings.broken() == 0, expect_failover, "{findings}");
        assert_eq!(findings.losses_expected, expect_failover);
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn sessions_go_on_after_a_crash() {
    let cluster = cluster(&[]).await;
    let plan = Plan { answer_max: Duration::from_secs(2), ..plan(4, Level::Causal) };
    let crash = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        cluster.primary().restart(StopMode::Immediate).await.unwrap();
    };
    let (findings, ()) = tokio::join!(run(single(&cluster), plan), crash);
    assert!(findings.complete && findings.broken() == 0, "{findings}");
    assert!(findings.connections >= 32 && findings.errors.total() > 0, "{findings}");
    cluster.stop().await.unwrap();
}

/// The tables of one are taken away by the other: that is no violation of anybody's.
#[tokio::test]
async fn two_runs_in_one_schema_accuse_nobody() {
    let cluster = cluster(&[]).await;
    let start = |seconds| check(single(&cluster), plan(seconds, Level::Strong), &|_| ());
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        start(2).await
    };
    let (first, second) = tokio::join!(start(6), later);
    let refused = second.unwrap_err().to_string();
    assert!(refused.contains("another run"), "{refused}");
    let first = first.unwrap();
    assert!(first.complete && first.broken() + first.observed() == 0, "{first}");
    assert_eq!(objects(&cluster).await, "0", "what was made is removed");

    // If it comes to that all the same, it is known.
    let taken = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Those who write may be in its way.
        while cluster.primary().query("DROP SCHEMA afterwrite_verify CASCADE").await.is_err() {}
    };
    let (outcome, ()) = tokio::join!(start(3), taken);
    let why = outcome.unwrap_err().to_string();
    assert!(why.contains("taken away"), "{why}");
    cluster.stop().await.unwrap();
}
