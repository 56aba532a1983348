//! Where the primary's log ends, as far as it is known: it must not come to end earlier.

use afterwrite_types::{Fence, Moment, Position};

/// The highest position that the primary is known to have reached, and since when.
///
/// A primary that crashes comes back without what it had not yet flushed, although that may
/// have been acknowledged (`synchronous_commit = off`). It stays on its timeline and gives
/// the same numbers to other records.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogEnd(Option<(Position, Moment)>);

impl LogEnd {
    /// Takes up a position that somebody has learnt before `now`.
    pub fn learn(&mut self, seen: Position, now: Moment) {
        let higher =
            self.0.is_none_or(|(known, _)| known.line != seen.line || known.lsn < seen.lsn);
        if higher {
            self.0 = Some((seen, now));
        }
    }

    /// Takes up what the primary has answered. If it was asked after its log had been known
    /// to reach further, it has lost the rest: gives back how far it had come.
    pub fn answered(&mut self, fence: Fence, now: Moment) -> Option<Position> {
        if let Some((known, since)) = self.0
            && known.line == fence.position.line
            && fence.position.lsn < known.lsn
            && fence.asked > since
        {
            self.0 = Some((fence.position, now));
            return Some(known);
        }
        self.learn(fence.position, now);
        None
    }

    /// Whether a position lies beyond all that the primary is known to have on its line: it
    /// may have lost it.
    pub fn is_below(&self, wanted: Position) -> bool {
        self.0.is_some_and(|(known, _)| known.line == wanted.line && known.lsn < wanted.lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Line, Lsn, SystemId, Timeline};

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    fn answer(end: &mut LogEnd, position: Position, asked: u64) -> Option<u64> {
        let fence = Fence { position, asked: Moment(asked) };
        end.answered(fence, Moment(asked + 1)).map(|it| it.lsn.0)
    }

    #[test]
    fn only_an_answer_asked_for_later_shows_a_loss() {
        let mut end = LogEnd::default();
        assert_eq!(answer(&mut end, at(1, 100), 1), None);
        end.learn(at(1, 300), Moment(5));
        assert_eq!(answer(&mut end, at(1, 200), 5), None, "on its way when more was captured");
        assert!(!end.is_below(at(1, 300)) && end.is_below(at(1, 301)));
        assert_eq!(answer(&mut end, at(1, 200), 6), Some(300));
        assert!(end.is_below(at(1, 201)));
        assert_eq!(answer(&mut end, at(1, 210), 9), None, "told once");
        assert_eq!(answer(&mut end, at(2, 50), 11), None, "another line");
        assert!(!end.is_below(at(1, 900)));
    }
}
