//! What the proxy knows of the servers: a mirror of `afterwrite-backend`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_core::{
    Balance, Bounds, Keys, Lag, LogEnd, Observed, Policy, PrimaryTrack, PrimaryView, ReplicaView,
    Timelines, ban, elect,
};
use afterwrite_session::{Library, Limits, Prepared, Reading, SearchPath, StatementId};
use afterwrite_types::{
    Fence, History, Line, Lsn, Moment, NodeId, Position, Role, Sequence, Standing, Terms,
};

use crate::connection::Connection;
use crate::runtime::{Owner, Sim};
use crate::sharing::{self, Sharing};

/// Limits of the modelled proxy, in microseconds.
pub(crate) const CONNECT_TIMEOUT: u64 = 30_000;
pub(crate) const PROBE_TIMEOUT: u64 = 20_000;

/// The confirmed primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Primary {
    pub(crate) node: usize,
    pub(crate) line: Line,
}

/// What a node was when it last answered.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) role: Option<Role>,
    pub(crate) line: Option<Line>,
    pub(crate) up: bool,
    pub(crate) observed: Option<Observed>,
    /// When it was last asked, and has answered or failed.
    pub(crate) asked: Moment,
    /// How far it was seen on the line that it was last seen on.
    pub(crate) furthest: Option<Position>,
    pub(crate) lag: Lag,
    /// Counts the times it was found to be gone.
    pub(crate) life: u64,
    pub(crate) in_flight: u32,
}

/// One proxy process, from its start to its end.
pub(crate) struct Proxy {
    pub(crate) sim: Rc<Sim>,
    pub(crate) life: u64,
    pub(crate) sequence: Sequence,
    pub(crate) keys: RefCell<Keys>,
    pub(crate) nodes: RefCell<Vec<Node>>,
    pub(crate) primary: Cell<Option<Primary>>,
    timelines: RefCell<Timelines>,
    pub(crate) end: RefCell<LogEnd>,
    pub(crate) fence: Cell<Option<Fence>>,
    /// When the primary was asked, and what it answered.
    pub(crate) bounds: RefCell<Bounds>,
    /// Those who wait for each node's position.
    pub(crate) demand: RefCell<Vec<u32>>,
    pub(crate) track: RefCell<PrimaryTrack>,
    pub(crate) idle: RefCell<BTreeMap<(usize, bool), Vec<Connection>>>,
    pub(crate) policy: Policy,
    /// Its part in a group that shares floors.
    pub(crate) sharing: Option<Sharing>,
    pub(crate) defaults: Arc<Terms>,
    pub(crate) table_scope: bool,
    /// Bytes of an answer that are held back at most.
    pub(crate) hold_back_max: usize,
    pub(crate) limits: Limits,
    pub(crate) turns: Cell<u32>,
    texts: RefCell<BTreeMap<Box<[u8]>, Arc<Prepared>>>,
}

impl Proxy {
    /// Starts a proxy: its probes run from now on.
    pub(crate) fn start(sim: &Rc<Sim>) -> Rc<Self> {
        let life = sim.proxy_life.get() + 1;
        sim.proxy_life.set(life);
        let acked = sim.judge().acked.len();
        sim.judge().starts.insert(life, acked);
        let plan = sim.world().plan.clone();
        let sequence = Sequence::default();
        let nodes = plan.replicas + 1;
        let proxy = Rc::new(Self {
            sim: Rc::clone(sim),
            life,
            keys: RefCell::new(Keys::new(plan.keys_max, sequence.now())),
            sequence,
            nodes: RefCell::new((0..nodes).map(|_| Node::default()).collect()),
            primary: Cell::new(None),
            timelines: RefCell::default(),
            end: RefCell::default(),
            fence: Cell::new(None),
            bounds: RefCell::default(),
            demand: RefCell::new(vec![0; nodes]),
            track: RefCell::default(),
            idle: RefCell::default(),
            policy: Policy {
                balance: if plan.round_robin {
                    Balance::RoundRobin
                } else {
                    Balance::LeastInFlight
                },
                lag_max: plan.lag_max.map(Duration::from_micros),
            },
            defaults: Arc::new(plan.defaults),
            table_scope: plan.table_scope,
            hold_back_max: plan.hold_back_max,
            limits: Limits { message_max: 1 << 20, held_max: 1 << 16, prepared_max: 16 },
            turns: Cell::new(0),
            sharing: plan.shared.then(|| Sharing::new(sim, life)),
            texts: RefCell::default(),
        });
        for node in 0..nodes {
            sim.spawn(Owner::Proxy(life), crate::probe::run(Rc::clone(&proxy), node));
        }
        if plan.shared {
            sim.spawn(Owner::Proxy(life), sharing::announce(Rc::clone(&proxy)));
            sim.spawn(Owner::Proxy(life), sharing::tend_store(Rc::clone(&proxy)));
        }
        proxy
    }

    /// The whole process ends: its connections are closed.
    pub(crate) fn stop(&self) {
        self.sim.kill(Owner::Proxy(self.life));
        self.idle.borrow_mut().clear();
        for channel in &mut self.sim.world().channels {
            channel.proxy_gone |= channel.life == self.life;
        }
    }

    pub(crate) fn primary_view(&self) -> Option<PrimaryView> {
        self.primary.get().map(|it| PrimaryView { node: node_id(it.node), line: it.line })
    }

    pub(crate) fn replica_views(&self) -> Vec<ReplicaView> {
        let now = self.sim.instant();
        let primary = self.primary.get().map(|primary| primary.node);
        let history = self.history();
        let banned = |state: &Node| {
            let both = state.furthest.zip(history.as_deref());
            both.is_some_and(|(furthest, history)| ban(furthest, history).is_some())
        };
        let nodes = self.nodes.borrow();
        let others = nodes.iter().enumerate().filter(|&(node, _)| Some(node) != primary);
        others
            .filter(|(_, state)| state.role != Some(Role::Primary))
            .map(|(node, state)| ReplicaView {
                node: node_id(node),
                healthy: state.up && !banned(state),
                observed: state.observed,
                in_flight: state.in_flight,
                forecast: state.lag.forecast(now),
            })
            .collect()
    }

    /// Waits until some replica has replayed `need`, or so long.
    pub(crate) async fn wait_for_replay(&self, need: Position, at_most: u64) {
        let _demand = Demanded::begin(self, (0..self.nodes.borrow().len()).collect());
        let covers = |it: &Observed| it.replayed.standing(need) == Standing::Covers;
        let reached = || {
            let nodes = self.nodes.borrow();
            let reached = nodes.iter().any(|node| {
                let replica = node.up && node.role == Some(Role::Replica);
                replica && node.observed.as_ref().is_some_and(covers)
            });
            reached.then_some(())
        };
        self.sim.timeout(at_most, self.sim.until(reached)).await;
    }

    /// Waits until every node but the primary has been asked from now on, or so long.
    pub(crate) async fn ask_who_is_primary(&self, at_most: u64) {
        let since = self.sequence.next();
        let primary = self.primary.get().map(|primary| primary.node);
        let others = || (0..self.nodes.borrow().len()).filter(|node| Some(*node) != primary);
        let _demand = Demanded::begin(self, others().collect());
        let asked = || others().all(|node| self.nodes.borrow()[node].asked > since).then_some(());
        self.sim.timeout(at_most, self.sim.until(asked)).await;
    }

    /// The primary's position, asked for later than `after`.
    pub(crate) async fn fence(&self, after: Moment, at_most: u64) -> Option<Fence> {
        let primary = self.primary.get()?;
        let _demand = Demanded::begin(self, vec![primary.node]);
        let later = || self.fence.get().filter(|fence| fence.asked > after);
        self.sim.timeout(at_most, self.sim.until(later)).await
    }

    /// The latest answer of the primary, if it is of its present line.
    pub(crate) fn last_fence(&self) -> Option<Fence> {
        let primary = self.primary.get()?;
        self.fence.get().filter(|fence| fence.position.line == primary.line)
    }

    /// What covers everything that was acknowledged longer ago than this.
    pub(crate) fn bound(&self, max_staleness: Duration) -> Option<Position> {
        let since = self.sim.instant().checked_sub(max_staleness);
        since.and_then(|since| self.bounds.borrow().at(since))
    }

    pub(crate) fn observe_primary(&self, position: Position) {
        if self.primary.get().is_some_and(|primary| primary.line == position.line) {
            self.end.borrow_mut().learn(position, self.sequence.now());
            self.track.borrow_mut().record(self.sim.instant(), position.lsn);
        }
    }

    /// Chooses the primary anew.
    pub(crate) fn elect(&self) {
        let nodes = self.nodes.borrow();
        for line in nodes.iter().filter_map(|it| it.line) {
            self.timelines.borrow_mut().note(line);
        }
        let writable: Vec<_> = nodes
            .iter()
            .enumerate()
            .filter(|(_, state)| state.up && state.role == Some(Role::Primary))
            .filter_map(|(node, state)| {
                Some(PrimaryView { node: node_id(node), line: state.line? })
            })
            .collect();
        let elected = elect(&writable, &self.timelines.borrow(), self.primary_view());
        let primary = elected.primary().map(|it| Primary { node: it.node.0.into(), line: it.line });
        if primary != self.primary.get() {
            self.sim.world().note(format_args!("proxy: the primary is {primary:?}"));
        }
        self.primary.set(primary);
    }

    /// The history of the primary's line. In some runs the login may not ask for it.
    pub(crate) fn history(&self) -> Option<Arc<History>> {
        let line = self.primary.get()?.line;
        let world = self.sim.world();
        let known = world.histories.get(&line.timeline.0).filter(|_| world.plan.knows_history());
        let mut file = String::new();
        for (timeline, end) in known.into_iter().flatten() {
            let _ = writeln!(file, "{timeline}\t{}\tpromoted", Lsn(*end));
        }
        let history = History::parse(line, file.as_bytes());
        Some(Arc::new(history.unwrap_or_else(|_| History::unknown(line))))
    }

    pub(crate) fn turn(&self) -> u32 {
        self.turns.set(self.turns.get().wrapping_add(1));
        self.turns.get()
    }
}

impl Library for Proxy {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        let mut texts = self.texts.borrow_mut();
        let id = StatementId(texts.len() as u64 + 1);
        let new = || Arc::new(Prepared::new(id, rest));
        Arc::clone(texts.entry(rest.into()).or_insert_with(new))
    }

    fn reading(&self, text: &[u8], _: SearchPath<'_>) -> Arc<Reading> {
        Arc::new(crate::tables::reading(text))
    }

    fn known_position(&self) -> Option<Position> {
        let line = self.primary.get()?.line;
        self.track.borrow().latest().map(|lsn| Position { line, lsn })
    }

    fn history(&self) -> Option<Arc<History>> {
        Self::history(self)
    }
}

pub(crate) fn node_id(node: usize) -> NodeId {
    NodeId(u16::try_from(node).unwrap_or(u16::MAX))
}

/// Keeps nodes being probed often, until dropped.
struct Demanded<'a>(&'a Proxy, Vec<usize>);

impl<'a> Demanded<'a> {
    fn begin(proxy: &'a Proxy, nodes: Vec<usize>) -> Self {
        for &node in &nodes {
            proxy.demand.borrow_mut()[node] += 1;
        }
        proxy.sim.world().changes += 1;
        Self(proxy, nodes)
    }
}

impl Drop for Demanded<'_> {
    fn drop(&mut self) {
        for &node in &self.1 {
            self.0.demand.borrow_mut()[node] -= 1;
        }
    }
}
