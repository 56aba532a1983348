//! Choices that a seed repeats.

use std::time::Duration;

/// The generator `SplitMix64`. Not for secrets; small, and the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The choices of one session among many that share a seed.
    pub(crate) fn new(seed: u64, session: usize) -> Self {
        let mut random = Self(seed);
        let offset = random.next();
        Self(offset ^ (session as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; zero if `end` is.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        let parts = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(parts) / 4_294_967_296.0 < probability
    }

    pub(crate) fn choose<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).copied()
    }

    /// From nothing to twice the mean, so that sessions do not march in step.
    pub(crate) fn around(&mut self, mean: Duration) -> Duration {
        let parts = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        mean.mul_f64(f64::from(parts) / 2_147_483_648.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_sessions_differ() {
        let take = |seed, session| {
            let mut random = Random::new(seed, session);
            [random.next(), random.next()]
        };
        assert_eq!(take(1, 2), take(1, 2));
        assert_ne!(take(1, 2), take(1, 3));
        assert_ne!(take(1, 2), take(2, 2));
    }

    #[test]
    fn chances_are_about_right() {
        let mut random = Random::new(7, 0);
        let hits = (0..10_000).filter(|_| random.chance(0.2)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!(!random.chance(0.0) && random.chance(1.0));
        assert_eq!(random.choose::<u8>(&[]), None);
    }
}
