//! Where all sessions tell what happened.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Progress;
use super::findings::Findings;
use super::history::{Event, Header, put};
use super::judge::Judge;
use crate::error::{Fault, VerifyError};

struct Inner {
    judge: Judge,
    errors: crate::errors::Errors,
    history: Option<BufWriter<File>>,
    /// The first failure to keep the history.
    failed: Option<io::Error>,
}

/// The judge, with the clock and the history. Shared by all sessions.
#[derive(Clone)]
pub(super) struct Recorder {
    begin: Instant,
    done: Arc<AtomicBool>,
    /// Held for the time of one event, never across a wait.
    inner: Arc<Mutex<Inner>>,
}

impl Recorder {
    pub(super) fn new(
        header: Header,
        history: Option<File>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, VerifyError> {
        let mut history = history.map(BufWriter::new);
        if let Some(out) = &mut history {
            put(out, &header).map_err(VerifyError::History)?;
        }
        let inner = Inner {
            judge: Judge::new(header),
            errors: crate::errors::Errors::default(),
            history,
            failed: None,
        };
        Ok(Self { begin: Instant::now(), done: stop, inner: Arc::new(Mutex::new(inner)) })
    }

    /// Microseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn begin(&self) -> Instant {
        self.begin
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Tells events that have just happened.
    ///
    /// The time is taken within, so that the order of times is the order of events: what
    /// was acknowledged before a read was sent is known when that read is judged.
    pub(super) fn tell<const N: usize>(&self, events: impl FnOnce(u64) -> [Event; N]) {
        let mut inner = self.lock();
        for event in events(self.now()) {
            inner.judge.event(&event);
            let Some(out) = &mut inner.history else { continue };
            if let Err(error) = put(out, &event) {
                // A history with a hole would be judged wrongly.
                inner.history = None;
                inner.failed = Some(error);
                self.done.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn error(&self, fault: &Fault) {
        self.lock().errors.count(fault);
    }

    pub(super) fn progress(&self) -> Progress {
        let inner = self.lock();
        let findings = inner.judge.findings();
        Progress {
            elapsed: self.begin.elapsed(),
            reads: findings.reads,
            writes: findings.writes,
            broken: findings.broken(),
            observed: findings.observed(),
        }
    }

    /// What was found, after the last session has ended.
    pub(super) fn finish(self, complete: bool) -> Result<Findings, VerifyError> {
        self.tell(|at| [Event::End { at, complete }]);
        let mut inner = self.lock();
        if let Some(out) = &mut inner.history
            && let Err(error) = out.flush()
        {
            inner.failed = Some(error);
        }
        if let Some(error) = inner.failed.take() {
            return Err(VerifyError::History(error));
        }
        let header = inner.judge.header().clone();
        let judge = std::mem::replace(&mut inner.judge, Judge::new(header));
        let mut findings = judge.finish();
        findings.errors = std::mem::take(&mut inner.errors);
        Ok(findings)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
