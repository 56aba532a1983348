//! The shapes of a write. Each adds one to the version of one key.

use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::future::join;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::judge::Seen;
use super::lane::Open;
use super::read::{ReadShape, first_statement, read, seen};
use crate::error::Fault;
use crate::link::{simple, simple_row};

const UPDATE: &str = "UPDATE afterwrite_check.kv SET v = v + 1 WHERE k = $1 RETURNING v";
const CTE: &str = "WITH written AS (UPDATE afterwrite_check.kv SET v = v + 1 WHERE k = $1 \
                   RETURNING v) SELECT v FROM written";
const FUNCTION: &str = "SELECT afterwrite_check.bump($1)";

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteShape {
    /// One statement by the simple protocol.
    Simple,
    /// A named prepared statement.
    Prepared,
    /// The unnamed statement, parsed and run in one go.
    Unnamed,
    /// In an explicit transaction that also reads what it wrote.
    Transaction,
    /// The first of several statements in one simple query.
    MultiStatement,
    /// One simple query that commits and then fails: an error that has written.
    CommitThenError,
    /// A CTE that writes, under a `SELECT`.
    Cte,
    /// A volatile function called by a `SELECT`.
    Function,
    /// An anonymous code block.
    Do,
    /// `COPY FROM STDIN` into a table whose trigger writes.
    Copy,
    /// A prepared statement with a read sent behind it, without waiting.
    Pipelined,
}

impl WriteShape {
    /// Every shape.
    pub const ALL: [Self; 11] = [
        Self::Simple,
        Self::Prepared,
        Self::Unnamed,
        Self::Transaction,
        Self::MultiStatement,
        Self::CommitThenError,
        Self::Cte,
        Self::Function,
        Self::Do,
        Self::Copy,
        Self::Pipelined,
    ];
}

/// An acknowledged write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    /// The version that it made. None where its shape returns no row: then it is
    /// at least one more than the last acknowledged one.
    pub(super) version: Option<i64>,
    /// A read that belongs to the write, and must see it.
    pub(super) read: Option<(ReadShape, Seen)>,
}

impl From<i64> for Ack {
    fn from(version: i64) -> Self {
        Self { version: Some(version), read: None }
    }
}

/// Writes `key`. Not cancel-safe: the connection may be left in a transaction.
pub(super) async fn write(open: &mut Open, shape: WriteShape, key: i64) -> Result<Ack, Fault> {
    let update = UPDATE.replace("$1", &key.to_string());
    let client = &open.link.client;
    match shape {
        WriteShape::Simple => Ok(version(simple_row(client, &update).await?)?.into()),
        WriteShape::MultiStatement => {
            let sql = format!("{update}; SELECT 1");
            Ok(version(simple_row(client, &sql).await?)?.into())
        }
        WriteShape::CommitThenError => commit_then_error(client, &update).await,
        WriteShape::Do => {
            let sql = format!("DO $do$ BEGIN PERFORM afterwrite_check.bump({key}); END $do$");
            simple_row(client, &sql).await?;
            Ok(Ack { version: None, read: None })
        }
        WriteShape::Copy => copy(client, key).await,
        WriteShape::Unnamed => {
            let rows = client.query_typed(UPDATE, &[(&key, Type::INT8)]).await?;
            let row = rows.first().ok_or(Fault::Answer("a row written"))?;
            Ok(row.try_get::<_, i64>(0)?.into())
        }
        WriteShape::Prepared => prepared(open, UPDATE, key).await,
        WriteShape::Cte => prepared(open, CTE, key).await,
        WriteShape::Function => prepared(open, FUNCTION, key).await,
        WriteShape::Transaction => transaction(open, key).await,
        WriteShape::Pipelined => pipelined(open, key).await,
    }
}

fn version(row: Option<Vec<Option<String>>>) -> Result<i64, Fault> {
    let text = row.and_then(|row| row.into_iter().next().flatten());
    text.and_then(|text| text.parse().ok()).ok_or(Fault::Answer("a row written"))
}

async fn commit_then_error(client: &Client, update: &str) -> Result<Ack, Fault> {
    let sql = format!("BEGIN; {update}; COMMIT; SELECT 1 / 0");
    let answer = simple(client, &sql).await?;
    match answer.error {
        Some(error) if error.code().is_some_and(|code| code.code() == "22012") => {
            Ok(version(answer.row)?.into())
        }
        Some(error) => Err(error.into()),
        None => Err(Fault::Answer("the expected error")),
    }
}

async fn copy(client: &Client, key: i64) -> Result<Ack, Fault> {
    let sink = client.copy_in("COPY afterwrite_check.arrival (k) FROM STDIN").await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(format!("{key}\n"))).await?;
    sink.finish().await?;
    Ok(Ack { version: None, read: None })
}

async fn prepared(open: &mut Open, sql: &'static str, key: i64) -> Result<Ack, Fault> {
    let statement = open.statement(sql).await?;
    let rows = open.link.client.query(&statement, &[&key]).await?;
    let row = rows.first().ok_or(Fault::Answer("a row written"))?;
    Ok(row.try_get::<_, i64>(0)?.into())
}

async fn transaction(open: &mut Open, key: i64) -> Result<Ack, Fault> {
    open.link.client.batch_execute("BEGIN").await?;
    let ack = prepared(open, UPDATE, key).await?;
    let inside = read(open, ReadShape::InWrite, key).await?;
    open.link.client.batch_execute("COMMIT").await?;
    Ok(Ack { read: Some((ReadShape::InWrite, inside)), ..ack })
}

async fn pipelined(open: &mut Open, key: i64) -> Result<Ack, Fault> {
    let update = open.statement(UPDATE).await?;
    let select = first_statement(open).await?;
    let client = &open.link.client;
    let key: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&key];
    // The first poll sends; `join` polls in order, so the write is sent first.
    let (written, read) = join(client.query(&update, &key), client.query_opt(&select, &key)).await;
    let written = written?;
    let version: i64 = written.first().ok_or(Fault::Answer("a row written"))?.try_get(0)?;
    let read = seen(read?.as_ref())?;
    Ok(Ack { version: Some(version), read: Some((ReadShape::Pipelined, read)) })
}
