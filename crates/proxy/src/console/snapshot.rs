//! Everything that the console shows, as it is now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use afterwrite_backend::{NodeStatus, Pool as ServerPool, ServerCard};
use afterwrite_console::{
    ClientState, Database, KeyCount, Lists, Node, Pin, Pool, ProxyState, Route, ServerState,
    Setting, Snapshot, Socket, SocketState, Stats, User,
};
use afterwrite_core::KeyKind;
use afterwrite_net::{Endpoint, Peer};
use afterwrite_types::{Position, Role};

use crate::roster::{Card, Life};
use crate::settings::PoolMode;
use crate::shared::Shared;
use crate::site::Site;
use crate::tenant::Tenant;

/// Everything that the console shows, as it is now.
pub(super) fn take(shared: &Shared) -> Snapshot {
    let cards = shared.roster.all();
    let tenants = shared.directory.tenants();
    let sites = shared.directory.sites();
    // Users of a database who are one user on the servers share their pools.
    let mut sharing = tenants.clone();
    sharing.sort_by_key(|tenant| Arc::as_ptr(&tenant.pools));
    sharing.dedup_by(|one, other| Arc::ptr_eq(&one.pools, &other.pools));
    sharing.sort_by(|a, b| (&a.database.name, &a.user).cmp(&(&b.database.name, &b.user)));
    let servers: Vec<_> = sharing.iter().flat_map(servers_of).collect();
    let databases = databases(shared);
    let pins: Vec<_> = cards.iter().filter_map(|card| pin(card, &tenants)).collect();
    let paused = !databases.is_empty() && databases.iter().all(|database| database.paused);
    Snapshot {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: if paused { ProxyState::Paused } else { ProxyState::Active },
        pools: sharing.iter().map(|tenant| pool(tenant, &cards)).collect(),
        clients: cards.iter().map(|card| client(card, &tenants)).collect(),
        users: users(shared),
        stats: stats(shared),
        settings: settings(shared),
        lists: lists(shared, &cards, &servers, &sites, pins.len()),
        nodes: sites.iter().flat_map(|site| nodes(site)).collect(),
        routes: sites.iter().flat_map(|site| routes(site)).collect(),
        keys: sites.iter().flat_map(|site| keys(site)).collect(),
        servers,
        databases,
        pins,
        ..Snapshot::default()
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn databases(shared: &Shared) -> Vec<Database> {
    let describe = |database: Arc<crate::database::Database>| {
        let settings = database.settings();
        let status = database.site.cluster.status();
        let primary = database.site.cluster.primary();
        let of_primary = status.iter().find(|it| primary.is_some_and(|p| p.node == it.node));
        let node = of_primary.or(status.first());
        let (host, port) = node.map(|it| split(&it.address)).unwrap_or_default();
        let is_replica = |it: &&NodeStatus| it.role == Some(Role::Replica);
        Database {
            name: database.name.clone(),
            host: Some(host),
            port,
            database: database.server_name(),
            force_user: settings.user.clone(),
            pool_size: number(settings.pool.size),
            pool_size_min: number(settings.pool.min_size),
            reserve_pool_size: number(settings.pool.reserve_size),
            server_lifetime_secs: u32::try_from(settings.pool.lifetime_max.as_secs())
                .unwrap_or(u32::MAX),
            pool_mode: Some(settings.mode.name()),
            balancing: None,
            connections_max: number(settings.connections_max),
            connections: number(database.quotas.open()),
            clients_max: number(settings.clients_max),
            clients: number(database.clients.load(Ordering::Relaxed)),
            paused: database.is_paused(),
            disabled: database.is_disabled(),
            replicas: number(status.iter().filter(is_replica).count()),
            replicas_eligible: number(status.iter().filter(|it| it.takes_reads()).count()),
        }
    };
    shared.directory.databases().into_iter().map(describe).collect()
}

/// Host and port of an address that is shown; a Unix socket has no port.
fn split(address: &str) -> (String, u16) {
    match address.rsplit_once(':') {
        Some((host, port)) if !address.starts_with(['/', '@']) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (host.to_owned(), port.parse().unwrap_or(0))
        }
        _ => (address.to_owned(), 0),
    }
}

fn pool(tenant: &Arc<Tenant>, cards: &[Arc<Card>]) -> Pool {
    let theirs = cards.iter().filter(|card| is_of(card, tenant));
    let count = |life: Life| number(theirs.clone().filter(|card| card.life() == life).count());
    let awaiting_replay = count(Life::AwaitingReplay);
    let cancelled = theirs.clone().filter(|card| card.is_being_cancelled()).count();
    let status = tenant.pools.status();
    let in_role = |wanted: Role| {
        let pools = tenant.pools.pools().filter(|(role, _)| *role == wanted);
        number(pools.map(|(_, pool)| pool.status()).map(|it| it.active + it.idle).sum())
    };
    Pool {
        database: tenant.database.name.clone(),
        user: tenant.pools.login().user.clone(),
        // As there: whoever is connected and does not wait is active.
        clients_active: count(Life::Active) + count(Life::Idle),
        clients_waiting: count(Life::Waiting) + awaiting_replay,
        cancels_active: number(cancelled),
        cancels_waiting: 0,
        servers_active: number(status.active),
        servers_canceling: 0,
        servers_being_canceled: number(cancelled),
        servers_idle: number(status.idle),
        servers_used: 0,
        servers_tested: 0,
        servers_login: 0,
        wait_max: status.waited,
        pool_mode: tenant.mode.name(),
        balancing: None,
        servers_primary: in_role(Role::Primary),
        servers_replica: in_role(Role::Replica),
        clients_pinned: number(theirs.clone().filter(|card| card.pin().is_some()).count()),
        clients_awaiting_replay: awaiting_replay,
    }
}

fn is_of(card: &Card, tenant: &Tenant) -> bool {
    let theirs = &card.who.tenant;
    let same_name = theirs.user == tenant.user && theirs.database.name == tenant.database.name;
    same_name || Arc::ptr_eq(&theirs.pools, &tenant.pools)
}

fn client(card: &Arc<Card>, tenants: &[Arc<Tenant>]) -> Socket {
    let (address, port) = match card.who.from() {
        Some(Peer::Tcp(from)) => (from.ip().to_string(), from.port()),
        Some(Peer::Unix { .. }) => ("unix".to_owned(), 0),
        None => (String::new(), 0),
    };
    let life = card.life();
    let state = match (life, card.is_being_cancelled()) {
        (Life::Active, true) => ClientState::ActiveCancel,
        (Life::Waiting | Life::AwaitingReplay, true) => ClientState::WaitingCancel,
        (Life::Active, false) => ClientState::Active,
        (Life::Waiting | Life::AwaitingReplay, false) => ClientState::Waiting,
        (Life::Idle, _) => ClientState::Idle,
    };
    let waited = SystemTime::now().duration_since(card.asked()).unwrap_or_default();
    let held = card.link().and_then(|id| server_of(id, tenants));
    Socket {
        state: SocketState::Client(state),
        user: card.who.tenant.user.clone(),
        database: card.who.tenant.database.name.clone(),
        address,
        port,
        local_address: card.who.local().map_or("unix".to_owned(), |it| it.ip().to_string()),
        local_port: card.who.local().map_or(0, |it| it.port()),
        connected_at: card.connected(),
        requested_at: card.asked(),
        wait: match life {
            Life::Waiting | Life::AwaitingReplay => waited,
            Life::Active | Life::Idle => Duration::ZERO,
        },
        pointer: card.id,
        link: card.link(),
        remote_pid: held.as_ref().map_or(0, |(card, _)| card.pid.cast_unsigned()),
        tls: card.who.tls().to_owned(),
        application_name: card.who.application().to_owned(),
        id: u32::try_from(card.id).unwrap_or(u32::MAX),
        node: held.map(|(_, node)| node),
        pinned: card.pin().map(|(causes, _)| causes.to_string()),
        ..Socket::default()
    }
}

/// A server connection by its number, and the node it leads to.
fn server_of(id: u64, tenants: &[Arc<Tenant>]) -> Option<(Arc<ServerCard>, String)> {
    tenants.iter().find_map(|tenant| {
        tenant.pools.pools().find_map(|(_, pool)| {
            let card = pool.cards().into_iter().find(|card| card.id == id)?;
            Some((card, pool.node().address()))
        })
    })
}

fn servers_of(tenant: &Arc<Tenant>) -> Vec<Socket> {
    let login = tenant.pools.login();
    let describe = |pool: &Arc<ServerPool>, card: &Arc<ServerCard>| {
        let (address, port) = match &card.remote {
            Endpoint::Tcp(address) => (address.ip().to_string(), address.port()),
            Endpoint::Unix(_) => ("unix".to_owned(), 0),
        };
        let state = if card.is_busy() { ServerState::Active } else { ServerState::Idle };
        Socket {
            state: SocketState::Server(state),
            user: login.user.clone(),
            database: tenant.database.name.clone(),
            address,
            port,
            local_address: card.local.map_or("unix".to_owned(), |it| it.ip().to_string()),
            local_port: card.local.map_or(0, |it| it.port()),
            connected_at: card.opened,
            requested_at: card.requested(),
            close_needed: pool.is_outdated(card),
            pointer: card.id,
            link: card.client(),
            remote_pid: card.pid.cast_unsigned(),
            tls: card.tls.clone(),
            prepared_statements: card.prepared(),
            id: u32::try_from(card.id).unwrap_or(u32::MAX),
            node: Some(pool.node().address()),
            ..Socket::default()
        }
    };
    let pools = tenant.pools.pools();
    pools
        .flat_map(|(_, pool)| {
            pool.cards().iter().map(|card| describe(pool, card)).collect::<Vec<_>>()
        })
        .collect()
}

fn users(shared: &Shared) -> Vec<User> {
    let settings = shared.settings();
    let counted = shared.directory.users();
    let configured = settings.users.keys().filter(|name| !counted.iter().any(|it| it.0 == **name));
    let mut users: Vec<_> = configured.map(|name| (name.clone(), 0, 0)).collect();
    users.extend(counted.iter().map(|(name, counts)| {
        let clients = counts.clients.load(Ordering::Relaxed);
        (name.clone(), clients, counts.server_connections())
    }));
    users.sort();
    users
        .into_iter()
        .map(|(name, clients, connections)| {
            let own = settings.users.get(&name).unwrap_or(&settings.other_users);
            User {
                pool_size: own.pool_size.map(number),
                reserve_pool_size: None,
                pool_mode: own.mode.map(PoolMode::name),
                connections_max: number(own.connections_max),
                connections: number(connections),
                clients_max: number(own.clients_max),
                clients: number(clients),
                name,
            }
        })
        .collect()
}

fn stats(shared: &Shared) -> Vec<Stats> {
    let databases = shared.directory.databases();
    databases
        .iter()
        .map(|database| Stats {
            database: database.name.clone(),
            totals: database.stats.total(),
            averages: database.averages(),
        })
        .collect()
}

fn settings(shared: &Shared) -> Vec<Setting> {
    let present = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let settings = shared.settings();
    settings
        .entries
        .iter()
        .map(|entry| Setting {
            key: entry.key.clone(),
            value: present(&entry.value),
            default: present(&entry.default),
            changeable: entry.changeable,
        })
        .collect()
}

fn lists(
    shared: &Shared,
    cards: &[Arc<Card>],
    servers: &[Socket],
    sites: &[Arc<Site>],
    pins: usize,
) -> Lists {
    let used = |it: &&Socket| it.state == SocketState::Server(ServerState::Active);
    let used_servers = servers.iter().filter(used).count();
    let sharing = || sites.iter().filter_map(|site| site.sharing.as_ref());
    Lists {
        databases: number(shared.directory.databases().len()),
        users: number(shared.directory.users().len()),
        pools: number(shared.directory.tenants().len()),
        used_clients: number(cards.len()),
        login_clients: number(shared.arriving_now()),
        free_servers: number(servers.len() - used_servers),
        used_servers: number(used_servers),
        nodes: number(sites.iter().map(|site| site.cluster.nodes().len()).sum()),
        pins: number(pins),
        keys: number(sites.iter().map(|site| site.keys.lock().len()).sum()),
        shared: number(sharing().count()),
        shared_trusted: number(sharing().filter(|it| it.is_trusting()).count()),
        ..Lists::default()
    }
}

fn nodes(site: &Site) -> Vec<Node> {
    let describe = |it: NodeStatus| {
        let (host, port) = split(&it.address);
        let pooled = it.role == Some(Role::Replica) && it.pooled;
        let state = match (it.up, it.role) {
            (true, _) if pooled => "pooled",
            (true, _) if it.outdated => "outdated",
            (true, _) if it.ban.is_some() => "banned",
            (true, _) => "up",
            (false, Some(_)) => "down",
            (false, None) => "unknown",
        };
        Node {
            database: site.name.clone(),
            name: it.address.clone(),
            host,
            port,
            role: it.role,
            state: state.to_owned(),
            position: it.line.zip(it.position).map(|(line, lsn)| Position { line, lsn }),
            lag_bytes: it.lag_bytes,
            lag: Some(it.lag).filter(|_| it.role == Some(Role::Replica)),
            eligible: it.takes_reads(),
            servers_active: number(it.pool.active),
            servers_idle: number(it.pool.idle),
            clients_waiting: number(it.pool.waiting),
        }
    };
    site.cluster.status().into_iter().map(describe).collect()
}

fn keys(site: &Site) -> Vec<KeyCount> {
    let counts = site.keys.lock().counts(Instant::now());
    let describe = |(kind, count): (KeyKind, afterwrite_core::KeyCount)| {
        let some = |time: Duration| (count.keys > 0).then_some(time);
        KeyCount {
            cluster: site.name.clone(),
            source: kind.name(),
            keys: u64::try_from(count.keys).unwrap_or(u64::MAX),
            oldest: some(count.oldest),
            average: some(count.average_age()),
            known: some(count.average_known()),
            evicted: count.evicted,
        }
    };
    counts.into_iter().map(describe).collect()
}

fn routes(site: &Site) -> Vec<Route> {
    let status = site.cluster.status();
    let named = |index: usize| status.get(index);
    site.reads
        .by_reason()
        .filter(|(_, _, reads)| *reads > 0)
        .map(|(node, reason, reads)| Route {
            database: site.name.clone(),
            node: named(node).map(|it| it.address.clone()).unwrap_or_default(),
            role: named(node).and_then(|it| it.role),
            reason: reason.name(),
            reads,
        })
        .collect()
}

fn pin(card: &Arc<Card>, tenants: &[Arc<Tenant>]) -> Option<Pin> {
    let (cause, since) = card.pin()?;
    let held = card.link().and_then(|id| server_of(id, tenants));
    Some(Pin {
        client: u32::try_from(card.id).unwrap_or(u32::MAX),
        user: card.who.tenant.user.clone(),
        database: card.who.tenant.database.name.clone(),
        application_name: card.who.application().to_owned(),
        server_pid: held.as_ref().map_or(0, |(card, _)| card.pid.cast_unsigned()),
        node: held.map(|(_, node)| node).unwrap_or_default(),
        cause: cause.to_string(),
        since,
        age: SystemTime::now().duration_since(since).unwrap_or_default(),
    })
}
