//! What a check found.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::floors::Mark;
use super::history::{Header, Read, Server};
use super::versions::Made;
use super::words::{Check, Level, Scope};
use crate::errors::Errors;
use crate::guarantee::{ReadShape, WriteShape};

/// Of each check in each scope the first few violations are told, the others only counted.
const TOLD_MAX: usize = 3;

/// Losses that are told.
const LOSSES_MAX: usize = 20;

/// Servers that are told apart; the others count only in the totals.
const SERVERS_MAX: usize = 64;

/// The longest staleness that is told apart: an hour, in microseconds.
const AGE_US_MAX: u64 = 3_600_000_000;

/// Reads of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// How many had something to be held against.
    pub judged: u64,
    /// How many of them failed.
    pub violations: u64,
}

impl Cell {
    pub(super) fn add(&mut self, other: Self) {
        self.judged += other.judged;
        self.violations += other.violations;
    }
}

/// A violation with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Story {
    pub(super) check: Check,
    pub(super) scope: Scope,
    pub(super) promised: bool,
    /// Whose key it is.
    pub(super) writer: usize,
    pub(super) required: Mark,
    /// How the required version was made, if it is still known.
    pub(super) made: Option<Made>,
    /// The older of the versions that were read.
    pub(super) seen: i64,
    pub(super) read: Read,
}

/// Acknowledged writes that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The key.
    pub key: usize,
    /// Whose it is.
    pub session: usize,
    /// The version that had been acknowledged.
    pub acknowledged: i64,
    /// The version that is left.
    pub survived: i64,
    /// The write that found it, by its way.
    pub how: WriteShape,
    /// When it was found.
    pub at_us: u64,
}

/// How old what was read was: since when something newer had been acknowledged.
#[derive(Clone, Debug)]
pub struct Freshness(Option<Histogram<u64>>);

impl Default for Freshness {
    fn default() -> Self {
        // Refused only for bounds that make no sense; these do.
        Self(Histogram::new_with_bounds(1, AGE_US_MAX, 3).ok())
    }
}

/// What one server answered.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// How many reads.
    pub reads: u64,
    /// How many of them saw the newest acknowledged version.
    pub fresh: u64,
    /// How old what they saw was.
    pub freshness: Freshness,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What reads asked for.
    pub level: Level,
    /// Reads in all.
    pub reads: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// By check, scope, and the way in which what had to be seen was written; none where
    /// that is not known any more.
    pub cells: BTreeMap<(Check, Scope, Option<WriteShape>), Cell>,
    /// The first violations of each check in each scope.
    pub stories: Vec<Story>,
    /// Acknowledged writes that were lost, in all.
    pub lost_writes: u64,
    /// The first losses.
    pub losses: Vec<Lost>,
    /// Whether losses are no violation.
    pub losses_expected: bool,
    /// Reads below a floor that was gone with lost writes.
    pub excused: u64,
    /// Writes of which nobody knows whether they were committed.
    pub unknown_outcomes: u64,
    /// Connections that were made.
    pub connections: u64,
    /// By server, or none for those that did not say.
    pub servers: BTreeMap<Option<Server>, Answered>,
    /// Reads by how they were made.
    pub reads_by_shape: BTreeMap<ReadShape, u64>,
    /// Writes by how they were made.
    pub writes_by_shape: BTreeMap<WriteShape, u64>,
    /// Operations that failed, by SQLSTATE; not part of a history.
    pub errors: Errors,
    /// Whether the run came to its planned end.
    pub complete: bool,
    /// How long it took.
    pub elapsed_us: u64,
}

impl Findings {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            level: header.level,
            reads: 0,
            writes: 0,
            cells: BTreeMap::new(),
            stories: Vec::new(),
            lost_writes: 0,
            losses: Vec::new(),
            losses_expected: header.expect_failover,
            excused: 0,
            unknown_outcomes: 0,
            connections: 0,
            servers: BTreeMap::new(),
            reads_by_shape: BTreeMap::new(),
            writes_by_shape: BTreeMap::new(),
            errors: Errors::default(),
            complete: false,
            elapsed_us: 0,
        }
    }

    /// All cells of a check, in the scope or in all of them.
    pub fn sum(&self, check: Check, scope: Option<Scope>) -> Cell {
        let mut sum = Cell::default();
        for ((of, within, _), cell) in &self.cells {
            if *of == check && scope.is_none_or(|scope| scope == *within) {
                sum.add(*cell);
            }
        }
        sum
    }

    /// Violations of what the level promises; lost writes count unless they are expected.
    pub fn broken(&self) -> u64 {
        let lost = if self.losses_expected { 0 } else { self.lost_writes };
        lost + self.violations(true)
    }

    /// Violations of what the level does not promise.
    pub fn observed(&self) -> u64 {
        self.violations(false)
    }

    fn violations(&self, promised: bool) -> u64 {
        let of = |check: &Check| self.level.promises(*check) == promised;
        Check::ALL.into_iter().filter(of).map(|check| self.sum(check, None).violations).sum()
    }

    /// Reads that a replica answered.
    pub fn reads_on_replicas(&self) -> u64 {
        let replicas = |(server, answered): (&Option<Server>, &Answered)| {
            server.is_some_and(|server| server.replica).then_some(answered.reads)
        };
        self.servers.iter().filter_map(replicas).sum()
    }

    pub(super) fn judged(&mut self, check: Check, scope: Scope, how: Option<WriteShape>) {
        self.cells.entry((check, scope, how)).or_default().judged += 1;
    }

    pub(super) fn violation(&mut self, story: Story) {
        let how = story.made.map(|made| made.how);
        self.cells.entry((story.check, story.scope, how)).or_default().violations += 1;
        let same = |other: &&Story| other.check == story.check && other.scope == story.scope;
        if self.stories.iter().filter(same).count() < TOLD_MAX {
            self.stories.push(story);
        }
    }

    pub(super) fn read(&mut self, read: &Read, age_us: u64) {
        self.reads += 1;
        *self.reads_by_shape.entry(read.how).or_default() += 1;
        let known = self.servers.contains_key(&read.server);
        if !known && self.servers.len() >= SERVERS_MAX {
            return;
        }
        let answered = self.servers.entry(read.server).or_default();
        answered.reads += 1;
        answered.fresh += u64::from(age_us == 0);
        answered.freshness.record(age_us);
    }

    pub(super) fn wrote(&mut self, how: WriteShape) {
        self.writes += 1;
        *self.writes_by_shape.entry(how).or_default() += 1;
    }

    pub(super) fn lost(&mut self, lost: Lost) {
        self.lost_writes += (lost.acknowledged - lost.survived).unsigned_abs();
        if self.losses.len() < LOSSES_MAX {
            self.losses.push(lost);
        }
    }

    pub(super) fn excused(&mut self) {
        self.excused += 1;
    }

    pub(super) fn unknown_outcome(&mut self) {
        self.unknown_outcomes += 1;
    }

    pub(super) fn connected(&mut self) {
        self.connections += 1;
    }

    pub(super) fn ended(&mut self, at: u64, complete: bool) {
        (self.elapsed_us, self.complete) = (at, complete);
    }
}

impl Freshness {
    /// So old was what half, 99 of 100, and all of the reads saw, at most.
    pub fn quantiles_us(&self) -> [u64; 3] {
        let Some(ages) = &self.0 else { return [0; 3] };
        [ages.value_at_quantile(0.5), ages.value_at_quantile(0.99), ages.max()]
    }

    fn record(&mut self, age_us: u64) {
        if let Some(ages) = &mut self.0 {
            ages.saturating_record(age_us);
        }
    }
}
