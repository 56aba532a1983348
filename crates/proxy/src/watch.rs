//! Keeps what is known of a database's schema up to date.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use afterwrite_backend::{ConnectError, Questions};
use afterwrite_footprint::{Builder, Catalog, Part, PathRow};
use afterwrite_types::{Line, NodeId};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::database::Database;
use crate::schema::Schema;

/// How long one question may take.
const QUESTION_MAX: Duration = Duration::from_secs(30);

/// Between two readings of the whole catalog at least.
const PAUSE: Duration = Duration::from_millis(20);

/// How long after a failure it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long it is asleep where the catalog is not to be read.
const OFF: Duration = Duration::from_hours(1);

/// What was read last.
#[derive(Default)]
struct Watch {
    questions: Option<Questions>,
    /// Who is asked: the node, and its line.
    asked: Option<(NodeId, Line)>,
    /// The server's own word for the state that was read.
    state: Option<String>,
    /// What the catalog told last of search paths.
    paths: Option<BTreeSet<PathRow>>,
    failing: bool,
}

/// Reads the catalog when it changes, for as long as the database is there.
pub(crate) async fn watch(database: Weak<Database>, schema: Arc<Schema>) {
    let mut watch = Watch::default();
    loop {
        let Some(database) = database.upgrade() else { return };
        let interval = schema.settings().interval;
        let nobody_asks = watch.state.is_some() && database.clients.load(Ordering::SeqCst) == 0;
        let began = Instant::now();
        let pause = if interval.is_zero() {
            watch = Watch::default();
            OFF
        } else if nobody_asks && schema.is_known() {
            watch.questions = None;
            interval
        } else {
            match watch.refresh(&database, &schema).await {
                Ok(true) => interval,
                Ok(false) => PAUSE,
                Err(error) => {
                    watch.fails(&database, &error);
                    AGAIN_AFTER.min(interval)
                }
            }
        };
        drop(database);
        let ended = Instant::now();
        // A migration changes the schema often: at most half of the time goes into reading it.
        let least = ended.saturating_duration_since(began).max(PAUSE);
        if pause > PAUSE {
            // Woken or not, it is time.
            let _ = timeout(pause, schema.wake.notified()).await;
        }
        sleep(least.saturating_sub(ended.elapsed())).await;
    }
}

impl Watch {
    fn fails(&mut self, database: &Database, error: &ConnectError) {
        self.questions = None;
        self.state = None;
        if !std::mem::replace(&mut self.failing, true) {
            let name = &database.name;
            warn!(database = name, %error, "the catalog cannot be read: functions of the \
                database's own go to the primary, unless it was known before and has not \
                changed since");
        }
    }

    /// `false`: it has changed meanwhile, and must be read again.
    async fn refresh(
        &mut self,
        database: &Database,
        schema: &Arc<Schema>,
    ) -> Result<bool, ConnectError> {
        let changes = schema.changes();
        // After a failover another node is asked.
        let asked = database.site.cluster.primary().map(|primary| (primary.node, primary.line));
        if asked != self.asked {
            let paths = self.paths.take();
            *self = Self { failing: self.failing, asked, paths, ..Self::default() };
        }
        if self.questions.is_none() {
            let name = database.server_name();
            self.questions = Some(database.site.cluster.questions(&name).await?);
        }
        let Some(questions) = &mut self.questions else { return Ok(false) };
        let mut state = None;
        questions
            .ask(Part::STATE, QUESTION_MAX, |row| {
                state = row.first().copied().flatten().map(str::to_owned);
            })
            .await?;
        if state == self.state && state.is_some() && schema.confirm(changes) {
            return Ok(true);
        }
        let rows = read(questions).await?;
        let counted = rows.len();
        let catalog = build(rows).await?;
        if catalog.is_none() {
            warn!(database = database.name, "the catalog is too large to be known");
        }
        let size = catalog.as_ref().map(Catalog::size).unwrap_or_default();
        let paths = catalog.as_ref().map(Catalog::path_settings);
        let learned = schema.learn(catalog, changes);
        if learned {
            self.state = state;
            self.follow_paths(database, schema, paths);
        }
        if std::mem::take(&mut self.failing) {
            info!(database = database.name, "the catalog can be read again");
        }
        debug!(
            database = database.name,
            rows = counted,
            functions = size.0,
            relations = size.1,
            learned,
            "the catalog was read"
        );
        Ok(learned)
    }

    /// Where search paths have changed, connections are replaced that have begun with the old
    /// ones: in table scope what runs over them counts for all tables. (Those that are opened
    /// from now on have the new ones.)
    fn follow_paths(
        &mut self,
        database: &Database,
        schema: &Schema,
        paths: Option<BTreeSet<PathRow>>,
    ) {
        let Some(paths) = paths else { return };
        let before = self.paths.replace(paths);
        if before.is_none() || before == self.paths || schema.table_keys().is_none() {
            return;
        }
        info!(database = database.name, "search paths have changed: connections are replaced");
        schema.paths_have_changed();
        let name = database.server_name();
        let pools = database.site.cluster.pools();
        for pools in pools.iter().filter(|pools| pools.login().database == name) {
            pools.reconnect();
        }
    }
}

/// Reads the catalog once; `None` if there is more of it than is taken up.
pub async fn read_catalog(questions: &mut Questions) -> Result<Option<Catalog>, ConnectError> {
    build(read(questions).await?).await
}

type Row = Vec<Option<String>>;

/// Makes a catalog of its rows. That may take a while, and is done elsewhere.
async fn build(rows: Vec<(Part, Row)>) -> Result<Option<Catalog>, ConnectError> {
    let built = tokio::task::spawn_blocking(move || {
        let mut builder = Builder::default();
        for (part, row) in &rows {
            let row: Vec<_> = row.iter().map(Option::as_deref).collect();
            builder.take(*part, &row);
        }
        builder.build()
    });
    built.await.map_err(|error| ConnectError::Protocol(error.to_string()))
}

/// Reads the whole catalog, in one snapshot.
async fn read(questions: &mut Questions) -> Result<Vec<(Part, Row)>, ConnectError> {
    let mut rows = Vec::new();
    questions.ask(Part::BEGIN, QUESTION_MAX, |_| {}).await?;
    for part in Part::ALL {
        let take = |row: &[Option<&str>]| {
            rows.push((part, row.iter().map(|value| value.map(str::to_owned)).collect()));
        };
        questions.ask(part.sql(), QUESTION_MAX, take).await?;
        if part == Part::Paths {
            questions.ask(Part::SET_PATH, QUESTION_MAX, |_| {}).await?;
        }
    }
    questions.ask(Part::END, QUESTION_MAX, |_| {}).await?;
    Ok(rows)
}
