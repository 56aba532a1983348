//! `[pool]`.

use super::{CONNECTIONS_MAX, DAY, HOUR, POOL_MAX, at_most, ms, secs};
use crate::check::Checker;
use crate::config::{Inventory, PoolConfig, PoolMode, PoolOrder};

/// What `pool.reset_query` is unless given.
const RESET_QUERY: &str = "DISCARD ALL";

pub(crate) fn read_pool(checker: &mut Checker<'_>) -> PoolConfig {
    let query = |query: String| Some(query).filter(|query| !query.is_empty());
    let reset_query = checker.query_if_any("pool.reset_query");
    let pool = PoolConfig {
        mode: checker.choice("pool.mode", PoolMode::WORDS).unwrap_or(PoolMode::Transaction),
        size: checker.integer("pool.size", 1..=POOL_MAX, 20),
        min_size: checker.integer("pool.min_size", 0..=POOL_MAX, 0),
        reserve_size: checker.integer("pool.reserve_size", 0..=POOL_MAX, 0),
        reserve_timeout: checker.duration("pool.reserve_timeout", ms(1)..=HOUR, secs(5)),
        fallback_size: checker.integer_if_any("pool.fallback_size", 1..=POOL_MAX),
        user_connections_max: checker.limit("pool.user_connections_max", CONNECTIONS_MAX),
        database_connections_max: checker.limit("pool.database_connections_max", CONNECTIONS_MAX),
        queue_max: checker.integer("pool.queue_max", 1..=1_000_000, 100_000),
        wait_timeout: checker.duration("pool.wait_timeout", ms(1)..=HOUR, secs(10)),
        connect_timeout: checker.duration("pool.connect_timeout", ms(1)..=secs(600), secs(5)),
        login_retry: checker.duration("pool.login_retry", ms(1)..=HOUR, secs(1)),
        idle_timeout: checker.duration("pool.idle_timeout", ms(100)..=DAY, secs(600)),
        lifetime_max: checker.duration("pool.lifetime_max", secs(1)..=DAY, HOUR),
        check_query: checker.query_if_any("pool.check_query").and_then(query),
        check_after: checker.duration_or_off("pool.check_after", ms(0)..=DAY, Some(secs(30))),
        reset_query: reset_query.map_or_else(|| Some(RESET_QUERY.to_owned()), query),
        connect_query: checker.query_if_any("pool.connect_query").and_then(query),
        inventory: checker.choice("pool.inventory", Inventory::WORDS).unwrap_or(Inventory::Opaque),
        order: checker.choice("pool.order", PoolOrder::WORDS).unwrap_or(PoolOrder::Lifo),
        prepared_max: checker.integer("pool.prepared_max", 1..=100_000, 200),
    };
    let size = ("pool.size", pool.size);
    at_most(checker, ("pool.min_size", pool.min_size), size);
    if let Some(fallback_size) = pool.fallback_size {
        at_most(checker, ("pool.fallback_size", fallback_size), size);
    }
    pool
}
