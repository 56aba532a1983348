//! The lag of the demo: the same for every way of routing.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use afterwrite_cluster::{Cluster, ClusterError, Plan};
use tokio::time::{Instant, sleep_until};

/// When which replica lags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// `recovery_min_apply_delay` of the first replica.
    pub(super) apply_delay: Duration,
    /// How long the second replica's replay stands still each time.
    pub(super) pause: Duration,
    /// From the beginning of one pause to that of the next.
    pub(super) pause_every: Duration,
}

pub(super) const SCHEDULE: Schedule = Schedule {
    apply_delay: Duration::from_millis(60),
    pause: Duration::from_millis(400),
    pause_every: Duration::from_millis(1_500),
};

/// One primary, two replicas, the first of which shows every commit late.
pub(super) fn plan(bin_dir: Option<PathBuf>) -> Plan {
    let apply_delay = vec![SCHEDULE.apply_delay];
    Plan { replicas: 2, apply_delay, bin_dir, ..Plan::default() }
}

/// Pauses and resumes the second replica's replay, for ever.
///
/// Cancelled in a pause it leaves the replay paused: [`end`] resumes it.
pub(super) async fn inject(cluster: &Cluster) -> Result<Infallible, ClusterError> {
    let Some(replica) = cluster.replicas().get(1) else {
        return std::future::pending().await;
    };
    let Schedule { pause, pause_every: every, .. } = SCHEDULE;
    let mut next = Instant::now() + every / 4;
    loop {
        sleep_until(next).await;
        replica.pause_replay().await?;
        sleep_until(next + pause).await;
        replica.resume_replay().await?;
        next += every;
    }
}

/// Lets every replica replay, and waits until each has all.
pub(super) async fn end(cluster: &Cluster) -> Result<(), ClusterError> {
    if let Some(replica) = cluster.replicas().get(1) {
        replica.resume_replay().await?;
    }
    cluster.wait_for_catch_up(Duration::from_secs(30)).await
}
