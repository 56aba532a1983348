//! What all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
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
use crate::predecessor::Predecessor;
use crate::roster::{Errand, Roster};
use crate::settings::Settings;

/// How long clients that are told to leave at once have to hear it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How often those who are still there are sent away again.
const AGAIN: Duration = Duration::from_millis(200);

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
    pub(crate) predecessor: Predecessor,
    /// Another process takes, or has taken, this one's place.
    pub(crate) has_successor: AtomicBool,
    pub(crate) started: SystemTime,
    /// Clients that have logged in.
    pub(crate) clients: Arc<AtomicUsize>,
    /// Connections that have not logged in yet.
    pub(crate) arriving: Arc<AtomicUsize>,
    turns: AtomicU32,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Result<Self, ScramError> {
        let sequence = Arc::new(Sequence::default());
        let settings = Arc::new(settings);
        let metrics = Metrics::new();
        let directory = Arc::new(Directory::new(Arc::clone(&sequence), settings.shared.clone()));
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
            predecessor: Predecessor::default(),
            has_successor: AtomicBool::new(false),
            started: SystemTime::now(),
            clients: Arc::default(),
            arriving: Arc::default(),
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

    /// Waits for clients to be done, for as long as they may take: each way of
    /// stopping has its own `drain_timeout`.
    pub(crate) async fn drain(&self, first: Stop) {
        let limit = self.settings().drain_timeout;
        let mut how = first;
        let mut until = Instant::now() + limit;
        while how < Stop::Now {
            if how == Stop::AfterTransactions {
                self.send_away(Errand::Leave);
            }
            tokio::select! {
                () = self.everyone_gone() => return,
                more = self.control.stopped(Some(how)) => {
                    how = more;
                    until = Instant::now() + limit;
                }
                // Some may have come in since the others were sent away.
                () = sleep(AGAIN.min(until.saturating_duration_since(Instant::now()))) => {}
            }
            if Instant::now() >= until {
                if how == Stop::AfterTransactions {
                    break;
                }
                let clients = self.clients.load(Ordering::SeqCst);
                info!(clients, "not all clients have left by themselves: telling them to");
                how = Stop::AfterTransactions;
                self.control.stop(how);
                until = Instant::now() + limit;
            }
        }
        let left = self.clients.load(Ordering::SeqCst);
        if left > 0 {
            warn!(clients = left, "closing those who are not done");
        }
        self.send_away(Errand::Die);
        let _ = timeout(LAST_WORDS, self.everyone_gone()).await;
    }

    fn send_away(&self, errand: Errand) {
        for card in self.roster.all() {
            card.send_away(errand);
        }
    }

    /// Waits until nobody is there, nor about to be. A predecessor is waited for, too:
    /// its clients' cancel requests come by here.
    async fn everyone_gone(&self) {
        while self.clients.load(Ordering::SeqCst) + self.arriving.load(Ordering::SeqCst) > 0
            || self.predecessor.is_there()
        {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether keys are written by another process as well: its floors are not known
    /// here, so every read by key must ask the primary.
    pub(crate) fn shares_keys(&self) -> bool {
        self.has_successor.load(Ordering::SeqCst) || self.predecessor.is_there()
    }

    /// Cancels what the client runs that has this key.
    pub(crate) async fn cancel(&self, pid: i32, key: Vec<u8>) {
        match self.roster.find(pid, &key) {
            Some(card) => card.fire().await,
            None => self.predecessor.cancel(pid, key).await,
        }
    }

    /// Statements wait from now on, in every database.
    pub(crate) fn pause(&self) {
        for database in self.directory.databases() {
            database.pause();
        }
    }

    /// Those who wait go on.
    pub(crate) fn resume(&self) {
        for database in self.directory.databases() {
            database.resume();
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
