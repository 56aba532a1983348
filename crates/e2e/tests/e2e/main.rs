//! The whole product from outside: the binary, in front of a real cluster, used by
//! real drivers, hostile clients, and while servers fail.
//!
//! The tests know what the product promises, not how it is built. Where PostgreSQL
//! itself is the measure, the same steps run directly against the primary and through
//! the proxy, and what comes back must be equal.
//!
//! Starting a cluster takes seconds, so each test covers a topic, in named checks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test fails by panicking and may be a long table"
)]

mod cli;
mod drivers;
mod explain;
mod failover;
mod faults;
mod footprints;
mod guarantee;
mod hostile;
mod operations;
mod parked;
mod protocol;
mod shared;
mod support;
mod tls;
mod verify;
