//! Who must see what: the promise, checked against the record of all writes.

use std::collections::{BTreeMap, BTreeSet};

use afterwrite_session::Place;
use afterwrite_types::{Floor, Need};

use crate::log::Version;
use crate::world::{Shown, World};

/// A write that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) version: Version,
    /// When its client heard of it.
    pub(crate) at: u64,
    /// The life of the proxy through which it went.
    pub(crate) life: u64,
}

/// Writes under one key, by whichever connection.
#[derive(Debug, Default)]
pub(crate) struct UnderKey {
    /// Acknowledged: their places among all that were.
    pub(crate) acked: Vec<usize>,
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
    /// Of them, those that must see what earlier ones of their session had seen.
    pub monotonic: u64,
    /// Of them, those that were promised a limit to their age.
    pub bounded: u64,
    /// Reads that were told that they get less than they asked for, or nothing.
    pub weakened: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Writes whose outcome the client was never told.
    pub doubtful: u64,
    /// Reads for which a store of shared floors was asked.
    pub shared: u64,
    /// Acknowledged writes that a crash or a failover took back.
    pub lost: u64,
    /// Crashes, promotions, restarts and cut connections.
    pub faults: u64,
    /// Floors that were found to be beyond what the primary has.
    pub orphans: u64,
    /// Sessions to which a failover lost a write, and for which that was not found.
    pub untold: u64,
}

impl Figures {
    /// Adds another run's.
    pub fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.on_replicas += other.on_replicas;
        self.monotonic += other.monotonic;
        self.bounded += other.bounded;
        self.weakened += other.weakened;
        self.writes += other.writes;
        self.doubtful += other.doubtful;
        self.shared += other.shared;
        self.lost += other.lost;
        self.faults += other.faults;
        self.orphans += other.orphans;
        self.untold += other.untold;
    }
}

/// Remembers what was acknowledged to whom.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// Every acknowledged write.
    pub(crate) acked: Vec<Acked>,
    /// Proxies share floors: each must know of every one.
    pub(crate) shared: bool,
    /// How many there were when each life of a proxy began.
    pub(crate) starts: BTreeMap<u64, usize>,
    pub(crate) keys: BTreeMap<u64, UnderKey>,
    /// Tokens that were shown, and what they stand for.
    pub(crate) tokens: Vec<(String, Vec<Version>)>,
    /// Where each client's last exchange was sent, and with which floor.
    pub(crate) places: BTreeMap<usize, (Place, Floor)>,
    /// Writes whose clients' floors were positions that cover them when they heard "ready".
    pub(crate) covered: BTreeSet<Version>,
    /// Clients for which it was found that writes of theirs may be lost.
    pub(crate) orphaned: BTreeSet<usize>,
    /// What each client's last read must have seen.
    pub(crate) floors: BTreeMap<usize, Floor>,
    pub(crate) figures: Figures,
}

impl Judge {
    /// Whether a proxy in this life must know of an acknowledgement: its own, or one from
    /// before it began.
    pub(crate) fn is_known(&self, place: usize, life: u64) -> bool {
        let start = self.starts.get(&life).copied().unwrap_or(0);
        self.shared || place < start || self.acked.get(place).is_some_and(|it| it.life == life)
    }

    pub(crate) fn placed(&mut self, channel: usize, place: Place, floor: Floor) {
        self.places.insert(channel, (place, floor));
    }
}

/// A read was shown `shown`: all of `required` must be in it, but for what was really lost.
pub(crate) fn read(world: &mut World, who: &str, shown: &Shown, required: &[Version]) {
    let missed = required.iter().copied().find(|&wanted| {
        let write = world.write(wanted);
        let read = shown.get(&write.row).copied().unwrap_or(0);
        !write.lost && !world.includes(read, wanted)
    });
    if let Some(wanted) = missed {
        let write = world.write(wanted).clone();
        let read = shown.get(&write.row).copied().unwrap_or(0);
        let row = write.row;
        world.fail(format!(
            "STALE READ by {who}: row {row} was at version {read}, which does not include \
             version {wanted} (committed at {:#x} on timeline {})",
            write.end, write.timeline
        ));
    }
}

/// What of `versions` is not contained in `shown`, and `shown`.
pub(crate) fn add_seen(world: &World, versions: &mut Vec<Version>, shown: &Shown) {
    versions.retain(|&known| {
        let newer = shown.get(&world.write(known).row).copied().unwrap_or(0);
        !world.includes(newer, known)
    });
    versions.extend(shown.values().copied().filter(|version| *version > 0));
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
