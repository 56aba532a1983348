//! Makes beats for those who ask for the primary's position, where a heartbeat table tells it.
//!
//! Only while somebody asks; whoever asks while one is under way waits for the next, and shares
//! it with all others who do.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_types::Role;
use afterwrite_wire::client;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::cluster::Cluster;
use crate::connect::{self, Introduction, Purpose};
use crate::error::ConnectError;
use crate::gauge::{Gauge, Gauges, HeartbeatTable};
use crate::node::Node;
use crate::probe::{self, Asked};
use crate::stream::Messages;

/// Between two beats at least: each is a write.
const PAUSE: Duration = Duration::from_millis(2);

/// After a failure, or while there is no primary.
const RETRY: Duration = Duration::from_millis(50);

/// Makes beats whenever somebody asks. Never ends by itself; cancel-safe.
pub(crate) async fn run(cluster: Arc<Cluster>) {
    let mut open = None;
    loop {
        cluster.beats.notified().await;
        while cluster.waiters.await_fences() {
            let Gauge::Heartbeat(table) = cluster.gauges.used() else { break };
            if let Err(error) = beat_on_primary(&cluster, &table, &mut open).await {
                debug!(%error, "no beat could be made");
                open = None;
                sleep(RETRY).await;
            }
            sleep(PAUSE).await;
        }
    }
}

/// One beat, over a connection of its own: a lock on the table must not hold up the probe.
async fn beat_on_primary(
    cluster: &Arc<Cluster>,
    table: &HeartbeatTable,
    open: &mut Option<(Arc<Node>, Messages)>,
) -> Result<(), ConnectError> {
    let no_primary = || ConnectError::Protocol("there is no primary".into());
    let primary = cluster.primary().ok_or_else(no_primary)?;
    if open.as_ref().is_some_and(|(node, _)| node.id != primary.node) {
        *open = None;
    }
    if open.is_none() {
        let node = cluster.nodes().get(usize::from(primary.node.0)).ok_or_else(no_primary)?;
        let limit = cluster.settings().connect_timeout;
        let entering = connect::enter(&node.server, &cluster.login, Purpose::Probe);
        let (messages, _) =
            timeout(limit, entering).await.map_err(|_| ConnectError::TimedOut(limit))??;
        *open = Some((Arc::clone(node), messages));
    }
    let Some((node, messages)) = open else { return Err(no_primary()) };
    let limit = cluster.settings().probe_timeout;
    // Before the beat is begun: it covers what was acknowledged before this, and no more.
    let asked = Asked::now(cluster);
    let making = beat(messages, node, table);
    let said = timeout(limit, making).await.map_err(|_| ConnectError::TimedOut(limit))??;
    if said.server != node.state.lock().server {
        return Err(ConnectError::Protocol("another server answers than the probe's".into()));
    }
    probe::publish(cluster, node, &said, asked);
    Ok(())
}

/// Makes a beat over this connection.
pub(crate) async fn beat(
    messages: &mut Messages,
    node: &Node,
    table: &HeartbeatTable,
) -> Result<Introduction, ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, &table.beat_sql());
    messages.send(&out).await?;
    let row = connect::read_row(messages).await?;
    let row = row.ok_or_else(|| ConnectError::Protocol("the heartbeat table is empty".into()))?;
    let said = node.gauges.read(&row, node, std::time::Instant::now())?;
    if said.role != Role::Primary || !said.is_fence {
        return Err(ConnectError::RoleChanged(said.role));
    }
    Ok(said)
}

/// Makes the table, if it is not there.
pub(crate) async fn create(
    messages: &mut Messages,
    table: &HeartbeatTable,
) -> Result<(), ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, &table.creation_sql());
    messages.send(&out).await?;
    connect::read_row(messages).await.map(drop)
}

/// What a server says of itself once a primary that shows another's beat has made one of its
/// own, and the table is there.
pub(crate) async fn settle(
    messages: &mut Messages,
    node: &Node,
    gauges: &Gauges,
    said: Result<Introduction, ConnectError>,
) -> Result<Introduction, ConnectError> {
    let Gauge::Heartbeat(table) = gauges.used() else { return said };
    match said {
        Ok(said) if said.role == Role::Primary && !said.is_current => {
            beat(messages, node, &table).await
        }
        Err(ConnectError::Refused { code, .. }) if matches!(code.as_str(), "42P01" | "3F000") => {
            match create(messages, &table).await {
                Ok(()) => beat(messages, node, &table).await,
                Err(ConnectError::Refused { code, .. }) if code == "25006" => {
                    let missing = format!("the heartbeat table {table} is not there yet");
                    Err(ConnectError::Protocol(missing))
                }
                Err(ConnectError::Refused { code, message }) => {
                    let message = format!("the heartbeat table {table} cannot be made: {message}");
                    Err(ConnectError::Refused { code, message })
                }
                Err(error) => Err(error),
            }
        }
        said => said,
    }
}
