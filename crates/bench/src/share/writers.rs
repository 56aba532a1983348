//! What else is written meanwhile, past the proxy.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::sessions::{connect, refused};
use crate::error::BenchError;

/// Writers at full speed.
const WRITERS: u32 = 4;

/// Rows of one burst, and how often one comes.
const BURST: u32 = 200_000;
const BURST_EVERY: Duration = Duration::from_secs(2);

/// What else is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Nothing.
    Light,
    /// Small updates, one after the other, from several connections.
    Heavy,
    /// Nothing, and then very much at once.
    Bursts,
}

impl Writing {
    pub(crate) const ALL: [Self; 3] = [Self::Light, Self::Heavy, Self::Bursts];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Heavy => "heavy",
            Self::Bursts => "bursts",
        }
    }

    pub(crate) fn about(self) -> String {
        match self {
            Self::Light => "nobody else writes".to_owned(),
            Self::Heavy => format!("{WRITERS} connections update at full speed"),
            Self::Bursts => format!("{BURST} rows in one statement every {BURST_EVERY:?}"),
        }
    }
}

/// Writes until `end`.
pub(crate) async fn run(writing: Writing, url: String, end: Instant) -> Result<(), BenchError> {
    match writing {
        Writing::Light => Ok(()),
        Writing::Heavy => {
            let mut writers = JoinSet::new();
            for number in 0..WRITERS {
                writers.spawn(update(url.clone(), number, end));
            }
            writers.join_all().await.into_iter().collect()
        }
        Writing::Bursts => burst(&url, end).await,
    }
}

async fn update(url: String, number: u32, end: Instant) -> Result<(), BenchError> {
    let client = connect(&url).await?;
    let sql = "UPDATE share_others SET v = v + 1 WHERE id = $1";
    let statement = client.prepare(sql).await.map_err(refused)?;
    let mut id = i32::try_from(number).unwrap_or_default();
    while Instant::now() < end {
        client.execute(&statement, &[&id]).await.map_err(refused)?;
        id = (id + 4) % 10_000;
    }
    Ok(())
}

async fn burst(url: &str, end: Instant) -> Result<(), BenchError> {
    let client = connect(url).await?;
    let sql = format!(
        "INSERT INTO share_bulk SELECT n, repeat('x', 100) FROM generate_series(1, {BURST}) n"
    );
    while Instant::now() < end {
        let next = Instant::now() + BURST_EVERY;
        client.batch_execute(&sql).await.map_err(refused)?;
        sleep(next.min(end).saturating_duration_since(Instant::now())).await;
    }
    client.batch_execute("TRUNCATE share_bulk").await.map_err(refused)
}
