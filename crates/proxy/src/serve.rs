//! The whole proxy: starts, accepts, ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use afterwrite_backend::NodeStatus;
use afterwrite_net::{Endpoint, Listener};
use afterwrite_wire::scram::ScramError;
use tokio::task::JoinSet;
use tracing::info;

use crate::accept::accept;
use crate::control::Stop;
use crate::handle::Handle;
use crate::http;
use crate::lot::tend;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::sockets::Inherited;

/// The proxy did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Listen {
        /// The address.
        endpoint: Endpoint,
        /// Why not.
        error: io::Error,
    },
    /// No keys could be made for the login.
    Keys(ScramError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { endpoint, error } => write!(f, "cannot listen on {endpoint}: {error}"),
            Self::Keys(error) => write!(f, "cannot make login keys: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A proxy that listens; [`Proxy::run`] serves.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    listeners: Vec<Arc<Listener>>,
    metrics: Option<Arc<Listener>>,
}

impl Proxy {
    /// Listens on every address; nothing is accepted yet.
    pub fn bind(settings: Settings) -> Result<Self, StartError> {
        Self::bind_with(settings, &mut Inherited::default())
    }

    /// As [`Self::bind`], on the sockets of another process where it listened on the
    /// same addresses. Those that are not listened on any more are left in `inherited`.
    pub fn bind_with(settings: Settings, inherited: &mut Inherited) -> Result<Self, StartError> {
        let on = |endpoint: &Endpoint, before: Option<Listener>| match before {
            Some(listener) => Ok(Arc::new(listener)),
            None => Listener::bind(endpoint, settings.unix_mode)
                .map(Arc::new)
                .map_err(|error| StartError::Listen { endpoint: endpoint.clone(), error }),
        };
        let listeners = settings
            .listen
            .iter()
            .map(|endpoint| on(endpoint, inherited.take(endpoint)))
            .collect::<Result<_, _>>()?;
        let metrics = settings
            .metrics_listen
            .map(|address| on(&address.into(), inherited.take_metrics(address)))
            .transpose()?;
        let shared = Arc::new(Shared::new(settings).map_err(StartError::Keys)?);
        Ok(Self { shared, listeners, metrics })
    }

    /// Where clients connect: with the ports that port 0 became.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.listeners.iter().map(|listener| listener.endpoint().clone()).collect()
    }

    /// Where `/metrics` is served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.endpoint().tcp())
    }

    /// A handle to tell it things while it runs.
    pub fn handle(&self) -> Handle {
        Handle::new(&self.shared, &self.listeners, self.metrics.as_ref())
    }

    /// Serves until it is told to stop, by `stop` or by its [`Handle`].
    ///
    /// `ready` is called once every node has been reached or has failed once.
    pub async fn run(self, stop: impl Future<Output = ()>, ready: impl FnOnce(&[NodeStatus])) {
        let Self { shared, listeners, metrics } = self;
        let mut tasks = JoinSet::new();
        if let Some(listener) = metrics {
            tasks.spawn(http::serve(listener, Arc::clone(&shared)));
        }
        tasks.spawn(tidy(Arc::clone(&shared)));
        tasks.spawn(tend(Arc::clone(&shared)));
        ready(&shared.start().await);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
        let how = tokio::select! {
            () = stop => Stop::AfterTransactions,
            how = shared.control.stopped(None) => how,
        };
        shared.control.stop(how);
        info!(clients = shared.clients.load(Ordering::SeqCst), "stopping: no new clients");
        accepting.shutdown().await;
        shared.drain(how).await;
    }
}

/// Once a second: forgets what belongs to users that are gone.
async fn tidy(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut last = Instant::now();
    loop {
        tick.tick().await;
        shared.directory.tidy();
        if last.elapsed() >= shared.settings().stats_period {
            shared.tick_stats();
            last = Instant::now();
        }
    }
}
