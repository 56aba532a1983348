//! What kind of run a seed makes: how many nodes, how slow, how unlucky.

use afterwrite_types::{Level, Terms};

use crate::pump::HOLD_BACK_MAX;
use crate::random::Random;
use crate::wishes;

/// Everything about a run that is fixed at its start.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) replicas: usize,
    /// Proxies in front of the same servers.
    pub(crate) proxies: usize,
    /// They share floors through a store.
    pub(crate) shared: bool,
    pub(crate) apps: usize,
    /// Distinct keys that sessions share.
    pub(crate) keys: u64,
    /// Keys that the proxy remembers.
    pub(crate) keys_max: usize,
    pub(crate) rows: u64,
    pub(crate) steps: u64,
    /// What a read asks for where its session has said nothing.
    pub(crate) defaults: Terms,
    /// Whoever reads a table sees what anyone has written to it through the same proxy.
    pub(crate) table_scope: bool,
    /// Commits of a thousand that are acknowledged before they are flushed.
    pub(crate) asynchronous: u64,
    /// Others of a thousand that wait for a synchronous standby before the primary shows them.
    pub(crate) synchronous: u64,
    /// How long such a commit waits at most, in microseconds.
    pub(crate) synchronous_max: u64,
    /// Records of a thousand that end exactly where a page ends.
    pub(crate) page_ends: u64,
    /// Faults of ten thousand steps, of each kind that is switched on.
    pub(crate) faults: u64,
    pub(crate) kinds: u64,
    /// How reluctantly the log moves on, of a thousand steps.
    pub(crate) shipping: u64,
    pub(crate) replaying: u64,
    /// Reads of a thousand that a replica cancels.
    pub(crate) conflicts: u64,
    /// How long each replica holds every record back, in microseconds.
    pub(crate) apply_delay: Vec<u64>,
    pub(crate) lag_max: Option<u64>,
    pub(crate) round_robin: bool,
    /// Bytes of an answer that are held back at most.
    pub(crate) hold_back_max: usize,
    /// Statements that may be prepared on one server connection.
    pub(crate) prepared_max: usize,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let replicas = 1 + random.index(3);
        let delayed = random.permille(300);
        let calm = random.permille(200);
        let proxies = if random.permille(300) { 2 } else { 1 };
        let shared = proxies > 1 && random.permille(500);
        let plan = Self {
            replicas,
            proxies,
            shared,
            apps: 2 + random.index(4),
            keys: 1 + random.below(4),
            keys_max: 1 + random.index(4),
            rows: 1 + random.below(3),
            // To agree upon a store takes time.
            steps: (1500 + random.below(1500)) * if shared { 4 } else { 1 },
            defaults: defaults(random),
            table_scope: random.permille(250),
            synchronous: if random.permille(400) { 300 } else { 0 },
            synchronous_max: 15_000,
            asynchronous: if random.permille(400) { 300 } else { 0 },
            page_ends: if random.permille(500) { 250 } else { 20 },
            faults: if calm { 0 } else { 5 + random.below(40) },
            kinds: random.next(),
            shipping: 150 + random.below(850),
            replaying: 100 + random.below(900),
            conflicts: if random.permille(300) { 100 } else { 0 },
            apply_delay: (0..=replicas)
                .map(|_| if delayed { random.below(30_000) } else { 0 })
                .collect(),
            lag_max: random.permille(200).then_some(20_000),
            round_robin: random.permille(500),
            hold_back_max: if random.permille(200) { 0 } else { HOLD_BACK_MAX },
            prepared_max: 1 + random.index(4),
        };
        // Looked at, not taken: what the other seeds do does not depend on it.
        if random.clone().permille(100) { plan.hiding() } else { plan }
    }

    /// The primary hides commits for long, sessions care, and replicas die that have shown them
    /// while another is far behind. Nothing else goes wrong.
    fn hiding(mut self) -> Self {
        let defaults = Terms { level: Some(Level::Causal), ..self.defaults };
        if self.replicas == 1 {
            self.replicas = 2;
            self.apply_delay.push(0);
        }
        if let Some(last) = self.apply_delay.last_mut() {
            *last = 30_000;
        }
        let kinds = 0b1111;
        Self { synchronous: 600, synchronous_max: 100_000, defaults, kinds, faults: 150, ..self }
    }

    /// Whether the proxy's login may ask for the history of timelines.
    pub(crate) fn knows_history(&self) -> bool {
        self.has(20)
    }

    /// Whether faults of this kind happen in this run.
    pub(crate) fn has(&self, kind: u64) -> bool {
        self.kinds >> (kind * 2) & 3 != 0
    }
}

/// What an operator has configured.
fn defaults(random: &mut Random) -> Terms {
    Terms {
        level: Some(wishes::level(random)),
        within: Some(wishes::within(random)),
        then: if random.permille(300) { wishes::end(random) } else { None },
        max_staleness: random.permille(200).then(|| wishes::staleness(random)),
    }
}
