//! What is checked, where, and for how long.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::words::{Check, Level, Scope};
use crate::error::VerifyError;
use crate::guarantee::WriteShape;
use crate::limits;
use crate::schema::KEYS_MAX;

/// Connections and tasks are made for every session.
const SESSIONS_MAX: usize = 1_000;
const KEYS_PER_SESSION_MAX: usize = 100;

/// URLs to read from.
const URLS_MAX: usize = 32;

/// Where to write and to read.
#[derive(Clone)]
pub enum Target {
    /// URLs that take both: one proxy, a single server, or several proxies of one group.
    Group {
        /// The URLs.
        urls: Vec<String>,
    },
    /// Writes go to one URL, reads to others, taken at random.
    Split {
        /// The primary, or an endpoint that leads to it.
        writes: String,
        /// Replicas, or endpoints that lead to them.
        reads: Vec<String>,
        /// Whether each statement of a transaction goes its own way, as with a router that
        /// looks at statements alone.
        per_statement: bool,
    },
}

impl Target {
    /// All URLs that reads go to.
    pub(super) fn reads(&self) -> &[String] {
        match self {
            Self::Group { urls } => urls,
            Self::Split { reads, .. } => reads,
        }
    }

    pub(super) fn is_split(&self) -> bool {
        matches!(self, Self::Split { .. })
    }
}

// By hand, so that no password is printed; fit to be shown.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.reads().len();
        match self {
            Self::Group { .. } if count == 1 => f.write_str("one URL for writes and reads"),
            Self::Group { .. } => write!(f, "{count} URLs, each for writes and reads"),
            Self::Split { per_statement: true, .. } => {
                write!(f, "a naive router: reads at random from {count} URLs")
            }
            Self::Split { .. } => write!(f, "one URL for writes, {count} for reads"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A check to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long.
    pub duration: Duration,
    /// Sessions at the same time. Each has a connection or two; with [`Target::Split`] one
    /// to each URL.
    pub sessions: usize,
    /// Keys of each session: nobody else writes them, everybody reads them.
    pub keys: usize,
    /// Operations a second, of all sessions together; none is as many as there can be.
    pub rate: Option<u32>,
    /// Share of operations that are writes, 0 to 1.
    pub write_share: f64,
    /// Repeats the sessions' choices. The servers' timing is their own.
    pub seed: u64,
    /// What reads ask for; none leaves it as it is.
    pub level: Option<Level>,
    /// Whether that is set on connections where levels are known; else reads are only held
    /// to it.
    pub set_level: bool,
    /// What staleness is held against; at level `strong` it is nothing.
    pub bound: Duration,
    /// Which scopes; none is whatever is offered.
    pub scopes: Option<Vec<Scope>>,
    /// Which checks are judged.
    pub checks: Vec<Check>,
    /// Which ways of writing.
    pub ways: Vec<WriteShape>,
    /// The schema for the tables. It is made, and removed with all in it; one that exists
    /// stays, and only our tables are made in it.
    pub schema: String,
    /// Whether reads ask who answers. Off, they are as plain as can be.
    pub ask_server: bool,
    /// Acknowledged writes may be lost: a failover is going to happen.
    pub expect_failover: bool,
    /// Where the history is kept.
    pub history: Option<PathBuf>,
    /// The longest wait for one operation; after it the connection is given up.
    pub answer_max: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(20),
            sessions: 16,
            keys: 4,
            rate: None,
            write_share: 0.25,
            seed: 1,
            level: None,
            set_level: true,
            bound: Duration::from_secs(1),
            scopes: None,
            checks: Check::ALL.to_vec(),
            ways: WriteShape::ALL.to_vec(),
            schema: "afterwrite_verify".to_owned(),
            ask_server: true,
            expect_failover: false,
            history: None,
            answer_max: Duration::from_secs(10),
        }
    }
}

impl Plan {
    /// Refuses what could not work, before anything is made.
    pub(super) fn check(&self, target: &Target) -> Result<(), VerifyError> {
        let refuse = |why: String| Err(VerifyError::Plan(why));
        let urls = target.reads().len();
        if !(1..=URLS_MAX).contains(&urls) {
            return refuse(format!("{urls} URLs: expected 1 to {URLS_MAX}"));
        }
        if !(1..=SESSIONS_MAX).contains(&self.sessions) {
            return refuse(format!("sessions: expected 1 to {SESSIONS_MAX}"));
        }
        if !(1..=KEYS_PER_SESSION_MAX).contains(&self.keys) {
            return refuse(format!("keys: expected 1 to {KEYS_PER_SESSION_MAX}"));
        }
        const { assert!(SESSIONS_MAX * KEYS_PER_SESSION_MAX <= KEYS_MAX, "keys of runs meet") };
        if !(0.0..=1.0).contains(&self.write_share) {
            return refuse("write_share: expected 0 to 1".to_owned());
        }
        if self.rate == Some(0) {
            return refuse("rate: expected at least 1 a second".to_owned());
        }
        if self.scopes.as_ref().is_some_and(Vec::is_empty) || self.checks.is_empty() {
            return refuse("expected at least one scope and one check".to_owned());
        }
        if self.ways(target).is_empty() {
            return refuse("none of these ways of writing is possible here".to_owned());
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let name = &self.schema;
        if !(1..=40).contains(&name.len())
            || !name.chars().all(plain)
            || name.starts_with(|c: char| c.is_ascii_digit())
            || name.starts_with("pg_")
        {
            return refuse(format!(
                "schema: expected at most 40 small letters, digits and underscores, not {name:?}"
            ));
        }
        limits::check_wait("duration", self.duration)?;
        limits::check_duration("duration", self.duration)?;
        limits::check_wait("answer_max", self.answer_max)?;
        limits::check_pause("bound", self.bound)
    }

    /// The ways of writing that are possible.
    pub(super) fn ways(&self, target: &Target) -> Vec<WriteShape> {
        let possible = |way: &WriteShape| match way {
            // Two connections have no order between requests that wait for neither.
            WriteShape::Pipelined => !target.is_split(),
            // After a loss it must be known which version a write has made.
            WriteShape::Do | WriteShape::Copy => !self.expect_failover,
            WriteShape::Simple
            | WriteShape::Prepared
            | WriteShape::Unnamed
            | WriteShape::Transaction
            | WriteShape::MultiStatement
            | WriteShape::CommitThenError
            | WriteShape::Cte
            | WriteShape::Function => true,
        };
        self.ways.iter().copied().filter(possible).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Plan), expected: &str) {
        let mut plan = Plan::default();
        change(&mut plan);
        let target = Target::Group { urls: vec!["postgres://a:hunter2@h/d".to_owned()] };
        let outcome = plan.check(&target);
        let outcome = outcome.map_or_else(|error| error.to_string(), |()| "fine".to_owned());
        assert!(outcome.contains(expected), "{outcome:?} lacks {expected:?}");
    }

    #[test]
    fn plans_that_cannot_work_are_refused() {
        check(|_| (), "fine");
        check(|p| p.sessions = 0, "sessions: expected 1 to 1000");
        check(|p| p.keys = 101, "keys: expected 1 to 100");
        check(|p| p.write_share = f64::NAN, "write_share");
        check(|p| p.rate = Some(0), "at least 1 a second");
        check(|p| p.scopes = Some(Vec::new()), "at least one scope");
        check(|p| p.schema = "Public".into(), "small letters");
        check(|p| p.schema = "pg_temp".into(), "small letters");
        check(|p| p.schema = "a\"; DROP".into(), "small letters");
        check(|p| p.duration = Duration::ZERO, "more than nothing");
        check(|p| p.ways = vec![], "none of these ways");
        let lossy = |p: &mut Plan| (p.ways, p.expect_failover) = (vec![WriteShape::Do], true);
        check(lossy, "none of these ways");
    }

    #[test]
    fn no_password_is_printed() {
        let urls = vec!["postgres://a:hunter2@h/d".to_owned()];
        let target = Target::Group { urls };
        assert!(!format!("{target:?} {target}").contains("hunter2"));
    }
}
