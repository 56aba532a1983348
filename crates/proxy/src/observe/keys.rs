//! Keys that clients share: how many, how old, how many were dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use afterwrite_core::KeyCount;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Labels;
use crate::site::Site;

/// Keys that clients share: how many, how old, how many were dropped.
#[derive(Debug, Default)]
pub(super) struct KeyMetrics {
    keys: Family<Labels, Gauge>,
    ages: Family<Labels, Gauge<f64, AtomicU64>>,
    evicted: Family<Labels, Counter>,
}

impl KeyMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("keys", "Keys remembered, by what wrote them last", self.keys.clone());
        registry.register_with_unit(
            "key_age",
            "Time since the cluster's keys were last written to",
            Unit::Seconds,
            self.ages.clone(),
        );
        registry.register(
            "keys_evicted",
            "Keys dropped to make room for others",
            self.evicted.clone(),
        );
    }

    pub(super) fn take(&self, site: &Site) {
        let counts = site.keys.lock().counts(Instant::now());
        let cluster = || ("cluster".to_owned(), site.name.clone());
        for (kind, count) in counts {
            let labels = vec![cluster(), ("source".into(), kind.name().into())];
            let keys = i64::try_from(count.keys).unwrap_or(i64::MAX);
            self.keys.get_or_create(&labels).set(keys);
        }
        let all = counts.into_iter().fold(KeyCount::default(), |all, (_, one)| all.and(one));
        for (stat, age) in [("oldest", all.oldest), ("average", all.average_age())] {
            let labels = vec![cluster(), ("stat".into(), stat.into())];
            self.ages.get_or_create(&labels).set(age.as_secs_f64());
        }
        self.evicted.get_or_create(&vec![cluster()]).inner().store(all.evicted, Ordering::Relaxed);
    }
}
