//! Those who wait for a replica to reach a position, or for the primary's.

use std::collections::BTreeMap;

use afterwrite_types::{Fence, Line, Lsn, Moment, Position};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Those who wait, lowest position first.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    replays: Mutex<Replays>,
    fences: Mutex<Vec<(Moment, oneshot::Sender<Fence>)>>,
}

#[derive(Debug, Default)]
struct Replays {
    next: u64,
    waiting: BTreeMap<(Lsn, u64), (Line, oneshot::Sender<()>)>,
}

/// A place in the queue of those who wait for a replay; leaves it when dropped.
pub(crate) struct ReplayTicket<'a> {
    waiters: &'a Waiters,
    at: (Lsn, u64),
    pub(crate) reached: oneshot::Receiver<()>,
}

impl Drop for ReplayTicket<'_> {
    fn drop(&mut self) {
        self.waiters.replays.lock().waiting.remove(&self.at);
    }
}

impl Waiters {
    pub(crate) fn for_replay(&self, need: Position) -> ReplayTicket<'_> {
        let (sender, reached) = oneshot::channel();
        let mut replays = self.replays.lock();
        replays.next += 1;
        let at = (need.lsn, replays.next);
        replays.waiting.insert(at, (need.line, sender));
        ReplayTicket { waiters: self, at, reached }
    }

    /// Wakes everyone whom a replica at `replayed` satisfies.
    pub(crate) fn replayed(&self, replayed: Position) {
        let mut replays = self.replays.lock();
        if replays.waiting.is_empty() {
            return;
        }
        let beyond = replays.waiting.split_off(&(Lsn(replayed.lsn.0.saturating_add(1)), 0));
        let reached = std::mem::replace(&mut replays.waiting, beyond);
        for (at, (line, sender)) in reached {
            if line == replayed.line {
                let _ = sender.send(());
            } else {
                replays.waiting.insert(at, (line, sender));
            }
        }
    }

    /// The lowest position on `line` that somebody waits for.
    pub(crate) fn lowest(&self, line: Line) -> Option<Lsn> {
        let replays = self.replays.lock();
        let on_it = |(_, (of, _)): &(_, &(Line, _))| *of == line;
        replays.waiting.iter().find(on_it).map(|(&(lsn, _), _)| lsn)
    }

    pub(crate) fn for_fence(&self, after: Moment) -> oneshot::Receiver<Fence> {
        let (sender, receiver) = oneshot::channel();
        self.fences.lock().push((after, sender));
        receiver
    }

    /// Whether anybody waits for a fence; whoever gave up is dropped.
    pub(crate) fn await_fences(&self) -> bool {
        let mut fences = self.fences.lock();
        fences.retain(|(_, sender)| !sender.is_closed());
        !fences.is_empty()
    }

    /// Wakes everyone whom this fence satisfies, and drops those who gave up.
    pub(crate) fn fenced(&self, fence: Fence) {
        let mut fences = self.fences.lock();
        for (after, sender) in std::mem::take(&mut *fences) {
            if sender.is_closed() {
                continue;
            }
            if fence.asked > after {
                let _ = sender.send(fence);
            } else {
                fences.push((after, sender));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{SystemId, Timeline};

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    #[test]
    fn only_those_are_woken_whose_position_is_reached() {
        let waiters = Waiters::default();
        let mut low = waiters.for_replay(at(1, 100));
        let mut high = waiters.for_replay(at(1, 101));
        let mut other = waiters.for_replay(at(2, 50));
        waiters.replayed(at(1, 100));
        assert!(low.reached.try_recv().is_ok());
        assert_eq!(waiters.lowest(at(1, 0).line), Some(Lsn(101)));
        assert_eq!(waiters.lowest(at(2, 0).line), Some(Lsn(50)));
        assert_eq!(waiters.lowest(at(3, 0).line), None);
        assert!(high.reached.try_recv().is_err());
        assert!(other.reached.try_recv().is_err(), "another line of history");
        waiters.replayed(at(2, 50));
        assert!(other.reached.try_recv().is_ok());
    }

    #[test]
    fn who_gives_up_leaves_no_trace() {
        let waiters = Waiters::default();
        drop(waiters.for_replay(at(1, 100)));
        assert!(waiters.replays.lock().waiting.is_empty());
        drop(waiters.for_fence(Moment(9)));
        waiters.fenced(Fence { position: at(1, 1), asked: Moment(1) });
        assert!(waiters.fences.lock().is_empty());
    }

    #[test]
    fn only_a_fence_asked_for_later_will_do() {
        let waiters = Waiters::default();
        let mut waiting = waiters.for_fence(Moment(5));
        waiters.fenced(Fence { position: at(1, 1), asked: Moment(5) });
        assert!(waiting.try_recv().is_err() && waiters.await_fences());
        waiters.fenced(Fence { position: at(1, 2), asked: Moment(6) });
        assert_eq!(waiting.try_recv().map(|fence| fence.position), Ok(at(1, 2)));
    }
}
