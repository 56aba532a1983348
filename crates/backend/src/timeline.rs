//! What a node's timeline is, and where it comes from, beyond what SQL tells.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_types::{History, Line, Role};
use tracing::{debug, info, warn};

use crate::cluster::Cluster;
use crate::connect::Introduction;
use crate::error::ConnectError;
use crate::history::{self, Told};
use crate::node::Node;
use crate::probe::within_limit;
use crate::stream::Messages;

/// Who has refused or not answered is not asked again for so long: each attempt is a line in
/// its log, or holds the probe up.
const REFUSED_FOR: Duration = Duration::from_mins(1);

/// After any other failure.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Learns what there is to be learnt of the node that has introduced itself as `said` over
/// `messages`: a primary's history, or the timeline that a replica replays if it seems to be
/// left behind. Says whether a replica was found on a newer one.
///
/// An error only if `messages` cannot be used any more.
pub(crate) async fn learn(
    cluster: &Arc<Cluster>,
    node: &Arc<Node>,
    said: &Introduction,
    messages: &mut Messages,
    proven: &mut Option<Line>,
) -> Result<bool, ConnectError> {
    let needed = match said.role {
        Role::Primary => !cluster.knows_history(said.line),
        Role::Replica => cluster.is_outdated(proven.unwrap_or(said.line)),
    };
    let now = Instant::now();
    if !needed || node.asks_again.lock().is_some_and(|(line, at)| line == said.line && now < at) {
        return Ok(false);
    }
    let limit = cluster.settings().probe_timeout;
    let told = within_limit(limit, history::ask(&node.server, &cluster.login, said)).await;
    let pause = match &told {
        Err(error) if error.is_refusal() => REFUSED_FOR,
        Err(ConnectError::TimedOut(_)) => REFUSED_FOR,
        Ok(_) | Err(_) => AGAIN_AFTER,
    };
    let asked = node.asks_again.lock().replace((said.line, now + pause));
    let again = asked.is_some_and(|(line, _)| line == said.line);
    match (said.role, told) {
        (Role::Replica, Ok(Told { line, .. })) => {
            let news = line.is_newer_than(proven.unwrap_or(said.line));
            if news {
                *proven = Some(line);
            }
            Ok(news)
        }
        (Role::Replica, Err(error)) => {
            debug!(node = %node.address(), %error, "the timeline that it replays is not known for sure");
            Ok(false)
        }
        (Role::Primary, told) => {
            let history = match told {
                Ok(Told { history: Some(Ok(history)), .. }) => Ok(history),
                Ok(Told { history: Some(Err(bad)), .. }) => Err(bad),
                Ok(Told { history: None, .. }) => Err("it is no primary any more".to_owned()),
                Err(error) => read_file(cluster, node, said.line, messages, error).await?,
            };
            match history {
                Ok(history) => take_up(cluster, node, history),
                Err(why) => warn_of(node, said.line, &why, again),
            }
            Ok(false)
        }
    }
}

/// The history as a file; `error` is why it could not be had otherwise.
async fn read_file(
    cluster: &Cluster,
    node: &Node,
    line: Line,
    messages: &mut Messages,
    error: ConnectError,
) -> Result<Result<History, String>, ConnectError> {
    let limit = cluster.settings().probe_timeout;
    match within_limit(limit, history::read_file(messages, line)).await {
        Ok(history) => Ok(Ok(history)),
        // The connection goes on as if nothing had been asked.
        Err(refused @ ConnectError::Refused { .. }) => {
            debug!(node = %node.address(), error = %refused, "no history as a file");
            Ok(Err(error.to_string()))
        }
        Err(lost) => Err(lost),
    }
}

fn take_up(cluster: &Cluster, node: &Node, history: History) {
    if let Some((timeline, end)) = history.last_switch() {
        info!(
            node = %node.address(), line = %history.line(), switch = %end, left = timeline.0,
            "history read: up to the switch point it has what was written before"
        );
    }
    cluster.learn(history);
}

fn warn_of(node: &Node, line: Line, why: &str, again: bool) {
    if again {
        debug!(node = %node.address(), %line, why, "where this timeline began is not known yet");
    } else {
        warn!(
            node = %node.address(), %line, why,
            "where this timeline began is not known: what was written before it is asked for \
             anew, and lost writes are not noticed; the login needs REPLICATION to see more"
        );
    }
}
