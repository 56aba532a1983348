//! Many clients that ask one thing after the other.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::args::LoadArgs;
use crate::client::Client;
use crate::error::BenchError;
use crate::proxy::{Ground, Proxy};

/// Clients that log in at the same time.
const AT_ONCE: usize = 64;

/// What many clients saw.
pub(crate) struct Active {
    pub(crate) queries: usize,
    pub(crate) errors: usize,
    pub(crate) first_error: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    error: Option<String>,
}

pub(super) async fn measure(
    proxy: &Proxy,
    ground: &Ground,
    args: &LoadArgs,
) -> Result<Active, BenchError> {
    let mut clients = Vec::new();
    let wanted = usize::try_from(args.active).unwrap_or(usize::MAX);
    while clients.len() < wanted {
        let mut arriving = JoinSet::new();
        for _ in 0..AT_ONCE.min(wanted - clients.len()) {
            let (port, ground) = (proxy.port, ground.clone());
            arriving
                .spawn(async move { Client::connect(port, &ground.user, &ground.database).await });
        }
        for client in arriving.join_all().await {
            clients.push(client?);
        }
    }
    let begin = Instant::now();
    let end = begin + Duration::from_secs(args.seconds.into());
    let mut asking: JoinSet<Seen> =
        clients.into_iter().map(|client| ask_until(client, end)).collect();
    let mut took = Vec::new();
    let mut errors = Vec::new();
    while let Some(seen) = asking.join_next().await {
        let seen = seen.unwrap_or_default();
        took.extend(seen.took);
        errors.extend(seen.error);
    }
    let seconds = begin.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len().saturating_sub(1) * share / 100).copied();
    Ok(Active {
        queries: took.len(),
        errors: errors.len(),
        first_error: errors.into_iter().next(),
        seconds,
        median: at(50).unwrap_or_default(),
        p99: at(99).unwrap_or_default(),
        longest: at(100).unwrap_or_default(),
    })
}

async fn ask_until(mut client: Client, end: Instant) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < end {
        let begin = Instant::now();
        if let Err(error) = client.query("SELECT 1").await {
            seen.error = Some(error.to_string());
            break;
        }
        seen.took.push(begin.elapsed());
    }
    seen
}
