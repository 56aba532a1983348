//! The least that a read must see.

use crate::{Line, Moment, Position};

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
    /// On a newer timeline the higher of both numbers is kept: too high is a
    /// wait, too low would be a stale read. A position of another system cannot
    /// be compared at all, so the floor asks for a fence from now on.
    pub fn raise(&mut self, seen: Position, now: Moment) {
        match &mut self.position {
            None => self.position = Some(seen),
            Some(known) if known.line.system == seen.line.system => {
                known.lsn = known.lsn.max(seen.lsn);
                known.line.timeline = known.line.timeline.max(seen.line.timeline);
            }
            Some(_) => self.doubt(now),
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
        // A floor that is in doubt already will be moved by its fence.
        if self.unresolved.is_none() && self.position.is_some_and(|known| known.line != line) {
            self.doubt(now);
        }
    }

    /// Uses what the primary answered; says whether the floor is resolved now.
    ///
    /// A fence asked *after* the doubt covers everything below it: the doubtful
    /// write, and the old position too, even one of another line of history,
    /// because what the primary does not hold now nobody can be shown any more.
    pub fn resolve(&mut self, fence: Fence) -> bool {
        match self.unresolved {
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
        floor.raise(at(2, 120), Moment(1));
        assert_eq!(floor.need(), Need::Position(at(2, 150)), "the higher of both numbers");
        floor.raise(at(1, 160), Moment(1));
        assert_eq!(floor.need(), Need::Position(at(2, 160)));
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
