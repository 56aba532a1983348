//! What happened, as events: judged at once, and kept as lines of JSON to be judged again.
//!
//! Times are microseconds since the run began, by one clock: the checker's own. An event
//! has its last time as its place in the order.

use std::io::{self, BufRead, Read as _};

use serde::{Deserialize, Serialize};

use super::words::{Check, Level, Scope};
use crate::guarantee::{ReadShape, WriteShape};

/// The form of a history. A checker reads its own form and refuses others.
const FORM: u32 = 1;

/// A line of ours is far shorter; a longer one is none.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A header in which more is asked for was not made by a checker.
const SESSIONS_MAX: usize = 10_000;
const KEYS_MAX: usize = 1_000;

/// The first line: what the events must be judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The form of the history.
    pub afterwrite_history: u32,
    /// What was checked, in words, without secrets.
    pub target: String,
    /// Repeats the sessions' choices.
    pub seed: u64,
    /// How many sessions there were.
    pub sessions: usize,
    /// Keys of each session; key `n` belongs to session `n / keys`.
    pub keys: usize,
    /// Session 0 has the first scope, session 1 the second, and around again.
    pub scopes: Vec<Scope>,
    /// What reads asked for.
    pub level: Level,
    /// What staleness is held against.
    pub bound_us: u64,
    /// What is judged.
    pub checks: Vec<Check>,
    /// Whether all of a session's connections are one user's: writes and reads had
    /// separate URLs.
    pub split: bool,
    /// Whether acknowledged writes may be lost, as an asynchronous failover does.
    pub expect_failover: bool,
}

impl Header {
    pub(super) fn form() -> u32 {
        FORM
    }

    /// The scope of a session.
    pub fn scope(&self, session: usize) -> Scope {
        let all = self.scopes.len().max(1);
        self.scopes.get(session % all).copied().unwrap_or(Scope::Connection)
    }

    /// How many keys there are in all.
    pub(super) fn key_count(&self) -> usize {
        self.sessions * self.keys
    }

    fn check(&self) -> Result<(), String> {
        if self.afterwrite_history != FORM {
            return Err(format!(
                "its form is {}, and only form {FORM} is read",
                self.afterwrite_history
            ));
        }
        let sized = (1..=SESSIONS_MAX).contains(&self.sessions)
            && (1..=KEYS_MAX).contains(&self.keys)
            && (1..=Scope::ALL.len()).contains(&self.scopes.len());
        if sized { Ok(()) } else { Err("its header is none that a checker makes".to_owned()) }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Event {
    /// A session opened one of its connections, for the first time or again.
    Connect {
        /// When.
        at: u64,
        /// Whose.
        session: usize,
        /// Which of the session's connections.
        lane: usize,
    },
    /// A session wrote.
    Write(Write),
    /// A session read.
    Read(Read),
    /// A session took a token from a connection.
    Take {
        /// When.
        at: u64,
        /// Whose.
        session: usize,
        /// From which of its connections.
        lane: usize,
        /// Larger for a later one of the same session.
        token: u64,
    },
    /// A session gave a token to a connection, and it was accepted.
    Tell {
        /// When.
        at: u64,
        /// Whose.
        session: usize,
        /// To which of its connections.
        lane: usize,
        /// Which.
        token: u64,
    },
    /// It was over.
    End {
        /// When.
        at: u64,
        /// Whether the run came to its planned end.
        complete: bool,
    },
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was committed, and the client knows.
    Acknowledged,
    /// It may have been committed: it may be seen, and need not be.
    Unknown,
}

/// A write of one key, which adds one to its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Who wrote; nobody else writes this key.
    pub session: usize,
    /// On which of its connections.
    pub lane: usize,
    /// What.
    pub key: usize,
    /// In which way.
    pub how: WriteShape,
    /// Before it was sent.
    pub begin: u64,
    /// After the answer had come.
    pub end: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The version that it made, where the way of writing tells. Else it is at least one
    /// more than the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A read of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Who read.
    pub session: usize,
    /// On which of its connections.
    pub lane: usize,
    /// What; it may be another session's key.
    pub key: usize,
    /// In which way.
    pub how: ReadShape,
    /// Before it was sent.
    pub begin: u64,
    /// After the answer had come.
    pub end: u64,
    /// The version that was there; none if there was no row, or no table.
    pub version: Option<i64>,
    /// The version of the row that is always written together with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Second>,
    /// What the writer of this version had read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seen>,
    /// Who answered, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
}

/// A second row, read in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Its version; none if there was no row.
    pub version: Option<i64>,
    /// Whether it was read in the same snapshot, as far as the client asked for one; else
    /// in a later one.
    pub same_snapshot: bool,
}

/// A version of a key, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which key.
    pub key: usize,
    /// Which version.
    pub version: i64,
}

/// A server, as it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Server {
    /// Whether it was in recovery.
    pub replica: bool,
    /// The port it listens on, if it said so.
    pub port: Option<i32>,
}

/// Appends one line.
pub(super) fn put(out: &mut impl io::Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// A kept history that is read. One line at a time is held, so it may be of any length.
///
/// Whatever is wrong with it is told with the number of the line.
pub(super) struct Kept<R> {
    from: R,
    line: String,
    number: u64,
    sessions: usize,
    keys: usize,
}

impl<R: BufRead> Kept<R> {
    /// Reads the header.
    pub(super) fn open(from: R) -> Result<(Header, Self), String> {
        let mut kept = Self { from, line: String::new(), number: 0, sessions: 0, keys: 0 };
        if !kept.next_line()? {
            return Err("it is empty".to_owned());
        }
        let header: Header = parse(&kept.line, kept.number)?;
        header.check()?;
        (kept.sessions, kept.keys) = (header.sessions, header.key_count());
        Ok((header, kept))
    }

    /// The next event; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event>, String> {
        if !self.next_line()? {
            return Ok(None);
        }
        let event: Event = parse(&self.line, self.number)?;
        if is_within(&event, self.sessions, self.keys) {
            Ok(Some(event))
        } else {
            Err(format!("line {}: no such session, connection or key", self.number))
        }
    }

    fn next_line(&mut self) -> Result<bool, String> {
        self.number += 1;
        self.line.clear();
        let mut limited = self.from.by_ref().take(LINE_BYTES_MAX);
        let length = limited
            .read_line(&mut self.line)
            .map_err(|error| format!("line {}: {error}", self.number))?;
        if length as u64 >= LINE_BYTES_MAX {
            return Err(format!("line {}: longer than {LINE_BYTES_MAX} bytes", self.number));
        }
        Ok(length > 0)
    }
}

fn parse<T: for<'a> Deserialize<'a>>(line: &str, number: u64) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))
}

/// Sessions, lanes and keys number what the judge keeps.
fn is_within(event: &Event, sessions: usize, keys: usize) -> bool {
    const LANES_MAX: usize = 1_000;
    let (session, lane, key) = match event {
        Event::Connect { session, lane, .. }
        | Event::Take { session, lane, .. }
        | Event::Tell { session, lane, .. } => (*session, *lane, 0),
        Event::Write(write) => (write.session, write.lane, write.key),
        Event::Read(read) => {
            let after = read.after.map_or(0, |after| after.key);
            (read.session, read.lane, read.key.max(after))
        }
        Event::End { .. } => return true,
    };
    session < sessions && lane < LANES_MAX && key < keys
}
