//! Tokens that clients brought, by what came of them.

use afterwrite_session::TokenCounts;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Labels;

/// Tokens that clients brought, by what came of them.
#[derive(Debug)]
pub(crate) struct TokenMetrics {
    good: Counter,
    old_timeline: Counter,
    future: Counter,
    foreign: Counter,
    malformed: Counter,
    forged: Counter,
}

impl TokenMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        let help = "Tokens that clients brought, by what came of them";
        registry.register("tokens", help, family.clone());
        let result =
            |name: &str| family.get_or_create(&vec![("result".into(), name.into())]).clone();
        Self {
            good: result("good"),
            old_timeline: result("old_timeline"),
            future: result("future"),
            foreign: result("foreign"),
            malformed: result("malformed"),
            forged: result("forged"),
        }
    }

    /// Adds what became of a client's tokens.
    pub(crate) fn count(&self, counts: TokenCounts) {
        if counts == TokenCounts::default() {
            return;
        }
        self.good.inc_by(counts.good.into());
        self.old_timeline.inc_by(counts.old_timeline.into());
        self.future.inc_by(counts.future.into());
        self.foreign.inc_by(counts.foreign.into());
        self.malformed.inc_by(counts.malformed.into());
        self.forged.inc_by(counts.forged.into());
    }
}
