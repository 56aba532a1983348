//! The connections of one user to one database, on every node of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use afterwrite_types::{NodeId, Role};
use afterwrite_wire::credentials::Credentials;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::cluster::Cluster;
use crate::connect::Login;
use crate::error::ClaimError;
use crate::permits::{Permit, Permits};
use crate::pool::{Claimed, Pool, PoolSettings, PoolStatus};
use crate::quota::{Limits, Quotas};

/// Connections that are tried, should the primary change meanwhile.
const PRIMARY_TRIES: usize = 3;

/// The connections of one user to one database, on every node of a cluster.
#[derive(Debug)]
pub struct Pools {
    cluster: Arc<Cluster>,
    login: Arc<RwLock<Arc<Login>>>,
    writers: Vec<Arc<Pool>>,
    readers: Vec<Arc<Pool>>,
    fallback: Permits,
    settings: Mutex<Arc<PoolSettings>>,
    /// When anything was claimed last, in seconds after `began`.
    used: AtomicU64,
    began: Instant,
}

impl Pools {
    /// Pools with nothing in them yet. `quotas` are limits they share with others.
    pub fn new(
        cluster: &Arc<Cluster>,
        login: Login,
        settings: PoolSettings,
        quotas: &[Arc<Quotas>],
    ) -> Arc<Self> {
        let login = Arc::new(RwLock::new(Arc::new(login)));
        let fallback = Permits::new(fallback_size(cluster, &settings));
        let settings = Arc::new(settings);
        let pools = |role| {
            let pool = |node: &Arc<crate::Node>| {
                let index = usize::from(node.id.0);
                let limits = Limits(quotas.iter().filter_map(|quotas| quotas.on(index)).collect());
                let (login, sequence) = (Arc::clone(&login), Arc::clone(&cluster.sequence));
                Pool::new(Arc::clone(node), role, login, sequence, limits, Arc::clone(&settings))
            };
            cluster.nodes().iter().map(pool).collect()
        };
        let pools = Arc::new(Self {
            writers: pools(Role::Primary),
            readers: pools(Role::Replica),
            cluster: Arc::clone(cluster),
            login,
            fallback,
            settings: Mutex::new(settings),
            used: AtomicU64::new(0),
            began: Instant::now(),
        });
        cluster.enter(&pools);
        pools
    }

    /// The cluster they lead to.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Who logs in to the servers.
    pub fn login(&self) -> Arc<Login> {
        Arc::clone(&self.login.read())
    }

    /// From now on logs in with what a client has just proven itself with, if that
    /// is something else: the password may have changed.
    pub fn log_in_with(&self, credentials: &Credentials) {
        let known = self.login();
        if *credentials != Credentials::Nothing && known.credentials != *credentials {
            let (user, database) = (known.user.clone(), known.database.clone());
            *self.login.write() = Arc::new(Login::new(user, credentials.clone(), database));
            for pool in self.all() {
                pool.try_login_again();
            }
        }
    }

    /// How they behave.
    pub fn settings(&self) -> Arc<PoolSettings> {
        Arc::clone(&self.settings.lock())
    }

    /// Changes how they behave. What is open is closed as far as it is too much.
    pub fn apply(&self, settings: PoolSettings) {
        let mut known = self.settings.lock();
        self.fallback.resize(fallback_size(&self.cluster, &settings));
        *known = Arc::new(settings);
        for pool in self.all() {
            pool.apply(&known);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.writers.iter().chain(&self.readers)
    }

    /// A connection to the primary.
    ///
    /// It is the primary's only if the server behind it says that it is on the very line
    /// that was confirmed. One on an older line is an old primary that has come back, one on
    /// a newer line another that nobody has confirmed yet.
    pub async fn claim_primary(&self) -> Result<Claimed, ClaimError> {
        for _ in 0..PRIMARY_TRIES {
            let primary = if let Some(primary) = self.cluster.primary() {
                primary
            } else {
                // Other nodes may have been configured just now.
                let limit = self.settings().connect_timeout;
                self.cluster.find_primary(limit).await.ok_or(ClaimError::NoPrimary)?
            };
            let pool = self.writers.get(usize::from(primary.node.0));
            self.note_use(Instant::now());
            let claimed = pool.ok_or(ClaimError::NoPrimary)?.claim().await?;
            if self.cluster.vouches_for(&claimed) {
                return Ok(claimed);
            }
        }
        Err(ClaimError::NoPrimary)
    }

    /// A connection to the primary, if one can be had without waiting.
    pub fn primary_at_once(&self, now: Instant) -> Option<Claimed> {
        let primary = self.cluster.primary()?;
        let claimed = self.writers.get(usize::from(primary.node.0))?.claim_at_once(now)?;
        self.note_use(now);
        Some(claimed).filter(|claimed| self.cluster.vouches_for(claimed))
    }

    /// As [`Self::claim_fallback`], if it can be had without waiting.
    pub fn fallback_at_once(&self, now: Instant) -> Option<Claimed> {
        if !self.cluster.has_replicas() {
            return self.primary_at_once(now);
        }
        let permit = self.fallback.try_take()?;
        Some(self.primary_at_once(now)?.with_permit(Some(permit)))
    }

    /// A connection to a replica, if one can be had without waiting.
    pub fn replica_at_once(&self, node: NodeId, now: Instant) -> Option<Claimed> {
        let claimed = self.readers.get(usize::from(node.0))?.claim_at_once(now)?;
        self.note_use(now);
        Some(claimed).filter(is_ours)
    }

    /// A connection to the primary for a read that found no replica.
    ///
    /// Such reads have a limit of their own, so that those that write find a
    /// connection even when all replicas are gone.
    pub async fn claim_fallback(&self) -> Result<Claimed, ClaimError> {
        if !self.cluster.has_replicas() {
            return self.claim_primary().await;
        }
        let permit = self.fallback_permit().await?;
        Ok(self.claim_primary().await?.with_permit(Some(permit)))
    }

    async fn fallback_permit(&self) -> Result<Permit, ClaimError> {
        if let Some(permit) = self.fallback.try_take() {
            return Ok(permit);
        }
        let settings = self.settings();
        let busy =
            || ClaimError::Fallback { waited: settings.wait_timeout, size: settings.fallback_size };
        timeout(settings.wait_timeout, self.fallback.take()).await.ok().flatten().ok_or_else(busy)
    }

    /// A connection to a replica.
    pub async fn claim_replica(&self, node: NodeId) -> Result<Claimed, ClaimError> {
        self.note_use(Instant::now());
        let claimed =
            self.readers.get(usize::from(node.0)).ok_or(ClaimError::Down)?.claim().await?;
        if is_ours(&claimed) { Ok(claimed) } else { Err(ClaimError::Down) }
    }

    /// A connection to any replica that is up.
    pub async fn claim_any_replica(&self) -> Option<Claimed> {
        for pool in &self.readers {
            if pool.node().takes_reads()
                && let Ok(link) = pool.claim().await
                && is_ours(&link)
            {
                return Some(link);
            }
        }
        None
    }

    fn note_use(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began);
        self.used.store(since.as_secs(), Ordering::Relaxed);
    }

    /// For how many seconds nothing was claimed.
    pub fn unused_for(&self) -> u64 {
        self.began.elapsed().as_secs().saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// How full the pools are, added up.
    pub fn status(&self) -> PoolStatus {
        self.all().fold(PoolStatus::default(), |sum, pool| {
            let one = pool.status();
            PoolStatus {
                active: sum.active + one.active,
                idle: sum.idle + one.idle,
                waiting: sum.waiting + one.waiting,
                waited: sum.waited.max(one.waited),
                size: one.size,
            }
        })
    }

    /// How full the pool to one node is.
    pub fn node_status(&self, node: NodeId, role: Role) -> PoolStatus {
        let pools = if role == Role::Replica { &self.readers } else { &self.writers };
        pools.get(usize::from(node.0)).map(|pool| pool.status()).unwrap_or_default()
    }

    /// Every pool: node by node, first as primaries, then as replicas.
    pub fn pools(&self) -> impl Iterator<Item = (Role, &Arc<Pool>)> {
        let writers = self.writers.iter().map(|pool| (Role::Primary, pool));
        writers.chain(self.readers.iter().map(|pool| (Role::Replica, pool)))
    }

    /// Closes all connections: those in use as they come back.
    pub fn reconnect(&self) {
        for pool in self.all() {
            pool.reconnect();
        }
    }

    /// Whether a statement uses any connection.
    pub fn is_busy(&self) -> bool {
        self.status().active > 0
    }

    /// Whether nothing is open.
    pub fn is_unused(&self) -> bool {
        self.all().all(|pool| pool.is_unused())
    }

    /// Closes what is not needed, and opens what should be there.
    pub(crate) fn tidy(self: &Arc<Self>) {
        let primary = self.cluster.primary().map(|primary| usize::from(primary.node.0));
        let mut cold = None;
        for (index, pool) in self.writers.iter().enumerate() {
            if pool.tidy() && primary == Some(index) {
                cold = Some(Arc::clone(pool));
            }
        }
        for pool in &self.readers {
            if pool.tidy() && pool.node().takes_reads() {
                warm_up(Arc::clone(pool));
            }
        }
        if let Some(pool) = cold {
            warm_up(pool);
        }
    }
}

impl Drop for Pools {
    fn drop(&mut self) {
        let login = self.login();
        debug!(user = %login.user, database = %login.database, "pools closed");
    }
}

/// Opens connections in advance, one after the other, so that the server is not
/// overrun.
fn warm_up(pool: Arc<Pool>) {
    tokio::spawn(async move {
        if let Err(error) = pool.warm().await {
            warn!(node = %pool.node().address(), %error, "cannot open a connection in advance");
        }
    });
}

/// Reads at once on the primary for want of a replica.
fn fallback_size(cluster: &Cluster, settings: &PoolSettings) -> usize {
    if cluster.has_replicas() { settings.fallback_size.max(1) } else { Semaphore::MAX_PERMITS }
}

/// Whether a connection to a replica leads to its cluster.
fn is_ours(claimed: &Claimed) -> bool {
    claimed.node().is_met_on(claimed.link.line())
}
