//! Prepared statements that follow a client from server to server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterwrite_sql::{Command, Effect};
use afterwrite_types::{History, Position};

use crate::hint::TextHints;
use crate::intent::Intent;
use crate::reading::{Kept, Reading, SearchPath};
use crate::shape::Shape;

/// A statement's number, the same for every client that prepares the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementId(pub u64);

/// A statement as a client prepared it.
#[derive(Debug)]
pub struct Prepared {
    /// Its number.
    pub id: StatementId,
    /// What it is called on server connections.
    pub name: Box<str>,
    /// The `Parse` message behind the name: text, NUL, parameter types.
    pub rest: Box<[u8]>,
    /// What it may do by its words alone; see [`Library::reading`].
    pub intent: Intent,
    /// The proxy's own command, if it is one: never sent to a server.
    pub command: Option<Command>,
    /// The statement that this one deallocates.
    pub deallocates: Option<Box<str>>,
    /// The statement that this one executes or deallocates.
    pub(crate) names: Option<Box<str>>,
    /// What hints in its comments ask for.
    pub(crate) hints: Option<Box<TextHints>>,
    /// The text alone.
    sql_len: usize,
    /// How often clients have prepared it.
    parses: AtomicU64,
    /// Those who prepared it before this count may expect columns that the schema
    /// does not give any more.
    outdated: AtomicU64,
    /// What it may do by all that was known when it was used last.
    pub(crate) kept: Kept,
}

impl Prepared {
    /// Analyses the body of a `Parse` behind the name.
    pub fn new(id: StatementId, rest: &[u8]) -> Self {
        let sql_len = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        let analysis = afterwrite_sql::analyse(rest.get(..sql_len).unwrap_or_default());
        let effect = analysis.single().map(|statement| &statement.effect);
        let command = match effect {
            Some(Effect::Afterwrite(command)) => Some(command.clone()),
            _ => None,
        };
        let deallocates = match effect {
            Some(Effect::Deallocate { name }) => name.clone(),
            _ => None,
        };
        let names = match effect {
            Some(Effect::Deallocate { name } | Effect::Execute { name }) => name.clone(),
            _ => None,
        };
        Self {
            id,
            names,
            name: format!("_afterwrite_{:x}", id.0).into(),
            rest: rest.into(),
            intent: Intent::of(&analysis),
            command,
            deallocates,
            hints: TextHints::of(rest.get(..sql_len).unwrap_or_default()),
            sql_len,
            parses: AtomicU64::new(0),
            outdated: AtomicU64::new(0),
            kept: Kept::default(),
        }
    }

    /// Counts a client that prepares it.
    pub(crate) fn parsed(&self) -> u64 {
        self.parses.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Plans that servers made before this count are of no use.
    pub(crate) fn generation(&self) -> u64 {
        self.outdated.load(Ordering::SeqCst)
    }

    /// A server refused its plan: it does not fit the schema. Whoever has prepared it
    /// so far must prepare it again; but `fresh` has just done so.
    pub(crate) fn outdate(&self, fresh: Option<u64>) {
        let since = fresh.unwrap_or_else(|| self.parses.load(Ordering::SeqCst) + 1);
        self.outdated.fetch_max(since, Ordering::SeqCst);
    }

    /// The statement's text.
    pub fn sql(&self) -> &[u8] {
        self.rest.get(..self.sql_len).unwrap_or_default()
    }
}

/// What a session may ask of its surroundings.
pub trait Library {
    /// The statement with this text and these parameter types (the body of a
    /// `Parse` behind the name).
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared>;

    /// The primary's latest known position.
    fn known_position(&self) -> Option<Position>;

    /// Whether reads see what anyone has written to the tables that they read.
    fn table_scope(&self) -> bool {
        false
    }

    /// The history of the primary's line, if there is a primary.
    fn history(&self) -> Option<Arc<History>> {
        None
    }

    /// What an SQL text may do, where names without a schema are looked for on this path.
    fn reading(&self, text: &[u8], _: SearchPath<'_>) -> Arc<Reading> {
        Arc::new(Reading::of_words(text))
    }

    /// What is made of a reading right now: where it only says that something is not known, and
    /// there is nobody to ask, the words of the text must do.
    fn settled(&self, _text: &[u8], reading: Arc<Reading>) -> Arc<Reading> {
        reading
    }

    /// Tells apart what [`Self::reading`] may find: as long as this is the same for a path, a
    /// text has the same reading.
    fn stamp(&self, _: SearchPath<'_>) -> u64 {
        0
    }
}

/// A statement under a client's name for it.
#[derive(Debug)]
struct Named {
    prepared: Arc<Prepared>,
    /// The number of the Parse.
    parse: u64,
    /// What the client was told of it.
    told: Option<Shape>,
}

/// The statements one client has prepared, by the names it gave them.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    named: BTreeMap<Box<[u8]>, Named>,
    unnamed: Option<Arc<Prepared>>,
}

impl Statements {
    /// Takes up a `Parse`; `false` if the client has too many already.
    pub(crate) fn insert(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        parse: u64,
        max: usize,
    ) -> bool {
        if name.is_empty() {
            self.unnamed = Some(prepared);
        } else if self.named.len() >= max && !self.named.contains_key(name) {
            return false;
        } else {
            self.named.insert(name.into(), Named { prepared, parse, told: None });
        }
        true
    }

    /// Whether nothing is prepared.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.unnamed.is_none()
    }

    pub(crate) fn take_unnamed(&mut self) -> Option<Arc<Prepared>> {
        self.unnamed.take()
    }

    pub(crate) fn set_unnamed(&mut self, prepared: Option<Arc<Prepared>>) {
        self.unnamed = prepared;
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&Arc<Prepared>> {
        match name {
            [] => self.unnamed.as_ref(),
            name => self.named.get(name).map(|named| &named.prepared),
        }
    }

    /// Whether the client may expect columns that the schema does not give any more.
    pub(crate) fn is_outdated(&self, name: &[u8]) -> bool {
        self.named.get(name).is_some_and(|named| named.parse < named.prepared.generation())
    }

    /// What the client calls the statement with this number.
    pub(crate) fn name_of(&self, id: StatementId) -> Option<&[u8]> {
        self.named.iter().find(|(_, named)| named.prepared.id == id).map(|(name, _)| &**name)
    }

    /// What the client was told of the statement.
    pub(crate) fn told(&self, name: &[u8]) -> Option<Shape> {
        self.named.get(name)?.told
    }

    /// Notes what the client has been told, where it had not been told before.
    pub(crate) fn tell(&mut self, id: StatementId, shape: Shape) {
        let untold = |named: &&mut Named| named.prepared.id == id && named.told.is_none();
        for named in self.named.values_mut().filter(untold) {
            named.told = Some(shape);
        }
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.unnamed = None;
        } else {
            self.named.remove(name);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.named.clear();
        self.unnamed = None;
    }

    /// The unnamed statement, if its `Parse` had this very body: a client that
    /// sends the same text again and again costs one comparison.
    pub(crate) fn same_unnamed(&self, rest: &[u8]) -> Option<&Arc<Prepared>> {
        self.unnamed.as_ref().filter(|prepared| *prepared.rest == *rest)
    }
}
