//! What is measured: workloads, protocols, numbers of clients.

use serde::Serialize;

use crate::door::Door;
use crate::glob;

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// `pgbench -S`: one row by primary key.
    Select,
    /// pgbench's default script: five statements that write or read, in a transaction.
    Tpcb,
    /// 90 % one row by primary key, 10 % an update by primary key; no transactions.
    Mix,
}

impl Workload {
    /// For tables and plots.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Select => "-S",
            Self::Tpcb => "TPC-B",
            Self::Mix => "90/10 mix",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Tpcb => "tpcb",
            Self::Mix => "mix",
        }
    }

    /// Queries in each of pgbench's transactions; TPC-B's seven include BEGIN and END.
    pub(crate) fn queries(self) -> u64 {
        match self {
            Self::Select | Self::Mix => 1,
            Self::Tpcb => 7,
        }
    }

    pub(crate) fn writes(self) -> bool {
        match self {
            Self::Select => false,
            Self::Tpcb | Self::Mix => true,
        }
    }
}

/// How queries are sent: pgbench's `-M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Simple,
    Extended,
    Prepared,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// What a cell is there to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What a query costs.
    Queries,
    /// What it costs more over TLS.
    Tls,
    /// What a connection costs.
    Connections,
}

/// One place in the tables: what every target does in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    pub(crate) protocol: Protocol,
    pub(crate) clients: u16,
    /// How the clients get into the proxy.
    pub(crate) door: Door,
    /// Whether they come anew for each transaction: pgbench's `-C`.
    pub(crate) connects: bool,
}

impl Cell {
    /// Clients that stay, and get in without TLS and password.
    pub(crate) const fn queries(workload: Workload, protocol: Protocol, clients: u16) -> Self {
        Self { workload, protocol, clients, door: Door::Trust, connects: false }
    }

    /// `select/simple/8`, `tls/simple/8`, `connect/scram/8`: what `--only` is held
    /// against.
    pub(crate) fn name(self) -> String {
        let (protocol, door, clients) = (self.protocol.name(), self.door.name(), self.clients);
        match self.kind() {
            Kind::Queries => format!("{}/{protocol}/{clients}", self.workload.name()),
            Kind::Tls => format!("tls/{protocol}/{clients}"),
            Kind::Connections => format!("connect/{door}/{clients}"),
        }
    }

    /// `-S simple`, `-S simple, TLS`, `-C -S, SCRAM-SHA-256`.
    pub(crate) fn title(self) -> String {
        let (workload, protocol) = (self.workload.title(), self.protocol.name());
        match self.kind() {
            Kind::Queries => format!("{workload} {protocol}"),
            Kind::Tls => format!("{workload} {protocol}, TLS"),
            Kind::Connections => format!("-C {workload}, {}", self.door.title()),
        }
    }

    /// Which tables it belongs to.
    pub(crate) fn kind(self) -> Kind {
        match (self.connects, self.door) {
            (true, _) => Kind::Connections,
            (false, Door::Tls) => Kind::Tls,
            (false, Door::Trust | Door::Scram) => Kind::Queries,
        }
    }
}

/// The name of the memory measurement, for `--only`.
pub(crate) const IDLE: &str = "idle";

/// All cells in order, or with `quick` those with 8 and 32 clients.
pub(crate) fn all(quick: bool) -> Vec<Cell> {
    use Protocol::{Extended, Prepared, Simple};
    let reads: &[u16] = if quick { &[8, 32] } else { &[1, 8, 32, 64] };
    let writes: &[u16] = &[8, 32];
    let groups = [
        (Workload::Select, Simple, reads),
        (Workload::Select, Extended, reads),
        (Workload::Select, Prepared, reads),
        (Workload::Tpcb, Simple, writes),
        (Workload::Tpcb, Prepared, writes),
        (Workload::Mix, Simple, writes),
        (Workload::Mix, Prepared, writes),
    ];
    let cells = groups.into_iter().flat_map(|(workload, protocol, counts)| {
        counts.iter().map(move |&clients| Cell::queries(workload, protocol, clients))
    });
    let tls = [Simple, Prepared].into_iter().flat_map(|protocol| {
        [8, 32].map(|clients| Cell {
            door: Door::Tls,
            ..Cell::queries(Workload::Select, protocol, clients)
        })
    });
    let connections = [Door::Trust, Door::Scram, Door::Tls].map(|door| Cell {
        door,
        connects: true,
        ..Cell::queries(Workload::Select, Simple, 8)
    });
    cells.chain(tls).chain(connections).collect()
}

/// Whether `name` was asked for: by one of the patterns, or by there being none.
pub(crate) fn is_wanted(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|pattern| glob::matches(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_its_own_name() {
        let mut names: Vec<String> = all(false).into_iter().map(Cell::name).collect();
        assert_eq!(names.len(), 20 + 4 + 3);
        assert_eq!(names[0], "select/simple/1");
        assert!(
            ["tls/prepared/32", "connect/scram/8"]
                .iter()
                .all(|name| names.iter().any(|n| n == name))
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 27);
        assert!(all(true).iter().all(|cell| all(false).contains(cell)));
    }

    #[test]
    fn cells_are_picked_by_pattern() {
        let only = vec!["mix/*".to_owned(), "*/64".to_owned()];
        let picked = all(false).into_iter().filter(|cell| is_wanted(&only, &cell.name()));
        assert_eq!(picked.count(), 4 + 3);
        assert!(!is_wanted(&only, IDLE) && is_wanted(&[], IDLE));
    }
}
