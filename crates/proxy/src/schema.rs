//! What is known of a database's schema, and what texts may do by it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_footprint::{Catalog, Footprint, Knowledge, Path, Rules, Touched};
use afterwrite_session::{Reading, SearchPath, TableKeys, Touch};
use afterwrite_sql::{Access, Analysis, Effect, Reason, Statement};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::memo::Memo;

/// How the schema of a database is learned, and what the user says of its functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaSettings {
    /// How often the primary is asked whether it has changed; zero: never, and then the
    /// database's own functions are not known.
    pub interval: Duration,
    /// What the user says of functions.
    pub rules: Arc<Rules>,
    /// The database's name on the servers, if reads see what anyone has written to their tables.
    pub table_scope: Option<Arc<str>>,
}

/// What is known of a database's schema.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    known: RwLock<Known>,
    /// That of `known`, to be read without its lock.
    generation: AtomicU64,
    /// Changes that have been heard of.
    changes: AtomicU64,
    /// Whoever reads it again is to do so now.
    pub(crate) wake: Notify,
    memo: Memo,
    budget: Mutex<Budget>,
    /// When an unknown name last made somebody look.
    asked: Mutex<Option<Instant>>,
}

/// Unknown names make somebody look at most so often.
const ASKED_AT_MOST_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Known {
    settings: SchemaSettings,
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// It was never read.
    #[default]
    Nothing,
    /// It has changed since it was read.
    Changed,
    Known(Arc<Catalog>),
}

/// What the grammar may cost. Whoever sends new texts without end must not keep others
/// waiting: beyond this, texts are read by their words, and go to the primary.
#[derive(Debug)]
struct Budget {
    left_us: u64,
    filled: Instant,
}

impl Budget {
    /// What may be spent at once.
    const FULL_US: u64 = 100_000;

    /// A quarter of a core.
    const PER_MS_US: u64 = 250;

    fn spend(&mut self, cost_us: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_millis();
        if passed > 0 {
            let gained = u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(Self::PER_MS_US);
            self.left_us = self.left_us.saturating_add(gained).min(Self::FULL_US);
            self.filled = now;
        }
        let enough = self.left_us >= cost_us;
        if enough {
            self.left_us -= cost_us;
        }
        enough
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { left_us: Self::FULL_US, filled: Instant::now() }
    }
}

thread_local! {
    /// Where texts are brought into their normal form.
    static NORMAL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Texts from this length on are looked up as they are, too.
const EXACT_FROM: usize = 200;

/// Begins the key of a text as it is; a normal form begins otherwise.
const EXACT: u8 = b'x';

/// A buffer larger than this is given back.
const NORMAL_KEPT_MAX: usize = 64 * 1024;

impl Schema {
    pub(crate) fn new(settings: &SchemaSettings) -> Arc<Self> {
        let schema = Self::default();
        schema.known.write().settings = settings.clone();
        Arc::new(schema)
    }

    pub(crate) fn settings(&self) -> SchemaSettings {
        self.known.read().settings.clone()
    }

    /// The keys of its tables, if reads see what anyone has written to theirs.
    pub(crate) fn table_keys(&self) -> Option<TableKeys> {
        self.known.read().settings.table_scope.as_deref().map(TableKeys::of)
    }

    /// Takes up other settings.
    pub(crate) fn apply(&self, settings: &SchemaSettings) {
        let mut known = self.known.write();
        if known.settings != *settings {
            known.settings = settings.clone();
            if settings.interval.is_zero() {
                known.state = State::Nothing;
            }
            self.generation.fetch_add(1, Ordering::SeqCst);
            self.wake.notify_one();
        }
    }

    /// A statement has changed it: what was known does not hold until it is read again.
    pub(crate) fn changed(&self) {
        let mut known = self.known.write();
        self.changes.fetch_add(1, Ordering::SeqCst);
        if let State::Known(_) = known.state {
            known.state = State::Changed;
        }
        self.generation.fetch_add(1, Ordering::SeqCst);
        drop(known);
        self.wake.notify_one();
    }

    /// How many changes have been heard of.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Whether what is known holds.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self.known.read().state, State::Known(_))
    }

    /// It was read, after so many changes; `false` if there have been more since.
    pub(crate) fn learn(&self, catalog: Option<Catalog>, changes: u64) -> bool {
        let mut known = self.known.write();
        if self.changes.load(Ordering::SeqCst) != changes || known.settings.interval.is_zero() {
            return false;
        }
        known.state = catalog.map_or(State::Nothing, |catalog| State::Known(Arc::new(catalog)));
        self.generation.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Tells apart the readings of a text.
    pub(crate) fn stamp(&self, role: &str, path: SearchPath<'_>) -> u64 {
        let generation = self.generation.load(Ordering::SeqCst);
        self.memo.hasher().hash_one((generation, role, path))
    }

    /// What a text may do for a client of this user.
    pub(crate) fn reading(&self, text: &[u8], role: &str, path: SearchPath<'_>) -> Arc<Reading> {
        NORMAL.with_borrow_mut(|key| {
            let reading = if text.len() < EXACT_FROM {
                self.reading_by_form(text, key, role, path)
            } else {
                self.reading_by_text(text, key, role, path)
            };
            if key.capacity() > NORMAL_KEPT_MAX {
                *key = Vec::new();
            }
            reading
        })
    }

    /// A long text is looked up as it is first: making its normal form takes longer than that.
    fn reading_by_text(
        &self,
        text: &[u8],
        key: &mut Vec<u8>,
        role: &str,
        path: SearchPath<'_>,
    ) -> Arc<Reading> {
        let exact = |key: &mut Vec<u8>| {
            key.clear();
            key.push(EXACT);
            key.extend_from_slice(text);
            finish_key(key, role, path);
        };
        exact(key);
        let generation = self.generation.load(Ordering::SeqCst);
        if let Some(known) = self.memo.get(key, generation) {
            return known;
        }
        let reading = self.reading_by_form(text, key, role, path);
        let hurried = reading.intent.writes == Some(Reason::NotAnalysed);
        if !hurried && self.generation.load(Ordering::SeqCst) == generation && !text.contains(&0) {
            exact(key);
            self.memo.put(key, generation, &reading);
        }
        reading
    }

    fn reading_by_form(
        &self,
        text: &[u8],
        key: &mut Vec<u8>,
        role: &str,
        path: SearchPath<'_>,
    ) -> Arc<Reading> {
        let alike = afterwrite_sql::normalise(text, key);
        self.reading_of(text, alike, key, role, path)
    }

    fn reading_of(
        &self,
        text: &[u8],
        alike: bool,
        key: &mut Vec<u8>,
        role: &str,
        path: SearchPath<'_>,
    ) -> Arc<Reading> {
        if !alike {
            let analysis = afterwrite_sql::analyse(text);
            if !self.wants_grammar(&analysis) {
                let nothing = Touch::nothing;
                let reading = Reading::new(analysis, "");
                return Arc::new(Reading { reads: nothing(), writes: nothing(), ..reading });
            }
        }
        let normal_len = key.len();
        finish_key(key, role, path);
        let generation = self.generation.load(Ordering::SeqCst);
        if let Some(known) = self.memo.get(key, generation) {
            return known;
        }
        let normal = afterwrite_sql::normal_text(key.get(..normal_len).unwrap_or_default());
        let cost_us = 10 + normal.len() as u64 / 6;
        if !self.budget.lock().spend(cost_us, Instant::now()) {
            self.memo.note_hurried();
            return Arc::new(told(afterwrite_footprint::read_in_haste(text), None));
        }
        let (generation, reading) = self.read(text, normal, role, path);
        let reading = Arc::new(reading);
        if matches!(reading.intent.writes, Some(Reason::UnknownRelation | Reason::UnknownFunction))
        {
            // It may have been made behind our back.
            self.wake_soon();
        }
        if !text.contains(&0) {
            self.memo.put(key, generation, &reading);
        }
        reading
    }

    /// Reads a text by what is known now; and which generation that was.
    fn read(&self, text: &[u8], normal: &[u8], role: &str, path: SearchPath<'_>) -> (u64, Reading) {
        let (generation, state, rules, table_scope) = {
            let known = self.known.read();
            let generation = self.generation.load(Ordering::SeqCst);
            let settings = &known.settings;
            let table_scope = settings.table_scope.clone();
            (generation, known.state.clone(), Arc::clone(&settings.rules), table_scope)
        };
        let knowledge = match &state {
            State::Nothing => Knowledge::Nothing,
            State::Changed => Knowledge::Changed,
            State::Known(catalog) => Knowledge::Known(catalog),
        };
        let path = match (path, &state) {
            (SearchPath::Initial, State::Known(catalog)) => catalog.path_of(role),
            (SearchPath::Set(statement), _) => Path::of_statement(statement, role),
            (SearchPath::Initial | SearchPath::Unknown, _) => Path::Unknown,
        };
        let found = afterwrite_footprint::read(text, normal, knowledge, &path, &rules);
        (generation, told(found, table_scope.as_deref()))
    }

    /// Has the schema looked at now, unless that was asked for a moment ago.
    fn wake_soon(&self) {
        let mut asked = self.asked.lock();
        if asked.is_none_or(|at: Instant| at.elapsed() >= ASKED_AT_MOST_EVERY) {
            *asked = Some(Instant::now());
            self.wake.notify_one();
        }
    }

    /// How often a text was known, was read anew, and was read in haste.
    pub(crate) fn counts(&self) -> [u64; 3] {
        self.memo.counts()
    }
}

/// Readings of texts as the clients of one database get them, to be measured.
#[derive(Debug)]
pub struct Readings(Arc<Schema>);

impl Readings {
    /// Nothing is known of the database.
    pub fn of_an_unknown_database() -> Self {
        Self(Schema::new(&SchemaSettings::default()))
    }

    /// Every text is new again.
    pub fn forget(&self) {
        self.0.changed();
    }

    /// What a text may do.
    pub fn read(&self, text: &[u8]) -> Arc<Reading> {
        self.0.reading(text, "app", SearchPath::Initial)
    }
}

/// Adds to a text what else its reading depends on.
fn finish_key(key: &mut Vec<u8>, role: &str, path: SearchPath<'_>) {
    key.push(0);
    match path {
        SearchPath::Initial => key.push(b'i'),
        SearchPath::Set(statement) => {
            key.push(b's');
            key.extend_from_slice(statement.as_bytes());
        }
        SearchPath::Unknown => key.push(b'?'),
    }
    key.push(0);
    key.extend_from_slice(role.as_bytes());
}

/// What was found of a text; the keys of its tables, if it is asked for by a database's name.
fn told(found: afterwrite_footprint::Reading, table_scope: Option<&str>) -> Reading {
    let text: Vec<_> = found.footprints.iter().map(ToString::to_string).collect();
    let reading = Reading::new(found.analysis, &text.join("; then "));
    let Some(database) = table_scope else { return reading };
    let all = |touched: fn(&Footprint) -> &Touched| {
        let names = found.footprints.iter().flat_map(|it| &touched(it).relations);
        // A name without its schema may be any.
        let unknown = found.footprints.iter().any(|it| {
            let touched = touched(it);
            touched.unknown || touched.relations.iter().any(|name| name.schema.is_none())
        });
        let tables = names.map(|name| TableKeys::table(database, &name.to_string())).collect();
        Touch { tables, unknown: unknown || found.footprints.is_empty() }
    };
    Reading { reads: all(|it| &it.reads), writes: all(|it| &it.writes), ..reading }
}

impl Schema {
    /// Whether there is anything that the words of the text alone do not tell.
    fn wants_grammar(&self, analysis: &Analysis) -> bool {
        let by_tables = self.known.read().settings.table_scope.is_some();
        analysis.statements.iter().any(|statement| {
            let is_data = matches!(statement.effect, Effect::Plain | Effect::CopyOut);
            let open = matches!(
                statement.reason,
                Reason::UnknownFunction | Reason::VolatileFunction | Reason::Unknown
            );
            is_data && (statement.access == Access::Reads || open)
                || by_tables && !touches_nothing(statement)
        }) || analysis.overflow
    }
}

/// Whether it reads and writes no table, by its words.
fn touches_nothing(statement: &Statement) -> bool {
    matches!(
        statement.effect,
        Effect::Begin { .. }
            | Effect::Commit { .. }
            | Effect::Rollback { .. }
            | Effect::Savepoint
            | Effect::PrepareTransaction
            | Effect::CommitPrepared
            | Effect::RollbackPrepared
            | Effect::SetTransaction
            | Effect::Set(_)
            | Effect::Reset { .. }
            | Effect::ResetAll
            | Effect::DiscardAll
            | Effect::DiscardSequences
            | Effect::DeallocateAll
            | Effect::Deallocate { .. }
            | Effect::Show
            | Effect::Afterwrite(_)
    )
}
