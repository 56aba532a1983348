//! The session-guarantee checker in front of the proxy, in its short form.

use std::time::Duration;

use afterwrite_cluster::Plan as ClusterPlan;
use afterwrite_verify::guarantee::{Findings, Scope};

use crate::support::{Bed, Checks, Proxy, guarantee};

async fn run(bed: &Bed, proxy: &Proxy, scopes: &[Scope], reads: u64) -> Findings {
    guarantee(bed, proxy, 18, scopes, reads).await
}

#[tokio::test]
async fn no_read_is_stale() {
    let delays = [Duration::ZERO, Duration::from_millis(100)];
    let plan = ClusterPlan { apply_delay: delays.to_vec(), ..ClusterPlan::default() };
    let bed = Bed::with(plan, &["--set", "pool.size=8"]).await;
    let mut checks = Checks::default();
    let findings = run(&bed, &bed.proxy, &Scope::ALL, 8_000).await;
    let clean = findings.complete && findings.is_clean();
    checks.that("one replica 100 ms behind", clean, &findings.to_string());
    // A session that has not written yet may meet a replica without the new tables.
    let errors = findings.errors_by_sqlstate.iter().any(|(kind, _)| kind != "42P01");
    checks.that("no errors", !errors, &findings.to_string());
    let share = findings.reads_on_replicas * 10 > findings.reads;
    checks.that("replicas answered", share, &findings.to_string());

    bed.replica(0).set_apply_delay(Duration::from_millis(100)).await.unwrap();
    let findings = run(&bed, &bed.proxy, &Scope::ALL, 4_000).await;
    let clean = findings.complete && findings.is_clean();
    checks.that("both 100 ms behind", clean, &findings.to_string());

    let eventual = bed.another(&["--set", "routing.level=eventual"]).await;
    let findings = run(&bed, &eventual, &[Scope::Connection], 1_000).await;
    checks.that("without the floor it is found", findings.stale_count > 0, &findings.to_string());

    let strong = bed.another(&["--set", "routing.level=strong"]).await;
    let findings = run(&bed, &strong, &Scope::ALL, 2_000).await;
    let clean = findings.complete && findings.is_clean();
    checks.that("strong", clean, &findings.to_string());
}
