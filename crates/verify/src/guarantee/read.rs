//! The shapes of a read.

use serde::{Deserialize, Serialize};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::judge::{Node, Seen, Side};
use super::lane::Open;
use crate::error::Fault;
use crate::link::simple_row;

/// `$1` is the key, the side is part of the text.
const READ_FIRST: &str = "SELECT v, pg_is_in_recovery(), inet_server_port() \
                          FROM afterwrite_check.kv WHERE k = $1 AND side = 0";
const READ_SECOND: &str = "SELECT v, pg_is_in_recovery(), inet_server_port() \
                           FROM afterwrite_check.kv WHERE k = $1 AND side = 1";

/// How a key is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadShape {
    /// One statement by the simple protocol.
    Simple,
    /// A named prepared statement.
    Prepared,
    /// The unnamed statement, parsed and run in one go.
    Unnamed,
    /// Both sides in `BEGIN READ ONLY`: two snapshots, the second not older.
    ReadOnly,
    /// Both sides in a repeatable-read, read-only transaction: one snapshot.
    Snapshot,
    /// Sent behind a write on the same connection without waiting for it.
    Pipelined,
    /// After the write, within the same transaction.
    InWrite,
}

impl ReadShape {
    /// Those that are an operation of their own; the others belong to a write.
    pub(crate) const ALONE: [Self; 5] =
        [Self::Simple, Self::Prepared, Self::Unnamed, Self::ReadOnly, Self::Snapshot];
}

/// Reads `key`. Not cancel-safe: the connection may be left in a transaction.
pub(super) async fn read(open: &mut Open, shape: ReadShape, key: i64) -> Result<Seen, Fault> {
    match shape {
        ReadShape::Simple => simple(&open.link.client, key).await,
        ReadShape::Unnamed => {
            let rows = open.link.client.query_typed(READ_FIRST, &[(&key, Type::INT8)]).await?;
            seen(rows.first())
        }
        ReadShape::Prepared | ReadShape::InWrite | ReadShape::Pipelined => first(open, key).await,
        ReadShape::ReadOnly => {
            let (first, second) = both(open, key, "BEGIN READ ONLY").await?;
            Ok(Seen { second: Some(Side::LaterSnapshot(second)), ..first })
        }
        ReadShape::Snapshot => {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            let (first, second) = both(open, key, begin).await?;
            Ok(Seen { second: Some(Side::SameSnapshot(second)), ..first })
        }
    }
}

async fn simple(client: &Client, key: i64) -> Result<Seen, Fault> {
    let sql = READ_FIRST.replace("$1", &key.to_string());
    let Some(row) = simple_row(client, &sql).await? else {
        return Ok(Seen { first: None, second: None, node: None });
    };
    let [version, in_recovery, port] =
        <[Option<String>; 3]>::try_from(row).map_err(|_| Fault::Answer("three columns"))?;
    let version = version.and_then(|text| text.parse().ok()).ok_or(Fault::Answer("a version"))?;
    let replica = in_recovery.as_deref() == Some("t");
    let port = port.and_then(|text| text.parse().ok());
    Ok(Seen { first: Some(version), second: None, node: Some(Node { replica, port }) })
}

async fn first(open: &mut Open, key: i64) -> Result<Seen, Fault> {
    let statement = open.statement(READ_FIRST).await?;
    seen(open.link.client.query_opt(&statement, &[&key]).await?.as_ref())
}

/// For a read that is sent behind something else: all but sending is done.
pub(super) async fn first_statement(open: &mut Open) -> Result<tokio_postgres::Statement, Fault> {
    Ok(open.statement(READ_FIRST).await?)
}

async fn both(open: &mut Open, key: i64, begin: &str) -> Result<(Seen, Option<i64>), Fault> {
    let statements = [open.statement(READ_FIRST).await?, open.statement(READ_SECOND).await?];
    let client = &open.link.client;
    client.batch_execute(begin).await?;
    let [first, second] = &statements;
    let first = seen(client.query_opt(first, &[&key]).await?.as_ref())?;
    let second = seen(client.query_opt(second, &[&key]).await?.as_ref())?;
    client.batch_execute("COMMIT").await?;
    Ok((first, second.first))
}

pub(super) fn seen(row: Option<&Row>) -> Result<Seen, Fault> {
    let Some(row) = row else {
        return Ok(Seen { first: None, second: None, node: None });
    };
    let node = Node { replica: row.try_get(1)?, port: row.try_get(2)? };
    Ok(Seen { first: Some(row.try_get(0)?), second: None, node: Some(node) })
}
