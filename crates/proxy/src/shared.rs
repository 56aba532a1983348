//! What all clients share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use afterwrite_backend::Cluster;
use afterwrite_core::Keys;
use afterwrite_frontend::Users;
use afterwrite_session::Fingerprint;
use afterwrite_types::Sequence;
use parking_lot::Mutex;

use crate::cancels::Cancels;
use crate::library::SharedLibrary;
use crate::observe::Metrics;
use crate::settings::Settings;

/// Sets of login settings whose outcome is remembered.
const GREETINGS_MAX: usize = 1024;

/// Parameters, by name, as a client is told them.
pub(crate) type Parameters = Arc<Vec<(String, String)>>;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) users: Users,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) sequence: Arc<Sequence>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) library: SharedLibrary,
    pub(crate) cancels: Arc<Cancels>,
    pub(crate) metrics: Metrics,
    pub(crate) clients: AtomicUsize,
    pub(crate) busy: AtomicUsize,
    turns: AtomicU32,
    greetings: Mutex<HashMap<Fingerprint, Parameters>>,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        users: Users,
        cluster: Arc<Cluster>,
        sequence: Arc<Sequence>,
    ) -> Self {
        let keys = Keys::new(settings.keys_max, sequence.now());
        let metrics = Metrics::new(cluster.nodes().len());
        Self {
            settings,
            users,
            library: SharedLibrary::new(Arc::clone(&cluster)),
            cluster,
            sequence,
            keys: Mutex::new(keys),
            cancels: Arc::default(),
            metrics,
            clients: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            turns: AtomicU32::new(0),
            greetings: Mutex::new(HashMap::new()),
        }
    }

    /// A number that spreads clients over replicas.
    pub(crate) fn turn(&self) -> u32 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// What a client with these settings was told before.
    pub(crate) fn greeting(&self, fingerprint: Fingerprint) -> Option<Parameters> {
        self.greetings.lock().get(&fingerprint).map(Arc::clone)
    }

    pub(crate) fn remember_greeting(&self, fingerprint: Fingerprint, parameters: Parameters) {
        let mut greetings = self.greetings.lock();
        if greetings.len() >= GREETINGS_MAX {
            greetings.clear();
        }
        greetings.insert(fingerprint, parameters);
    }
}

/// Counts one up while it lives.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(crate) fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
