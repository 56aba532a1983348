//! What all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use afterwrite_backend::NodeStatus;
use afterwrite_frontend::Gate;
use afterwrite_types::Sequence;
use afterwrite_wire::scram::ScramError;
use parking_lot::RwLock;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::control::{Control, Reloaded, Stop};
use crate::directory::Directory;
use crate::gate::gate;
use crate::lot::Lot;
use crate::observe::Metrics;
use crate::roster::{Errand, Roster};
use crate::settings::Settings;

/// How long clients that are told to leave at once have to hear it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: RwLock<Arc<Settings>>,
    gate: RwLock<Arc<Gate>>,
    /// Grows with each change of the settings: clients look whether it has.
    generation: AtomicU64,
    pub(crate) directory: Arc<Directory>,
    pub(crate) sequence: Arc<Sequence>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) lot: Lot,
    pub(crate) metrics: Metrics,
    pub(crate) control: Control,
    pub(crate) started: SystemTime,
    /// Clients that have logged in.
    pub(crate) clients: Arc<AtomicUsize>,
    /// Connections that have not logged in yet.
    pub(crate) arriving: Arc<AtomicUsize>,
    /// Exchanges under way.
    pub(crate) busy: Arc<AtomicUsize>,
    turns: AtomicU32,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Result<Self, ScramError> {
        let sequence = Arc::new(Sequence::default());
        let settings = Arc::new(settings);
        let metrics = Metrics::new();
        let directory = Arc::new(Directory::new(Arc::clone(&sequence)));
        directory.apply(&settings, &metrics);
        let gate = gate(&settings, &directory, None)?;
        Ok(Self {
            settings: RwLock::new(settings),
            gate: RwLock::new(Arc::new(gate)),
            generation: AtomicU64::new(0),
            directory,
            sequence,
            roster: Arc::default(),
            lot: Lot::default(),
            metrics,
            control: Control::default(),
            started: SystemTime::now(),
            clients: Arc::default(),
            arriving: Arc::default(),
            busy: Arc::default(),
            turns: AtomicU32::new(0),
        })
    }

    /// What the proxy is told to do now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// Who may log in now.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.read())
    }

    /// Begins to watch all nodes; how they are once each was reached or has failed once.
    pub(crate) async fn start(&self) -> Vec<NodeStatus> {
        let mut nodes = Vec::new();
        let sites = self.directory.sites();
        for site in &sites {
            site.start();
        }
        for site in &sites {
            site.cluster.settle(site.connect_timeout()).await;
            nodes.extend(site.cluster.status());
        }
        nodes
    }

    /// Reads the configuration again and takes it up.
    pub(crate) fn reload(&self) -> Result<Vec<String>, String> {
        let Reloaded { settings, needs_restart } = self.control.reread()?;
        let gate = gate(&settings, &self.directory, Some(&self.gate()))
            .map_err(|error| error.to_string())?;
        self.apply(settings, gate);
        for site in self.directory.sites() {
            site.start();
        }
        for key in &needs_restart {
            warn!(key, "changed in the configuration, and needs a restart");
        }
        info!("the configuration was read again");
        Ok(needs_restart)
    }

    /// Waits for clients to be done, for as long as they may take.
    pub(crate) async fn drain(&self, how: Stop) {
        let deadline = Instant::now() + self.settings().drain_timeout;
        let mut how = how;
        loop {
            if how >= Stop::AfterTransactions {
                let errand = if how == Stop::Now { Errand::Die } else { Errand::Leave };
                for card in self.roster.all() {
                    card.send_away(errand);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::select! {
                () = self.everyone_gone() => return,
                more = self.control.stopped(Some(how)) => how = more,
                () = sleep(left) => break,
            }
            if how == Stop::Now {
                break;
            }
        }
        let left = self.clients.load(Ordering::SeqCst);
        if left > 0 {
            warn!(clients = left, "closing those who are not done");
        }
        for card in self.roster.all() {
            card.send_away(Errand::Die);
        }
        let _ = timeout(LAST_WORDS, self.everyone_gone()).await;
    }

    async fn everyone_gone(&self) {
        while self.clients.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes up other settings: clients notice before their next exchange.
    fn apply(&self, settings: Settings, gate: Gate) {
        let settings = Arc::new(settings);
        *self.settings.write() = Arc::clone(&settings);
        *self.gate.write() = Arc::new(gate);
        self.directory.apply(&settings, &self.metrics);
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.lot.look();
    }

    /// How many times the settings have changed.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// A number that spreads clients over replicas.
    pub(crate) fn turn(&self) -> u32 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }
}

/// Counts one up while it lives.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counter))
    }

    /// Counts one up, unless there are `max` already; 0 is any number.
    pub(crate) fn within(counter: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let place = Self::new(counter);
        (max == 0 || counter.load(Ordering::SeqCst) <= max).then_some(place)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
