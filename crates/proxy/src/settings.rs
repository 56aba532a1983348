//! What the proxy is told to do.

use std::net::SocketAddr;
use std::time::Duration;

use afterwrite_backend as backend;
use afterwrite_core::Policy;
use afterwrite_frontend::Auth;
use afterwrite_net::Endpoint;
use afterwrite_session::Limits;
use afterwrite_types::Level;
use afterwrite_wire::password::Secret;

/// What the proxy is told to do. Plain values, checked by whoever made them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients connect.
    pub listen: Vec<Endpoint>,
    /// Who may connect to a Unix socket: the permissions of its file.
    pub unix_mode: u32,
    /// Where `/metrics` is served, if it is.
    pub metrics_listen: Option<SocketAddr>,
    /// The servers, by host (or a folder, for a Unix socket) and port.
    pub nodes: Vec<(String, u16)>,
    /// Who logs in to the servers, and who may log in here.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// How clients prove who they are.
    pub auth: Auth,
    /// Clients at once.
    pub connections_max: usize,
    /// How long a login may take.
    pub login_timeout: Duration,
    /// After how long a client that takes nothing is closed.
    pub write_timeout: Duration,
    /// What one client may use.
    pub limits: Limits,
    /// What reads ask for unless they say otherwise.
    pub level: Level,
    /// How long a read waits for a replica.
    pub wait_max: Duration,
    /// How replicas are chosen.
    pub policy: Policy,
    /// Keys whose floors are remembered.
    pub keys_max: usize,
    /// How the servers are watched and pooled.
    pub backend: backend::Settings,
    /// Whether each decision is logged.
    pub log_decisions: bool,
}
