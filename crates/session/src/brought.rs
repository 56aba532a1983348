//! The tokens that a client has brought, and whether it is told its own.

use std::sync::Arc;

use afterwrite_types::{Fence, Moment, Position, Token};

use crate::keyring::Keyring;
use crate::token::{Disbelief, Placed, Settled, TokenCounts, Unplaced, believed, placed};

/// What holds for the tokens of all clients.
#[derive(Clone, Debug, Default)]
pub struct TokenPolicy {
    /// What they are signed and checked with; `None`: they are not signed.
    pub keyring: Option<Arc<Keyring>>,
    /// Whether clients that do not say otherwise are told their token behind each write.
    pub report: bool,
}

/// What became of the tokens that a client has brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brought {
    policy: TokenPolicy,
    /// Those that only the primary can judge.
    unplaced: Option<Unplaced>,
    /// One was not believed: reads are answered by the primary until the client brings
    /// others, or takes it back.
    bad: bool,
    counts: TokenCounts,
    /// What the client has said about being told its own.
    report: Option<bool>,
    /// What it was told last.
    pub(crate) told: Told,
}

/// What a client was told of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing, since it wants to be told.
    #[default]
    Nothing,
    /// That there is none, and that it has to ask.
    Empty,
    /// The one that stands for this.
    Token(Position),
}

/// What must be kept of it for a client at rest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RestingTokens {
    pub(crate) unplaced: Option<Unplaced>,
    pub(crate) bad: bool,
    pub(crate) report: Option<bool>,
}

impl Brought {
    pub(crate) fn follow(&mut self, policy: TokenPolicy) {
        self.policy = policy;
    }

    /// What it is without its policy, its counts, and what the client was told last: told
    /// that once more it learns nothing new.
    pub(crate) fn rest(&self) -> RestingTokens {
        RestingTokens { unplaced: self.unplaced, bad: self.bad, report: self.report }
    }

    pub(crate) fn wake(resting: RestingTokens) -> Self {
        let RestingTokens { unplaced, bad, report } = resting;
        Self { unplaced, bad, report, ..Self::default() }
    }

    /// As text that every proxy with the same keys believes.
    pub(crate) fn token(&self, position: Position) -> Token {
        match &self.policy.keyring {
            Some(keyring) => keyring.sign(position),
            None => Token::unsigned(position),
        }
    }

    pub(crate) fn believed(&self, token: &Token) -> Result<Position, Disbelief> {
        believed(token, self.policy.keyring.as_deref())
    }

    /// Whether the client has brought one that is not believed.
    pub(crate) fn are_bad(&self) -> bool {
        self.bad
    }

    /// Forgets those that were not believed, or not yet. The fence that was asked for with
    /// them covers what they may have stood for.
    pub(crate) fn forget_bad(&mut self) {
        self.bad = false;
        self.unplaced = None;
    }

    pub(crate) fn disbelieve(&mut self, why: Disbelief) {
        self.bad = true;
        why.count(&mut self.counts);
    }

    /// Notes a token that may be believed; says how it stands to the primary.
    pub(crate) fn bring(
        &mut self,
        token: Position,
        known: Option<Position>,
        now: Moment,
    ) -> Placed {
        let stands = known.map_or(Placed::Ahead, |known| placed(token, known));
        match stands {
            Placed::Covered => self.counts.good += 1,
            Placed::Left => self.counts.old_timeline += 1,
            Placed::Foreign => self.disbelieve(Disbelief::Foreign),
            Placed::Ahead => {
                let token = Unplaced::new(token, now);
                match self.unplaced.map_or(Ok(token), |before| before.and(token)) {
                    Ok(both) => self.unplaced = Some(both),
                    Err(why) => self.disbelieve(why),
                }
            }
        }
        stands
    }

    /// Takes up what the primary has answered.
    pub(crate) fn settle(&mut self, fence: Fence) {
        let settled = self.unplaced.and_then(|token| token.settle(fence, &mut self.counts));
        if let Some(settled) = settled {
            self.unplaced = None;
            self.bad |= settled == Settled::Bad;
        }
    }

    pub(crate) fn counts_mut(&mut self) -> &mut TokenCounts {
        &mut self.counts
    }

    pub(crate) fn take_counts(&mut self) -> TokenCounts {
        std::mem::take(&mut self.counts)
    }

    /// Whether the client is told its token behind each write.
    pub(crate) fn reports(&self) -> bool {
        self.report.unwrap_or(self.policy.report)
    }

    /// What the client says about that; `None`: as for all.
    pub(crate) fn set_report(&mut self, report: Option<bool>) {
        self.report = report;
        self.told = Told::Nothing;
    }
}
