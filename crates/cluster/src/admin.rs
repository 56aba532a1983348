//! Questions to a server as its superuser, over the Unix socket.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage};

use crate::settings::SUPERUSER;

/// Rows of columns, as text; `None` is SQL's null.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// Where to ask.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) socket_dir: &'a Path,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
}

/// Runs `sql` on a connection of its own. `None` if `limit` passed first, as it
/// does when the server is frozen.
pub(crate) async fn query(
    door: Door<'_>,
    sql: &str,
    limit: Duration,
) -> Option<Result<Rows, Error>> {
    timeout(limit, ask(door, sql)).await.ok()
}

async fn ask(door: Door<'_>, sql: &str) -> Result<Rows, Error> {
    let (client, connection) = Config::new()
        .host_path(door.socket_dir)
        .port(door.port)
        .user(SUPERUSER)
        .dbname(door.database)
        .application_name("afterwrite-cluster")
        .connect(NoTls)
        .await?;
    // In a set, so that it is aborted if the limit passes.
    let mut connections = tokio::task::JoinSet::new();
    connections.spawn(connection);
    let messages = client.simple_query(sql).await?;
    Ok(messages.iter().filter_map(row).collect())
}

fn row(message: &SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let text = |index| row.try_get(index).ok().flatten().map(str::to_owned);
    Some((0..row.len()).map(text).collect())
}
