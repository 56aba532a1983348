//! A cluster, and what its clients share: keys, prepared statements, counts.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{Cluster, Login};
use afterwrite_core::Keys;
use afterwrite_net::tls::Connector;
use afterwrite_store::StoreSettings;
use afterwrite_types::Sequence;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::library::SharedLibrary;
use crate::observe::{Metrics, NodeReads};
use crate::settings::ClusterSettings;
use crate::sharing::{self, Sharing};

/// A cluster, and what its clients share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) cluster: Arc<Cluster>,
    /// Shared with the site that was there before other nodes were configured: some
    /// of its clients may still be writing.
    pub(crate) keys: Arc<Mutex<Keys>>,
    pub(crate) library: SharedLibrary,
    pub(crate) reads: NodeReads,
    /// Floors of keys are shared with other proxies.
    pub(crate) sharing: Option<Arc<Sharing>>,
    tls: Arc<Connector>,
    settings: Mutex<ClusterSettings>,
    watching: Mutex<Option<AbortHandle>>,
    worker: Mutex<Option<sharing::Worker>>,
}

impl Site {
    pub(crate) fn new(
        name: &str,
        settings: &ClusterSettings,
        keys: Arc<Mutex<Keys>>,
        sequence: &Arc<Sequence>,
        shared: Option<&StoreSettings>,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let login =
            Login::new(settings.user.clone(), settings.password.clone(), settings.database.clone());
        // Its own, which follows those of later settings.
        let tls = Arc::new(Connector::disabled());
        tls.follow(&settings.tls);
        let cluster =
            Cluster::new(&settings.nodes, &tls, login, Arc::clone(sequence), settings.watch);
        cluster.configure(settings.gauge.clone());
        let (sharing, worker) = shared
            .map(|store| {
                let metrics = metrics.sharing.clone();
                Sharing::new(store, &cluster, &settings.database, sequence, metrics)
            })
            .unzip();
        Arc::new(Self {
            name: name.to_owned(),
            keys,
            library: SharedLibrary::new(Arc::clone(&cluster)),
            cluster,
            tls,
            reads: metrics.node_reads(name, settings.nodes.len()),
            sharing,
            worker: Mutex::new(worker),
            settings: Mutex::new(settings.clone()),
            watching: Mutex::new(None),
        })
    }

    /// Begins to watch the nodes, if nobody does yet.
    pub(crate) fn start(&self) {
        let mut watching = self.watching.lock();
        if watching.is_none() {
            let (cluster, worker) = (Arc::clone(&self.cluster), self.worker.lock().take());
            let task = tokio::spawn(async move {
                let sharing = async {
                    if let Some(worker) = worker {
                        worker.run().await;
                    }
                };
                tokio::join!(cluster.run(), sharing);
            });
            *watching = Some(task.abort_handle());
        }
    }

    /// Whether it can go on with these settings; if so, it does.
    pub(crate) fn adopt(&self, new: &ClusterSettings) -> bool {
        let mut known = self.settings.lock();
        let same =
            ClusterSettings { watch: known.watch, tls: Arc::clone(&known.tls), ..new.clone() }
                == *known;
        if same {
            // What is open goes on as it was opened.
            self.tls.follow(&new.tls);
            self.cluster.apply(new.watch);
            *known = new.clone();
        }
        same
    }

    /// How long connecting to one of its nodes may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.cluster.settings().connect_timeout
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Its probes would otherwise go on for ever.
        if let Some(watching) = self.watching.get_mut().take() {
            watching.abort();
        }
    }
}
