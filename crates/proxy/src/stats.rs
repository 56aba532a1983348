//! What clients of a database have done, added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use afterwrite_console::Counters;

/// What clients of a database have done since the proxy started.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    transactions: AtomicU64,
    queries: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// Microseconds.
    transaction_time: AtomicU64,
    query_time: AtomicU64,
    wait_time: AtomicU64,
    assignments: AtomicU64,
    logins: AtomicU64,
    replica_reads: AtomicU64,
    primary_reads: AtomicU64,
    fallbacks: AtomicU64,
    replay_waits: AtomicU64,
}

/// One client's part, since it was last added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) transactions: u64,
    pub(crate) queries: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) transaction_time: Duration,
    pub(crate) query_time: Duration,
    pub(crate) wait_time: Duration,
    pub(crate) assignments: u64,
    pub(crate) replica_reads: u64,
    pub(crate) primary_reads: u64,
    pub(crate) fallbacks: u64,
    pub(crate) replay_waits: u64,
}

impl Stats {
    pub(crate) fn add(&self, tally: &Tally) {
        let add = |counter: &AtomicU64, by: u64| {
            if by > 0 {
                counter.fetch_add(by, Ordering::Relaxed);
            }
        };
        add(&self.transactions, tally.transactions);
        add(&self.queries, tally.queries);
        add(&self.received, tally.received);
        add(&self.sent, tally.sent);
        add(&self.transaction_time, micros(tally.transaction_time));
        add(&self.query_time, micros(tally.query_time));
        add(&self.wait_time, micros(tally.wait_time));
        add(&self.assignments, tally.assignments);
        add(&self.replica_reads, tally.replica_reads);
        add(&self.primary_reads, tally.primary_reads);
        add(&self.fallbacks, tally.fallbacks);
        add(&self.replay_waits, tally.replay_waits);
    }

    /// Everything so far.
    pub(crate) fn total(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            server_assignments: read(&self.assignments),
            transactions: read(&self.transactions),
            queries: read(&self.queries),
            bytes_received: read(&self.received),
            bytes_sent: read(&self.sent),
            transaction_us: read(&self.transaction_time),
            query_us: read(&self.query_time),
            wait_us: read(&self.wait_time),
            client_logins: read(&self.logins),
            replica_reads: read(&self.replica_reads),
            primary_reads: read(&self.primary_reads),
            fallbacks: read(&self.fallbacks),
            replay_waits: read(&self.replay_waits),
            ..Counters::default()
        }
    }

    /// Counts a client that has logged in.
    pub(crate) fn note_login(&self) {
        self.logins.fetch_add(1, Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
