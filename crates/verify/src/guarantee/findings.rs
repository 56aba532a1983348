//! What a check found, while it runs and at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::Progress;
use super::judge::{Kind, Node};
use super::plan::{Scope, Until};
use super::read::ReadShape;
use super::write::WriteShape;
use crate::error::Fault;
use crate::errors::Errors;
use crate::payments::grouped;

/// The first ones are told in full, the others only counted.
const VIOLATIONS_MAX: usize = 100;

/// Of those told, how many are printed.
const PRINTED_MAX: usize = 10;

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What is wrong.
    pub kind: Kind,
    /// What tied the read to the write.
    pub scope: Scope,
    /// The session's number.
    pub session: usize,
    /// The session's own number of the key.
    pub key: usize,
    /// The least version that had to be there.
    pub expected: i64,
    /// The version that was; none if there was no row, or no table.
    pub got: Option<i64>,
    /// The version of the key's second side, where it was read.
    pub got_second: Option<i64>,
    /// Who answered, if it said so.
    pub node: Option<Node>,
    /// How the key was written last.
    pub written: Option<WriteShape>,
    /// How it was read; none for a write that found a lost one.
    pub read: Option<ReadShape>,
    /// Since the check began, in milliseconds.
    pub elapsed_ms: u64,
}

/// The result of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Reads that were judged.
    pub reads: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Reads older than their floor. The number that must be zero.
    pub stale_count: u64,
    /// Transactions that saw half of a write.
    pub torn_count: u64,
    /// Acknowledged writes that a later write found gone.
    pub lost_count: u64,
    /// The first hundred of all of these.
    pub violations: Vec<Violation>,
    /// Reads by what ties them to the writes.
    pub reads_by_scope: BTreeMap<Scope, u64>,
    /// Reads by how they were made.
    pub reads_by_shape: BTreeMap<ReadShape, u64>,
    /// Acknowledged writes by how they were made.
    pub writes_by_shape: BTreeMap<WriteShape, u64>,
    /// Reads that a replica answered.
    pub reads_on_replicas: u64,
    /// Writes of which nobody knows whether they were committed.
    pub unknown_outcomes: u64,
    /// Connections made in place of a lost one.
    pub reconnects: u64,
    /// Operations that failed, by SQLSTATE.
    pub errors_by_sqlstate: Errors,
    /// Whether all that the plan asked for was done.
    pub complete: bool,
    /// How long the check took.
    pub elapsed_s: f64,
}

impl Findings {
    /// Whether every promise was kept. Says nothing of errors.
    pub fn is_clean(&self) -> bool {
        self.stale_count == 0 && self.torn_count == 0 && self.lost_count == 0
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unfinished = if self.complete { "" } else { " (not all that was asked for)" };
        writeln!(
            f,
            "{} reads and {} writes in {:.1} s{unfinished}",
            grouped(self.reads),
            grouped(self.writes),
            self.elapsed_s
        )?;
        let figure = |f: &mut fmt::Formatter<'_>, name: &str, count: u64| {
            writeln!(f, "  {name:<22}{:>12}", grouped(count))
        };
        figure(f, "stale reads", self.stale_count)?;
        figure(f, "torn transactions", self.torn_count)?;
        figure(f, "lost writes", self.lost_count)?;
        figure(f, "reads on replicas", self.reads_on_replicas)?;
        for (scope, count) in &self.reads_by_scope {
            figure(f, &format!("reads by {scope}"), *count)?;
        }
        figure(f, "unknown outcomes", self.unknown_outcomes)?;
        figure(f, "reconnects", self.reconnects)?;
        for (kind, count) in self.errors_by_sqlstate.iter() {
            figure(f, &format!("errors {kind}"), count)?;
        }
        for violation in self.violations.iter().take(PRINTED_MAX) {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |version: Option<i64>| version.map_or("none".to_owned(), |v| v.to_string());
        let Self { kind, session, key, scope, expected, .. } = self;
        write!(f, "{kind:?}: session {session}, key {key}, scope {scope}: ")?;
        write!(f, "expected version {expected}, got {}", version(self.got))?;
        if self.got_second.is_some() {
            write!(f, " and {}", version(self.got_second))?;
        }
        if let Some(Node { replica, port }) = self.node {
            let role = if replica { "a replica" } else { "the primary" };
            write!(f, " from {role}")?;
            if let Some(port) = port {
                write!(f, " on port {port}")?;
            }
        }
        if let Some(shape) = self.written {
            write!(f, "; written by {shape:?}")?;
        }
        if let Some(shape) = self.read {
            write!(f, ", read by {shape:?}")?;
        }
        write!(f, "; at {} ms", self.elapsed_ms)
    }
}

struct Inner {
    begin: Instant,
    until: Until,
    done: AtomicBool,
    /// Held for the time of an addition, never across a wait.
    findings: Mutex<Findings>,
}

/// The findings of all sessions together.
#[derive(Clone)]
pub(super) struct Shared(Arc<Inner>);

impl Shared {
    pub(super) fn new(until: Until) -> Self {
        let done = AtomicBool::new(until == Until::Reads(0));
        let (begin, findings) = (Instant::now(), Mutex::new(Findings::default()));
        Self(Arc::new(Inner { begin, until, done, findings }))
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.done.load(Ordering::Relaxed)
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn read(&self, scope: Scope, shape: ReadShape, node: Option<Node>) {
        let mut findings = self.lock();
        findings.reads += 1;
        *findings.reads_by_scope.entry(scope).or_default() += 1;
        *findings.reads_by_shape.entry(shape).or_default() += 1;
        findings.reads_on_replicas += u64::from(node.is_some_and(|node| node.replica));
        if let Until::Reads(reads) = self.0.until
            && findings.reads >= reads
        {
            self.0.done.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn wrote(&self, shape: WriteShape) {
        let mut findings = self.lock();
        findings.writes += 1;
        *findings.writes_by_shape.entry(shape).or_default() += 1;
    }

    pub(super) fn violation(&self, violation: Violation) {
        let mut findings = self.lock();
        match violation.kind {
            Kind::Stale => findings.stale_count += 1,
            Kind::Torn => findings.torn_count += 1,
            Kind::Lost => findings.lost_count += 1,
        }
        if findings.violations.len() < VIOLATIONS_MAX {
            findings.violations.push(violation);
        }
    }

    pub(super) fn error(&self, fault: &Fault) {
        self.lock().errors_by_sqlstate.count(fault);
    }

    pub(super) fn unknown_outcome(&self) {
        self.lock().unknown_outcomes += 1;
    }

    pub(super) fn reconnected(&self) {
        self.lock().reconnects += 1;
    }

    pub(super) fn progress(&self) -> Progress {
        let findings = self.lock();
        Progress {
            elapsed: self.0.begin.elapsed(),
            until: self.0.until,
            reads: findings.reads,
            writes: findings.writes,
            stale: findings.stale_count,
        }
    }

    pub(super) fn finish(&self) -> Findings {
        let elapsed = self.0.begin.elapsed();
        let mut findings = self.lock().clone();
        findings.elapsed_s = elapsed.as_secs_f64();
        findings.complete = match self.0.until {
            Until::Reads(reads) => findings.reads >= reads,
            Until::Elapsed(duration) => elapsed >= duration,
        };
        findings
    }

    fn lock(&self) -> MutexGuard<'_, Findings> {
        self.0.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
