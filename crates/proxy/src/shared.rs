//! What all clients share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use afterwrite_backend::Cluster;
use afterwrite_core::Keys;
use afterwrite_frontend::Gate;
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
    pub(crate) gate: Gate,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) sequence: Arc<Sequence>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) library: SharedLibrary,
    pub(crate) cancels: Arc<Cancels>,
    pub(crate) metrics: Metrics,
    /// Clients that have logged in.
    pub(crate) clients: Arc<AtomicUsize>,
    /// Connections that have not logged in yet.
    pub(crate) arriving: Arc<AtomicUsize>,
    /// Exchanges under way.
    pub(crate) busy: Arc<AtomicUsize>,
    turns: AtomicU32,
    greetings: Mutex<HashMap<Fingerprint, Parameters>>,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        gate: Gate,
        cluster: Arc<Cluster>,
        sequence: Arc<Sequence>,
    ) -> Self {
        let keys = Keys::new(settings.keys_max, sequence.now());
        let metrics = Metrics::new(cluster.nodes().len());
        Self {
            settings,
            gate,
            library: SharedLibrary::new(Arc::clone(&cluster)),
            cluster,
            sequence,
            keys: Mutex::new(keys),
            cancels: Arc::default(),
            metrics,
            clients: Arc::default(),
            arriving: Arc::default(),
            busy: Arc::default(),
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
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counter))
    }

    /// Counts one up, unless there are `max` already.
    pub(crate) fn within(counter: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let place = Self::new(counter);
        (counter.load(Ordering::SeqCst) <= max).then_some(place)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
