//! What happens to a read that no replica could answer as it asked: one step after the other.

use std::time::{Duration, Instant};

use afterwrite_backend::{ClaimError, NodeStatus};
use afterwrite_core::Reason;
use afterwrite_types::{Level, Span, Step, Terms};
use afterwrite_wire::server::Report;

use crate::client::Client;

/// No replica could answer a read as it asked.
pub(crate) const TOO_FAR_BEHIND: &str = "72AW1";

/// Why an exchange runs nowhere.
#[derive(Debug)]
pub(crate) enum NotRouted {
    /// No server connection could be had.
    Claim(ClaimError),
    /// No replica could answer as it asked, and it is to fail then.
    Behind(Report),
}

impl From<ClaimError> for NotRouted {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}

impl NotRouted {
    /// What the client is told.
    pub(crate) fn report(self) -> Report {
        match self {
            Self::Claim(error) => Report::error(error.sqlstate(), error.to_string())
                .detail("The statement was not sent to any server.")
                .hint("it is safe to repeat it"),
            Self::Behind(report) => report,
        }
    }
}

/// How far a read has come in what it asks for.
#[derive(Debug)]
pub(crate) struct Course {
    terms: Terms,
    /// The next step behind the level that was asked for first.
    next: usize,
    /// When the present level was begun with, and how long it may take.
    began: Instant,
    within: Duration,
    /// At a level below the one that was asked for, and why not at that.
    weakened: Option<Reason>,
}

impl Course {
    pub(crate) fn begin(terms: Terms, now: Instant) -> Self {
        let within = terms.within.unwrap_or_default();
        Self { terms, next: 0, began: now, within, weakened: None }
    }

    /// Where the primary was to answer and may not; `None` if that was the last step.
    pub(crate) fn behind_primary(terms: Terms, now: Instant) -> Option<Self> {
        let then = terms.then.unwrap_or_default();
        let primary = (0..).map_while(|at| then.get(at)).position(|it| it == Step::Primary)?;
        let course = Self { next: primary + 1, ..Self::begin(terms, now) };
        (!course.is_at_its_end()).then_some(course)
    }

    /// How long the present level may still take.
    pub(crate) fn left(&self) -> Duration {
        self.within.saturating_sub(self.began.elapsed())
    }

    /// Why it is not at the level that it asked for.
    pub(crate) fn weakened(&self) -> Option<Reason> {
        self.weakened
    }

    /// What comes next; the primary once nothing else does.
    pub(crate) fn next(&mut self, reason: Reason) -> Step {
        let Some(step) = self.peek() else { return Step::Primary };
        self.next += 1;
        if let Step::Level { within, .. } = step {
            (self.began, self.within) = (Instant::now(), within);
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

impl Client {
    /// How long a read may wait for a replica, as it was gathered.
    pub(crate) fn wait_max(&self) -> Duration {
        self.session.terms().within.unwrap_or_default()
    }

    /// Whether the primary answers at once where no replica can.
    pub(crate) fn falls_back_at_once(&self) -> bool {
        self.session.terms().then.unwrap_or_default().get(0) == Some(Step::Primary)
    }

    /// Tells the client that what it gets may be older than it asked for.
    pub(crate) fn tell_weakened(&mut self, asked: Level, reason: Reason) {
        self.shared.metrics.weakened.inc();
        let report = Report::warning(TOO_FAR_BEHIND, self.behind(asked, reason))
            .detail(format!(
                "The answer comes from a replica at level {}. {}",
                self.session.terms().level.unwrap_or_default(),
                self.how_far(),
            ))
            .hint("afterwrite.at_timeout says what happens then");
        self.session.warn_weakened(&report);
    }

    /// What a read is told that is to fail where no replica can answer as it asked.
    pub(crate) fn too_far_behind(&self, asked: Level, reason: Reason) -> NotRouted {
        self.shared.metrics.too_far_behind.inc();
        NotRouted::Behind(
            Report::error(TOO_FAR_BEHIND, self.behind(asked, reason))
                .detail(format!("{} The statement was not sent to any server.", self.how_far()))
                .hint("repeat it, or let afterwrite.at_timeout send it to the primary"),
        )
    }

    /// What a read is told that must not see less than an earlier one, and would.
    pub(crate) fn hidden(&self) -> NotRouted {
        NotRouted::Behind(
            Report::error(
                TOO_FAR_BEHIND,
                "the primary does not show yet what an earlier read has seen on a replica",
            )
            .detail(format!(
                "It holds back commits, for a synchronous standby perhaps, longer than {}. The \
                 statement was not sent.",
                Span(whole_ms(self.wait_max()))
            ))
            .hint("repeat it, or read at a level below causal"),
        )
    }

    fn behind(&self, asked: Level, reason: Reason) -> String {
        let why = match reason {
            Reason::NoneHealthy => "no replica is healthy".to_owned(),
            Reason::Diverged => "no replica is on the primary's timeline".to_owned(),
            Reason::Unresolved => "the primary did not say in time what must be seen".to_owned(),
            Reason::Hopeless => "no replica was expected to be fresh enough in time".to_owned(),
            _ => format!("no replica was fresh enough within {}", Span(whole_ms(self.wait_max()))),
        };
        format!("could not read at level {asked}: {why}")
    }

    /// How far behind the best replica is.
    fn how_far(&self) -> String {
        let status = self.tenant.cluster().status();
        let reading = status.iter().filter(|node| node.takes_reads());
        match reading.min_by_key(|node| node.lag_bytes.unwrap_or(u64::MAX)) {
            Some(NodeStatus { address, lag_bytes: Some(bytes), lag, .. }) => format!(
                "The nearest replica, {address}, is {bytes} bytes and {} behind.",
                Span(whole_ms(*lag))
            ),
            Some(node) => format!("How far {} is behind is not known.", node.address),
            None => "There is none that takes reads.".to_owned(),
        }
    }
}

/// Whole milliseconds: nobody wants to read more.
pub(crate) fn whole_ms(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
