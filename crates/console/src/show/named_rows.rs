//! Tables whose rows, not columns, have the names.

use super::columns::{int, numeric, text};
use super::{COMPATIBLE, Layout};
use crate::snapshot::{Lists, ProxyState};
use crate::table::Value;

/// `LISTS`: exporters take these two columns, by position.
pub(super) const LISTS: Layout<(&'static str, u32)> = Layout {
    theirs: &[&[
        text("list", |&(name, _)| Value::text(name)),
        int("items", |&(_, count)| Value::int(count)),
    ]],
    ours: &[],
};

/// `TOTALS`.
pub(super) const TOTALS: Layout<(&'static str, u64)> = Layout {
    theirs: &[&[
        text("name", |&(name, _)| Value::text(name)),
        numeric("value", |&(_, value)| Value::Numeric(value)),
    ]],
    ours: &[],
};

/// `STATE`.
pub(super) const STATE: Layout<(&'static str, bool)> = Layout {
    theirs: &[&[
        text("key", |&(name, _)| Value::text(name)),
        text("value", |&(_, yes)| Value::text(if yes { "yes" } else { "no" })),
    ]],
    ours: &[],
};

/// `VERSION`.
pub(super) const VERSION: Layout<String> =
    Layout { theirs: &[&[text("version", |version| Value::text(version))]], ours: &[] };

/// PgBouncer's rows in its order, then ours.
pub(super) fn lists(lists: &Lists) -> [(&'static str, u32); 19] {
    [
        ("databases", lists.databases),
        ("users", lists.users),
        ("peers", 0),
        ("pools", lists.pools),
        ("peer_pools", 0),
        ("free_clients", lists.free_clients),
        ("used_clients", lists.used_clients),
        ("login_clients", lists.login_clients),
        ("free_servers", lists.free_servers),
        ("used_servers", lists.used_servers),
        ("dns_names", lists.dns_names),
        ("dns_zones", 0),
        ("dns_queries", lists.dns_queries),
        ("dns_pending", 0),
        ("nodes", lists.nodes),
        ("pins", lists.pins),
        ("keys", lists.keys),
        ("shared", lists.shared),
        ("shared_trusted", lists.shared_trusted),
    ]
}

pub(super) fn states(state: ProxyState) -> [(&'static str, bool); 3] {
    [
        ("active", state == ProxyState::Active),
        ("paused", state == ProxyState::Paused),
        // There is no SUSPEND.
        ("suspended", false),
    ]
}

pub(super) fn version(ours: &str) -> String {
    format!("{COMPATIBLE} (Afterwrite {ours})")
}
