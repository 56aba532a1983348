//! When each replica had replayed what.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::sessions::{connect, refused};
use crate::error::BenchError;

/// Between questions to one replica.
const EVERY: Duration = Duration::from_millis(2);

/// What each replica had replayed, when: both rise.
#[derive(Debug)]
pub(crate) struct Replays(Vec<Vec<(Instant, u64)>>);

impl Replays {
    /// Asks the replicas, past the proxy, all the time until `end`.
    pub(crate) async fn watch(replicas: Vec<String>, end: Instant) -> Result<Self, BenchError> {
        let mut watching = JoinSet::new();
        for url in replicas {
            watching.spawn(watch_one(url, end));
        }
        let all = watching.join_all().await;
        Ok(Self(all.into_iter().collect::<Result<_, _>>()?))
    }

    /// Whether any of them had replayed `need` at this time.
    pub(crate) fn reached(&self, need: u64, by: Instant) -> bool {
        self.0.iter().any(|samples| {
            let first = samples.partition_point(|&(_, lsn)| lsn < need);
            samples.get(first).is_some_and(|&(at, _)| at <= by)
        })
    }
}

async fn watch_one(url: String, end: Instant) -> Result<Vec<(Instant, u64)>, BenchError> {
    const SQL: &str = "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint";
    let client = connect(&url).await?;
    let statement = client.prepare(SQL).await.map_err(refused)?;
    let mut samples = Vec::new();
    while Instant::now() < end {
        let row = client.query_one(&statement, &[]).await.map_err(refused)?;
        let lsn = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        samples.push((Instant::now(), lsn));
        sleep(EVERY).await;
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_them_is_enough() {
        let start = Instant::now();
        let ms = |millis| start + Duration::from_millis(millis);
        let replays = Replays(vec![vec![(ms(1), 10), (ms(9), 20)], vec![(ms(1), 5), (ms(5), 20)]]);
        assert!(replays.reached(10, ms(1)));
        assert!(!replays.reached(20, ms(4)));
        assert!(replays.reached(20, ms(5)));
        assert!(!replays.reached(21, ms(100)));
    }
}
