//! Takes up the tokens that stand in hints: as those of the session, for one exchange.

use afterwrite_types::{Fence, History, Level, Moment, Position, Token};

use crate::session::Session;
use crate::token::{Disbelief, Placed, Settled, Unplaced, placed};

impl Session {
    /// Takes up a token as the session does that it is set for, but for the exchange alone.
    pub(crate) fn heed_token(
        &mut self,
        token: &Token,
        known: Option<Position>,
        history: Option<&History>,
        now: Moment,
    ) {
        let believed = self.scope.tokens.believed(token);
        let believed = believed.map(|position| self.scope.place_token(position, history));
        let hints = self.exchange.hints.get_or_insert_default();
        let tokens = &mut self.scope.tokens;
        let stands = believed.map(|position| {
            (position, known.map_or(Placed::Ahead, |known| placed(position, known)))
        });
        let disbelief = match stands {
            Ok((position, Placed::Covered)) => {
                hints.floor.raise(position, now);
                tokens.counts_mut().good += 1;
                return;
            }
            Ok((_, Placed::Left)) => {
                hints.floor.doubt(now);
                tokens.counts_mut().old_timeline += 1;
                None
            }
            Ok((position, Placed::Ahead)) => {
                hints.floor.doubt(now);
                let token = Unplaced::new(position, now);
                match hints.unplaced.map_or(Ok(token), |before| before.and(token)) {
                    Ok(both) => {
                        hints.unplaced = Some(both);
                        None
                    }
                    Err(why) => Some(why),
                }
            }
            Ok((_, Placed::Foreign)) => Some(Disbelief::Foreign),
            Err(why) => Some(why),
        };
        if let Some(why) = disbelief {
            hints.bad_token = true;
            why.count(tokens.counts_mut());
        }
        self.hint_counts.unplaced += 1;
    }

    /// Takes up what the primary has answered, for the tokens of the exchange.
    pub(crate) fn settle_hinted(&mut self, fence: Fence) {
        let Some(hints) = &mut self.exchange.hints else { return };
        let counts = self.scope.tokens.counts_mut();
        if let Some(settled) = hints.unplaced.and_then(|token| token.settle(fence, counts)) {
            hints.unplaced = None;
            hints.bad_token |= settled == Settled::Bad;
        }
    }

    /// Whether a token that is not believed came with the exchange, or with the session,
    /// whose tokens say nothing to an `eventual` read.
    pub(crate) fn has_bad_token(&self) -> bool {
        let hinted = self.exchange.hints.as_ref().is_some_and(|hints| hints.bad_token);
        hinted || self.scope.tokens.are_bad() && self.level() != Level::Eventual
    }
}
