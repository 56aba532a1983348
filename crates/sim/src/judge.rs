//! Who must see what: the promise, checked against the record of all writes.

use std::collections::BTreeMap;

use afterwrite_session::Place;
use afterwrite_types::{Floor, Need};

use crate::log::{RowId, Version};
use crate::world::World;

/// Writes under one key, by whichever connection.
#[derive(Debug, Default)]
pub(crate) struct UnderKey {
    /// Acknowledged.
    pub(crate) acked: Vec<Version>,
    /// Sent, and never acknowledged; with the proxy's life in which that was.
    pub(crate) doubtful: Vec<(Version, u64)>,
}

/// Figures of a run, or of many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Reads whose result was judged.
    pub reads: u64,
    /// Of them, those that ran on a replica.
    pub on_replicas: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Writes whose outcome the client was never told.
    pub doubtful: u64,
    /// Acknowledged writes that a crash or a failover took back.
    pub lost: u64,
    /// Crashes, promotions, restarts and cut connections.
    pub faults: u64,
    /// Floors that were found to be beyond what the primary has.
    pub orphans: u64,
}

impl Figures {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.on_replicas += other.on_replicas;
        self.writes += other.writes;
        self.doubtful += other.doubtful;
        self.lost += other.lost;
        self.faults += other.faults;
        self.orphans += other.orphans;
    }
}

/// Remembers what was acknowledged to whom.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// Every acknowledged write.
    pub(crate) acked: Vec<Version>,
    pub(crate) keys: BTreeMap<u64, UnderKey>,
    /// Tokens that were shown, and what they stand for.
    pub(crate) tokens: Vec<(String, Vec<Version>)>,
    /// Where each client's last exchange was sent, and with which floor.
    pub(crate) places: BTreeMap<usize, (Place, Floor)>,
    pub(crate) figures: Figures,
}

impl Judge {
    pub(crate) fn placed(&mut self, channel: usize, place: Place, floor: Floor) {
        self.places.insert(channel, (place, floor));
    }
}

/// Of `versions`, those of a row.
pub(crate) fn of_row(world: &World, versions: &[Version], row: RowId) -> Vec<Version> {
    versions.iter().copied().filter(|&version| world.write(version).row == row).collect()
}

/// A read of `row` gave `read`: it must have seen all of `required`, but for what
/// was really lost.
pub(crate) fn read(world: &mut World, who: &str, row: RowId, read: Version, required: &[Version]) {
    world.trace.mix(read);
    let missed = required.iter().copied().find(|&wanted| {
        let write = world.write(wanted);
        !write.lost && write.row == row && !world.includes(read, wanted)
    });
    if let Some(wanted) = missed {
        let write = world.write(wanted).clone();
        world.fail(format!(
            "STALE READ by {who}: row {row} showed version {read}, which does not include \
             version {wanted} (committed at {:#x} on timeline {})",
            write.end, write.timeline
        ));
    }
}

/// A client is told "ready": what it committed must be covered by its floor, and
/// the floor must not have sunk.
pub(crate) fn ready(world: &mut World, floor: Floor, before: Floor, committed: &[Version]) {
    if let Need::Position(position) = floor.need() {
        let uncovered = committed.iter().find(|&&it| world.write(it).end > position.lsn.0);
        if let Some(&version) = uncovered {
            let end = world.write(version).end;
            world.fail(format!(
                "EARLY READY: the floor is {position}, version {version} ends at {end:#x}"
            ));
        }
    }
    if floor.need() == Need::Nothing && !committed.is_empty() {
        world.fail(format!("EARLY READY: no floor after versions {committed:?}"));
    }
    let sank = match (before.position(), floor.position()) {
        // What the primary has lost in a crash no floor can ask for.
        (Some(was), Some(is)) => was.line == is.line && is.lsn < was.lsn && !world.lost_tail,
        (Some(_), None) => !matches!(floor.need(), Need::Fence(_)),
        (None, _) => false,
    };
    if sank {
        world.fail(format!("SUNK FLOOR: from {before:?} to {floor:?}"));
    }
}
