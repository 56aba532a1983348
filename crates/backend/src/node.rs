//! One server: what it said it was, and how far it has replayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_core::{Ban, Lag, Observed, ReplicaView, ToldLags};
use afterwrite_types::{Line, Lsn, Moment, NodeId, Position, Role, WalGeometry};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

use crate::connect::ServerId;
use crate::gauge::{Gauges, Product};
use crate::server::Server;

/// For how long after someone needed a position it is asked for more often.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// What a node was when it last answered.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct NodeState {
    /// What it said it was; `None` until it was reached once.
    pub role: Option<Role>,
    /// Its line of history.
    pub line: Option<Line>,
    /// How its log is cut into pages.
    pub wal: WalGeometry,
    /// Its major version, as it told at login.
    pub version: Option<u32>,
    /// What it was found to be.
    pub product: Product,
    /// Which server the probe's connection leads to.
    pub server: ServerId,
    /// Whether it answered its last probe.
    pub up: bool,
    /// A primary that is silent, but not long enough to be given up.
    pub falters: bool,
    /// How far it has replayed (a replica) or written (a primary).
    pub observed: Option<Observed>,
    /// When it was last asked for anything, and has answered or failed.
    pub(crate) asked: Moment,
    /// After it had said so.
    pub(crate) told: Moment,
    /// It follows another server than the primary, although it says otherwise.
    pub(crate) astray: Option<Ban>,
    /// Whether a primary's answer covers everything that was acknowledged before.
    pub covers: bool,
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
    /// What tells how far it has come.
    pub(crate) gauges: Arc<Gauges>,
    /// How far behind it has told that it was, if it tells.
    pub(crate) told_lags: Mutex<ToldLags>,
    /// Of which line it was asked for more than SQL tells, and when it may be again.
    pub(crate) asks_again: Mutex<Option<(Line, Instant)>>,
    /// A connection has led to another cluster, and that was told.
    strayed: AtomicBool,
    gone: Notify,
}

impl Node {
    pub(crate) fn new(id: NodeId, server: Server, gauges: Arc<Gauges>) -> Self {
        Self {
            id,
            server,
            in_flight: AtomicU32::new(0),
            life: AtomicU64::new(0),
            state: Mutex::new(NodeState::default()),
            demand: Demand::default(),
            gauges,
            told_lags: Mutex::default(),
            asks_again: Mutex::default(),
            strayed: AtomicBool::new(false),
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

    /// Whether a connection on this line leads to the cluster that the node was found to be of.
    /// Behind its name there may be another one by now, which the probe has not met.
    pub(crate) fn is_met_on(&self, line: Line) -> bool {
        let watched = self.state.lock().line;
        let met = watched.is_none_or(|watched| watched.system == line.system);
        if !met && !self.strayed.swap(true, Ordering::Relaxed) {
            warn!(
                node = %self.address(), %line,
                "the node's name leads elsewhere by now: new connections are to another cluster"
            );
        }
        met
    }

    /// Gives up what runs on the node, and its connections.
    pub(crate) fn give_up(&self) {
        self.life.fetch_add(1, Ordering::SeqCst);
        self.strayed.store(false, Ordering::Relaxed);
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
    /// Wakes who waits before trying a server again.
    hurry: Notify,
    /// For who waits on the server, where that can be done.
    awaited: Notify,
    /// What is waited for there at this moment: there is no need to poll for it.
    armed: Mutex<Option<Lsn>>,
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
        self.awaited.notify_one();
        self.wake.notify_one();
    }

    /// Somebody waits for it to be tried again, if it is down.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Waits before it is tried again: so long, or if somebody is in a hurry the least time.
    pub(crate) async fn before_retry(&self, (least, at_most): (Duration, Duration)) {
        sleep(least).await;
        let _ = timeout(at_most.saturating_sub(least), self.hurry.notified()).await;
    }

    /// Waits until somebody begins to wait, if nobody has meanwhile.
    pub(crate) async fn awaited(&self) {
        self.awaited.notified().await;
    }

    /// Whether somebody waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// The server itself tells when it has replayed `target`, until the guard is dropped.
    pub(crate) fn arm(&self, target: Lsn) -> Armed<'_> {
        *self.armed.lock() = Some(target);
        Armed(self)
    }

    /// Whether the server itself tells when it has replayed `lowest`.
    fn is_told(&self, lowest: Option<Lsn>) -> bool {
        let armed = *self.armed.lock();
        armed.zip(lowest).is_some_and(|(armed, lowest)| armed <= lowest)
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

    /// Waits until the next probe is due; `lowest` is the lowest position that somebody
    /// waits for.
    pub(crate) async fn pause(
        &self,
        (idle, busy, waiting): (Duration, Duration, Duration),
        lowest: Option<Lsn>,
    ) {
        let pause = if self.is_awaited() && self.is_told(lowest) {
            idle
        } else if self.is_awaited() {
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
        let _ = timeout(pause, self.wake.notified()).await;
    }
}

/// The server itself tells when it has replayed a position.
pub(crate) struct Armed<'a>(&'a Demand);

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        *self.0.armed.lock() = None;
        if self.0.is_awaited() {
            // Whoever waits still is polled for again.
            self.0.wake.notify_one();
        }
    }
}
