//! The one question: where does this statement run?

use std::time::Duration;

use afterwrite_types::{Floor, Level, Lsn, Moment, Need, NodeId, Position, Preference, Standing};
use smallvec::SmallVec;

use crate::{Balance, Life, Policy, Reason, ReplicaView, View};

/// The life of a replica in which a session has read already, so that nothing of what it saw
/// can be missing there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Which one.
    pub life: Life,
    /// What the read must see there; elsewhere it must see [`Ask::floor`].
    pub floor: Floor,
}

/// What is asked of [`decide`] about a read.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Ask {
    /// What the read asks for.
    pub level: Level,
    /// The least that it must see, with the key's floor, what earlier reads have seen, and
    /// any `strong` doubt merged in.
    pub floor: Floor,
    /// Where less will do.
    pub stuck: Option<Stuck>,
    /// A write of the same key is under way on another connection.
    pub pending_write: bool,
    /// A write of this session was cut off and nobody knows yet whether it happened.
    pub in_doubt: bool,
    /// A token came with it that says nothing here.
    pub bad_token: bool,
    /// Where its client would rather have it.
    pub preference: Option<Preference>,
    /// How long the read may still wait; zero once it has waited enough.
    pub budget: Duration,
    /// Whether it has waited already.
    pub waited: bool,
    /// A number that differs from read to read, to take turns by.
    pub turn: u32,
}

/// Where a statement runs, or what has to happen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// On the primary.
    Primary(Reason),
    /// On this replica, over a connection that proves `need`.
    Replica {
        /// Which one.
        node: NodeId,
        /// What the connection's [`Proof`](crate::Proof) must cover; `None` for any state.
        need: Option<Position>,
        /// The life of the replica that it must lead to; `None` for any.
        life: Option<Life>,
        /// Why it may.
        reason: Reason,
    },
    /// Nowhere yet: wait until a replica has replayed `need`, then ask again.
    Wait {
        /// What some replica must have replayed.
        need: Position,
        /// At most this long.
        at_most: Duration,
    },
    /// Nowhere yet: the primary must be asked for its position later than `after`.
    Resolve {
        /// The fence must be asked for later than this.
        after: Moment,
        /// At most this long.
        at_most: Duration,
    },
}

/// Chooses where a read runs.
///
/// Pure and total. The simple answers first; the primary is always a correct one.
pub fn decide(ask: &Ask, view: &View<'_>, policy: &Policy) -> Decision {
    if ask.preference == Some(Preference::Primary) {
        return Decision::Primary(Reason::Hinted);
    }
    if view.replicas.is_empty() {
        return Decision::Primary(Reason::NoReplicas);
    }
    if ask.bad_token {
        return Decision::Primary(Reason::BadToken);
    }
    if ask.in_doubt {
        return Decision::Primary(Reason::InDoubt);
    }
    if ask.pending_write && ask.level.sees_own_writes() {
        return Decision::Primary(Reason::PendingWrite);
    }
    let in_rotation: Rotation<'_> =
        view.replicas.iter().filter(|replica| takes_reads(replica, policy)).collect();
    if in_rotation.is_empty() {
        return Decision::Primary(Reason::NoneHealthy);
    }
    if ask.level == Level::Eventual {
        return choose(&in_rotation, ask, policy, None, Reason::Eventual);
    }
    if let Some(decision) = ask.stuck.and_then(|stuck| stay(stuck, &in_rotation, view)) {
        return decision;
    }
    match ask.floor.need() {
        Need::Nothing => choose(&in_rotation, ask, policy, None, Reason::NoFloor),
        Need::Fence(_) if ask.budget.is_zero() => Decision::Primary(Reason::Unresolved),
        Need::Fence(after) => Decision::Resolve { after, at_most: ask.budget },
        Need::Position(need) => read_at(need, &in_rotation, ask, view, policy),
    }
}

type Rotation<'a> = SmallVec<[&'a ReplicaView; 8]>;

fn takes_reads(replica: &ReplicaView, policy: &Policy) -> bool {
    let too_far = policy.lag_max.is_some_and(|max| replica.forecast.lag > max);
    replica.healthy && replica.observed.is_some() && !too_far
}

/// Where the session has read before, if it shows all that the read must see.
fn stay(stuck: Stuck, in_rotation: &Rotation<'_>, view: &View<'_>) -> Option<Decision> {
    let Stuck { life, floor } = stuck;
    let replica = in_rotation.iter().find(|replica| replica.node == life.node)?;
    let (need, reason) = match floor.need() {
        Need::Nothing => (None, Reason::NoFloor),
        Need::Fence(_) => return None,
        Need::Position(need) => (Some(need), Reason::CaughtUp),
    };
    if let Some(need) = need {
        let foreign = view.primary.is_some_and(|primary| primary.line != need.line);
        if foreign || standing(replica, need) != Standing::Covers {
            return None;
        }
    }
    Some(Decision::Replica { node: life.node, need, life: Some(life), reason })
}

/// A read that must see `need`.
fn read_at(
    need: Position,
    in_rotation: &Rotation<'_>,
    ask: &Ask,
    view: &View<'_>,
    policy: &Policy,
) -> Decision {
    // A floor of another line cannot be compared with anything. Whoever holds
    // it turns it into a doubt (`Floor::distrust`); until then, the primary.
    if view.primary.is_some_and(|primary| primary.line != need.line) {
        return Decision::Primary(Reason::Diverged);
    }
    let ready: Rotation<'_> = in_rotation
        .iter()
        .copied()
        .filter(|replica| standing(replica, need) == Standing::Covers)
        .collect();
    if !ready.is_empty() {
        let reason = if ask.waited { Reason::Waited } else { Reason::CaughtUp };
        return choose(&ready, ask, policy, Some(need), reason);
    }
    if ask.budget.is_zero() {
        return Decision::Primary(if ask.waited { Reason::NoneInTime } else { Reason::Hopeless });
    }
    let soonest = in_rotation
        .iter()
        .filter(|replica| matches!(standing(replica, need), Standing::Trails { .. }))
        .map(|replica| replica.forecast.catch_up)
        .min();
    match soonest {
        None => Decision::Primary(Reason::Diverged),
        Some(expected)
            if !ask.waited
                && expected > ask.budget
                && ask.preference != Some(Preference::Replica) =>
        {
            Decision::Primary(Reason::Hopeless)
        }
        Some(_) => Decision::Wait { need, at_most: ask.budget },
    }
}

fn standing(replica: &ReplicaView, need: Position) -> Standing {
    replica.observed.map_or(Standing::Diverges, |observed| observed.replayed.standing(need))
}

/// One of `candidates`, which is not empty and every member of which will do.
fn choose(
    candidates: &Rotation<'_>,
    ask: &Ask,
    policy: &Policy,
    need: Option<Position>,
    reason: Reason,
) -> Decision {
    let count = candidates.len();
    let start = ask.turn as usize % count.max(1);
    let in_turn = candidates.iter().cycle().skip(start).take(count);
    let chosen = match policy.balance {
        Balance::RoundRobin => in_turn.copied().next(),
        // `min_by_key` keeps the first of equals, so equals take turns.
        Balance::LeastInFlight => in_turn.copied().min_by_key(|replica| replica.in_flight),
    };
    match chosen {
        Some(replica) => Decision::Replica { node: replica.node, need, life: None, reason },
        None => Decision::Primary(Reason::NoneHealthy),
    }
}

impl Decision {
    /// The position that a wait is for, if this is one.
    pub fn waits_for(&self) -> Option<Lsn> {
        match self {
            Self::Wait { need, .. } => Some(need.lsn),
            Self::Primary(_) | Self::Replica { .. } | Self::Resolve { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forecast, Observed, PrimaryView};
    use afterwrite_types::{Line, SystemId, Timeline};
    use proptest::prelude::*;

    const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };
    const OLD: Line = Line { system: SystemId(7), timeline: Timeline(0) };

    fn at(lsn: u64) -> Position {
        Position { line: LINE, lsn: Lsn(lsn) }
    }

    /// A healthy replica: (replayed, in flight, catch-up in ms).
    fn replica(node: u16, (lsn, in_flight, catch_up): (u64, u32, u64)) -> ReplicaView {
        let catch_up = Duration::from_millis(catch_up);
        ReplicaView {
            node: NodeId(node),
            healthy: true,
            observed: Some(Observed { replayed: at(lsn), asked: Moment(1) }),
            in_flight,
            forecast: Forecast { catch_up, lag: catch_up },
        }
    }

    fn read(floor: Floor) -> Ask {
        Ask {
            level: Level::ReadYourWrites,
            floor,
            stuck: None,
            pending_write: false,
            in_doubt: false,
            bad_token: false,
            preference: None,
            budget: Duration::from_millis(50),
            waited: false,
            turn: 0,
        }
    }

    fn policy() -> Policy {
        Policy { balance: Balance::LeastInFlight, lag_max: None }
    }

    fn run(ask: &Ask, replicas: &[ReplicaView]) -> String {
        let primary = Some(PrimaryView { node: NodeId(0), line: LINE });
        match decide(ask, &View { primary, replicas }, &policy()) {
            Decision::Primary(reason) => format!("primary: {}", reason.name()),
            Decision::Replica { node, reason, .. } => format!("node {node}: {}", reason.name()),
            Decision::Wait { need, at_most } => format!("wait {at_most:?} for {}", need.lsn),
            Decision::Resolve { after, at_most } => format!("ask after {} {at_most:?}", after.0),
        }
    }

    fn check(ask: Ask, replicas: &[(u64, u32, u64)], expected: &str) {
        let replicas: Vec<_> =
            (1..).zip(replicas).map(|(node, &shape)| replica(node, shape)).collect();
        assert_eq!(run(&ask, &replicas), expected, "{ask:?}");
    }

    #[test]
    fn a_read_goes_where_its_floor_is_covered() {
        let floor = Floor::at(at(100));
        check(read(Floor::default()), &[(5, 0, 0)], "node 1: no_floor");
        check(read(floor), &[(100, 0, 0)], "node 1: caught_up");
        check(read(floor), &[(99, 0, 0), (100, 9, 0)], "node 2: caught_up");
        check(read(floor), &[(100, 3, 0), (100, 2, 0)], "node 2: caught_up");
        check(Ask { turn: 1, ..read(floor) }, &[(100, 2, 0), (100, 2, 0)], "node 2: caught_up");
        check(read(floor), &[], "primary: no_replicas");
    }

    #[test]
    fn a_read_waits_only_where_waiting_may_help() {
        let floor = Floor::at(at(100));
        check(read(floor), &[(99, 0, 5)], "wait 50ms for 0/64");
        check(read(floor), &[(99, 0, 51), (98, 0, 60)], "primary: hopeless");
        check(read(floor), &[(99, 0, 51), (98, 0, 6)], "wait 50ms for 0/64");
        let spent = Ask { waited: true, budget: Duration::ZERO, ..read(floor) };
        check(spent, &[(99, 0, 5)], "primary: none_in_time");
        check(spent, &[(100, 0, 5)], "node 1: waited");
        let waiting = Ask { waited: true, budget: Duration::from_millis(20), ..read(floor) };
        check(waiting, &[(99, 0, 60)], "wait 20ms for 0/64");
    }

    #[test]
    fn doubt_goes_to_the_primary() {
        let floor = Floor::at(at(100));
        check(Ask { in_doubt: true, ..read(floor) }, &[(100, 0, 0)], "primary: in_doubt");
        check(Ask { pending_write: true, ..read(floor) }, &[(100, 0, 0)], "primary: pending_write");
        check(read(Floor::since(Moment(4))), &[(100, 0, 0)], "ask after 4 50ms");
        let spent = Ask { budget: Duration::ZERO, ..read(Floor::since(Moment(4))) };
        check(spent, &[(100, 0, 0)], "primary: unresolved");
        let old = Floor::at(Position { line: OLD, lsn: Lsn(5) });
        check(read(old), &[(100, 0, 0)], "primary: diverged");
    }

    #[test]
    fn a_preference_moves_a_read_and_never_its_floor() {
        let floor = read(Floor::at(at(100)));
        let primary = Ask { preference: Some(Preference::Primary), ..floor };
        check(primary, &[(100, 0, 0)], "primary: hinted");
        check(Ask { level: Level::Eventual, ..primary }, &[(100, 0, 0)], "primary: hinted");
        check(Ask { in_doubt: true, ..primary }, &[(100, 0, 0)], "primary: hinted");
        let replica = Ask { preference: Some(Preference::Replica), ..floor };
        check(floor, &[(99, 0, 51)], "primary: hopeless");
        check(replica, &[(99, 0, 51)], "wait 50ms for 0/64");
        let spent = Ask { waited: true, budget: Duration::ZERO, ..replica };
        check(spent, &[(99, 0, 51)], "primary: none_in_time");
        check(Ask { pending_write: true, ..replica }, &[(100, 0, 0)], "primary: pending_write");
    }

    #[test]
    fn a_token_that_says_nothing_is_answered_by_the_primary() {
        let ask = Ask { bad_token: true, ..read(Floor::default()) };
        check(ask, &[(100, 0, 0)], "primary: bad_token");
        check(Ask { level: Level::Eventual, ..ask }, &[(100, 0, 0)], "primary: bad_token");
    }

    #[test]
    fn a_bounded_read_does_not_mind_writes_under_way() {
        let ask = Ask { pending_write: true, level: Level::Bounded, ..read(Floor::at(at(100))) };
        check(ask, &[(100, 0, 0)], "node 1: caught_up");
        check(ask, &[(99, 0, 5)], "wait 50ms for 0/64");
        check(Ask { level: Level::Causal, ..ask }, &[(100, 0, 0)], "primary: pending_write");
    }

    #[test]
    fn where_a_session_has_read_before_its_writes_alone_count() {
        let life = |node| Life { node: NodeId(node), server: 0, at: Moment(7) };
        let stuck = |node, floor| Some(Stuck { life: life(node), floor });
        let causal = Ask { level: Level::Causal, ..read(Floor::at(at(100))) };
        let replicas = [(90, 9, 5), (95, 0, 5)];
        check(causal, &replicas, "wait 50ms for 0/64");
        let written = Floor::at(at(90));
        check(Ask { stuck: stuck(1, written), ..causal }, &replicas, "node 1: caught_up");
        check(Ask { stuck: stuck(2, Floor::default()), ..causal }, &replicas, "node 2: no_floor");
        let beyond = Floor::at(at(96));
        check(Ask { stuck: stuck(2, beyond), ..causal }, &replicas, "wait 50ms for 0/64");
        check(Ask { stuck: stuck(3, written), ..causal }, &replicas, "wait 50ms for 0/64");
        let doubtful = Floor::since(Moment(3));
        check(Ask { stuck: stuck(1, doubtful), ..causal }, &replicas, "wait 50ms for 0/64");
        let old = Floor::at(Position { line: OLD, lsn: Lsn(5) });
        check(Ask { stuck: stuck(1, old), ..causal }, &replicas, "wait 50ms for 0/64");
        let decision = decide(
            &Ask { stuck: stuck(1, written), ..causal },
            &View { primary: None, replicas: &[replica(1, (90, 0, 0))] },
            &policy(),
        );
        let need = Some(at(90));
        let life = Some(life(1));
        let reason = Reason::CaughtUp;
        assert_eq!(decision, Decision::Replica { node: NodeId(1), need, life, reason });
    }

    #[test]
    fn the_unhealthy_the_unseen_and_the_diverged_take_no_reads() {
        let floor = read(Floor::at(at(100)));
        let sick = ReplicaView { healthy: false, ..replica(1, (100, 0, 0)) };
        assert_eq!(run(&floor, &[sick]), "primary: none_healthy");
        let unseen = ReplicaView { observed: None, ..replica(1, (100, 0, 0)) };
        assert_eq!(run(&floor, &[unseen]), "primary: none_healthy");
        let replayed = Position { line: OLD, lsn: Lsn(900) };
        let diverged = ReplicaView {
            observed: Some(Observed { replayed, asked: Moment(1) }),
            ..replica(1, (100, 0, 0))
        };
        assert_eq!(run(&floor, &[diverged]), "primary: diverged");
    }

    #[test]
    fn eventual_takes_any_healthy_replica_within_the_lag_limit() {
        let ask = Ask { level: Level::Eventual, pending_write: true, ..read(Floor::at(at(100))) };
        check(ask, &[(1, 0, 9999)], "node 1: eventual");
        let policy = Policy { lag_max: Some(Duration::from_millis(10)), ..policy() };
        let replicas = [replica(1, (1, 0, 11))];
        let decision = decide(&ask, &View { primary: None, replicas: &replicas }, &policy);
        assert_eq!(decision, Decision::Primary(Reason::NoneHealthy));
    }

    proptest! {
        /// Whatever the cluster looks like, no read is sent below its floor.
        #[test]
        fn never_below_the_floor(
            floor in prop::option::of((0u64..50, any::<bool>())),
            nodes in prop::collection::vec((0u64..60, 0u32..4, 0u64..100, any::<bool>(), any::<bool>()), 0..6),
            budget in 0u64..100, waited: bool, turn: u32, strong: bool,
            preference in prop::sample::select(vec![None, Some(Preference::Primary), Some(Preference::Replica)]),
        ) {
            let floor = floor.map_or(Floor::default(), |(lsn, old)| {
                Floor::at(Position { line: if old { OLD } else { LINE }, lsn: Lsn(lsn) })
            });
            let replicas: Vec<_> = (1..).zip(&nodes).map(|(node, &(lsn, busy, catch_up, healthy, old))| {
                let replayed = Position { line: if old { OLD } else { LINE }, lsn: Lsn(lsn) };
                ReplicaView {
                    healthy,
                    observed: Some(Observed { replayed, asked: Moment(1) }),
                    ..replica(node, (lsn, busy, catch_up))
                }
            }).collect();
            let level = if strong { Level::Strong } else { Level::ReadYourWrites };
            let ask = Ask { level, budget: Duration::from_millis(budget), waited, turn, preference, ..read(floor) };
            let view = View { primary: Some(PrimaryView { node: NodeId(0), line: LINE }), replicas: &replicas };
            let decision = decide(&ask, &view, &policy());
            prop_assert_eq!(decision, decide(&ask, &view, &policy()), "equal inputs, equal decisions");
            if let Decision::Replica { node, need, .. } = decision {
                let chosen = replicas.iter().find(|replica| replica.node == node).unwrap();
                prop_assert!(chosen.healthy);
                if let Some(wanted) = floor.position() {
                    prop_assert_eq!(need, Some(wanted));
                    let replayed = chosen.observed.unwrap().replayed;
                    prop_assert!(replayed.line == wanted.line && replayed.lsn >= wanted.lsn);
                }
            }
        }
    }
}
