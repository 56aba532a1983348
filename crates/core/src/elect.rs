//! Who is the primary, of the nodes that say that they accept writes.

use std::collections::BTreeMap;

use afterwrite_types::{
    Fence, History, Line, Moment, NodeId, Placed, Position, SystemId, Timeline,
};
use smallvec::SmallVec;

use crate::PrimaryView;

/// The highest timeline that any node of each cluster has shown, replicas too.
///
/// It only rises: a node that is gone may come back, and what it has seen stays true.
#[derive(Clone, Debug, Default)]
pub struct Timelines(BTreeMap<SystemId, Timeline>);

impl Timelines {
    /// Notes a line of history that a node is on; says whether it is news.
    pub fn note(&mut self, line: Line) -> bool {
        let known = self.0.entry(line.system).or_insert(Timeline(0));
        let news = line.timeline > *known;
        *known = line.timeline.max(*known);
        news
    }

    /// Whether the cluster has gone on to a newer timeline.
    pub fn is_outdated(&self, line: Line) -> bool {
        self.0.get(&line.system).is_some_and(|highest| line.timeline < *highest)
    }
}

/// Who is the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elected {
    /// This one.
    Primary(PrimaryView),
    /// Nobody.
    Nobody,
    /// More than one could be, and nothing tells which.
    Disputed {
        /// The one that was the primary before, if it is among them: it stays.
        stays: Option<PrimaryView>,
        /// All of them.
        among: SmallVec<[NodeId; 4]>,
    },
}

impl Elected {
    /// The primary, if there is one.
    pub fn primary(&self) -> Option<PrimaryView> {
        match self {
            Self::Primary(primary) => Some(*primary),
            Self::Nobody => None,
            Self::Disputed { stays, .. } => *stays,
        }
    }
}

/// Chooses the primary among `writable` nodes; `before` is who it was.
///
/// The newest timeline wins, unless any node, a replica even, has shown a newer one: then
/// it belongs to an old primary that has come back, and writes there would be lost. Two
/// that accept writes on one timeline cannot both be right, nor can two clusters: the one
/// known before stays, and if there was none, nobody is.
pub fn elect(
    writable: &[PrimaryView],
    timelines: &Timelines,
    before: Option<PrimaryView>,
) -> Elected {
    let mut current: SmallVec<[PrimaryView; 4]> =
        writable.iter().copied().filter(|it| !timelines.is_outdated(it.line)).collect();
    let newest = current.clone();
    current.retain(|it| !newest.iter().any(|other| other.line.is_newer_than(it.line)));
    match current.as_slice() {
        [] => Elected::Nobody,
        [one] => Elected::Primary(*one),
        _ => Elected::Disputed {
            stays: before.filter(|known| current.contains(known)),
            among: current.iter().map(|it| it.node).collect(),
        },
    }
}

/// Why a node that answers takes no reads until it is seen on the primary's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    /// It was seen on an earlier timeline beyond the switch point: it holds what the
    /// primary does not, and can never follow it.
    Diverged {
        /// How far it was seen.
        seen: Position,
        /// The last place that it has in common with the primary.
        switch: Position,
    },
    /// It is of another cluster, or of a branch that the primary never was on.
    Foreign {
        /// Where it was seen.
        seen: Position,
    },
    /// It shows more than the primary has written, and yet says that it is on the primary's
    /// timeline: it follows another server, and what it says of itself is old.
    Astray {
        /// How far it was seen.
        seen: Position,
        /// Where the primary's log ended later.
        end: Position,
    },
}

/// Whether a node that was seen as far as `furthest` is banned, by the primary's history.
///
/// Where that is not known nothing is said: a read that must see something does not go to
/// a node of another line anyway.
pub fn ban(furthest: Position, history: &History) -> Option<Ban> {
    match history.place(furthest) {
        Placed::Orphan { switch } => Some(Ban::Diverged { seen: furthest, switch }),
        Placed::Void => Some(Ban::Foreign { seen: furthest }),
        Placed::OnLine(_) | Placed::Newer | Placed::Unknown => None,
    }
}

/// Finds that a replica follows another server than the primary. It showed `seen`, and `told` is
/// the moment after it had said so; and the primary, asked later, had not come so far.
///
/// Primaries send on only what they have written for good, so no replica of theirs is ever ahead.
pub fn astray(seen: Position, told: Moment, fence: Fence) -> Option<Ban> {
    let end = fence.position;
    let ahead = seen.line == end.line && seen.lsn > end.lsn && told < fence.asked;
    ahead.then_some(Ban::Astray { seen, end })
}

/// How far a node was seen on the line that it was last seen on.
///
/// A crash may set back what it shows, but not what it has on disk.
pub fn furthest(before: Option<Position>, seen: Position) -> Position {
    match before {
        Some(before) if before.line == seen.line => {
            Position { lsn: before.lsn.max(seen.lsn), ..seen }
        }
        Some(_) | None => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::Lsn;

    fn line(system: u64, timeline: u32) -> Line {
        Line { system: SystemId(system), timeline: Timeline(timeline) }
    }

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: line(7, timeline), lsn: Lsn(lsn) }
    }

    fn node(node: u16, line: Line) -> PrimaryView {
        PrimaryView { node: NodeId(node), line }
    }

    fn check(
        writable: &[PrimaryView],
        seen: &[Line],
        before: Option<PrimaryView>,
        expected: Option<u16>,
    ) {
        let mut timelines = Timelines::default();
        for line in writable.iter().map(|it| it.line).chain(seen.iter().copied()) {
            timelines.note(line);
        }
        let elected = elect(writable, &timelines, before).primary();
        assert_eq!(elected.map(|it| it.node.0), expected, "{writable:?} {seen:?} {before:?}");
    }

    #[test]
    fn the_newest_timeline_wins() {
        check(&[], &[], None, None);
        check(&[node(0, line(7, 1))], &[], None, Some(0));
        check(&[node(0, line(7, 1)), node(1, line(7, 2))], &[], None, Some(1));
        check(&[node(1, line(7, 2)), node(0, line(7, 1))], &[], None, Some(1));
    }

    #[test]
    fn an_old_primary_that_comes_back_is_nobody() {
        let old = node(0, line(7, 1));
        check(&[old], &[line(7, 2)], None, None);
        check(&[old], &[line(7, 2)], Some(old), None);
        check(&[old], &[line(8, 2)], None, Some(0));
    }

    #[test]
    fn of_two_that_could_be_right_only_the_one_known_before_stays() {
        let (one, two) = (node(0, line(7, 1)), node(1, line(7, 1)));
        check(&[one, two], &[], None, None);
        check(&[one, two], &[], Some(two), Some(1));
        let foreign = node(1, line(8, 5));
        check(&[one, foreign], &[], None, None);
        check(&[one, foreign], &[], Some(one), Some(0));
        check(&[one, foreign], &[], Some(foreign), Some(1));
        check(&[foreign], &[line(7, 9)], Some(one), Some(1));
    }

    #[test]
    fn no_replica_of_the_primary_is_ahead_of_it() {
        let astray = |seen, told, asked| {
            let fence = Fence { position: at(1, 100), asked: Moment(asked) };
            astray(seen, Moment(told), fence).is_some()
        };
        assert!(astray(at(1, 101), 5, 6));
        assert!(!astray(at(1, 101), 5, 5), "it may have told later than the primary");
        assert!(!astray(at(1, 100), 5, 6));
        assert!(!astray(at(2, 101), 5, 6), "of another line its number says nothing");
    }

    #[test]
    fn who_was_seen_beyond_the_switch_point_is_banned_until_it_is_on_the_line() {
        let history = History::parse(line(7, 2), b"1\t0/64\tw\n").unwrap();
        assert_eq!(ban(at(1, 100), &history), None);
        assert_eq!(ban(at(2, 500), &history), None);
        let diverged = Ban::Diverged { seen: at(1, 101), switch: at(2, 100) };
        assert_eq!(ban(at(1, 101), &history), Some(diverged));
        let foreign = Position { line: line(8, 1), lsn: Lsn(5) };
        assert_eq!(ban(foreign, &history), Some(Ban::Foreign { seen: foreign }));
        assert_eq!(ban(at(1, 101), &History::unknown(line(7, 2))), None);
    }

    #[test]
    fn a_crash_does_not_bring_a_node_back_before_the_switch_point() {
        let seen = furthest(Some(at(1, 101)), at(1, 90));
        assert_eq!(seen, at(1, 101));
        assert_eq!(furthest(Some(seen), at(2, 95)), at(2, 95), "rewound, it is on the line");
        assert_eq!(furthest(None, at(1, 90)), at(1, 90));
    }
}
