//! A configuration as keys and values, to be shown and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::config::{
    ClusterConfig, DatabaseConfig, Limit, RootCa, Threads, TokenKey, TokensConfig, UserConfig,
};
use crate::unit::{show_duration, show_size};
use crate::{Config, DEFAULT_CLUSTER, Secret, keys};

/// One key with its value, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The dotted path, as in the file.
    pub key: String,
    /// As one would write it, without quotes; `****` for a secret; empty where
    /// there is none.
    pub value: String,
    /// The value if nothing is written; empty where there is none, or where it is
    /// that of a more general key.
    pub default: String,
    /// Whether a running proxy takes a new value.
    pub changeable: bool,
}

/// What two configurations differ in, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// The new value holds from now on.
    pub applied: Vec<String>,
    /// The old value holds until the process starts anew.
    pub needs_restart: Vec<String>,
}

impl Changes {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.needs_restart.is_empty()
    }
}

/// What is different in `new`, in the order of the documentation.
pub fn changes(old: &Config, new: &Config) -> Changes {
    let (old, new) = (Values::of(old), Values::of(new));
    let old_by_key: BTreeMap<_, _> = old.0.iter().map(|value| (&value.key, value)).collect();
    let new_keys: BTreeSet<_> = new.0.iter().map(|value| &value.key).collect();
    let mut changes = Changes::default();
    let differing = new.0.iter().filter(|value| {
        let before = old_by_key.get(&value.key);
        // A key of an entry that is new: only what is written in it.
        before.map_or(!value.text.is_empty(), |before| {
            (&before.text, &before.secret) != (&value.text, &value.secret)
        })
    });
    let gone =
        old.0.iter().filter(|value| !new_keys.contains(&value.key) && !value.text.is_empty());
    for value in differing.chain(gone) {
        if value.is_changeable {
            changes.applied.push(value.key.clone());
        } else {
            changes.needs_restart.push(value.key.clone());
        }
    }
    changes
}

impl Config {
    /// Every key with its value, in the order of the documentation.
    ///
    /// The keys of a cluster's URL are shown one by one, and those of
    /// `password_file` as `password`.
    pub fn entries(&self) -> Vec<Entry> {
        let defaults = defaults();
        Values::of(self)
            .0
            .into_iter()
            .map(|value| Entry {
                default: defaults.get(&value.key).cloned().unwrap_or_default(),
                key: value.key,
                value: value.text,
                changeable: value.is_changeable,
            })
            .collect()
    }
}

/// Those of keys that do not hang on the cluster.
fn defaults() -> BTreeMap<String, String> {
    let unread = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let file = "[cluster]\nnodes = [\"postgres://user@host\"]";
    let Ok(config) = crate::load(Some(("", file)), [], &crate::Overlay::default(), &unread) else {
        return BTreeMap::new();
    };
    let is_general = |key: &str| {
        !["cluster.nodes", "cluster.user", "cluster.database"].contains(&key)
            && key != "clients.auth"
    };
    let mut defaults: BTreeMap<_, _> = Values::of(&config)
        .0
        .into_iter()
        .filter(|value| is_general(&value.key))
        .map(|value| (value.key, value.text))
        .collect();
    defaults.insert("clients.auth".to_owned(), "scram-sha-256".to_owned());
    defaults
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Values::of(self)
            .0
            .iter()
            .filter(|value| !value.text.is_empty())
            .try_for_each(|value| writeln!(f, "{} = {}", value.key, value.text))
    }
}

/// One key. Without `Debug`: it holds the secret itself, to be compared.
struct Value {
    key: String,
    text: String,
    secret: Option<Secret>,
    is_changeable: bool,
}

struct Values(Vec<Value>);

/// How a value is shown.
trait Shown {
    fn shown(&self) -> String;
}

macro_rules! shown_by_display {
    ($($type:ty),+) => {
        $(impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        })+
    };
}

shown_by_display!(
    bool,
    usize,
    String,
    std::net::SocketAddr,
    crate::Balance,
    crate::ClientAuth,
    crate::ClientTlsMode,
    crate::Level,
    crate::LogFormat,
    crate::PoolMode,
    crate::Inventory,
    crate::OnOrphan,
    crate::PoolOrder,
    crate::Positions,
    afterwrite_types::TableName,
    crate::SslMode,
    crate::TlsNegotiation,
    crate::TlsVersion,
    crate::ListenAddress,
    crate::NodeAddress
);

impl Shown for Duration {
    fn shown(&self) -> String {
        show_duration(*self)
    }
}

impl Shown for std::path::PathBuf {
    fn shown(&self) -> String {
        self.display().to_string()
    }
}

impl Shown for Limit {
    fn shown(&self) -> String {
        off(self.number().as_ref())
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map(Shown::shown).unwrap_or_default()
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        self.iter().map(Shown::shown).collect::<Vec<_>>().join(", ")
    }
}

/// What is unlimited where there is none.
fn off<T: Shown>(value: Option<&T>) -> String {
    value.map_or_else(|| "off".to_owned(), Shown::shown)
}

fn bytes(bytes: usize) -> String {
    show_size(u64::try_from(bytes).unwrap_or(u64::MAX))
}

impl Values {
    /// In the order of the list of keys; a test holds the two together.
    fn of(config: &Config) -> Self {
        let mut values = Self(Vec::new());
        values.add("listen", config.listen.shown());
        values.add("unix_socket_mode", format!("{:04o}", config.unix_socket_mode));
        values.add("metrics_listen", off(config.metrics_listen.as_ref()));
        values.add("restart_socket", off(config.restart_socket.as_ref()));
        values.add(
            "threads",
            match config.threads {
                Threads::Auto => "auto".to_owned(),
                Threads::Exactly(count) => count.to_string(),
            },
        );
        for (name, cluster) in config.clusters() {
            if name == DEFAULT_CLUSTER {
                values.add_cluster("cluster", cluster);
            } else {
                values.add_cluster(&keys::named("clusters", name), cluster);
            }
        }
        // What is implied is said by the cluster.
        for (name, database) in config.databases.iter().filter(|(_, it)| !it.is_implied) {
            values.add_database(&keys::named("databases", name), database);
        }
        for (name, user) in &config.users {
            values.add_user(&keys::named("users", name), user);
        }
        values.add_clients(config);
        values.add_pool(config);
        values.add_routing(config);
        values.add_tokens(&config.tokens);
        values.add_shared(config);
        values.add_rest(config);
        values
    }

    fn add(&mut self, key: &str, text: String) {
        self.add_at("", key, text);
    }

    /// A key of a section, which may be one of named ones.
    fn add_at(&mut self, section: &str, key: &str, text: String) {
        let key = keys::join(section, key);
        // Every key of a named section can change: the list needs no look.
        let is_changeable = keys::known(&key).is_none_or(|key| key.is_changeable);
        self.0.push(Value { key, text, secret: None, is_changeable });
    }

    fn add_secret(&mut self, section: &str, key: &str, secret: Option<&Secret>) {
        self.add_at(section, key, secret.map(ToString::to_string).unwrap_or_default());
        if let Some(value) = self.0.last_mut() {
            value.secret = secret.cloned();
        }
    }

    fn add_cluster(&mut self, at: &str, cluster: &ClusterConfig) {
        self.add_at(at, "nodes", cluster.nodes.shown());
        self.add_at(at, "user", cluster.user.clone());
        self.add_secret(at, "password", cluster.password.as_ref());
        self.add_at(at, "database", cluster.database.clone());
        self.add_at(at, "positions", cluster.positions.shown());
        self.add_at(at, "heartbeat_table", cluster.heartbeat_table.shown());
        self.add_at(at, "window", cluster.window.shown());
        self.add_at(at, "window_follows_lag", cluster.window_follows_lag.shown());
        if cluster.application_name.is_some() {
            self.add_at(at, "application_name", cluster.application_name.shown());
        }
        let at = keys::join(at, "tls");
        let root_ca = match &cluster.tls.root_ca {
            Some(RootCa::System) => "system".to_owned(),
            Some(RootCa::File(path)) => path.shown(),
            None => String::new(),
        };
        self.add_at(&at, "mode", cluster.tls.mode.shown());
        self.add_at(&at, "root_ca", root_ca);
        self.add_at(&at, "certificate", cluster.tls.certificate.shown());
        self.add_at(&at, "key", cluster.tls.key.shown());
        self.add_at(&at, "negotiation", cluster.tls.negotiation.shown());
    }

    fn add_database(&mut self, at: &str, database: &DatabaseConfig) {
        self.add_at(at, "cluster", database.cluster.clone());
        self.add_at(at, "database", database.database.shown());
        self.add_at(at, "user", database.user.shown());
        self.add_secret(at, "password", database.password.as_ref());
        self.add_at(at, "pool_mode", database.pool_mode.shown());
        self.add_at(at, "pool_size", database.pool_size.shown());
        self.add_at(at, "min_size", database.min_size.shown());
        self.add_at(at, "reserve_size", database.reserve_size.shown());
        self.add_at(at, "fallback_size", database.fallback_size.shown());
        self.add_at(at, "connections_max", database.connections_max.shown());
        self.add_at(at, "client_connections_max", database.client_connections_max.shown());
        self.add_at(at, "level", database.level.shown());
        self.add_at(at, "wait_max", database.wait_max.shown());
        self.add_at(at, "at_timeout", database.at_timeout.map(|it| it.to_string()).shown());
        self.add_at(at, "max_staleness", database.max_staleness.shown());
        self.add_at(at, "connect_query", database.connect_query.shown());
        self.add_at(at, "inventory", database.inventory.shown());
        self.add_at(at, "disabled", database.disabled.shown());
    }

    fn add_user(&mut self, at: &str, user: &UserConfig) {
        self.add_secret(at, "password", user.password.as_ref());
        self.add_secret(at, "server_password", user.server_password.as_ref());
        self.add_at(at, "pool_mode", user.pool_mode.shown());
        self.add_at(at, "pool_size", user.pool_size.shown());
        self.add_at(at, "connections_max", user.connections_max.shown());
        self.add_at(at, "client_connections_max", user.client_connections_max.shown());
        self.add_at(at, "level", user.level.shown());
    }

    fn add_clients(&mut self, config: &Config) {
        let clients = &config.clients;
        let auth_query = clients.auth_query.as_ref();
        let mut add = |key, text| self.add_at("clients", key, text);
        add("auth", clients.auth.shown());
        add("users_file", clients.users_file.shown());
        add("hba_file", clients.hba_file.shown());
        add("ident_file", clients.ident_file.shown());
        add("auth_query", auth_query.map(|ask| ask.query.clone()).unwrap_or_default());
        add("auth_user", auth_query.map(|ask| ask.user.clone()).unwrap_or_default());
        add("auth_database", auth_query.map(|ask| ask.database.shown()).unwrap_or_default());
        add("connections_max", clients.connections_max.shown());
        add("connections_per_user_max", off(clients.connections_per_user_max.as_ref()));
        add("connections_per_database_max", off(clients.connections_per_database_max.as_ref()));
        add("login_timeout", clients.login_timeout.shown());
        add("idle_timeout", off(clients.idle_timeout.as_ref()));
        add("idle_transaction_timeout", off(clients.idle_transaction_timeout.as_ref()));
        add("transaction_timeout", off(clients.transaction_timeout.as_ref()));
        add("query_timeout", off(clients.query_timeout.as_ref()));
        add("write_timeout", clients.write_timeout.shown());
        add("message_max", bytes(clients.message_max));
        add("statement_buffer_max", bytes(clients.statement_buffer_max));
        add("prepared_max", clients.prepared_max.shown());
        add("ignore_startup_parameters", clients.ignore_startup_parameters.shown());
        add("application_name_add_host", clients.application_name_add_host.shown());
        let tls = &clients.tls;
        let mut add = |key, text| self.add_at("clients.tls", key, text);
        add("mode", tls.mode.shown());
        add("certificate", tls.certificate.shown());
        add("key", tls.key.shown());
        add("client_ca", tls.client_ca.shown());
        add("min_version", tls.min_version.shown());
    }

    fn add_pool(&mut self, config: &Config) {
        let pool = &config.pool;
        let mut add = |key, text| self.add_at("pool", key, text);
        add("mode", pool.mode.shown());
        add("size", pool.size.shown());
        add("min_size", pool.min_size.shown());
        add("reserve_size", pool.reserve_size.shown());
        add("reserve_timeout", pool.reserve_timeout.shown());
        add("fallback_size", pool.fallback_size.shown());
        add("user_connections_max", off(pool.user_connections_max.as_ref()));
        add("database_connections_max", off(pool.database_connections_max.as_ref()));
        add("queue_max", pool.queue_max.shown());
        add("wait_timeout", pool.wait_timeout.shown());
        add("connect_timeout", pool.connect_timeout.shown());
        add("login_retry", pool.login_retry.shown());
        add("idle_timeout", pool.idle_timeout.shown());
        add("lifetime_max", pool.lifetime_max.shown());
        add("check_query", pool.check_query.shown());
        add("check_after", off(pool.check_after.as_ref()));
        add("reset_query", pool.reset_query.shown());
        add("connect_query", pool.connect_query.shown());
        add("inventory", pool.inventory.shown());
        add("order", pool.order.shown());
        add("prepared_max", pool.prepared_max.shown());
    }

    fn add_tokens(&mut self, tokens: &TokensConfig) {
        let all = |show: fn(&TokenKey) -> String| {
            let keys: Vec<_> = tokens.keys.iter().map(show).collect();
            keys.join(", ")
        };
        self.add("tokens.keys", all(|key| format!("{}:{}", key.number, key.secret)));
        if let Some(value) = self.0.last_mut() {
            value.secret = Some(Secret::new(all(|key| key.secret.expose().to_owned())));
        }
        self.add("tokens.report", tokens.report.shown());
    }

    fn add_routing(&mut self, config: &Config) {
        let routing = &config.routing;
        self.add("routing.level", routing.level.shown());
        self.add("routing.wait_max", routing.wait_max.shown());
        self.add("routing.at_timeout", routing.at_timeout.to_string());
        self.add("routing.max_staleness", routing.max_staleness.shown());
        self.add("routing.balance", routing.balance.shown());
        self.add("routing.keys_max", routing.keys_max.shown());
        self.add("routing.replica_lag_max", off(routing.replica_lag_max.as_ref()));
        self.add("routing.catalog_interval", off(routing.catalog_interval.as_ref()));
        self.add("routing.table_scope", routing.table_scope.shown());
        self.add("routing.on_orphan", routing.on_orphan.shown());
        self.add("routing.functions_read", routing.functions_read.shown());
        self.add("routing.functions_write", routing.functions_write.shown());
    }

    fn add_shared(&mut self, config: &Config) {
        let shared = config.shared.as_ref();
        self.add("shared.url", shared.map(|it| it.url.clone()).unwrap_or_default());
        self.add_secret("shared", "password", shared.and_then(|it| it.password.as_ref()));
        self.add("shared.name", shared.map(|it| it.name.clone()).unwrap_or_default());
        self.add("shared.timeout", shared.map(|it| it.timeout.shown()).unwrap_or_default());
    }

    fn add_rest(&mut self, config: &Config) {
        let (probe, log) = (&config.probe, &config.log);
        self.add("probe.idle_interval", probe.idle_interval.shown());
        self.add("probe.busy_interval", probe.busy_interval.shown());
        self.add("probe.waiting_interval", probe.waiting_interval.shown());
        self.add("probe.timeout", probe.timeout.shown());
        self.add("admin.users", config.admin.users.shown());
        self.add("admin.stats_users", config.admin.stats_users.shown());
        self.add("shutdown.drain_timeout", config.shutdown.drain_timeout.shown());
        self.add("log.format", log.format.shown());
        self.add("log.level", log.level.shown());
        self.add("log.decisions", log.decisions.shown());
        self.add("log.connections", log.connections.shown());
        self.add("log.disconnections", log.disconnections.shown());
        self.add("log.pooler_errors", log.pooler_errors.shown());
        self.add("log.stats_interval", off(log.stats_interval.as_ref()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_compared_and_shown_in_the_order_of_the_list() {
        let file = "[cluster]\nurl = \"postgres://u@h\"\n\
                    [clusters.x]\nurl = \"postgres://u@g\"\n[databases.x]\n[users.x]\n\
                    [clients]\nauth = \"trust\"";
        let unread = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let config = crate::load(Some(("", file)), [], &crate::Overlay::default(), &unread);
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        let shown: Vec<_> = Values::of(&config)
            .0
            .into_iter()
            .map(|value| value.key.replace(".x.", ".*."))
            .collect();
        // A URL is shown by its parts, a secret's file as the secret.
        let is_said_otherwise = |path: &str| {
            path != "shared.url"
                && matches!(keys::split(path).1, "url" | "password_file" | "server_password_file")
        };
        let listed: Vec<_> =
            keys::KEYS.iter().map(|key| key.path).filter(|path| !is_said_otherwise(path)).collect();
        assert_eq!(shown, listed);
    }
}
