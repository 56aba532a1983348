//! Prepared statements shared between clients by their text.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterwrite_backend::Cluster;
use afterwrite_session::{Library, Prepared, Reading, SearchPath, StatementId};
use afterwrite_sql::Reason;
use afterwrite_types::{History, Position};
use parking_lot::Mutex;

use crate::schema::Schema;

/// Texts that are remembered at most; a text that is forgotten is a new
/// statement when it comes again.
const TEXTS_MAX: usize = 20_000;

/// Longer texts are not shared: they are hardly ever the same.
const TEXT_MAX: usize = 64 * 1024;

/// Statements that have been numbered. One count for the whole process: a client keeps
/// its statements when its cluster's nodes are replaced, and there they must not be
/// taken for others.
static NUMBERED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Default)]
struct Texts {
    known: HashMap<Box<[u8]>, Arc<Prepared>>,
}

/// Prepared statements shared between clients by their text.
#[derive(Debug)]
pub(crate) struct SharedLibrary {
    texts: Mutex<Texts>,
    cluster: Arc<Cluster>,
}

impl SharedLibrary {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { texts: Mutex::new(Texts::default()), cluster }
    }
}

impl SharedLibrary {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        let mut texts = self.texts.lock();
        if let Some(known) = texts.known.get(rest) {
            return Arc::clone(known);
        }
        let number = NUMBERED.fetch_add(1, Ordering::Relaxed) + 1;
        let prepared = Arc::new(Prepared::new(StatementId(number), rest));
        if rest.len() <= TEXT_MAX {
            if texts.known.len() >= TEXTS_MAX {
                texts.known.retain(|_, prepared| Arc::strong_count(prepared) > 1);
                if texts.known.len() >= TEXTS_MAX {
                    texts.known.clear();
                }
            }
            texts.known.insert(rest.into(), Arc::clone(&prepared));
        }
        prepared
    }
}

/// The library as a client of one user sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnLibrary<'a> {
    pub(crate) shared: &'a SharedLibrary,
    /// What is known of the database; `None` if nothing depends on it.
    pub(crate) schema: Option<&'a Schema>,
    pub(crate) role: &'a str,
}

impl Library for OwnLibrary<'_> {
    fn prepared(&self, rest: &[u8]) -> Arc<Prepared> {
        self.shared.prepared(rest)
    }

    fn known_position(&self) -> Option<Position> {
        self.shared.cluster.known_position()
    }

    fn table_scope(&self) -> bool {
        self.schema.is_some_and(|schema| schema.table_keys().is_some())
    }

    fn history(&self) -> Option<Arc<History>> {
        self.shared.cluster.history()
    }

    fn reading(&self, text: &[u8], path: SearchPath<'_>) -> Arc<Reading> {
        match self.schema {
            Some(schema) => schema.reading(text, self.role, path),
            None => Arc::new(Reading::of_words(text)),
        }
    }

    /// While there is no primary, its catalog cannot be read, and it cannot answer in doubt: a
    /// replica that covers the floor can, and refuses to write.
    fn settled(&self, text: &[u8], reading: Arc<Reading>) -> Arc<Reading> {
        let is_only_unknown = matches!(
            reading.intent.writes,
            Some(Reason::UnknownRelation | Reason::SchemaChanged | Reason::NotAnalysed)
        );
        if is_only_unknown && self.shared.cluster.primary().is_none() {
            return Arc::new(Reading::of_words(text));
        }
        reading
    }

    fn stamp(&self, path: SearchPath<'_>) -> u64 {
        self.schema.map_or(0, |schema| schema.stamp(self.role, path))
    }
}
