//! The verdict on a history. Pure: equal events give equal findings.
//!
//! Every key holds a version that each write raises by one, and one session writes it, so
//! the order of versions is the order of writes, and each event is judged in constant
//! time when it comes. What is kept does not grow with the length of the history.

use std::collections::VecDeque;

use super::findings::{Findings, Lost, Story};
use super::floors::{Floors, Mark, Marks};
use super::history::{Event, Header, Outcome, Read, Write};
use super::versions::{Made, Versions};
use super::words::{Check, Scope};

/// Tokens of one session that are remembered; sessions use their newest.
const TOKENS_MAX: usize = 4;

/// Doubtful reads that wait for their verdict. Those beyond are taken for stale.
const SUSPECTS_MAX: usize = 10_000;

#[derive(Debug, Default)]
struct Session {
    /// What binds all of its connections.
    shared: Floors,
    /// What binds one.
    lanes: Vec<Floors>,
    tokens: VecDeque<(u64, Floors)>,
}

#[derive(Debug, Default)]
struct Key {
    versions: Versions,
    /// The last version acknowledged to its writer.
    acknowledged: i64,
    /// Writes of unknown outcome since a version was last told.
    unknown: i64,
    /// If versions of it were lost: then what others had read may be gone, too.
    loss: Option<Loss>,
}

/// The writer of a key has found that its newest versions are gone.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// When that was known.
    at: u64,
    /// The newest version that is left; of several losses the least.
    survived: i64,
}

/// A read below its floor, while it is not known whether the write was lost.
#[derive(Debug)]
struct Suspect {
    key: usize,
    story: Story,
}

/// Judges one event after the other.
#[derive(Debug)]
pub struct Judge {
    header: Header,
    sessions: Vec<Session>,
    keys: Vec<Key>,
    suspects: Vec<Suspect>,
    findings: Findings,
}

impl Judge {
    /// Judges what happened by what was promised.
    pub fn new(header: Header) -> Self {
        let sessions = (0..header.sessions).map(|_| Session::default()).collect();
        let keys = (0..header.key_count()).map(|_| Key::default()).collect();
        let findings = Findings::new(&header);
        Self { header, sessions, keys, suspects: Vec::new(), findings }
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// What was found so far. Doubtful reads are not in it yet.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What was found in all.
    pub fn finish(mut self) -> Findings {
        // Nobody has shown that a write was lost.
        for suspect in std::mem::take(&mut self.suspects) {
            self.findings.violation(suspect.story);
        }
        self.findings
    }

    /// Judges what happened next.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Connect { session, lane, .. } => {
                // A promise made to the connection alone ends with it.
                if let Some(session) = self.sessions.get_mut(*session) {
                    *session.lane(*lane) = Floors::default();
                }
                self.findings.connected();
            }
            Event::Write(write) => self.write(write),
            Event::Read(read) => self.read(read),
            Event::Take { session, lane, token, .. } => {
                if let Some(session) = self.sessions.get_mut(*session) {
                    let floors = session.lane(*lane).clone();
                    session.tokens.push_back((*token, floors));
                    while session.tokens.len() > TOKENS_MAX {
                        session.tokens.pop_front();
                    }
                }
            }
            Event::Tell { session, lane, token, .. } => {
                if let Some(session) = self.sessions.get_mut(*session) {
                    session.tell(*lane, *token);
                }
            }
            Event::End { at, complete } => self.findings.ended(*at, *complete),
        }
    }

    fn write(&mut self, write: &Write) {
        let Some(key) = self.keys.get_mut(write.key) else { return };
        if write.outcome == Outcome::Unknown {
            key.unknown += 1;
            self.findings.unknown_outcome();
            return;
        }
        let version = write.version.unwrap_or(key.acknowledged + 1);
        if write.version.is_some() {
            self.settle(write, version);
        }
        let Some(key) = self.keys.get_mut(write.key) else { return };
        if write.version.is_some() {
            key.unknown = 0;
        }
        key.acknowledged = version;
        key.versions.push(Made {
            version,
            how: write.how,
            lane: write.lane,
            begin: write.begin,
            end: write.end,
        });
        let mark = Mark { version, at: write.end };
        if let Some(written) = self.written(write.session, write.lane) {
            written.raise(write.key, mark);
        }
        self.findings.wrote(write.how);
    }

    /// The writer's next version tells whether its last one is still there.
    fn settle(&mut self, write: &Write, made: i64) {
        let Some(key) = self.keys.get_mut(write.key) else { return };
        let before = key.acknowledged;
        let is_lost = made <= before;
        // Writes of unknown outcome may have been made behind what survived.
        let survived = (made - 1 - key.unknown).max(0);
        if is_lost {
            let least = key.loss.map_or(survived, |loss| loss.survived.min(survived));
            key.loss = Some(Loss { at: write.end, survived: least });
            key.acknowledged = survived;
            key.versions.cut(survived);
            for session in &mut self.sessions {
                session.lower(write.key, survived);
            }
            self.findings.lost(Lost {
                key: write.key,
                session: write.session,
                acknowledged: before,
                survived,
                how: write.how,
                at_us: write.end,
            });
        }
        let (of_key, others) = std::mem::take(&mut self.suspects)
            .into_iter()
            .partition(|suspect| suspect.key == write.key);
        self.suspects = others;
        for Suspect { story, .. } in of_key {
            if is_lost && story.seen >= survived {
                self.findings.excused();
            } else {
                self.findings.violation(story);
            }
        }
    }

    fn read(&mut self, read: &Read) {
        let scope = self.header.scope(read.session);
        // Both rows must be new enough; no row is a state from before the first write.
        let first = read.version.unwrap_or(0);
        let second = read.second.map(|second| second.version.unwrap_or(0));
        let seen = first.min(second.unwrap_or(first));
        for check in Check::ALL {
            if !self.header.checks.contains(&check) {
                continue;
            }
            let Some(required) = self.required(check, scope, read) else { continue };
            let made = self.keys.get(read.key).and_then(|key| key.versions.made(required.version));
            let broken = match check {
                Check::Snapshots => is_torn(read),
                Check::OwnWrites
                | Check::MonotonicReads
                | Check::WritesFollowReads
                | Check::BoundedStaleness => seen < required.version,
            };
            self.findings.judged(check, scope, made.map(|made| made.how));
            if broken {
                let promised = self.header.level.promises(check);
                let writer = read.key / self.header.keys.max(1);
                let read = read.clone();
                let story = Story { check, scope, promised, writer, required, made, seen, read };
                self.broken(story);
            }
        }
        self.note(read, seen);
    }

    /// What `check` demands of this read; none if it demands nothing.
    fn required(&mut self, check: Check, scope: Scope, read: &Read) -> Option<Mark> {
        let acknowledged_at = |judge: &Self, time: u64| {
            let made = judge.keys.get(read.key)?.versions.at(time)?;
            Some(Mark { version: made.version, at: made.end })
        };
        match check {
            Check::OwnWrites if scope == Scope::Table => {
                // A read that belongs to a write comes behind it, whatever the clock says.
                let own = self.written(read.session, read.lane)?.get(read.key);
                let any = acknowledged_at(self, read.begin);
                [own, any].into_iter().flatten().max_by_key(|mark| mark.version)
            }
            Check::OwnWrites => self.written(read.session, read.lane)?.get(read.key),
            Check::MonotonicReads => self.observed(read.session, read.lane)?.read.get(read.key),
            Check::WritesFollowReads => {
                self.observed(read.session, read.lane)?.behind.get(read.key)
            }
            Check::BoundedStaleness => {
                let time = read.begin.checked_sub(self.header.bound_us)?;
                acknowledged_at(self, time)
            }
            Check::Snapshots => {
                read.second?;
                Some(Mark { version: read.version.unwrap_or(0), at: read.begin })
            }
        }
    }

    fn broken(&mut self, story: Story) {
        let by_age = story.check != Check::Snapshots;
        if self.header.expect_failover && by_age && self.suspects.len() < SUSPECTS_MAX {
            self.suspects.push(Suspect { key: story.read.key, story });
        } else {
            self.findings.violation(story);
        }
    }

    /// What the read saw binds later ones.
    fn note(&mut self, read: &Read, seen: i64) {
        let newer = self.keys.get(read.key).and_then(|key| key.versions.after(seen));
        let age = newer.map_or(0, |newer| read.begin.saturating_sub(newer.end));
        self.findings.read(read, age);
        let newest = read.version.max(read.second.and_then(|second| second.version));
        let Some(mut version) = newest else { return };
        let loss_of = |key: usize| self.keys.get(key).and_then(|key| key.loss);
        // What was read before a loss may never be seen again, also if its answer came later.
        if let Some(loss) = loss_of(read.key).filter(|loss| read.begin <= loss.at) {
            version = version.min(loss.survived);
        }
        let after = read.after.filter(|after| loss_of(after.key).is_none());
        let Some(floors) = self.observed(read.session, read.lane) else { return };
        floors.read.raise(read.key, Mark { version, at: read.end });
        if let Some(after) = after {
            floors.behind.raise(after.key, Mark { version: after.version, at: read.end });
        }
    }

    /// What was written, for this connection.
    fn written(&mut self, session: usize, lane: usize) -> Option<&mut Marks> {
        let shared = self.header.split || self.header.scope(session) == Scope::Key;
        let session = self.sessions.get_mut(session)?;
        let floors = if shared { &mut session.shared } else { session.lane(lane) };
        Some(&mut floors.written)
    }

    /// What was read, for this connection. A key carries writes alone.
    fn observed(&mut self, session: usize, lane: usize) -> Option<&mut Floors> {
        let shared = self.header.split;
        let session = self.sessions.get_mut(session)?;
        Some(if shared { &mut session.shared } else { session.lane(lane) })
    }
}

impl Session {
    fn lane(&mut self, lane: usize) -> &mut Floors {
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, Floors::default);
        }
        // Just made long enough; the first is there in any case.
        match self.lanes.get_mut(lane) {
            Some(floors) => floors,
            None => &mut self.shared,
        }
    }

    fn tell(&mut self, lane: usize, token: u64) {
        let known = self.tokens.iter().find(|(number, _)| *number == token);
        if let Some((_, floors)) = known.cloned() {
            self.lane(lane).merge(&floors);
        }
    }

    fn lower(&mut self, key: usize, version: i64) {
        let tokens = self.tokens.iter_mut().map(|(_, floors)| floors);
        for floors in self.lanes.iter_mut().chain(tokens).chain([&mut self.shared]) {
            floors.lower(key, version);
        }
    }
}

fn is_torn(read: &Read) -> bool {
    read.second.is_some_and(|second| {
        if second.same_snapshot {
            second.version != read.version
        } else {
            second.version < read.version
        }
    })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
