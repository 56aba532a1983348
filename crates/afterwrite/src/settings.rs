//! From the configuration's words to each part's own settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use afterwrite_backend::{Order, PoolSettings, WatchSettings};
use afterwrite_config::{
    Balance, ClientAuth, Config, Level, ListenAddress, Overlay, Problems, Threads, load,
};
use afterwrite_core::Policy;
use afterwrite_frontend::Auth;
use afterwrite_net::{Endpoint, UnixName};
use afterwrite_proxy::{
    AdminSettings, ClientSettings, ClusterSettings, DatabaseSettings, PoolMode, Settings,
};
use afterwrite_session::Limits;
use afterwrite_wire::password::Secret;

use crate::cli::{ConfigArguments, ServeArguments};
use crate::exit::Exit;

/// Statements that may wait for a server connection, per node and role.
const QUEUE_MAX: usize = 100_000;

/// Threads that "auto" takes at most: it takes one for every two cores, since
/// moving a client between threads costs more than a thread less.
const AUTO_THREADS_MAX: usize = 16;

/// Loads the configuration that the arguments name.
pub(crate) fn configuration(
    arguments: &ConfigArguments,
    mut overlay: Overlay,
) -> Result<Config, Exit> {
    overlay.url.clone_from(&arguments.url);
    for pair in &arguments.set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Exit::Config(format!("afterwrite: --set {pair}: expected KEY=VALUE")));
        };
        overlay.set.push((key.to_owned(), value.to_owned()));
    }
    let text = match &arguments.config {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Exit::Config(format!("afterwrite: cannot read {}: {error}", path.display()))
            })?;
            Some((path.display().to_string(), text))
        }
    };
    let file = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let read = |path: &Path| fs::read_to_string(path);
    load(file, environment(), &overlay, &read).map_err(|problems| Exit::Config(tell(&problems)))
}

/// The variables that are ours and are not read elsewhere.
fn environment() -> impl Iterator<Item = (String, String)> {
    const ELSEWHERE: [&str; 2] = ["AFTERWRITE_CONFIG", "AFTERWRITE_CLUSTER_PASSWORD"];
    std::env::vars().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()))
}

fn tell(problems: &Problems) -> String {
    format!("{problems}")
}

/// What the flags of `serve` say.
pub(crate) fn overlay(arguments: &ServeArguments) -> Overlay {
    Overlay {
        listen: arguments.listen.clone(),
        metrics_listen: arguments.metrics_listen.clone(),
        log_level: arguments.log_level.clone(),
        log_format: arguments.log_format.clone(),
        log_decisions: arguments.log_decisions,
        ..Overlay::default()
    }
}

/// The proxy's settings.
pub(crate) fn proxy(config: &Config) -> Settings {
    let clients = &config.clients;
    let routing = &config.routing;
    let password = config.cluster.password.as_ref().map(|it| Secret::new(it.expose()));
    let cluster = ClusterSettings {
        nodes: config.cluster.nodes.iter().map(|node| (node.host.clone(), node.port)).collect(),
        user: config.cluster.user.clone(),
        password: password.clone(),
        database: config.cluster.database.clone(),
        watch: watch(config),
    };
    Settings {
        listen: config.listen.iter().map(endpoint).collect(),
        unix_mode: config.unix_socket_mode,
        metrics_listen: config.metrics_listen,
        clients: ClientSettings {
            auth: match clients.auth {
                ClientAuth::Trust => Auth::Trust,
                ClientAuth::Password => Auth::Password,
                // The strictest, until each has its own.
                ClientAuth::Md5 | ClientAuth::ScramSha256 | ClientAuth::Cert | ClientAuth::Hba => {
                    Auth::Scram
                }
            },
            user: config.cluster.user.clone(),
            password,
            connections_max: clients.connections_max,
            per_user_max: 0,
            per_database_max: 0,
            login_timeout: clients.login_timeout,
            write_timeout: clients.write_timeout,
            idle_timeout: Duration::ZERO,
            idle_transaction_timeout: Duration::ZERO,
            transaction_timeout: Duration::ZERO,
            query_timeout: Duration::ZERO,
            limits: Limits {
                message_max: clients.message_max,
                held_max: clients.statement_buffer_max,
                prepared_max: clients.prepared_max,
            },
            ignore_startup_parameters: Vec::new(),
        },
        clusters: BTreeMap::from([("default".to_owned(), cluster)]),
        databases: BTreeMap::from([(config.cluster.database.clone(), database(config))]),
        users: BTreeMap::new(),
        policy: Policy {
            balance: match routing.balance {
                Balance::LeastInFlight => afterwrite_core::Balance::LeastInFlight,
                Balance::RoundRobin => afterwrite_core::Balance::RoundRobin,
            },
            lag_max: routing.replica_lag_max,
        },
        keys_max: routing.keys_max,
        admin: AdminSettings::default(),
        log_decisions: config.log.decisions,
        log_connections: false,
        log_disconnections: false,
        drain_timeout: Duration::from_secs(10),
    }
}

fn endpoint(address: &ListenAddress) -> Endpoint {
    match address {
        ListenAddress::Tcp(address) => Endpoint::Tcp(*address),
        ListenAddress::Unix(path) => Endpoint::Unix(UnixName::new(path)),
    }
}

/// What holds for a database of which nothing else is said.
fn database(config: &Config) -> DatabaseSettings {
    let pool = &config.pool;
    DatabaseSettings {
        cluster: "default".to_owned(),
        server_name: None,
        user: None,
        password: None,
        mode: PoolMode::Transaction,
        pool: PoolSettings {
            size: pool.size,
            min_size: 0,
            reserve_size: 0,
            reserve_timeout: Duration::from_secs(5),
            fallback_size: (pool.size * 3 / 4).max(1),
            queue_max: QUEUE_MAX,
            wait_timeout: pool.wait_timeout,
            connect_timeout: pool.connect_timeout,
            login_retry: Duration::from_secs(1),
            idle_timeout: pool.idle_timeout,
            lifetime_max: pool.lifetime_max,
            check_after: Duration::from_secs(30),
            check_query: ";".to_owned(),
            connect_query: String::new(),
            order: Order::Lifo,
            prepared_max: pool.prepared_max,
        },
        connections_max: 0,
        clients_max: 0,
        level: match config.routing.level {
            Level::Eventual => afterwrite_types::Level::Eventual,
            Level::ReadYourWrites => afterwrite_types::Level::ReadYourWrites,
            Level::Strong => afterwrite_types::Level::Strong,
        },
        wait_max: config.routing.wait_max,
        reset_query: "DISCARD ALL".to_owned(),
        disabled: false,
    }
}

/// How the servers are watched.
fn watch(config: &Config) -> WatchSettings {
    let (pool, probe) = (&config.pool, &config.probe);
    WatchSettings {
        connect_timeout: pool.connect_timeout,
        idle_interval: probe.idle_interval,
        busy_interval: probe.busy_interval,
        waiting_interval: probe.waiting_interval,
        probe_timeout: probe.timeout,
    }
}

/// A runtime with as many threads as configured.
pub(crate) fn runtime(threads: Threads) -> std::io::Result<tokio::runtime::Runtime> {
    let count = match threads {
        Threads::Auto => {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            (cores / 2).clamp(1, AUTO_THREADS_MAX)
        }
        Threads::Exactly(count) => usize::from(count.get()),
    };
    if count == 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_all().build()
    }
}
