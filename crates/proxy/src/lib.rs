//! Joins the two halves of the proxy. It moves bytes and carries out decisions;
//! it makes none.

mod accept;
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
mod http;
mod library;
mod lot;
mod observe;
mod park;
mod pump;
mod roster;
mod route;
mod serve;
mod settings;
mod shared;
mod site;
mod stats;
mod tenant;

pub use control::{Reloaded, Reread, Stop};
pub use serve::{Handle, Proxy, StartError};
pub use settings::{
    ANY, AdminSettings, AuthQuerySettings, AuthSettings, ClientSettings, ClusterSettings,
    DatabaseSettings, Entry, PARK_AFTER, PoolMode, Settings, UserSettings,
};
