//! The servers and how to log in to them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use afterwrite_types::TableName;

use crate::Secret;

/// The servers and how to log in to them.
///
/// One primary and its replicas: one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// Every server, in the order written; 1 to 64, none twice. Which is the
    /// primary is deliberately not here: the nodes are asked.
    pub nodes: Vec<NodeAddress>,
    /// Who the proxy itself logs in as, to ask for positions. Where clients are
    /// this one user (see [`Config::is_single_user`](crate::Config::is_single_user)),
    /// their statements run as it too.
    pub user: String,
    /// What that user logs in with; never empty. `None`: what `[users]` or the user
    /// list say of it, if anything.
    pub password: Option<Secret>,
    /// The database the proxy itself connects to; the user's name unless said
    /// otherwise.
    pub database: String,
    /// TLS to these servers.
    pub tls: ServerTls,
    /// What tells how far each of them has come.
    pub positions: Positions,
    /// The heartbeat table; where it is named, it may be made and used.
    pub heartbeat_table: Option<TableName>,
    /// For how long after a write reads go to the primary, where nothing tells positions.
    pub window: Duration,
    /// Whether that gets shorter where a server tells how far behind it is.
    pub window_follows_lag: bool,
    /// What server connections call themselves, when the URL says so.
    pub application_name: Option<String>,
}

/// What tells how far a server has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Positions {
    /// Its log, or if that tells nothing the heartbeat table or the window.
    #[default]
    Auto,
    /// Its log.
    Log,
    /// A table of one row, written for this alone.
    Heartbeat,
    /// Nothing: a time after which a write is taken to be everywhere.
    Window,
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

/// TLS to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTls {
    /// Whether it is wanted, and what is checked.
    pub mode: SslMode,
    /// Who signs the servers' certificates. There is one wherever `mode` checks
    /// them; where `mode` is [`SslMode::Require`] and there is one, they are
    /// checked as by [`SslMode::VerifyCa`], as libpq does.
    pub root_ca: Option<RootCa>,
    /// The proxy's certificate in PEM, for servers that ask for one; comes with
    /// `key`.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key in PEM.
    pub key: Option<PathBuf>,
    /// How TLS begins.
    pub negotiation: TlsNegotiation,
}

/// Whether TLS is wanted on server connections, in libpq's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only if the server insists.
    Allow,
    /// If the server offers it.
    #[default]
    Prefer,
    /// Always; whoever the server is.
    Require,
    /// Always, with a certificate signed by the root.
    VerifyCa,
    /// Always, with such a certificate for the host's name.
    VerifyFull,
}

/// Who signs the servers' certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCa {
    /// Those that the system trusts.
    System,
    /// The certificates in this PEM file.
    File(PathBuf),
}

/// How TLS to a server begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsNegotiation {
    /// After PostgreSQL's own question whether the server has it.
    #[default]
    Postgres,
    /// At once, with ALPN: saves a round trip; PostgreSQL 17 and later.
    Direct,
}
