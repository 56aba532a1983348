//! A database as clients name it: where it is, what holds for it, whether it is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use afterwrite_backend::Quotas;
use afterwrite_console::{Averages, Meter};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::schema::Schema;
use crate::settings::DatabaseSettings;
use crate::site::Site;
use crate::stats::Stats;
use crate::watch::watch;

/// A database as clients name it.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) site: Arc<Site>,
    settings: RwLock<Arc<DatabaseSettings>>,
    pub(crate) stats: Stats,
    pub(crate) schema: Arc<Schema>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) clients: Arc<AtomicUsize>,
    /// It stands for a name that was not configured.
    pub(crate) wild: bool,
    meter: Mutex<Meter>,
    paused: AtomicBool,
    disabled: AtomicBool,
    resumed: Notify,
    watched: AtomicBool,
}

impl Database {
    pub(crate) fn new(
        name: &str,
        site: Arc<Site>,
        settings: &DatabaseSettings,
        wild: bool,
    ) -> Arc<Self> {
        let nodes = site.cluster.nodes().len();
        Arc::new(Self {
            name: name.to_owned(),
            site,
            stats: Stats::default(),
            schema: Schema::new(&settings.schema),
            quotas: Arc::new(Quotas::new(nodes, settings.connections_max)),
            clients: Arc::default(),
            wild,
            meter: Mutex::default(),
            paused: AtomicBool::new(false),
            disabled: AtomicBool::new(settings.disabled),
            resumed: Notify::new(),
            watched: AtomicBool::new(false),
            settings: RwLock::new(Arc::new(settings.clone())),
        })
    }

    /// Begins to read its catalog, if nobody does yet and something depends on it.
    pub(crate) fn watch(self: &Arc<Self>) {
        if self.site.cluster.has_replicas() && !self.watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(watch(Arc::downgrade(self), Arc::clone(&self.schema)));
        } else if self.clients.load(Ordering::SeqCst) == 0 {
            // Nobody has looked for a while.
            self.schema.wake.notify_one();
        }
    }

    /// What holds for it.
    pub(crate) fn settings(&self) -> Arc<DatabaseSettings> {
        Arc::clone(&self.settings.read())
    }

    /// Takes up other settings; what was paused stays paused.
    pub(crate) fn apply(&self, settings: &DatabaseSettings) {
        let mut known = self.settings.write();
        if known.disabled != settings.disabled {
            self.disabled.store(settings.disabled, Ordering::SeqCst);
        }
        self.quotas.set_max(settings.connections_max);
        self.schema.apply(&settings.schema);
        *known = Arc::new(settings.clone());
    }

    /// Its name on the servers.
    pub(crate) fn server_name(&self) -> String {
        self.settings().server_name.clone().unwrap_or_else(|| self.name.clone())
    }

    /// What was counted in the last period.
    pub(crate) fn averages(&self) -> Averages {
        self.meter.lock().averages()
    }

    /// Ends a period; `now` is the time since the proxy started.
    pub(crate) fn tick_stats(&self, now: Duration) {
        self.meter.lock().tick(now, &self.stats.total());
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    /// From now on statements wait.
    pub(crate) fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
    }

    /// Those who wait go on; says whether it was paused.
    pub(crate) fn resume(&self) -> bool {
        let was = self.paused.swap(false, Ordering::SeqCst);
        self.resumed.notify_waiters();
        was
    }

    /// Whether new clients are turned away.
    pub(crate) fn set_disabled(&self, disabled: bool) {
        self.disabled.store(disabled, Ordering::SeqCst);
    }

    /// Waits until it is not paused; `false` if that takes longer than `limit`.
    pub(crate) async fn opened(&self, limit: Duration) -> bool {
        let resumed = async {
            loop {
                let resumed = self.resumed.notified();
                if !self.paused.load(Ordering::SeqCst) {
                    return;
                }
                resumed.await;
            }
        };
        timeout(limit, resumed).await.is_ok()
    }
}
