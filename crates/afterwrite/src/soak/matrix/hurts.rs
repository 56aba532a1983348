//! What happens in the rows of the matrix.

use std::time::Duration;

use afterwrite_cluster::{Cluster, ClusterError, Server};
use tokio::time::sleep;

use super::super::faults::{Fault, strike_once};

/// How long commits wait for a standby that does not exist.
const HELD: Duration = Duration::from_millis(800);

/// How long replicas that are cut off stay behind before one is promoted.
const CUT: Duration = Duration::from_millis(500);

/// What happens in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurt {
    /// Nothing: what everything else is held against.
    Nothing,
    /// What happens to servers in the soak as well.
    Server(Fault),
    /// Commits wait for a standby that does not exist: replicas show them, the primary does
    /// not.
    HeldCommits,
    /// A commit with so many files to remove that its replay takes long after it shows.
    BigDrop,
    /// A transaction that fills the log, and is rolled back.
    BulkLoad,
    /// All writes are COPY.
    Copies,
    /// The log ends at a page's end, and nothing more comes.
    PageBoundary,
    /// A replica that was cut off is promoted: acknowledged writes are lost.
    LossyPromotion,
}

pub(super) const ALL: [Hurt; 16] = [
    Hurt::Nothing,
    Hurt::Server(Fault::FrozenReceiver),
    Hurt::Server(Fault::PausedReplay),
    Hurt::Server(Fault::DelayedReplay),
    Hurt::Server(Fault::StoppedReplica),
    Hurt::Server(Fault::KilledReplica),
    Hurt::Server(Fault::KilledBackend),
    Hurt::Server(Fault::FrozenReplica),
    Hurt::Server(Fault::RestartedPrimary),
    Hurt::Server(Fault::CrashedPrimary),
    Hurt::HeldCommits,
    Hurt::BigDrop,
    Hurt::BulkLoad,
    Hurt::Copies,
    Hurt::PageBoundary,
    Hurt::LossyPromotion,
];

impl Hurt {
    /// As in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Server(fault) => fault.name(),
            Self::HeldCommits => "commits held by a standby that is not there",
            Self::BigDrop => "commit that drops 1,000 tables",
            Self::BulkLoad => "bulk load, rolled back",
            Self::Copies => "all writes by COPY",
            Self::PageBoundary => "idle at a page boundary",
            Self::LossyPromotion => "cut-off replica promoted",
        }
    }

    /// As in `--only`.
    pub(super) fn key(self) -> String {
        match self {
            Self::Nothing => "none".to_owned(),
            Self::Server(fault) => fault.name().replace(' ', "_"),
            Self::HeldCommits => "held_commits".to_owned(),
            Self::BigDrop => "big_drop".to_owned(),
            Self::BulkLoad => "bulk_load".to_owned(),
            Self::Copies => "copy".to_owned(),
            Self::PageBoundary => "page_boundary".to_owned(),
            Self::LossyPromotion => "lossy_promotion".to_owned(),
        }
    }

    /// Whether the cluster is not what it was afterwards, and writes may be lost.
    pub(super) fn ends_the_cluster(self) -> bool {
        self == Self::LossyPromotion
    }

    /// Happens once, and is over when this returns.
    pub(super) async fn happen(
        self,
        cluster: &Cluster,
        delays: &[Duration],
        seed: u64,
    ) -> Result<(), ClusterError> {
        let primary = cluster.primary();
        match self {
            Self::Nothing | Self::Copies => sleep(HELD).await,
            Self::Server(fault) => strike_once(fault, cluster, delays, seed).await?,
            Self::HeldCommits => {
                primary.set("synchronous_standby_names", "nobody").await?;
                sleep(HELD).await;
                primary.set("synchronous_standby_names", "").await?;
            }
            Self::BigDrop => {
                for verb in ["CREATE TABLE big_%s ()", "DROP TABLE big_%s"] {
                    let sql = format!(
                        "DO $$ BEGIN FOR n IN 1..1000 LOOP EXECUTE format('{verb}', n); \
                         END LOOP; END $$"
                    );
                    primary.query(&sql).await?;
                }
            }
            Self::BulkLoad => {
                primary.query("CREATE TABLE IF NOT EXISTS bulk (t text)").await?;
                // An error rolls it back; it is caught, so that the block succeeds.
                let sql = "DO $$ BEGIN INSERT INTO bulk SELECT repeat('x', 1000) FROM \
                           generate_series(1, 20000); RAISE EXCEPTION 'undo'; \
                           EXCEPTION WHEN raise_exception THEN NULL; END $$";
                primary.query(sql).await?;
            }
            Self::PageBoundary => {
                // Without an identifier of its own it ends without a record of its own.
                let sql = "DO $$ BEGIN FOR n IN 1..100000 LOOP \
                           PERFORM pg_logical_emit_message(false, '', repeat('x', n % 8 * 8)); \
                           EXIT WHEN (pg_current_wal_insert_lsn() - '0/0')::numeric % 8192 = 24; \
                           END LOOP; END $$";
                primary.query(sql).await?;
                sleep(Duration::from_millis(60)).await;
            }
            Self::LossyPromotion => lossy_promotion(cluster).await?,
        }
        Ok(())
    }
}

async fn lossy_promotion(cluster: &Cluster) -> Result<(), ClusterError> {
    let [heir, others @ ..] = cluster.replicas() else { return Ok(()) };
    // The heir last, so that no other has more than it, and can follow it.
    for replica in others.iter().chain([heir]) {
        replica.set("primary_conninfo", "").await?;
    }
    sleep(CUT).await;
    cluster.primary().kill().await?;
    heir.promote().await?;
    for replica in others {
        follow(replica, heir, cluster).await?;
    }
    Ok(())
}

async fn follow(replica: &Server, primary: &Server, cluster: &Cluster) -> Result<(), ClusterError> {
    let upstream = format!(
        "host={} port={} user=afterwrite_replication application_name={}",
        cluster.socket_dir().display(),
        primary.port(),
        replica.name()
    );
    replica.set("primary_slot_name", "").await?;
    replica.set("primary_conninfo", &upstream).await
}
