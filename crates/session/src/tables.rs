//! Table scope: whoever reads a table sees what anyone has written to it.
//!
//! Tables are keys that nobody has to name: a write is noted under the tables it touches, a read
//! asks for those it reads. Where it is not known which, a write counts for all tables, and a
//! read asks for every write.

use afterwrite_core::Key;
use afterwrite_sql::{Analysis, Effect};
use smallvec::SmallVec;

use crate::exchange::Exchange;
use crate::intent::Transaction;
use crate::link::Link;
use crate::reading::{PathMark, Reading};
use crate::scope;
use crate::session::Session;

/// Tables that one exchange, or one transaction, is noted under; beyond that it counts for all.
const TABLES_MAX: usize = 256;

/// The keys of a database that stand for more than a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableKeys {
    /// Writes of which it is not known what they touch. Every read asks for it.
    pub unknown: Key,
    /// Every write. A read asks for it of which it is not known what it reads.
    pub all: Key,
}

impl TableKeys {
    /// Those of a database.
    pub fn of(database: &str) -> Self {
        // No name has a NUL byte in it, and no key that a client names.
        Self {
            unknown: key(&format!("\0unknown\0{database}")),
            all: key(&format!("\0all\0{database}")),
        }
    }

    /// The key of one table, named with its schema.
    pub fn table(database: &str, name: &str) -> Key {
        key(&format!("\0table\0{database}\0{name}"))
    }
}

/// The tables that a text reads, or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Those that are known.
    pub tables: Box<[Key]>,
    /// Others, too.
    pub unknown: bool,
}

impl Touch {
    /// None.
    pub fn nothing() -> Self {
        Self { tables: Box::default(), unknown: false }
    }

    /// Nobody knows.
    pub fn unknown() -> Self {
        Self { tables: Box::default(), unknown: true }
    }
}

/// What an exchange's statements touch, all of them together.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    reads: SmallVec<[Key; 4]>,
    writes: SmallVec<[Key; 4]>,
    /// Where the session was taken to begin, by whichever statement's names were looked for there.
    begins: Option<PathMark>,
    /// Names may be others than was found: they may be any.
    anywhere: bool,
}

impl Session {
    /// Has reads ask for the tables they read, and writes noted under those they touch; set
    /// before its first exchange.
    pub fn set_tables(&mut self, tables: Option<TableKeys>) {
        self.tables = tables;
    }

    /// Notes what a statement touches that is executed or, if it is not `run`, only prepared.
    pub(crate) fn note_touched(&mut self, reading: &Reading, run: bool) {
        let Some(tables) = self.tables else { return };
        let Reading { reads, writes, intent, begins, .. } = reading;
        let may_write = intent.writes.is_some() || intent.unread;
        let touched = self.exchange.touched.get_or_insert_default();
        if let Some(begins) = begins {
            // Of two, the connection can have but one.
            touched.anywhere |= touched.begins.replace(*begins).is_some_and(|it| it != *begins);
        }
        if reads.unknown {
            add(&mut touched.reads, &[tables.all]);
        } else if !reads.tables.is_empty() || !may_write && is_query(&reading.analysis) {
            // Without any table, too: it may name a type, a function, or read the catalog.
            add(&mut touched.reads, &reads.tables);
            add(&mut touched.reads, &[tables.unknown]);
        }
        let may_write = run && may_write;
        if may_write && (writes.unknown || !writes.tables.is_empty()) {
            add(&mut touched.writes, &writes.tables);
            add(&mut touched.writes, &[tables.all]);
        }
        if may_write && writes.unknown {
            add(&mut touched.writes, &[tables.unknown]);
        }
        for keys in [&mut touched.reads, &mut touched.writes] {
            if keys.len() > TABLES_MAX {
                *keys = SmallVec::from_slice(&[tables.unknown, tables.all]);
            }
        }
    }

    /// Takes up which connection it is that the exchange runs on. `true` if only now it turns
    /// out that names may be others there than was found: its reads ask for more than before.
    ///
    /// What the catalog tells of a role's path holds for connections that are opened from then
    /// on. Others go on with the path that they have begun with, and one on which the operator's
    /// own query has set another begins there.
    pub fn looks_elsewhere(&mut self, link: &Link) -> bool {
        let Some(touched) = self.exchange.touched.as_mut() else { return false };
        let is_known = touched.begins.is_none() || touched.begins == link.begins;
        if is_known || touched.anywhere {
            return false;
        }
        touched.anywhere = true;
        true
    }

    /// The keys of the tables that the exchange reads.
    pub fn tables_read(&self) -> SmallVec<[Key; 4]> {
        let Some(tables) = self.tables else { return SmallVec::new() };
        let intent = &self.exchange.intent;
        let begins = matches!(intent.transaction, Transaction::Begins { .. } | Transaction::Mixed);
        match &self.exchange.touched {
            // What it is going to read is not known yet.
            _ if begins || intent.unread => SmallVec::from_slice(&[tables.all]),
            Some(touched) if touched.anywhere => SmallVec::from_slice(&[tables.all]),
            Some(touched) => touched.reads.clone(),
            None => SmallVec::new(),
        }
    }

    /// The keys of the tables that the exchange may write.
    pub fn tables_written(&self) -> SmallVec<[Key; 4]> {
        let Some(tables) = self.tables else { return SmallVec::new() };
        let mut keys = match &self.exchange.touched {
            Some(touched) => touched.writes.clone(),
            None => SmallVec::new(),
        };
        let intent = &self.exchange.intent;
        let anywhere = self.exchange.touched.as_ref().is_some_and(|touched| touched.anywhere);
        if anywhere || intent.unread || intent.opaque || intent.commits_prepared {
            add(&mut keys, &[tables.unknown, tables.all]);
        }
        keys
    }

    /// Keeps what the statements of an open transaction touched until it ends.
    pub(crate) fn keep_written_tables(&mut self, exchange: &Exchange) {
        let Some(tables) = self.tables else { return };
        let anywhere = exchange.touched.as_ref().is_some_and(|touched| touched.anywhere);
        let unclear = anywhere || exchange.intent.unread || exchange.intent.opaque;
        let unknown = unclear.then_some([tables.unknown, tables.all]).into_iter().flatten();
        let known = exchange.touched.iter().flat_map(|touched| touched.writes.iter().copied());
        for key in known.chain(unknown) {
            if !self.open.tables.contains(&key) {
                self.open.tables.push(key);
            }
        }
        if self.open.tables.len() > TABLES_MAX {
            self.open.tables = vec![tables.unknown, tables.all];
        }
    }
}

/// Whether there is a statement in it that gives rows.
fn is_query(analysis: &Analysis) -> bool {
    let mut effects = analysis.statements.iter().map(|statement| &statement.effect);
    effects.any(|effect| matches!(effect, Effect::Plain | Effect::CopyOut))
}

fn key(name: &str) -> Key {
    Key::table(scope::fingerprint(name))
}

fn add(keys: &mut SmallVec<[Key; 4]>, more: &[Key]) {
    for key in more {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
}
