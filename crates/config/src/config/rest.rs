//! Routing, probes, the console, stopping, the log.

use std::time::Duration;

use afterwrite_types::Steps;

/// Where reads go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutingConfig {
    /// What a read asks for unless its session says otherwise.
    pub level: Level,
    /// How long a read waits for a replica before it goes to the primary; may
    /// be zero.
    pub wait_max: Duration,
    /// What happens to a read that no replica could answer as it asked.
    pub at_timeout: Steps,
    /// How old what a read sees may be under [`Level::Bounded`].
    pub max_staleness: Duration,
    /// Which of the replicas that cover a read gets it.
    pub balance: Balance,
    /// How many keys (users, tenants, entities) are remembered at once.
    pub keys_max: usize,
    /// A replica measured to be further behind takes no reads, even under
    /// [`Level::Eventual`]. `None`: no limit.
    pub replica_lag_max: Option<Duration>,
    /// How often the primary is asked whether its schema has changed. `None`: never, and
    /// then a database's own functions are not known, and go to the primary.
    pub catalog_interval: Option<Duration>,
    /// Whether reads see what anyone has written to the tables they read.
    pub table_scope: bool,
    /// What a client is told of an acknowledged write that may be lost.
    pub on_orphan: OnOrphan,
    /// Functions that only read, whatever the catalog calls them.
    pub functions_read: Vec<String>,
    /// Functions that write, whatever the catalog calls them.
    pub functions_write: Vec<String>,
}

/// What a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Any replica, whatever it has replayed.
    Eventual,
    /// A state no older than a limit.
    Bounded,
    /// A state no older than the session's own last write.
    ReadYourWrites,
    /// That, and no older than what the session has read.
    Causal,
    /// A state no older than the last commit of anyone.
    Strong,
}

/// What a client is told of an acknowledged write that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOrphan {
    /// Nothing; it is counted and logged.
    Ignore,
    /// A warning with its next statement.
    Notice,
    /// Its next statement fails, once.
    Error,
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

/// Who may use the console, the database `afterwrite` or `pgbouncer`.
///
/// Both empty: nobody. Each is known as a user where the configuration names
/// all users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Every command.
    pub users: Vec<String>,
    /// What only shows.
    pub stats_users: Vec<String>,
}

/// How the proxy stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownConfig {
    /// How long statements and transactions under way may take once it is told
    /// to stop; may be zero.
    pub drain_timeout: Duration,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file")]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// A filter of levels by target: `info`, or `warn,afterwrite=debug`.
    pub level: String,
    /// Whether each routing decision is logged with its reason.
    pub decisions: bool,
    /// Whether each client that logs in is logged.
    pub connections: bool,
    /// Whether each client that leaves is logged, and why.
    pub disconnections: bool,
    /// Whether each error that the proxy itself sends to a client is logged.
    pub pooler_errors: bool,
    /// How often the totals are logged, and over what the console's averages are
    /// taken. `None`: not logged; averages are then over one minute.
    pub stats_interval: Option<Duration>,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
