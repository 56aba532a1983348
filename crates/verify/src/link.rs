//! One connection, with a limit on every wait.

use std::future::Future;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::error::{Fault, VerifyError};
use crate::tls::Tls;

/// A goodbye that is not heard in this time is not worth waiting for.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// An open connection. Dropping it cuts it; [`Link::close`] says goodbye.
pub(crate) struct Link {
    pub(crate) client: Client,
    // In a set, so that it is aborted when the link is dropped.
    connection: JoinSet<()>,
}

impl Link {
    pub(crate) async fn open(config: &Config, limit: Duration) -> Result<Self, Fault> {
        let mut connections = JoinSet::new();
        // Connecting is large and rare, so it is on the heap.
        // An error of the connection reaches whoever waits for an answer, too.
        let client = if config.get_ssl_mode() == SslMode::Require {
            let tls = tls().as_ref().map_err(|why| Fault::Tls(why.clone()))?;
            let (client, connection) = within(limit, Box::pin(config.connect(tls.clone()))).await?;
            connections.spawn(async { drop(connection.await) });
            client
        } else {
            let (client, connection) = within(limit, Box::pin(config.connect(NoTls))).await?;
            connections.spawn(async { drop(connection.await) });
            client
        };
        Ok(Self { client, connection: connections })
    }

    /// Whether it is fit for the next operation after this fault: any transaction is over then.
    ///
    /// It is kept where it can be: what was promised on it must still hold after an error.
    /// After a timeout it cannot, the answer may still come.
    pub(crate) async fn survives(&self, fault: &Fault, limit: Duration) -> bool {
        let refused = fault.sqlstate().is_some();
        let usable = refused && !self.client.is_closed();
        usable && within(limit, self.client.batch_execute("ROLLBACK")).await.is_ok()
    }

    pub(crate) async fn close(self) {
        let Self { client, mut connection } = self;
        drop(client);
        let _ = timeout(CLOSE_MAX, connection.join_next()).await;
    }
}

/// Made once: the authorities are read from a file.
fn tls() -> &'static Result<Tls, String> {
    static TLS: OnceLock<Result<Tls, String>> = OnceLock::new();
    TLS.get_or_init(Tls::new)
}

/// Parses a URL; the error names its owner and not the URL.
pub(crate) fn parse(whose: &'static str, url: &str) -> Result<Config, VerifyError> {
    let mut config = Config::from_str(url).map_err(|source| VerifyError::Url { whose, source })?;
    if config.get_application_name().is_none() {
        config.application_name("afterwrite-verify");
    }
    Ok(config)
}

/// Waits at most `limit`. What was being done may go on at the server, so after
/// a timeout the connection is not to be used again.
pub(crate) async fn within<T, E: Into<Fault>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(Fault::Timeout(limit)),
    }
}

/// The answer to a simple query: its first row, and the error it ended with.
pub(crate) struct Answer {
    pub(crate) row: Option<Vec<Option<String>>>,
    pub(crate) error: Option<tokio_postgres::Error>,
}

/// Runs one simple query to the server's "ready", past an error.
///
/// The driver's own `simple_query` returns at the error, which may be before
/// the server is done, and forgets the rows of the statements that succeeded.
pub(crate) async fn simple(client: &Client, sql: &str) -> Result<Answer, tokio_postgres::Error> {
    let mut messages = std::pin::pin!(client.simple_query_raw(sql).await?);
    let mut answer = Answer { row: None, error: None };
    while let Some(message) = messages.next().await {
        match message {
            Ok(SimpleQueryMessage::Row(row)) if answer.row.is_none() => {
                let text = |index| row.try_get(index).ok().flatten().map(str::to_owned);
                answer.row = Some((0..row.len()).map(text).collect());
            }
            Ok(_) => {}
            Err(error) if error.as_db_error().is_some() && answer.error.is_none() => {
                answer.error = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// As [`simple`], where an error is not expected: the first row.
pub(crate) async fn simple_row(
    client: &Client,
    sql: &str,
) -> Result<Option<Vec<Option<String>>>, Fault> {
    let answer = simple(client, sql).await?;
    answer.error.map_or(Ok(answer.row), |error| Err(error.into()))
}
