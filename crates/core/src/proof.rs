//! When a replica's reported position may be relied upon.

use afterwrite_types::{Line, Lsn, Moment, Position, Standing};

/// What a node answered when it was asked how far it has replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Everything up to here is visible to every snapshot taken since.
    pub replayed: Position,
    /// Taken before the question was sent.
    pub asked: Moment,
}

/// What is known about the server process behind one live connection.
///
/// A replica that crashes comes back *behind* what it had shown, on the same
/// timeline, and after the crash of a single backend even with the same start
/// time. So a position belongs to one life of a server, and a connection is the
/// witness of that life: a crash ends every connection.
///
/// An observation made over another connection counts for this one only if it
/// was asked for after this one was admitted. Then both were open at once: the
/// same life. Otherwise only what this connection itself has seen counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    line: Line,
    own: Lsn,
    admitted: Moment,
}

impl Proof {
    /// A connection whose own first question was answered with `own`;
    /// `admitted` is the moment after that answer.
    pub fn new(own: Position, admitted: Moment) -> Self {
        Self { line: own.line, own: own.lsn, admitted }
    }

    /// Takes up an answer that came over this very connection.
    pub fn witness(&mut self, own: Position) {
        if own.line == self.line {
            self.own = self.own.max(own.lsn);
        } else {
            (self.line, self.own) = (own.line, own.lsn);
        }
    }

    /// Takes up how far the server says over this very connection that it has replayed:
    /// on the line that it was last seen on, for a connection lives on when its replica
    /// goes over to a new timeline.
    pub fn witness_here(&mut self, lsn: Lsn) {
        self.own = self.own.max(lsn);
    }

    /// Takes up what the node's probe has seen, if it counts for this connection.
    pub fn learn(&mut self, observed: Observed) {
        if observed.asked > self.admitted {
            self.witness(observed.replayed);
        }
    }

    /// Whether the connection was open at `moment`: what anybody saw of the same server then,
    /// it shows, too.
    pub fn was_open_at(&self, moment: Moment) -> bool {
        self.admitted < moment
    }

    /// How the server behind this connection is known to stand to `wanted`.
    pub fn standing(&self, wanted: Position) -> Standing {
        Position { line: self.line, lsn: self.own }.standing(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{SystemId, Timeline};

    fn at(lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(1) }, lsn: Lsn(lsn) }
    }

    #[test]
    fn an_observation_from_before_the_connection_does_not_count() {
        let mut proof = Proof::new(at(100), Moment(10));
        for asked in [9, 10] {
            proof.learn(Observed { replayed: at(900), asked: Moment(asked) });
            assert_eq!(proof.standing(at(101)), Standing::Trails { bytes: 1 });
        }
        proof.learn(Observed { replayed: at(900), asked: Moment(11) });
        assert_eq!(proof.standing(at(900)), Standing::Covers);
    }

    #[test]
    fn who_came_later_may_have_come_to_another_life() {
        let proof = Proof::new(at(100), Moment(10));
        let open: Vec<_> = (8..13).filter(|it| proof.was_open_at(Moment(*it))).collect();
        assert_eq!(open, [11, 12]);
    }

    #[test]
    fn within_one_life_the_highest_counts() {
        let mut proof = Proof::new(at(100), Moment(10));
        proof.witness(at(50));
        assert_eq!(proof.standing(at(100)), Standing::Covers);
    }
}
