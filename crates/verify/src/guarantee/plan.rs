//! What is checked, and for how long.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::error::VerifyError;
use crate::limits;
use crate::schema::KEYS_MAX;

/// Connections and tasks are made for every session.
const SESSIONS_MAX: usize = 10_000;

/// Where the checker reads and writes.
#[derive(Clone)]
pub enum Target {
    /// One URL for everything: a proxy, or a single server.
    One {
        /// The URL.
        url: String,
    },
    /// A naive router on the client's side: writes go to the primary, each read
    /// to a replica taken at random. It breaks the guarantee whenever there is
    /// lag, so it shows that the checker sees that.
    Split {
        /// The primary's URL.
        primary: String,
        /// The replicas' URLs.
        replicas: Vec<String>,
    },
}

// By hand, so that no password is printed.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One { .. } => f.debug_struct("One").finish_non_exhaustive(),
            Self::Split { replicas, .. } => {
                f.debug_struct("Split").field("replicas", &replicas.len()).finish_non_exhaustive()
            }
        }
    }
}

/// What ties a session's reads to its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reads and writes are on one connection.
    Connection,
    /// Two connections that both `SET afterwrite.session` to the same key.
    Key,
    /// Two connections; after a write `SHOW afterwrite.token` on the one, before
    /// a read `SET afterwrite.token` on the other.
    Token,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Key, Self::Token];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connection => "connection",
            Self::Key => "key",
            Self::Token => "token",
        })
    }
}

/// When a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After so many reads, or a few more: sessions finish what they have begun.
    Reads(u64),
    /// After so long.
    Elapsed(Duration),
}

/// A check to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sessions at the same time. In the scopes of key and token each has two
    /// connections, else one; with [`Target::Split`] one to each server.
    pub sessions: usize,
    /// Keys of each session; nobody else writes them.
    pub keys: usize,
    /// When to stop.
    pub until: Until,
    /// The check stops at this time even if the reads are not done.
    pub elapsed_max: Duration,
    /// Session 0 has the first scope, session 1 the second, and around again.
    pub scopes: Vec<Scope>,
    /// Share of operations that are writes, 0 to 1.
    pub write_share: f64,
    /// The longest wait for one operation; after it the connection is given up.
    pub answer_max: Duration,
    /// Repeats the sessions' choices. The servers' timing is their own.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sessions: 24,
            keys: 8,
            until: Until::Reads(10_000),
            elapsed_max: Duration::from_mins(10),
            scopes: Scope::ALL.to_vec(),
            write_share: 0.2,
            answer_max: Duration::from_secs(10),
            seed: 1,
        }
    }
}

impl Plan {
    /// Refuses what could not work, before anything is made.
    pub(super) fn check(&self, target: &Target) -> Result<(), VerifyError> {
        let refuse = |why: String| Err(VerifyError::Plan(why));
        if self.sessions == 0 || self.sessions > SESSIONS_MAX {
            return refuse(format!("sessions: {} is not 1 to {SESSIONS_MAX}", self.sessions));
        }
        if self.keys == 0 || self.keys.saturating_mul(self.sessions) > KEYS_MAX {
            return refuse(format!(
                "keys: {} for each of {} sessions is not 1 to {KEYS_MAX} in all",
                self.keys, self.sessions
            ));
        }
        if self.scopes.is_empty() {
            return refuse("scopes: expected at least one".to_owned());
        }
        if !(0.0..=1.0).contains(&self.write_share) {
            return refuse(format!("write_share: {} is not 0 to 1", self.write_share));
        }
        limits::check_wait("answer_max", self.answer_max)?;
        limits::check_duration("until and elapsed_max", self.duration_max())?;
        match target {
            Target::Split { replicas, .. } if replicas.is_empty() => {
                refuse("a split target needs at least one replica".to_owned())
            }
            Target::Split { .. } if self.scopes != [Scope::Connection] => {
                refuse("a split target knows only the scope of the connection".to_owned())
            }
            Target::Split { .. } | Target::One { .. } => Ok(()),
        }
    }

    /// How long the check may take at the most.
    pub(super) fn duration_max(&self) -> Duration {
        match self.until {
            Until::Reads(_) => self.elapsed_max,
            Until::Elapsed(duration) => duration.min(self.elapsed_max),
        }
    }

    /// The scope of the session of this number.
    pub(super) fn scope(&self, session: usize) -> Scope {
        let index = session.checked_rem(self.scopes.len()).unwrap_or(0);
        self.scopes.get(index).copied().unwrap_or(Scope::Connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Plan), target: &Target, expected: &str) {
        let mut plan = Plan::default();
        change(&mut plan);
        let outcome = plan.check(target).map_or_else(|error| error.to_string(), |()| "fine".into());
        assert!(outcome.contains(expected), "{outcome:?} lacks {expected:?}");
    }

    #[test]
    fn plans_that_cannot_work_are_refused() {
        let one = Target::One { url: String::new() };
        let split = |replicas: usize| Target::Split {
            primary: String::new(),
            replicas: vec![String::new(); replicas],
        };
        check(|_| (), &one, "fine");
        check(|p| p.sessions = 0, &one, "sessions: 0");
        check(|p| p.keys = 1_000_000, &one, "keys: 1000000");
        check(|p| p.scopes = vec![], &one, "scopes");
        check(|p| p.write_share = f64::NAN, &one, "write_share");
        check(|p| p.answer_max = Duration::ZERO, &one, "answer_max");
        check(|p| p.scopes = vec![Scope::Connection], &split(1), "fine");
        check(|p| p.scopes = vec![Scope::Connection], &split(0), "at least one replica");
        check(|_| (), &split(1), "only the scope of the connection");
    }

    #[test]
    fn no_password_is_printed() {
        let one = Target::One { url: "postgres://a:hunter2@h/d".to_owned() };
        assert_eq!(format!("{one:?}"), "One { .. }");
    }
}
