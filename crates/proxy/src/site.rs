//! A cluster, and what its clients share: keys, prepared statements, counts.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{Cluster, Login};
use afterwrite_core::Keys;
use afterwrite_net::tls::Connector;
use afterwrite_types::Sequence;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::library::SharedLibrary;
use crate::observe::NodeReads;
use crate::settings::ClusterSettings;

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
    tls: Arc<Connector>,
    settings: Mutex<ClusterSettings>,
    watching: Mutex<Option<AbortHandle>>,
}

impl Site {
    pub(crate) fn new(
        name: &str,
        settings: &ClusterSettings,
        keys: Arc<Mutex<Keys>>,
        sequence: &Arc<Sequence>,
        reads: NodeReads,
    ) -> Arc<Self> {
        let login =
            Login::new(settings.user.clone(), settings.password.clone(), settings.database.clone());
        // Its own, which follows those of later settings.
        let tls = Arc::new(Connector::disabled());
        tls.follow(&settings.tls);
        let cluster =
            Cluster::new(&settings.nodes, &tls, login, Arc::clone(sequence), settings.watch);
        cluster.configure(settings.gauge.clone());
        Arc::new(Self {
            name: name.to_owned(),
            keys,
            library: SharedLibrary::new(Arc::clone(&cluster)),
            cluster,
            tls,
            reads,
            settings: Mutex::new(settings.clone()),
            watching: Mutex::new(None),
        })
    }

    /// Begins to watch the nodes, if nobody does yet.
    pub(crate) fn start(&self) {
        let mut watching = self.watching.lock();
        if watching.is_none() {
            let task = tokio::spawn(Arc::clone(&self.cluster).run());
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
