//! Counters and logs of what was decided: the same reason everywhere.

mod keys;
mod tokens;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use afterwrite_core::Reason;
use afterwrite_session::HintCounts;
use afterwrite_types::OrphanCause;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::database::Database;
use crate::observe::keys::KeyMetrics;
use crate::observe::tokens::TokenMetrics;
use crate::sharing::SharingMetrics;
use crate::site::Site;

/// Upper bounds of a wait's histogram, in seconds.
const WAIT_BUCKETS: [f64; 10] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0];

type Labels = Vec<(String, String)>;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    reads: Family<Labels, Counter>,
    pub(crate) writes: Counter,
    pub(crate) waits: Histogram,
    pub(crate) captures: Counter,
    pub(crate) fences: Counter,
    pub(crate) unresolved: Counter,
    pub(crate) fallbacks: Family<Labels, Counter>,
    pub(crate) reroutes: Counter,
    pub(crate) doubts: Counter,
    pub(crate) weakened: Counter,
    pub(crate) too_far_behind: Counter,
    pub(crate) hidden: Counter,
    pub(crate) refused: Counter,
    pub(crate) faults: Counter,
    pub(crate) claims_failed: Counter,
    pub(crate) hints: HintMetrics,
    pub(crate) tokens: TokenMetrics,
    pub(crate) orphans: OrphanMetrics,
    restarts: Family<Labels, Counter>,
    pub(crate) sharing: SharingMetrics,
    clients: Gauge,
    parked: Gauge,
    nodes: NodeMetrics,
    keys: KeyMetrics,
    texts: Family<Labels, Counter>,
    catalogs: Family<Labels, Gauge>,
}

/// Hints in comments, by what came of them.
#[derive(Debug)]
pub(crate) struct HintMetrics {
    followed: Counter,
    weaker: Counter,
    bad: Counter,
    unplaced: Counter,
}

impl HintMetrics {
    fn new(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        registry.register("hints", "Hints in comments, by what came of them", family.clone());
        let kind = |name: &str| family.get_or_create(&vec![("kind".into(), name.into())]).clone();
        Self {
            followed: kind("followed"),
            weaker: kind("weaker"),
            bad: kind("bad"),
            unplaced: kind("unplaced"),
        }
    }

    /// Adds what a client's statements asked for.
    pub(crate) fn count(&self, counts: HintCounts) {
        if counts == HintCounts::default() {
            return;
        }
        self.followed.inc_by(counts.followed.into());
        self.weaker.inc_by(counts.weaker.into());
        self.bad.inc_by(counts.bad.into());
        self.unplaced.inc_by(counts.unplaced.into());
    }
}

/// Floors that may stand for lost writes, by how that came about.
#[derive(Debug)]
pub(crate) struct OrphanMetrics([Counter; OrphanCause::ALL.len()]);

impl OrphanMetrics {
    fn new(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        registry.register(
            "orphans",
            "Floors beyond what the primary has: acknowledged writes that may be lost",
            family.clone(),
        );
        let counter = |cause: OrphanCause| {
            family.get_or_create(&vec![("kind".into(), cause.name().into())]).clone()
        };
        Self(OrphanCause::ALL.map(counter))
    }

    /// Counts one; gives back how many there had been.
    pub(crate) fn count(&self, cause: OrphanCause) -> u64 {
        let at = OrphanCause::ALL.iter().position(|it| *it == cause).unwrap_or_default();
        self.0.get(at).map_or(0, Counter::inc)
    }
}

/// Reads of one cluster, by node and reason.
#[derive(Debug)]
pub(crate) struct NodeReads(Vec<Vec<Counter>>);

impl NodeReads {
    /// Each node's reads, by reason.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (usize, Reason, u64)> {
        self.0.iter().enumerate().flat_map(|(node, counters)| {
            Reason::ALL.iter().zip(counters).map(move |(reason, it)| (node, *reason, it.get()))
        })
    }
}

#[derive(Debug, Default)]
struct NodeMetrics {
    up: Family<Labels, Gauge>,
    primary: Family<Labels, Gauge>,
    positions: Family<Labels, Gauge>,
    banned: Family<Labels, Gauge>,
    lag_bytes: Family<Labels, Gauge>,
    lag_seconds: Family<Labels, Gauge<f64, AtomicU64>>,
    active: Family<Labels, Gauge>,
    idle: Family<Labels, Gauge>,
    waiting: Family<Labels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("afterwrite");
        let reads = Family::<Labels, Counter>::default();
        registry.register("reads", "Reads by cluster, node and reason", reads.clone());
        let hints = HintMetrics::new(&mut registry);
        let tokens = TokenMetrics::new(&mut registry);
        let orphans = OrphanMetrics::new(&mut registry);
        let sharing = SharingMetrics::new(&mut registry);
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let metrics = Self {
            reads,
            hints,
            tokens,
            orphans,
            restarts: Family::default(),
            sharing,
            writes: counter("writes", "Statements sent to the primary because they may write"),
            captures: counter("captures", "Positions captured behind a client's own commit"),
            fences: counter("fences", "Positions asked of the primary on behalf of a read"),
            unresolved: counter("unresolved", "Statements whose position was left to a fence"),
            reroutes: counter("reroutes", "Reads that ran again elsewhere, unseen by the client"),
            doubts: counter(
                "doubts",
                "Writes whose outcome is unknown: the server connection was lost",
            ),
            weakened: counter(
                "reads_weakened",
                "Reads that got less than they asked for, with a notice: no replica was fresh enough",
            ),
            too_far_behind: counter(
                "reads_failed_behind",
                "Reads that failed because no replica was fresh enough",
            ),
            hidden: counter(
                "reads_hidden",
                "Statements of causal sessions for which the primary did not show in time all that a replica had shown",
            ),
            refused: counter("clients_refused", "Clients refused at login"),
            faults: counter("client_faults", "Clients closed because they broke the protocol"),
            claims_failed: counter(
                "claims_failed",
                "Statements for which no server connection could be had",
            ),
            waits: Histogram::new(WAIT_BUCKETS),
            fallbacks: Family::default(),
            clients: Gauge::default(),
            parked: Gauge::default(),
            nodes: NodeMetrics::default(),
            keys: KeyMetrics::default(),
            texts: Family::default(),
            catalogs: Family::default(),
            registry: Registry::default(),
        };
        registry.register_with_unit(
            "wait",
            "How long reads waited for a replica",
            Unit::Seconds,
            metrics.waits.clone(),
        );
        registry.register(
            "fallbacks",
            "Reads sent to the primary for want of a replica, by reason",
            metrics.fallbacks.clone(),
        );
        registry.register("clients", "Clients connected", metrics.clients.clone());
        let parked = "Those of them that have been silent and hold little memory";
        registry.register("clients_parked", parked, metrics.parked.clone());
        registry.register(
            "texts",
            "Statements' texts by database: known, new, or read in haste",
            metrics.texts.clone(),
        );
        registry.register(
            "catalog_known",
            "Whether the database's catalog was read and has not changed since",
            metrics.catalogs.clone(),
        );
        registry.register(
            "primary_losses",
            "Times that the primary has restarted without its last records",
            metrics.restarts.clone(),
        );
        metrics.nodes.register(&mut registry);
        metrics.keys.register(&mut registry);
        Self { registry, ..metrics }
    }

    /// The counters of one cluster's reads.
    pub(crate) fn node_reads(&self, cluster: &str, nodes: usize) -> NodeReads {
        let of_node = |node: usize| {
            let counter = |reason: &Reason| {
                let labels = vec![
                    ("cluster".into(), cluster.into()),
                    ("node".into(), node.to_string()),
                    ("reason".into(), reason.name().into()),
                ];
                self.reads.get_or_create(&labels).clone()
            };
            Reason::ALL.iter().map(counter).collect()
        };
        NodeReads((0..nodes).map(of_node).collect())
    }

    /// Counts a read that ran on `node`.
    pub(crate) fn read(&self, reads: &NodeReads, node: usize, reason: Reason) {
        let place = Reason::ALL.iter().position(|it| *it == reason).unwrap_or_default();
        if let Some(counter) = reads.0.get(node).and_then(|reasons| reasons.get(place)) {
            counter.inc();
        }
        if reason.is_fallback() {
            self.fallbacks.get_or_create(&vec![("reason".into(), reason.name().into())]).inc();
        }
    }

    /// Counts a wait for a replica.
    pub(crate) fn waited(&self, time: Duration) {
        self.waits.observe(time.as_secs_f64());
    }

    /// Everything, in the text format of Prometheus (`OpenMetrics` 1.0).
    pub(crate) fn render(
        &self,
        sites: &[Arc<Site>],
        databases: &[Arc<Database>],
        clients: usize,
        parked: usize,
    ) -> String {
        self.clients.set(i64::try_from(clients).unwrap_or(i64::MAX));
        self.parked.set(i64::try_from(parked).unwrap_or(i64::MAX));
        for site in sites {
            self.nodes.take(site);
            self.keys.take(site);
            let count = site.cluster.lossy_restarts();
            let labels = vec![("cluster".into(), site.name.clone())];
            self.restarts.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
        for database in databases.iter().filter(|it| it.site.cluster.has_replicas()) {
            self.take_texts(database);
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let _ = write!(text, "# the metrics could not be written");
        }
        text
    }

    fn take_texts(&self, database: &Database) {
        let name = || ("database".into(), database.name.clone());
        let counts = database.schema.counts();
        for (result, count) in ["known", "new", "hurried"].into_iter().zip(counts) {
            let labels = vec![name(), ("result".into(), result.into())];
            self.texts.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
        let known = i64::from(database.schema.is_known());
        self.catalogs.get_or_create(&vec![name()]).set(known);
    }
}

impl NodeMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("node_up", "Whether the node answers", self.up.clone());
        registry.register("node_primary", "Whether the node is the primary", self.primary.clone());
        registry.register(
            "positions",
            "What tells how far the servers have come; window is assumed and not known",
            self.positions.clone(),
        );
        registry.register(
            "node_banned",
            "Whether the node takes no reads because it is not on the primary's line of history",
            self.banned.clone(),
        );
        registry.register_with_unit(
            "replica_lag",
            "Log that the replica has not replayed",
            Unit::Bytes,
            self.lag_bytes.clone(),
        );
        registry.register_with_unit(
            "replica_lag",
            "Age of the oldest position of the primary that the replica has not replayed",
            Unit::Seconds,
            self.lag_seconds.clone(),
        );
        registry.register("pool_active", "Server connections in use", self.active.clone());
        registry.register("pool_idle", "Server connections open and unused", self.idle.clone());
        registry.register(
            "pool_waiting",
            "Statements that wait for a server connection",
            self.waiting.clone(),
        );
    }

    fn take(&self, site: &Site) {
        let cluster = &site.cluster;
        let primary = cluster.primary().map(|primary| primary.node);
        for kind in ["log", "heartbeat", "window"] {
            let labels = vec![("cluster".into(), site.name.clone()), ("kind".into(), kind.into())];
            self.positions.get_or_create(&labels).set(i64::from(kind == cluster.gauge_name()));
        }
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        for node in cluster.status() {
            let labels = vec![
                ("cluster".to_owned(), site.name.clone()),
                ("node".to_owned(), node.node.to_string()),
                ("address".to_owned(), node.address.clone()),
            ];
            self.up.get_or_create(&labels).set(i64::from(node.up));
            self.primary.get_or_create(&labels).set(i64::from(primary == Some(node.node)));
            self.banned.get_or_create(&labels).set(i64::from(node.ban.is_some()));
            if let Some(bytes) = node.lag_bytes {
                let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                self.lag_bytes.get_or_create(&labels).set(bytes);
            }
            self.lag_seconds.get_or_create(&labels).set(node.lag.as_secs_f64());
            self.active.get_or_create(&labels).set(gauge(node.pool.active));
            self.idle.get_or_create(&labels).set(gauge(node.pool.idle));
            self.waiting.get_or_create(&labels).set(gauge(node.pool.waiting));
        }
    }
}

/// Whether decisions are logged, without asking twice.
pub(crate) fn decision(log: bool, place: &str, node: Option<u16>, reason: Reason, why: &str) {
    if log {
        tracing::info!(target: "afterwrite::decision", place, node, reason = reason.name(), why, "decided");
    }
}
