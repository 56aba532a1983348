//! Floors that this proxy shares with others: stored before a client hears "ready", asked for
//! before a read. What may be believed is decided by `afterwrite_core::Membership`.

mod announce;
mod metrics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_backend::Cluster;
use afterwrite_core::{GroupStanding, Key, Membership, StoreLife};
use afterwrite_store::{Answer, Asked, Question, Store, StoreError, StoreSettings};
use afterwrite_types::{Fence, Floor, Line, Lsn, Moment, Position, Sequence};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

pub(crate) use metrics::SharingMetrics;

/// Between looks at the store, at the announcements, and at what may have changed.
const EVERY: Duration = Duration::from_millis(200);

/// Between looks at whether a client may be told, if nothing says that it may.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a client waits at most to be told of a write that cannot be shared.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(5);

/// Floors that this proxy shares with others, of one cluster.
#[derive(Debug)]
pub(crate) struct Sharing {
    store: Arc<Store>,
    cluster: Arc<Cluster>,
    sequence: Arc<Sequence>,
    /// The database in which announcements are made.
    database: String,
    /// The group's number at the primary.
    class: u32,
    group: Mutex<Membership>,
    shown: Mutex<Shown>,
    /// Something may be told now that could not be before.
    moved: Notify,
    /// Something is to be announced.
    wanted: Notify,
    pub(crate) metrics: SharingMetrics,
}

/// What was last logged.
#[derive(Debug, Default)]
struct Shown {
    away: Option<bool>,
    standing: Option<GroupStanding>,
}

/// A write could not be shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotShared;

impl Sharing {
    /// Takes part once its worker runs.
    pub(crate) fn new(
        settings: &StoreSettings,
        cluster: &Arc<Cluster>,
        database: &str,
        sequence: &Arc<Sequence>,
        metrics: SharingMetrics,
    ) -> (Arc<Self>, Worker) {
        let (store, worker) = Store::new(settings);
        let sharing = Arc::new(Self {
            store,
            cluster: Arc::clone(cluster),
            sequence: Arc::clone(sequence),
            database: database.to_owned(),
            class: announce::class(settings.name()),
            group: Mutex::default(),
            shown: Mutex::default(),
            moved: Notify::new(),
            wanted: Notify::new(),
            metrics,
        });
        (Arc::clone(&sharing), Worker { sharing, worker })
    }

    /// How it stands to its group.
    pub(crate) fn standing(&self) -> GroupStanding {
        self.group.lock().standing(Instant::now())
    }

    /// Whether what the store says is believed now.
    pub(crate) fn is_trusting(&self) -> bool {
        self.standing() == GroupStanding::Trusts
    }

    /// Waits until a client may be told that its write, which `position` covers, is done.
    ///
    /// # Invariant: no ready before the others can know
    ///
    /// After this a read through any proxy of the group finds the write's floor, or does not
    /// believe the store.
    pub(crate) async fn publish(
        &self,
        keys: SmallVec<[Key; 4]>,
        position: Position,
    ) -> Result<(), NotShared> {
        let began = Instant::now();
        let raise = Some((keys, position.lsn));
        let question = Question { line: position.line, raise, read: SmallVec::new() };
        let mut asked = self.store.begin(question.clone());
        let mut stored = None;
        let mut late = false;
        loop {
            if let Ok(pending) = asked {
                let pause = if late { LOOK_AGAIN } else { self.store.timeout() };
                let (answer, left) = wait_for(pending, pause).await;
                asked = left.ok_or(StoreError::Away);
                match answer {
                    Some(Ok(Answer { life, .. })) => {
                        stored = Some(life);
                        self.found(life);
                    }
                    Some(Err(error)) => self.missed(&error),
                    None if !late => self.missed(&StoreError::TimedOut(self.store.timeout())),
                    None => {}
                }
                late |= stored.is_none();
            } else if stored.is_none() {
                // Nobody is asked: the others must be told that there is nothing to be found.
                self.missed(&StoreError::Away);
            }
            let told = self.group.lock().may_tell(position.line, stored, Instant::now());
            if told {
                self.metrics.published(stored.is_some(), began.elapsed());
                return Ok(());
            }
            if began.elapsed() >= HOLD_MAX || self.is_behind(position.line) {
                self.metrics.unshared.inc();
                return Err(NotShared);
            }
            if asked.is_err() {
                let _ = timeout(LOOK_AGAIN, self.moved.notified()).await;
                if stored.is_none() {
                    asked = self.store.begin(question.clone());
                }
            }
        }
    }

    /// Whether announcements are made at a primary of a later line than this: nobody there can
    /// be told of a write on it any more.
    fn is_behind(&self, line: Line) -> bool {
        let at = self.group.lock().line();
        at.is_some_and(|at| at.system == line.system && at.timeline > line.timeline)
    }

    /// What others have written under these keys, for a read that begins now.
    pub(crate) async fn floor(&self, line: Option<Line>, keys: SmallVec<[Key; 4]>) -> Floor {
        let now = self.sequence.now();
        let began = Instant::now();
        let line = line.filter(|line| self.group.lock().may_ask(*line, began));
        let known = if let Some(line) = line {
            let question = Question { line, raise: None, read: keys };
            let answer = self.store.ask(question).await;
            self.metrics.asked(answer.is_ok(), began.elapsed());
            answer.ok().and_then(|answer| self.believed(line, answer, now))
        } else {
            self.metrics.lookups_spared.inc();
            None
        };
        // Whatever it is: the primary knows.
        known.unwrap_or_else(|| Floor::since(now))
    }

    fn believed(&self, line: Line, answer: Answer, now: Moment) -> Option<Floor> {
        self.found(answer.life);
        let base = self.group.lock().trusts(line, answer.life, Instant::now())?;
        let stored = answer.floor.map(|lsn: Lsn| Floor::at(Position { line, lsn }));
        Some(base.merge(stored.unwrap_or_default(), now))
    }

    /// Takes up a fence.
    pub(crate) fn resolve(&self, fence: Fence) {
        self.group.lock().resolve(fence);
    }

    fn found(&self, life: StoreLife) {
        let mut group = self.group.lock();
        group.found(life, Instant::now());
        let wanted = group.next(Instant::now()).is_some();
        drop(group);
        if wanted {
            self.wanted.notify_one();
        }
        self.show_store(None);
    }

    fn missed(&self, error: &StoreError) {
        self.group.lock().missed(Instant::now());
        self.wanted.notify_one();
        self.show_store(Some(error));
    }

    /// Logs it once that the store is away, and once that it is back.
    fn show_store(&self, error: Option<&StoreError>) {
        let away = error.is_some();
        if self.shown.lock().away.replace(away) == Some(away) {
            return;
        }
        if let Some(error) = error {
            warn!(%error, "the store of shared floors is away: reads by key or table ask the primary");
        } else {
            info!("the store of shared floors answers");
        }
    }

    /// Logs each change of how it stands to its group.
    fn show_standing(&self) {
        let standing = self.standing();
        let before = self.shown.lock().standing.replace(standing);
        if before == Some(standing) {
            return;
        }
        self.metrics.stands(standing);
        let name = standing.name();
        match standing {
            GroupStanding::Silent if before.is_some() => warn!(
                standing = name,
                "nothing can be said to other proxies at the primary: writes by key or table wait"
            ),
            GroupStanding::Apart => warn!(
                standing = name,
                "floors are not shared for now: reads by key or table ask the primary"
            ),
            GroupStanding::Silent
            | GroupStanding::Joining
            | GroupStanding::Stores
            | GroupStanding::Trusts => info!(standing = name, "sharing floors with other proxies"),
        }
    }

    /// Keeps the connection to the store, and asks it now and then whether it is still the
    /// same.
    async fn tend_store(&self) {
        loop {
            let line = self.group.lock().line();
            if let Err(error) = self.look_at_store(line).await {
                self.missed(&error);
            }
            sleep(EVERY).await;
        }
    }

    async fn look_at_store(&self, line: Option<Line>) -> Result<(), StoreError> {
        if !self.store.is_connected() {
            self.store.connect().await?;
        }
        let Some(line) = line else { return Ok(()) };
        let question = Question { line, raise: None, read: SmallVec::new() };
        self.found(self.store.begin(question)?.answer().await?.life);
        Ok(())
    }
}

/// The answer, or what is left to wait for after `pause`.
async fn wait_for(
    pending: Asked,
    pause: Duration,
) -> (Option<Result<Answer, StoreError>>, Option<Asked>) {
    let mut pending = pending;
    match timeout(pause, pending.answered()).await {
        Ok(answer) => (Some(answer), None),
        Err(_) => (None, Some(pending)),
    }
}

/// What works for a [`Sharing`].
#[derive(Debug)]
pub(crate) struct Worker {
    sharing: Arc<Sharing>,
    worker: afterwrite_store::Worker,
}

impl Worker {
    /// Runs for ever; cancel-safe.
    pub(crate) async fn run(self) {
        let Self { sharing, worker } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(worker.run());
        let announcing = Arc::clone(&sharing);
        tasks.spawn(async move { announcing.announce().await });
        tasks.spawn(async move { sharing.tend_store().await });
        while tasks.join_next().await.is_some() {}
    }
}
