//! Faults in a real cluster, in an order that a seed repeats.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, ClusterError, Server, StopMode};
use serde::Serialize;
use tokio::time::sleep;

/// A replica that was hurt must stream again within this time.
const RECOVERY_MAX: Duration = Duration::from_mins(1);

/// Every fault that happened, in order.
pub(super) type Log = Mutex<Vec<Occurrence>>;

/// One fault, as it happened.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Occurrence {
    /// Since the faults began, in milliseconds.
    pub(super) at_ms: u64,
    pub(super) fault: Fault,
    pub(super) server: String,
    /// How long it lasted, until the server was itself again.
    pub(super) took_ms: u64,
}

/// What can happen to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    PausedReplay,
    DelayedReplay,
    FrozenReceiver,
    KilledBackend,
    KilledReplica,
    StoppedReplica,
    FrozenReplica,
    RestartedPrimary,
    CrashedPrimary,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::PausedReplay,
        Self::DelayedReplay,
        Self::FrozenReceiver,
        Self::KilledBackend,
        Self::KilledReplica,
        Self::StoppedReplica,
        Self::FrozenReplica,
        Self::RestartedPrimary,
        Self::CrashedPrimary,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PausedReplay => "replay paused",
            Self::DelayedReplay => "replay delayed",
            Self::FrozenReceiver => "wal receiver frozen",
            Self::KilledBackend => "replica backend killed",
            Self::KilledReplica => "replica killed",
            Self::StoppedReplica => "replica stopped at once",
            Self::FrozenReplica => "replica frozen",
            Self::RestartedPrimary => "primary restarted",
            Self::CrashedPrimary => "primary stopped at once",
        }
    }

    /// Whether the server goes through recovery, in which replay may be seen to
    /// go back: further if it was behind.
    fn is_crash_of_replica(self) -> bool {
        match self {
            Self::KilledBackend | Self::KilledReplica | Self::StoppedReplica => true,
            Self::PausedReplay
            | Self::DelayedReplay
            | Self::FrozenReceiver
            | Self::FrozenReplica
            | Self::RestartedPrimary
            | Self::CrashedPrimary => false,
        }
    }
}

/// How often each fault happened.
pub(super) fn counts(log: &[Occurrence]) -> impl Iterator<Item = (&'static str, usize)> {
    let mut counts = BTreeMap::<Fault, usize>::new();
    for occurrence in log {
        *counts.entry(occurrence.fault).or_default() += 1;
    }
    counts.into_iter().map(|(fault, count)| (fault.name(), count))
}

/// Hurts one server after the other, for ever: all kinds in a random order, then
/// all in another. Fails if a server does not come back. `delays` are the apply
/// delays that the replicas have when nothing is wrong with them.
///
/// May be cancelled; the cluster is then left as it happens to be.
pub(super) async fn inject(
    cluster: &Cluster,
    delays: &[Duration],
    seed: u64,
    log: &Log,
) -> Result<Infallible, ClusterError> {
    let begin = Instant::now();
    let mut random = Random(seed);
    loop {
        let mut round = Fault::ALL;
        for last in (1..round.len()).rev() {
            round.swap(last, random.below(last + 1));
        }
        for fault in round {
            sleep(random.between(100, 600)).await;
            until_streaming(cluster).await?;
            let hurt = Instant::now();
            let server = strike(fault, cluster, delays, &mut random).await?;
            let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            log.lock().unwrap_or_else(PoisonError::into_inner).push(Occurrence {
                at_ms: ms(hurt.duration_since(begin)),
                fault,
                server: server.name().to_owned(),
                took_ms: ms(hurt.elapsed()),
            });
        }
    }
}

/// Hurts one server once, with this fault, as a seed repeats.
pub(super) async fn strike_once(
    fault: Fault,
    cluster: &Cluster,
    delays: &[Duration],
    seed: u64,
) -> Result<(), ClusterError> {
    until_streaming(cluster).await?;
    strike(fault, cluster, delays, &mut Random(seed)).await.map(drop)
}

async fn strike<'a>(
    fault: Fault,
    cluster: &'a Cluster,
    delays: &[Duration],
    random: &mut Random,
) -> Result<&'a Server, ClusterError> {
    let index = random.below(cluster.replicas().len());
    let replica = cluster.replicas().get(index).unwrap_or(cluster.primary());
    let usual_delay = delays.get(index).copied().unwrap_or_default();
    // Drawn whether needed or not, so that one fault more or less in the code
    // above does not change all that follow.
    let (long, lag_first) = (random.between(200, 1_500), random.below(2) == 0);
    let delay = random.between(50, 500);
    if fault.is_crash_of_replica() && lag_first {
        replica.set_apply_delay(delay).await?;
        sleep(delay * 2).await;
    }
    match fault {
        Fault::PausedReplay => {
            replica.pause_replay().await?;
            sleep(long).await;
            replica.resume_replay().await?;
        }
        Fault::DelayedReplay => {
            replica.set_apply_delay(delay).await?;
            sleep(long).await;
            replica.set_apply_delay(usual_delay).await?;
        }
        Fault::FrozenReceiver => {
            replica.suspend_wal_receiver().await?;
            sleep(long).await;
            replica.resume_wal_receiver().await?;
        }
        Fault::KilledBackend => {
            kill_backend(replica).await?;
            recovered(replica).await?;
        }
        Fault::KilledReplica => {
            replica.kill().await?;
            sleep(long / 2).await;
            replica.start().await?;
        }
        Fault::StoppedReplica => replica.restart(StopMode::Immediate).await?,
        Fault::FrozenReplica => {
            replica.suspend()?;
            // Longer than a probe may take, half of the time.
            sleep(long * 2).await;
            replica.resume()?;
        }
        Fault::RestartedPrimary => cluster.primary().restart(StopMode::Fast).await?,
        Fault::CrashedPrimary => cluster.primary().restart(StopMode::Immediate).await?,
    }
    if fault.is_crash_of_replica() && lag_first {
        sleep(long / 2).await;
        replica.set_apply_delay(usual_delay).await?;
    }
    let primary = matches!(fault, Fault::RestartedPrimary | Fault::CrashedPrimary);
    Ok(if primary { cluster.primary() } else { replica })
}

/// Kills one of the proxy's connections to the replica at the server's end.
async fn kill_backend(replica: &Server) -> Result<(), ClusterError> {
    let sql = "SELECT pid FROM pg_stat_activity \
               WHERE application_name = 'afterwrite' AND backend_type = 'client backend' LIMIT 1";
    let rows = replica.query(sql).await?;
    let pid = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    match pid.and_then(|pid| pid.parse().ok()) {
        // It may have ended by itself in between; then nothing happens.
        Some(pid) => match replica.kill_backend(pid) {
            Ok(()) | Err(ClusterError::NotABackend { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        None => Ok(()),
    }
}

/// Waits until all replicas stream. On a machine that is short of everything an
/// answer may take longer than a question waits, so it is asked again.
async fn until_streaming(cluster: &Cluster) -> Result<(), ClusterError> {
    let end = Instant::now() + RECOVERY_MAX;
    loop {
        match cluster.wait_for_streaming(RECOVERY_MAX).await {
            Err(_) if Instant::now() < end => sleep(Duration::from_millis(50)).await,
            outcome => return outcome,
        }
    }
}

/// After a backend's crash the server ends all sessions and recovers by itself.
async fn recovered(replica: &Server) -> Result<(), ClusterError> {
    let end = Instant::now() + RECOVERY_MAX;
    loop {
        sleep(Duration::from_millis(50)).await;
        match replica.query("SELECT 1").await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => {}
        }
    }
}

/// The generator `SplitMix64`. Not for secrets.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; zero if `end` is.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        let span = most_ms.saturating_sub(least_ms) + 1;
        Duration::from_millis(least_ms + self.next() % span)
    }
}
