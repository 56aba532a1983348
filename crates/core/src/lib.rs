//! Where a statement may run, and why.
//!
//! Pure and total: no clock, no randomness, no I/O. Equal arguments give equal
//! decisions, and there is always one. The primary is always a correct answer,
//! so every doubt ends there.

mod decide;
mod group;
mod keys;
mod lag;
mod proof;
mod reason;
mod view;

pub use decide::{Ask, Decision, decide};
pub use group::{
    Announced, Announcement, LOOK_VALID, Membership, Standing as GroupStanding, Step, StoreLife,
};
pub use keys::{Key, KeyFloor, Keys, WriteMark};
pub use lag::{Forecast, Lag, PrimaryTrack};
pub use proof::{Observed, Proof};
pub use reason::Reason;
pub use view::{Balance, Policy, PrimaryView, ReplicaView, View};
