//! Thousands of connections within a second, half of which never finish their login.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::error::BenchError;
use crate::proxy::{Ground, Proxy};

/// Clients that were there before, and go on.
const WORKERS: usize = 8;

/// How long they are watched before the flood, for comparison.
const CALM: Duration = Duration::from_secs(3);

/// How long those stay who never finish.
const HANGING: Duration = Duration::from_secs(5);

/// Connections come in this many steps of 10 ms.
const STEPS: u32 = 100;

/// What came of it.
pub(crate) struct Flood {
    pub(crate) logged_in: usize,
    /// Those who were told why not.
    pub(crate) refused: usize,
    /// Those who were not.
    pub(crate) failed: usize,
    pub(crate) first_failure: Option<String>,
    /// Those who did not finish: the ones that were told or closed at once.
    pub(crate) hanging_refused: usize,
    /// How long the longest query of the workers took, before and during the flood.
    pub(crate) gap_calm: Duration,
    pub(crate) gap: Duration,
    pub(crate) worker_errors: usize,
}

#[derive(Debug)]
enum Came {
    In,
    Refused,
    Failed(String),
    Hung,
    HungRefused,
}

pub(super) async fn measure(
    proxy: &Proxy,
    ground: &Ground,
    connects: u32,
) -> Result<Flood, BenchError> {
    let (calm, ()) = watched(proxy.port, ground, tokio::time::sleep(CALM)).await?;
    let mut coming = JoinSet::new();
    let flood = async {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        let mut sent = 0;
        for step in 1..=STEPS {
            tick.tick().await;
            while sent < connects * step / STEPS {
                let (port, ground) = (proxy.port, ground.clone());
                let finishes = sent % 2 == 0;
                coming.spawn(async move {
                    if finishes { log_in(port, &ground).await } else { hang(port).await }
                });
                sent += 1;
            }
        }
        let mut came = Vec::new();
        while let Some(outcome) = coming.join_next().await {
            came.push(outcome.unwrap_or_else(|error| Came::Failed(error.to_string())));
        }
        came
    };
    let (worked, came) = watched(proxy.port, ground, flood).await?;
    let mut all = Flood {
        logged_in: 0,
        refused: 0,
        failed: 0,
        first_failure: None,
        hanging_refused: 0,
        gap_calm: calm.longest,
        gap: worked.longest,
        worker_errors: calm.errors + worked.errors,
    };
    for outcome in came {
        match outcome {
            Came::In => all.logged_in += 1,
            Came::Refused => all.refused += 1,
            Came::Hung => {}
            Came::HungRefused => all.hanging_refused += 1,
            Came::Failed(why) => {
                all.failed += 1;
                all.first_failure.get_or_insert(why);
            }
        }
    }
    Ok(all)
}

async fn log_in(port: u16, ground: &Ground) -> Came {
    match Client::connect(port, &ground.user, &ground.database).await {
        Ok(_) => Came::In,
        Err(BenchError::Refused { why, .. }) if why != "hung up" => Came::Refused,
        Err(error) => Came::Failed(error.to_string()),
    }
}

/// Sends half of a first message, and no more.
async fn hang(port: u16) -> Came {
    let mut socket = match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(socket) => socket,
        Err(error) => return Came::Failed(error.to_string()),
    };
    if socket.write_all(&[0, 0, 0, 40, 0, 3]).await.is_err() {
        return Came::HungRefused;
    }
    let mut answer = [0; 256];
    match tokio::time::timeout(HANGING, socket.read(&mut answer)).await {
        Err(_) => Came::Hung,
        Ok(_) => Came::HungRefused,
    }
}

/// What the clients saw that were there before.
#[derive(Clone, Copy, Default)]
struct Worked {
    longest: Duration,
    errors: usize,
}

/// Watches clients at work meanwhile, from a thread of their own: what is seen is to be
/// the proxy's delay, and not ours.
async fn watched<T>(
    port: u16,
    ground: &Ground,
    meanwhile: impl Future<Output = T>,
) -> Result<(Worked, T), BenchError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, ground) = (Arc::clone(&stop), ground.clone());
    let (begun, ready) = tokio::sync::oneshot::channel();
    let workers = thread::spawn(move || -> Result<Worked, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(BenchError::io("starting"))?.block_on(async {
            let mut working = JoinSet::new();
            for _ in 0..WORKERS {
                let client = Client::connect(port, &ground.user, &ground.database).await?;
                working.spawn(work(client, Arc::clone(&stopped)));
            }
            let _ = begun.send(());
            let mut all = Worked::default();
            for worked in working.join_all().await {
                all.longest = all.longest.max(worked.longest);
                all.errors += worked.errors;
            }
            Ok(all)
        })
    });
    let _ = ready.await;
    let outcome = meanwhile.await;
    stop.store(true, Ordering::SeqCst);
    let joined = tokio::task::spawn_blocking(|| workers.join()).await;
    let failed = || BenchError::Refused { by: "a thread".to_owned(), why: "panicked".to_owned() };
    let worked = joined.map_err(|_| failed())?.map_err(|_| failed())??;
    Ok((worked, outcome))
}

async fn work(mut client: Client, stop: Arc<AtomicBool>) -> Worked {
    let mut seen = Worked::default();
    while !stop.load(Ordering::SeqCst) {
        let begin = Instant::now();
        if client.query("SELECT 1").await.is_err() {
            seen.errors += 1;
            return seen;
        }
        seen.longest = seen.longest.max(begin.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    seen
}
