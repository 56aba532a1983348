//! The checker of session guarantees, in its short form.

use std::time::Duration;

use afterwrite_verify::guarantee::{Findings, Plan, Scope, Target, Until, check};

use super::{Bed, Proxy};

/// What so many sessions find behind a proxy in so many reads.
pub(crate) async fn guarantee(
    bed: &Bed,
    proxy: &Proxy,
    sessions: usize,
    scopes: &[Scope],
    reads: u64,
) -> Findings {
    let target = Target::One { url: proxy.url() };
    let plan = Plan {
        sessions,
        keys: 4,
        until: Until::Reads(reads),
        elapsed_max: Duration::from_secs(30),
        scopes: scopes.to_vec(),
        ..Plan::default()
    };
    let findings = check(&target, &bed.direct(), &plan, &|_| ()).await.unwrap();
    println!("{findings}");
    findings
}
