//! A deterministic simulation: one seed makes a primary with a log, replicas that
//! lag, crash, fork and return, clients, and a judge.
//!
//! What decides is the product's own code: `decide`, `Proof`, `Keys`, `Floor`,
//! `Lag`, `Session` and `Link`, at the level of protocol bytes. Sockets, tasks and
//! servers are models. The driver mirrors the proxy's, function for function.
//!
//! [`run`] repeats a seed exactly; `cargo run -p afterwrite-sim --example replay --
//! SEED` shows everything that happened in it.
#![allow(
    clippy::indexing_slicing,
    reason = "the model indexes what it has made; a wrong index is a fault of the model"
)]

mod ahead;
mod app;
mod client;
mod cluster;
mod connection;
mod course;
mod demand;
mod exchange;
mod fault;
mod judge;
mod log;
mod numbers;
mod plan;
mod probe;
mod process;
mod promise;
mod pump;
mod random;
mod route;
mod run;
mod runtime;
mod sharing;
mod statement;
mod storage;
mod store;
mod tables;
mod trace;
mod transactions;
mod wishes;
mod work;
mod world;

pub use judge::Figures;
pub use run::{Outcome, run};
