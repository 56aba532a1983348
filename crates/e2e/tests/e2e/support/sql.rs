//! Small words around tokio-postgres.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::ANSWER_MAX;

/// The outcome of `work`, or the end of the test if it hangs.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(ANSWER_MAX, work).await;
    outcome.unwrap_or_else(|_| panic!("{what}: no answer within {ANSWER_MAX:?}"))
}

/// A connection, driven in the background.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = within("connecting", tokio_postgres::connect(url, NoTls))
        .await
        .unwrap_or_else(|error| panic!("{url}: {error:?}"));
    tokio::spawn(connection);
    client
}

/// The first column of the first row, by the simple protocol.
pub(crate) async fn text(client: &Client, sql: &str) -> String {
    let messages = within(sql, client.simple_query(sql)).await;
    let messages = messages.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    row.unwrap_or_else(|| panic!("{sql}: no row"))
}

/// As [`text`], a number.
pub(crate) async fn number(client: &Client, sql: &str) -> i64 {
    let text = text(client, sql).await;
    text.parse().unwrap_or_else(|_| panic!("{sql}: {text:?} is no number"))
}

/// The code of an error.
pub(crate) fn sqlstate(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("", |code| code.code())
}

/// Waits until `check` says yes, at most `limit`.
pub(crate) async fn eventually<F>(what: &str, limit: Duration, mut check: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let end = Instant::now() + limit;
    while !check().await {
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
