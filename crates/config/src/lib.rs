//! From text to a checked [`Config`].
//!
//! A file, the environment and the command line are laid over each other, later
//! over earlier, and over the defaults. Everything that is wrong is reported at
//! once, each with its key, its place, what was found and what was expected; a
//! bad value never hides another.
//!
//! Nothing here reads the environment, the clock, the network or the disk: the
//! caller hands in what there is, and a function that reads a password file.

mod check;
mod cluster;
mod config;
mod filter;
mod keys;
mod load;
mod problem;
mod secret;
mod section;
mod source;
mod unit;
pub mod url;

pub use config::{
    Balance, ClientAuth, ClientsConfig, ClusterConfig, Config, Level, LogConfig, LogFormat,
    NodeAddress, PoolConfig, ProbeConfig, RoutingConfig, SslMode, Threads,
};
pub use load::{Overlay, load};
pub use problem::{Place, Problem, Problems};
pub use secret::Secret;
