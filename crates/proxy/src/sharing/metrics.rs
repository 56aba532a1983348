//! What is counted of shared floors.

use std::time::Duration;

use afterwrite_core::GroupStanding;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(String, String)>;

/// Upper bounds of how long a client waits for the store, in seconds.
const BUCKETS: [f64; 10] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.1, 1.0];

/// What is counted of shared floors, of all clusters together.
#[derive(Clone, Debug)]
pub(crate) struct SharingMetrics {
    stored: Counter,
    apart: Counter,
    /// Writes whose clients could not be told that they are done.
    pub(crate) unshared: Counter,
    lookups: Counter,
    lookups_failed: Counter,
    /// It was not asked, since it would not have been believed.
    pub(crate) lookups_spared: Counter,
    publish_time: Histogram,
    lookup_time: Histogram,
    standing: Family<Labels, Gauge>,
}

impl SharingMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let publishes = Family::<Labels, Counter>::default();
        let lookups = Family::<Labels, Counter>::default();
        let result = |family: &Family<Labels, Counter>, name: &str| {
            family.get_or_create(&vec![("result".into(), name.into())]).clone()
        };
        let times = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let time =
            |name: &str| times.get_or_create(&vec![("operation".into(), name.into())]).clone();
        let metrics = Self {
            stored: result(&publishes, "stored"),
            apart: result(&publishes, "apart"),
            unshared: result(&publishes, "failed"),
            lookups: result(&lookups, "answered"),
            lookups_failed: result(&lookups, "failed"),
            lookups_spared: result(&lookups, "spared"),
            publish_time: time("publish"),
            lookup_time: time("lookup"),
            standing: Family::default(),
        };
        registry.register("shared_publishes", "Writes by how others learn of them", publishes);
        registry.register("shared_lookups", "Reads by what the store said", lookups);
        let help = "How long clients waited for the store";
        registry.register_with_unit("shared", help, Unit::Seconds, times);
        let help = "How the proxy stands to the others that share floors";
        registry.register("shared_standing", help, metrics.standing.clone());
        metrics
    }

    /// Counts a write whose client may be told.
    pub(crate) fn published(&self, stored: bool, time: Duration) {
        if stored {
            self.stored.inc()
        } else {
            self.apart.inc()
        };
        self.publish_time.observe(time.as_secs_f64());
    }

    /// Counts a read for which the store was asked, and whether it has answered in time.
    pub(crate) fn asked(&self, answered: bool, time: Duration) {
        if answered {
            self.lookups.inc()
        } else {
            self.lookups_failed.inc()
        };
        self.lookup_time.observe(time.as_secs_f64());
    }

    /// Shows how the proxy stands to the others.
    pub(crate) fn stands(&self, standing: GroupStanding) {
        for one in GroupStanding::ALL {
            let labels = vec![("standing".into(), one.name().into())];
            self.standing.get_or_create(&labels).set(i64::from(one == standing));
        }
    }
}
