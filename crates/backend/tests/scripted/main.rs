//! How servers are watched that cannot be run here, told by servers that follow a script.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod gauge;
mod probe;
mod replay;
mod server;

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{Cluster, GaugeSettings, Login, WatchSettings};
use afterwrite_net::tls::Connector;
use afterwrite_types::{Moment, Sequence};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use server::Scripted;

/// A cluster of scripted servers, being watched. Ends with this value.
struct Watched {
    cluster: Arc<Cluster>,
    sequence: Arc<Sequence>,
    _running: JoinSet<()>,
}

async fn watch(servers: &[&Scripted]) -> Watched {
    let watched = begin(servers, GaugeSettings::default());
    watched.until("all nodes are up", || watched.cluster.status().iter().all(|it| it.up)).await;
    watched
}

fn begin(servers: &[&Scripted], gauge: GaugeSettings) -> Watched {
    let addresses: Vec<_> = servers.iter().map(|it| ("127.0.0.1".to_owned(), it.port)).collect();
    let login = Login::new("app".to_owned(), None, "app".to_owned());
    let settings = WatchSettings {
        connect_timeout: Duration::from_secs(2),
        idle_interval: Duration::from_millis(500),
        busy_interval: Duration::from_millis(10),
        waiting_interval: Duration::from_millis(1),
        probe_timeout: Duration::from_secs(2),
    };
    let tls = Arc::new(Connector::disabled());
    let sequence = Arc::new(Sequence::default());
    let cluster = Cluster::new(&addresses, &tls, login, Arc::clone(&sequence), settings);
    cluster.configure(gauge);
    let mut running = JoinSet::new();
    running.spawn(Arc::clone(&cluster).run());
    Watched { cluster, sequence, _running: running }
}

impl Watched {
    /// The present moment.
    fn now(&self) -> Moment {
        self.sequence.now()
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(5);
        while !is_so() {
            assert!(Instant::now() < end, "never: {what}; {:?}", self.cluster.status());
            sleep(Duration::from_millis(2)).await;
        }
    }
}
