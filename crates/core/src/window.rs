//! How long after a write a replica is not asked, where no position tells what it has replayed.
//!
//! Deliberately weaker than everything else here: that a replica is never further behind than
//! the window is assumed, and not known.

use std::collections::VecDeque;
use std::time::Duration;

/// Lags that are remembered of one replica.
const SAMPLES_MAX: usize = 512;

/// So many must be known before they say more than what was configured.
const SAMPLES_MIN: usize = 20;

/// What is added to a lag at least: it was told a moment ago, and rounded.
const MARGIN_MIN: Duration = Duration::from_millis(50);

/// What the operator has said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// How long it is while nothing better is known, and at least unless it follows the lag.
    pub fixed: Duration,
    /// Whether it gets shorter where the server tells how far behind it is.
    pub follows_lag: bool,
}

/// How far behind a replica has told that it was.
#[derive(Clone, Debug, Default)]
pub struct ToldLags {
    samples: VecDeque<Duration>,
}

impl ToldLags {
    /// Remembers what it has just told.
    pub fn record(&mut self, lag: Duration) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(lag);
    }

    /// The window for what is asked of it now.
    ///
    /// The last lag counts in any case: whoever is behind by more than was thought holds back
    /// more reads at once, whatever was configured.
    pub fn window(&self, settings: WindowSettings) -> Duration {
        let Some(&latest) = self.samples.back() else { return settings.fixed };
        if settings.follows_lag && self.samples.len() >= SAMPLES_MIN {
            return with_margin(latest.max(self.percentile_99()));
        }
        settings.fixed.max(with_margin(latest))
    }

    fn percentile_99(&self) -> Duration {
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }
}

fn with_margin(lag: Duration) -> Duration {
    lag.saturating_add(MARGIN_MIN.max(lag / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn told(lags: impl IntoIterator<Item = u64>) -> ToldLags {
        let mut told = ToldLags::default();
        lags.into_iter().for_each(|lag| told.record(ms(lag)));
        told
    }

    const FIXED: WindowSettings =
        WindowSettings { fixed: Duration::from_secs(5), follows_lag: false };
    const FOLLOWS: WindowSettings = WindowSettings { follows_lag: true, ..FIXED };

    #[test]
    fn it_is_what_was_configured_until_the_lag_is_known() {
        assert_eq!(told([]).window(FOLLOWS), ms(5000));
        assert_eq!(told([20; 19]).window(FOLLOWS), ms(5000));
        assert_eq!(told([20; 20]).window(FOLLOWS), ms(70));
        assert_eq!(told([20; 20]).window(FIXED), ms(5000));
    }

    #[test]
    fn it_follows_the_worst_that_is_usual_and_the_last_that_was_told() {
        let usual = (0..100).map(|number| if number % 20 == 3 { 400 } else { 20 });
        assert_eq!(told(usual).window(FOLLOWS), ms(600));
        let once = (0..400).map(|number| if number == 3 { 400 } else { 20 });
        assert_eq!(told(once).window(FOLLOWS), ms(70), "one in four hundred is not usual");
        let suddenly = [20; 100].into_iter().chain([3000]);
        assert_eq!(told(suddenly).window(FOLLOWS), ms(4500), "at once");
    }

    #[test]
    fn a_lag_above_what_was_configured_counts() {
        assert_eq!(told([8000]).window(FIXED), ms(12_000));
        assert_eq!(told([8000, 10]).window(FIXED), ms(5000));
    }

    #[test]
    fn it_remembers_so_many_and_no_more() {
        let told = told((0..10_000).map(|number| 10_000 - number));
        assert_eq!(told.samples.len(), SAMPLES_MAX);
    }
}
