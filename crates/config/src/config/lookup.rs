//! What holds for one database and user, once every place that may say so was
//! asked.

use std::time::Duration;

use super::{ANY_DATABASE, ClientAuth, ClusterConfig, Config, DEFAULT_CLUSTER, DatabaseConfig};
use afterwrite_types::Steps;

use super::{Inventory, Level, Limit, PoolMode};

/// What holds for one pool: the user's word, else the database's, else `[pool]`'s
/// and `[routing]`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings<'a> {
    /// For how long a client keeps a server connection.
    pub mode: PoolMode,
    /// Connections per node; at least 1.
    pub size: usize,
    /// So many of them are kept open; at most `size`.
    pub min_size: usize,
    /// So many more in need.
    pub reserve_size: usize,
    /// So many of the primary's for reads that no replica covered; 1 to `size`.
    pub fallback_size: usize,
    /// What a read asks for.
    pub level: Level,
    /// How long a read waits for a replica.
    pub wait_max: Duration,
    /// What happens then.
    pub at_timeout: Steps,
    /// How old what a read sees may be under [`Level::Bounded`].
    pub max_staleness: Duration,
    /// What runs on a connection once it is open.
    pub connect_query: Option<&'a str>,
    /// Behind what a server is asked which session state is left on a connection.
    pub inventory: Inventory,
}

impl Config {
    /// Every cluster with its name, [`DEFAULT_CLUSTER`] first.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, &ClusterConfig)> {
        let others = self.clusters.iter().map(|(name, cluster)| (name.as_str(), cluster));
        std::iter::once((DEFAULT_CLUSTER, &self.cluster)).chain(others)
    }

    /// The cluster of this name.
    pub fn cluster_named(&self, name: &str) -> Option<&ClusterConfig> {
        if name == DEFAULT_CLUSTER { Some(&self.cluster) } else { self.clusters.get(name) }
    }

    /// The database that a client means by this name: the one of that name, else
    /// [`ANY_DATABASE`].
    pub fn database_named(&self, name: &str) -> Option<&DatabaseConfig> {
        self.databases.get(name).or_else(|| self.databases.get(ANY_DATABASE))
    }

    /// Whether clients are not told apart: they log in with the cluster's user
    /// and password, and their statements run as that user.
    ///
    /// So it is until something tells them apart: a password in `[users]`,
    /// `clients.users_file`, `clients.auth_query`, rules, or certificates. The
    /// cluster's user and password count as one of the users even then.
    pub fn is_single_user(&self) -> bool {
        let clients = &self.clients;
        self.users.values().all(|user| user.password.is_none())
            && clients.users_file.is_none()
            && clients.auth_query.is_none()
            && !matches!(clients.auth, ClientAuth::Cert | ClientAuth::Hba)
    }

    /// What holds for the pool of `user` in `database`, by the names that clients
    /// use.
    pub fn pool_settings(&self, database: &str, user: &str) -> PoolSettings<'_> {
        let database = self.database_named(database);
        let user = self.users.get(user);
        let of_database = |get: fn(&DatabaseConfig) -> Option<usize>| database.and_then(get);
        let size = user
            .and_then(|user| user.pool_size)
            .or(of_database(|database| database.pool_size))
            .unwrap_or(self.pool.size);
        let fallback_size = of_database(|database| database.fallback_size)
            .or(self.pool.fallback_size)
            .unwrap_or(size / 4 * 3 + size % 4 * 3 / 4);
        let connect_query = database.and_then(|database| database.connect_query.as_deref());
        PoolSettings {
            mode: user
                .and_then(|user| user.pool_mode)
                .or(database.and_then(|database| database.pool_mode))
                .unwrap_or(self.pool.mode),
            size,
            min_size: of_database(|database| database.min_size)
                .unwrap_or(self.pool.min_size)
                .min(size),
            reserve_size: of_database(|database| database.reserve_size)
                .unwrap_or(self.pool.reserve_size),
            fallback_size: fallback_size.clamp(1, size.max(1)),
            level: user
                .and_then(|user| user.level)
                .or(database.and_then(|database| database.level))
                .unwrap_or(self.routing.level),
            wait_max: database
                .and_then(|database| database.wait_max)
                .unwrap_or(self.routing.wait_max),
            at_timeout: database
                .and_then(|database| database.at_timeout)
                .unwrap_or(self.routing.at_timeout),
            max_staleness: database
                .and_then(|database| database.max_staleness)
                .unwrap_or(self.routing.max_staleness),
            connect_query: connect_query
                .or(self.pool.connect_query.as_deref())
                .filter(|query| !query.is_empty()),
            inventory: database
                .and_then(|database| database.inventory)
                .unwrap_or(self.pool.inventory),
        }
    }

    /// Server connections to a database on one node, over all users; `None`: no
    /// limit.
    pub fn database_connections_max(&self, database: &str) -> Option<usize> {
        let own = self.database_named(database).and_then(|database| database.connections_max);
        own.map_or(self.pool.database_connections_max, Limit::number)
    }

    /// Server connections of a user on one node, over all databases; `None`: no
    /// limit.
    pub fn user_connections_max(&self, user: &str) -> Option<usize> {
        let own = self.users.get(user).and_then(|user| user.connections_max);
        own.map_or(self.pool.user_connections_max, Limit::number)
    }

    /// Clients in a database; `None`: no limit.
    pub fn database_clients_max(&self, database: &str) -> Option<usize> {
        let database = self.database_named(database);
        let own = database.and_then(|database| database.client_connections_max);
        own.map_or(self.clients.connections_per_database_max, Limit::number)
    }

    /// Clients of a user; `None`: no limit.
    pub fn user_clients_max(&self, user: &str) -> Option<usize> {
        let own = self.users.get(user).and_then(|user| user.client_connections_max);
        own.map_or(self.clients.connections_per_user_max, Limit::number)
    }
}
