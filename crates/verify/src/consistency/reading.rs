//! The ways of reading.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::history::{Second, Seen, Server};
use super::lane::Open;
use super::tables::{Tables, filled};
use crate::error::Fault;
use crate::guarantee::ReadShape;
use crate::link::simple_row;

/// What a read got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Got {
    pub(super) version: Option<i64>,
    pub(super) second: Option<Second>,
    pub(super) after: Option<Seen>,
    pub(super) server: Option<Server>,
}

/// Reads a key, by its number in the database. Not cancel-safe: the connection may be left
/// in a transaction.
pub(super) async fn read(
    open: &mut Open,
    tables: &Tables,
    how: ReadShape,
    number: i64,
) -> Result<Got, Fault> {
    match how {
        ReadShape::Simple => simple(open, &tables.read_first, number).await,
        ReadShape::Unnamed | ReadShape::InWrite | ReadShape::Pipelined => {
            unnamed(open, &tables.read_first, number).await
        }
        ReadShape::Prepared => {
            let statement = open.statement(&tables.read_first).await?;
            got(open.link.client.query_opt(&statement, &[&number]).await?.as_ref())
        }
        ReadShape::ReadOnly => both(open, tables, number, "BEGIN READ ONLY", false).await,
        ReadShape::Snapshot => {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            both(open, tables, number, begin, true).await
        }
    }
}

async fn both(
    open: &mut Open,
    tables: &Tables,
    number: i64,
    begin: &str,
    same_snapshot: bool,
) -> Result<Got, Fault> {
    open.link.client.batch_execute(begin).await?;
    let first = unnamed(open, &tables.read_first, number).await?;
    let version = unnamed(open, &tables.read_second, number).await?.version;
    open.link.client.batch_execute("COMMIT").await?;
    Ok(Got { second: Some(Second { version, same_snapshot }), ..first })
}

/// The unnamed statement, parsed and run in one go: what every pooler lets through.
pub(super) async fn unnamed(open: &Open, sql: &str, number: i64) -> Result<Got, Fault> {
    let rows = open.link.client.query_typed(sql, &[(&number, Type::INT8)]).await?;
    got(rows.first())
}

pub(super) fn got(row: Option<&Row>) -> Result<Got, Fault> {
    let Some(row) = row else { return Ok(Got::default()) };
    let (replica, port) = (row.try_get::<_, Option<bool>>(3)?, row.try_get(4)?);
    Ok(Got {
        version: Some(row.try_get(0)?),
        second: None,
        after: seen(row.try_get(1)?, row.try_get(2)?),
        server: replica.map(|replica| Server { replica, port }),
    })
}

/// As the first side alone, by the simple protocol.
pub(super) async fn simple(open: &Open, sql: &str, number: i64) -> Result<Got, Fault> {
    let Some(row) = simple_row(&open.link.client, &filled(sql, &[number])).await? else {
        return Ok(Got::default());
    };
    let [version, key, after, replica, port] =
        <[Option<String>; 5]>::try_from(row).map_err(|_| Fault::Answer("five columns"))?;
    let number = |text: Option<String>| {
        text.and_then(|text| text.parse().ok()).ok_or(Fault::Answer("a number"))
    };
    let port = port.and_then(|text| text.parse().ok());
    Ok(Got {
        version: Some(number(version)?),
        second: None,
        after: seen(number(key)?, number(after)?),
        server: replica.map(|text| Server { replica: text == "t", port }),
    })
}

/// What the writer had read; -1 is nothing.
fn seen(key: i64, version: i64) -> Option<Seen> {
    Some(Seen { key: usize::try_from(key).ok()?, version })
}
