//! The figures of one run.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Strategy;
use crate::errors::Errors;

/// The histogram's first bucket ends here, each next one half as far again.
const BUCKET_US_MIN: u64 = 50;
const BUCKET_GROWTH: f64 = 1.5;

/// What was measured with one strategy.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How reads were routed; its name, when serialised.
    pub strategy: Strategy,
    /// What the strategy does, in one sentence.
    pub description: String,
    /// How long the load ran.
    pub elapsed_s: f64,
    /// Pages read: those after a payment and the other page views.
    pub reads: u64,
    /// Of them, pages that lacked a payment of their own session.
    pub stale_reads: u64,
    /// Payments that were acknowledged, with those made twice.
    pub payments: u64,
    /// Payments of an order beyond its first, counted in the payment table.
    pub duplicate_payments: u64,
    /// Reads that the primary answered.
    pub primary_reads: u64,
    /// `primary_reads` of `reads`, 0 to 1; none if nothing was read.
    pub reads_on_primary_share: Option<f64>,
    /// How long the page that follows a payment took; none if there was no such page.
    pub read_after_write: Option<Latency>,
    /// Operations that failed.
    pub errors: u64,
    /// The same by SQLSTATE.
    pub errors_by_sqlstate: Errors,
}

/// How long something took, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 99 of 100 took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// All of them, in buckets that grow.
    pub histogram: Vec<Bucket>,
}

/// Part of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The longest that falls in here; the bucket before ends just below.
    pub le_us: u64,
    /// How many do.
    pub count: u64,
}

impl Latency {
    pub(super) fn of(us: &Histogram<u64>) -> Option<Self> {
        (!us.is_empty()).then(|| Self {
            count: us.len(),
            p50_us: us.value_at_quantile(0.5),
            p99_us: us.value_at_quantile(0.99),
            max_us: us.max(),
            histogram: us
                .iter_log(BUCKET_US_MIN, BUCKET_GROWTH)
                .map(|bucket| Bucket {
                    le_us: bucket.value_iterated_to(),
                    count: bucket.count_since_last_iteration(),
                })
                .collect(),
        })
    }
}

/// `part` of `whole`, 0 to 1.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share is rounded when it is shown")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies() {
        let mut us = Histogram::new_with_bounds(1, 600_000_000, 3).unwrap();
        assert_eq!(Latency::of(&us), None);
        for value in 1..=1_000 {
            us.record(value).unwrap();
        }
        let latency = Latency::of(&us).unwrap();
        assert_eq!((latency.count, latency.p50_us, latency.p99_us), (1_000, 500, 990));
        assert_eq!(latency.max_us, 1_000);
        assert_eq!(latency.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), 1_000);
        assert!(latency.histogram.len() < 12, "{:?}", latency.histogram);
    }

    #[test]
    fn shares() {
        assert_eq!(share(1, 4), Some(0.25));
        assert_eq!(share(0, 0), None);
    }
}
