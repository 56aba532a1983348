//! What is known of a database's schema, and what texts may do by it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use afterwrite_footprint::{Catalog, Footprint, Knowledge, Path, Rules, Touched};
use afterwrite_session::{PathMark, Reading, SearchPath, TableKeys, Touch};
use afterwrite_sql::{Access, Analysis, Effect, Reason, Statement};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tracing::warn;

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
    /// How many there have been.
    generations: AtomicU64,
    /// Changes that have been heard of.
    changes: AtomicU64,
    /// Whoever reads it again is to do so now.
    pub(crate) wake: Notify,
    memo: Memo,
    budget: Mutex<Budget>,
    /// When an unknown name last made somebody look.
    asked: Mutex<Option<Instant>>,
    /// It was said that a server connection looks for names elsewhere.
    elsewhere: AtomicBool,
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
    /// It may have changed since it was read.
    Changed(Before),
    Known(Arc<Catalog>),
}

/// What was known before a change, and of which generation it was: it may turn out that nothing
/// of it has changed.
#[derive(Clone, Debug)]
struct Before(u64, Arc<Catalog>);

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

/// Generations of a schema that may have changed are marked.
const fn is_unsettled(generation: u64) -> bool {
    generation >> 63 == 1
}

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
            known.state = match std::mem::take(&mut known.state) {
                _ if settings.interval.is_zero() => State::Nothing,
                // By other rules its readings are others.
                State::Changed(_) => State::Nothing,
                state => state,
            };
            self.begin_generation(&known.state);
            self.wake.notify_one();
        }
    }

    /// A statement has changed it: what was known does not hold until it is read again.
    pub(crate) fn changed(&self) {
        let mut known = self.known.write();
        self.changes.fetch_add(1, Ordering::SeqCst);
        if let State::Known(catalog) = &known.state {
            let before = Before(self.generation.load(Ordering::SeqCst), Arc::clone(catalog));
            known.state = State::Changed(before);
        }
        self.begin_generation(&known.state);
        drop(known);
        self.wake.notify_one();
    }

    /// A number that no generation has had. What was known is locked meanwhile.
    fn begin_generation(&self, state: &State) {
        let generation = self.generations.fetch_add(1, Ordering::SeqCst) + 1;
        let unsettled = matches!(state, State::Changed(_));
        self.generation.store(generation | u64::from(unsettled) << 63, Ordering::SeqCst);
    }

    /// Nothing has changed after all, as was found after so many changes: what was known before
    /// holds, and so does what was found by it. `false` if there is nothing, or more has changed.
    pub(crate) fn confirm(&self, changes: u64) -> bool {
        let mut known = self.known.write();
        if self.changes.load(Ordering::SeqCst) != changes {
            return false;
        }
        match &known.state {
            State::Known(_) => true,
            State::Nothing => false,
            State::Changed(Before(generation, catalog)) => {
                let (generation, catalog) = (*generation, Arc::clone(catalog));
                known.state = State::Known(catalog);
                self.generation.store(generation, Ordering::SeqCst);
                true
            }
        }
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
        self.begin_generation(&known.state);
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
        let exact = |key: &mut Vec<u8>, generation: u64| {
            key.clear();
            key.push(EXACT);
            key.extend_from_slice(text);
            finish_key(key, role, path, generation);
        };
        let generation = self.generation.load(Ordering::SeqCst);
        exact(key, generation);
        if let Some(known) = self.memo.get(key, generation) {
            return known;
        }
        let reading = self.reading_by_form(text, key, role, path);
        let hurried = reading.intent.writes == Some(Reason::NotAnalysed);
        if !hurried && self.generation.load(Ordering::SeqCst) == generation && !text.contains(&0) {
            exact(key, generation);
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
        let generation = self.generation.load(Ordering::SeqCst);
        finish_key(key, role, path, generation);
        if let Some(known) = self.memo.get(key, generation) {
            return known;
        }
        let normal = afterwrite_sql::normal_text(key.get(..normal_len).unwrap_or_default());
        let cost_us = 10 + normal.len() as u64 / 6;
        if !self.budget.lock().spend(cost_us, Instant::now()) {
            self.memo.note_hurried();
            return Arc::new(told(afterwrite_footprint::read_in_haste(text), None));
        }
        let (read_by, reading) = self.read(text, normal, role, path);
        let reading = Arc::new(reading);
        if matches!(reading.intent.writes, Some(Reason::UnknownRelation | Reason::UnknownFunction))
        {
            // It may have been made behind our back.
            self.wake_soon();
        }
        // Its key says whether the schema was settled.
        if !text.contains(&0) && read_by == generation {
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
            State::Changed(_) => Knowledge::Changed,
            State::Known(catalog) => Knowledge::Known(catalog),
        };
        let begins = match (path, &state) {
            (SearchPath::Initial, State::Known(catalog)) => catalog.path_setting(role),
            _ => None,
        };
        let path = match (path, &state) {
            (SearchPath::Initial, State::Known(catalog)) => catalog.path_of(role),
            (SearchPath::Set(statement), _) => Path::of_statement(statement, role),
            (SearchPath::Initial | SearchPath::Unknown, _) => Path::Unknown,
        };
        let found = afterwrite_footprint::read(text, normal, knowledge, &path, &rules);
        let begins = begins.map(|value| PathMark::of(role, value));
        (generation, Reading { begins, ..told(found, table_scope.as_deref()) })
    }

    /// A server connection was found to look for names elsewhere than the catalog tells. Said
    /// once, until the catalog tells something else.
    pub(crate) fn note_elsewhere(&self, database: &str) {
        if !self.elsewhere.swap(true, Ordering::Relaxed) {
            warn!(
                database,
                "a server connection has another search path than the catalog tells of its role, \
                 by pool.connect_query or from before a change: what is written over such is \
                 taken to touch any table, and what is read over such waits for every write"
            );
        }
    }

    /// The catalog tells of other search paths.
    pub(crate) fn paths_have_changed(&self) {
        self.elsewhere.store(false, Ordering::Relaxed);
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
fn finish_key(key: &mut Vec<u8>, role: &str, path: SearchPath<'_>, generation: u64) {
    key.push(0);
    // What was found before a change may hold again, and is kept beside what is found meanwhile.
    key.push(u8::from(is_unsettled(generation)));
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
            // What it calls, or the triggers of what it writes, may set something.
            let runs_code = statement.session.opaque
                || statement.effect == Effect::CopyIn
                || statement.reason == Reason::Dml;
            is_data && (statement.access == Access::Reads || open)
                || runs_code
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

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Arc<Schema> {
        let interval = Duration::from_secs(5);
        let schema = Schema::new(&SchemaSettings { interval, ..SchemaSettings::default() });
        assert!(schema.learn(Some(Catalog::default()), 0));
        schema
    }

    fn read(schema: &Schema) -> Arc<Reading> {
        schema.reading(b"SELECT unheard_of()", "app", SearchPath::Initial)
    }

    #[test]
    fn what_was_known_holds_again_if_nothing_has_changed() {
        let schema = known();
        let before = read(&schema);
        schema.changed();
        assert!(!schema.is_known());
        assert_eq!(read(&schema).intent.writes, Some(Reason::UnknownFunction));
        assert!(!Arc::ptr_eq(&before, &read(&schema)), "it does not hold meanwhile");
        assert!(!schema.confirm(0), "one more change has been heard of");
        assert!(schema.confirm(1));
        assert!(Arc::ptr_eq(&before, &read(&schema)));
    }

    #[test]
    fn a_generation_never_comes_twice() {
        let schema = known();
        let first = read(&schema);
        schema.changed();
        assert!(schema.confirm(1));
        schema.changed();
        let second = read(&schema);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(schema.learn(Some(Catalog::default()), 2));
        let third = read(&schema);
        assert!(!Arc::ptr_eq(&first, &third) && !Arc::ptr_eq(&second, &third));
    }

    #[test]
    fn other_rules_make_other_readings() {
        let schema = known();
        let before = read(&schema);
        schema.changed();
        let rules = Arc::new(Rules::new(["unheard_of"], []).unwrap());
        let interval = Duration::from_secs(5);
        schema.apply(&SchemaSettings { interval, rules, table_scope: None });
        assert!(!schema.confirm(1), "what was known went with the old rules");
        assert!(!Arc::ptr_eq(&before, &read(&schema)));
    }

    #[test]
    fn a_budget_fills_again() {
        let now = Instant::now();
        let mut budget = Budget { left_us: 100, filled: now };
        assert!(budget.spend(100, now));
        assert!(!budget.spend(1, now));
        assert!(budget.spend(250, now + Duration::from_millis(1)));
        assert!(!budget.spend(Budget::FULL_US + 1, now + Duration::from_hours(1)));
    }
}
