//! Writes through one proxy and reads through another, judged as they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

pub(super) const SCHEMA: &str = "
    CREATE TABLE t (id int PRIMARY KEY, v bigint NOT NULL);
    INSERT INTO t SELECT n, 0 FROM generate_series(0, 199) n;
    CREATE TABLE log (v int);
    CREATE FUNCTION note() RETURNS void LANGUAGE sql AS 'INSERT INTO log VALUES (9)';
";

const SESSIONS: i32 = 8;

/// What makes a read see the write.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum By {
    Key,
    Table,
}

#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) reads: u64,
    pub(super) stale: u64,
    pub(super) writes: u64,
    pub(super) errors: u64,
    pub(super) write_max: Duration,
    pub(super) read_max: Duration,
    pub(super) last_error: String,
}

pub(super) struct Load {
    stop: Arc<AtomicBool>,
    sessions: Vec<JoinHandle<Outcome>>,
}

impl Load {
    pub(super) fn start(urls: &[String; 2], by: By) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let sessions = (0..SESSIONS)
            .map(|id| {
                let (urls, stop) = (urls.clone(), Arc::clone(&stop));
                tokio::spawn(session(urls, by, id, stop))
            })
            .collect();
        Self { stop, sessions }
    }

    pub(super) async fn end(self) -> Outcome {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Outcome::default();
        for session in self.sessions {
            let one = session.await.unwrap();
            all.reads += one.reads;
            all.stale += one.stale;
            all.writes += one.writes;
            all.errors += one.errors;
            all.write_max = all.write_max.max(one.write_max);
            all.read_max = all.read_max.max(one.read_max);
            if !one.last_error.is_empty() {
                all.last_error = one.last_error;
            }
        }
        all
    }
}

async fn open(url: &str, by: By, id: i32) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    if by == By::Key {
        client.batch_execute(&format!("SET afterwrite.session = 'session {id}'")).await.ok()?;
    }
    Some(client)
}

/// One row, one key, whose write and reads go through each proxy in turn.
async fn session(urls: [String; 2], by: By, id: i32, stop: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut clients: [Option<Client>; 4] = [None, None, None, None];
    let mut turn = usize::try_from(id).unwrap();
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let (write, read) = (turn % 2, 2 + (turn + 1) % 2);
        for place in [write, read] {
            if clients[place].as_ref().is_none_or(Client::is_closed) {
                clients[place] = open(&urls[place % 2], by, id).await;
            }
        }
        let (Some(writer), Some(reader)) = (&clients[write], &clients[read]) else {
            outcome.errors += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let begin = Instant::now();
        let update = format!("UPDATE t SET v = v + 1 WHERE id = {id} RETURNING v");
        let told: i64 = match writer.query_one(&update, &[]).await {
            Ok(row) => row.get(0),
            Err(error) => {
                outcome.errors += 1;
                outcome.last_error = format!("{error:?}");
                continue;
            }
        };
        outcome.writes += 1;
        outcome.write_max = outcome.write_max.max(begin.elapsed());
        for _ in 0..2 {
            let begin = Instant::now();
            let select = format!("SELECT v FROM t WHERE id = {id}");
            match reader.query_one(&select, &[]).await {
                Ok(row) => {
                    outcome.reads += 1;
                    outcome.stale += u64::from(row.get::<_, i64>(0) < told);
                }
                Err(error) => {
                    outcome.errors += 1;
                    outcome.last_error = format!("{error:?}");
                }
            }
            outcome.read_max = outcome.read_max.max(begin.elapsed());
        }
    }
    outcome
}
