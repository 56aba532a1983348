//! What the proxy knows of itself, as plain data for the tables.

use std::time::{Duration, SystemTime};

use afterwrite_types::{Position, Role};

use crate::stats::Stats;

/// What a `SHOW` is answered from.
///
/// Each [`Show`](crate::Show) reads only the fields that its documentation names, so
/// a driver fills those and leaves the rest empty.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Afterwrite's version, as `0.1.0`.
    pub version: String,
    /// Whether the proxy works.
    pub state: ProxyState,
    /// The databases that are served, the console among them.
    pub databases: Vec<Database>,
    /// One for each database and user.
    pub pools: Vec<Pool>,
    /// Clients that are connected.
    pub clients: Vec<Socket>,
    /// Server connections.
    pub servers: Vec<Socket>,
    /// Users that are known.
    pub users: Vec<User>,
    /// What each database did.
    pub stats: Vec<Stats>,
    /// The configuration.
    pub settings: Vec<Setting>,
    /// How many there are of what.
    pub lists: Lists,
    /// Memory by use.
    pub memory: Vec<Memory>,
    /// Host names that were resolved.
    pub hosts: Vec<Host>,
    /// PostgreSQL servers, primaries and replicas.
    pub nodes: Vec<Node>,
    /// Reads, by where they ran and why.
    pub routes: Vec<Route>,
    /// Clients that are tied to a server connection by their session state.
    pub pins: Vec<Pin>,
    /// Keys that clients share, by cluster and source.
    pub keys: Vec<KeyCount>,
}

/// Whether the proxy works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyState {
    /// It does.
    #[default]
    Active,
    /// All databases are paused.
    Paused,
}

/// A database that is served.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Its name to clients.
    pub name: String,
    /// The primary's host; `None` for the console, and while none is known.
    pub host: Option<String>,
    /// The primary's port.
    pub port: u16,
    /// Its name to the servers.
    pub database: String,
    /// The user that all its server connections log in as, if there is one.
    pub force_user: Option<String>,
    /// Server connections at most, for each user and node.
    pub pool_size: u32,
    /// Server connections that are kept.
    pub pool_size_min: u32,
    /// Server connections on top of `pool_size`, for clients that wait long.
    pub reserve_pool_size: u32,
    /// How long a server connection may be used, in seconds.
    pub server_lifetime_secs: u32,
    /// Its pool mode, if it has one of its own.
    pub pool_mode: Option<&'static str>,
    /// How its reads are spread over replicas; `None` if it has none.
    pub balancing: Option<String>,
    /// Server connections at most, of all users; 0 if there is no limit.
    pub connections_max: u32,
    /// Server connections now.
    pub connections: u32,
    /// Clients at most; 0 if there is no limit.
    pub clients_max: u32,
    /// Clients now.
    pub clients: u32,
    /// After `PAUSE`.
    pub paused: bool,
    /// After `DISABLE`.
    pub disabled: bool,
    /// Replicas that are configured or were found.
    pub replicas: u32,
    /// Of these, those that reads may go to now.
    pub replicas_eligible: u32,
}

/// What a user has in a database, over all its nodes.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// The database's name to clients.
    pub database: String,
    /// The user that its server connections log in as.
    pub user: String,
    /// Clients that have a server connection or want none.
    pub clients_active: u32,
    /// Clients that wait for a server connection.
    pub clients_waiting: u32,
    /// Cancel requests on their way.
    pub cancels_active: u32,
    /// Cancel requests that wait for a connection to go by.
    pub cancels_waiting: u32,
    /// Server connections at work.
    pub servers_active: u32,
    /// Server connections that carry a cancel request.
    pub servers_canceling: u32,
    /// Server connections that wait until a cancel request has passed.
    pub servers_being_canceled: u32,
    /// Server connections that are ready.
    pub servers_idle: u32,
    /// Server connections that were idle so long that they are checked first.
    pub servers_used: u32,
    /// Server connections that are being checked or reset.
    pub servers_tested: u32,
    /// Server connections that are logging in.
    pub servers_login: u32,
    /// How long the client that waits longest has waited.
    pub wait_max: Duration,
    /// The pool mode.
    pub pool_mode: &'static str,
    /// How reads are spread over replicas; `None` if there are none.
    pub balancing: Option<String>,
    /// Of all server connections, those to the primary.
    pub servers_primary: u32,
    /// Of all server connections, those to replicas.
    pub servers_replica: u32,
    /// Clients that are tied to a server connection.
    pub clients_pinned: u32,
    /// Clients whose read waits for a replica to catch up, without a connection.
    pub clients_awaiting_replay: u32,
}

/// A client connection or a server connection.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Which of the two, and what it is doing.
    pub state: SocketState,
    /// Who logged in.
    pub user: String,
    /// The database's name to clients.
    pub database: String,
    /// The peer's address; `unix` for a Unix socket.
    pub address: String,
    /// The peer's port.
    pub port: u16,
    /// Our address; `unix` for a Unix socket.
    pub local_address: String,
    /// Our port.
    pub local_port: u16,
    /// When it connected.
    pub connected_at: SystemTime,
    /// When the last statement began.
    pub requested_at: SystemTime,
    /// How long it has waited for a server connection.
    pub wait: Duration,
    /// Whether it is to be closed once it is free.
    pub close_needed: bool,
    /// Unlike any other connection's, for as long as the process runs.
    pub pointer: u64,
    /// The [`Socket::pointer`] of the connection it is paired with.
    pub link: Option<u64>,
    /// The peer's process: of a server, its backend; of a client, where the socket tells.
    pub remote_pid: u32,
    /// The TLS version and cipher; empty without TLS.
    pub tls: String,
    /// What the client calls itself.
    pub application_name: String,
    /// Prepared statements that are held.
    pub prepared_statements: u32,
    /// What `KILL_CLIENT` takes. Shown as an `integer`, so at most 2³¹ − 1.
    pub id: u32,
    /// Bytes received and not yet passed on.
    pub unread_bytes: u32,
    /// Bytes to be sent.
    pub unsent_bytes: u32,
    /// The node at the other end: of a server connection, or of a client's now.
    pub node: Option<String>,
    /// What ties client and server together, if something does.
    pub pinned: Option<String>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            state: SocketState::Client(ClientState::Idle),
            user: String::new(),
            database: String::new(),
            address: String::new(),
            port: 0,
            local_address: String::new(),
            local_port: 0,
            connected_at: SystemTime::UNIX_EPOCH,
            requested_at: SystemTime::UNIX_EPOCH,
            wait: Duration::ZERO,
            close_needed: false,
            pointer: 0,
            link: None,
            remote_pid: 0,
            tls: String::new(),
            application_name: String::new(),
            prepared_statements: 0,
            id: 0,
            unread_bytes: 0,
            unsent_bytes: 0,
            node: None,
            pinned: None,
        }
    }
}

/// Whose connection it is, and what that is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// A client's.
    Client(ClientState),
    /// To a server.
    Server(ServerState),
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// It is connected and wants nothing.
    Idle,
    /// It has a server connection.
    Active,
    /// It waits for one.
    Waiting,
    /// Its cancel request is on its way.
    ActiveCancel,
    /// Its cancel request waits for a connection.
    WaitingCancel,
    /// It is logging in; seen in `SHOW SOCKETS` only.
    Login,
}

/// What a server connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It is ready.
    Idle,
    /// It works for a client.
    Active,
    /// It was idle so long that it is checked first.
    Used,
    /// It is being checked or reset.
    Tested,
    /// It is logging in.
    New,
    /// It carries a cancel request.
    ActiveCancel,
    /// It waits until a cancel request has passed.
    BeingCanceled,
}

/// A user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The name.
    pub name: String,
    /// Its pool size, if it has one of its own.
    pub pool_size: Option<u32>,
    /// Its reserve, if it has one of its own.
    pub reserve_pool_size: Option<u32>,
    /// Its pool mode, if it has one of its own.
    pub pool_mode: Option<&'static str>,
    /// Server connections at most; 0 if there is no limit.
    pub connections_max: u32,
    /// Server connections now.
    pub connections: u32,
    /// Clients at most; 0 if there is no limit.
    pub clients_max: u32,
    /// Clients now.
    pub clients: u32,
}

/// A key of the configuration. Never one whose value is a secret.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The key. Exporters look for PgBouncer's `max_client_conn` and
    /// `max_user_connections`.
    pub key: String,
    /// The value in force.
    pub value: Option<String>,
    /// The value without a configuration.
    pub default: Option<String>,
    /// Whether `SET` and `RELOAD` change it; else a restart does.
    pub changeable: bool,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lists {
    /// Databases.
    pub databases: u32,
    /// Users.
    pub users: u32,
    /// Pools.
    pub pools: u32,
    /// Memory kept for clients to come.
    pub free_clients: u32,
    /// Clients.
    pub used_clients: u32,
    /// Of these, those that are logging in.
    pub login_clients: u32,
    /// Memory kept for server connections to come.
    pub free_servers: u32,
    /// Server connections.
    pub used_servers: u32,
    /// Host names that were resolved.
    pub dns_names: u32,
    /// Host names that are being resolved.
    pub dns_queries: u32,
    /// PostgreSQL servers.
    pub nodes: u32,
    /// Clients that are tied to a server connection.
    pub pins: u32,
    /// Keys that share floors between connections.
    pub keys: u32,
    /// Clusters whose floors are shared with other proxies.
    pub shared: u32,
    /// Those of them whose store is believed now.
    pub shared_trusted: u32,
}

/// Memory for one use.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What it is for.
    pub name: String,
    /// Bytes of one item.
    pub size: u32,
    /// Items in use.
    pub used: u32,
    /// Items kept for later.
    pub free: u32,
    /// Bytes of all.
    pub total: u32,
}

/// A host name that was resolved.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The name.
    pub name: String,
    /// Seconds until it is resolved anew.
    pub ttl_secs: u64,
    /// Its addresses, with commas between.
    pub addresses: String,
}

/// A PostgreSQL server.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The database it serves, by its name to clients.
    pub database: String,
    /// Its name in the configuration.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it last said it was; `None` before it has answered.
    pub role: Option<Role>,
    /// How it is, in one word: `up`, `down`, `diverged`, ….
    pub state: String,
    /// How far it has come: written if a primary, replayed if a replica.
    pub position: Option<Position>,
    /// Bytes of log that it is behind the primary; `None` where that has no meaning.
    pub lag_bytes: Option<u64>,
    /// For how long it has been behind.
    pub lag: Option<Duration>,
    /// Whether reads may go to it now.
    pub eligible: bool,
    /// Connections at work.
    pub servers_active: u32,
    /// Connections that are ready.
    pub servers_idle: u32,
    /// Clients that wait for a connection to it.
    pub clients_waiting: u32,
}

/// Reads that ran in one place for one reason.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The database.
    pub database: String,
    /// The node.
    pub node: String,
    /// What the node was then.
    pub role: Option<Role>,
    /// The reason, as in the metrics.
    pub reason: &'static str,
    /// How many, since the start.
    pub reads: u64,
}

/// A client that is tied to a server connection.
#[derive(Clone, Debug)]
pub struct Pin {
    /// The `id` of `SHOW CLIENTS`.
    pub client: u32,
    /// Its user.
    pub user: String,
    /// Its database.
    pub database: String,
    /// What it calls itself.
    pub application_name: String,
    /// The node at the other end.
    pub node: String,
    /// The server's backend process.
    pub server_pid: u32,
    /// What ties it, as in the logs.
    pub cause: String,
    /// Since when.
    pub since: SystemTime,
    /// For how long.
    pub age: Duration,
}

/// The keys of a cluster that were last written by the same kind of write.
#[derive(Clone, Debug, Default)]
pub struct KeyCount {
    /// The cluster.
    pub cluster: String,
    /// What they were last written by.
    pub source: &'static str,
    /// How many are remembered.
    pub keys: u64,
    /// Since the oldest was last written to; `None` if there are none.
    pub oldest: Option<Duration>,
    /// Since they were last written to, on average.
    pub average: Option<Duration>,
    /// Since they are remembered, on average.
    pub known: Option<Duration>,
    /// How many were dropped to make room, since the start.
    pub evicted: u64,
}
