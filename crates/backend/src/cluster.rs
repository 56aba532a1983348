//! All nodes together: who is the primary, who waits for what.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use afterwrite_core::{Ban, Bounds, PrimaryTrack, PrimaryView, ReplicaView};
use afterwrite_net::Address;
use afterwrite_net::tls::Connector;
use afterwrite_types::{Fence, Line, Lsn, Moment, NodeId, Position, Role, Sequence};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::beat;
use crate::connect::{self, Login, Purpose};
use crate::error::ConnectError;
use crate::gauge::{Gauge, GaugeSettings, Gauges, Product};
use crate::node::Node;
use crate::pool::PoolStatus;
use crate::pools::Pools;
use crate::probe;
use crate::replay;
use crate::server::Server;
use crate::succession::Succession;
use crate::wait::Waiters;

/// How the servers are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// Between probes when nobody needs a position.
    pub idle_interval: Duration,
    /// Between probes for a while after somebody did.
    pub busy_interval: Duration,
    /// Between probes while somebody waits.
    pub waiting_interval: Duration,
    /// How long a probe may take.
    pub probe_timeout: Duration,
}

/// The confirmed primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Which node.
    pub node: NodeId,
    /// The line of history it writes.
    pub line: Line,
}

/// One node as it is shown to people.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Its number.
    pub node: NodeId,
    /// `host:port`, or a Unix socket's path.
    pub address: String,
    /// What it said it was.
    pub role: Option<Role>,
    /// Whether it answers.
    pub up: bool,
    /// Whether a pooler stands between.
    pub pooled: bool,
    /// What it was found to be.
    pub product: Product,
    /// What tells how far it has come: `log`, `heartbeat` or `window`.
    pub gauge: &'static str,
    /// Why it takes no reads although it answers.
    pub ban: Option<Ban>,
    /// It accepts writes on an older timeline than the cluster's: it is not used.
    pub outdated: bool,
    /// Its line of history.
    pub line: Option<Line>,
    /// How far it has replayed or written.
    pub position: Option<Lsn>,
    /// Bytes behind the primary's latest known position; `None` if unknown.
    pub lag_bytes: Option<u64>,
    /// Time behind it.
    pub lag: Duration,
    /// Why it is down.
    pub error: Option<String>,
    /// Its connections as a primary and as a replica.
    pub pool: PoolStatus,
}

impl NodeStatus {
    /// Whether it is a replica that reads may go to.
    pub fn takes_reads(&self) -> bool {
        self.up && self.role == Some(Role::Replica) && !self.pooled && self.ban.is_none()
    }
}

/// All nodes together.
#[derive(Debug)]
pub struct Cluster {
    settings: Mutex<WatchSettings>,
    pub(crate) login: Arc<Login>,
    pub(crate) sequence: Arc<Sequence>,
    pub(crate) waiters: Waiters,
    pub(crate) gauges: Arc<Gauges>,
    /// Wakes who makes beats.
    pub(crate) beats: tokio::sync::Notify,
    nodes: Vec<Arc<Node>>,
    pools: Mutex<Vec<Weak<Pools>>>,
    pub(crate) primary: Mutex<Option<Primary>>,
    pub(crate) succession: Succession,
    track: Mutex<PrimaryTrack>,
    bounds: Mutex<Bounds>,
    fence: Mutex<Option<Fence>>,
    pub(crate) settled: tokio::sync::Notify,
}

impl Cluster {
    /// A cluster of these nodes; nothing is connected until [`Self::run`].
    pub fn new(
        addresses: &[(String, u16)],
        tls: &Arc<Connector>,
        login: Login,
        sequence: Arc<Sequence>,
        settings: WatchSettings,
    ) -> Arc<Self> {
        let gauges = Arc::new(Gauges::new());
        let nodes: Vec<_> = (0..)
            .zip(addresses)
            .map(|(id, (host, port))| {
                let address = Address::new(host, *port);
                let server = Server { address, tls: Arc::clone(tls) };
                Arc::new(Node::new(NodeId(id), server, Arc::clone(&gauges)))
            })
            .collect();
        Arc::new(Self {
            settings: Mutex::new(settings),
            pools: Mutex::default(),
            login: Arc::new(login),
            sequence,
            waiters: Waiters::default(),
            gauges,
            beats: tokio::sync::Notify::new(),
            nodes,
            primary: Mutex::new(None),
            succession: Succession::new(),
            track: Mutex::new(PrimaryTrack::default()),
            bounds: Mutex::default(),
            fence: Mutex::new(None),
            settled: tokio::sync::Notify::new(),
        })
    }

    /// Probes all nodes and tidies the pools. Never ends by itself; cancel-safe.
    pub async fn run(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        for node in &self.nodes {
            tasks.spawn(probe::run(Arc::clone(&self), Arc::clone(node)));
            tasks.spawn(replay::run(Arc::clone(&self), Arc::clone(node)));
        }
        tasks.spawn(beat::run(Arc::clone(&self)));
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            for pools in self.pools() {
                pools.tidy();
            }
            self.succession.tick(&self);
        }
    }

    /// Waits until every node has been reached or has failed once, or `limit`.
    pub async fn settle(&self, limit: Duration) {
        let all_tried = async {
            loop {
                let settled = self.settled.notified();
                if self.nodes.iter().all(|node| node.state.lock().tried) {
                    return;
                }
                let _ = timeout(Duration::from_millis(20), settled).await;
            }
        };
        let _ = timeout(limit, all_tried).await;
    }

    /// The confirmed primary; before all nodes were asked for the first time, the one
    /// that is found within `limit`.
    pub(crate) async fn find_primary(&self, limit: Duration) -> Option<Primary> {
        let found = async {
            loop {
                let settled = self.settled.notified();
                let primary = self.primary();
                if primary.is_some() || self.nodes.iter().all(|node| node.state.lock().tried) {
                    return primary.or_else(|| self.primary());
                }
                let _ = timeout(Duration::from_millis(5), settled).await;
            }
        };
        timeout(limit, found).await.ok().flatten()
    }

    /// Every node, by its number.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Whether there is more than one node, so that positions matter.
    pub fn has_replicas(&self) -> bool {
        self.nodes.len() > 1
    }

    /// The confirmed primary.
    pub fn primary(&self) -> Option<Primary> {
        *self.primary.lock()
    }

    /// What a decision may know of the primary.
    pub fn primary_view(&self) -> Option<PrimaryView> {
        self.primary().map(|primary| PrimaryView { node: primary.node, line: primary.line })
    }

    /// What a decision may know of the replicas.
    pub fn replica_views(&self, now: Instant) -> SmallVec<[ReplicaView; 4]> {
        if !self.has_replicas() {
            return SmallVec::new();
        }
        let primary = self.primary().map(|primary| primary.node);
        let others = self.nodes.iter().filter(|node| Some(node.id) != primary);
        others.filter_map(|node| node.view(now)).collect()
    }

    /// The primary's latest known position.
    pub fn known_position(&self) -> Option<Position> {
        let line = self.primary()?.line;
        self.track.lock().latest().map(|lsn| Position { line, lsn })
    }

    /// Says what tells how far its nodes have come; before they are watched.
    pub fn configure(&self, settings: GaugeSettings) {
        self.gauges.configure(settings);
    }

    /// What tells how far its nodes have come: `log`, `heartbeat` or `window`.
    pub fn gauge_name(&self) -> &'static str {
        self.gauges.used().name()
    }

    /// How it is watched.
    pub fn settings(&self) -> WatchSettings {
        *self.settings.lock()
    }

    /// Changes how it is watched.
    pub fn apply(&self, settings: WatchSettings) {
        *self.settings.lock() = settings;
    }

    pub(crate) fn enter(&self, pools: &Arc<Pools>) {
        self.pools.lock().push(Arc::downgrade(pools));
    }

    /// All pools that lead here.
    pub fn pools(&self) -> Vec<Arc<Pools>> {
        let mut pools = self.pools.lock();
        pools.retain(|it| it.strong_count() > 0);
        pools.iter().filter_map(Weak::upgrade).collect()
    }

    /// Waits until some replica has replayed `need`; `false` if none has in time.
    ///
    /// Holds no server connection. Cancel-safe.
    pub async fn wait_for_replay(&self, need: Position, at_most: Duration) -> bool {
        let mut ticket = self.waiters.for_replay(need);
        // One may have got there between the decision and the ticket.
        let reached = |node: &Arc<Node>| {
            let state = node.state.lock();
            state.up
                && state.role == Some(Role::Replica)
                && state.observed.is_some_and(|observed| {
                    observed.replayed.standing(need) == afterwrite_types::Standing::Covers
                })
        };
        if self.nodes.iter().any(reached) {
            return true;
        }
        let _demand = Demanded::begin(self.nodes.iter().map(Arc::clone).collect());
        timeout(at_most, &mut ticket.reached).await.is_ok_and(|woken| woken.is_ok())
    }

    /// The primary's position, asked for later than `after`; `None` if it was
    /// not answered in time. Many askers share one question. Cancel-safe.
    pub async fn fence(&self, after: Moment, at_most: Duration) -> Option<Fence> {
        let receiver = self.waiters.for_fence(after);
        let primary = self.primary()?;
        let node = self.nodes.get(usize::from(primary.node.0))?;
        if let Gauge::Heartbeat(_) = self.gauges.used() {
            self.beats.notify_one();
            return timeout(at_most, receiver).await.ok()?.ok();
        }
        let _demand = Demanded::begin(SmallVec::from_iter([Arc::clone(node)]));
        timeout(at_most, receiver).await.ok()?.ok()
    }

    /// Whether no server process with this number is left on a node.
    pub async fn is_process_gone(&self, node: NodeId, pid: i32) -> Result<bool, ConnectError> {
        let node = self
            .nodes
            .get(usize::from(node.0))
            .ok_or_else(|| ConnectError::Protocol("no such node".into()))?;
        let limit = self.settings().connect_timeout;
        let ask = async {
            let (mut messages, _) =
                connect::enter(&node.server, &self.login, Purpose::Probe).await?;
            connect::process_is_gone(&mut messages, pid).await
        };
        timeout(limit, ask).await.map_err(|_| ConnectError::TimedOut(limit))?
    }

    /// Notes that a read found no replica: they are asked more often for a while.
    pub fn note_fallback(&self, now: Instant) {
        for node in &self.nodes {
            node.demand.touch(now);
        }
    }

    /// The latest answer of the primary: it may serve without asking again.
    pub fn last_fence(&self) -> Option<Fence> {
        let primary = self.primary()?;
        self.fence.lock().filter(|fence| fence.position.line == primary.line)
    }

    /// Takes up an answer of the primary, and wakes those whom it serves.
    pub(crate) fn fenced(&self, fence: Fence) {
        *self.fence.lock() = Some(fence);
        self.waiters.fenced(fence);
    }

    /// What covers everything that was acknowledged longer ago than `max_staleness`; `None` if
    /// the primary has not been asked since then.
    pub fn bound(&self, max_staleness: Duration, now: Instant) -> Option<Position> {
        // Before the process began nothing can have been asked.
        let since = now.checked_sub(max_staleness);
        let bound = since.and_then(|since| self.bounds.lock().at(since));
        // What an earlier primary answered is compared with nothing: the present one is asked.
        let primary = self.primary();
        bound.filter(|bound| primary.is_none_or(|primary| primary.line == bound.line))
    }

    /// Takes up when the primary was asked for a position.
    pub(crate) fn bounded(&self, asked: Instant, answer: Position) {
        self.bounds.lock().record(asked, answer);
    }

    /// Takes up a position of the primary that somebody learnt.
    pub fn observe_primary(&self, position: Position, now: Instant) {
        if self.primary().is_some_and(|primary| primary.line == position.line) {
            self.reached(position, self.sequence.now());
            self.track.lock().record(now, position.lsn);
        }
    }

    /// How every node is, for people and metrics.
    pub fn status(&self) -> Vec<NodeStatus> {
        // Times of this process are no positions to anyone.
        let by_clock = self.gauges.used() == Gauge::Window;
        let latest = self.known_position().filter(|_| !by_clock);
        self.nodes.iter().map(|node| self.node_status(node, latest)).collect()
    }

    fn node_status(&self, node: &Arc<Node>, latest: Option<Position>) -> NodeStatus {
        let state = node.state();
        let role = state.role.unwrap_or(Role::Primary);
        let pool = self.pools().iter().fold(PoolStatus::default(), |sum, pools| {
            let one = pools.node_status(node.id, role);
            PoolStatus {
                active: sum.active + one.active,
                idle: sum.idle + one.idle,
                waiting: sum.waiting + one.waiting,
                waited: sum.waited.max(one.waited),
                size: sum.size + one.size,
            }
        });
        let position = state.observed.map(|observed| observed.replayed);
        let position = position.filter(|position| !position.line.is_by_clock());
        let lag_bytes = match (latest, position) {
            (Some(latest), Some(position)) if latest.line == position.line => {
                Some(latest.lsn.bytes_since(position.lsn))
            }
            _ => None,
        };
        NodeStatus {
            node: node.id,
            address: node.address(),
            role: state.role,
            up: state.up,
            pooled: state.pooled.is_some(),
            product: state.product,
            gauge: self.gauge_name(),
            ban: state.ban,
            outdated: state.role == Some(Role::Primary)
                && state.line.is_some_and(|line| self.is_outdated(line)),
            line: state.line,
            position: position.map(|position| position.lsn),
            lag_bytes,
            lag: state.lag.latest(),
            error: state.error,
            pool,
        }
    }

    /// Time since the primary passed `replayed`.
    pub(crate) fn behind(&self, replayed: Lsn, now: Instant) -> Duration {
        self.track.lock().behind(replayed, now)
    }

    /// How long it took at most to replay what lies between.
    pub(crate) fn passed(&self, from: Lsn, to: Lsn, now: Instant) -> Option<Duration> {
        self.track.lock().passed(from, to, now)
    }

    /// Forgets positions of the primary that every replica has passed.
    pub(crate) fn forget_replayed(&self) {
        let replayed = self.nodes.iter().filter_map(|node| {
            let state = node.state.lock();
            let lsn = state.observed.map(|observed| observed.replayed.lsn);
            lsn.filter(|_| state.up && state.role == Some(Role::Replica))
        });
        if let Some(by_all) = replayed.min() {
            self.track.lock().forget_replayed(by_all);
        }
    }
}

/// Keeps nodes being probed often, until dropped.
pub(crate) struct Demanded(SmallVec<[Arc<Node>; 4]>);

impl Demanded {
    pub(crate) fn begin(nodes: SmallVec<[Arc<Node>; 4]>) -> Self {
        let now = Instant::now();
        for node in &nodes {
            node.demand.begin(now);
        }
        Self(nodes)
    }
}

impl Drop for Demanded {
    fn drop(&mut self) {
        for node in &self.0 {
            node.demand.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_net::tls::ConnectorSettings;
    use afterwrite_types::{SystemId, Timeline};

    fn at(timeline: u32) -> Position {
        let line = Line { system: SystemId(7), timeline: Timeline(timeline) };
        Position { line, lsn: Lsn(100) }
    }

    /// A bounded read that no replica may answer for that would fail, or go to the primary,
    /// until the new primary has been asked by chance.
    #[test]
    fn what_an_earlier_primary_answered_is_no_bound() {
        const SECOND: Duration = Duration::from_secs(1);
        let tls = Arc::new(Connector::new(&ConnectorSettings::default()).unwrap());
        let login = Login::new("app".to_owned(), None, "app".to_owned());
        let settings = WatchSettings {
            connect_timeout: SECOND,
            idle_interval: SECOND,
            busy_interval: SECOND,
            waiting_interval: SECOND,
            probe_timeout: SECOND,
        };
        let cluster = Cluster::new(&[], &tls, login, Arc::default(), settings);
        let now = Instant::now();
        cluster.bounded(now, at(1));
        let bound = || cluster.bound(SECOND, now);
        assert_eq!(bound(), Some(at(1)), "there may be none for a while");
        for (timeline, expected) in [(1, Some(at(1))), (2, None)] {
            let line = at(timeline).line;
            *cluster.primary.lock() = Some(Primary { node: NodeId(0), line });
            assert_eq!(bound(), expected, "{timeline}");
        }
    }
}
