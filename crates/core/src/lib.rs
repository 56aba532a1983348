//! Where a statement may run, and why.
//!
//! Pure and total: no clock, no randomness, no I/O. Equal arguments give equal
//! decisions, and there is always one. The primary is always a correct answer,
//! so every doubt ends there.

mod bounds;
mod decide;
mod keys;
mod lag;
mod proof;
mod reason;
mod seen;
mod view;

pub use bounds::Bounds;
pub use decide::{Ask, Decision, Stuck, decide};
pub use keys::{Key, KeyCount, KeyFloor, KeyKind, Keys, WriteMark, Written};
pub use lag::{Forecast, Lag, PrimaryTrack};
pub use proof::{Observed, Proof};
pub use reason::Reason;
pub use seen::{Life, Seen};
pub use view::{Balance, Policy, PrimaryView, ReplicaView, View};
