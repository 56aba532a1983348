//! The ways of writing. Each adds one to the version of one key.

use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::future::join;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::history::Seen;
use super::lane::Open;
use super::reading::{Got, got, unnamed};
use super::tables::{Tables, filled};
use crate::error::Fault;
use crate::guarantee::{ReadShape, WriteShape};
use crate::link::{simple, simple_row};

/// An acknowledged write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack {
    /// The version that it made. None where its way returns no row.
    pub(super) version: Option<i64>,
    /// A read that belongs to the write, and must see it.
    pub(super) read: Option<(ReadShape, Got)>,
}

impl From<i64> for Ack {
    fn from(version: i64) -> Self {
        Self { version: Some(version), read: None }
    }
}

const TOLD_NOTHING: Ack = Ack { version: None, read: None };

/// What is written: the key, and what the writer has read before.
pub(super) fn parameters(number: i64, after: Option<Seen>) -> [i64; 3] {
    let after = after.and_then(|seen| Some((i64::try_from(seen.key).ok()?, seen.version)));
    let (key, version) = after.unwrap_or((-1, 0));
    [number, key, version]
}

/// Writes a key. Not cancel-safe: the connection may be left in a transaction.
pub(super) async fn write(
    open: &mut Open,
    tables: &Tables,
    how: WriteShape,
    parameters: [i64; 3],
) -> Result<Ack, Fault> {
    let update = || filled(&tables.update, &parameters);
    let client = &open.link.client;
    match how {
        WriteShape::Simple => Ok(version(simple_row(client, &update()).await?)?.into()),
        WriteShape::MultiStatement => {
            let sql = format!("{}; SELECT 1", update());
            Ok(version(simple_row(client, &sql).await?)?.into())
        }
        WriteShape::CommitThenError => commit_then_error(client, &update()).await,
        WriteShape::Do => {
            simple_row(client, &filled(&tables.code, &parameters)).await?;
            Ok(TOLD_NOTHING)
        }
        WriteShape::Copy => copy(client, &tables.copy, parameters).await,
        WriteShape::Unnamed => Ok(typed(client, &tables.update, &parameters).await?.into()),
        WriteShape::Cte => Ok(typed(client, &tables.cte, &parameters).await?.into()),
        WriteShape::Function => Ok(typed(client, &tables.function, &parameters).await?.into()),
        WriteShape::Prepared => prepared(open, &tables.update, &parameters).await,
        WriteShape::Transaction => transaction(open, tables, &parameters).await,
        WriteShape::Pipelined => pipelined(client, tables, &parameters).await,
    }
}

fn version(row: Option<Vec<Option<String>>>) -> Result<i64, Fault> {
    let text = row.and_then(|row| row.into_iter().next().flatten());
    text.and_then(|text| text.parse().ok()).ok_or(Fault::Answer("a row written"))
}

async fn typed(client: &Client, sql: &str, parameters: &[i64; 3]) -> Result<i64, Fault> {
    let [key, after, version] = parameters;
    let parameters = [key, after, version].map(|it| (it as &(dyn ToSql + Sync), Type::INT8));
    let rows = client.query_typed(sql, &parameters).await?;
    Ok(rows.first().ok_or(Fault::Answer("a row written"))?.try_get(0)?)
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

async fn copy(client: &Client, sql: &str, [key, after, version]: [i64; 3]) -> Result<Ack, Fault> {
    let mut sink = std::pin::pin!(client.copy_in(sql).await?);
    sink.send(Bytes::from(format!("{key}\t{after}\t{version}\n"))).await?;
    sink.finish().await?;
    Ok(TOLD_NOTHING)
}

async fn prepared(open: &mut Open, sql: &str, parameters: &[i64; 3]) -> Result<Ack, Fault> {
    let statement = open.statement(sql).await?;
    let [key, after, version] = parameters;
    let rows = open.link.client.query(&statement, &[key, after, version]).await?;
    let row = rows.first().ok_or(Fault::Answer("a row written"))?;
    Ok(row.try_get::<_, i64>(0)?.into())
}

/// The two rows by two statements: only the transaction makes them one.
async fn transaction(
    open: &mut Open,
    tables: &Tables,
    parameters: &[i64; 3],
) -> Result<Ack, Fault> {
    open.link.client.batch_execute("BEGIN").await?;
    let version = typed(&open.link.client, &tables.update_first, parameters).await?;
    typed(&open.link.client, &tables.update_second, parameters).await?;
    let [number, ..] = parameters;
    let inside = unnamed(open, &tables.read_first, *number).await?;
    open.link.client.batch_execute("COMMIT").await?;
    Ok(Ack { version: Some(version), read: Some((ReadShape::InWrite, inside)) })
}

async fn pipelined(client: &Client, tables: &Tables, parameters: &[i64; 3]) -> Result<Ack, Fault> {
    let [number, ..] = parameters;
    let key = [(number as &(dyn ToSql + Sync), Type::INT8)];
    // The first poll sends; `join` polls in order, so the write is sent first.
    let write = typed(client, &tables.update, parameters);
    let (written, read) = join(write, client.query_typed(&tables.read_first, &key)).await;
    let read = got(read?.first())?;
    Ok(Ack { version: Some(written?), read: Some((ReadShape::Pipelined, read)) })
}
