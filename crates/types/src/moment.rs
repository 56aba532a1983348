//! The proxy's own order of events.

use std::sync::atomic::{AtomicU64, Ordering};

/// A point in the process's own order of events: "sent after", "admitted before".
///
/// Not a time. Two moments of one [`Sequence`] are ordered exactly as the events
/// that took them, on every thread, which a clock cannot promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Hands out [`Moment`]s.
#[derive(Debug, Default)]
pub struct Sequence(AtomicU64);

impl Sequence {
    /// A moment later than every earlier one. Taken *before* a request is sent.
    pub fn next(&self) -> Moment {
        Moment(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// The latest moment so far. Taken *after* something has happened: whatever
    /// takes [`Sequence::next`] later than this call gets a later moment.
    pub fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }
}
