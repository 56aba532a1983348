//! The least that a read must see.

use crate::{History, Line, Moment, Orphan, OrphanCause, Placed, Position};

/// A position of the primary, with the moment at which it was asked for.
///
/// Everything that was acknowledged before `asked` lies at or below `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Where the primary's last record ended.
    pub position: Position,
    /// Taken before the question was sent.
    pub asked: Moment,
}

/// The least position that a read must see.
///
/// A floor only ever rises. It has two parts: a position that is known, and
/// possibly a moment since when something may have been written whose position
/// is not known yet. A floor with such a moment must be resolved with a
/// [`Fence`] before it can be compared with a replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    position: Option<Position>,
    unresolved: Option<Moment>,
}

/// What a floor asks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing was written: every state will do.
    Nothing,
    /// The node must have replayed this.
    Position(Position),
    /// The primary must be asked for its position, later than this moment.
    Fence(Moment),
}

impl Floor {
    /// A floor at `position`.
    pub fn at(position: Position) -> Self {
        Self { position: Some(position), unresolved: None }
    }

    /// A floor of which only the moment is known.
    pub fn since(moment: Moment) -> Self {
        Self { position: None, unresolved: Some(moment) }
    }

    /// Raises the floor to `seen`; `now` is the present moment.
    ///
    /// A number of another timeline or system cannot be compared: the floor keeps the
    /// position of the newer timeline and asks for a fence from now on, which covers the
    /// other one as far as the primary has it.
    pub fn raise(&mut self, seen: Position, now: Moment) {
        match &mut self.position {
            None => self.position = Some(seen),
            Some(known) if known.line == seen.line => known.lsn = known.lsn.max(seen.lsn),
            Some(known) => {
                if seen.line.is_newer_than(known.line) {
                    *known = seen;
                }
                self.doubt(now);
            }
        }
    }

    /// Records that something may have been written up to `moment`.
    pub fn doubt(&mut self, moment: Moment) {
        self.unresolved = self.unresolved.max(Some(moment));
    }

    /// Asks for a fence if the known position is not on `line`, the primary's.
    ///
    /// After a failover, or with a token of another cluster, the number alone says
    /// nothing about what the primary holds now.
    pub fn distrust(&mut self, line: Line, now: Moment) {
        // A floor that is in doubt already will be moved by its fence. One that is ahead of
        // the primary's timeline cannot be: nothing that this primary says covers it.
        let elsewhere = |known: Position| known.line != line && !known.line.is_newer_than(line);
        if self.unresolved.is_none() && self.position.is_some_and(elsewhere) {
            self.doubt(now);
        }
    }

    /// Tells the known position as one of the primary's line of history, or finds that it
    /// is an orphan: that what it stands for may be lost.
    ///
    /// Of an orphan the floor keeps what the primary has, so that it is found but once, and
    /// asks for a fence: whoever holds it goes on from the primary's present state. Where
    /// the history is not known, that is done without a word. A floor ahead of the
    /// primary's timeline stays as it is: its reads go to the primary meanwhile.
    pub fn place(&mut self, history: &History, now: Moment) -> Option<Orphan> {
        let position = self.position.filter(|known| known.line != history.line())?;
        match history.place(position) {
            Placed::OnLine(here) => {
                self.position = Some(here);
                None
            }
            Placed::Orphan { switch } => {
                self.position = Some(switch);
                self.doubt(now);
                let cause = OrphanCause::Failover;
                Some(Orphan { position, switch: Some(switch), cause })
            }
            Placed::Void => {
                self.position = None;
                self.doubt(now);
                Some(Orphan { position, switch: None, cause: OrphanCause::Void })
            }
            Placed::Newer => None,
            Placed::Unknown => {
                self.distrust(history.line(), now);
                None
            }
        }
    }

    /// Finds that the primary has lost its last records: it was asked later than `held`,
    /// when the floor was this high already, and yet its log ended below it.
    ///
    /// The one way in which a floor sinks on its line. What it stood for is gone, and its
    /// number will be given to something else.
    pub fn cut(&mut self, fence: Fence, held: Moment) -> Option<Orphan> {
        let position = self.position.filter(|known| known.line == fence.position.line)?;
        if fence.asked <= held || position.lsn <= fence.position.lsn {
            return None;
        }
        self.position = Some(fence.position);
        let cause = OrphanCause::Restart;
        Some(Orphan { position, switch: Some(fence.position), cause })
    }

    /// Uses what the primary answered; says whether the floor is resolved now.
    ///
    /// A fence asked *after* the doubt covers everything below it: the doubtful
    /// write, and the old position too, even one of another line of history,
    /// because what the primary does not hold now nobody can be shown any more. Only what
    /// is of a newer timeline than the fence's is not covered by it: then it was an old
    /// primary that answered.
    pub fn resolve(&mut self, fence: Fence) -> bool {
        let ahead = |known: Position| known.line.is_newer_than(fence.position.line);
        match self.unresolved {
            Some(_) if self.position.is_some_and(ahead) => false,
            Some(since) if fence.asked > since => {
                *self = match self.position {
                    Some(known) if known.line == fence.position.line => {
                        Self::at(Position { lsn: known.lsn.max(fence.position.lsn), ..known })
                    }
                    _ => Self::at(fence.position),
                };
                true
            }
            Some(_) => false,
            None => true,
        }
    }

    /// The higher of both floors.
    #[must_use]
    pub fn merge(mut self, other: Self, now: Moment) -> Self {
        if let Some(position) = other.position {
            self.raise(position, now);
        }
        if let Some(moment) = other.unresolved {
            self.doubt(moment);
        }
        self
    }

    /// What must be true of a node before a read of this floor may run there.
    pub fn need(&self) -> Need {
        match (self.unresolved, self.position) {
            (Some(moment), _) => Need::Fence(moment),
            (None, Some(position)) => Need::Position(position),
            (None, None) => Need::Nothing,
        }
    }

    /// The known part, if there is one.
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lsn, SystemId, Timeline};

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    fn elsewhere(lsn: u64) -> Position {
        Position { line: Line { system: SystemId(8), timeline: Timeline(1) }, lsn: Lsn(lsn) }
    }

    fn fence(position: Position, asked: u64) -> Fence {
        Fence { position, asked: Moment(asked) }
    }

    #[test]
    fn it_only_rises() {
        let mut floor = Floor::at(at(1, 100));
        floor.raise(at(1, 50), Moment(1));
        assert_eq!(floor.need(), Need::Position(at(1, 100)));
        floor.raise(at(1, 150), Moment(1));
        assert_eq!(floor.need(), Need::Position(at(1, 150)));
    }

    #[test]
    fn numbers_of_two_timelines_are_not_compared() {
        let mut floor = Floor::at(at(1, 150));
        floor.raise(at(2, 120), Moment(4));
        assert_eq!((floor.need(), floor.position()), (Need::Fence(Moment(4)), Some(at(2, 120))));
        floor.raise(at(1, 900), Moment(6));
        assert_eq!((floor.need(), floor.position()), (Need::Fence(Moment(6)), Some(at(2, 120))));
    }

    #[test]
    fn the_past_is_placed_once() {
        let history = History::parse(at(2, 0).line, b"1\t0/64\tw\n").unwrap();
        let placed = |position, now| {
            let mut floor = Floor::at(position);
            let orphan = floor.place(&history, Moment(now));
            assert_eq!(floor.place(&history, Moment(99)), None, "once");
            (floor.need(), floor.position(), orphan)
        };
        let here = |lsn| Some(at(2, lsn));
        assert_eq!(placed(at(2, 500), 5), (Need::Position(at(2, 500)), here(500), None));
        assert_eq!(placed(at(1, 100), 5), (Need::Position(at(2, 100)), here(100), None));
        let lost = Orphan { position: at(1, 101), switch: here(100), cause: OrphanCause::Failover };
        assert_eq!(placed(at(1, 101), 5), (Need::Fence(Moment(5)), here(100), Some(lost)));
        let void = Orphan { position: elsewhere(5), switch: None, cause: OrphanCause::Void };
        assert_eq!(placed(elsewhere(5), 5), (Need::Fence(Moment(5)), None, Some(void)));
        assert_eq!(placed(at(3, 5), 5), (Need::Position(at(3, 5)), Some(at(3, 5)), None));
    }

    #[test]
    fn an_unknown_past_asks_for_a_fence() {
        let mut floor = Floor::at(at(1, 300));
        assert_eq!(floor.place(&History::unknown(at(2, 0).line), Moment(5)), None);
        assert_eq!(floor.need(), Need::Fence(Moment(5)));
        assert!(floor.resolve(fence(at(2, 200), 6)));
        assert_eq!(floor.need(), Need::Position(at(2, 200)));
    }

    #[test]
    fn an_old_primary_covers_nothing_of_a_newer_timeline() {
        let mut floor = Floor::at(at(2, 300));
        floor.distrust(at(1, 0).line, Moment(5));
        assert_eq!(floor.need(), Need::Position(at(2, 300)));
        floor.doubt(Moment(5));
        assert!(!floor.resolve(fence(at(1, 900), 6)));
        assert_eq!(floor.need(), Need::Fence(Moment(5)));
    }

    #[test]
    fn only_a_later_and_lower_answer_of_its_line_cuts_a_floor() {
        let cut = |position, asked| {
            let mut floor = Floor::at(at(1, 300));
            let lost = floor.cut(fence(position, asked), Moment(5));
            (lost.map(|it| it.cause), floor.position())
        };
        let kept = (None, Some(at(1, 300)));
        assert_eq!(cut(at(1, 200), 6), (Some(OrphanCause::Restart), Some(at(1, 200))));
        assert_eq!(cut(at(1, 200), 5), kept);
        assert_eq!(cut(at(1, 300), 6), kept);
        assert_eq!(cut(at(2, 200), 6), kept);
    }

    #[test]
    fn another_system_asks_for_a_fence() {
        let mut floor = Floor::at(at(1, 100));
        floor.raise(elsewhere(5), Moment(9));
        assert_eq!(floor.need(), Need::Fence(Moment(9)));
    }

    #[test]
    fn only_a_later_fence_resolves() {
        let mut floor = Floor::at(at(1, 100));
        floor.doubt(Moment(5));
        assert!(!floor.resolve(fence(at(1, 200), 4)), "asked before the doubt");
        assert!(!floor.resolve(fence(at(1, 200), 5)), "asked in the same moment");
        assert_eq!(floor.need(), Need::Fence(Moment(5)));
        assert!(floor.resolve(fence(at(1, 200), 6)));
        assert_eq!(floor.need(), Need::Position(at(1, 200)));
    }

    #[test]
    fn a_fence_never_sinks_a_floor_on_its_line() {
        let mut floor = Floor::at(at(1, 300));
        floor.doubt(Moment(5));
        assert!(floor.resolve(fence(at(1, 200), 6)));
        assert_eq!(floor.need(), Need::Position(at(1, 300)));
    }

    #[test]
    fn after_a_failover_the_new_line_counts() {
        let mut floor = Floor::at(at(1, 300));
        floor.doubt(Moment(5));
        assert!(floor.resolve(fence(at(2, 200), 6)));
        assert_eq!(floor.need(), Need::Position(at(2, 200)));
    }

    #[test]
    fn a_floor_of_another_line_is_distrusted_once() {
        let mut floor = Floor::at(at(1, 300));
        floor.distrust(at(1, 0).line, Moment(3));
        assert_eq!(floor.need(), Need::Position(at(1, 300)));
        floor.distrust(at(2, 0).line, Moment(5));
        floor.distrust(at(2, 0).line, Moment(9));
        assert_eq!(floor.need(), Need::Fence(Moment(5)), "asking again does not put it off");
        assert!(floor.resolve(fence(at(2, 200), 6)));
        floor.distrust(at(2, 0).line, Moment(9));
        assert_eq!(floor.need(), Need::Position(at(2, 200)));
    }

    #[test]
    fn merging_keeps_the_higher_of_each_part() {
        let mut doubtful = Floor::at(at(1, 10));
        doubtful.doubt(Moment(3));
        let merged = Floor::at(at(1, 20)).merge(doubtful, Moment(9));
        assert_eq!(merged.need(), Need::Fence(Moment(3)));
        assert_eq!(merged.position(), Some(at(1, 20)));
        assert_eq!(Floor::default().merge(Floor::default(), Moment(9)).need(), Need::Nothing);
    }
}
