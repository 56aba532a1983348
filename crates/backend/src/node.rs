//! One server: what it said it was, and how far it has replayed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_core::{Ban, Lag, Observed, ReplicaView};
use afterwrite_types::{Line, NodeId, Position, Role, WalGeometry};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tracing::{error, warn};

use crate::connect::ServerId;
use crate::server::Server;

/// For how long after someone needed a position it is asked for more often.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// What a node was when it last answered.
#[derive(Clone, Debug, Default)]
pub struct NodeState {
    /// What it said it was; `None` until it was reached once.
    pub role: Option<Role>,
    /// Its line of history.
    pub line: Option<Line>,
    /// How its log is cut into pages.
    pub wal: WalGeometry,
    /// Which server the probe's connection leads to.
    pub server: ServerId,
    /// Whether it answered its last probe.
    pub up: bool,
    /// A primary that is silent, but not long enough to be given up.
    pub falters: bool,
    /// How far it has replayed (a replica) or written (a primary).
    pub observed: Option<Observed>,
    /// How far it was seen on the line that it was last seen on, even before it was down.
    pub furthest: Option<Position>,
    /// Why it takes no reads although it answers.
    pub ban: Option<Ban>,
    /// How far behind in time it has been.
    pub lag: Lag,
    /// Why it is down.
    pub error: Option<String>,
    /// Whether probes were ever answered or refused.
    pub tried: bool,
    /// What is known of the pooler that stands between, if one does.
    pub pooled: Option<Pooled>,
}

/// A pooler between us and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooled {
    /// The server process that answered the probe last.
    pub process: i32,
    /// It was seen to lead two connections to one process, or one to two.
    pub shares: bool,
}

/// One server.
#[derive(Debug)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Where it is, and how it is spoken to.
    pub server: Server,
    /// Statements under way on it.
    pub in_flight: AtomicU32,
    /// Counts the times it was found to be gone: connections of an earlier life
    /// are not used again.
    pub(crate) life: AtomicU64,
    pub(crate) state: Mutex<NodeState>,
    pub(crate) demand: Demand,
    /// Of which line it was asked for more than SQL tells, and when it may be again.
    pub(crate) asks_again: Mutex<Option<(Line, Instant)>>,
    gone: Notify,
}

impl Node {
    pub(crate) fn new(id: NodeId, server: Server) -> Self {
        Self {
            id,
            server,
            in_flight: AtomicU32::new(0),
            life: AtomicU64::new(0),
            state: Mutex::new(NodeState::default()),
            demand: Demand::default(),
            asks_again: Mutex::default(),
            gone: Notify::new(),
        }
    }

    /// `host:port`, or a Unix socket's path.
    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Notes which process has answered the probe, if a pooler stands between.
    ///
    /// What is learnt through a pooler cannot be tied to a connection: it may lead to
    /// another server next, or to a later life of the same one. So replicas behind
    /// one take no reads.
    pub(crate) fn note_pooler(&self, process: Option<i32>) {
        let before = self.state.lock().pooled;
        let pooled = process.map(|process| match before {
            Some(known) => Pooled { process, ..known },
            None => Pooled { process, shares: false },
        });
        self.state.lock().pooled = pooled;
        match (before, pooled) {
            (None, Some(_)) => warn!(
                node = %self.address(),
                "a pooler stands between: it must be in session mode, and replicas behind it \
                 take no reads"
            ),
            (Some(before), Some(now)) if before.process != now.process => self.note_sharing(),
            _ => {}
        }
    }

    /// Notes which process answers a connection that a pooler has let in, while the
    /// probe's is open.
    pub(crate) fn note_process(&self, process: Option<i32>) {
        if self.state.lock().pooled.is_some_and(|known| Some(known.process) == process) {
            self.note_sharing();
        }
    }

    fn note_sharing(&self) {
        let is_new = {
            let mut state = self.state.lock();
            let pooled = state.pooled.as_mut().filter(|pooled| !pooled.shares);
            pooled.map(|pooled| pooled.shares = true).is_some()
        };
        if is_new {
            error!(
                node = %self.address(),
                "the pooler in between shares server connections between ours: settings and \
                 prepared statements of one client can reach another; set its pool_mode to session"
            );
        }
    }

    /// Waits until the node is given up, beginning now.
    pub fn gone(&self) -> Notified<'_> {
        self.gone.notified()
    }

    /// Counts the times it was given up: what began in an earlier life will not
    /// be answered.
    pub fn life(&self) -> u64 {
        self.life.load(Ordering::SeqCst)
    }

    /// Gives up what runs on the node, and its connections.
    pub(crate) fn give_up(&self) {
        self.life.fetch_add(1, Ordering::SeqCst);
        self.gone.notify_waiters();
    }

    /// What it was when it last answered.
    pub fn state(&self) -> NodeState {
        self.state.lock().clone()
    }

    /// What the probe has seen of it, if `server` is the one that the probe asks.
    pub fn observed(&self, server: ServerId) -> Option<Observed> {
        let state = self.state.lock();
        state.observed.filter(|_| state.server == server)
    }

    /// Whether reads may go to it.
    pub fn takes_reads(&self) -> bool {
        let state = self.state.lock();
        state.up
            && state.role == Some(Role::Replica)
            && state.pooled.is_none()
            && state.ban.is_none()
    }

    /// What a decision may know of it; `None` for a primary.
    pub(crate) fn view(&self, now: Instant) -> Option<ReplicaView> {
        let state = self.state.lock();
        (state.role != Some(Role::Primary) && state.pooled.is_none()).then(|| ReplicaView {
            node: self.id,
            healthy: state.up && state.ban.is_none(),
            observed: state.observed,
            in_flight: self.in_flight.load(Ordering::Relaxed),
            forecast: state.lag.forecast(now),
        })
    }
}

/// Who needs a node's position, and how urgently.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    wake: Notify,
    waiting: AtomicU32,
    last: Mutex<Option<Instant>>,
    fresh: AtomicU32,
}

/// Probes sent back to back when somebody begins to wait: most replicas are
/// less than a millisecond behind, which no timer here can measure out.
const BURST: u32 = 3;

impl Demand {
    /// Somebody begins to wait.
    pub(crate) fn begin(&self, now: Instant) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.fresh.store(BURST, Ordering::SeqCst);
        *self.last.lock() = Some(now);
        self.wake.notify_one();
    }

    /// Somebody would have needed it, and did not wait.
    pub(crate) fn touch(&self, now: Instant) {
        let last = self.last.lock().replace(now);
        if last.is_none_or(|last| now.saturating_duration_since(last) >= BUSY_FOR) {
            self.wake.notify_one();
        }
    }

    pub(crate) fn end(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until the next probe is due.
    pub(crate) async fn pause(&self, idle: Duration, busy: Duration, waiting: Duration) {
        let pause = if self.waiting.load(Ordering::SeqCst) > 0 {
            if self.fresh.load(Ordering::SeqCst) > 0 {
                self.fresh.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            waiting
        } else if self.last.lock().is_some_and(|last| last.elapsed() < BUSY_FOR) {
            busy
        } else {
            idle
        };
        let _ = tokio::time::timeout(pause, self.wake.notified()).await;
    }
}
