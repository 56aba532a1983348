//! What a session does next, as its seed has it.

use super::Session;
use crate::guarantee::{ReadShape, WriteShape};

impl Session {
    pub(super) fn way(&mut self) -> WriteShape {
        self.random.choose(&self.common.ways).unwrap_or(WriteShape::Simple)
    }

    /// Where named statements are left out for writes, a pooler may not know them.
    pub(super) fn reading(&mut self) -> ReadShape {
        let how = self.random.choose(&ReadShape::ALONE).unwrap_or(ReadShape::Simple);
        let named = self.common.ways.contains(&WriteShape::Prepared);
        if how == ReadShape::Prepared && !named { ReadShape::Unnamed } else { how }
    }

    pub(super) fn write_lane(&mut self) -> usize {
        if self.common.split { 0 } else { self.random.below(self.lanes.len()) }
    }

    pub(super) fn own_key(&mut self) -> usize {
        self.number * self.common.plan.keys + self.random.below(self.common.plan.keys)
    }

    /// Often the lane that did not write: there the promise is hardest to keep.
    pub(super) fn read_lane(&mut self) -> usize {
        if self.common.split {
            return 1 + self.random.below(self.lanes.len().saturating_sub(1));
        }
        match self.written {
            Some((_, lane)) if self.lanes.len() == 2 && self.random.chance(0.75) => 1 - lane,
            Some(_) | None => self.random.below(self.lanes.len()),
        }
    }

    /// Often what was written or read last, or what its writer had read, for the same
    /// reason.
    pub(super) fn read_key(&mut self) -> usize {
        let all = self.common.plan.sessions * self.common.plan.keys;
        let other = self.random.below(all);
        match self.random.below(10) {
            0..=3 => self.written.map_or(other, |(key, _)| key),
            4..=5 => self.read.map_or(other, |seen| seen.key),
            6..=7 => self.behind.unwrap_or(other),
            _ => other,
        }
    }
}
