//! Asks a server, over a replication connection, on which timeline it is and where that
//! left the ones before it.
//!
//! A replication connection tells more than SQL does: where each timeline was left, and,
//! of a replica, which timeline it *replays*. The login needs `REPLICATION` for it. Where
//! it has not, the history is asked for as a file, which only few may read; and if that is
//! refused, too, it is not known.

use afterwrite_types::{HISTORY_BYTES_MAX, History, Line, Role, SystemId, Timeline};
use afterwrite_wire::client;
use afterwrite_wire::server::DataRow;
use afterwrite_wire::tags::server as tag;

use crate::connect::{self, Introduction, Login, Purpose, unexpected};
use crate::error::ConnectError;
use crate::server::Server;
use crate::stream::Messages;

/// What a server told of its timeline.
#[derive(Debug)]
pub(crate) struct Told {
    /// The line that it writes or replays.
    pub(crate) line: Line,
    /// Of a primary: where that comes from. An error says why that is not known.
    pub(crate) history: Option<Result<History, String>>,
}

/// Asks the server that has introduced itself as `said`. Sets no limit to its time.
///
/// # Errors
///
/// If it does not let us in like that, or if another server answers than the one that
/// has introduced itself.
pub(crate) async fn ask(
    server: &Server,
    login: &Login,
    said: &Introduction,
) -> Result<Told, ConnectError> {
    let (mut messages, _) = connect::enter(server, login, Purpose::Replication).await?;
    let line = identify(&mut messages).await?;
    let now = connect::introduce_by_log(&mut messages).await?;
    if now.server != said.server || now.role != said.role || line.system != said.line.system {
        return Err(ConnectError::Protocol("another server has answered".into()));
    }
    if now.role == Role::Replica {
        return Ok(Told { line, history: None });
    }
    if line != said.line {
        return Err(ConnectError::Protocol("its timeline has changed meanwhile".into()));
    }
    let sql = format!("TIMELINE_HISTORY {}", line.timeline.0);
    let file = column(&mut messages, &sql, 1).await?;
    let history = History::parse(line, &file).map_err(|bad| bad.to_string());
    Ok(Told { line, history: Some(history) })
}

/// The history of a primary as a file, over an ordinary connection.
pub(crate) async fn read_file(
    messages: &mut Messages,
    line: Line,
) -> Result<History, ConnectError> {
    // One byte more than is allowed tells that there are more.
    let sql = format!(
        "SELECT pg_catalog.pg_read_file('pg_wal/{:08X}.history', 0, {})",
        line.timeline.0,
        HISTORY_BYTES_MAX + 1
    );
    let file = column(messages, &sql, 0).await?;
    History::parse(line, &file).map_err(|bad| ConnectError::Protocol(bad.to_string()))
}

/// On which timeline it is: the one that it writes, or that it replays.
async fn identify(messages: &mut Messages) -> Result<Line, ConnectError> {
    let columns = row(messages, "IDENTIFY_SYSTEM").await?;
    let number = |at: usize| {
        let text = columns.get(at).and_then(Option::as_ref);
        text.and_then(|bytes| std::str::from_utf8(bytes).ok())
    };
    let system = number(0).and_then(|text| text.parse().ok());
    let timeline = number(1).and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    match (system, timeline) {
        (Some(system), Some(timeline)) => {
            Ok(Line { system: SystemId(system), timeline: Timeline(timeline) })
        }
        _ => Err(ConnectError::Protocol("the server did not identify itself".into())),
    }
}

async fn column(messages: &mut Messages, sql: &str, at: usize) -> Result<Vec<u8>, ConnectError> {
    let column = row(messages, sql).await?.into_iter().nth(at).flatten();
    column.ok_or_else(|| ConnectError::Protocol("the server did not tell its history".into()))
}

/// The last row of an answer. What a message may hold at most bounds it.
async fn row(messages: &mut Messages, sql: &str) -> Result<Vec<Option<Vec<u8>>>, ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, sql);
    messages.send(&out).await?;
    let (mut row, mut refused) = (Vec::new(), None);
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::DATA_ROW => {
                row.clear();
                for value in DataRow::decode(&body)? {
                    row.push(value?.map(<[u8]>::to_vec));
                }
            }
            tag::ERROR => refused = Some(unexpected(message, &body)),
            tag::READY_FOR_QUERY => return refused.map_or(Ok(row), Err),
            _ => {}
        }
    }
}
