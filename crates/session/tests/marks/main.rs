//! Under which keys writes are noted, and for which reads ask.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod hints;
mod keys;
mod levels;
mod reported;
mod rig;
mod sources;
mod tables;
mod tokens;
