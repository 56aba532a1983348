//! Databases, pools, users, configuration, and what only PgBouncer has.

use std::time::Duration;

use super::Layout;
use super::columns::{big, bytes, int, text};
use crate::snapshot::{Database, Host, Memory, Pool, Setting, User};
use crate::table::Value;

/// The table of something that Afterwrite has none of.
pub(super) struct Nothing;

pub(super) const DATABASES: Layout<Database> = Layout {
    theirs: &[&[
        text("name", |d| Value::text(&d.name)),
        text("host", |d| Value::maybe(d.host.as_deref())),
        int("port", |d| Value::int(d.port.into())),
        text("database", |d| Value::text(&d.database)),
        text("force_user", |d| Value::maybe(d.force_user.as_deref())),
        int("pool_size", |d| Value::int(d.pool_size)),
        int("min_pool_size", |d| Value::int(d.pool_size_min)),
        int("reserve_pool_size", |d| Value::int(d.reserve_pool_size)),
        int("server_lifetime", |d| Value::int(d.server_lifetime_secs)),
        text("pool_mode", |d| Value::maybe(d.pool_mode)),
        text("load_balance_hosts", |d| Value::maybe(d.balancing.as_deref())),
        int("max_connections", |d| Value::int(d.connections_max)),
        int("current_connections", |d| Value::int(d.connections)),
        int("max_client_connections", |d| Value::int(d.clients_max)),
        int("current_client_connections", |d| Value::int(d.clients)),
        int("paused", |d| Value::flag(d.paused)),
        int("disabled", |d| Value::flag(d.disabled)),
    ]],
    ours: &[&[
        int("replicas", |d| Value::int(d.replicas)),
        int("replicas_eligible", |d| Value::int(d.replicas_eligible)),
        // Its name before PgBouncer 1.24, which exporters still ask for.
        int("reserve_pool", |d| Value::int(d.reserve_pool_size)),
    ]],
};

pub(super) const POOLS: Layout<Pool> = Layout {
    theirs: &[&[
        text("database", |p| Value::text(&p.database)),
        text("user", |p| Value::text(&p.user)),
        int("cl_active", |p| Value::int(p.clients_active)),
        int("cl_waiting", |p| Value::int(p.clients_waiting)),
        int("cl_active_cancel_req", |p| Value::int(p.cancels_active)),
        int("cl_waiting_cancel_req", |p| Value::int(p.cancels_waiting)),
        int("sv_active", |p| Value::int(p.servers_active)),
        int("sv_active_cancel", |p| Value::int(p.servers_canceling)),
        int("sv_being_canceled", |p| Value::int(p.servers_being_canceled)),
        int("sv_idle", |p| Value::int(p.servers_idle)),
        int("sv_used", |p| Value::int(p.servers_used)),
        int("sv_tested", |p| Value::int(p.servers_tested)),
        int("sv_login", |p| Value::int(p.servers_login)),
        int("maxwait", |p| whole_seconds(p.wait_max)),
        int("maxwait_us", |p| Value::int(p.wait_max.subsec_micros())),
        text("pool_mode", |p| Value::text(p.pool_mode)),
        text("load_balance_hosts", |p| Value::maybe(p.balancing.as_deref())),
    ]],
    ours: &[&[
        int("sv_primary", |p| Value::int(p.servers_primary)),
        int("sv_replica", |p| Value::int(p.servers_replica)),
        int("cl_pinned", |p| Value::int(p.clients_pinned)),
        int("cl_awaiting_replay", |p| Value::int(p.clients_awaiting_replay)),
    ]],
};

pub(super) const USERS: Layout<User> = Layout {
    theirs: &[&[
        text("name", |u| Value::text(&u.name)),
        // Text, as PgBouncer has them; and empty where they are not set, not NULL.
        text("pool_size", |u| number_or_empty(u.pool_size)),
        text("reserve_pool_size", |u| number_or_empty(u.reserve_pool_size)),
        text("pool_mode", |u| Value::maybe(u.pool_mode)),
        int("max_user_connections", |u| Value::int(u.connections_max)),
        int("current_connections", |u| Value::int(u.connections)),
        int("max_user_client_connections", |u| Value::int(u.clients_max)),
        int("current_client_connections", |u| Value::int(u.clients)),
    ]],
    ours: &[],
};

pub(super) const CONFIG: Layout<Setting> = Layout {
    theirs: &[&[
        text("key", |s| Value::text(&s.key)),
        text("value", |s| Value::maybe(s.value.as_deref())),
        text("default", |s| Value::maybe(s.default.as_deref())),
        text("changeable", |s| Value::text(if s.changeable { "yes" } else { "no" })),
    ]],
    // Exporters take these four, by position.
    ours: &[],
};

pub(super) const MEM: Layout<Memory> = Layout {
    theirs: &[&[
        text("name", |m| Value::text(&m.name)),
        int("size", |m| Value::int(m.size)),
        int("used", |m| Value::int(m.used)),
        int("free", |m| Value::int(m.free)),
        int("memtotal", |m| Value::int(m.total)),
    ]],
    ours: &[],
};

pub(super) const DNS_HOSTS: Layout<Host> = Layout {
    theirs: &[&[
        text("hostname", |h| Value::text(&h.name)),
        big("ttl", |h| Value::big(h.ttl_secs)),
        text("addrs", |h| Value::text(&h.addresses)),
    ]],
    ours: &[],
};

pub(super) const DNS_ZONES: Layout<Nothing> = Layout {
    theirs: &[&[text("zonename", no_value), big("serial", no_value), int("count", no_value)]],
    ours: &[],
};

pub(super) const PEERS: Layout<Nothing> = Layout {
    theirs: &[&[
        int("peer_id", no_value),
        text("host", no_value),
        int("port", no_value),
        int("pool_size", no_value),
    ]],
    ours: &[],
};

pub(super) const PEER_POOLS: Layout<Nothing> = Layout {
    theirs: &[&[
        int("peer_id", no_value),
        int("cl_active_cancel_req", no_value),
        int("cl_waiting_cancel_req", no_value),
        int("sv_active_cancel", no_value),
        int("sv_login", no_value),
    ]],
    ours: &[],
};

pub(super) const FDS: Layout<Nothing> = Layout {
    theirs: &[&[
        int("fd", no_value),
        text("task", no_value),
        text("user", no_value),
        text("database", no_value),
        text("addr", no_value),
        int("port", no_value),
        big("cancel", no_value),
        int("link", no_value),
        text("client_encoding", no_value),
        text("std_strings", no_value),
        text("datestyle", no_value),
        text("timezone", no_value),
        text("password", no_value),
        bytes("scram_client_key", no_value),
        bytes("scram_server_key", no_value),
    ]],
    ours: &[],
};

fn no_value(_: &Nothing) -> Value {
    Value::Null
}

fn number_or_empty(number: Option<u32>) -> Value {
    Value::Text(number.map(|number| number.to_string()).unwrap_or_default())
}

pub(super) fn whole_seconds(time: Duration) -> Value {
    Value::int(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}
