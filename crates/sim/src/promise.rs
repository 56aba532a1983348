//! What a read was promised: by its session, by hints, and by what it was told with its answer.

use std::time::Duration;

use afterwrite_types::{Level, Step, Steps, Terms};

use crate::course::micros;

/// How old what a `bounded` read sees may be, if nobody has said: as the guide says.
const MAX_STALENESS: u64 = 10_000_000;

/// What an application asks for, wherever it says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// What holds where nobody has said anything.
    pub(crate) defaults: Terms,
    /// What it has set for its session.
    pub(crate) own: Terms,
    /// What holds until the transaction ends.
    pub(crate) local: Option<Level>,
    /// What hints in the statement's comments say, if it has any.
    pub(crate) hinted: Option<Terms>,
    /// One of them names a key.
    pub(crate) hints_key: bool,
}

/// What a read was promised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) level: Level,
    /// A limit of its own, and the one for `bounded` reads.
    own_staleness: Option<u64>,
    default_staleness: Option<u64>,
    then: Steps,
}

impl Wishes {
    /// How long a read waits for a replica.
    pub(crate) fn within(&self) -> Duration {
        let said = self.hinted.unwrap_or_default().or(self.own).or(self.defaults);
        said.within.unwrap_or_default()
    }

    /// What they come to.
    pub(crate) fn promise(&self) -> Promise {
        let local = self.local.map_or(Terms::default(), Terms::from);
        let session = local.or(self.own).or(self.defaults);
        let hinted = self.hinted.unwrap_or_default();
        let usual = session.level.unwrap_or_default();
        let level = match (hinted.level, self.hints_key) {
            (Some(level), _) => level,
            (None, true) => usual.max(Level::ReadYourWrites),
            (None, false) => usual,
        };
        let own = hinted.max_staleness.or(self.own.max_staleness);
        let level = match level {
            Level::Eventual if own.is_some() => Level::Bounded,
            level => level,
        };
        Promise {
            level,
            own_staleness: own.map(micros),
            default_staleness: session.max_staleness.map(micros),
            then: hinted.then.or(session.then).unwrap_or_default(),
        }
    }
}

impl Promise {
    /// How long ago an acknowledgement may be at most and not be seen, in microseconds.
    pub(crate) fn staleness(&self) -> Option<u64> {
        match self.level {
            Level::Bounded => self.own_staleness.or(self.default_staleness).or(Some(MAX_STALENESS)),
            Level::ReadYourWrites | Level::Causal => self.own_staleness,
            Level::Eventual | Level::Strong => None,
        }
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        let then = self.then;
        (0..8).filter_map(move |number| then.get(number))
    }

    /// The answer came with a warning that it is of this level: `None` if that was not agreed.
    pub(crate) fn weakened(self, to: Level) -> Option<Self> {
        let agreed =
            self.steps().any(|step| matches!(step, Step::Level { level, .. } if level == to));
        agreed.then_some(Self { level: to, ..self })
    }

    /// Whether it may be told that nobody can answer as it asked.
    pub(crate) fn may_fail(&self) -> bool {
        // A monotonic read may also find that the primary hides what it has seen.
        self.level.is_monotonic() || self.steps().any(|step| step == Step::Error)
    }
}
