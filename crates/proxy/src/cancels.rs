//! Cancel requests: which server process a client's key stands for right now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use afterwrite_backend::{CancelTarget, cancel};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::debug;

/// How long a server may take to act on a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client is told so that it can cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    pub(crate) pid: i32,
    pub(crate) secret: [u8; 4],
}

/// What one client's cancel requests would hit.
#[derive(Debug, Default)]
pub(crate) struct CancelSlot {
    target: Mutex<Option<CancelTarget>>,
    under_way: AtomicU32,
    done: Notify,
    waiting: Notify,
}

impl CancelSlot {
    /// From now on the client's statements run there.
    pub(crate) fn aim(&self, target: Option<CancelTarget>) {
        *self.target.lock() = target;
    }

    /// From now on nothing of the client's runs anywhere; says whether a cancel
    /// request is still under way.
    pub(crate) fn clear(&self) -> bool {
        *self.target.lock() = None;
        self.under_way.load(Ordering::SeqCst) > 0
    }

    /// Waits for a cancel request, while nothing of the client's runs anywhere.
    pub(crate) async fn cancelled(&self) {
        self.waiting.notified().await;
    }

    /// Waits until no cancel request is under way. Until then the server
    /// connection must not serve another client: it would be hit instead.
    pub(crate) async fn quiet(&self) {
        loop {
            let done = self.done.notified();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            done.await;
        }
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
            self.waiting.notify_waiters();
            return;
        };
        send(&target).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.done.notify_waiters();
    }
}

async fn send(target: &CancelTarget) {
    if let Err(error) = cancel(target, CANCEL_TIMEOUT).await {
        debug!(%error, "a cancel request did not reach the server");
    }
}

/// All clients' slots, by the keys they were told.
#[derive(Debug, Default)]
pub(crate) struct Cancels(Mutex<HashMap<ClientKey, Arc<CancelSlot>>>);

impl Cancels {
    /// A slot for a new client, under a key that no other has.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<CancelHandle, getrandom::Error> {
        let slot = Arc::new(CancelSlot::default());
        loop {
            let mut random = [0; 8];
            getrandom::fill(&mut random)?;
            let [a, b, c, d, secret @ ..] = random;
            let key = ClientKey { pid: i32::from_be_bytes([a & 0x7f, b, c, d]).max(1), secret };
            if let Entry::Vacant(place) = self.0.lock().entry(key) {
                place.insert(Arc::clone(&slot));
                return Ok(CancelHandle { all: Arc::clone(self), key, slot });
            }
        }
    }

    /// Whose key this is.
    pub(crate) fn find(&self, pid: i32, secret: &[u8]) -> Option<Arc<CancelSlot>> {
        let secret = secret.try_into().ok()?;
        self.0.lock().get(&ClientKey { pid, secret }).map(Arc::clone)
    }
}

/// A client's slot; it is gone when the client is.
#[derive(Debug)]
pub(crate) struct CancelHandle {
    all: Arc<Cancels>,
    pub(crate) key: ClientKey,
    pub(crate) slot: Arc<CancelSlot>,
}

impl Drop for CancelHandle {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.key);
    }
}
