//! The sections after the clusters, key by key, with their defaults and ranges.

mod auth;
mod clients;
mod named;
mod pool;
mod shared;
mod tokens;

use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) use auth::{check_secrets, check_users};
pub(crate) use clients::read_clients;
pub(crate) use named::{read_databases, read_users};
pub(crate) use pool::read_pool;
pub(crate) use shared::read_shared;
pub(crate) use tokens::read_tokens;

use crate::check::{Checker, Refusal};
use crate::config::{
    AdminConfig, Balance, Level, LogConfig, LogFormat, OnOrphan, ProbeConfig, RoutingConfig,
    ShutdownConfig,
};
use crate::filter;
use crate::problem::Problem;
use crate::source::Value;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const HOUR: Duration = secs(3600);
const DAY: Duration = secs(24 * 3600);

/// How long a read may be told to wait for a replica.
const WAIT_MAX: RangeInclusive<Duration> = Duration::ZERO..=secs(60);

/// How old what a read sees may be allowed to be.
const MAX_STALENESS: RangeInclusive<Duration> = ms(1)..=DAY;

/// The most connections of one pool.
const POOL_MAX: usize = 10_000;

/// The most connections that any limit can name.
const CONNECTIONS_MAX: usize = 1_000_000;

/// Reports a number that is over another one that bounds it.
fn at_most(
    checker: &mut Checker<'_>,
    (key, value): (&str, usize),
    (bound_key, bound): (&str, usize),
) {
    if value > bound && checker.are_good(&[key, bound_key]) {
        checker.report(Problem {
            key: key.to_owned(),
            place: checker.place_of(key).or_else(|| checker.place_of(bound_key)),
            found: value.to_string(),
            expected: format!("at most {bound_key}, which is {bound}"),
            hint: None,
        });
    }
}

pub(crate) fn read_routing(checker: &mut Checker<'_>) -> RoutingConfig {
    RoutingConfig {
        level: checker.choice("routing.level", Level::WORDS).unwrap_or(Level::ReadYourWrites),
        wait_max: checker.duration("routing.wait_max", WAIT_MAX, ms(50)),
        at_timeout: checker.steps_if_any("routing.at_timeout").unwrap_or_default(),
        max_staleness: checker.duration("routing.max_staleness", MAX_STALENESS, secs(10)),
        balance: checker
            .choice("routing.balance", Balance::WORDS)
            .unwrap_or(Balance::LeastInFlight),
        keys_max: checker.integer("routing.keys_max", 1..=100_000_000, 1_000_000),
        replica_lag_max: checker.duration_or_off("routing.replica_lag_max", ms(1)..=DAY, None),
        catalog_interval: checker.duration_or_off(
            "routing.catalog_interval",
            ms(100)..=DAY,
            Some(secs(5)),
        ),
        table_scope: checker.boolean("routing.table_scope", false),
        on_orphan: checker.choice("routing.on_orphan", OnOrphan::WORDS).unwrap_or(OnOrphan::Ignore),
        functions_read: checker.functions("routing.functions_read"),
        functions_write: checker.functions("routing.functions_write"),
    }
}

pub(crate) fn read_admin(checker: &mut Checker<'_>) -> AdminConfig {
    AdminConfig {
        users: checker.names("admin.users"),
        stats_users: checker.names("admin.stats_users"),
    }
}

pub(crate) fn read_shutdown(checker: &mut Checker<'_>) -> ShutdownConfig {
    ShutdownConfig {
        drain_timeout: checker.duration("shutdown.drain_timeout", Duration::ZERO..=DAY, secs(10)),
    }
}

pub(crate) fn read_probe(checker: &mut Checker<'_>) -> ProbeConfig {
    let (idle, busy, waiting) =
        ("probe.idle_interval", "probe.busy_interval", "probe.waiting_interval");
    let probe = ProbeConfig {
        idle_interval: checker.duration(idle, ms(1)..=secs(60), secs(1)),
        busy_interval: checker.duration(busy, ms(1)..=secs(60), ms(10)),
        waiting_interval: checker.duration(waiting, ms(1)..=secs(60), ms(1)),
        timeout: checker.duration("probe.timeout", ms(10)..=secs(60), secs(2)),
    };
    for (quick, quick_interval, calm, calm_interval) in [
        (busy, probe.busy_interval, idle, probe.idle_interval),
        (waiting, probe.waiting_interval, busy, probe.busy_interval),
    ] {
        if quick_interval > calm_interval && checker.are_good(&[quick, calm]) {
            checker.report(Problem {
                key: quick.to_owned(),
                place: checker.place_of(quick).or_else(|| checker.place_of(calm)),
                found: format!("{quick_interval:?}"),
                expected: format!("at most {calm}, which is {calm_interval:?}"),
                hint: None,
            });
        }
    }
    probe
}

pub(crate) fn read_log(checker: &mut Checker<'_>) -> LogConfig {
    LogConfig {
        format: checker.choice("log.format", LogFormat::WORDS).unwrap_or(LogFormat::Text),
        level: checker
            .one("log.level", filter::EXPECTED, |entry| match &entry.value {
                Value::Text(text) => filter::check(text).map(|()| text.clone()),
                _ => Err(Refusal::default()),
            })
            .unwrap_or_else(|| "info".to_owned()),
        decisions: checker.boolean("log.decisions", false),
        connections: checker.boolean("log.connections", false),
        disconnections: checker.boolean("log.disconnections", false),
        pooler_errors: checker.boolean("log.pooler_errors", true),
        stats_interval: checker.duration_or_off(
            "log.stats_interval",
            secs(1)..=HOUR,
            Some(secs(60)),
        ),
    }
}
