//! One client as others see it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use afterwrite_backend::{CancelTarget, cancel};
use afterwrite_session::Causes;
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tracing::debug;

use super::who::Who;

/// How long a server may take to act on a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    /// It has asked for nothing.
    Idle,
    /// Its statement waits for a server connection, or for a replica.
    Waiting,
    /// Its statement runs, or it holds a server connection.
    Active,
    /// Its read waits for a replica, without a server connection.
    AwaitingReplay,
}

/// What is noted in the place of [`Life::Idle`]: it was idle already the last time.
const DROWSY: u8 = 4;
/// And the time before: it may be parked.
const DISMISSED: u8 = 5;
/// It cannot be.
const SLEEPLESS: u8 = 6;
/// It is.
const PARKED: u8 = 7;

/// What a client must do besides what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Errand {
    /// Nothing.
    None,
    /// Leave as soon as it is at rest.
    Leave,
    /// Leave now.
    Die,
}

/// One client as others see it.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: u64,
    pub(crate) pid: i32,
    secret: Secret,
    /// Microseconds of the Unix era.
    connected: u64,
    pub(crate) who: Who,
    life: AtomicU8,
    errand: AtomicU8,
    /// Milliseconds after it connected when its statement came.
    asked: AtomicU32,
    /// The number of the server connection it has; 0 for none.
    link: AtomicU64,
    under_way: AtomicU32,
    cancelled: AtomicBool,
    reach: Mutex<Reach>,
}

/// What leads to a client, and what it is tied to. Most have little of it.
#[derive(Debug, Default)]
struct Reach {
    /// Wakes whoever serves it.
    waker: Option<Waker>,
    /// What its statements run on.
    target: Option<Arc<CancelTarget>>,
    pin: Option<Box<(Causes, SystemTime)>>,
}

/// What cancels a client's statements; four bytes, unless it asked for more.
enum Secret {
    Short([u8; 4]),
    Long(Box<[u8]>),
}

impl Secret {
    fn new(bytes: &[u8]) -> Self {
        bytes.try_into().map_or_else(|_| Self::Long(bytes.into()), Self::Short)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Card {
    pub(super) fn new(id: u64, pid: i32, secret: &[u8], who: Who) -> Self {
        Self {
            id,
            pid,
            secret: Secret::new(secret),
            connected: micros(SystemTime::now()),
            who,
            life: AtomicU8::new(Life::Idle as u8),
            errand: AtomicU8::new(Errand::None as u8),
            asked: AtomicU32::new(0),
            link: AtomicU64::new(0),
            under_way: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            reach: Mutex::default(),
        }
    }

    /// What cancels its statements.
    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.bytes()
    }

    pub(super) fn has_secret(&self, given: &[u8]) -> bool {
        self.secret.bytes().ct_eq(given).into()
    }

    /// What it is doing.
    pub(crate) fn life(&self) -> Life {
        match self.life.load(Ordering::Relaxed) {
            1 => Life::Waiting,
            2 => Life::Active,
            3 => Life::AwaitingReplay,
            // However deep it sleeps.
            _ => Life::Idle,
        }
    }

    pub(crate) fn lives(&self, life: Life) {
        self.life.store(life as u8, Ordering::Relaxed);
    }

    /// Notes that nothing happened since the last time, unless something did; says whether
    /// somebody serves it.
    ///
    /// The client itself notes each time that it begins to wait for a statement, and does
    /// not look at what is noted here: being watched costs it nothing.
    pub(super) fn nod(&self) -> bool {
        let noted = |from: u8, to: u8| {
            self.life.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if noted(DROWSY, DISMISSED) {
            self.wake();
        } else {
            noted(Life::Idle as u8, DROWSY);
        }
        self.life.load(Ordering::Relaxed) != PARKED
    }

    /// Whether it has been silent for long enough to be parked.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.life.load(Ordering::Relaxed) == DISMISSED
    }

    /// It cannot be parked now; it is not asked again until it has asked for something.
    pub(crate) fn stays_up(&self) {
        self.life.store(SLEEPLESS, Ordering::Relaxed);
    }

    /// Nobody serves it any more until it is woken: by `waker`, if it is sent away.
    pub(crate) fn park(&self, waker: Waker) {
        self.life.store(PARKED, Ordering::Relaxed);
        self.reach.lock().waker = Some(waker);
    }

    /// When it connected.
    pub(crate) fn connected(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_micros(self.connected))
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Notes that a statement has come, so long after the client connected.
    pub(crate) fn asks(&self, after: Duration) {
        self.asked.store(u32::try_from(after.as_millis()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// When its last statement came.
    pub(crate) fn asked(&self) -> SystemTime {
        let after = Duration::from_millis(self.asked.load(Ordering::Relaxed).into());
        let connected = self.connected();
        connected.checked_add(after).unwrap_or(connected)
    }

    /// The number of the server connection it has.
    pub(crate) fn link(&self) -> Option<u64> {
        Some(self.link.load(Ordering::Relaxed)).filter(|link| *link > 0)
    }

    /// Why it is tied to its server connection, and since when.
    pub(crate) fn pin(&self) -> Option<(Causes, SystemTime)> {
        self.reach.lock().pin.as_deref().copied()
    }

    /// Notes why it is tied to its server connection, if it is.
    pub(crate) fn pinned(&self, causes: Option<Causes>) {
        let pin = &mut self.reach.lock().pin;
        match (pin.as_mut(), causes) {
            (Some(known), Some(causes)) => known.0 = causes,
            (_, causes) => *pin = causes.map(|causes| Box::new((causes, SystemTime::now()))),
        }
    }

    /// Tells it to leave, and wakes it.
    pub(crate) fn send_away(&self, errand: Errand) {
        if self.errand.fetch_max(errand as u8, Ordering::SeqCst) >= errand as u8 {
            return;
        }
        self.wake();
    }

    /// Has whoever serves it look at what has changed.
    fn wake(&self) {
        // Cloned, so that nothing is run under the lock.
        let waker = self.reach.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What it must do besides what it asks for.
    pub(crate) fn errand(&self) -> Errand {
        match self.errand.load(Ordering::Relaxed) {
            1 => Errand::Leave,
            2 => Errand::Die,
            _ => Errand::None,
        }
    }

    /// Its task is woken when it is sent away.
    pub(crate) fn watch(&self, context: &Context<'_>) {
        let waker = &mut self.reach.lock().waker;
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// From now on its statements run there: on the server connection with this number.
    pub(crate) fn aim(&self, link: u64, target: Option<Arc<CancelTarget>>) {
        self.link.store(link, Ordering::Relaxed);
        self.reach.lock().target = target;
    }

    /// From now on nothing of the client's runs anywhere; says whether a cancel
    /// request is still under way.
    pub(crate) fn clear(&self) -> bool {
        self.link.store(0, Ordering::Relaxed);
        self.reach.lock().target = None;
        self.under_way.load(Ordering::SeqCst) > 0
    }

    /// A statement of it begins to wait: what was cancelled before is over.
    pub(crate) fn begin_waiting(&self) {
        self.cancelled.store(false, Ordering::SeqCst);
    }

    /// Waits for a cancel request or for being sent away, while nothing of the
    /// client's runs anywhere.
    pub(crate) async fn interrupted(&self) {
        self.until(|| self.errand() == Errand::Die || self.cancelled.swap(false, Ordering::SeqCst))
            .await;
    }

    /// Waits until no cancel request is under way. Until then the server
    /// connection must not serve another client: it would be hit instead.
    pub(crate) async fn quiet(&self) {
        self.until(|| self.under_way.load(Ordering::SeqCst) == 0).await;
    }

    /// Waits for something that [`Self::wake`] is called after.
    async fn until(&self, mut happened: impl FnMut() -> bool) {
        poll_fn(|context| {
            // First, so that it cannot happen unnoticed between the two.
            self.watch(context);
            if happened() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether a cancel request is on its way to a server for it.
    pub(crate) fn is_being_cancelled(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Cancels what the client was running; its server connection is not used again.
    pub(crate) async fn fire_and_forget(&self) {
        let target = self.reach.lock().target.take();
        if let Some(target) = target {
            send(&target).await;
        }
    }

    /// Cancels what the client is running.
    pub(crate) async fn fire(&self) {
        let target = {
            let target = &self.reach.lock().target;
            if target.is_some() {
                self.under_way.fetch_add(1, Ordering::SeqCst);
            }
            target.clone()
        };
        let Some(target) = target else {
            // Its statement may be waiting for a server connection.
            let waits = matches!(self.life(), Life::Waiting | Life::AwaitingReplay);
            self.cancelled.store(waits, Ordering::SeqCst);
            self.wake();
            return;
        };
        send(&target).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.wake();
    }
}

async fn send(target: &CancelTarget) {
    if let Err(error) = cancel(target, CANCEL_TIMEOUT).await {
        debug!(%error, "a cancel request did not reach the server");
    }
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
