//! Waits for replays where the server can do so itself: `WAIT FOR LSN`, since PostgreSQL 19.
//!
//! While nobody waits, nothing is opened and nothing is sent. While somebody does, one
//! connection per replica waits for the lowest position that anybody needs of it, and the
//! probe polls only for who needs less than that. So every way in which this can fail leads
//! back to polling, and none to an answer: what counts is the position that is asked for behind
//! the wait and never the wait's own status, which knows nothing of timelines.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_types::{Lsn, Role};
use afterwrite_wire::client;
use afterwrite_wire::server::{DataRow, ErrorFields};
use afterwrite_wire::tags::server as tag;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::cluster::Cluster;
use crate::connect::{self, Greeting, INTRODUCTION_SQL, Purpose, ServerId};
use crate::error::ConnectError;
use crate::gauge::Gauge;
use crate::node::Node;
use crate::probe::{self, Asked};
use crate::stream::Messages;

/// The first major version that has the statement.
const SINCE: u32 = 19;

/// How long one statement waits at most. Whoever has left meanwhile costs the server no more.
const SLICE: Duration = Duration::from_millis(200);

/// How long polling goes on alone after a wait that came to nothing.
const PAUSE: Duration = Duration::from_millis(20);

/// The same after a connection that could not be had, or broke.
const PAUSE_AFTER_LOSS: Duration = Duration::from_millis(500);

/// A connection of its own, since a wait would hold up the probe's.
struct Waiter {
    messages: Messages,
    greeting: Greeting,
}

/// What came of one wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// There is a newer position, or time is up: whoever waits on may wait so again.
    Told,
    /// It ended early, and the position is not there: polling goes on alone for a while.
    Short,
    /// The server does not know the statement.
    Unknown,
    /// The connection leads elsewhere than the probe's.
    Elsewhere,
}

/// Waits for replays on a node, whenever somebody does. Never ends by itself; cancel-safe.
pub(crate) async fn run(cluster: Arc<Cluster>, node: Arc<Node>) {
    let mut waiter = None;
    // The life of the server in which it did not know the statement.
    let mut unknown_in = None;
    loop {
        node.demand.awaited().await;
        while let Some(target) = target(&cluster, &node, unknown_in) {
            match attempt(&cluster, &node, &mut waiter, target).await {
                Ok(Waited::Told) => {}
                Ok(Waited::Short) => sleep(PAUSE).await,
                Ok(Waited::Unknown) => {
                    info!(node = %node.address(), "the server has no WAIT FOR LSN; it is polled");
                    unknown_in = Some(node.state.lock().server);
                    waiter = None;
                }
                Ok(Waited::Elsewhere) => {
                    waiter = None;
                    sleep(PAUSE_AFTER_LOSS).await;
                }
                Err(error) => {
                    debug!(node = %node.address(), %error, "WAIT FOR LSN failed; it is polled");
                    waiter = None;
                    sleep(PAUSE_AFTER_LOSS).await;
                }
            }
        }
    }
}

/// The lowest position that somebody waits for and this node has not replayed; `None` as well
/// if the node cannot wait for it.
fn target(cluster: &Cluster, node: &Node, unknown_in: Option<ServerId>) -> Option<Lsn> {
    let (line, replayed) = {
        let state = node.state.lock();
        let can = state.up
            && node.gauges.used() == Gauge::Log
            && state.role == Some(Role::Replica)
            && state.pooled.is_none()
            && state.version.is_some_and(|version| version >= SINCE)
            && unknown_in != Some(state.server);
        let observed = state.observed.filter(|_| can)?;
        (observed.replayed.line, observed.replayed.lsn)
    };
    let lowest = node.demand.is_awaited().then(|| cluster.waiters.lowest(line)).flatten()?;
    (lowest > replayed).then_some(lowest)
}

/// One wait, over a connection that is opened if there is none.
async fn attempt(
    cluster: &Arc<Cluster>,
    node: &Arc<Node>,
    waiter: &mut Option<Waiter>,
    target: Lsn,
) -> Result<Waited, ConnectError> {
    if waiter.is_none() {
        let limit = cluster.settings().connect_timeout;
        let entering = connect::enter(&node.server, &cluster.login, Purpose::Probe);
        let (messages, greeting) =
            timeout(limit, entering).await.map_err(|_| ConnectError::TimedOut(limit))??;
        *waiter = Some(Waiter { messages, greeting });
    }
    let Some(Waiter { messages, greeting }) = waiter else { return Ok(Waited::Short) };
    let _armed = node.demand.arm(target);
    let asked = Asked::now(cluster);
    let limit = SLICE + cluster.settings().probe_timeout;
    let asking = wait(messages, target);
    let (status, mut said) =
        timeout(limit, asking).await.map_err(|_| ConnectError::TimedOut(limit))??;
    debug!(node = %node.address(), %target, replayed = %said.lsn, ?status, "waited");
    let same = node.state.lock().server == said.server && !said.is_pooled(greeting);
    if !same || said.role != Role::Replica {
        return Ok(Waited::Elsewhere);
    }
    let proven = node.state.lock().line.filter(|line| line.is_newer_than(said.line));
    if let Some(line) = proven {
        // What it says of itself in SQL may be older for minutes.
        said.line = line;
    }
    let in_time = asked.at.elapsed() >= SLICE / 2;
    probe::publish(cluster, node, &said, asked);
    Ok(match status {
        Status::Refused(code) if !is_passing(&code) => Waited::Unknown,
        _ if said.lsn >= target || in_time => Waited::Told,
        Status::Refused(_) | Status::Answered(_) => Waited::Short,
    })
}

/// What a server says that knows the statement: a conflict with what it replays, or that it has
/// just been promoted.
fn is_passing(code: &str) -> bool {
    matches!(code, "57014" | "55000" | "40001")
}

/// How a wait ended, in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Answered(String),
    Refused(String),
}

/// Waits, and asks who answers and how far it has come: both in one write.
async fn wait(
    messages: &mut Messages,
    target: Lsn,
) -> Result<(Status, connect::Introduction), ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, &statement(target, SLICE));
    client::query(&mut out, INTRODUCTION_SQL);
    messages.send(&out).await?;
    let mut status = Status::Answered(String::new());
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::DATA_ROW => {
                let value = DataRow::decode(&body)?.next().transpose()?.flatten();
                let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                status = Status::Answered(text);
            }
            tag::ERROR => {
                status = Status::Refused(ErrorFields::decode(&body)?.code.to_owned());
            }
            tag::READY_FOR_QUERY => break,
            _ => {}
        }
    }
    Ok((status, connect::read_introduced(messages).await?))
}

/// The statement. It takes no parameters, so its text is made of numbers alone; and a time of
/// less than a millisecond would be none, and none is for ever.
fn statement(target: Lsn, at_most: Duration) -> String {
    let ms = at_most.as_millis().max(1);
    format!("WAIT FOR LSN '{target}' WITH (TIMEOUT '{ms}ms', NO_THROW)")
}

/// The major version in what a server tells at login: `19.1`, `19beta2 (Debian …)`.
pub(crate) fn major_version(parameters: &[(String, String)]) -> Option<u32> {
    let (_, text) = parameters.iter().find(|(name, _)| name == "server_version")?;
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_never_waits_for_ever() {
        let said = |at_most| statement(Lsn(0x1_0000_00a0), at_most);
        for (at_most, ms) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(400), 1),
            (Duration::from_micros(1900), 1),
            (SLICE, 200),
        ] {
            let expected = format!("WAIT FOR LSN '1/A0' WITH (TIMEOUT '{ms}ms', NO_THROW)");
            assert_eq!(said(at_most), expected, "{at_most:?}");
        }
    }

    #[test]
    fn a_version_is_read_from_what_the_server_tells() {
        let told = |text: &str| major_version(&[("server_version".into(), text.into())]);
        assert_eq!(told("19.1"), Some(19));
        assert_eq!(told("19beta2 (Debian 19~beta2-1)"), Some(19));
        assert_eq!(told("15.18"), Some(15));
        assert_eq!((told(""), told("devel"), major_version(&[])), (None, None, None));
    }
}
