//! `STATS` and its kin.

use super::columns::{numeric, text};
use super::{Field, Layout};
use crate::stats::{Counters, Stats};
use crate::table::Value;

/// Totals and averages.
pub(super) const STATS: Layout<Stats> = Layout {
    theirs: &[DATABASE, TOTAL, AVERAGE],
    ours: &[
        TOTAL_OURS,
        AVERAGE_OURS,
        // Its name before PgBouncer 1.8, which exporters still ask for.
        &[numeric("total_requests", |s| Value::Numeric(s.totals.queries))],
    ],
};

const DATABASE: &[Field<Stats>] = &[text("database", |s| Value::text(&s.database))];

const TOTAL: &[Field<Stats>] = &[
    numeric("total_server_assignment_count", |s| Value::Numeric(s.totals.server_assignments)),
    numeric("total_xact_count", |s| Value::Numeric(s.totals.transactions)),
    numeric("total_query_count", |s| Value::Numeric(s.totals.queries)),
    numeric("total_received", |s| Value::Numeric(s.totals.bytes_received)),
    numeric("total_sent", |s| Value::Numeric(s.totals.bytes_sent)),
    numeric("total_xact_time", |s| Value::Numeric(s.totals.transaction_us)),
    numeric("total_query_time", |s| Value::Numeric(s.totals.query_us)),
    numeric("total_wait_time", |s| Value::Numeric(s.totals.wait_us)),
    numeric("total_client_parse_count", |s| Value::Numeric(s.totals.client_parses)),
    numeric("total_server_parse_count", |s| Value::Numeric(s.totals.server_parses)),
    numeric("total_bind_count", |s| Value::Numeric(s.totals.binds)),
];

const AVERAGE: &[Field<Stats>] = &[
    numeric("avg_server_assignment_count", |s| {
        Value::Numeric(s.averages.rates().server_assignments)
    }),
    numeric("avg_xact_count", |s| Value::Numeric(s.averages.rates().transactions)),
    numeric("avg_query_count", |s| Value::Numeric(s.averages.rates().queries)),
    numeric("avg_recv", |s| Value::Numeric(s.averages.rates().bytes_received)),
    numeric("avg_sent", |s| Value::Numeric(s.averages.rates().bytes_sent)),
    numeric("avg_xact_time", |s| Value::Numeric(s.averages.rates().transaction_us)),
    numeric("avg_query_time", |s| Value::Numeric(s.averages.rates().query_us)),
    numeric("avg_wait_time", |s| Value::Numeric(s.averages.rates().wait_us)),
    numeric("avg_client_parse_count", |s| Value::Numeric(s.averages.rates().client_parses)),
    numeric("avg_server_parse_count", |s| Value::Numeric(s.averages.rates().server_parses)),
    numeric("avg_bind_count", |s| Value::Numeric(s.averages.rates().binds)),
];

const TOTAL_OURS: &[Field<Stats>] = &[
    numeric("total_client_login_count", |s| Value::Numeric(s.totals.client_logins)),
    numeric("total_replica_read_count", |s| Value::Numeric(s.totals.replica_reads)),
    numeric("total_primary_read_count", |s| Value::Numeric(s.totals.primary_reads)),
    numeric("total_fallback_count", |s| Value::Numeric(s.totals.fallbacks)),
    numeric("total_replay_wait_count", |s| Value::Numeric(s.totals.replay_waits)),
];

const AVERAGE_OURS: &[Field<Stats>] = &[
    numeric("avg_client_login_count", |s| Value::Numeric(s.averages.rates().client_logins)),
    numeric("avg_replica_read_count", |s| Value::Numeric(s.averages.rates().replica_reads)),
    numeric("avg_primary_read_count", |s| Value::Numeric(s.averages.rates().primary_reads)),
    numeric("avg_fallback_count", |s| Value::Numeric(s.averages.rates().fallbacks)),
    numeric("avg_replay_wait_count", |s| Value::Numeric(s.averages.rates().replay_waits)),
];

/// The counters under the names that `STATS_TOTALS` and `STATS_AVERAGES` share: a
/// macro, because each reads another field of [`Stats`] in a function pointer.
macro_rules! plain {
    ($counters:expr) => {
        Layout {
            theirs: &[
                DATABASE,
                &[
                    numeric("server_assignment_count", |s| {
                        Value::Numeric($counters(s).server_assignments)
                    }),
                    numeric("xact_count", |s| Value::Numeric($counters(s).transactions)),
                    numeric("query_count", |s| Value::Numeric($counters(s).queries)),
                    numeric("bytes_received", |s| Value::Numeric($counters(s).bytes_received)),
                    numeric("bytes_sent", |s| Value::Numeric($counters(s).bytes_sent)),
                    numeric("xact_time", |s| Value::Numeric($counters(s).transaction_us)),
                    numeric("query_time", |s| Value::Numeric($counters(s).query_us)),
                    numeric("wait_time", |s| Value::Numeric($counters(s).wait_us)),
                    numeric("client_parse_count", |s| Value::Numeric($counters(s).client_parses)),
                    numeric("server_parse_count", |s| Value::Numeric($counters(s).server_parses)),
                    numeric("bind_count", |s| Value::Numeric($counters(s).binds)),
                ],
            ],
            ours: &[&[
                numeric("client_login_count", |s| Value::Numeric($counters(s).client_logins)),
                numeric("replica_read_count", |s| Value::Numeric($counters(s).replica_reads)),
                numeric("primary_read_count", |s| Value::Numeric($counters(s).primary_reads)),
                numeric("fallback_count", |s| Value::Numeric($counters(s).fallbacks)),
                numeric("replay_wait_count", |s| Value::Numeric($counters(s).replay_waits)),
            ]],
        }
    };
}

/// `STATS_TOTALS`.
pub(super) const TOTALS_ONLY: Layout<Stats> = plain!(totals);

/// `STATS_AVERAGES`.
pub(super) const AVERAGES: Layout<Stats> = plain!(rates);

fn totals(stats: &Stats) -> Counters {
    stats.totals
}

fn rates(stats: &Stats) -> Counters {
    stats.averages.rates()
}

/// The rows of `TOTALS`: all databases together, name by name. PgBouncer calls the
/// bytes otherwise here than in `STATS`.
pub(super) fn of_all(stats: &[Stats]) -> Vec<(&'static str, u64)> {
    let sum = together(stats);
    let theirs = [TOTAL, AVERAGE, TOTAL_OURS, AVERAGE_OURS];
    let row = |field: &Field<Stats>| {
        let name = match field.name {
            "total_received" => "total_client_bytes",
            "total_sent" => "total_server_bytes",
            "avg_recv" => "avg_client_bytes",
            "avg_sent" => "avg_server_bytes",
            name => name,
        };
        match (field.value)(&sum) {
            Value::Numeric(number) => (name, number),
            Value::Null | Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_) => {
                (name, 0)
            }
        }
    };
    theirs.into_iter().flatten().map(row).collect()
}

/// What all databases did.
fn together(stats: &[Stats]) -> Stats {
    let mut sum = Stats::default();
    for one in stats {
        sum.totals.add(&one.totals);
        sum.averages.add(&one.averages);
    }
    sum
}
