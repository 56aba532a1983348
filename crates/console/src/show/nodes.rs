//! Nodes, replicas, routes and pins: what PgBouncer has no word for.

use std::time::Duration;

use afterwrite_types::Role;

use super::columns::{big, int, numeric, seconds, text};
use super::{Field, Layout};
use crate::snapshot::{Node, Pin, Route, Snapshot};
use crate::table::Value;
use crate::time;

/// Every PostgreSQL server.
pub(super) const NODES: Layout<Node> = Layout { theirs: &[NODE, CONNECTIONS], ours: &[] };

/// Those that are not the primary.
pub(super) const REPLICAS: Layout<Node> = Layout { theirs: &[NODE], ours: &[] };

const NODE: &[Field<Node>] = &[
    text("database", |n| Value::text(&n.database)),
    text("node", |n| Value::text(&n.name)),
    text("host", |n| Value::text(&n.host)),
    int("port", |n| Value::int(n.port.into())),
    text("role", |n| role(n.role)),
    int("timeline", |n| n.position.map_or(Value::Null, |p| Value::int(p.line.timeline.0))),
    text("position", |n| n.position.map_or(Value::Null, |p| Value::text(p.lsn.to_string()))),
    big("lag_bytes", |n| n.lag_bytes.map_or(Value::Null, Value::big)),
    seconds("lag_seconds", |n| n.lag.map_or(Value::Null, in_seconds)),
    text("state", |n| Value::text(&n.state)),
    int("eligible", |n| Value::flag(n.eligible)),
];

const CONNECTIONS: &[Field<Node>] = &[
    int("sv_active", |n| Value::int(n.servers_active)),
    int("sv_idle", |n| Value::int(n.servers_idle)),
    int("cl_waiting", |n| Value::int(n.clients_waiting)),
];

/// Reads by reason.
pub(super) const ROUTES: Layout<Route> = Layout {
    theirs: &[&[
        text("database", |r| Value::text(&r.database)),
        text("node", |r| Value::text(&r.node)),
        text("role", |r| role(r.role)),
        text("reason", |r| Value::text(r.reason)),
        numeric("reads", |r| Value::Numeric(r.reads)),
    ]],
    ours: &[],
};

/// Clients tied to a server connection.
pub(super) const PINS: Layout<Pin> = Layout {
    theirs: &[&[
        int("client", |p| Value::int(p.client)),
        text("user", |p| Value::text(&p.user)),
        text("database", |p| Value::text(&p.database)),
        text("application_name", |p| Value::text(&p.application_name)),
        text("node", |p| Value::text(&p.node)),
        int("server_pid", |p| Value::int(p.server_pid)),
        text("cause", |p| Value::text(&p.cause)),
        text("since", |p| Value::text(time::utc(p.since))),
        seconds("seconds", |p| in_seconds(p.age)),
    ]],
    ours: &[],
};

pub(super) fn replicas(snapshot: &Snapshot) -> impl Iterator<Item = &Node> {
    snapshot.nodes.iter().filter(|node| node.role != Some(Role::Primary))
}

/// A node that has not answered yet has no role that could be told.
fn role(role: Option<Role>) -> Value {
    Value::maybe(role.map(Role::name))
}

/// To the millisecond: more digits would only be noise to read.
pub(super) fn in_seconds(time: Duration) -> Value {
    Value::Float((time.as_secs_f64() * 1000.0).round() / 1000.0)
}
