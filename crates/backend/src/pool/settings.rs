//! How a pool behaves.

use std::time::Duration;

/// How the pools of one user of one database behave. Changes apply at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections per node and role.
    pub size: usize,
    /// Connections to the primary that are kept open, once there was one.
    pub min_size: usize,
    /// Further connections for statements that have waited for `reserve_timeout`.
    pub reserve_size: usize,
    /// How long a statement waits before it may take one of the reserve.
    pub reserve_timeout: Duration,
    /// Reads at once on the primary for want of a replica.
    pub fallback_size: usize,
    /// Statements that may wait for a connection, per node and role.
    pub queue_max: usize,
    /// How long a statement waits for one.
    pub wait_timeout: Duration,
    /// How long opening one may take.
    pub connect_timeout: Duration,
    /// After the server has refused a login, it is not asked again for so long.
    pub login_retry: Duration,
    /// After how long an unused one is closed.
    pub idle_timeout: Duration,
    /// After how long any one is closed.
    pub lifetime_max: Duration,
    /// One unused for longer than this is asked `check_query` before its use.
    pub check_after: Duration,
    /// What it is asked; empty for nothing.
    pub check_query: String,
    /// What is run on each new connection; empty for nothing.
    pub connect_query: String,
    /// Which of the unused ones is taken.
    pub order: Order,
    /// Statements that may be prepared on one.
    pub prepared_max: usize,
}

impl PoolSettings {
    /// Whether a connection that was unused for so long may be used without asking it.
    pub(crate) fn trusts(&self, unused_for: impl FnOnce() -> Duration) -> bool {
        self.check_query.is_empty()
            || self.check_after > Duration::ZERO && unused_for() < self.check_after
    }
}

/// Which of the unused connections is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last one given back: the rest may grow idle and be closed.
    Lifo,
    /// Each in turn: load spreads evenly, behind a balancer for example.
    Fifo,
}
