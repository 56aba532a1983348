//! What the program may rely on: a [`Config`] in hand is a checked one.
//!
//! The structs are plain to read. They are `non_exhaustive`, so that outside
//! this crate [`load`](crate::load) is the only way to make one.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crate::Secret;

/// The whole configuration of one proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where clients connect. At least one; no address twice. Port 0 lets the
    /// system choose.
    pub listen: Vec<SocketAddr>,
    /// Where metrics are served over HTTP; `None` when switched off.
    pub metrics_listen: Option<SocketAddr>,
    /// How many threads carry traffic.
    pub threads: Threads,
    /// The servers and how to log in to them.
    pub cluster: ClusterConfig,
    /// What clients may do.
    pub clients: ClientsConfig,
    /// Connections to the servers.
    pub pool: PoolConfig,
    /// Where reads go.
    pub routing: RoutingConfig,
    /// How replicas are asked for their position.
    pub probe: ProbeConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// How many threads carry traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One per processor that the process may use.
    Auto,
    /// So many, 1 to 256.
    Exactly(NonZeroU16),
}

/// The servers and how to log in to them.
///
/// One user, password and database for all nodes: they are one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// Every server, in the order written; at least one, none twice. Which is
    /// the primary is deliberately not here: the nodes are asked.
    pub nodes: Vec<NodeAddress>,
    /// Who the proxy logs in as.
    pub user: String,
    /// What the proxy logs in with, and clients too; never empty.
    pub password: Option<Secret>,
    /// The database to connect to; the user's name unless said otherwise.
    pub database: String,
    /// Whether TLS is wanted on server connections.
    pub sslmode: SslMode,
    /// What server connections call themselves, when the URL says so.
    pub application_name: Option<String>,
}

/// Where one server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAddress {
    /// A name or an IP address; an IPv6 address stands without its brackets.
    pub host: String,
    /// A TCP port, never 0.
    pub port: u16,
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Whether TLS is wanted on server connections, in libpq's words.
///
/// The stricter modes of libpq are refused until TLS to servers exists: what
/// asks for encryption must not silently go without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server insists.
    Allow,
    /// If the server offers it.
    #[default]
    Prefer,
}

/// What clients may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientsConfig {
    /// How a client proves who it is. Anything but [`ClientAuth::Trust`] comes
    /// with a password in [`ClusterConfig`].
    pub auth: ClientAuth,
    /// How many clients may be connected at once.
    pub connections_max: usize,
    /// From the accepted connection to the end of the login.
    pub login_timeout: Duration,
    /// Bytes of one message from a client, length included.
    pub message_max: usize,
    /// Bytes of an unfinished batch, or of one Query, that are held to be
    /// analysed; what is larger goes to the primary unread. At most
    /// `message_max`.
    pub statement_buffer_max: usize,
    /// A client that takes none of its reply for so long is closed.
    pub write_timeout: Duration,
    /// Named prepared statements of one client.
    pub prepared_max: usize,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Not at all; all listen addresses are loopback ones.
    Trust,
    /// With the password in clear text.
    Password,
    /// With SCRAM-SHA-256: the password does not cross the wire.
    ScramSha256,
}

/// Connections to the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Connections per node, user and database.
    pub size: usize,
    /// How long a client waits for a connection before it gets an error.
    pub wait_timeout: Duration,
    /// From opening a connection to the end of the login.
    pub connect_timeout: Duration,
    /// A connection unused for so long is closed.
    pub idle_timeout: Duration,
    /// A connection older than this is closed when it comes back.
    pub lifetime_max: Duration,
    /// Prepared statements kept on one server connection.
    pub prepared_max: usize,
}

/// Where reads go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutingConfig {
    /// What a read asks for unless its session says otherwise.
    pub level: Level,
    /// How long a read waits for a replica before it goes to the primary; may
    /// be zero.
    pub wait_max: Duration,
    /// Which of the replicas that cover a read gets it.
    pub balance: Balance,
    /// How many keys (users, tenants, entities) are remembered at once.
    pub keys_max: usize,
    /// A replica measured to be further behind takes no reads, even under
    /// [`Level::Eventual`]. `None`: no limit.
    pub replica_lag_max: Option<Duration>,
}

/// What a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Any replica, whatever it has replayed.
    Eventual,
    /// A state no older than the session's own last write.
    ReadYourWrites,
    /// A state no older than the last commit of anyone.
    Strong,
}

/// Which of the replicas that cover a read gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The less busy of two taken at random.
    LeastInFlight,
    /// Each in turn.
    RoundRobin,
}

/// How replicas are asked for their position.
///
/// `waiting_interval` ≤ `busy_interval` ≤ `idle_interval`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeConfig {
    /// Between questions while nothing goes through the proxy.
    pub idle_interval: Duration,
    /// Between questions while there are writes to follow.
    pub busy_interval: Duration,
    /// Between questions while a read waits for a replica.
    pub waiting_interval: Duration,
    /// A node that does not answer for so long counts as down.
    pub timeout: Duration,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// A filter of levels by target: `info`, or `warn,afterwrite=debug`.
    pub level: String,
    /// Whether each routing decision is logged with its reason.
    pub decisions: bool,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
