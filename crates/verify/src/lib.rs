//! The workloads and the judge: what shows that nobody reads a state older than
//! their own last write.
//!
//! [`payments`] is the demo's workload, run with one way of routing after the
//! other. [`guarantee`] is the session-guarantee checker under many faults, and
//! [`consistency`] the public one, which judges more kinds of promises, keeps what
//! happened as a history, and tells the violations. All talk PostgreSQL to the URLs
//! they are given, a proxy's or a server's, and know nothing of what is behind them.

pub mod consistency;
mod drive;
mod error;
mod errors;
pub mod guarantee;
mod limits;
mod link;
pub mod payments;
mod random;
pub mod schema;
pub mod tls;

pub use error::VerifyError;
pub use errors::Errors;
