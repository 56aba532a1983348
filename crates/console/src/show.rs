//! What can be shown: names, columns, and the table of each.

mod columns;
mod keys;
mod named_rows;
mod nodes;
mod pools;
mod sockets;
mod totals;

use crate::snapshot::Snapshot;
use crate::table::{Column, Kind, Table, Value};

/// The PgBouncer whose columns these are. The first word of `SHOW VERSION`, because
/// tools read its version there.
pub(crate) const COMPATIBLE: &str = "PgBouncer 1.25.2";

/// A `SHOW` with a table.
///
/// Those of PgBouncer have its columns, and ours behind them where a table has a row
/// for each thing. Tables that tools read by position (`LISTS`, `CONFIG`, `STATE`,
/// `TOTALS`, `VERSION`) have no more columns than PgBouncer's; ours are rows there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Show {
    /// Connections with bytes under way: reads `clients` and `servers`.
    ActiveSockets,
    /// Clients: reads `clients`.
    Clients,
    /// The configuration: reads `settings`.
    Config,
    /// Databases: reads `databases`.
    Databases,
    /// Host names: reads `hosts`.
    DnsHosts,
    /// Zones; there are none.
    DnsZones,
    /// File descriptors, for a takeover that works otherwise here; there are none.
    Fds,
    /// Keys by what they were last written by: reads `keys`. Ours.
    Keys,
    /// How many there are of what: reads `lists`.
    Lists,
    /// Memory: reads `memory`.
    Mem,
    /// PostgreSQL servers: reads `nodes`. Ours.
    Nodes,
    /// Other proxies that pass on cancel requests; there are none.
    Peers,
    /// Pools for these; there are none.
    PeerPools,
    /// Clients tied to a server connection: reads `pins`. Ours.
    Pins,
    /// Pools: reads `pools`.
    Pools,
    /// Replicas: reads `nodes`. Ours.
    Replicas,
    /// Reads by reason: reads `routes`. Ours.
    Routes,
    /// Server connections: reads `servers`.
    Servers,
    /// Clients and server connections: reads `clients` and `servers`.
    Sockets,
    /// Whether the proxy works: reads `state`.
    State,
    /// Totals and averages: reads `stats`.
    Stats,
    /// Averages: reads `stats`.
    StatsAverages,
    /// Totals: reads `stats`.
    StatsTotals,
    /// Totals and averages of all databases together: reads `stats`.
    Totals,
    /// Users: reads `users`.
    Users,
    /// The version: reads `version`.
    Version,
}

impl Show {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::ActiveSockets,
        Self::Clients,
        Self::Config,
        Self::Databases,
        Self::DnsHosts,
        Self::DnsZones,
        Self::Fds,
        Self::Keys,
        Self::Lists,
        Self::Mem,
        Self::Nodes,
        Self::Peers,
        Self::PeerPools,
        Self::Pins,
        Self::Pools,
        Self::Replicas,
        Self::Routes,
        Self::Servers,
        Self::Sockets,
        Self::State,
        Self::Stats,
        Self::StatsAverages,
        Self::StatsTotals,
        Self::Totals,
        Self::Users,
        Self::Version,
    ];

    /// The word behind `SHOW`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActiveSockets => "ACTIVE_SOCKETS",
            Self::Clients => "CLIENTS",
            Self::Config => "CONFIG",
            Self::Databases => "DATABASES",
            Self::DnsHosts => "DNS_HOSTS",
            Self::DnsZones => "DNS_ZONES",
            Self::Fds => "FDS",
            Self::Keys => "KEYS",
            Self::Lists => "LISTS",
            Self::Mem => "MEM",
            Self::Nodes => "NODES",
            Self::Peers => "PEERS",
            Self::PeerPools => "PEER_POOLS",
            Self::Pins => "PINS",
            Self::Pools => "POOLS",
            Self::Replicas => "REPLICAS",
            Self::Routes => "ROUTES",
            Self::Servers => "SERVERS",
            Self::Sockets => "SOCKETS",
            Self::State => "STATE",
            Self::Stats => "STATS",
            Self::StatsAverages => "STATS_AVERAGES",
            Self::StatsTotals => "STATS_TOTALS",
            Self::Totals => "TOTALS",
            Self::Users => "USERS",
            Self::Version => "VERSION",
        }
    }

    /// The table that a word behind `SHOW` names, in any case.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|show| show.name().eq_ignore_ascii_case(word))
    }

    /// Whether only an admin may see it.
    pub(crate) fn for_admins(self) -> bool {
        self == Self::Fds
    }

    /// PgBouncer's columns, in its order; for a table of ours, all of them.
    pub fn columns_of_pgbouncer(self) -> Vec<Column> {
        self.columns_in(Half::Theirs)
    }

    /// All columns: PgBouncer's, then ours.
    pub fn columns(self) -> Vec<Column> {
        let mut columns = self.columns_in(Half::Theirs);
        columns.extend(self.columns_in(Half::Ours));
        columns
    }

    fn columns_in(self, half: Half) -> Vec<Column> {
        match self {
            Self::ActiveSockets | Self::Sockets => sockets::LOW_LEVEL.columns(half),
            Self::Clients | Self::Servers => sockets::SOCKETS.columns(half),
            Self::Config => pools::CONFIG.columns(half),
            Self::Databases => pools::DATABASES.columns(half),
            Self::DnsHosts => pools::DNS_HOSTS.columns(half),
            Self::DnsZones => pools::DNS_ZONES.columns(half),
            Self::Fds => pools::FDS.columns(half),
            Self::Keys => keys::KEYS.columns(half),
            Self::Lists => named_rows::LISTS.columns(half),
            Self::Mem => pools::MEM.columns(half),
            Self::Nodes => nodes::NODES.columns(half),
            Self::Peers => pools::PEERS.columns(half),
            Self::PeerPools => pools::PEER_POOLS.columns(half),
            Self::Pins => nodes::PINS.columns(half),
            Self::Pools => pools::POOLS.columns(half),
            Self::Replicas => nodes::REPLICAS.columns(half),
            Self::Routes => nodes::ROUTES.columns(half),
            Self::State => named_rows::STATE.columns(half),
            Self::Stats => totals::STATS.columns(half),
            Self::StatsAverages => totals::AVERAGES.columns(half),
            Self::StatsTotals => totals::TOTALS_ONLY.columns(half),
            Self::Totals => named_rows::TOTALS.columns(half),
            Self::Users => pools::USERS.columns(half),
            Self::Version => named_rows::VERSION.columns(half),
        }
    }

    /// The table, with all columns.
    pub fn table(self, snapshot: &Snapshot) -> Table {
        let rows = match self {
            Self::ActiveSockets => sockets::LOW_LEVEL.rows(sockets::at_work(snapshot)),
            Self::Sockets => sockets::LOW_LEVEL.rows(sockets::all(snapshot)),
            Self::Clients => sockets::SOCKETS.rows(sockets::clients(snapshot)),
            Self::Servers => sockets::SOCKETS.rows(sockets::servers(snapshot)),
            Self::Config => pools::CONFIG.rows(&snapshot.settings),
            Self::Databases => pools::DATABASES.rows(&snapshot.databases),
            Self::DnsHosts => pools::DNS_HOSTS.rows(&snapshot.hosts),
            Self::DnsZones | Self::Fds | Self::Peers | Self::PeerPools => Vec::new(),
            Self::Keys => keys::KEYS.rows(&snapshot.keys),
            Self::Lists => named_rows::LISTS.rows(&named_rows::lists(&snapshot.lists)),
            Self::Mem => pools::MEM.rows(&snapshot.memory),
            Self::Nodes => nodes::NODES.rows(&snapshot.nodes),
            Self::Pins => nodes::PINS.rows(&snapshot.pins),
            Self::Pools => pools::POOLS.rows(&snapshot.pools),
            Self::Replicas => nodes::REPLICAS.rows(nodes::replicas(snapshot)),
            Self::Routes => nodes::ROUTES.rows(&snapshot.routes),
            Self::State => named_rows::STATE.rows(&named_rows::states(snapshot.state)),
            Self::Stats => totals::STATS.rows(&snapshot.stats),
            Self::StatsAverages => totals::AVERAGES.rows(&snapshot.stats),
            Self::StatsTotals => totals::TOTALS_ONLY.rows(&snapshot.stats),
            Self::Totals => named_rows::TOTALS.rows(&totals::of_all(&snapshot.stats)),
            Self::Users => pools::USERS.rows(&snapshot.users),
            Self::Version => named_rows::VERSION.rows([&named_rows::version(&snapshot.version)]),
        };
        Table { columns: self.columns(), rows }
    }
}

/// One of a table's two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Theirs,
    Ours,
}

/// A column, and how its value is found: kept together, so that no value can stand
/// under another's name.
struct Field<T: 'static> {
    name: &'static str,
    kind: Kind,
    value: fn(&T) -> Value,
}

/// The columns of a table whose rows are made of `T`s, in groups that tables share.
struct Layout<T: 'static> {
    theirs: &'static [&'static [Field<T>]],
    ours: &'static [&'static [Field<T>]],
}

impl<T> Layout<T> {
    fn columns(&self, half: Half) -> Vec<Column> {
        let fields = match half {
            Half::Theirs => self.theirs,
            Half::Ours => self.ours,
        };
        let column = |field: &Field<T>| Column { name: field.name.into(), kind: field.kind };
        fields.iter().copied().flatten().map(column).collect()
    }

    fn rows<'a>(&self, items: impl IntoIterator<Item = &'a T>) -> Vec<Vec<Value>>
    where
        T: 'a,
    {
        let fields = || self.theirs.iter().chain(self.ours).copied().flatten();
        let row = |item| fields().map(|field| (field.value)(item)).collect();
        items.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests;
