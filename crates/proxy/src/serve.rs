//! The whole proxy: starts, accepts, ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use afterwrite_backend::{Cluster, Login, NodeStatus};
use afterwrite_frontend::{Arrival, Gate, LoginError, Peer, listen, receive};
use afterwrite_types::Sequence;
use afterwrite_wire::scram::ScramError;
use afterwrite_wire::server::{self, Report};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::greet::greet;
use crate::http;
use crate::settings::Settings;
use crate::shared::{Counted, Shared};

/// Connections at once that have not logged in yet; cancel requests are among them.
const ARRIVING_MAX: usize = 2048;

/// The proxy did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// No keys could be made for the login.
    Keys(ScramError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::Keys(error) => write!(f, "cannot make login keys: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A proxy that listens; [`Proxy::run`] serves.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Proxy {
    /// Listens on every address; nothing is accepted yet.
    pub fn bind(settings: Settings) -> Result<Self, StartError> {
        let on = |address| listen(address).map_err(|error| StartError::Listen { address, error });
        let listeners = settings.listen.iter().copied().map(on).collect::<Result<_, _>>()?;
        let metrics = settings.metrics_listen.map(on).transpose()?;
        let gate = Gate::single(
            settings.auth,
            settings.user.clone(),
            settings.password.clone(),
            settings.database.clone(),
        )
        .map_err(StartError::Keys)?;
        let sequence = Arc::new(Sequence::default());
        let login =
            Login::new(settings.user.clone(), settings.password.clone(), settings.database.clone());
        let cluster = Cluster::new(&settings.nodes, login, Arc::clone(&sequence), settings.backend);
        let shared = Arc::new(Shared::new(settings, gate, cluster, sequence));
        Ok(Self { shared, listeners, metrics })
    }

    /// Where clients connect: with the ports that port 0 became.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Where `/metrics` is served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves until `stop` is done; then no client is accepted any more, and
    /// exchanges under way may finish for at most `drain`.
    ///
    /// `ready` is called once every node has been reached or has failed once.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        drain: Duration,
        ready: impl FnOnce(&[NodeStatus]),
    ) {
        let Self { shared, listeners, metrics } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared.cluster).run());
        if let Some(listener) = metrics {
            tasks.spawn(http::serve(listener, Arc::clone(&shared)));
        }
        shared.cluster.settle(shared.settings.backend.connect_timeout).await;
        ready(&shared.cluster.status());
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
        stop.await;
        info!("stopping: no new clients");
        accepting.shutdown().await;
        let deadline = Instant::now() + drain;
        while shared.busy.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Accepts clients until it is dropped. The clients' tasks live on without it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { arrive(stream, from, shared).await });
            }
            Err(error) => {
                // Most likely too many open files: those who are in are still served.
                warn!(%error, "cannot accept a client");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Receives one connection, whatever it turns out to be.
async fn arrive(stream: TcpStream, from: SocketAddr, shared: Arc<Shared>) {
    if let Err(error) = keep_alive(&stream) {
        debug!(%error, "keep-alive is not available");
    }
    let Some(_arriving) = Counted::within(&shared.arriving, ARRIVING_MAX) else {
        shared.metrics.refused.inc();
        let report = Report::fatal("53300", "too many clients are logging in at once")
            .hint("try again in a moment");
        turn_away(stream, &report).await;
        return;
    };
    let _ = stream.set_nodelay(true);
    let peer = Peer::tcp(from.ip());
    match receive(stream, peer, &shared.gate, shared.settings.login_timeout).await {
        Ok(Arrival::Client(client)) => admit(*client, &shared).await,
        Ok(Arrival::Cancel { pid, key }) => {
            if let Some(slot) = shared.cancels.find(pid, &key) {
                slot.fire().await;
            }
        }
        Ok(Arrival::Nobody) => {}
        Err(LoginError::Io(error)) => debug!(%from, %error, "a client left during its login"),
        Err(error) => {
            shared.metrics.refused.inc();
            warn!(%from, %error, "a login failed");
        }
    }
}

/// Makes a client of a proven user, if there is room for one more.
async fn admit(client: afterwrite_frontend::Client<TcpStream>, shared: &Arc<Shared>) {
    let max = shared.settings.connections_max;
    let Some(place) = Counted::within(&shared.clients, max) else {
        shared.metrics.refused.inc();
        let report = Report::fatal("53300", format!("the proxy serves {max} clients already"))
            .hint("try again later, or raise clients.connections_max");
        turn_away(client.stream, &report).await;
        return;
    };
    match greet(client, Arc::clone(shared), place).await {
        Ok(client) if client.gone => {}
        // A task of its own: what was needed for the login is let go.
        Ok(client) => drop(tokio::spawn(client.serve())),
        Err((stream, report)) => {
            shared.metrics.refused.inc();
            turn_away(stream, &report).await;
        }
    }
}

/// Notices a client that is gone without a word.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(15));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

async fn turn_away(mut stream: TcpStream, report: &Report) {
    let mut out = Vec::new();
    server::error(&mut out, report);
    let say = async {
        stream.write_all(&out).await?;
        stream.shutdown().await
    };
    let _ = timeout(Duration::from_secs(1), say).await;
}
