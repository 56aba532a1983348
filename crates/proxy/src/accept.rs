//! From an accepted connection to a client's task.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_console::is_admin_database;
use afterwrite_frontend as frontend;
use afterwrite_frontend::{Arrival, LoginError, receive, system_user};
use afterwrite_net::{KeepAlive, Listener, Peer, Stream};
use afterwrite_wire::server::{self, Report};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::console;
use crate::control::Stop;
use crate::greet::greet;
use crate::shared::{Counted, Shared};

/// Connections at once that have not logged in yet, at least; cancel requests are
/// among them. There may be as many as clients: those who never finish must not keep
/// out those who would.
const ARRIVING_LEAST: usize = 2048;

/// Accepts clients until it is dropped. The clients' tasks live on without it.
pub(crate) async fn accept(listener: Arc<Listener>, shared: Arc<Shared>) {
    let mut held = shared.control.held();
    loop {
        match next(&listener, &mut held).await {
            Ok((stream, from)) => {
                if !listener.tunes()
                    && let Err(error) = stream.tune(&KeepAlive::CLIENTS)
                {
                    debug!(%error, "keep-alive is not available");
                }
                // Counted at once: who stops waits for everyone who was accepted.
                let max = shared.settings().clients.connections_max.max(ARRIVING_LEAST);
                let arriving = Counted::within(&shared.arriving, max);
                let shared = Arc::clone(&shared);
                // Boxed: it is large, and a task is moved several times until it runs.
                tokio::spawn(Box::pin(arrive(stream, from, arriving, shared)));
            }
            Err(error) => {
                // Most likely too many open files: those who are in are still served.
                warn!(%error, "cannot accept a client");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The next connection, while accepting is not held.
pub(crate) async fn next(
    listener: &Listener,
    held: &mut watch::Receiver<bool>,
) -> io::Result<(Stream, Peer)> {
    loop {
        if held.wait_for(|held| !held).await.is_err() {
            // Nobody is left who could let it go on.
            std::future::pending::<()>().await;
        }
        tokio::select! {
            biased;
            _ = held.changed() => {}
            accepted = listener.accept() => return accepted,
        }
    }
}

/// Receives one connection, whatever it turns out to be.
async fn arrive(stream: Stream, from: Peer, arriving: Option<Counted>, shared: Arc<Shared>) {
    let Some(_arriving) = arriving else {
        shared.metrics.refused.inc();
        let report = Report::fatal("53300", "too many clients are logging in at once")
            .hint("try again in a moment");
        turn_away(stream, &report).await;
        return;
    };
    let (gate, settings) = (shared.gate(), shared.settings());
    let (tls, limit) = (&settings.clients.tls, settings.clients.login_timeout);
    match receive(stream, seen_from(from), tls, &gate, limit).await {
        Ok(Arrival::Client(client)) if is_admin_database(&client.database) => {
            drop(tokio::spawn(console::serve(*client, shared)));
        }
        Ok(Arrival::Client(client)) => admit(*client, &shared).await,
        Ok(Arrival::Cancel { pid, key }) => shared.cancel(pid, key).await,
        Ok(Arrival::Nobody) => {}
        Err(LoginError::Io(error)) => debug!(%from, %error, "a client left during its login"),
        Err(error) => {
            shared.metrics.refused.inc();
            warn!(%from, %error, "a login failed");
        }
    }
}

/// What the gate looks at.
fn seen_from(peer: Peer) -> frontend::Peer {
    match peer {
        Peer::Tcp(address) => frontend::Peer::tcp(address.ip()),
        Peer::Unix { uid, .. } => frontend::Peer::local(system_user(uid)),
    }
}

/// Makes a client of a proven user, if there is room for one more.
async fn admit(client: afterwrite_frontend::Client, shared: &Arc<Shared>) {
    // Who was accepted before the clients were left to another process may stay.
    if shared.control.stopping() >= Some(Stop::AfterTransactions) {
        let report = Report::fatal("57P03", "the proxy is shutting down")
            .hint("connect again: another one may have taken over");
        turn_away(client.stream, &report).await;
        return;
    }
    let max = shared.settings().clients.connections_max;
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
        Ok(client) => {
            if client.settings.log_connections {
                let (user, database) = (&client.tenant.user, &client.tenant.database.name);
                info!(id = client.registered.card.id, %user, %database, "client connected");
            }
            drop(tokio::spawn(client.serve()));
            shared.lot.expect();
        }
        Err((stream, report)) => {
            shared.metrics.refused.inc();
            turn_away(stream, &report).await;
        }
    }
}

async fn turn_away(mut stream: Stream, report: &Report) {
    let mut out = Vec::new();
    server::error(&mut out, report);
    let say = async {
        stream.write_all(&out).await?;
        stream.shutdown().await
    };
    let _ = timeout(Duration::from_secs(1), say).await;
}
