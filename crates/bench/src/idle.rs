//! What thousands of clients cost that do nothing.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::error::BenchError;
use crate::proxy::{Ground, Proxy};
use crate::report::IdleFigures;

/// Clients that log in, or ask, at the same time: no proxy is to queue much.
const AT_ONCE: usize = 32;
/// After it a proxy has done what it puts off: Afterwrite parks whoever is silent for two to
/// four seconds, and has what was freed given back at most four seconds later.
const SETTLE: Duration = Duration::from_secs(10);
/// Files beside the clients' sockets: the program's own, and a proxy's server connections.
const OTHER_FILES: u64 = 1_000;

/// Opens `clients` connections to a proxy fresh from its start, and weighs it. The
/// clients are given back, still connected.
pub(crate) async fn measure(
    proxy: &mut Proxy,
    ground: &Ground,
    clients: u32,
) -> Result<(IdleFigures, Vec<Client>), BenchError> {
    let before = settled(proxy).await?;
    let mut connected = Vec::new();
    let mut wanted = usize::try_from(clients).unwrap_or(usize::MAX);
    while wanted > 0 {
        let batch = wanted.min(AT_ONCE);
        wanted -= batch;
        connected.extend(
            all((0..batch).map(|_| {
                let (port, ground) = (proxy.port, ground.clone());
                async move { Client::connect(port, &ground.user, &ground.database).await }
            }))
            .await?,
        );
    }
    let logged_in = settled(proxy).await?;
    let mut queried = Vec::new();
    while !connected.is_empty() {
        let batch = connected.split_off(connected.len().saturating_sub(AT_ONCE));
        queried.extend(
            all(batch.into_iter().map(|mut client| async move {
                client.query("SELECT 1").await?;
                Ok(client)
            }))
            .await?,
        );
    }
    let asked = settled(proxy).await?;
    Ok((IdleFigures::new(before, logged_in, asked, clients), queried))
}

/// How many clients can be had: `wanted`, if as many files may be open. Our limit
/// is raised as far as it may; the proxies inherit it.
pub(crate) fn make_room(wanted: u32) -> u32 {
    let needed = u64::from(wanted) + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is without a limit.
    if current.is_none_or(|current| current >= needed) {
        return wanted;
    }
    // Only root may raise the upper limit; the lower one everybody, up to there.
    let above = maximum.map_or(needed, |maximum| maximum.max(needed));
    let within = maximum.map_or(needed, |maximum| maximum.min(needed));
    for (current, maximum) in [(needed, Some(above)), (within, maximum)] {
        if setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).is_ok() {
            break;
        }
    }
    let got = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = got.saturating_sub(OTHER_FILES);
    u32::try_from(room).unwrap_or(u32::MAX).min(wanted)
}

async fn settled(proxy: &mut Proxy) -> Result<crate::proc::Memory, BenchError> {
    tokio::time::sleep(SETTLE).await;
    proxy.check()?;
    proxy.memory()
}

/// Does all of it at once.
async fn all<F>(work: impl Iterator<Item = F>) -> Result<Vec<Client>, BenchError>
where
    F: Future<Output = Result<Client, BenchError>> + Send + 'static,
{
    let mut tasks: JoinSet<_> = work.collect();
    let mut done = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let outcome = joined.map_err(|error| BenchError::Refused {
            by: "a client's task".to_owned(),
            why: error.to_string(),
        })?;
        done.push(outcome?);
    }
    Ok(done)
}
