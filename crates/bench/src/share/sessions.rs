//! Sessions that write now and then and read their own row all the time.

use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Plan};
use afterwrite_types::Token;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::error::BenchError;

/// Between two reads of one session.
const PAUSE: Duration = Duration::from_millis(10);

/// Reads between two writes of one session: a write every third of a second or so.
const READS_PER_WRITE: u32 = 30;

/// One read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    /// What it had to see.
    pub(crate) need: u64,
    /// Since its session's last write was acknowledged.
    pub(crate) since_write: Option<Duration>,
    pub(crate) on_primary: bool,
    pub(crate) stale: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
pub(crate) fn refused(error: tokio_postgres::Error) -> BenchError {
    BenchError::Refused { by: "the server".to_owned(), why: error.to_string() }
}

pub(crate) fn url(port: u16) -> String {
    let Plan { user, database, .. } = Plan::default();
    format!("postgres://{user}@127.0.0.1:{port}/{database}")
}

pub(crate) async fn connect(url: &str) -> Result<Client, BenchError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(refused)?;
    tokio::spawn(connection);
    Ok(client)
}

/// Makes the tables.
pub(crate) async fn prepare(cluster: &Cluster) -> Result<(), BenchError> {
    const SQL: &str = "CREATE TABLE share_own (id int PRIMARY KEY, v bigint NOT NULL); \
         INSERT INTO share_own SELECT n, 0 FROM generate_series(0, 999) n; \
         CREATE TABLE share_others (id int PRIMARY KEY, v bigint NOT NULL); \
         INSERT INTO share_others SELECT n, 0 FROM generate_series(0, 9999) n; \
         CREATE TABLE share_bulk (id bigint, filler text)";
    connect(&cluster.primary().url()).await?.batch_execute(SQL).await.map_err(refused)?;
    let caught_up = cluster.wait_for_catch_up(Duration::from_secs(20)).await;
    // The proxy has yet to hear of them.
    sleep(Duration::from_millis(500)).await;
    Ok(caught_up?)
}

/// All reads of `sessions` sessions until `end`.
pub(crate) async fn run(url: &str, sessions: u32, end: Instant) -> Result<Vec<Read>, BenchError> {
    let mut running = JoinSet::new();
    for id in 0..sessions {
        let client = connect(url).await?;
        running.spawn(session(client, id, end));
    }
    let mut reads = Vec::new();
    for one in running.join_all().await {
        reads.extend(one?);
    }
    Ok(reads)
}

async fn session(client: Client, id: u32, end: Instant) -> Result<Vec<Read>, BenchError> {
    let read = format!("SELECT v, pg_is_in_recovery() FROM share_own WHERE id = {id}");
    let write = format!("UPDATE share_own SET v = v + 1 WHERE id = {id} RETURNING v");
    let mut reads = Vec::new();
    let (mut last, mut need, mut written) = (0, 0, None);
    // Not all at once.
    let mut until_write = id % READS_PER_WRITE;
    while Instant::now() < end {
        if until_write == 0 {
            until_write = READS_PER_WRITE;
            last = number(&client, &write).await?.0;
            written = Some(Instant::now());
            need = token(&client).await?;
        }
        until_write -= 1;
        let began = Instant::now();
        let (seen, on_primary) = number(&client, &read).await?;
        let since_write = written.map(|at| began.saturating_duration_since(at));
        let (took, stale) = (began.elapsed(), seen < last);
        reads.push(Read { began, took, need, since_write, on_primary, stale });
        sleep(PAUSE).await;
    }
    Ok(reads)
}

/// The number, and whether a second column says "f".
async fn number(client: &Client, sql: &str) -> Result<(i64, bool), BenchError> {
    let row = row(client, sql).await?;
    let number = row.first().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok((number, row.get(1).is_some_and(|text| text == "f")))
}

async fn token(client: &Client) -> Result<u64, BenchError> {
    let row = row(client, "SHOW afterwrite.token").await?;
    let token = row.first().and_then(|text| text.parse::<Token>().ok());
    Ok(token.map_or(0, |token| token.position.lsn.0))
}

async fn row(client: &Client, sql: &str) -> Result<Vec<String>, BenchError> {
    let messages = client.simple_query(sql).await.map_err(refused)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let texts = row.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()));
    Ok(texts.map(Iterator::collect).unwrap_or_default())
}
