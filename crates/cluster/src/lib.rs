//! A real local PostgreSQL cluster: one primary and its streaming replicas.
//!
//! [`Cluster::start`] makes a folder, one primary, and as many replicas as the
//! [`Plan`] asks for, each with its own replication slot, from whatever
//! PostgreSQL (13 or newer) is installed. Lag and faults are injected through
//! [`Server`]: delayed or paused replay, a killed backend, a crash, a freeze.
//!
//! # Invariant: nothing outlives its launcher
//!
//! Unless a cluster was started with [`Plan::detach`] (or let go with
//! [`Cluster::detach`]), its processes and its temporary folder are gone soon
//! after the launcher is: on drop, on panic, on Ctrl-C, and on SIGKILL. The last
//! needs a second process, the watchdog: a small shell that holds the reading
//! end of a pipe and cleans up when the pipe closes.
//!
//! PostgreSQL refuses to run as root. Started by root, the servers run as the
//! account `postgres`, or else `nobody`.
//!
//! Freezing and killing whole process trees needs `/proc`, that is Linux.

mod account;
mod admin;
mod binaries;
mod cluster;
mod error;
mod fault;
mod folder;
mod plan;
mod port;
mod process;
mod replay;
mod server;
mod settings;
mod site;
mod start;
mod state;
mod status;
mod succession;
mod tool;
mod url;
mod watchdog;

pub use binaries::find_bin_dir;
pub use cluster::{Cluster, down};
pub use error::ClusterError;
pub use plan::Plan;
pub use port::free_port;
pub use process::StopMode;
pub use server::{Role, Server};
pub use status::{ServerStatus, Status, status};

/// A progress callback: one short line per step, without a line end.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);
