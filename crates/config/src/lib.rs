//! From text to a checked [`Config`].
//!
//! A file, the environment and the command line are laid over each other, later
//! over earlier, and over the defaults. Everything that is wrong is reported at
//! once, each with its key, its place, what was found and what was expected; a
//! bad value never hides another.
//!
//! Nothing here reads the environment, the clock, the network or the disk: the
//! caller hands in what there is, and a function that reads a file.

mod check;
mod cluster;
mod config;
mod entries;
mod filter;
pub mod import;
mod keys;
mod listen;
mod load;
mod problem;
mod secret;
mod section;
mod source;
mod unit;
pub mod url;
mod words;

pub use config::{
    ANY_DATABASE, AdminConfig, AuthQuery, Balance, ClientAuth, ClientTls, ClientTlsMode,
    ClientsConfig, ClusterConfig, Config, DEFAULT_CLUSTER, DatabaseConfig, Inventory, Level, Limit,
    ListenAddress, LogConfig, LogFormat, NodeAddress, OnOrphan, PoolConfig, PoolMode, PoolOrder,
    PoolSettings, Positions, ProbeConfig, RootCa, RoutingConfig, ServerTls, SharedConfig,
    ShutdownConfig, SslMode, Threads, TlsNegotiation, TlsVersion, TokenKey, TokensConfig,
    UserConfig,
};
pub use entries::{Changes, Entry, changes};
pub use load::{Overlay, load};
pub use problem::{Place, Problem, Problems};
pub use secret::Secret;
