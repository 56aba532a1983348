//! What the proxy is told to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{GaugeSettings, PoolSettings, WatchSettings};
use afterwrite_core::Policy;
use afterwrite_frontend::{Auth, Hba, Users};
use afterwrite_net::Endpoint;
use afterwrite_net::tls::{Acceptor, Connector};
use afterwrite_session::{Limits, TokenPolicy};
use afterwrite_store::StoreSettings;
use afterwrite_types::{Level, OnOrphan, Terms};
use afterwrite_wire::password::Secret;

use crate::schema::SchemaSettings;

/// The name of a database's settings that hold for all that are not named.
pub const ANY: &str = "*";

/// What [`Settings::park_after`] should be: whoever is silent for so long is a person, or
/// a connection that a pool keeps in reserve.
pub const PARK_AFTER: Duration = Duration::from_secs(2);

/// What the proxy is told to do. Plain values, checked by whoever made them.
///
/// All but the addresses and the store may be replaced while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients connect.
    pub listen: Vec<Endpoint>,
    /// Who may connect to a Unix socket: the permissions of its file.
    pub unix_mode: u32,
    /// Where `/metrics` is served, if it is.
    pub metrics_listen: Option<SocketAddr>,
    /// What clients may do.
    pub clients: ClientSettings,
    /// Groups of servers, each a primary and its replicas, by name.
    pub clusters: BTreeMap<String, ClusterSettings>,
    /// What clients may connect to; [`ANY`] stands for all that are not named.
    pub databases: BTreeMap<String, DatabaseSettings>,
    /// What holds for single users.
    pub users: BTreeMap<String, UserSettings>,
    /// What holds for all others.
    pub other_users: UserSettings,
    /// How replicas are chosen.
    pub policy: Policy,
    /// What clients are told of writes that may be lost, unless they say otherwise.
    pub on_orphan: OnOrphan,
    /// Keys whose floors are remembered, per cluster.
    pub keys_max: usize,
    /// How tokens are signed, and who is told them.
    pub tokens: TokenPolicy,
    /// Where floors are shared with other proxies, if they are. Never replaced.
    pub shared: Option<StoreSettings>,
    /// Who may use the console, and who may only look.
    pub admin: AdminSettings,
    /// Whether each decision is logged.
    pub log_decisions: bool,
    /// Whether each client that comes is logged.
    pub log_connections: bool,
    /// Whether each client that leaves is logged.
    pub log_disconnections: bool,
    /// Every key with its value, to be shown: secrets are left out.
    pub entries: Vec<Entry>,
    /// Over what the console's averages are taken.
    pub stats_period: Duration,
    /// After how long a silent client gives up its task and most of its memory: at least
    /// so long, and at most twice that.
    pub park_after: Duration,
    /// How long exchanges under way may take once the proxy is told to stop.
    pub drain_timeout: Duration,
}

impl Settings {
    /// What holds for a user.
    pub(crate) fn of_user(&self, name: &str) -> &UserSettings {
        self.users.get(name).unwrap_or(&self.other_users)
    }
}

/// One key of the configuration, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Its value; empty for none.
    pub value: String,
    /// Its value if nothing is said; empty for none.
    pub default: String,
    /// Whether it may change while the proxy runs.
    pub changeable: bool,
}

/// What clients may do.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Whether they use TLS, with what was read from the files that are named.
    pub tls: Arc<Acceptor>,
    /// How clients prove who they are.
    pub auth: AuthSettings,
    /// Clients at once.
    pub connections_max: usize,
    /// How long a login may take.
    pub login_timeout: Duration,
    /// After how long a client that takes nothing is closed.
    pub write_timeout: Duration,
    /// After how long a client that sends nothing is closed; zero for never.
    pub idle_timeout: Duration,
    /// The same while it has a transaction open.
    pub idle_transaction_timeout: Duration,
    /// How long a transaction may be open; zero for any time.
    pub transaction_timeout: Duration,
    /// How long one exchange may take; zero for any time.
    pub query_timeout: Duration,
    /// What one client may use.
    pub limits: Limits,
    /// Whether servers see the client's address behind its `application_name`.
    pub application_name_add_host: bool,
    /// Startup parameters that are not passed on to servers.
    pub ignore_startup_parameters: Vec<String>,
}

/// How clients prove who they are.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// By what.
    pub method: Auth,
    /// The users that are known.
    pub users: Users,
    /// The rules for [`Auth::Hba`].
    pub hba: Hba,
    /// How a server is asked for users that are not known.
    pub query: Option<AuthQuerySettings>,
}

/// How a server is asked for a user's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthQuerySettings {
    /// Takes the user's name as `$1`; gives no row, or a name and a secret.
    pub sql: String,
    /// Who asks.
    pub user: String,
    /// Where; `None`: in the database that the client wants.
    pub database: Option<String>,
}

/// A primary and its replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSettings {
    /// The servers, by host and port.
    pub nodes: Vec<(String, u16)>,
    /// Whether they are spoken to over TLS.
    pub tls: Arc<Connector>,
    /// Who asks the nodes how they are.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database that is connected to for it.
    pub database: String,
    /// How they are watched.
    pub watch: WatchSettings,
    /// What tells how far they have come.
    pub gauge: GaugeSettings,
}

/// One database as clients name it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseSettings {
    /// Where it is.
    pub cluster: String,
    /// Its name on the servers, if it is another one.
    pub server_name: Option<String>,
    /// Who logs in to the servers, whoever the client is.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<Secret>,
    /// When a server connection serves another client.
    pub mode: PoolMode,
    /// Its pools.
    pub pool: PoolSettings,
    /// Server connections per node, of all its users; 0 for any number.
    pub connections_max: usize,
    /// Clients at once; 0 for any number.
    pub clients_max: usize,
    /// What reads ask for unless they say otherwise; nothing is left open.
    pub terms: Terms,
    /// How its schema is learned.
    pub schema: SchemaSettings,
    /// Whether the server is asked behind every exchange what it left on the connection.
    pub wary: bool,
    /// What cleans a server connection that a session had to itself.
    pub reset_query: String,
    /// No client is let in.
    pub disabled: bool,
}

/// What holds for one user, in the place of what its database says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserSettings {
    /// The password it logs in to servers with.
    pub server_password: Option<Secret>,
    /// When a server connection serves another client.
    pub mode: Option<PoolMode>,
    /// Connections per node and role.
    pub pool_size: Option<usize>,
    /// Server connections per node, to all databases; 0 for any number.
    pub connections_max: usize,
    /// Clients at once; 0 for any number.
    pub clients_max: usize,
    /// What its reads ask for unless they say otherwise.
    pub level: Option<Level>,
}

/// Who may use the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminSettings {
    /// Who may do anything there.
    pub users: Vec<String>,
    /// Who may only look.
    pub stats_users: Vec<String>,
}

/// When a server connection serves another client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client leaves.
    Session,
    /// After each transaction.
    #[default]
    Transaction,
    /// After each statement; there are no transactions.
    Statement,
}

impl PoolMode {
    /// The mode of a client's session.
    pub(crate) const fn of_sessions(self) -> afterwrite_session::Mode {
        match self {
            Self::Session => afterwrite_session::Mode::Session,
            Self::Transaction => afterwrite_session::Mode::Transaction,
            Self::Statement => afterwrite_session::Mode::Statement,
        }
    }

    /// The field's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}
