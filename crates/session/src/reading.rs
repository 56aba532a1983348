//! What a text may do, and where that is asked: by words alone, or by who knows the database.

use std::sync::{Arc, PoisonError, RwLock};

use afterwrite_sql::{Analysis, Pin};

use crate::intent::Intent;
use crate::scope;
use crate::session::Session;
use crate::statement::{Library, Prepared};
use crate::tables::Touch;

/// What an SQL text may do.
#[derive(Debug)]
pub struct Reading {
    /// Statement by statement.
    pub analysis: Analysis,
    /// All of them together.
    pub intent: Intent,
    /// What they touch and why they run where they do, for people; empty if nobody knows.
    pub footprint: Box<str>,
    /// The tables it reads.
    pub reads: Touch,
    /// The tables it writes, if it may.
    pub writes: Touch,
    /// Where a session was taken to begin, if names were looked for there.
    pub begins: Option<PathMark>,
}

impl Reading {
    /// What is known from the words of a text.
    pub fn of_words(text: &[u8]) -> Self {
        Self::new(afterwrite_sql::analyse(text), "")
    }

    /// What was found out about a text.
    pub fn new(analysis: Analysis, footprint: &str) -> Self {
        Self {
            intent: Intent::of(&analysis),
            analysis,
            footprint: footprint.into(),
            reads: Touch::unknown(),
            writes: Touch::unknown(),
            begins: None,
        }
    }
}

/// Tells apart where sessions begin to look for names without a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMark(u128);

impl PathMark {
    /// Gives the text of which a mark is made.
    pub const SQL: &str = "SELECT pg_catalog.concat_ws(' ', CURRENT_USER, \
        pg_catalog.current_setting('search_path'))";

    /// From what [`Self::SQL`] has given.
    pub fn told(answer: &str) -> Self {
        Self(scope::fingerprint(answer))
    }

    /// From the role, which `"$user"` stands for, and the value of `search_path`.
    pub fn of(role: &str, value: &str) -> Self {
        Self::told(&format!("{role} {value}"))
    }
}

/// Where a session looks for names without a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchPath<'a> {
    /// Where its user's sessions begin.
    #[default]
    Initial,
    /// Where this statement has set it to look.
    Set(&'a str),
    /// Perhaps elsewhere.
    Unknown,
}

/// The reading of a prepared statement, for as long as it holds.
#[derive(Debug, Default)]
pub(crate) struct Kept(RwLock<Option<(u64, Arc<Reading>)>>);

impl Kept {
    /// The lock is held for a few instructions, and by no one who waits.
    fn get(&self, stamp: u64) -> Option<Arc<Reading>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (_, reading) = kept.as_ref().filter(|(known, _)| *known == stamp)?;
        Some(Arc::clone(reading))
    }

    fn put(&self, stamp: u64, reading: &Arc<Reading>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((stamp, Arc::clone(reading)));
    }
}

impl Prepared {
    /// What it may do, by what is known now.
    pub(crate) fn reading(&self, library: &dyn Library, path: SearchPath<'_>) -> Arc<Reading> {
        let stamp = library.stamp(path);
        let reading = self.kept.get(stamp).unwrap_or_else(|| {
            let reading = library.reading(self.sql(), path);
            self.kept.put(stamp, &reading);
            reading
        });
        library.settled(self.sql(), reading)
    }
}

impl Session {
    /// Where it looks for names without a schema.
    pub(crate) fn search_path(&self) -> SearchPath<'_> {
        // "$user" is whoever the role is. What a function has set or may have set, or a
        // transaction that came back to a savepoint, is not known; nor, until it ends, what was
        // set in a transaction.
        let is_set_unseen = self
            .pinned
            .is_some_and(|it| it.causes.contains(Pin::SetConfig) || it.causes.contains(Pin::Other));
        let is_moving = self.open.moved_path || self.exchange.intent.moves_path;
        let has_strayed = self.strayed && self.holds;
        if self.settings.have_role() || is_set_unseen || has_strayed || is_moving {
            return SearchPath::Unknown;
        }
        self.settings.statement("search_path").map_or(SearchPath::Initial, SearchPath::Set)
    }

    /// Remembers what a statement was found to do, for `SHOW afterwrite.last_decision`.
    pub(crate) fn note_read(&mut self, reading: Arc<Reading>) {
        if !reading.intent.local && !self.exchange.skip {
            self.note_touched(&reading, true);
            // One that has nothing to tell is not worth its memory.
            self.last_reading = Some(reading).filter(|it| !it.footprint.is_empty());
        }
    }
}
