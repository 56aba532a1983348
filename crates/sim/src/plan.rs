//! What kind of run a seed makes: how many nodes, how slow, how unlucky.

use afterwrite_types::Level;

use crate::random::Random;

/// Everything about a run that is fixed at its start.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) replicas: usize,
    pub(crate) apps: usize,
    /// Distinct keys that sessions share.
    pub(crate) keys: u64,
    /// Keys that the proxy remembers.
    pub(crate) keys_max: usize,
    pub(crate) rows: u64,
    pub(crate) steps: u64,
    pub(crate) level: Level,
    /// Commits of a thousand that are acknowledged before they are flushed.
    pub(crate) asynchronous: u64,
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
    pub(crate) wait_max: u64,
    pub(crate) lag_max: Option<u64>,
    pub(crate) round_robin: bool,
    /// Statements that may be prepared on one server connection.
    pub(crate) prepared_max: usize,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let replicas = 1 + random.index(3);
        let delayed = random.permille(300);
        let calm = random.permille(200);
        Self {
            replicas,
            apps: 2 + random.index(4),
            keys: 1 + random.below(4),
            keys_max: 1 + random.index(4),
            rows: 1 + random.below(3),
            steps: 1500 + random.below(1500),
            level: if random.permille(150) { Level::Strong } else { Level::ReadYourWrites },
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
            wait_max: [0, 2_000, 10_000, 30_000][random.index(4)],
            lag_max: random.permille(200).then_some(20_000),
            round_robin: random.permille(500),
            prepared_max: 1 + random.index(4),
        }
    }

    /// Whether faults of this kind happen in this run.
    pub(crate) fn has(&self, kind: u64) -> bool {
        self.kinds >> (kind * 2) & 3 != 0
    }
}
