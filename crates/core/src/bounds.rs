//! Where the primary's log was when, for reads that may be a little old but not older.
//!
//! No server's clock takes part, and a replica's last replayed commit says nothing: while
//! nobody writes it grows old, and the state does not. The proxy remembers when it *asked* the
//! primary and what the answer was. All that was acknowledged before it asked lies at or below
//! the answer; so a replica that has replayed an answer asked for at most five seconds ago
//! misses nothing that is older than five seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use afterwrite_types::{Line, Lsn, Position};

/// Answers that are remembered at most.
const ANSWERS_MAX: usize = 1024;

/// How close together two answers are kept.
const STEP: Duration = Duration::from_millis(2);

/// Where there is no room for more, answers of an age are kept so much of it apart: a read is
/// asked to be fresher than it must by no more than that part.
const APART: u32 = 32;

/// How far back they are kept: the longest that staleness may be limited to.
const KEPT: Duration = Duration::from_hours(24);

/// When the primary was asked, and what it answered.
#[derive(Debug, Default)]
pub struct Bounds {
    line: Option<Line>,
    /// Oldest first; both parts rise.
    answers: VecDeque<(Instant, Lsn)>,
}

impl Bounds {
    /// Remembers an answer of the primary that was asked for at `asked`.
    pub fn record(&mut self, asked: Instant, answer: Position) {
        let newest = self.answers.back();
        let is_foreign = self.line != Some(answer.line);
        if is_foreign || newest.is_some_and(|&(_, lsn)| answer.lsn < lsn) {
            // Another line of history, or a primary that lost its tail in a crash.
            self.answers.clear();
            self.line = Some(answer.line);
        }
        while self.answers.front().is_some_and(|it| asked.saturating_duration_since(it.0) > KEPT) {
            self.answers.pop_front();
        }
        // The newest stays in any case; the one before it may make room for it.
        let before = self.answers.len().checked_sub(2).and_then(|at| self.answers.get(at));
        let idle = before.is_some_and(|&(_, lsn)| lsn == answer.lsn);
        let close = before.is_some_and(|&(at, _)| asked.saturating_duration_since(at) < STEP);
        if idle || close {
            self.answers.pop_back();
        }
        if self.answers.len() >= ANSWERS_MAX {
            self.thin_out(asked);
        }
        self.answers.push_back((asked, answer.lsn));
    }

    /// What covers everything that was acknowledged before `since`; `None` if the primary has
    /// not been asked since.
    pub fn at(&self, since: Instant) -> Option<Position> {
        let first = self.answers.partition_point(|&(asked, _)| asked < since);
        let &(_, lsn) = self.answers.get(first)?;
        Some(Position { line: self.line?, lsn })
    }

    /// Drops what stands close together for its age, which leaves less than half. What is left
    /// out only makes reads fresher than they must be.
    fn thin_out(&mut self, now: Instant) {
        let mut kept: Option<Instant> = None;
        self.answers.retain(|&(asked, _)| {
            let apart = now.saturating_duration_since(asked) / APART;
            let keeps = kept.is_none_or(|kept| asked.saturating_duration_since(kept) >= apart);
            if keeps {
                kept = Some(asked);
            }
            keeps
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use afterwrite_types::{SystemId, Timeline};
    use proptest::prelude::*;

    fn line(timeline: u32) -> Line {
        Line { system: SystemId(7), timeline: Timeline(timeline) }
    }

    fn at(lsn: u64) -> Position {
        Position { line: line(1), lsn: Lsn(lsn) }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_answer_asked_for_since_covers_what_came_before() {
        let start = Instant::now();
        let mut bounds = Bounds::default();
        assert_eq!(bounds.at(start), None);
        for second in 0..10 {
            bounds.record(start + ms(second * 1000), at(100 + second));
        }
        assert_eq!(bounds.at(start), Some(at(100)));
        assert_eq!(bounds.at(start + ms(1)), Some(at(101)), "100 was asked for before");
        assert_eq!(bounds.at(start + ms(5000)), Some(at(105)));
        assert_eq!(bounds.at(start + ms(9001)), None, "it must be asked again");
    }

    #[test]
    fn while_nobody_writes_nothing_is_missed() {
        let start = Instant::now();
        let mut bounds = Bounds::default();
        for second in 0..10_000 {
            bounds.record(start + ms(second * 1000), at(100));
        }
        assert_eq!(bounds.at(start + ms(9_999_000)), Some(at(100)));
        assert_eq!(bounds.at(start + ms(5_000_000)), Some(at(100)));
        assert!(bounds.answers.len() < 4);
        bounds.record(start + ms(10_000_000), at(101));
        assert_eq!(bounds.at(start + ms(9_999_000)), Some(at(100)), "the last of the idle time");
    }

    /// However long the proxy has run, a read that may be old is not asked to be much fresher.
    #[test]
    fn a_bound_stays_near_what_may_be_missed() {
        let start = Instant::now();
        let mut bounds = Bounds::default();
        let (every, count) = (100, 900_000);
        for number in 0..count {
            bounds.record(start + ms(number * every), at(number));
        }
        let now = (count - 1) * every;
        for back in [1_000, 10_000, 60_000, 3_600_000, 80_000_000] {
            let bound = bounds.at(start + ms(now - back)).unwrap().lsn.0 * every;
            let younger = bound - (now - back);
            assert!(younger <= back / 16 + every, "{younger} ms younger than {back} ms ago");
        }
    }

    #[test]
    fn another_line_of_history_begins_anew() {
        let start = Instant::now();
        let mut bounds = Bounds::default();
        bounds.record(start, at(100));
        bounds.record(start + ms(10), Position { line: line(2), lsn: Lsn(50) });
        assert_eq!(bounds.at(start), Some(Position { line: line(2), lsn: Lsn(50) }));
        bounds.record(start + ms(20), Position { line: line(2), lsn: Lsn(40) });
        assert_eq!(bounds.at(start), Some(Position { line: line(2), lsn: Lsn(40) }));
    }

    proptest! {
        /// Whatever is dropped, no bound is lower than what the primary had answered last
        /// before, and the memory has a limit.
        #[test]
        fn no_bound_is_too_low(
            steps in prop::collection::vec((0u64..20, 0u64..3), 1..3000),
            back in 0u64..3000,
        ) {
            let start = Instant::now();
            let mut bounds = Bounds::default();
            let (mut now, mut lsn) = (0, 100);
            let mut all = Vec::new();
            for (later, more) in steps {
                now += later;
                lsn += more;
                bounds.record(start + ms(now), at(lsn));
                all.push((now, lsn));
            }
            prop_assert!(bounds.answers.len() <= ANSWERS_MAX);
            let since = now.saturating_sub(back);
            let acknowledged = all.iter().filter(|it| it.0 < since).map(|it| it.1).max();
            let bound = bounds.at(start + ms(since)).map(|it| it.lsn.0);
            prop_assert!(bound.is_some(), "the newest is always kept");
            prop_assert!(bound >= acknowledged, "{bound:?} below {acknowledged:?}");
        }
    }
}
