//! Which database a client means, and what it shares with others of its kind.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use afterwrite_backend::{Login, PoolSettings, Pools, Quotas};
use afterwrite_core::Keys;
use afterwrite_store::StoreSettings;
use afterwrite_types::Sequence;
use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::password::Secret;
use afterwrite_wire::server::Report;
use parking_lot::Mutex;
use tracing::info;

use crate::database::Database;
use crate::observe::Metrics;
use crate::settings::{ANY, DatabaseSettings, Settings, UserSettings};
use crate::site::Site;
use crate::tenant::Tenant;

/// Seconds after which what belongs to a user that is gone is forgotten.
const FORGOTTEN_AFTER: u64 = 600;

/// Which database a client means, and what it shares with others of its kind.
#[derive(Debug)]
pub(crate) struct Directory {
    sequence: Arc<Sequence>,
    /// Where floors are shared with other proxies: what was said at the start.
    shared: Option<StoreSettings>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    settings: Option<Arc<Settings>>,
    sites: HashMap<String, Arc<Site>>,
    databases: HashMap<String, Arc<Database>>,
    tenants: HashMap<(String, String), Arc<Tenant>>,
    /// Clients and server connections of one user, over all databases.
    users: HashMap<String, Arc<UserCounts>>,
}

/// What one user has, over all databases.
#[derive(Debug, Default)]
pub(crate) struct UserCounts {
    pub(crate) clients: Arc<AtomicUsize>,
    quotas: Mutex<HashMap<String, Arc<Quotas>>>,
}

impl Directory {
    pub(crate) fn new(sequence: Arc<Sequence>, shared: Option<StoreSettings>) -> Self {
        Self { sequence, shared, known: Mutex::default() }
    }

    /// Takes up settings, the first ones or others. What can go on goes on.
    pub(crate) fn apply(&self, settings: &Arc<Settings>, metrics: &Metrics) {
        let mut known = self.known.lock();
        let mut sites = HashMap::new();
        for (name, cluster) in &settings.clusters {
            let kept = known.sites.get(name).filter(|site| site.adopt(cluster));
            let site = kept.map_or_else(
                || {
                    let before = known.sites.get(name).map(|site| Arc::clone(&site.keys));
                    let keys = before.unwrap_or_else(|| {
                        let keys = Keys::new(settings.keys_max, self.sequence.now());
                        Arc::new(Mutex::new(keys))
                    });
                    let shared = self.shared.as_ref();
                    Site::new(name, cluster, keys, &self.sequence, shared, metrics)
                },
                Arc::clone,
            );
            site.keys.lock().set_max(settings.keys_max, self.sequence.now());
            sites.insert(name.clone(), site);
        }
        let mut databases = HashMap::new();
        for (name, old) in &known.databases {
            let wanted = settings.databases.get(name).or_else(|| settings.databases.get(ANY));
            if let Some(wanted) = wanted
                && sites.get(&wanted.cluster).is_some_and(|site| Arc::ptr_eq(site, &old.site))
            {
                old.apply(wanted);
                databases.insert(name.clone(), Arc::clone(old));
            }
        }
        for (name, wanted) in settings.databases.iter().filter(|(name, _)| *name != ANY) {
            if !databases.contains_key(name)
                && let Some(site) = sites.get(&wanted.cluster)
            {
                let database = Database::new(name, Arc::clone(site), wanted, false);
                databases.insert(name.clone(), database);
            }
        }
        known.sites = sites;
        known.databases = databases;
        known.settings = Some(Arc::clone(settings));
        known.renew_tenants();
        known.make_ahead();
    }

    /// Every cluster.
    pub(crate) fn sites(&self) -> Vec<Arc<Site>> {
        let mut sites: Vec<_> = self.known.lock().sites.values().map(Arc::clone).collect();
        sites.sort_by(|a, b| a.name.cmp(&b.name));
        sites
    }

    /// Every database that is configured or was asked for.
    pub(crate) fn databases(&self) -> Vec<Arc<Database>> {
        let mut all: Vec<_> = self.known.lock().databases.values().map(Arc::clone).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// A database that is configured or was asked for.
    pub(crate) fn database(&self, name: &str) -> Option<Arc<Database>> {
        self.known.lock().databases.get(name).map(Arc::clone)
    }

    /// Every user of every database that there have been clients of.
    pub(crate) fn tenants(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<_> = self.known.lock().tenants.values().map(Arc::clone).collect();
        all.sort_by(|a, b| (&a.database.name, &a.user).cmp(&(&b.database.name, &b.user)));
        all
    }

    /// The name of the first database that is named.
    pub(crate) fn first(&self) -> Option<String> {
        let known = self.known.lock();
        let settings = known.settings.as_ref()?;
        settings.databases.keys().find(|name| *name != ANY).cloned()
    }

    /// Whether clients may ask for this database.
    pub(crate) fn serves(&self, database: &str) -> bool {
        let known = self.known.lock();
        known.databases.contains_key(database)
            || known.settings.as_ref().is_some_and(|it| it.databases.contains_key(ANY))
    }

    /// What clients of `user` to `database` share; made if it is new.
    pub(crate) fn tenant(&self, database: &str, user: &str) -> Result<Arc<Tenant>, Report> {
        let mut known = self.known.lock();
        let key = (database.to_owned(), user.to_owned());
        if let Some(tenant) = known.tenants.get(&key) {
            tenant.database.watch();
            return Ok(Arc::clone(tenant));
        }
        let tenant = known.make_tenant(database, user, None).ok_or_else(|| {
            Report::fatal("3D000", format!("database \"{database}\" is not served by this proxy"))
                .hint("SHOW DATABASES in the console lists those that are")
        })?;
        tenant.database.watch();
        known.tenants.insert(key, Arc::clone(&tenant));
        Ok(tenant)
    }

    /// Clients of a user, over all databases.
    pub(crate) fn user(&self, user: &str) -> Arc<UserCounts> {
        Arc::clone(self.known.lock().users.entry(user.to_owned()).or_default())
    }

    /// Every user that there have been clients of.
    pub(crate) fn users(&self) -> Vec<(String, Arc<UserCounts>)> {
        let known = self.known.lock();
        let mut all: Vec<_> =
            known.users.iter().map(|(name, counts)| (name.clone(), Arc::clone(counts))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Forgets what belongs to users that are gone.
    pub(crate) fn tidy(&self) {
        let mut known = self.known.lock();
        known.tenants.retain(|_, tenant| {
            Arc::strong_count(tenant) > 1
                || !tenant.pools.is_unused()
                || tenant.pools.unused_for() < FORGOTTEN_AFTER
                || tenant.pools.settings().min_size > 0
        });
        let wild = |database: &Arc<Database>| {
            database.wild
                && database.clients.load(Ordering::SeqCst) == 0
                && Arc::strong_count(database) == 1
                && !database.is_paused()
        };
        known.databases.retain(|_, database| !wild(database));
        known.users.retain(|_, counts| {
            Arc::strong_count(counts) > 1 || counts.clients.load(Ordering::SeqCst) > 0
        });
    }
}

impl Known {
    fn make_tenant(
        &mut self,
        database: &str,
        user: &str,
        before: Option<&Tenant>,
    ) -> Option<Arc<Tenant>> {
        let settings = Arc::clone(self.settings.as_ref()?);
        let database = self.find_or_make(database, &settings)?;
        let of_user = settings.of_user(user);
        let of_database = database.settings();
        let (login_user, password) = server_login(&settings, &of_database, user, of_user);
        let (mode, level) = (of_user.mode.unwrap_or(of_database.mode), of_user.level);
        let passes_through = password.is_none() && of_database.user.is_none();
        // Whoever the clients are: what counts is who they are on the servers.
        let on_servers = settings.of_user(&login_user);
        let pool = pool_settings(&of_database, on_servers);
        let wanted = Login::new(login_user, password, database.server_name());
        let shared = self.pools_shared_with(&database, &wanted.user);
        let reusable = before.map(|tenant| Arc::clone(&tenant.pools));
        let reusable = reusable.filter(|pools| serve_as_well(pools, &database, &wanted));
        let pools = if let Some(pools) = shared {
            pools
        } else if let Some(pools) = reusable {
            pools.apply(pool);
            pools
        } else {
            let counts = Arc::clone(self.users.entry(wanted.user.clone()).or_default());
            let of_login = counts.quotas_at(&database.site, on_servers.connections_max);
            let limits = [Arc::clone(&database.quotas), of_login];
            Pools::new(&database.site.cluster, wanted, pool, &limits)
        };
        Some(Tenant::new(user, database, pools, mode, level, passes_through))
    }

    /// The pools of another user's clients who are the same user on the servers.
    fn pools_shared_with(&self, database: &Arc<Database>, login: &str) -> Option<Arc<Pools>> {
        database.settings().user.as_ref()?;
        let same = |tenant: &&Arc<Tenant>| {
            Arc::ptr_eq(&tenant.database, database) && tenant.pools.login().user == login
        };
        self.tenants.values().find(same).map(|tenant| Arc::clone(&tenant.pools))
    }

    fn find_or_make(&mut self, name: &str, settings: &Settings) -> Option<Arc<Database>> {
        if let Some(known) = self.databases.get(name) {
            return Some(Arc::clone(known));
        }
        let any = settings.databases.get(ANY)?;
        let site = self.sites.get(&any.cluster)?;
        let database = Database::new(name, Arc::clone(site), any, true);
        self.databases.insert(name.to_owned(), Arc::clone(&database));
        Some(database)
    }

    /// Where connections are to be open before the first client comes, and it is known
    /// as whom, its pools are made now.
    fn make_ahead(&mut self) {
        let Some(settings) = self.settings.clone() else { return };
        let ahead = settings.databases.iter().filter(|(name, it)| *name != ANY && !it.disabled);
        for (name, database) in ahead.filter(|(_, database)| database.pool.min_size > 0) {
            let Some(user) = &database.user else { continue };
            let key = (name.clone(), user.clone());
            if !self.tenants.contains_key(&key)
                && let Some(tenant) = self.make_tenant(name, user, None)
            {
                self.tenants.insert(key, tenant);
            }
        }
    }

    /// After other settings: who is there goes on with what has changed.
    fn renew_tenants(&mut self) {
        let before = std::mem::take(&mut self.tenants);
        for (key, old) in before {
            if let Some(tenant) = self.make_tenant(&key.0, &key.1, Some(&old)) {
                self.tenants.insert(key, tenant);
            } else {
                info!(database = %key.0, user = %key.1, "no longer served");
            }
        }
    }
}

impl UserCounts {
    fn quotas_at(&self, site: &Site, max: usize) -> Arc<Quotas> {
        let mut quotas = self.quotas.lock();
        let nodes = site.cluster.nodes().len();
        let entry = quotas
            .entry(format!("{}/{nodes}", site.name))
            .or_insert_with(|| Arc::new(Quotas::new(nodes, max)));
        entry.set_max(max);
        Arc::clone(entry)
    }

    /// Server connections open now.
    pub(crate) fn server_connections(&self) -> usize {
        self.quotas.lock().values().map(|quotas| quotas.open()).sum()
    }
}

/// Whether pools of before the settings changed can go on.
fn serve_as_well(pools: &Pools, database: &Database, wanted: &Login) -> bool {
    let login = pools.login();
    let same = |wanted: &Credentials| login.credentials == *wanted;
    Arc::ptr_eq(pools.cluster(), &database.site.cluster)
        && login.user == wanted.user
        && login.database == wanted.database
        && (wanted.credentials == Credentials::Nothing || same(&wanted.credentials))
}

fn pool_settings(database: &DatabaseSettings, user: &UserSettings) -> PoolSettings {
    let mut pool = database.pool.clone();
    if let Some(size) = user.pool_size {
        pool.size = size;
        pool.fallback_size = pool.fallback_size.min(size);
    }
    pool
}

/// Who logs in to the servers for a client.
fn server_login(
    settings: &Settings,
    database: &DatabaseSettings,
    user: &str,
    of_user: &UserSettings,
) -> (String, Option<Secret>) {
    let login = database.user.clone().unwrap_or_else(|| user.to_owned());
    let forced = database.user.is_some();
    let own = database.password.clone().filter(|_| forced);
    let theirs = of_user.server_password.clone().filter(|_| !forced);
    let watcher = settings
        .clusters
        .get(&database.cluster)
        .filter(|cluster| cluster.user == login)
        .and_then(|cluster| cluster.password.clone());
    (login, own.or(theirs).or(watcher))
}
