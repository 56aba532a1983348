//! The checker on real clusters: it finds what is broken, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan as ClusterPlan, Server, StopMode};
use afterwrite_verify::guarantee::{Findings, Kind, Plan, Scope, Target, Until, check};

async fn cluster(replicas: usize, lag: Duration) -> Cluster {
    let plan = ClusterPlan {
        replicas,
        apply_delay: vec![lag; replicas],
        // So that a plain server answers `SHOW afterwrite.token`, with a quote in it.
        settings: vec![("afterwrite.token".to_owned(), "a'b".to_owned())],
        ..ClusterPlan::default()
    };
    Cluster::start(plan, &|_| ()).await.unwrap()
}

fn plan(scopes: &[Scope], reads: u64) -> Plan {
    Plan {
        sessions: 12,
        keys: 4,
        until: Until::Reads(reads),
        elapsed_max: Duration::from_secs(20),
        scopes: scopes.to_vec(),
        ..Plan::default()
    }
}

async fn run(target: &Target, cluster: &Cluster, plan: &Plan) -> Findings {
    let findings = check(target, &cluster.primary().url(), plan, &|_| ()).await.unwrap();
    println!("{target:?}\n{findings}");
    findings
}

#[tokio::test]
async fn naive_routing_is_caught() {
    let cluster = cluster(2, Duration::from_millis(100)).await;
    let split = Target::Split {
        primary: cluster.primary().url(),
        replicas: cluster.replicas().iter().map(Server::url).collect(),
    };
    let findings = run(&split, &cluster, &plan(&[Scope::Connection], 2_000)).await;
    assert!(findings.complete && !findings.is_clean());
    assert!(findings.stale_count > 100, "{findings:?}");
    assert_eq!(findings.torn_count + findings.lost_count, 0, "{findings:?}");
    assert_eq!(findings.errors_by_sqlstate.total(), 0, "{findings:?}");
    assert_eq!(findings.violations.len(), 100);
    let first = &findings.violations[0];
    assert_eq!(first.kind, Kind::Stale);
    assert!(first.got < Some(first.expected) && first.written.is_some(), "{first:?}");
    assert!(first.node.unwrap().replica, "{first:?}");

    // Each connection to a server taken at random: where one of a session's two
    // is to the primary and the other is not, key and token promise too much.
    let hosts: Vec<String> =
        cluster.servers().take(2).map(|server| format!("127.0.0.1:{}", server.port())).collect();
    let url = format!("postgres://app@{}/app?load_balance_hosts=random", hosts.join(","));
    for scope in [Scope::Key, Scope::Token] {
        let naive = Target::One { url: url.clone() };
        let findings = run(&naive, &cluster, &plan(&[scope], 1_000)).await;
        assert!(findings.stale_count > 0, "{scope}: {findings:?}");
        assert_eq!(findings.reads_by_scope.keys().collect::<Vec<_>>(), [&scope]);
        assert!(findings.errors_by_sqlstate.iter().any(|(kind, _)| kind == "25006"));
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_single_server_is_clean_in_every_scope_and_shape() {
    let cluster = cluster(0, Duration::ZERO).await;
    let primary = Target::One { url: cluster.primary().url() };
    let findings = run(&primary, &cluster, &plan(&Scope::ALL, 5_000)).await;
    assert!(findings.complete && findings.is_clean(), "{findings:?}");
    assert_eq!(findings.errors_by_sqlstate.total(), 0, "{findings:?}");
    assert_eq!((findings.reads_on_replicas, findings.reconnects), (0, 0));
    let kinds = [
        findings.reads_by_scope.len(),
        findings.reads_by_shape.len(),
        findings.writes_by_shape.len(),
    ];
    assert_eq!(kinds, [3, 7, 11], "{findings:?}");
    let json = serde_json::to_value(&findings).unwrap();
    assert!(json.pointer("/writes_by_shape/commit_then_error").unwrap().as_u64() > Some(0));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn sessions_go_on_after_a_crash() {
    let cluster = cluster(0, Duration::ZERO).await;
    let primary = Target::One { url: cluster.primary().url() };
    let plan = Plan {
        until: Until::Elapsed(Duration::from_secs(4)),
        answer_max: Duration::from_secs(2),
        ..plan(&[Scope::Connection, Scope::Key], 0)
    };
    let crash = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.primary().restart(StopMode::Immediate).await.unwrap();
    };
    let (findings, ()) = tokio::join!(run(&primary, &cluster, &plan), crash);
    assert!(findings.complete && findings.is_clean(), "{findings:?}");
    assert!(findings.reconnects >= 12, "{findings:?}");
    assert!(findings.errors_by_sqlstate.total() > 0, "{findings:?}");
    assert_eq!(findings.reads_by_scope.len(), 2);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_acknowledged_write_is_reported() {
    let cluster = cluster(0, Duration::ZERO).await;
    let primary = Target::One { url: cluster.primary().url() };
    let lose = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let sql = "UPDATE afterwrite_check.kv SET v = 0";
        cluster.primary().query(sql).await.unwrap();
    };
    let plan = Plan {
        until: Until::Elapsed(Duration::from_millis(2_500)),
        ..plan(&[Scope::Connection], 0)
    };
    let (findings, ()) = tokio::join!(run(&primary, &cluster, &plan), lose);
    assert!(findings.lost_count > 0 && findings.stale_count > 0, "{findings:?}");
    cluster.stop().await.unwrap();
}
