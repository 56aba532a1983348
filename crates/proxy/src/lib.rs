//! Joins the two halves of the proxy. It moves bytes and carries out decisions;
//! it makes none.

mod accept;
mod ahead;
mod buffer;
mod client;
mod console;
mod control;
mod database;
mod directory;
mod doubt;
mod exchange;
mod gate;
mod greet;
mod handle;
mod http;
mod library;
mod lot;
mod memo;
mod observe;
mod orphan;
mod park;
mod predecessor;
mod publish;
mod pump;
mod raise;
mod roster;
mod route;
mod schema;
mod serve;
mod settings;
mod shared;
mod sharing;
mod site;
mod sockets;
mod stats;
mod tenant;
mod terms;
mod watch;

pub use control::{Reloaded, Reread, Stop};
pub use handle::Handle;
pub use predecessor::ForeignCancel;
pub use schema::{Readings, SchemaSettings};
pub use serve::{Proxy, StartError};
pub use settings::{
    ANY, AdminSettings, AuthQuerySettings, AuthSettings, ClientSettings, ClusterSettings,
    DatabaseSettings, Entry, PARK_AFTER, PoolMode, Settings, UserSettings,
};
pub use sockets::{Inherited, Sockets};
pub use watch::read_catalog;
