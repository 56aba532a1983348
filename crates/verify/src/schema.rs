//! The tables and functions that the workloads need, each set in a schema of
//! its own. Making a set removes what an earlier run left of it.

use std::time::{Duration, Instant};

use tokio_postgres::Config;

use crate::error::{Fault, VerifyError};
use crate::link::{Link, parse, simple_row, within};

/// DDL waits for whoever still uses the old tables.
const DDL_MAX: Duration = Duration::from_secs(30);

/// How long a replica may take to show what was set up.
const REPLICA_MAX: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(50);

/// Keys of a run lie between this times its number and this times the next one.
pub(crate) const KEYS_MAX: usize = 1_000_000;

/// Which set of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Payments,
    Guarantee,
}

impl Set {
    fn schema(self) -> &'static str {
        match self {
            Self::Payments => "afterwrite_demo",
            Self::Guarantee => "afterwrite_check",
        }
    }
}

/// The number of a run: larger than those before it on the same cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run(i64);

impl Run {
    /// The first key of this run. No other run has it, so a server that still
    /// shows an older run's table shows no row for it.
    pub(crate) fn first_key(self) -> i64 {
        self.0.wrapping_mul(i64::try_from(KEYS_MAX).unwrap_or(i64::MAX))
    }
}

/// Makes the payment tables with as many accounts, numbered from 0.
pub(crate) async fn create_payments(primary: &Config, accounts: usize) -> Result<Run, VerifyError> {
    let tables = format!(
        "CREATE TABLE afterwrite_demo.account (id bigint PRIMARY KEY, \
             balance bigint NOT NULL, payments bigint NOT NULL) WITH (fillfactor = 70);
         CREATE TABLE afterwrite_demo.payment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
             order_id bigint NOT NULL, account bigint NOT NULL, amount bigint NOT NULL);
         INSERT INTO afterwrite_demo.account \
             SELECT id, 1000000, 0 FROM generate_series(0, {accounts} - 1) id;"
    );
    create(primary, Set::Payments, &tables).await
}

/// Makes the key table with as many keys, and the ways to write it.
///
/// Each key has two rows, its sides, that every write updates together.
pub(crate) async fn create_guarantee(primary: &Config, keys: usize) -> Result<Run, VerifyError> {
    let tables = format!(
        "CREATE TABLE afterwrite_check.kv (k bigint, side int, v bigint NOT NULL, \
             PRIMARY KEY (k, side)) WITH (fillfactor = 70);
         INSERT INTO afterwrite_check.kv SELECT run * {KEYS_MAX} + key, side, 0 \
             FROM afterwrite_check.marker, generate_series(0, {keys} - 1) key, \
             generate_series(0, 1) side;
         CREATE FUNCTION afterwrite_check.bump(wanted bigint) RETURNS bigint \
             LANGUAGE sql VOLATILE AS $$
                 UPDATE afterwrite_check.kv SET v = v + 1 WHERE k = wanted;
                 SELECT v FROM afterwrite_check.kv WHERE k = wanted AND side = 0 $$;
         CREATE TABLE afterwrite_check.arrival (k bigint);
         CREATE FUNCTION afterwrite_check.arrive() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 UPDATE afterwrite_check.kv SET v = v + 1 WHERE k = NEW.k;
                 RETURN NULL; -- the row itself is not kept, so the table stays empty
             END $$;
         CREATE TRIGGER arrive BEFORE INSERT ON afterwrite_check.arrival \
             FOR EACH ROW EXECUTE FUNCTION afterwrite_check.arrive();"
    );
    create(primary, Set::Guarantee, &tables).await
}

/// All in one implicit transaction: a replica shows either nothing or all of it.
async fn create(primary: &Config, set: Set, tables: &str) -> Result<Run, VerifyError> {
    let schema = set.schema();
    let sql = format!(
        "SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS {schema} CASCADE;
         CREATE SCHEMA {schema};
         COMMENT ON SCHEMA {schema} IS 'Made by afterwrite, which drops it with all in it';
         CREATE TABLE {schema}.marker AS SELECT txid_current() AS run;
         {tables}
         SELECT run FROM {schema}.marker"
    );
    ask_run(primary, &sql).await.map_err(|fault| fault.fatal("creating the tables"))
}

async fn ask_run(config: &Config, sql: &str) -> Result<Run, Fault> {
    let link = Link::open(config, DDL_MAX).await?;
    let row = within(DDL_MAX, simple_row(&link.client, sql)).await?;
    link.close().await;
    let text = row.and_then(|row| row.into_iter().next().flatten());
    text.and_then(|text| text.parse().ok()).map(Run).ok_or(Fault::Answer("the run's number"))
}

/// Waits until each of the replicas shows the tables of `run`.
pub(crate) async fn wait_for(replicas: &[Config], set: Set, run: Run) -> Result<(), VerifyError> {
    const DOING: &str = "waiting until a replica shows the tables";
    let sql = format!("SELECT run FROM {}.marker", set.schema());
    let end = Instant::now() + REPLICA_MAX;
    for replica in replicas {
        loop {
            match ask_run(replica, &sql).await {
                Ok(seen) if seen == run => break,
                // An older run's table, or none yet.
                Ok(_) => {}
                Err(fault) if is_missing(&fault) => {}
                Err(fault) => return Err(fault.fatal(DOING)),
            }
            if Instant::now() >= end {
                return Err(VerifyError::Timeout { doing: DOING, limit: REPLICA_MAX });
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Whether a server said that it does not have the table, schema or function:
/// it shows a state from before they were made.
pub(crate) fn is_missing(fault: &Fault) -> bool {
    matches!(fault.sqlstate(), Some("42P01" | "3F000" | "42883"))
}

/// Removes all that the workloads ever made. Having nothing to remove is no error.
pub async fn remove(primary_url: &str) -> Result<(), VerifyError> {
    const DOING: &str = "removing the tables";
    let config = parse("primary", primary_url)?;
    let link = Link::open(&config, DDL_MAX).await.map_err(|fault| fault.fatal(DOING))?;
    let (payments, guarantee) = (Set::Payments.schema(), Set::Guarantee.schema());
    let sql = format!(
        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS {payments}, {guarantee} CASCADE"
    );
    let outcome = within(DDL_MAX, simple_row(&link.client, &sql)).await;
    link.close().await;
    outcome.map(drop).map_err(|fault| fault.fatal(DOING))
}
