//! A violation, told: who wrote what when, who read what when, and how stale it was.

use std::fmt;
use std::time::Duration;

use super::findings::{Lost, Story};
use super::history::{Read, Server};
use super::words::{Check, Scope};
use crate::guarantee::{ReadShape, WriteShape};

/// A way of writing, for people.
pub(super) fn way(how: WriteShape) -> &'static str {
    match how {
        WriteShape::Simple => "simple query",
        WriteShape::Prepared => "prepared statement",
        WriteShape::Unnamed => "unnamed statement",
        WriteShape::Transaction => "transaction",
        WriteShape::MultiStatement => "several statements",
        WriteShape::CommitThenError => "commit, then error",
        WriteShape::Cte => "CTE under SELECT",
        WriteShape::Function => "function",
        WriteShape::Do => "DO block",
        WriteShape::Copy => "COPY",
        WriteShape::Pipelined => "pipelined",
    }
}

/// A way of reading, for people.
pub(super) fn reading(how: ReadShape) -> &'static str {
    match how {
        ReadShape::Simple => "simple query",
        ReadShape::Prepared => "prepared statement",
        ReadShape::Unnamed => "unnamed statement",
        ReadShape::ReadOnly => "read-only transaction",
        ReadShape::Snapshot => "REPEATABLE READ, READ ONLY",
        ReadShape::Pipelined => "sent behind the write",
        ReadShape::InWrite => "in the writing transaction",
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, scope, promised, .. } = self;
        let unpromised = if *promised { "" } else { ", not promised" };
        writeln!(f, "{}, scope {scope}{unpromised}", check.title())?;
        self.demand(f)?;
        self.answer(f)?;
        self.verdict(f)
    }
}

impl Story {
    /// What should have been seen, and why.
    fn demand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writer, required, read, .. } = self;
        let (session, key, version) = (read.session, read.key, required.version);
        let at = Moment(required.at);
        match self.check {
            Check::OwnWrites | Check::BoundedStaleness => {
                write!(f, "  {at:>11}  session {writer} ")?;
                match self.made {
                    Some(made) => {
                        write!(f, "wrote key {key}, version {version} ({}", way(made.how))?;
                        let sent = Moment(made.begin);
                        write!(f, ", connection {}, sent at {sent}) ", made.lane)?;
                    }
                    None => write!(f, "wrote key {key}, version {version} ")?,
                }
                writeln!(f, "and had it acknowledged")
            }
            Check::MonotonicReads => {
                writeln!(f, "  {at:>11}  session {session} had read key {key}, version {version}")
            }
            Check::WritesFollowReads => writeln!(
                f,
                "  {at:>11}  session {session} had read a row whose writer had seen key {key}, \
                 version {version}"
            ),
            Check::Snapshots => writeln!(
                f,
                "  key {key} is two rows that session {writer} always writes in one transaction"
            ),
        }
    }

    /// What was seen instead.
    fn answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Read { session, lane, key, how, begin, end, version, second, .. } = &self.read;
        let (sent, took) = (Moment(*begin), Age(end.saturating_sub(*begin)));
        write!(
            f,
            "  {sent:>11}  session {session} read key {key} ({}, connection {lane})",
            reading(*how)
        )?;
        write!(f, " and after {took} got {}", Version(*version))?;
        if let Some(second) = second {
            write!(f, " and {}", Version(second.version))?;
        }
        match self.read.server {
            Some(server) => writeln!(f, " from {server}"),
            None => writeln!(f),
        }
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let behind = self.required.version - self.seen;
        let s = if behind == 1 { "" } else { "s" };
        let age = Age(self.read.begin.saturating_sub(self.required.at));
        match self.check {
            Check::Snapshots if self.read.second.is_some_and(|second| second.same_snapshot) => {
                write!(f, "  one snapshot cannot show half of a transaction")
            }
            Check::Snapshots => write!(f, "  the later statement saw the older state"),
            Check::OwnWrites if self.scope == Scope::Table => {
                write!(f, "  {behind} version{s} behind a write to that table {age} before")
            }
            Check::OwnWrites => {
                write!(f, "  {behind} version{s} behind its own write of {age} before")
            }
            Check::MonotonicReads => {
                write!(f, "  {behind} version{s} behind its own read of {age} before")
            }
            Check::WritesFollowReads => {
                write!(f, "  {behind} version{s} behind what it had learnt {age} before")
            }
            Check::BoundedStaleness => {
                write!(f, "  {behind} version{s} behind; that one was {age} old")
            }
        }
    }
}

/// As [`way`], by the name it has in options and histories.
pub fn way_named(name: &str) -> Result<WriteShape, String> {
    let is_it = |how: &WriteShape| {
        serde_json::to_value(how).is_ok_and(|value| value.as_str() == Some(name))
    };
    WriteShape::ALL.into_iter().find(is_it).ok_or_else(|| {
        let all = WriteShape::ALL.iter().filter_map(|how| serde_json::to_string(how).ok());
        format!("expected {}", all.collect::<Vec<_>>().join(", ").replace('"', ""))
    })
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, session, acknowledged, survived, how, at_us } = self;
        write!(
            f,
            "lost: session {session} had version {acknowledged} of key {key} acknowledged; at {} \
             its next write ({}) found version {survived}",
            Moment(*at_us),
            way(*how)
        )
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.replica { "a replica" } else { "the primary" })?;
        match self.port {
            Some(port) => write!(f, " (port {port})"),
            None => Ok(()),
        }
    }
}

/// Since the run began.
struct Moment(u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.4} s", Duration::from_micros(self.0).as_secs_f64()))
    }
}

/// A span, in a unit that fits.
pub(super) struct Age(pub(super) u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = Duration::from_micros(self.0).as_secs_f64();
        if seconds < 1.0 {
            f.pad(&format!("{:.1} ms", seconds * 1_000.0))
        } else {
            f.pad(&format!("{seconds:.1} s"))
        }
    }
}

struct Version(Option<i64>);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(version) => write!(f, "version {version}"),
            None => f.write_str("no row"),
        }
    }
}
