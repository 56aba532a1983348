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
        let ahead = self.scope.orphans.ahead;
        let believed = believed.map(|position| self.scope.place_token(position, history));
        let hints = self.exchange.hints.get_or_insert_default();
        // Many users may share a connection, and anyone can write such a token: it says nothing
        // of the session.
        let newer = std::mem::replace(&mut self.scope.orphans.ahead, ahead);
        hints.ahead = newer.filter(|_| newer != ahead).or(hints.ahead);
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
            Ok((position, Placed::Ahead)) if hints.ahead == Some(position) => {
                hints.floor.doubt(now);
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
        let hints = self.exchange.hints.as_ref();
        let hinted = hints.is_some_and(|hints| hints.bad_token || hints.ahead.is_some());
        hinted || self.scope.tokens.are_bad() && self.level() != Level::Eventual
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::Exchange;
    use crate::session::Limits;
    use crate::settings::Settings;
    use afterwrite_types::{Line, Lsn, SystemId, Timeline};

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    /// Whoever writes such a token, and be it one of many users behind one connection, sends
    /// that statement to the primary, and no other.
    #[test]
    fn a_hinted_token_of_a_newer_timeline_counts_for_its_exchange_alone() {
        let limits = Limits { message_max: 1 << 20, held_max: 1 << 20, prepared_max: 10 };
        let mut session = Session::new(limits, Level::default(), Settings::default(), 0);
        let history = History::unknown(at(1, 0).line);
        let bad = |session: &Session| session.ask(false, Duration::ZERO, false).bad_token;
        let token = Token::unsigned(at(9, 100));
        session.heed_token(&token, Some(at(1, 500)), Some(&history), Moment(3));
        assert!(bad(&session));
        assert_eq!(session.ahead_of(history.line()), Some(at(9, 0).line), "perhaps it is right");
        assert!(session.asks_who_is_primary(history.line()));
        session.exchange = Exchange::default();
        assert!(!bad(&session) && session.may_rest());
        assert_eq!(session.ahead_of(history.line()), None);
    }
}
