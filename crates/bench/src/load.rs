//! Thousands of clients at once, slow ones, and a flood of connections.

mod active;
mod flood;
mod slow;
mod table;

use afterwrite_cluster::{Cluster, Plan, Server};

use crate::args::LoadArgs;
use crate::door::Door;
use crate::error::BenchError;
use crate::load::active::Active;
use crate::load::flood::Flood;
use crate::program::Program;
use crate::progress::Progress;
use crate::proxy::{Ground, Proxy};
use crate::report::IdleFigures;
use crate::target::Target;
use crate::{afterwrite, idle, pgbouncer, run};

/// Server connections of each proxy, per node.
const POOL_SIZE: u16 = 40;

/// Who is measured, in this order.
const TARGETS: [Target; 2] = [Target::Pgbouncer, Target::Afterwrite];

/// What one proxy showed.
pub(crate) struct Figures {
    pub(crate) target: Target,
    pub(crate) idle: IdleFigures,
    pub(crate) active: Active,
    /// Bytes by which the process grew under slow readers.
    pub(crate) slow_growth: u64,
    pub(crate) flood: Flood,
}

/// Measures both proxies and gives back the table. If dropped, or failed, nothing is
/// left running.
pub(crate) async fn run(args: &LoadArgs, progress: &Progress) -> Result<String, BenchError> {
    let most = args.idle.saturating_add(args.active).max(args.flood);
    let room = idle::make_room(most);
    if room < most {
        let why = format!("{most} clients need as many open files, and {room} are allowed");
        return Err(BenchError::Refused { by: "the system".to_owned(), why });
    }
    let find = |named: &Option<_>, found: Option<_>| named.clone().or(found);
    let missing = |program, advice| BenchError::Missing { program, advice };
    let ours = find(&args.afterwrite, afterwrite::find())
        .ok_or(missing("afterwrite", "make build, or --afterwrite PATH"))?;
    let theirs = find(&args.pgbouncer, pgbouncer::find())
        .ok_or(missing("pgbouncer", "install it, or --pgbouncer PATH"))?;
    let absolute = |path| std::path::absolute(path).map_err(BenchError::io("finding a program"));
    let (ours, theirs) =
        (Program::at(absolute(ours)?).await?, Program::at(absolute(theirs)?).await?);
    let cluster = Cluster::start(run::plan(), &|step| progress.step(step)).await?;
    let version = run::server_version(&cluster).await?;
    let ground = ground(&cluster);
    let mut figures = Vec::new();
    for target in TARGETS {
        let program = if target.is_afterwrite() { &ours } else { &theirs };
        let mut proxy = Proxy::start(target, program, &ground, Door::Trust).await?;
        let measured = measure(&mut proxy, &ground, args, progress).await?;
        progress.line(&table::in_short(&measured));
        proxy.stop().await;
        figures.push(measured);
    }
    progress.step("stopping the cluster");
    cluster.stop().await?;
    let versions = [version.as_str(), &theirs.version, &ours.version];
    Ok(table::markdown(args, versions, ours.is_debug_build(), &figures))
}

async fn measure(
    proxy: &mut Proxy,
    ground: &Ground,
    args: &LoadArgs,
    progress: &Progress,
) -> Result<Figures, BenchError> {
    let target = proxy.target;
    progress.step(&format!("{}: {} idle clients", target.title(), args.idle));
    let (weighed, clients) = idle::measure(proxy, ground, args.idle).await?;
    progress.step(&format!("{}: {} active clients beside them", target.title(), args.active));
    let active = active::measure(proxy, ground, args).await?;
    drop(clients);
    progress.step(&format!("{}: slow readers", target.title()));
    let slow_growth = slow::measure(proxy, ground).await?;
    progress.step(&format!("{}: {} connections in a second", target.title(), args.flood));
    let flood = flood::measure(proxy, ground, args.flood).await?;
    proxy.check()?;
    Ok(Figures { target, idle: weighed, active, slow_growth, flood })
}

pub(crate) fn ground(cluster: &Cluster) -> Ground {
    let Plan { user, database, .. } = Plan::default();
    Ground {
        primary: cluster.primary().port(),
        replicas: cluster.replicas().iter().map(Server::port).collect(),
        user,
        database,
        pool_size: POOL_SIZE,
        sessions_max: 1,
        certificate: None,
    }
}
