//! What a session's reads have seen, so that none sees less than an earlier one.
//!
//! A replica's replayed position does not say what a read there has seen: a row is visible a
//! moment before the position counts it. And a primary's position does not say it either: it
//! counts commits that nobody can see yet. So what a read may have seen is told in two other
//! ways. A position of the primary, asked for *after* the read, is above everything it can have
//! seen. And a server process only goes forward: whoever is connected to the same life of the
//! same server sees no less.

use afterwrite_types::{Fence, Floor, History, Line, Moment, NodeId};

/// The life of a replica in which a session has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Which node.
    pub node: NodeId,
    /// Which of the servers that may answer at its address.
    pub server: u64,
    /// A moment at which it was alive: a connection that was admitted before, and is still
    /// open, leads to the same life. An answer comes from a life that was there when the question
    /// was sent; when it is received, another may have begun.
    pub at: Moment,
}

/// What a session's reads have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What a server must hold to show no less.
    floor: Floor,
    /// A replica that shows no less in any case.
    life: Option<Life>,
    /// The replica that may have shown what the primary does not show yet.
    ahead: Option<NodeId>,
    /// It was shown half an answer, and no moment after that was taken.
    broken: bool,
}

impl Seen {
    /// The session has read on a replica, and `now` is after that.
    ///
    /// What it had seen before it has seen there, too: it was asked for.
    pub fn on_replica(&mut self, life: Life, now: Moment) {
        self.floor.doubt(now);
        (self.life, self.ahead) = (Some(life), Some(life.node));
    }

    /// The session has read on a replica of which nobody asked whether it shows what was seen
    /// before; `now` is after that.
    ///
    /// So staying there would not do.
    pub fn astray(&mut self, node: NodeId, now: Moment) {
        self.floor.doubt(now);
        (self.life, self.ahead) = (None, Some(node));
    }

    /// The session has read on the primary, or got half an answer from somewhere; `now` is after
    /// that.
    pub fn elsewhere(&mut self, now: Moment) {
        self.floor.doubt(now);
        self.life = None;
    }

    /// The session has written, and a position from behind that covers all that it saw.
    pub fn leave(&mut self) {
        self.life = None;
    }

    /// The session's connection to a server broke while it was being shown an answer.
    /// A replica may have shown what the primary does not show yet.
    pub fn break_off(&mut self, replica: Option<NodeId>) {
        self.broken = true;
        self.life = None;
        self.ahead = replica.or(self.ahead);
    }

    /// Nothing that was seen on a replica is hidden on the primary any more.
    pub fn caught_up(&mut self) {
        self.ahead = None;
    }

    /// The replica that may have shown what the primary does not show yet.
    pub fn ahead(&self) -> Option<NodeId> {
        self.ahead
    }

    /// A replica that shows no less in any case.
    pub fn life(&self) -> Option<Life> {
        self.life
    }

    /// What any other server must hold.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// Begins another read at `now`.
    pub fn begin_read(&mut self, now: Moment) {
        if std::mem::take(&mut self.broken) {
            self.floor.doubt(now);
        }
    }

    /// Uses what the primary answered.
    pub fn resolve(&mut self, fence: Fence) {
        self.floor.resolve(fence);
    }

    /// Tells the floor as one of the primary's line of history. What was read and is lost was
    /// not acknowledged to the reader: nobody need be told.
    pub fn place(&mut self, history: &History, now: Moment) {
        let _ = self.floor.place(history, now);
    }

    /// Asks for a fence if the floor is not on `line`, the primary's.
    pub fn distrust(&mut self, line: Line, now: Moment) {
        self.floor.distrust(line, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{Lsn, Need, Position, SystemId, Timeline};

    const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };

    fn fence(lsn: u64, asked: u64) -> Fence {
        Fence { position: Position { line: LINE, lsn: Lsn(lsn) }, asked: Moment(asked) }
    }

    #[test]
    fn only_a_position_asked_for_after_the_read_is_above_what_it_saw() {
        let life = Life { node: NodeId(1), server: 0, at: Moment(3) };
        let mut seen = Seen::default();
        assert_eq!((seen.floor().need(), seen.life(), seen.ahead()), (Need::Nothing, None, None));
        seen.on_replica(life, Moment(5));
        assert_eq!((seen.life(), seen.ahead()), (Some(life), Some(NodeId(1))));
        seen.resolve(fence(100, 5));
        assert_eq!(seen.floor().need(), Need::Fence(Moment(5)));
        seen.resolve(fence(100, 6));
        assert_eq!(seen.floor().need(), Need::Position(fence(100, 6).position));
        assert_eq!(seen.life(), Some(life), "there it may read on with less");
    }

    #[test]
    fn where_it_was_not_asked_for_what_was_seen_before_it_does_not_stay() {
        let mut seen = Seen::default();
        seen.elsewhere(Moment(3));
        seen.astray(NodeId(1), Moment(5));
        assert_eq!((seen.life(), seen.ahead()), (None, Some(NodeId(1))));
        assert_eq!(seen.floor().need(), Need::Fence(Moment(5)));
    }

    #[test]
    fn a_read_on_the_primary_ends_the_stay_and_hides_nothing_of_it() {
        let life = Life { node: NodeId(1), server: 0, at: Moment(3) };
        let mut seen = Seen::default();
        seen.on_replica(life, Moment(5));
        seen.elsewhere(Moment(9));
        assert_eq!((seen.life(), seen.ahead()), (None, Some(NodeId(1))));
        assert_eq!(seen.floor().need(), Need::Fence(Moment(9)));
        seen.caught_up();
        assert_eq!(seen.ahead(), None);
    }
}
