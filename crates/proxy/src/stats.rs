//! What clients of a database have done, added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    }

    /// Everything so far.
    pub(crate) fn total(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_micros(read(counter));
        Tally {
            transactions: read(&self.transactions),
            queries: read(&self.queries),
            received: read(&self.received),
            sent: read(&self.sent),
            transaction_time: time(&self.transaction_time),
            query_time: time(&self.query_time),
            wait_time: time(&self.wait_time),
            assignments: read(&self.assignments),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
