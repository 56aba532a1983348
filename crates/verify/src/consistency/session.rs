//! One session: writes its own keys, reads them and those of others, one operation after
//! the other, and tells the recorder of each.

mod choices;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::history::{self, Event, Outcome, Seen};
use super::lane::{Lane, Token};
use super::plan::Plan;
use super::reading::{Got, read, simple};
use super::recorder::Recorder;
use super::tables::Tables;
use super::words::Scope;
use super::writing::{Ack, parameters, write};
use crate::error::Fault;
use crate::guarantee::{ReadShape, WriteShape};
use crate::link::within;
use crate::random::Random;
use crate::schema::is_missing;

/// After an error; doubled while it goes on.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Attempts to find out at the end whether a key's last version is still there.
const ATTEMPTS_MAX: usize = 20;

/// What sessions have in common.
pub(super) struct Common {
    pub(super) plan: Plan,
    pub(super) ways: Vec<WriteShape>,
    pub(super) tables: Tables,
    /// Whether lane 0 is for writes and the others are for reads.
    pub(super) split: bool,
    /// With `split`: whether each statement of a transaction goes its own way.
    pub(super) per_statement: bool,
    pub(super) recorder: Recorder,
}

pub(super) struct Session {
    common: Arc<Common>,
    number: usize,
    scope: Scope,
    lanes: Vec<Lane>,
    /// The newest token; only in the scope of that name.
    token: Option<Token>,
    tokens: u64,
    /// The last write that was acknowledged: its key and lane.
    written: Option<(usize, usize)>,
    /// What was read last of another session's keys.
    read: Option<Seen>,
    /// What the writer of that had read.
    behind: Option<usize>,
    random: Random,
    pause: Duration,
}

impl Session {
    pub(super) fn new(number: usize, scope: Scope, lanes: Vec<Lane>, common: Arc<Common>) -> Self {
        Self {
            number,
            scope,
            lanes,
            token: None,
            tokens: 0,
            written: None,
            read: None,
            behind: None,
            random: Random::new(common.plan.seed, number),
            pause: PAUSE_MIN,
            common,
        }
    }

    /// Goes on until the check is done or `end` has come, whatever fails.
    pub(super) async fn run(mut self, end: Instant) {
        let pace = self.common.plan.rate.map(|rate| {
            let sessions = u32::try_from(self.common.plan.sessions).unwrap_or(u32::MAX);
            Duration::from_secs(1) * sessions / rate.max(1)
        });
        while !self.common.recorder.is_done() && Instant::now() < end {
            let begin = Instant::now();
            self.step_or_pause(end).await;
            if let Some(pace) = pace {
                let next = begin + self.random.around(pace);
                tokio::time::sleep_until(next.min(end).into()).await;
            }
        }
        if self.common.plan.expect_failover {
            self.settle().await;
        }
        for open in self.lanes.iter_mut().filter_map(|lane| lane.open.take()) {
            open.link.close().await;
        }
    }

    async fn step_or_pause(&mut self, end: Instant) {
        let outcome = if self.random.chance(self.common.plan.write_share) {
            let (lane, way) = (self.write_lane(), self.way());
            let key = self.own_key();
            self.write(lane, key, way).await
        } else {
            self.read().await
        };
        match outcome {
            Ok(()) => self.pause = PAUSE_MIN,
            Err(fault) => {
                self.common.recorder.error(&fault);
                let left = end.saturating_duration_since(Instant::now());
                tokio::time::sleep(self.pause.min(left)).await;
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// One more write of each key: its version tells whether the last one was lost.
    async fn settle(&mut self) {
        let keys = self.common.plan.keys;
        for key in self.number * keys..(self.number + 1) * keys {
            for _ in 0..ATTEMPTS_MAX {
                match self.write(0, key, WriteShape::Simple).await {
                    Ok(()) => break,
                    Err(fault) => self.common.recorder.error(&fault),
                }
                tokio::time::sleep(PAUSE_MAX / 4).await;
            }
        }
    }

    async fn write(&mut self, lane: usize, key: usize, how: WriteShape) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        self.open(lane).await?;
        let common = Arc::clone(&self.common);
        let parameters = parameters(common.tables.number(key), self.read);
        let open = self.lane(lane)?.connection()?;
        let begin = common.recorder.now();
        match within(limit, write(open, &common.tables, how, parameters)).await {
            Ok(ack) => self.acknowledged(lane, key, how, begin, &ack),
            Err(fault) => {
                self.refused(lane, key, how, begin, &fault);
                if how == WriteShape::Copy {
                    // The driver ends a refused COPY with one message too many, and takes
                    // its answer for that of the next request.
                    self.lane(lane)?.open = None;
                    return Err(fault);
                }
                return self.recover(lane, fault).await;
            }
        }
        self.take_token(lane).await
    }

    fn acknowledged(&mut self, lane: usize, key: usize, how: WriteShape, begin: u64, ack: &Ack) {
        let session = self.number;
        let outcome = (Outcome::Acknowledged, ack.version);
        let written = |end| write_event(session, lane, key, how, (begin, end), outcome);
        match ack.read {
            None => self.common.recorder.tell(|end| [written(end)]),
            Some((shape, got)) => {
                let read = |end| read_event(session, lane, key, shape, (begin, end), got);
                self.common.recorder.tell(|end| [written(end), read(end)]);
            }
        }
        self.written = Some((key, lane));
    }

    /// Tells of a write that failed, unless it certainly did nothing.
    fn refused(&mut self, lane: usize, key: usize, how: WriteShape, begin: u64, fault: &Fault) {
        // Of these a part may have been done before the error.
        let in_parts = matches!(
            how,
            WriteShape::Pipelined | WriteShape::CommitThenError | WriteShape::MultiStatement
        );
        if !in_parts && !fault.leaves_outcome_unknown() {
            return;
        }
        let session = self.number;
        let outcome = (Outcome::Unknown, None);
        self.common
            .recorder
            .tell(|end| [write_event(session, lane, key, how, (begin, end), outcome)]);
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let lane = self.read_lane();
        self.open(lane).await?;
        self.tell_token(lane).await?;
        let key = self.read_key();
        let how = self.reading();
        let begin = self.common.recorder.now();
        let both = matches!(how, ReadShape::ReadOnly | ReadShape::Snapshot);
        let got = if self.common.per_statement && both {
            self.read_apart(lane, key, how).await
        } else {
            self.read_here(lane, key, how).await
        };
        let got = match got {
            Ok(got) => got,
            // The tables were there before any write of ours.
            Err(fault) if is_missing(&fault) => {
                let limit = self.common.plan.answer_max;
                self.lane(lane)?.recover(&fault, limit).await;
                Got::default()
            }
            Err(fault) => return self.recover(lane, fault).await,
        };
        let session = self.number;
        self.common.recorder.tell(|end| [read_event(session, lane, key, how, (begin, end), got)]);
        if key / self.common.plan.keys != session
            && let Some(version) = got.version.filter(|version| *version > 0)
        {
            self.read = Some(Seen { key, version });
            self.behind = got.after.map(|after| after.key);
        }
        if self.random.chance(0.3) { self.take_token(lane).await } else { Ok(()) }
    }

    async fn read_here(&mut self, lane: usize, key: usize, how: ReadShape) -> Result<Got, Fault> {
        let limit = self.common.plan.answer_max;
        let common = Arc::clone(&self.common);
        let number = common.tables.number(key);
        let open = self.lane(lane)?.connection()?;
        within(limit, read(open, &common.tables, how, number)).await
    }

    /// The two statements of a transaction, each where a router that knows of none sends it.
    async fn read_apart(&mut self, lane: usize, key: usize, how: ReadShape) -> Result<Got, Fault> {
        let limit = self.common.plan.answer_max;
        let common = Arc::clone(&self.common);
        let number = common.tables.number(key);
        let open = self.lane(lane)?.connection()?;
        let first = within(limit, simple(open, &common.tables.read_first, number)).await?;
        let other = self.read_lane();
        self.open(other).await?;
        let open = self.lane(other)?.connection()?;
        let second = within(limit, simple(open, &common.tables.read_second, number)).await?;
        let same_snapshot = how == ReadShape::Snapshot;
        let second = history::Second { version: second.version, same_snapshot };
        Ok(Got { second: Some(second), ..first })
    }

    async fn take_token(&mut self, lane: usize) -> Result<(), Fault> {
        if self.scope != Scope::Token {
            return Ok(());
        }
        let (limit, extended) = (self.common.plan.answer_max, self.random.chance(0.5));
        self.tokens += 1;
        let token = self.tokens;
        match self.lane(lane)?.take_token(token, extended, limit).await {
            Ok(None) => {}
            Ok(newest) => {
                self.token = newest;
                let session = self.number;
                self.common.recorder.tell(|at| [Event::Take { at, session, lane, token }]);
            }
            Err(fault) => return self.recover(lane, fault).await,
        }
        Ok(())
    }

    async fn tell_token(&mut self, lane: usize) -> Result<(), Fault> {
        let Some(token) = self.token.clone() else { return Ok(()) };
        let (limit, extended) = (self.common.plan.answer_max, self.random.chance(0.5));
        match self.lane(lane)?.tell(&token, extended, limit).await {
            Ok(false) => {}
            Ok(true) => {
                let (session, token) = (self.number, token.number);
                self.common.recorder.tell(|at| [Event::Tell { at, session, lane, token }]);
            }
            Err(fault) => return self.recover(lane, fault).await,
        }
        Ok(())
    }

    async fn open(&mut self, lane: usize) -> Result<(), Fault> {
        let limit = self.common.plan.answer_max;
        if self.lane(lane)?.ensure_open(limit).await? {
            let session = self.number;
            self.common.recorder.tell(|at| [Event::Connect { at, session, lane }]);
        }
        Ok(())
    }

    async fn recover<T>(&mut self, lane: usize, fault: Fault) -> Result<T, Fault> {
        let limit = self.common.plan.answer_max;
        self.lane(lane)?.recover(&fault, limit).await;
        Err(fault)
    }

    fn lane(&mut self, lane: usize) -> Result<&mut Lane, Fault> {
        self.lanes.get_mut(lane).ok_or(Fault::Answer("a server to ask"))
    }
}

fn write_event(
    session: usize,
    lane: usize,
    key: usize,
    how: WriteShape,
    (begin, end): (u64, u64),
    (outcome, version): (Outcome, Option<i64>),
) -> Event {
    Event::Write(history::Write { session, lane, key, how, begin, end, outcome, version })
}

fn read_event(
    session: usize,
    lane: usize,
    key: usize,
    how: ReadShape,
    (begin, end): (u64, u64),
    got: Got,
) -> Event {
    let Got { version, second, after, server } = got;
    Event::Read(history::Read {
        session,
        lane,
        key,
        how,
        begin,
        end,
        version,
        second,
        after,
        server,
    })
}
