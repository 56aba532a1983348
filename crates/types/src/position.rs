//! A place in one server's history, and how a node stands to it.

use std::fmt;

use crate::Lsn;

/// What `pg_control_system()` calls the system identifier: one per `initdb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemId(pub u64);

/// Counts the promotions in a cluster's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeline(pub u32);

/// One line of history: positions are comparable within it and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Which cluster.
    pub system: SystemId,
    /// Which of its timelines.
    pub timeline: Timeline,
}

impl Line {
    /// The line of this process's clock, where no server tells positions; `random` tells it
    /// from other processes', whose clocks began at another time.
    pub fn by_clock(random: u64) -> Self {
        Self { system: SystemId(random), timeline: Timeline::BY_CLOCK }
    }

    /// Whether its positions are times of one process, and mean nothing to anyone else.
    pub fn is_by_clock(self) -> bool {
        self.timeline == Timeline::BY_CLOCK
    }

    /// Whether it began with a later promotion of the same cluster.
    pub fn is_newer_than(self, other: Self) -> bool {
        self.system == other.system && self.timeline > other.timeline
    }
}

impl Timeline {
    /// The last number that there is; no server is promoted so often.
    const BY_CLOCK: Self = Self(u32::MAX);
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system {} timeline {}", self.system.0, self.timeline.0)
    }
}

/// A place in one line of history.
///
/// Deliberately not `Ord`: across lines there is no order to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line on which `lsn` means something.
    pub line: Line,
    /// How far along it.
    pub lsn: Lsn,
}

/// How a node stands to a floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The node has replayed everything that must be seen.
    Covers,
    /// The node is on the same line, this many bytes short.
    Trails {
        /// Bytes of log still to be replayed.
        bytes: u64,
    },
    /// The node is on another line; distance has no meaning.
    Diverges,
}

impl Position {
    /// How a node that has replayed up to `self` stands to `wanted`.
    pub fn standing(self, wanted: Self) -> Standing {
        if self.line != wanted.line {
            return Standing::Diverges;
        }
        match wanted.lsn.bytes_since(self.lsn) {
            0 => Standing::Covers,
            bytes => Standing::Trails { bytes },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on timeline {}", self.lsn, self.line.timeline.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: Line { system: SystemId(7), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
    }

    #[test]
    fn a_clock_is_no_server() {
        assert!(Line::by_clock(7).is_by_clock());
        assert!(!at(1, 5).line.is_by_clock());
        assert_ne!(Line::by_clock(7), Line::by_clock(8), "nor is one another");
    }

    #[test]
    fn standing_is_one_of_three() {
        assert_eq!(at(1, 100).standing(at(1, 100)), Standing::Covers);
        assert_eq!(at(1, 101).standing(at(1, 100)), Standing::Covers);
        assert_eq!(at(1, 90).standing(at(1, 100)), Standing::Trails { bytes: 10 });
        assert_eq!(at(2, 900).standing(at(1, 100)), Standing::Diverges);
        assert_eq!(at(1, 900).standing(at(2, 100)), Standing::Diverges);
    }
}
