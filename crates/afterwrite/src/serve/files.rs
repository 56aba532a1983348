//! How many files may be open: each connection is one.

use afterwrite_proxy::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Files beside the connections: logs, listening sockets, the runtime's own.
const OTHERS: u64 = 64;

/// Raises the limit to what is allowed without asking; what it is then. `None` is no
/// limit.
pub(crate) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => return maximum,
            Err(error) => debug!(%error, "the limit of open files was not raised"),
        }
    }
    current
}

/// Warns if not all that is configured fits.
pub(crate) fn check(settings: &Settings, limit: Option<u64>) {
    let needed = needed(settings);
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        warn!(
            limit,
            needed,
            "clients.connections_max and the pools may need more open files than are allowed: \
             raise LimitNOFILE, or ulimit -n"
        );
    }
}

/// What may be open at least: all clients, and each database's pools for one user.
fn needed(settings: &Settings) -> u64 {
    let pools = settings.databases.values().map(|database| {
        let nodes = settings.clusters.get(&database.cluster).map_or(0, |it| it.nodes.len());
        nodes.saturating_mul(database.pool.size.saturating_add(database.pool.reserve_size))
    });
    let probes = settings.clusters.values().map(|cluster| cluster.nodes.len());
    let connections =
        pools.chain(probes).fold(settings.clients.connections_max, usize::saturating_add);
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS)
}
