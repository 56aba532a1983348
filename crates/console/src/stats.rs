//! Counters, and what they amount to per second.

use std::time::Duration;

/// What was counted since the proxy started. Only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times a server connection was given to a client.
    pub server_assignments: u64,
    /// Transactions that ended, a statement outside of one being one.
    pub transactions: u64,
    /// Statements.
    pub queries: u64,
    /// Bytes from clients.
    pub bytes_received: u64,
    /// Bytes to clients.
    pub bytes_sent: u64,
    /// Microseconds in transactions.
    pub transaction_us: u64,
    /// Microseconds in statements.
    pub query_us: u64,
    /// Microseconds that clients waited for a server connection.
    pub wait_us: u64,
    /// Statements that clients prepared.
    pub client_parses: u64,
    /// Statements that were prepared on servers for them.
    pub server_parses: u64,
    /// Executions of prepared statements.
    pub binds: u64,
    /// Clients that logged in.
    pub client_logins: u64,
    /// Reads that ran on a replica.
    pub replica_reads: u64,
    /// Reads that ran on the primary, for whatever reason.
    pub primary_reads: u64,
    /// Of these, reads for which no replica had caught up in time.
    pub fallbacks: u64,
    /// Reads that waited for a replica to catch up.
    pub replay_waits: u64,
}

/// What a database did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The database, by the name that clients use.
    pub database: String,
    /// Since the start.
    pub totals: Counters,
    /// In the last period: see [`Meter::averages`].
    pub averages: Averages,
}

/// What was counted in a period, and what that is on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Averages {
    grown: Counters,
    elapsed: Duration,
}

impl Averages {
    /// Of what happened from `before` to `after`, `elapsed` apart.
    pub fn between(before: &Counters, after: &Counters, elapsed: Duration) -> Self {
        Self { grown: after.zip(before, u64::saturating_sub), elapsed }
    }

    /// The averages, as PgBouncer means them: what is counted, per second; a time,
    /// per thing that took it. So `query_us` is how long a statement took, and
    /// `wait_us` how long a client waited for its server connection. Fractions are
    /// dropped; in no time nothing happens.
    pub fn rates(&self) -> Counters {
        let micros = self.elapsed.as_micros();
        let per_second = |grown: u64| {
            let rate = (u128::from(grown) * 1_000_000).checked_div(micros).unwrap_or(0);
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        let each = |time: u64, count: u64| time.checked_div(count).unwrap_or(0);
        let grown = &self.grown;
        Counters {
            transaction_us: each(grown.transaction_us, grown.transactions),
            query_us: each(grown.query_us, grown.queries),
            wait_us: each(grown.wait_us, grown.server_assignments),
            ..grown.zip(grown, |grown, _| per_second(grown))
        }
    }

    /// Adds another database's of the same period.
    pub(crate) fn add(&mut self, other: &Self) {
        self.grown.add(&other.grown);
        self.elapsed = self.elapsed.max(other.elapsed);
    }
}

/// Makes averages of counters, one period after the other.
///
/// Whoever counts calls [`Meter::tick`] at the end of each period; the averages are
/// then those of that period until the next tick, and zero before the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    before: Counters,
    ticked_at: Duration,
    averages: Averages,
}

impl Meter {
    /// Begins the first period. `now` is the time since any fixed moment.
    pub fn new(now: Duration) -> Self {
        Self { ticked_at: now, ..Self::default() }
    }

    /// Ends a period: `totals` is what has been counted up to `now`.
    pub fn tick(&mut self, now: Duration, totals: &Counters) {
        let elapsed = now.saturating_sub(self.ticked_at);
        self.averages = Averages::between(&self.before, totals, elapsed);
        self.before = *totals;
        self.ticked_at = now;
    }

    /// The averages of the last whole period.
    pub fn averages(&self) -> Averages {
        self.averages
    }
}

impl Counters {
    /// Adds another database's.
    pub(crate) fn add(&mut self, other: &Self) {
        *self = self.zip(other, u64::saturating_add);
    }

    /// Each counter with the other's.
    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            server_assignments: f(self.server_assignments, other.server_assignments),
            transactions: f(self.transactions, other.transactions),
            queries: f(self.queries, other.queries),
            bytes_received: f(self.bytes_received, other.bytes_received),
            bytes_sent: f(self.bytes_sent, other.bytes_sent),
            transaction_us: f(self.transaction_us, other.transaction_us),
            query_us: f(self.query_us, other.query_us),
            wait_us: f(self.wait_us, other.wait_us),
            client_parses: f(self.client_parses, other.client_parses),
            server_parses: f(self.server_parses, other.server_parses),
            binds: f(self.binds, other.binds),
            client_logins: f(self.client_logins, other.client_logins),
            replica_reads: f(self.replica_reads, other.replica_reads),
            primary_reads: f(self.primary_reads, other.primary_reads),
            fallbacks: f(self.fallbacks, other.fallbacks),
            replay_waits: f(self.replay_waits, other.replay_waits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn counts_are_per_second_and_times_are_each() {
        let before = Counters { queries: 100, query_us: 1_000, ..Counters::default() };
        let after = Counters {
            queries: 400,
            query_us: 1_000 + 300 * 7,
            transactions: 30,
            transaction_us: 900,
            server_assignments: 60,
            wait_us: 6_000,
            bytes_sent: 3_000_000_000_000_000_000,
            ..Counters::default()
        };
        let found = Averages::between(&before, &after, SECOND * 60).rates();
        let expected = Counters {
            queries: 5,
            query_us: 7,
            transactions: 0,
            transaction_us: 30,
            server_assignments: 1,
            wait_us: 100,
            bytes_sent: 50_000_000_000_000_000,
            ..Counters::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn no_time_and_no_progress_give_zeros() {
        let some = Counters { queries: 9, query_us: 9, ..Counters::default() };
        let none = Counters::default();
        assert_eq!(Averages::between(&some, &some, SECOND).rates(), none);
        assert_eq!(Averages::between(&none, &some, Duration::ZERO).rates().queries, 0);
        assert_eq!(Averages::between(&some, &none, SECOND).rates(), none, "counted anew");
    }

    #[test]
    fn each_tick_ends_a_period() {
        let queries = |queries| Counters { queries, ..Counters::default() };
        let mut meter = Meter::new(SECOND * 100);
        assert_eq!(meter.averages().rates().queries, 0);
        meter.tick(SECOND * 110, &queries(50));
        assert_eq!(meter.averages().rates().queries, 5);
        meter.tick(SECOND * 111, &queries(250));
        assert_eq!(meter.averages().rates().queries, 200);
        meter.tick(SECOND * 171, &queries(250));
        assert_eq!(meter.averages().rates().queries, 0);
    }
}
