//! What the proxy is told while it runs: to stop, to read its settings again.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::settings::Settings;

/// How the proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Once all clients have left by themselves; as [`Stop::AfterTransactions`] if
    /// that takes longer than `drain_timeout`.
    AfterClients,
    /// Once the transactions under way are over; whoever is between two is told to
    /// leave.
    AfterTransactions,
    /// Now.
    Now,
}

/// Reads the configuration again; what is wrong with it otherwise.
///
/// It is given keys with values that win over all that is configured.
pub type Reread = dyn Fn(&[(String, String)]) -> Result<Reloaded, String> + Send + Sync;

/// A configuration that was read again.
#[derive(Debug)]
pub struct Reloaded {
    /// What the proxy is told to do from now on.
    pub settings: Settings,
    /// Keys whose change needs a restart.
    pub needs_restart: Vec<String>,
}

/// What the proxy is told while it runs.
#[derive(Default)]
pub(crate) struct Control {
    stop: Mutex<Option<Stop>>,
    changed: Notify,
    /// Nobody is accepted for the time being.
    held: watch::Sender<bool>,
    reread: Mutex<Option<Arc<Reread>>>,
    /// What the console has set, until the next reload.
    overrides: Mutex<Vec<(String, String)>>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("stop", &*self.stop.lock()).finish_non_exhaustive()
    }
}

impl Control {
    /// Asks the proxy to stop; a more urgent way replaces a less urgent one.
    pub(crate) fn stop(&self, how: Stop) {
        {
            let mut stop = self.stop.lock();
            *stop = (*stop).max(Some(how));
        }
        self.changed.notify_waiters();
    }

    /// How it was asked to stop, if it was.
    pub(crate) fn stopping(&self) -> Option<Stop> {
        *self.stop.lock()
    }

    /// Whether clients are left to wait in front of the listening sockets.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Tells whether they are.
    pub(crate) fn held(&self) -> watch::Receiver<bool> {
        self.held.subscribe()
    }

    /// Waits until it is asked to stop in a more urgent way than `known`.
    pub(crate) async fn stopped(&self, known: Option<Stop>) -> Stop {
        loop {
            let changed = self.changed.notified();
            let now = *self.stop.lock();
            if let Some(how) = now.filter(|_| now > known) {
                return how;
            }
            changed.await;
        }
    }

    pub(crate) fn reread_by(&self, reread: Arc<Reread>) {
        *self.reread.lock() = Some(reread);
    }

    /// Sets a key until the next reload; gives back what was set before.
    pub(crate) fn override_key(&self, key: String, value: String) -> Vec<(String, String)> {
        let mut overrides = self.overrides.lock();
        let before = overrides.clone();
        overrides.retain(|(known, _)| *known != key);
        overrides.push((key, value));
        before
    }

    pub(crate) fn restore_overrides(&self, before: Vec<(String, String)>) {
        *self.overrides.lock() = before;
    }

    pub(crate) fn forget_overrides(&self) {
        self.overrides.lock().clear();
    }

    /// Reads the configuration again.
    pub(crate) fn reread(&self) -> Result<Reloaded, String> {
        let reread = self.reread.lock().as_ref().map(Arc::clone);
        match reread {
            Some(reread) => reread(&self.overrides.lock().clone()),
            None => Err("there is no configuration to read again".to_owned()),
        }
    }
}
