//! From the configuration's words to the proxy's settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{
    GaugeChoice, GaugeSettings, HeartbeatTable, Order, PoolSettings, WatchSettings,
};
use afterwrite_config::{
    Balance, ClientAuth, ClusterConfig, Config, DatabaseConfig, Inventory, Level, ListenAddress,
    OnOrphan, PoolOrder, Positions, SharedConfig, UserConfig,
};
use afterwrite_core::{Policy, WindowSettings};
use afterwrite_footprint::Rules;
use afterwrite_frontend::{Auth, FileProblem, Hba, IdentMaps, Users};
use afterwrite_net::{Endpoint, UnixName};
use afterwrite_proxy::{
    AdminSettings, AuthQuerySettings, AuthSettings, ClientSettings, ClusterSettings,
    DatabaseSettings, Entry, PARK_AFTER, PoolMode, SchemaSettings, Settings, UserSettings,
};
use afterwrite_session::{Keyring, Limits, TokenPolicy};
use afterwrite_store::StoreSettings;
use afterwrite_types::Terms;
use afterwrite_wire::password::Secret;
use afterwrite_wire::secret::StoredSecret;

use super::tls;

/// Over what averages are taken unless said otherwise, as in PgBouncer.
const STATS_PERIOD: Duration = Duration::from_mins(1);

/// The proxy's settings; what is wrong with the files that they name otherwise.
pub(crate) fn proxy(config: &Config) -> Result<Settings, String> {
    let routing = &config.routing;
    let clients = clients(config)?;
    let known = &clients.auth.users;
    Ok(Settings {
        listen: config.listen.iter().map(endpoint).collect(),
        unix_mode: config.unix_socket_mode,
        metrics_listen: config.metrics_listen,
        clusters: config
            .clusters()
            .map(|(name, it)| Ok((name.to_owned(), self::cluster(config, known, name, it)?)))
            .collect::<Result<_, String>>()?,
        databases: config
            .databases
            .iter()
            .map(|(name, database)| (name.clone(), self::database(config, known, name, database)))
            .collect(),
        users: self::users(config),
        other_users: UserSettings {
            connections_max: config.user_connections_max("").unwrap_or(0),
            clients_max: config.user_clients_max("").unwrap_or(0),
            ..UserSettings::default()
        },
        policy: Policy {
            balance: match routing.balance {
                Balance::LeastInFlight => afterwrite_core::Balance::LeastInFlight,
                Balance::RoundRobin => afterwrite_core::Balance::RoundRobin,
            },
            lag_max: routing.replica_lag_max,
        },
        keys_max: routing.keys_max,
        tokens: TokenPolicy {
            keyring: keyring(config).map(Arc::new),
            report: config.tokens.report,
        },
        on_orphan: match routing.on_orphan {
            OnOrphan::Ignore => afterwrite_types::OnOrphan::Ignore,
            OnOrphan::Notice => afterwrite_types::OnOrphan::Notice,
            OnOrphan::Error => afterwrite_types::OnOrphan::Error,
        },
        shared: config.shared.as_ref().map(shared).transpose()?,
        admin: AdminSettings {
            users: config.admin.users.clone(),
            stats_users: config.admin.stats_users.clone(),
        },
        log_decisions: config.log.decisions,
        log_connections: config.log.connections,
        log_disconnections: config.log.disconnections,
        entries: entries(config),
        stats_period: config.log.stats_interval.unwrap_or(STATS_PERIOD),
        park_after: park_after(),
        drain_timeout: config.shutdown.drain_timeout,
        clients,
    })
}

/// What tokens are signed and checked with.
pub(crate) fn keyring(config: &Config) -> Option<Keyring> {
    let keys = config.tokens.keys.iter();
    Keyring::new(keys.map(|key| (key.number, key.secret.expose().as_bytes())))
}

/// Where floors are shared with other proxies.
fn shared(shared: &SharedConfig) -> Result<StoreSettings, String> {
    let password = shared.password.as_ref().map(afterwrite_config::Secret::expose);
    StoreSettings::new(&shared.url, password, &shared.name, shared.timeout)
        .map_err(|error| format!("shared.url: {error}"))
}

/// Not a key of the configuration: tests would rather not wait so long.
fn park_after() -> Duration {
    let millis = std::env::var("AFTERWRITE_TEST_PARK_MS").ok().and_then(|it| it.parse().ok());
    millis.map_or(PARK_AFTER, Duration::from_millis)
}

/// What `SHOW CONFIG` shows: every key, and by PgBouncer's names those that its
/// exporters look for.
fn entries(config: &Config) -> Vec<Entry> {
    let alias = |name: &str, value: usize, default: &str| Entry {
        key: name.to_owned(),
        value: value.to_string(),
        default: default.to_owned(),
        changeable: true,
    };
    let own = config.entries().into_iter().map(|entry| Entry {
        key: entry.key,
        value: entry.value,
        default: entry.default,
        changeable: entry.changeable,
    });
    own.chain([
        alias("max_client_conn", config.clients.connections_max, "10000"),
        alias("max_user_connections", config.user_connections_max("").unwrap_or(0), "0"),
    ])
    .collect()
}

fn endpoint(address: &ListenAddress) -> Endpoint {
    match address {
        ListenAddress::Tcp(address) => Endpoint::Tcp(*address),
        ListenAddress::Unix(path) => Endpoint::Unix(UnixName::new(path)),
    }
}

fn clients(config: &Config) -> Result<ClientSettings, String> {
    let clients = &config.clients;
    let or_never = |limit: Option<Duration>| limit.unwrap_or(Duration::ZERO);
    Ok(ClientSettings {
        tls: tls::acceptor(&clients.tls)?,
        auth: auth(config)?,
        connections_max: clients.connections_max,
        login_timeout: clients.login_timeout,
        write_timeout: clients.write_timeout,
        idle_timeout: or_never(clients.idle_timeout),
        idle_transaction_timeout: or_never(clients.idle_transaction_timeout),
        transaction_timeout: or_never(clients.transaction_timeout),
        query_timeout: or_never(clients.query_timeout),
        limits: Limits {
            message_max: clients.message_max,
            held_max: clients.statement_buffer_max,
            prepared_max: clients.prepared_max,
        },
        application_name_add_host: clients.application_name_add_host,
        ignore_startup_parameters: clients.ignore_startup_parameters.clone(),
    })
}

/// How clients prove who they are, with what the named files say.
fn auth(config: &Config) -> Result<AuthSettings, String> {
    let clients = &config.clients;
    let mut users = Users::default();
    let told = |path: &std::path::Path, problems: Vec<FileProblem>| {
        let tell = |problem: FileProblem| format!("{}: {problem}", path.display());
        problems.into_iter().map(tell).collect::<Vec<_>>().join("\n")
    };
    if let Some(path) = &clients.users_file {
        users.read(path).map_err(|problems| told(path, problems))?;
    }
    let own = config.cluster.password.as_ref().map_or(StoredSecret::Nothing, |password| {
        StoredSecret::Plain(Secret::new(password.expose()).into())
    });
    if !users.knows(&config.cluster.user) {
        users.add(config.cluster.user.clone(), own);
    }
    for (name, user) in &config.users {
        match &user.password {
            Some(secret) => users.add(name.clone(), StoredSecret::parse(secret.expose())),
            None if users.knows(name) => {}
            None => users.add(name.clone(), StoredSecret::Nothing),
        }
    }
    let hba = match &clients.hba_file {
        None => Hba::default(),
        Some(path) => {
            let maps = match &clients.ident_file {
                None => IdentMaps::default(),
                Some(path) => IdentMaps::read(path).map_err(|problems| told(path, problems))?,
            };
            Hba::read(path, maps).map_err(|problems| told(path, problems))?
        }
    };
    Ok(AuthSettings {
        method: match clients.auth {
            ClientAuth::Trust => Auth::Trust,
            ClientAuth::Password => Auth::Password,
            ClientAuth::Md5 => Auth::Md5,
            ClientAuth::ScramSha256 => Auth::Scram,
            ClientAuth::Cert => Auth::Cert,
            ClientAuth::Hba => Auth::Hba,
        },
        users,
        hba,
        query: clients.auth_query.as_ref().map(|query| AuthQuerySettings {
            sql: query.query.clone(),
            user: query.user.clone(),
            database: query.database.clone(),
        }),
    })
}

/// What a cluster's user logs in with: what the cluster says, or what is known of
/// that user.
fn cluster_password(cluster: &ClusterConfig, known: &Users) -> Option<Secret> {
    let own = cluster.password.as_ref().map(|password| Secret::new(password.expose()));
    own.or_else(|| known.password(&cluster.user).map(|it| it.secret().clone()))
}

fn cluster(
    config: &Config,
    known: &Users,
    name: &str,
    cluster: &ClusterConfig,
) -> Result<ClusterSettings, String> {
    let (pool, probe) = (&config.pool, &config.probe);
    Ok(ClusterSettings {
        tls: tls::connector(name, &cluster.tls)?,
        nodes: cluster.nodes.iter().map(|node| (node.host.clone(), node.port)).collect(),
        user: cluster.user.clone(),
        password: cluster_password(cluster, known),
        database: cluster.database.clone(),
        watch: WatchSettings {
            connect_timeout: pool.connect_timeout,
            idle_interval: probe.idle_interval,
            busy_interval: probe.busy_interval,
            waiting_interval: probe.waiting_interval,
            probe_timeout: probe.timeout,
        },
        gauge: gauge(cluster),
    })
}

/// What tells how far the servers have come.
fn gauge(cluster: &ClusterConfig) -> GaugeSettings {
    GaugeSettings {
        choice: match cluster.positions {
            Positions::Auto => GaugeChoice::Auto,
            Positions::Log => GaugeChoice::Log,
            Positions::Heartbeat => GaugeChoice::Heartbeat,
            Positions::Window => GaugeChoice::Window,
        },
        heartbeat: cluster.heartbeat_table.clone().map(HeartbeatTable::new),
        window: WindowSettings { fixed: cluster.window, follows_lag: cluster.window_follows_lag },
    }
}

/// How the schemas of databases are learned.
fn schema(config: &Config, on_servers: &str) -> SchemaSettings {
    let routing = &config.routing;
    let reads = routing.functions_read.iter().map(String::as_str);
    let writes = routing.functions_write.iter().map(String::as_str);
    SchemaSettings {
        interval: routing.catalog_interval.unwrap_or(Duration::ZERO),
        table_scope: routing.table_scope.then(|| on_servers.into()),
        // They were checked when the configuration was read.
        rules: Arc::new(Rules::new(reads, writes).unwrap_or_default()),
    }
}

/// What holds for one database, and for all its users unless they have their own.
fn database(
    config: &Config,
    users: &Users,
    name: &str,
    database: &DatabaseConfig,
) -> DatabaseSettings {
    // No user has an empty name: this asks what holds for nobody in particular.
    let of_pool = config.pool_settings(name, "");
    let cluster = config.cluster_named(&database.cluster);
    let single = config.is_single_user().then_some(cluster).flatten();
    let user = database.user.clone().or(single.map(|cluster| cluster.user.clone()));
    let own = database.password.as_ref().map(|it| Secret::new(it.expose()));
    let of_cluster = cluster.filter(|cluster| Some(&cluster.user) == user.as_ref());
    let password = own
        .or_else(|| of_cluster.and_then(|cluster| cluster_password(cluster, users)))
        .or_else(|| users.password(user.as_ref()?).map(|it| it.secret().clone()));
    let pool = &config.pool;
    DatabaseSettings {
        cluster: database.cluster.clone(),
        server_name: database.database.clone(),
        password: password.filter(|_| user.is_some()),
        user,
        mode: mode(of_pool.mode),
        pool: PoolSettings {
            size: of_pool.size,
            min_size: of_pool.min_size,
            reserve_size: of_pool.reserve_size,
            reserve_timeout: pool.reserve_timeout,
            fallback_size: of_pool.fallback_size,
            queue_max: pool.queue_max,
            wait_timeout: pool.wait_timeout,
            connect_timeout: pool.connect_timeout,
            login_retry: pool.login_retry,
            idle_timeout: pool.idle_timeout,
            lifetime_max: pool.lifetime_max,
            check_after: pool.check_after.unwrap_or(Duration::MAX),
            check_query: pool.check_query.clone().unwrap_or_else(|| ";".to_owned()),
            connect_query: of_pool.connect_query.unwrap_or_default().to_owned(),
            order: match pool.order {
                PoolOrder::Lifo => Order::Lifo,
                PoolOrder::Fifo => Order::Fifo,
            },
            prepared_max: pool.prepared_max,
        },
        connections_max: config.database_connections_max(name).unwrap_or(0),
        clients_max: config.database_clients_max(name).unwrap_or(0),
        terms: Terms {
            level: Some(level(of_pool.level)),
            within: Some(of_pool.wait_max),
            then: Some(of_pool.at_timeout),
            max_staleness: Some(of_pool.max_staleness),
        },
        wary: of_pool.inventory == Inventory::Always,
        schema: schema(config, database.database.as_deref().unwrap_or(name)),
        reset_query: pool.reset_query.clone().unwrap_or_default(),
        disabled: database.disabled,
    }
}

/// What holds for single users.
fn users(config: &Config) -> BTreeMap<String, UserSettings> {
    config.users.iter().map(|(name, user)| (name.clone(), self::user(config, name, user))).collect()
}

/// Whoever's password is known may log in to servers with it, unless there is
/// another one for that.
fn user(config: &Config, name: &str, user: &UserConfig) -> UserSettings {
    let own = user.password.as_ref().map(|secret| StoredSecret::parse(secret.expose()));
    let plain = matches!(own, Some(StoredSecret::Plain(_)));
    let password = user.server_password.as_ref().or(user.password.as_ref().filter(|_| plain));
    UserSettings {
        server_password: password.map(|secret| Secret::new(secret.expose())),
        mode: user.pool_mode.map(mode),
        pool_size: user.pool_size,
        connections_max: config.user_connections_max(name).unwrap_or(0),
        clients_max: config.user_clients_max(name).unwrap_or(0),
        level: user.level.map(level),
    }
}

fn mode(mode: afterwrite_config::PoolMode) -> PoolMode {
    match mode {
        afterwrite_config::PoolMode::Transaction => PoolMode::Transaction,
        afterwrite_config::PoolMode::Session => PoolMode::Session,
        afterwrite_config::PoolMode::Statement => PoolMode::Statement,
    }
}

fn level(level: Level) -> afterwrite_types::Level {
    match level {
        Level::Eventual => afterwrite_types::Level::Eventual,
        Level::Bounded => afterwrite_types::Level::Bounded,
        Level::ReadYourWrites => afterwrite_types::Level::ReadYourWrites,
        Level::Causal => afterwrite_types::Level::Causal,
        Level::Strong => afterwrite_types::Level::Strong,
    }
}
