//! What all sessions of one run count together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::report::{Latency, Report};
use super::{Progress, Strategy};
use crate::error::{Fault, VerifyError};
use crate::errors::Errors;

/// A longer wait counts as this long, in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;

/// What a session saw on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Everything that the session knows of.
    Fresh,
    /// A payment of its own is missing.
    Stale,
}

struct Tally {
    reads: u64,
    stale_reads: u64,
    primary_reads: u64,
    payments: u64,
    read_after_write_us: Histogram<u64>,
    errors: Errors,
}

/// Held for the time of an addition, never across a wait.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Tally>>);

impl Shared {
    pub(super) fn new() -> Result<Self, VerifyError> {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)
            .map_err(|error| VerifyError::Plan(error.to_string()))?;
        Ok(Self(Arc::new(Mutex::new(Tally {
            reads: 0,
            stale_reads: 0,
            primary_reads: 0,
            payments: 0,
            read_after_write_us: histogram,
            errors: Errors::default(),
        }))))
    }

    pub(super) fn paid(&self) {
        self.lock().payments += 1;
    }

    /// A page was read; `after_write` is how long that took if it is the page
    /// that follows a payment.
    pub(super) fn looked(&self, look: Look, on_primary: bool, after_write: Option<Duration>) {
        let mut tally = self.lock();
        tally.reads += 1;
        tally.stale_reads += u64::from(look == Look::Stale);
        tally.primary_reads += u64::from(on_primary);
        if let Some(took) = after_write {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            tally.read_after_write_us.saturating_record(us);
        }
    }

    pub(super) fn error(&self, fault: &Fault) {
        self.lock().errors.count(fault);
    }

    pub(super) fn progress(&self, elapsed: Duration, duration: Duration) -> Progress {
        let tally = self.lock();
        Progress {
            elapsed,
            duration,
            reads: tally.reads,
            stale_reads: tally.stale_reads,
            payments: tally.payments,
        }
    }

    pub(super) fn report(&self, strategy: Strategy, took: Duration, duplicates: u64) -> Report {
        let tally = self.lock();
        Report {
            strategy,
            description: strategy.description(),
            elapsed_s: took.as_secs_f64(),
            reads: tally.reads,
            stale_reads: tally.stale_reads,
            payments: tally.payments,
            duplicate_payments: duplicates,
            primary_reads: tally.primary_reads,
            reads_on_primary_share: super::report::share(tally.primary_reads, tally.reads),
            read_after_write: Latency::of(&tally.read_after_write_us),
            errors: tally.errors.total(),
            errors_by_sqlstate: tally.errors.clone(),
        }
    }

    /// A session that died must not take the counts with it.
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
