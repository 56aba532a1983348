//! The admin console of the proxy: text in, commands and tables out.
//!
//! A client that connects to the database `afterwrite` (or `pgbouncer`, its
//! [alias](ADMIN_DATABASES)) talks to a [`Console`] instead of a server. It asks
//! with PgBouncer's commands and reads PgBouncer's columns, in their order and of
//! their types; what only Afterwrite knows stands behind them, and in tables of its
//! own. So the exporters, dashboards and scripts made for PgBouncer go on working.
//!
//! There is no I/O here and no clock. The [`Console`] takes a client's bytes and
//! gives [`Step`]s; the driver answers each [`Step::Show`] with a [`Snapshot`] and
//! each [`Step::Do`] with what came of the [`Action`].
//!
//! ```
//! use afterwrite_console::{Console, Permission, Snapshot, Step};
//!
//! let mut console = Console::new(Permission::Stats, "grafana");
//! let consumed = console.receive(b"Q\0\0\0\x0fSHOW POOLS\0");
//! assert_eq!(consumed, 16);
//! while let Some(step) = console.next() {
//!     match step {
//!         Step::Send(_bytes) => {} // to the client
//!         Step::Show(_which) => console.give(&Snapshot::default()),
//!         Step::Do(_action) => console.done(Ok(())),
//!         Step::Closed(_ending) => break,
//!     }
//! }
//! ```
//!
//! # Invariant: a secret has no way in
//!
//! No [`Snapshot`] has a place for a password or a key. What `SHOW CONFIG` shows is
//! text that the driver has already made presentable.

mod action;
mod command;
mod console;
mod help;
mod numeric;
mod portal;
pub mod refusal;
mod settings;
mod show;
mod small_talk;
mod snapshot;
mod stats;
mod table;
mod time;
mod token;

pub use action::{Action, Shutdown};
pub use command::Command;
pub use console::{Console, Ending, Permission, Step};
pub use settings::{Columns, welcome};
pub use show::Show;
pub use snapshot::{
    ClientState, Database, Host, KeyCount, Lists, Memory, Node, Pin, Pool, ProxyState, Route,
    ServerState, Setting, Snapshot, Socket, SocketState, User,
};
pub use stats::{Averages, Counters, Meter, Stats};
pub use table::{Column, Kind, Table, Value};

/// The names of the database that is the console, the first being ours.
pub const ADMIN_DATABASES: [&str; 2] = ["afterwrite", "pgbouncer"];

/// Whether a client that asks for this database asks for the console.
pub fn is_admin_database(name: &str) -> bool {
    ADMIN_DATABASES.contains(&name)
}
