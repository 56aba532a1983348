//! Who is the primary, and what came before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_core::{Ban, Elected, LogEnd, PrimaryView, Timelines, astray, ban, elect};
use afterwrite_types::{Fence, History, Line, Moment, NodeId, Position, Role};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use crate::cluster::{Cluster, Demanded, Primary};
use crate::node::Node;
use crate::pool::Claimed;

/// So long at most the first primary waits until every node was asked: one that is silent
/// might know of a newer one.
const FIRST_WAITS_MAX: Duration = Duration::from_secs(1);

/// What is known of the cluster's primaries, past and present.
#[derive(Debug)]
pub(crate) struct Succession {
    timelines: Mutex<Timelines>,
    /// Of the present primary's line, or of the last one's.
    history: Mutex<Option<Arc<History>>>,
    /// The last one that was read, perhaps before its primary was confirmed.
    read: Mutex<Option<Arc<History>>>,
    end: Mutex<LogEnd>,
    restarts: AtomicU64,
    /// A primary was confirmed once.
    begun: AtomicBool,
    since: Instant,
}

impl Succession {
    pub(crate) fn new() -> Self {
        Self {
            timelines: Mutex::default(),
            history: Mutex::default(),
            read: Mutex::default(),
            end: Mutex::default(),
            restarts: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            since: Instant::now(),
        }
    }

    /// Does not let the first primary wait for a node that never answers.
    pub(crate) fn tick(&self, cluster: &Cluster) {
        if !self.begun.load(Ordering::SeqCst) {
            cluster.elect();
        }
    }

    fn may_begin(&self, nodes: &[Arc<Node>]) -> bool {
        self.begun.load(Ordering::SeqCst)
            || self.since.elapsed() >= FIRST_WAITS_MAX
            || nodes.iter().all(|node| node.state.lock().tried)
    }
}

impl Cluster {
    /// The history of the primary's line; if there is none, of the last one's.
    pub fn history(&self) -> Option<Arc<History>> {
        self.succession.history.lock().clone()
    }

    /// Notes that somebody has shown a line of history: if it is newer than all that are
    /// known, every node is asked at once.
    pub fn note_newer(&self, line: Line) {
        let known = self.primary().map(|primary| primary.line);
        if known.is_some_and(|known| line.is_newer_than(known)) {
            self.note_fallback(Instant::now());
        }
    }

    /// Asks every node but the primary who it is, and waits until each has answered or failed:
    /// one of them may be the primary by now. At most so long. Many askers share one question.
    /// Cancel-safe.
    pub async fn ask_who_is_primary(&self, at_most: Duration) {
        let since = self.sequence.next();
        let primary = self.primary().map(|primary| primary.node);
        let others = || self.nodes().iter().filter(|node| Some(node.id) != primary);
        let _demand = Demanded::begin(others().map(Arc::clone).collect());
        others().for_each(|node| node.demand.hurry());
        let asked = async {
            loop {
                let settled = self.settled.notified();
                if others().all(|node| node.state.lock().asked > since) {
                    return;
                }
                settled.await;
            }
        };
        if timeout(at_most, asked).await.is_err() {
            debug!("not every node could be asked who the primary is");
        }
    }

    /// Times that the primary was found to have restarted without its last records.
    pub fn lossy_restarts(&self) -> u64 {
        self.succession.restarts.load(Ordering::Relaxed)
    }

    /// Whether a position lies beyond all that the primary is known to have.
    pub fn may_have_lost(&self, position: Position) -> bool {
        self.succession.end.lock().is_below(position)
    }

    /// Notes a line of history that a node is on; says whether it is news.
    pub(crate) fn note_line(&self, line: Line) -> bool {
        self.succession.timelines.lock().note(line)
    }

    pub(crate) fn is_outdated(&self, line: Line) -> bool {
        self.succession.timelines.lock().is_outdated(line)
    }

    pub(crate) fn is_primary(&self, node: NodeId, line: Line) -> bool {
        self.primary() == Some(Primary { node, line })
    }

    /// Whether a connection leads to the primary on the line that was confirmed. If not,
    /// whoever it leads to is asked at once.
    pub(crate) fn vouches_for(&self, claimed: &Claimed) -> bool {
        let (node, line) = (claimed.node(), claimed.link.line());
        if self.is_primary(node.id, line) {
            return true;
        }
        warn!(node = %node.address(), %line, "a connection does not lead to the confirmed primary");
        node.demand.touch(Instant::now());
        if self.note_line(line) {
            self.elect();
        }
        false
    }

    pub(crate) fn knows_history(&self, line: Line) -> bool {
        History::unknown(line).is_known()
            || self.succession.read.lock().as_ref().is_some_and(|known| known.line() == line)
    }

    /// Takes up the history of a line.
    pub(crate) fn learn(&self, history: History) {
        let history = Arc::new(history);
        let line = history.line();
        *self.succession.read.lock() = Some(Arc::clone(&history));
        let mut present = self.succession.history.lock();
        if present.as_ref().is_some_and(|known| known.line() == line) {
            *present = Some(history);
            drop(present);
            self.judge_all();
        }
    }

    /// Takes up a position of the primary that somebody has learnt before `now`.
    pub(crate) fn reached(&self, position: Position, now: Moment) {
        self.succession.end.lock().learn(position, now);
    }

    /// Takes up an answer of the primary, and wakes those whom it serves.
    pub(crate) fn answered(&self, node: &Node, fence: Fence) {
        let now = self.sequence.now();
        let lost = self.succession.end.lock().answered(fence, now);
        if let Some(had) = lost {
            self.succession.restarts.fetch_add(1, Ordering::Relaxed);
            warn!(
                node = %node.address(), had = %had, ends = %fence.position,
                "the primary has lost its last records: what was acknowledged there is gone"
            );
        }
        self.fenced(fence);
        for other in self.nodes() {
            self.find_astray(other, fence);
        }
    }

    /// Finds, by what the primary has answered, that a replica follows another server.
    fn find_astray(&self, node: &Node, fence: Fence) {
        let found = {
            let mut state = node.state.lock();
            let seen = state.observed.filter(|_| state.role == Some(Role::Replica));
            let found = seen.and_then(|seen| astray(seen.replayed, state.told, fence));
            let found = found.filter(|_| state.astray.is_none());
            state.astray = state.astray.or(found);
            found
        };
        if found.is_some() {
            self.judge(node);
        }
    }

    /// Bans a node from reads if it is not, and never can be, on the primary's line; or lets
    /// it serve again.
    pub(crate) fn judge(&self, node: &Node) {
        let Some(history) = self.history() else { return };
        let (before, after) = {
            let mut state = node.state.lock();
            let after = state.furthest.and_then(|furthest| ban(furthest, &history));
            let here = |ban: &Ban| match ban {
                Ban::Astray { end, .. } => end.line == history.line(),
                Ban::Diverged { .. } | Ban::Foreign { .. } => false,
            };
            let after = after.or(state.astray.filter(here));
            (std::mem::replace(&mut state.ban, after), after)
        };
        if before.is_none() && after.is_some() {
            // What runs there reads what the primary does not have.
            node.give_up();
        }
        match (before, after) {
            (None, Some(Ban::Diverged { seen, switch })) => warn!(
                node = %node.address(), %seen, %switch,
                "banned: the node has gone beyond the switch point on an old timeline; it takes \
                 no reads until it is rewound or rebuilt"
            ),
            (None, Some(Ban::Foreign { seen })) => warn!(
                node = %node.address(), line = %seen.line, primary = %history.line(),
                "banned: the node is of another cluster or branch than the primary"
            ),
            (None, Some(Ban::Astray { seen, end })) => warn!(
                node = %node.address(), %seen, primary = %end,
                "banned: the node shows more than the primary has written, so it follows another \
                 server; it takes no reads until it tells another timeline or is started anew"
            ),
            (Some(_), None) => info!(node = %node.address(), "the node is not banned any more"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn judge_all(&self) {
        for node in self.nodes() {
            self.judge(node);
        }
    }

    /// Chooses the primary anew, after a node came or went or changed its role.
    pub(crate) fn elect(&self) {
        let mut writable: SmallVec<[PrimaryView; 4]> = SmallVec::new();
        for node in self.nodes() {
            let state = node.state.lock();
            let there = state.up || state.falters;
            if let (true, Some(Role::Primary), Some(line)) = (there, state.role, state.line) {
                if self.is_outdated(line) {
                    error!(node = %node.address(), %line, "an old primary has come back; it is not used");
                }
                writable.push(PrimaryView { node: node.id, line });
            }
        }
        let may_begin = self.succession.may_begin(self.nodes());
        let changed = {
            let mut primary = self.primary.lock();
            let before = *primary;
            let known = before.map(|it| PrimaryView { node: it.node, line: it.line });
            let elected = elect(&writable, &self.succession.timelines.lock(), known);
            if let Elected::Disputed { among, .. } = &elected {
                error!(
                    nodes = ?among.iter().map(|it| it.0).collect::<Vec<_>>(),
                    "more than one node accepts writes on the same timeline; none is trusted that was not the primary before"
                );
            }
            let after = elected.primary().filter(|_| may_begin);
            *primary = after.map(|it| Primary { node: it.node, line: it.line });
            self.succeed(before, *primary)
        };
        if changed {
            self.judge_all();
            self.take_up_answer();
        }
        self.settled.notify_waiters();
    }

    /// Takes up what the primary had answered before it was confirmed.
    fn take_up_answer(&self) {
        let Some(primary) = self.primary() else { return };
        let Some(node) = self.nodes().get(usize::from(primary.node.0)) else { return };
        let observed = {
            let state = node.state.lock();
            state.observed.filter(|_| state.covers)
        };
        if let Some(observed) = observed.filter(|it| it.replayed.line == primary.line) {
            self.answered(node, Fence { position: observed.replayed, asked: observed.asked });
            self.observe_primary(observed.replayed, Instant::now());
        }
    }

    /// One primary has taken the place of another: its history is the one that counts, and
    /// nothing goes on over the connections to the old one.
    fn succeed(&self, before: Option<Primary>, after: Option<Primary>) -> bool {
        if before == after {
            return false;
        }
        let old = before.and_then(|old| self.nodes().get(usize::from(old.node.0)));
        let Some(new) = after else {
            warn!("there is no primary");
            // Silent, it may go on with what it was sent. Superseded, it must not.
            if let (Some(old), true) = (old, before.is_some_and(|it| self.is_outdated(it.line))) {
                old.give_up();
            }
            return false;
        };
        self.succession.begun.store(true, Ordering::SeqCst);
        info!(node = new.node.0, line = %new.line, "primary found");
        let read = self.succession.read.lock().clone().filter(|it| it.line() == new.line);
        let history = read.unwrap_or_else(|| Arc::new(History::unknown(new.line)));
        let last = self.succession.history.lock().replace(history);
        if let Some(last) = last.filter(|last| last.line().system != new.line.system) {
            warn!(
                was = %last.line(), is = %new.line,
                "the primary is of another cluster: positions of the old one say nothing any more"
            );
        }
        if let Some(old) = old {
            // Whoever still holds a connection to it would go on there.
            old.give_up();
        }
        true
    }
}
