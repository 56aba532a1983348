//! `[databases.NAME]` and `[users.NAME]`.

use std::collections::BTreeMap;

use super::{CONNECTIONS_MAX, MAX_STALENESS, POOL_MAX, WAIT_MAX, at_most};
use crate::check::Checker;
use crate::config::{
    ClusterConfig, DEFAULT_CLUSTER, DatabaseConfig, Inventory, Level, PoolConfig, PoolMode,
    UserConfig,
};
use crate::keys;
use crate::problem::Problem;
use crate::secret::secret;

/// Where clients find the console.
const CONSOLE: [&str; 2] = ["afterwrite", "pgbouncer"];

/// Reads every database. Where none is written, it is the cluster's.
pub(crate) fn read_databases(
    checker: &mut Checker<'_>,
    cluster: Option<&ClusterConfig>,
    pool: &PoolConfig,
) -> BTreeMap<String, DatabaseConfig> {
    let names = checker.sources.names("databases");
    let mut databases = BTreeMap::new();
    for name in names {
        let database = read_database(checker, &name, pool);
        databases.insert(name, database);
    }
    if let Some(cluster) = cluster.filter(|_| databases.is_empty()) {
        databases.insert(cluster.database.clone(), DatabaseConfig::implied());
    }
    databases
}

impl DatabaseConfig {
    fn implied() -> Self {
        Self {
            cluster: DEFAULT_CLUSTER.to_owned(),
            database: None,
            user: None,
            password: None,
            pool_mode: None,
            pool_size: None,
            min_size: None,
            reserve_size: None,
            fallback_size: None,
            connections_max: None,
            client_connections_max: None,
            level: None,
            wait_max: None,
            at_timeout: None,
            max_staleness: None,
            connect_query: None,
            inventory: None,
            disabled: false,
            is_implied: true,
        }
    }
}

fn read_database(checker: &mut Checker<'_>, name: &str, pool: &PoolConfig) -> DatabaseConfig {
    let at = keys::named("databases", name);
    let key = |name: &str| keys::join(&at, name);
    let database = DatabaseConfig {
        cluster: read_cluster_name(checker, &key("cluster")),
        database: checker.name_if_any(&key("database")),
        user: checker.name_if_any(&key("user")),
        password: secret(checker, &key("password")),
        pool_mode: checker.choice(&key("pool_mode"), PoolMode::WORDS),
        pool_size: checker.integer_if_any(&key("pool_size"), 1..=POOL_MAX),
        min_size: checker.integer_if_any(&key("min_size"), 0..=POOL_MAX),
        reserve_size: checker.integer_if_any(&key("reserve_size"), 0..=POOL_MAX),
        fallback_size: checker.integer_if_any(&key("fallback_size"), 1..=POOL_MAX),
        connections_max: checker.limit_if_any(&key("connections_max"), CONNECTIONS_MAX),
        client_connections_max: checker
            .limit_if_any(&key("client_connections_max"), CONNECTIONS_MAX),
        level: checker.choice(&key("level"), Level::WORDS),
        wait_max: checker.duration_if_any(&key("wait_max"), WAIT_MAX),
        at_timeout: checker.steps_if_any(&key("at_timeout")),
        max_staleness: checker.duration_if_any(&key("max_staleness"), MAX_STALENESS),
        connect_query: checker.query_if_any(&key("connect_query")),
        inventory: checker.choice(&key("inventory"), Inventory::WORDS),
        disabled: checker.boolean(&key("disabled"), false),
        is_implied: false,
    };
    let own_size = key("pool_size");
    let size = database.pool_size.map_or(("pool.size", pool.size), |own| (&own_size, own));
    if let Some(min_size) = database.min_size {
        at_most(checker, (&key("min_size"), min_size), size);
    }
    if let Some(fallback_size) = database.fallback_size {
        at_most(checker, (&key("fallback_size"), fallback_size), size);
    }
    if database.password.is_some() && database.user.is_none() && checker.are_good(&[&key("user")]) {
        checker.report(Problem {
            key: key("user"),
            place: checker.place_of(&key("password")).or_else(|| checker.place_in(&at)),
            found: "a password without a user".to_owned(),
            expected: format!("{}, whose password it is", key("user")),
            hint: Some("the passwords of the clients' own users stand in [users]".to_owned()),
        });
    }
    if CONSOLE.contains(&name) {
        checker.report(Problem {
            place: checker.place_in(&at),
            key: at,
            found: "the name of the console".to_owned(),
            expected: "another name for clients".to_owned(),
            hint: Some(format!("[databases.{name}_data] with database = {name:?}")),
        });
    }
    database
}

/// The name of a cluster that there is.
fn read_cluster_name(checker: &mut Checker<'_>, key: &str) -> String {
    let mut clusters = vec![DEFAULT_CLUSTER.to_owned()];
    clusters.extend(checker.sources.names("clusters"));
    let choices = clusters.join(", ");
    let name = checker.name_if_any(key);
    let unknown = name.as_ref().filter(|name| !clusters.contains(name));
    // In a torn file it may be where it could not be read.
    if let Some(unknown) = unknown.filter(|_| checker.are_good(&[key])) {
        let near = keys::nearest(unknown, clusters.iter().map(String::as_str));
        checker.report(Problem {
            key: key.to_owned(),
            place: checker.place_of(key),
            found: format!("{}, which is no cluster", crate::url::quoted(unknown)),
            expected: format!("one of {choices}"),
            hint: near.map(|near| format!("did you mean {near:?}?")),
        });
    }
    name.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned())
}

pub(crate) fn read_users(checker: &mut Checker<'_>) -> BTreeMap<String, UserConfig> {
    let names = checker.sources.names("users");
    names
        .into_iter()
        .map(|name| {
            let user = read_user(checker, &name);
            (name, user)
        })
        .collect()
}

fn read_user(checker: &mut Checker<'_>, name: &str) -> UserConfig {
    let at = keys::named("users", name);
    let key = |name: &str| keys::join(&at, name);
    UserConfig {
        password: secret(checker, &key("password")),
        server_password: secret(checker, &key("server_password")),
        pool_mode: checker.choice(&key("pool_mode"), PoolMode::WORDS),
        pool_size: checker.integer_if_any(&key("pool_size"), 1..=POOL_MAX),
        connections_max: checker.limit_if_any(&key("connections_max"), CONNECTIONS_MAX),
        client_connections_max: checker
            .limit_if_any(&key("client_connections_max"), CONNECTIONS_MAX),
        level: checker.choice(&key("level"), Level::WORDS),
    }
}
