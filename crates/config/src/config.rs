//! What the program may rely on: a [`Config`] in hand is a checked one.
//!
//! The structs are plain to read. They are `non_exhaustive`, so that outside
//! this crate [`load`](crate::load) is the only way to make one.

mod clients;
mod cluster;
mod lookup;
mod pool;
mod rest;
mod shared;
mod tokens;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

pub use clients::{AuthQuery, ClientAuth, ClientTls, ClientTlsMode, ClientsConfig, TlsVersion};
pub use cluster::{
    ClusterConfig, NodeAddress, Positions, RootCa, ServerTls, SslMode, TlsNegotiation,
};
pub use lookup::PoolSettings;
pub use pool::{DatabaseConfig, Inventory, Limit, PoolConfig, PoolMode, PoolOrder, UserConfig};
pub use rest::{
    AdminConfig, Balance, Level, LogConfig, LogFormat, OnOrphan, ProbeConfig, RoutingConfig,
    ShutdownConfig,
};
pub use shared::SharedConfig;
pub use tokens::{TokenKey, TokensConfig};

/// The name of the cluster that `[cluster]` describes.
pub const DEFAULT_CLUSTER: &str = "default";

/// The database that stands for all that are not named.
pub const ANY_DATABASE: &str = "*";

/// The whole configuration of one proxy.
///
/// Neither `Debug` nor `Display` prints a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where clients connect. At least one; none twice. TCP port 0 lets the
    /// system choose.
    pub listen: Vec<ListenAddress>,
    /// The permissions of the Unix sockets among them, 0 to 0o777.
    pub unix_socket_mode: u32,
    /// Where metrics are served over HTTP; `None` when switched off.
    pub metrics_listen: Option<SocketAddr>,
    /// The Unix socket where a new process takes over the listening sockets;
    /// `None`: it cannot.
    pub restart_socket: Option<PathBuf>,
    /// How many threads carry traffic.
    pub threads: Threads,
    /// The cluster named [`DEFAULT_CLUSTER`].
    pub cluster: ClusterConfig,
    /// Further clusters by name, none of them named [`DEFAULT_CLUSTER`].
    pub clusters: BTreeMap<String, ClusterConfig>,
    /// What clients may connect to, by the name they use; never empty.
    /// [`ANY_DATABASE`] stands for every database that is not named.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// What is said of single users, by name; may be empty.
    pub users: BTreeMap<String, UserConfig>,
    /// What clients may do.
    pub clients: ClientsConfig,
    /// Connections to the servers, where the database and the user say nothing.
    pub pool: PoolConfig,
    /// Where reads go.
    pub routing: RoutingConfig,
    /// How tokens are signed, and who is told them.
    pub tokens: TokensConfig,
    /// Where floors are shared with other proxies, if they are.
    pub shared: Option<SharedConfig>,
    /// How replicas are asked for their position.
    pub probe: ProbeConfig,
    /// Who may use the console.
    pub admin: AdminConfig,
    /// How the proxy stops.
    pub shutdown: ShutdownConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The socket's own path, never its folder. A path that begins with `@` is a
    /// name in Linux's abstract name space, without a file.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// How many threads carry traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One for every two processors that the process may use.
    Auto,
    /// So many, 1 to 256.
    Exactly(NonZeroU16),
}
