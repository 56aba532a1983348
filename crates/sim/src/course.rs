//! How far a read has come in what it asks for: a mirror of `afterwrite-proxy`'s `Course`.

use afterwrite_core::Reason;
use afterwrite_types::{Step, Terms};

/// What is told with an answer, or with an error, that is not what was asked for.
pub(crate) const TOO_FAR_BEHIND: &str = "72AW1";

/// How far a read has come.
#[derive(Debug)]
pub(crate) struct Course {
    terms: Terms,
    /// The next step behind the level that was asked for first.
    next: usize,
    /// When the present level was begun with, and how long it may take, in microseconds.
    began: u64,
    within: u64,
    /// At a level below the one that was asked for, and why not at that.
    weakened: Option<Reason>,
}

impl Course {
    pub(crate) fn begin(terms: Terms, now: u64) -> Self {
        let within = micros(terms.within.unwrap_or_default());
        Self { terms, next: 0, began: now, within, weakened: None }
    }

    /// Where the primary was to answer and may not; `None` if that was the last step.
    pub(crate) fn behind_primary(terms: Terms, now: u64) -> Option<Self> {
        let then = terms.then.unwrap_or_default();
        let primary = (0..).map_while(|at| then.get(at)).position(|it| it == Step::Primary)?;
        let course = Self { next: primary + 1, ..Self::begin(terms, now) };
        (!course.is_at_its_end()).then_some(course)
    }

    /// How long the present level may still take.
    pub(crate) fn left(&self, now: u64) -> u64 {
        self.within.saturating_sub(now - self.began)
    }

    /// Why it is not at the level that it asked for.
    pub(crate) fn weakened(&self) -> Option<Reason> {
        self.weakened
    }

    /// What comes next; the primary once nothing else does.
    pub(crate) fn next(&mut self, reason: Reason, now: u64) -> Step {
        let Some(step) = self.peek() else { return Step::Primary };
        self.next += 1;
        if let Step::Level { within, .. } = step {
            (self.began, self.within) = (now, micros(within));
            self.weakened.get_or_insert(reason);
        }
        step
    }

    fn peek(&self) -> Option<Step> {
        self.terms.then.unwrap_or_default().get(self.next)
    }

    /// Whether nothing comes behind the step that was taken last.
    pub(crate) fn is_at_its_end(&self) -> bool {
        self.peek().is_none()
    }
}

pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
