//! One session: writes and reads its own keys, one operation after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::findings::{Shared, Violation};
use super::judge::{Kind, Seen, judge, judge_write};
use super::lane::{Lane, Token};
use super::plan::{Plan, Scope};
use super::read::{ReadShape, read};
use super::write::{Ack, WriteShape, write};
use crate::error::Fault;
use crate::random::Random;
use crate::schema::is_missing;

/// After an error; doubled while connecting fails.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The last acknowledged write of a key.
#[derive(Clone, Copy)]
struct Written {
    version: i64,
    shape: Option<WriteShape>,
}

/// What sessions have in common.
pub(super) struct Common {
    pub(super) plan: Plan,
    /// Whether lane 0 is for writes and the others are for reads.
    pub(super) split: bool,
    /// The database's number of the first session's first key.
    pub(super) first_key: i64,
    pub(super) shared: Shared,
}

pub(super) struct Session {
    common: Arc<Common>,
    number: usize,
    scope: Scope,
    lanes: Vec<Lane>,
    written: Vec<Written>,
    /// The newest token; only in the scope of that name.
    token: Option<Token>,
    last_write: Option<LastWrite>,
    random: Random,
    pause: Duration,
}

#[derive(Clone, Copy)]
struct LastWrite {
    key: usize,
    lane: usize,
}

impl Session {
    pub(super) fn new(number: usize, scope: Scope, lanes: Vec<Lane>, common: Arc<Common>) -> Self {
        Self {
            number,
            scope,
            lanes,
            written: vec![Written { version: 0, shape: None }; common.plan.keys],
            token: None,
            last_write: None,
            random: Random::new(common.plan.seed, number),
            pause: PAUSE_MIN,
            common,
        }
    }

    /// Goes on until the check is done or `end` has come, whatever fails.
    pub(super) async fn run(mut self, end: Instant) {
        while !self.common.shared.is_done() && Instant::now() < end {
            match self.step().await {
                Ok(()) => self.pause = PAUSE_MIN,
                Err(fault) => {
                    self.common.shared.error(&fault);
                    let left = end.saturating_duration_since(Instant::now());
                    tokio::time::sleep(self.pause.min(left)).await;
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                }
            }
        }
        for open in self.lanes.iter_mut().filter_map(|lane| lane.open.take()) {
            open.link.close().await;
        }
    }

    async fn step(&mut self) -> Result<(), Fault> {
        if self.random.chance(self.common.plan.write_share) {
            let lane = if self.common.split { 0 } else { self.random.below(self.lanes.len()) };
            self.write(lane).await
        } else {
            self.read().await
        }
    }

    async fn write(&mut self, lane: usize) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        self.open(lane).await?;
        let key = self.random.below(self.common.plan.keys);
        let shape = self.write_shape();
        let number = self.number_of(key);
        let open = self.lane(lane)?.connection()?;
        match crate::link::within(limit, write(open, shape, number)).await {
            Ok(ack) => self.acknowledged(lane, key, shape, &ack),
            Err(fault) => {
                if fault.leaves_outcome_unknown() {
                    self.common.shared.unknown_outcome();
                }
                if shape == WriteShape::Copy {
                    // The driver ends a refused COPY with one message too many,
                    // and takes its answer for that of the next request.
                    self.lane(lane)?.open = None;
                    return Err(fault);
                }
                return self.recover(lane, fault).await;
            }
        }
        if self.scope == Scope::Token {
            let (extended, number) = (self.random.chance(0.5), self.next_token());
            match self.lane(lane)?.take_token(number, extended, limit).await {
                Ok(token) => self.token = Some(token),
                Err(fault) => return self.recover(lane, fault).await,
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, lane: usize, key: usize, shape: WriteShape, ack: &Ack) {
        let last = self.written.get(key).map_or(0, |written| written.version);
        let version = ack.version.unwrap_or(last + 1);
        self.common.shared.wrote(shape);
        if let Some(kind) = judge_write(version, last) {
            let seen = Seen { first: Some(version), second: None, node: None };
            self.blame(kind, key, last + 1, Some(&seen), None);
            for lane in &mut self.lanes {
                lane.lower(key, version);
            }
        }
        if let Some(written) = self.written.get_mut(key) {
            *written = Written { version, shape: Some(shape) };
        }
        self.last_write = Some(LastWrite { key, lane });
        let everywhere = self.shares_floors();
        for (n, other) in self.lanes.iter_mut().enumerate() {
            if everywhere || n == lane {
                other.raise(key, version);
            }
        }
        if let Some((shape, seen)) = &ack.read {
            self.judge(key, version, *shape, seen);
        }
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        let lane = self.read_lane();
        self.open(lane).await?;
        if let Some(token) = self.token.clone() {
            let extended = self.random.chance(0.5);
            if let Err(fault) = self.lane(lane)?.tell(&token, extended, limit).await {
                return self.recover(lane, fault).await;
            }
        }
        if self.lane(lane)?.is_unbound() {
            return self.write(if self.common.split { 0 } else { lane }).await;
        }
        let key = self.read_key();
        let shape = self.random.choose(&ReadShape::ALONE).unwrap_or(ReadShape::Simple);
        let number = self.number_of(key);
        let bound = self.lane(lane)?;
        // The floor as it is when the read is sent.
        let floor = bound.floor(key);
        match crate::link::within(limit, read(bound.connection()?, shape, number)).await {
            Ok(seen) => {
                self.judge(key, floor, shape, &seen);
                Ok(())
            }
            Err(fault) => {
                // The tables were made before any write of ours.
                if is_missing(&fault) {
                    self.common.shared.read(self.scope, shape, None);
                    self.blame(Kind::Stale, key, floor, None, Some(shape));
                }
                self.recover(lane, fault).await
            }
        }
    }

    fn judge(&mut self, key: usize, floor: i64, shape: ReadShape, seen: &Seen) {
        self.common.shared.read(self.scope, shape, seen.node);
        if let Some(kind) = judge(seen, floor) {
            self.blame(kind, key, floor, Some(seen), Some(shape));
        }
    }

    fn blame(
        &self,
        kind: Kind,
        key: usize,
        expected: i64,
        seen: Option<&Seen>,
        read: Option<ReadShape>,
    ) {
        self.common.shared.violation(Violation {
            kind,
            scope: self.scope,
            session: self.number,
            key,
            expected,
            got: seen.and_then(|seen| seen.first),
            got_second: seen.and_then(Seen::second_version),
            node: seen.and_then(|seen| seen.node),
            written: self.written.get(key).and_then(|written| written.shape),
            read,
            elapsed_ms: self.common.shared.elapsed_ms(),
        });
    }

    async fn open(&mut self, lane: usize) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        let lost_before = self.lane(lane)?.ensure_open(limit).await?;
        if lost_before {
            self.common.shared.reconnected();
        }
        Ok(())
    }

    async fn recover(&mut self, lane: usize, fault: Fault) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        self.lane(lane)?.recover(&fault, limit).await;
        Err(fault)
    }

    fn lane(&mut self, lane: usize) -> Result<&mut Lane, Fault> {
        self.lanes.get_mut(lane).ok_or(Fault::Answer("a server to ask"))
    }

    /// Whether a write on one lane must be seen on all of them at once.
    fn shares_floors(&self) -> bool {
        self.common.split || self.scope == Scope::Key
    }

    fn next_token(&self) -> u64 {
        self.token.as_ref().map_or(1, |token| token.number + 1)
    }

    /// The key's number in the database.
    fn number_of(&self, key: usize) -> i64 {
        let offset = self.number * self.common.plan.keys + key;
        self.common.first_key.wrapping_add(i64::try_from(offset).unwrap_or(0))
    }

    fn write_shape(&mut self) -> WriteShape {
        let shape = self.random.choose(&WriteShape::ALL).unwrap_or(WriteShape::Simple);
        // Two connections have no order between requests that wait for neither.
        let splits = self.common.split && shape == WriteShape::Pipelined;
        if splits { WriteShape::Prepared } else { shape }
    }

    /// Often the lane that did not write: there the promise is hardest to keep.
    fn read_lane(&mut self) -> usize {
        if self.common.split {
            return 1 + self.random.below(self.lanes.len().saturating_sub(1));
        }
        match self.last_write {
            Some(write) if self.lanes.len() == 2 && self.random.chance(0.75) => 1 - write.lane,
            Some(_) | None => self.random.below(self.lanes.len()),
        }
    }

    /// Often the key written last, for the same reason.
    fn read_key(&mut self) -> usize {
        match self.last_write {
            Some(write) if self.random.chance(0.5) => write.key,
            Some(_) | None => self.random.below(self.common.plan.keys),
        }
    }
}
