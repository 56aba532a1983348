//! The findings as data, in the form of `--json`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::findings::{Answered, Cell, Findings, Lost, Story};
use super::history::{Read, Server};
use super::words::{Check, Level, Scope};
use crate::errors::Errors;
use crate::guarantee::{ReadShape, WriteShape};

/// A cell with its place, as it is serialised.
#[derive(Serialize)]
struct PlacedCell {
    check: Check,
    scope: Scope,
    written_by: Option<WriteShape>,
    promised: bool,
    #[serde(flatten)]
    cell: Cell,
}

#[derive(Serialize)]
struct PlacedServer {
    replica: Option<bool>,
    port: Option<i32>,
    reads: u64,
    fresh: u64,
    stale_p50_us: u64,
    stale_p99_us: u64,
    stale_max_us: u64,
}

#[derive(Serialize)]
struct PlacedStory<'a> {
    check: Check,
    scope: Scope,
    promised: bool,
    required_version: i64,
    seen_version: i64,
    /// The write or the read that set what was required: its end.
    required_since_us: u64,
    read: &'a Read,
    told: String,
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            level: Level,
            complete: bool,
            elapsed_us: u64,
            reads: u64,
            reads_on_replicas: u64,
            writes: u64,
            broken: u64,
            observed_not_promised: u64,
            cells: Vec<PlacedCell>,
            servers: Vec<PlacedServer>,
            reads_by_shape: &'a BTreeMap<ReadShape, u64>,
            writes_by_shape: &'a BTreeMap<WriteShape, u64>,
            violations: Vec<PlacedStory<'a>>,
            lost_writes: u64,
            losses_expected: bool,
            losses: &'a [Lost],
            excused: u64,
            unknown_outcomes: u64,
            connections: u64,
            errors_by_sqlstate: &'a Errors,
        }
        Whole {
            level: self.level,
            complete: self.complete,
            elapsed_us: self.elapsed_us,
            reads: self.reads,
            reads_on_replicas: self.reads_on_replicas(),
            writes: self.writes,
            broken: self.broken(),
            observed_not_promised: self.observed(),
            cells: self.placed_cells(),
            servers: self.placed_servers(),
            reads_by_shape: &self.reads_by_shape,
            writes_by_shape: &self.writes_by_shape,
            violations: self.placed_stories(),
            lost_writes: self.lost_writes,
            losses_expected: self.losses_expected,
            losses: &self.losses,
            excused: self.excused,
            unknown_outcomes: self.unknown_outcomes,
            connections: self.connections,
            errors_by_sqlstate: &self.errors,
        }
        .serialize(serializer)
    }
}

impl Findings {
    fn placed_cells(&self) -> Vec<PlacedCell> {
        let placed = |(place, cell): (&(Check, Scope, Option<WriteShape>), &Cell)| PlacedCell {
            check: place.0,
            scope: place.1,
            written_by: place.2,
            promised: self.level.promises(place.0),
            cell: *cell,
        };
        self.cells.iter().map(placed).collect()
    }

    fn placed_servers(&self) -> Vec<PlacedServer> {
        let placed = |(server, answered): (&Option<Server>, &Answered)| {
            let [p50, p99, max] = answered.freshness.quantiles_us();
            PlacedServer {
                replica: server.map(|server| server.replica),
                port: server.and_then(|server| server.port),
                reads: answered.reads,
                fresh: answered.fresh,
                stale_p50_us: p50,
                stale_p99_us: p99,
                stale_max_us: max,
            }
        };
        self.servers.iter().map(placed).collect()
    }

    fn placed_stories(&self) -> Vec<PlacedStory<'_>> {
        let placed = |story| {
            let Story { check, scope, promised, required, seen, read, .. }: &Story = story;
            PlacedStory {
                check: *check,
                scope: *scope,
                promised: *promised,
                required_version: required.version,
                seen_version: *seen,
                required_since_us: required.at,
                read,
                told: story.to_string(),
            }
        };
        self.stories.iter().map(placed).collect()
    }
}
