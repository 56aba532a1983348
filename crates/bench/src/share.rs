//! Which share of the reads goes to the primary: through Afterwrite, at best, and by a window.
//!
//! Sessions write now and then, and read their own row. Of each read is known what it had to
//! see, and of each replica, by asking it all the time, when it had replayed what. So in one
//! and the same run three answers are compared:
//!
//! - Afterwrite's: where the read ran.
//! - The oracle's: the primary only if truly no replica had replayed it within the time that
//!   a read may wait.
//! - A window's: the primary for so many seconds after the session's last write.

mod replays;
mod sessions;
mod table;
mod writers;

use std::time::{Duration, Instant};

use afterwrite_cluster::{Cluster, Server};
use tokio::time::sleep;

use crate::args::ShareArgs;
use crate::door::Door;
use crate::error::BenchError;
use crate::program::Program;
use crate::progress::Progress;
use crate::proxy::Proxy;
use crate::target::Target;
use crate::{afterwrite, load, run};

use replays::Replays;
use sessions::Read;
use writers::Writing;

/// How long a read may wait for a replica: the proxy's default.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// What is said of windows.
const WINDOW: Duration = Duration::from_secs(5);

/// What one way of writing showed.
#[derive(Debug)]
pub(crate) struct Shares {
    pub(crate) writing: Writing,
    pub(crate) reads: usize,
    pub(crate) stale: usize,
    /// Reads on the primary.
    pub(crate) ours: usize,
    pub(crate) oracle: usize,
    pub(crate) window: usize,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
}

/// Measures, and gives back the table. If dropped, or failed, nothing is left running.
pub(crate) async fn run(args: &ShareArgs, progress: &Progress) -> Result<String, BenchError> {
    let missing =
        BenchError::Missing { program: "afterwrite", advice: "make build, or --afterwrite PATH" };
    let ours = args.afterwrite.clone().or_else(afterwrite::find).ok_or(missing)?;
    let ours = std::path::absolute(ours).map_err(BenchError::io("finding a program"))?;
    let ours = Program::at(ours).await?;
    let cluster = Cluster::start(run::plan(), &|step| progress.step(step)).await?;
    let version = run::server_version(&cluster).await?;
    let ground = load::ground(&cluster);
    sessions::prepare(&cluster).await?;
    let mut proxy = Proxy::start(Target::Afterwrite, &ours, &ground, Door::Trust).await?;
    let mut all = Vec::new();
    for writing in Writing::ALL {
        progress.step(&format!("{}: {} s", writing.name(), args.seconds));
        let shares = measure(&cluster, &proxy, writing, args).await?;
        progress.line(&table::in_short(&shares));
        all.push(shares);
    }
    proxy.check()?;
    proxy.stop().await;
    progress.step("stopping the cluster");
    cluster.stop().await?;
    Ok(table::markdown(args, &version, &ours, &all))
}

async fn measure(
    cluster: &Cluster,
    proxy: &Proxy,
    writing: Writing,
    args: &ShareArgs,
) -> Result<Shares, BenchError> {
    // What the way before has left is caught up with.
    sleep(Duration::from_secs(1)).await;
    let end = Instant::now() + Duration::from_secs(args.seconds.into());
    let replicas: Vec<_> = cluster.replicas().iter().map(Server::url).collect();
    let watching = tokio::spawn(Replays::watch(replicas, end + 2 * WAIT_MAX));
    let writers = tokio::spawn(writers::run(writing, cluster.primary().url(), end));
    let url = sessions::url(proxy.port);
    let reads = sessions::run(&url, args.sessions, end).await?;
    let lost = |_| BenchError::Refused { by: "a task".to_owned(), why: "it panicked".to_owned() };
    writers.await.map_err(lost)??;
    let replays = watching.await.map_err(lost)??;
    Ok(judge(writing, &reads, &replays))
}

fn judge(writing: Writing, reads: &[Read], replays: &Replays) -> Shares {
    let mut took: Vec<_> = reads.iter().map(|read| read.took).collect();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len().saturating_sub(1) * share / 100).copied();
    let count = |is: &dyn Fn(&Read) -> bool| reads.iter().filter(|read| is(read)).count();
    Shares {
        writing,
        reads: reads.len(),
        stale: count(&|read| read.stale),
        ours: count(&|read| read.on_primary),
        oracle: count(&|read| !replays.reached(read.need, read.began + WAIT_MAX)),
        window: count(&|read| read.since_write.is_some_and(|since| since < WINDOW)),
        median: at(50).unwrap_or_default(),
        p99: at(99).unwrap_or_default(),
    }
}
