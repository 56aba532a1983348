//! The tables that are written and read, and the texts that do so.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_postgres::{Client, Config};

use super::plan::Plan;
use crate::error::{Fault, VerifyError};
use crate::link::{Link, simple_row, within};
use crate::schema::{KEYS_MAX, is_missing};

/// DDL waits for whoever still uses the old tables.
const DDL_MAX: Duration = Duration::from_secs(30);

/// How long a replica may take to show what was made.
const REPLICA_MAX: Duration = Duration::from_mins(1);

/// A run that is under way writes in this time.
const IN_USE: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(50);

/// Reads through one URL in a row that must show the tables: there may be several
/// replicas behind it.
const SHOWN_MIN: usize = 10;

/// By this a schema is known to be ours.
const MARK: &str = "Made by afterwrite verify, which drops it with all in it";

/// What is made, in the order in which it is made.
const OBJECTS: [&str; 4] = ["verify_kv", "verify_bump", "verify_arrival", "verify_arrive"];

/// The tables of one run, with the texts that use them.
///
/// Parameters are the key, and the key and version that the writer has read before.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    schema: String,
    /// The first key of this run. No other run has it, so a server that still shows an
    /// older run's tables shows no row for it.
    first_key: i64,
    keys: usize,
    pub(super) update: String,
    pub(super) update_first: String,
    pub(super) update_second: String,
    pub(super) cte: String,
    pub(super) function: String,
    pub(super) code: String,
    pub(super) copy: String,
    pub(super) read_first: String,
    pub(super) read_second: String,
}

/// What was found in the place of the schema.
enum Place {
    Missing,
    Ours,
    /// Somebody else's: our tables are made in it, if it has none of their names.
    Theirs,
}

impl Tables {
    pub(super) fn new(plan: &Plan) -> Self {
        let schema = plan.schema.clone();
        let update = format!(
            "UPDATE {schema}.verify_kv SET v = v + 1, after_k = $2, after_v = $3 WHERE k = $1"
        );
        let server = if plan.ask_server {
            "pg_is_in_recovery(), inet_server_port()"
        } else {
            "NULL::bool, NULL::int"
        };
        let read = |side: u8| {
            format!(
                "SELECT v, after_k, after_v, {server} FROM {schema}.verify_kv \
                 WHERE k = $1 AND side = {side}"
            )
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Only a name that differs from run to run; its order means nothing.
        let run = i64::try_from(since.as_millis()).unwrap_or(0) % (i64::MAX / KEY_STEP);
        Self {
            first_key: run * KEY_STEP,
            keys: plan.sessions * plan.keys,
            update: format!("{update} RETURNING v"),
            update_first: format!("{update} AND side = 0 RETURNING v"),
            update_second: format!("{update} AND side = 1 RETURNING v"),
            cte: format!("WITH written AS ({update} RETURNING v) SELECT v FROM written"),
            function: format!("SELECT {schema}.verify_bump($1, $2, $3)"),
            code: format!("DO $do$ BEGIN PERFORM {schema}.verify_bump($1, $2, $3); END $do$"),
            copy: format!("COPY {schema}.verify_arrival (k, after_k, after_v) FROM STDIN"),
            read_first: read(0),
            read_second: read(1),
            schema,
        }
    }

    /// The database's number of a key.
    pub(super) fn number(&self, key: usize) -> i64 {
        self.first_key.wrapping_add(i64::try_from(key).unwrap_or(0))
    }

    /// Makes them, in one transaction: a replica shows either nothing or all of it.
    pub(super) async fn create(&self, primary: &Config) -> Result<(), VerifyError> {
        const DOING: &str = "creating the tables";
        let link = Link::open(primary, DDL_MAX).await.map_err(|fault| fault.fatal(DOING))?;
        let outcome = match self.is_in_use(&link.client).await {
            Ok(true) => {
                return Err(VerifyError::Plan(format!(
                    "another run is writing in schema {} now; name another schema",
                    self.schema
                )));
            }
            Ok(false) => self.create_on(&link.client).await,
            Err(fault) => Err(fault),
        };
        link.close().await;
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(in_the_way)) => Err(VerifyError::Plan(format!(
                "schema {} has a {in_the_way} already, and is not ours; name another schema",
                self.schema
            ))),
            Err(fault) => Err(fault.fatal(DOING)),
        }
    }

    /// Whether somebody writes to what an earlier run has left, so that it is none.
    async fn is_in_use(&self, client: &Client) -> Result<bool, Fault> {
        if !matches!(self.place(client).await?, Place::Ours) {
            return Ok(false);
        }
        let sql = format!("SELECT coalesce(sum(v), 0) FROM {}.verify_kv", self.schema);
        // Where reads are split too, that in a transaction is of the primary.
        let written = async || {
            run(client, "BEGIN").await?;
            let sum = run(client, &sql).await;
            run(client, "ROLLBACK").await?;
            match sum {
                Err(fault) if is_missing(&fault) => Ok(None),
                sum => sum,
            }
        };
        let before = written().await?;
        tokio::time::sleep(IN_USE).await;
        Ok(before != written().await?)
    }

    /// Whether the tables are there and of this run. If nobody can be asked, they are.
    pub(super) async fn are_there(&self, primary: &Config) -> bool {
        let Ok(link) = Link::open(primary, DDL_MAX).await else { return true };
        let found = async {
            run(&link.client, "BEGIN").await?;
            let found = self.are_of_this_run(&link.client).await?;
            run(&link.client, "ROLLBACK").await?;
            Ok::<bool, Fault>(found)
        };
        let found = found.await;
        link.close().await;
        found.unwrap_or(true)
    }

    async fn are_of_this_run(&self, client: &Client) -> Result<bool, Fault> {
        let Self { schema, first_key, .. } = self;
        let sql = format!("SELECT 1 FROM {schema}.verify_kv WHERE k = {first_key} AND side = 0");
        match run(client, &sql).await {
            Ok(row) => Ok(row.is_some()),
            Err(fault) if is_missing(&fault) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// What is in the way, if there is something.
    async fn create_on(&self, client: &Client) -> Result<Option<String>, Fault> {
        let schema = &self.schema;
        run(client, "BEGIN").await?;
        match self.place(client).await? {
            Place::Missing => {}
            Place::Ours => drop(run(client, &format!("DROP SCHEMA {schema} CASCADE")).await?),
            Place::Theirs => {
                let taken = format!(
                    "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = \
                     '{schema}'::regnamespace AND relname IN ('verify_kv', 'verify_arrival') \
                     LIMIT 1"
                );
                if let Some(name) = run(client, &taken).await? {
                    run(client, "ROLLBACK").await?;
                    return Ok(Some(name));
                }
            }
        }
        let new = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
        if !matches!(self.place(client).await?, Place::Theirs) {
            run(client, &new).await?;
            run(client, &format!("COMMENT ON SCHEMA {schema} IS '{MARK}'")).await?;
        }
        for statement in self.statements() {
            run(client, &statement).await?;
        }
        run(client, "COMMIT").await?;
        Ok(None)
    }

    fn statements(&self) -> [String; 6] {
        let Self { schema, first_key, keys, .. } = self;
        [
            format!(
                "CREATE TABLE {schema}.verify_kv (k bigint, side int, v bigint NOT NULL, \
                 after_k bigint NOT NULL, after_v bigint NOT NULL, PRIMARY KEY (k, side)) \
                 WITH (fillfactor = 70)"
            ),
            format!(
                "INSERT INTO {schema}.verify_kv SELECT {first_key} + key, side, 0, -1, 0 \
                 FROM generate_series(0, {keys} - 1) key, generate_series(0, 1) side"
            ),
            format!(
                "CREATE FUNCTION {schema}.verify_bump(wanted bigint, ak bigint, av bigint) \
                 RETURNS bigint LANGUAGE sql VOLATILE AS $$ \
                 UPDATE {schema}.verify_kv SET v = v + 1, after_k = ak, after_v = av \
                     WHERE k = wanted; \
                 SELECT v FROM {schema}.verify_kv WHERE k = wanted AND side = 0 $$"
            ),
            format!(
                "CREATE TABLE {schema}.verify_arrival (k bigint, after_k bigint, after_v bigint)"
            ),
            // The arriving row itself is not kept, so that table stays empty.
            format!(
                "CREATE FUNCTION {schema}.verify_arrive() RETURNS trigger LANGUAGE plpgsql \
                 AS $$ BEGIN UPDATE {schema}.verify_kv \
                     SET v = v + 1, after_k = NEW.after_k, after_v = NEW.after_v \
                     WHERE k = NEW.k; RETURN NULL; END $$"
            ),
            format!(
                "CREATE TRIGGER verify_arrive BEFORE INSERT ON {schema}.verify_arrival \
                 FOR EACH ROW EXECUTE FUNCTION {schema}.verify_arrive()"
            ),
        ]
    }

    async fn place(&self, client: &Client) -> Result<Place, Fault> {
        let sql = format!(
            "SELECT coalesce(pg_catalog.obj_description(oid, 'pg_namespace'), '') \
             FROM pg_catalog.pg_namespace WHERE nspname = '{}'",
            self.schema
        );
        Ok(match run(client, &sql).await? {
            None => Place::Missing,
            Some(comment) if comment == MARK => Place::Ours,
            Some(_) => Place::Theirs,
        })
    }

    /// Waits until reads through this URL show the tables. A server that may be stale for
    /// ever is not worth checking.
    pub(super) async fn wait_for(
        &self,
        url: &Config,
        is_stopped: impl Fn() -> bool,
    ) -> Result<(), VerifyError> {
        const DOING: &str = "waiting until reads show the tables";
        let sql = format!(
            "SELECT v FROM {}.verify_kv WHERE k = {} AND side = 0",
            self.schema, self.first_key
        );
        let fatal = |fault: Fault| fault.fatal(DOING);
        let link = Link::open(url, DDL_MAX).await.map_err(fatal)?;
        let end = Instant::now() + REPLICA_MAX;
        let mut shown = 0;
        while shown < SHOWN_MIN && !is_stopped() {
            match within(DDL_MAX, simple_row(&link.client, &sql)).await {
                Ok(Some(_)) => {
                    shown += 1;
                    continue;
                }
                Ok(None) => {}
                Err(fault) if is_missing(&fault) => {}
                Err(fault) => return Err(fatal(fault)),
            }
            shown = 0;
            if Instant::now() >= end {
                return Err(VerifyError::Timeout { doing: DOING, limit: REPLICA_MAX });
            }
            tokio::time::sleep(POLL).await;
        }
        link.close().await;
        Ok(())
    }

    /// Removes what was made, and nothing else. Having nothing to remove is no error.
    pub(super) async fn remove(&self, primary: &Config) -> Result<(), VerifyError> {
        const DOING: &str = "removing the tables";
        let link = Link::open(primary, DDL_MAX).await.map_err(|fault| fault.fatal(DOING))?;
        let outcome = self.remove_on(&link.client).await;
        link.close().await;
        outcome.map_err(|fault| fault.fatal(DOING))
    }

    async fn remove_on(&self, client: &Client) -> Result<(), Fault> {
        let schema = &self.schema;
        run(client, "BEGIN").await?;
        // Another run's stay.
        run(client, "SAVEPOINT before").await?;
        let ours = self.are_of_this_run(client).await?;
        run(client, "ROLLBACK TO before").await?;
        match self.place(client).await? {
            Place::Missing => {}
            _ if !ours => {}
            Place::Ours => drop(run(client, &format!("DROP SCHEMA {schema} CASCADE")).await?),
            Place::Theirs => {
                let [kv, bump, arrival, arrive] = OBJECTS;
                for statement in [
                    format!("DROP TABLE IF EXISTS {schema}.{arrival}"),
                    format!("DROP TABLE IF EXISTS {schema}.{kv}"),
                    format!("DROP FUNCTION IF EXISTS {schema}.{bump}(bigint, bigint, bigint)"),
                    format!("DROP FUNCTION IF EXISTS {schema}.{arrive}()"),
                ] {
                    run(client, &statement).await?;
                }
            }
        }
        run(client, "COMMIT").await.map(drop)
    }
}

/// Keys of a run lie between this times its number and this times the next one.
const KEY_STEP: i64 = 1_000_000;
const _: () = assert!(KEY_STEP.unsigned_abs() == KEYS_MAX as u64);

/// One statement, and the first value that it returns.
async fn run(client: &Client, sql: &str) -> Result<Option<String>, Fault> {
    let row = within(DDL_MAX, simple_row(client, sql)).await?;
    Ok(row.and_then(|row| row.into_iter().next().flatten()))
}

/// A text with its parameters in place, for the simple protocol.
pub(super) fn filled(text: &str, parameters: &[i64]) -> String {
    let mut text = text.to_owned();
    for (number, value) in parameters.iter().enumerate() {
        text = text.replace(&format!("${}", number + 1), &value.to_string());
    }
    text
}
