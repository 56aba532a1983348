//! Connections to the servers: for all, for one database, for one user.

use std::time::Duration;

use afterwrite_types::Steps;

use super::Level;
use crate::Secret;

/// Connections to the servers, where the database and the user say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// For how long a client keeps a server connection.
    pub mode: PoolMode,
    /// Connections per node, database and user.
    pub size: usize,
    /// So many of them are opened ahead and kept; at most `size`.
    pub min_size: usize,
    /// So many more may be opened once a client has waited `reserve_timeout`.
    pub reserve_size: usize,
    /// How long a client waits before the reserve is opened.
    pub reserve_timeout: Duration,
    /// How many of the primary's connections may be busy at once with reads that
    /// are there only because no replica covered them, so that they do not
    /// starve writes; 1 to `size`. `None`: three quarters of the pool's size, at
    /// least one.
    pub fallback_size: Option<usize>,
    /// Server connections of one user, over all databases of a node; `None`: no
    /// limit.
    pub user_connections_max: Option<usize>,
    /// Server connections to one database of a node, over all users; `None`: no
    /// limit.
    pub database_connections_max: Option<usize>,
    /// Statements that may wait for a connection of one pool; more get an error
    /// at once.
    pub queue_max: usize,
    /// How long a client waits for a connection before it gets an error.
    pub wait_timeout: Duration,
    /// From opening a connection to the end of the login.
    pub connect_timeout: Duration,
    /// After a login that failed, the next one is not tried before.
    pub login_retry: Duration,
    /// A connection unused for so long is closed.
    pub idle_timeout: Duration,
    /// A connection older than this is closed when it comes back.
    pub lifetime_max: Duration,
    /// What is asked of a connection to see that it is alive; `None`: an empty
    /// query.
    pub check_query: Option<String>,
    /// A connection unused for so long is asked before it is used; `None`: never.
    pub check_after: Option<Duration>,
    /// What runs on a connection after a client in session mode; `None`: nothing.
    pub reset_query: Option<String>,
    /// What runs on a connection once it is open; `None`: nothing.
    pub connect_query: Option<String>,
    /// Behind what a server is asked which session state is left on a connection.
    pub inventory: Inventory,
    /// Which of the free connections is used.
    pub order: PoolOrder,
    /// Prepared statements kept on one server connection.
    pub prepared_max: usize,
}

/// For how long a client keeps a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// Until its transaction ends.
    Transaction,
    /// Until it leaves.
    Session,
    /// Until its statement ends; transactions of several statements are refused.
    Statement,
}

/// A limit that one database or user has instead of the general one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// None, even where there is one for all others.
    Off,
    /// At most so many, 1 or more.
    AtMost(usize),
}

impl Limit {
    /// As a number; `None`: no limit.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Off => None,
            Self::AtMost(count) => Some(count),
        }
    }
}

/// Behind what a server is asked which session state is left on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inventory {
    /// What runs code that nobody has read, by its own text.
    Opaque,
    /// Everything: what triggers, views and operators run is not trusted either.
    Always,
}

/// Which of the free connections is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOrder {
    /// The one used last: the others grow idle and are closed.
    Lifo,
    /// The one unused longest: all are used alike.
    Fifo,
}

/// A database that clients may connect to.
///
/// What is `None` is as [`PoolConfig`] and [`RoutingConfig`](crate::RoutingConfig)
/// have it, unless a comment says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// The cluster it is in; there is one of this name.
    pub cluster: String,
    /// Its name on the servers; `None`: the name that the client used.
    pub database: Option<String>,
    /// Who statements run as; `None`: the client's own user, or the cluster's
    /// where [clients are that one user](crate::Config::is_single_user).
    pub user: Option<String>,
    /// What that user logs in with; only beside `user`. `None`: what is known of
    /// that user elsewhere.
    pub password: Option<Secret>,
    /// For how long a client keeps a server connection.
    pub pool_mode: Option<PoolMode>,
    /// Connections per node and user.
    pub pool_size: Option<usize>,
    /// So many of them are opened ahead and kept. Without `user`, only for users
    /// that are connected.
    pub min_size: Option<usize>,
    /// So many more in need.
    pub reserve_size: Option<usize>,
    /// So many of the primary's for reads that no replica covered.
    pub fallback_size: Option<usize>,
    /// Server connections to it on one node, over all users.
    pub connections_max: Option<Limit>,
    /// Clients in it; `None`: as `clients.connections_per_database_max` has it.
    pub client_connections_max: Option<Limit>,
    /// What a read asks for.
    pub level: Option<Level>,
    /// How long a read waits for a replica.
    pub wait_max: Option<Duration>,
    /// What happens to a read that no replica could answer as it asked.
    pub at_timeout: Option<Steps>,
    /// How old what a read sees may be under [`Level::Bounded`].
    pub max_staleness: Option<Duration>,
    /// What runs on a connection once it is open; `Some("")`: nothing.
    pub connect_query: Option<String>,
    /// Behind what a server is asked which session state is left on a connection.
    pub inventory: Option<Inventory>,
    /// New clients are refused.
    pub disabled: bool,
    /// Written nowhere: the one database of the cluster, where the configuration
    /// names none.
    pub is_implied: bool,
}

/// What is said of one user.
///
/// What is `None` is as the database, [`PoolConfig`] and
/// [`RoutingConfig`](crate::RoutingConfig) have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserConfig {
    /// What the user logs in with: a password, or a secret as PostgreSQL keeps
    /// it (`md5…`, `SCRAM-SHA-256$…`).
    pub password: Option<Secret>,
    /// What the proxy logs in to servers with for this user, if it is something
    /// else; always in clear text.
    pub server_password: Option<Secret>,
    /// For how long this user's clients keep a server connection; wins over the
    /// database's.
    pub pool_mode: Option<PoolMode>,
    /// Connections per node and database; wins over the database's.
    pub pool_size: Option<usize>,
    /// Server connections of this user on one node, over all databases.
    pub connections_max: Option<Limit>,
    /// Clients of this user; `None`: as `clients.connections_per_user_max` has it.
    pub client_connections_max: Option<Limit>,
    /// What a read asks for; wins over the database's.
    pub level: Option<Level>,
}
