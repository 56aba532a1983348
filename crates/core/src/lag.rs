//! How far behind a replica is in time, measured with one clock.
//!
//! The proxy remembers when the primary was at which position. A replica's lag
//! is the age of the oldest remembered position that it has not replayed: no
//! server's clock takes part, and an idle primary does not look like a lag.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use afterwrite_types::Lsn;

/// Positions of the primary that are remembered at most.
const TRACK_MAX: usize = 512;

/// How close together two samples are kept while there is room.
const TRACK_STEP: Duration = Duration::from_millis(1);

/// In this time a lag that was once seen loses half its weight, without evidence.
const HALF_LIFE: Duration = Duration::from_secs(5);

/// When the primary was at which position.
#[derive(Debug)]
pub struct PrimaryTrack {
    /// Oldest first; both parts rise.
    samples: VecDeque<(Instant, Lsn)>,
    /// Samples closer together than this are kept as one.
    step: Duration,
}

impl Default for PrimaryTrack {
    fn default() -> Self {
        Self { samples: VecDeque::new(), step: TRACK_STEP }
    }
}

impl PrimaryTrack {
    /// Remembers that the primary had reached `lsn` at `now`.
    pub fn record(&mut self, now: Instant, lsn: Lsn) {
        if let Some(&(at, last)) = self.samples.back() {
            if lsn < last {
                // The primary restarted and lost its tail, or another one took over.
                self.samples.clear();
            } else if lsn == last || now.saturating_duration_since(at) < self.step {
                return;
            }
        }
        if self.samples.len() == TRACK_MAX {
            self.thin_out();
        }
        self.samples.push_back((now, lsn));
    }

    /// The age of the oldest remembered position above `replayed`; zero if none is.
    pub fn behind(&self, replayed: Lsn, now: Instant) -> Duration {
        let first_missing = self.samples.partition_point(|&(_, lsn)| lsn <= replayed);
        self.samples
            .get(first_missing)
            .map_or(Duration::ZERO, |&(at, _)| now.saturating_duration_since(at))
    }

    /// The age of the newest remembered position that a replica has passed on its
    /// way: it took at most that long to be replayed.
    pub fn passed(&self, from: Lsn, to: Lsn, now: Instant) -> Option<Duration> {
        let beyond = self.samples.partition_point(|&(_, lsn)| lsn <= to);
        let &(at, lsn) = self.samples.get(beyond.checked_sub(1)?)?;
        (lsn > from).then(|| now.saturating_duration_since(at))
    }

    /// The latest remembered position.
    pub fn latest(&self) -> Option<Lsn> {
        self.samples.back().map(|&(_, lsn)| lsn)
    }

    /// Forgets what every replica has replayed, but for the latest sample.
    pub fn forget_replayed(&mut self, by_all: Lsn) {
        while self.samples.len() > 1 && self.samples.front().is_some_and(|&(_, lsn)| lsn <= by_all)
        {
            self.samples.pop_front();
        }
        if self.samples.len() < TRACK_MAX / 4 {
            self.step = TRACK_STEP;
        }
    }

    /// Drops every second sample and keeps new ones as far apart: a long lag is
    /// still measured, only coarser.
    fn thin_out(&mut self) {
        self.step *= 2;
        let mut keep = false;
        self.samples.retain(|_| {
            keep = !keep;
            keep
        });
    }
}

/// One replica's lag over time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    now: Duration,
    recent: Duration,
    measured: Option<Instant>,
}

impl Lag {
    /// Takes up a new measurement.
    pub fn measure(&mut self, behind: Duration, now: Instant) {
        self.recent = behind.max(self.recent_at(now));
        self.now = behind;
        self.measured = Some(now);
    }

    /// Takes up evidence that it is quicker than was thought.
    pub fn caught_up(&mut self, within: Duration, now: Instant) {
        let expected = self.recent_at(now);
        if within < expected {
            self.recent = self.now.max((expected + within) / 2);
            self.measured = Some(now);
        }
    }

    /// The latest measurement.
    pub fn latest(&self) -> Duration {
        self.now
    }

    /// What to expect of this replica at `now`.
    pub fn forecast(&self, now: Instant) -> Forecast {
        Forecast { catch_up: self.recent_at(now), lag: self.now }
    }

    fn recent_at(&self, now: Instant) -> Duration {
        let Some(measured) = self.measured else { return Duration::ZERO };
        if self.recent.is_zero() {
            return Duration::ZERO;
        }
        let age = now.saturating_duration_since(measured).as_secs_f64();
        self.recent.mul_f64(0.5_f64.powf(age / HALF_LIFE.as_secs_f64()))
    }
}

/// What to expect of a replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// How long something written now is expected to take to be replayed.
    pub catch_up: Duration,
    /// How far behind it was when it was last measured.
    pub lag: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_oldest_missing_position_gives_the_lag() {
        let start = Instant::now();
        let mut track = PrimaryTrack::default();
        for step in 0..10 {
            track.record(start + ms(step * 10), Lsn(100 + step));
        }
        let now = start + ms(100);
        assert_eq!(track.behind(Lsn(109), now), ms(0));
        assert_eq!(track.behind(Lsn(108), now), ms(10));
        assert_eq!(track.behind(Lsn(104), now), ms(50));
        assert_eq!(track.behind(Lsn(0), now), ms(100));
    }

    #[test]
    fn an_idle_primary_is_no_lag() {
        let start = Instant::now();
        let mut track = PrimaryTrack::default();
        track.record(start, Lsn(100));
        track.record(start + ms(5000), Lsn(100));
        assert_eq!(track.behind(Lsn(100), start + ms(60_000)), ms(0));
        assert_eq!(track.behind(Lsn(99), start + ms(5000)), ms(5000));
    }

    #[test]
    fn a_primary_that_lost_its_tail_starts_anew() {
        let start = Instant::now();
        let mut track = PrimaryTrack::default();
        track.record(start, Lsn(100));
        track.record(start + ms(10), Lsn(90));
        assert_eq!(track.latest(), Some(Lsn(90)));
        assert_eq!(track.behind(Lsn(90), start + ms(20)), ms(0));
    }

    #[test]
    fn the_track_has_a_limit_and_still_reaches_far_back() {
        let start = Instant::now();
        let mut track = PrimaryTrack::default();
        for step in 0..100_000_u64 {
            track.record(start + ms(step * 2), Lsn(step));
        }
        assert!(track.samples.len() <= TRACK_MAX);
        let behind = track.behind(Lsn(0), start + ms(200_000));
        assert!(behind > ms(150_000), "{behind:?}");
    }

    #[test]
    fn a_lag_once_seen_fades() {
        let start = Instant::now();
        let mut lag = Lag::default();
        lag.measure(ms(100), start);
        lag.measure(ms(0), start + ms(10));
        let soon = lag.forecast(start + ms(20)).catch_up;
        assert!(soon > ms(90), "{soon:?}");
        let later = lag.forecast(start + ms(30_000)).catch_up;
        assert!(later < ms(5), "{later:?}");
        assert_eq!(lag.forecast(start + ms(20)).lag, ms(0));
    }

    #[test]
    fn evidence_of_quickness_counts_at_once() {
        let start = Instant::now();
        let mut lag = Lag::default();
        lag.measure(ms(100), start);
        for _ in 0..6 {
            lag.measure(ms(0), start + ms(10));
            lag.caught_up(ms(1), start + ms(10));
        }
        let soon = lag.forecast(start + ms(20)).catch_up;
        assert!(soon < ms(5), "{soon:?}");
        lag.measure(ms(100), start + ms(30));
        lag.caught_up(ms(120), start + ms(30));
        assert!(
            lag.forecast(start + ms(30)).catch_up >= ms(99),
            "slower is no evidence of quickness"
        );
    }

    #[test]
    fn what_was_passed_tells_how_long_it_took() {
        let start = Instant::now();
        let mut track = PrimaryTrack::default();
        track.record(start, Lsn(100));
        track.record(start + ms(10), Lsn(200));
        let now = start + ms(15);
        assert_eq!(track.passed(Lsn(50), Lsn(250), now), Some(ms(5)));
        assert_eq!(track.passed(Lsn(50), Lsn(150), now), Some(ms(15)));
        assert_eq!(track.passed(Lsn(100), Lsn(150), now), None, "nothing new");
        assert_eq!(track.passed(Lsn(0), Lsn(50), now), None);
    }
}
