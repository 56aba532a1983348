//! One client as others see it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use afterwrite_backend::{CancelTarget, cancel};
use afterwrite_net::Peer;
use afterwrite_session::Causes;
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;
use tracing::debug;

use crate::tenant::Tenant;

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
}

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

/// Who a client is.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) from: Option<Peer>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) application: String,
    /// TLS version and cipher; empty for clear text.
    pub(crate) tls: String,
}

/// One client as others see it.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: u64,
    pub(crate) pid: i32,
    secret: Box<[u8]>,
    pub(crate) connected: SystemTime,
    pub(crate) who: Who,
    life: AtomicU8,
    errand: AtomicU8,
    /// Milliseconds after it connected when its statement came.
    asked: AtomicU32,
    /// The number of the server connection it has; 0 for none.
    link: AtomicU64,
    pin: Mutex<Option<Box<(Causes, SystemTime)>>>,
    target: Mutex<Option<Box<CancelTarget>>>,
    under_way: AtomicU32,
    cancelled: AtomicBool,
    changed: Notify,
    waker: Mutex<Option<Waker>>,
}

impl Card {
    pub(super) fn new(id: u64, pid: i32, secret: &[u8], who: Who) -> Self {
        Self {
            id,
            pid,
            secret: secret.into(),
            connected: SystemTime::now(),
            who,
            life: AtomicU8::new(Life::Idle as u8),
            errand: AtomicU8::new(Errand::None as u8),
            asked: AtomicU32::new(0),
            link: AtomicU64::new(0),
            pin: Mutex::default(),
            target: Mutex::default(),
            under_way: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            changed: Notify::new(),
            waker: Mutex::default(),
        }
    }

    /// What cancels its statements.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    pub(super) fn has_secret(&self, given: &[u8]) -> bool {
        self.secret.ct_eq(given).into()
    }

    /// What it is doing.
    pub(crate) fn life(&self) -> Life {
        match self.life.load(Ordering::Relaxed) {
            1 => Life::Waiting,
            2 => Life::Active,
            _ => Life::Idle,
        }
    }

    pub(crate) fn lives(&self, life: Life) {
        self.life.store(life as u8, Ordering::Relaxed);
    }

    /// Notes that a statement has come, so long after the client connected.
    pub(crate) fn asks(&self, after: Duration) {
        self.asked.store(u32::try_from(after.as_millis()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// When its last statement came.
    pub(crate) fn asked(&self) -> SystemTime {
        let after = Duration::from_millis(self.asked.load(Ordering::Relaxed).into());
        self.connected.checked_add(after).unwrap_or(self.connected)
    }

    /// The number of the server connection it has.
    pub(crate) fn link(&self) -> Option<u64> {
        Some(self.link.load(Ordering::Relaxed)).filter(|link| *link > 0)
    }

    /// Why it is tied to its server connection, and since when.
    pub(crate) fn pin(&self) -> Option<(Causes, SystemTime)> {
        self.pin.lock().as_deref().copied()
    }

    /// Notes why it is tied to its server connection, if it is.
    pub(crate) fn pinned(&self, causes: Option<Causes>) {
        let mut pin = self.pin.lock();
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
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
        self.changed.notify_waiters();
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
        let mut waker = self.waker.lock();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// From now on its statements run there: on the server connection with this number.
    pub(crate) fn aim(&self, link: u64, target: Option<CancelTarget>) {
        self.link.store(link, Ordering::Relaxed);
        *self.target.lock() = target.map(Box::new);
    }

    /// From now on nothing of the client's runs anywhere; says whether a cancel
    /// request is still under way.
    pub(crate) fn clear(&self) -> bool {
        self.link.store(0, Ordering::Relaxed);
        *self.target.lock() = None;
        self.under_way.load(Ordering::SeqCst) > 0
    }

    /// A statement of it begins to wait: what was cancelled before is over.
    pub(crate) fn begin_waiting(&self) {
        self.cancelled.store(false, Ordering::SeqCst);
    }

    /// Waits for a cancel request or for being sent away, while nothing of the
    /// client's runs anywhere.
    pub(crate) async fn interrupted(&self) {
        loop {
            let changed = self.changed.notified();
            let die = self.errand() == Errand::Die;
            if die || self.cancelled.swap(false, Ordering::SeqCst) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until no cancel request is under way. Until then the server
    /// connection must not serve another client: it would be hit instead.
    pub(crate) async fn quiet(&self) {
        loop {
            let changed = self.changed.notified();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Whether a cancel request is on its way to a server for it.
    pub(crate) fn is_being_cancelled(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Cancels what the client was running; its server connection is not used again.
    pub(crate) async fn fire_and_forget(&self) {
        let target = self.target.lock().take();
        if let Some(target) = target {
            send(&target).await;
        }
    }

    /// Cancels what the client is running.
    pub(crate) async fn fire(&self) {
        let target = {
            let target = self.target.lock();
            if target.is_some() {
                self.under_way.fetch_add(1, Ordering::SeqCst);
            }
            target.clone()
        };
        let Some(target) = target else {
            // Its statement may be waiting for a server connection.
            self.cancelled.store(self.life() == Life::Waiting, Ordering::SeqCst);
            self.changed.notify_waiters();
            return;
        };
        send(&target).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

async fn send(target: &CancelTarget) {
    if let Err(error) = cancel(target, CANCEL_TIMEOUT).await {
        debug!(%error, "a cancel request did not reach the server");
    }
}
