//! Where a statement may run, and why.
//!
//! Pure and total: no clock, no randomness, no I/O. Equal arguments give equal
//! decisions, and there is always one. The primary is always a correct answer,
//! so every doubt ends there.

mod bounds;
mod decide;
mod elect;
mod group;
mod keys;
mod lag;
mod log_end;
mod proof;
mod reason;
mod seen;
mod shown;
mod view;
mod window;

pub use bounds::Bounds;
pub use decide::{Ask, Decision, Stuck, decide};
pub use elect::{Ban, Elected, Timelines, astray, ban, elect, furthest};
pub use group::{
    Announced, Announcement, LOOK_VALID, Membership, Standing as GroupStanding, Step, StoreLife,
};
pub use keys::{Key, KeyCount, KeyFloor, KeyKind, Keys, WriteMark, Written};
pub use lag::{Forecast, Lag, PrimaryTrack};
pub use log_end::LogEnd;
pub use proof::{Observed, Proof};
pub use reason::Reason;
pub use seen::{Life, Seen};
pub use shown::{Hidden, Snapshot, transactions};
pub use view::{Balance, Policy, PrimaryView, ReplicaView, View};
pub use window::{ToldLags, WindowSettings};
