//! The workloads and the judge: what shows that nobody reads a state older than
//! their own last write.
//!
//! [`payments`] is the demo's workload, run with one way of routing after the
//! other. [`guarantee`] is the session-guarantee checker. Both talk PostgreSQL to
//! the URLs they are given, a proxy's or a server's, and know nothing of what is
//! behind them.

mod drive;
mod error;
mod errors;
pub mod guarantee;
mod limits;
mod link;
pub mod payments;
mod random;
pub mod schema;

pub use error::VerifyError;
pub use errors::Errors;
