//! Clients and server connections.

use super::columns::{int, text};
use super::pools::whole_seconds;
use super::{Field, Layout};
use crate::snapshot::{ClientState, ServerState, Snapshot, Socket, SocketState};
use crate::table::Value;
use crate::time;

/// `CLIENTS` and `SERVERS`.
pub(super) const SOCKETS: Layout<Socket> =
    Layout { theirs: &[WHO, &[text("state", |s| Value::text(state(s)))], WHERE], ours: &[OURS] };

/// `SOCKETS` and `ACTIVE_SOCKETS`.
pub(super) const LOW_LEVEL: Layout<Socket> = Layout {
    theirs: &[WHO, &[text("state", |s| Value::text(low_level_state(s)))], WHERE, BUFFERS],
    ours: &[OURS],
};

const WHO: &[Field<Socket>] = &[
    text("type", |s| Value::text(letter(s))),
    text("user", |s| Value::text(&s.user)),
    text("database", |s| Value::text(&s.database)),
    // Replication connections are refused.
    text("replication", |_| Value::text("none")),
];

const WHERE: &[Field<Socket>] = &[
    text("addr", |s| Value::text(&s.address)),
    int("port", |s| Value::int(s.port.into())),
    text("local_addr", |s| Value::text(&s.local_address)),
    int("local_port", |s| Value::int(s.local_port.into())),
    text("connect_time", |s| Value::text(time::utc(s.connected_at))),
    text("request_time", |s| Value::text(time::utc(s.requested_at))),
    int("wait", |s| whole_seconds(s.wait)),
    int("wait_us", |s| Value::int(s.wait.subsec_micros())),
    int("close_needed", |s| Value::flag(s.close_needed)),
    text("ptr", |s| Value::text(pointer(s.pointer))),
    text("link", |s| Value::text(s.link.map(pointer).unwrap_or_default())),
    int("remote_pid", |s| Value::int(s.remote_pid)),
    text("tls", |s| Value::text(&s.tls)),
    text("application_name", |s| Value::text(&s.application_name)),
    int("prepared_statements", |s| Value::int(s.prepared_statements)),
    int("id", |s| Value::int(s.id)),
];

/// PgBouncer's own buffers. We have no positions in ours to tell.
const BUFFERS: &[Field<Socket>] = &[
    int("recv_pos", |_| Value::int(0)),
    int("pkt_pos", |_| Value::int(0)),
    int("pkt_remain", |_| Value::int(0)),
    int("send_pos", |_| Value::int(0)),
    int("send_remain", |_| Value::int(0)),
    int("pkt_avail", |s| Value::int(s.unread_bytes)),
    int("send_avail", |s| Value::int(s.unsent_bytes)),
];

const OURS: &[Field<Socket>] = &[
    text("node", |s| Value::maybe(s.node.as_deref())),
    text("pinned", |s| Value::maybe(s.pinned.as_deref())),
];

/// Clients that are logged in.
pub(super) fn clients(snapshot: &Snapshot) -> impl Iterator<Item = &Socket> {
    let login = SocketState::Client(ClientState::Login);
    snapshot.clients.iter().filter(move |socket| socket.state != login)
}

pub(super) fn servers(snapshot: &Snapshot) -> impl Iterator<Item = &Socket> {
    snapshot.servers.iter()
}

pub(super) fn all(snapshot: &Snapshot) -> impl Iterator<Item = &Socket> {
    snapshot.clients.iter().chain(&snapshot.servers)
}

/// Those with bytes under way.
pub(super) fn at_work(snapshot: &Snapshot) -> impl Iterator<Item = &Socket> {
    all(snapshot).filter(|socket| socket.unread_bytes > 0 || socket.unsent_bytes > 0)
}

fn letter(socket: &Socket) -> &'static str {
    match socket.state {
        SocketState::Client(_) => "C",
        SocketState::Server(_) => "S",
    }
}

fn state(socket: &Socket) -> &'static str {
    match socket.state {
        SocketState::Client(ClientState::Idle) | SocketState::Server(ServerState::Idle) => "idle",
        SocketState::Client(ClientState::Active) | SocketState::Server(ServerState::Active) => {
            "active"
        }
        SocketState::Client(ClientState::Waiting) => "waiting",
        SocketState::Client(ClientState::ActiveCancel) => "active_cancel_req",
        SocketState::Client(ClientState::WaitingCancel) => "waiting_cancel_req",
        SocketState::Client(ClientState::Login) => "login",
        SocketState::Server(ServerState::Used) => "used",
        SocketState::Server(ServerState::Tested) => "tested",
        SocketState::Server(ServerState::New) => "new",
        SocketState::Server(ServerState::ActiveCancel) => "active_cancel",
        SocketState::Server(ServerState::BeingCanceled) => "being_canceled",
    }
}

/// The state by the name of PgBouncer's list that the connection would be in.
fn low_level_state(socket: &Socket) -> &'static str {
    match socket.state {
        SocketState::Client(ClientState::Idle | ClientState::Active) => "cl_active",
        SocketState::Client(ClientState::Waiting) => "cl_waiting",
        SocketState::Client(ClientState::ActiveCancel) => "cl_active_cancel_req",
        SocketState::Client(ClientState::WaitingCancel) => "cl_waiting_cancel_req",
        SocketState::Client(ClientState::Login) => "cl_login",
        SocketState::Server(ServerState::Idle) => "sv_idle",
        SocketState::Server(ServerState::Active) => "sv_active",
        SocketState::Server(ServerState::Used) => "sv_used",
        SocketState::Server(ServerState::Tested) => "sv_tested",
        SocketState::Server(ServerState::New) => "sv_login",
        SocketState::Server(ServerState::ActiveCancel) => "sv_active_cancel",
        SocketState::Server(ServerState::BeingCanceled) => "sv_being_canceled",
    }
}

fn pointer(number: u64) -> String {
    format!("{number:#x}")
}
