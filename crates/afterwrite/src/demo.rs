//! `afterwrite demo`: the same workload with four ways of routing, on a real
//! cluster that lags.

mod lag;
mod text;

use std::time::Duration;

use afterwrite_cluster::Cluster;
use afterwrite_verify::payments::{self, Load, Report, Routes, Strategy};
use indicatif::HumanCount;
use serde::Serialize;
use tokio::sync::Notify;

use crate::cli::DemoArguments;
use crate::cluster::write_json;
use crate::exit::Exit;
use crate::local::{LocalProxy, start_cluster};
use crate::progress::{Phase, Steps};
use crate::stop::unless_stopped;
use crate::terminal::Terminal;

/// The mean pause of a customer before a page, and the pages between payments:
/// a payment every 0.4 seconds or so.
const THINK: Duration = Duration::from_millis(40);
const PAGE_VIEWS: u32 = 8;

/// All that the demo reports, for `--json`.
#[derive(Serialize)]
struct Figures<'a> {
    seconds: u64,
    sessions: u16,
    seed: u64,
    window_ms: u64,
    apply_delay_ms: u128,
    pause_ms: u128,
    pause_every_ms: u128,
    strategies: &'a [Report],
}

/// Runs the demo to its end, or to Ctrl-C.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Exit> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Exit::failed)?;
    runtime.block_on(unless_stopped(show(arguments)))
}

async fn show(arguments: &DemoArguments) -> Result<(), Exit> {
    let terminal = Terminal::stdout();
    let strategies = [
        Strategy::RandomReplica,
        Strategy::PrimaryOnly,
        Strategy::FixedWindow(Duration::from_millis(arguments.window)),
        Strategy::Afterwrite,
    ];
    print!("{}", text::introduction(arguments, &strategies, terminal));
    let cluster = start_cluster(lag::plan(arguments.pg_bin_dir.clone())).await?;
    let proxy = LocalProxy::start(&cluster, &[]).await?;

    let reports = measure_all(&strategies, arguments, &cluster, &proxy, terminal).await?;
    let width = terminal.width;
    println!("\n{}", terminal.fit(&payments::table(&reports, width, terminal.colour)));
    println!("{}", terminal.fit(&payments::conclusion(&reports, width)));
    write_json(
        arguments.json.as_deref(),
        &Figures {
            seconds: arguments.seconds,
            sessions: arguments.sessions,
            seed: arguments.seed,
            window_ms: arguments.window,
            apply_delay_ms: lag::SCHEDULE.apply_delay.as_millis(),
            pause_ms: lag::SCHEDULE.pause.as_millis(),
            pause_every_ms: lag::SCHEDULE.pause_every.as_millis(),
            strategies: &reports,
        },
    )?;
    let verdict = verdict(&reports);
    if let Err(broken) = &verdict {
        println!("\n{}", terminal.bold(&terminal.red(broken)));
    }
    if arguments.keep {
        print!("{}", text::connections(&cluster, &proxy, terminal));
        // The lag goes on, so that there is something to see; only Ctrl-C ends this.
        lag::inject(&cluster).await.map_err(Exit::failed)?;
    }
    let steps = Steps::begin();
    steps.step("stopping the servers and removing their folder");
    drop(proxy);
    let stopped = cluster.stop().await;
    steps.end();
    stopped.map_err(Exit::failed)?;
    verdict.map_err(Exit::Failed)?;
    println!("\n{}", text::NEXT);
    Ok(())
}

async fn measure_all(
    strategies: &[Strategy],
    arguments: &DemoArguments,
    cluster: &Cluster,
    proxy: &LocalProxy,
    terminal: Terminal,
) -> Result<Vec<Report>, Exit> {
    let routes = Routes {
        primary: cluster.primary().url(),
        replicas: cluster.replicas().iter().map(afterwrite_cluster::Server::url).collect(),
        proxy: Some(proxy.url()),
    };
    let load = Load {
        sessions: usize::from(arguments.sessions),
        duration: Duration::from_secs(arguments.seconds),
        think: THINK,
        page_views: PAGE_VIEWS,
        seed: arguments.seed,
        ..Load::default()
    };
    let name_width = strategies.iter().map(|it| it.name().len()).max().unwrap_or(0);
    let mut reports = Vec::new();
    for strategy in strategies {
        let phase =
            Phase::begin(&strategy.name(), name_width, arguments.seconds * 1_000, terminal.unicode);
        let report = measure(*strategy, cluster, &routes, &load, &phase).await?;
        phase.end(&tally(report.reads, report.stale_reads));
        reports.push(report);
    }
    Ok(reports)
}

/// One way of routing, with the lag that every one of them gets.
async fn measure(
    strategy: Strategy,
    cluster: &Cluster,
    routes: &Routes,
    load: &Load,
    phase: &Phase,
) -> Result<Report, Exit> {
    // The schedule begins with the load, not with the making of its tables.
    let begun = Notify::new();
    let tell = |progress: payments::Progress| {
        begun.notify_one();
        let done = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
        phase.at(done, &tally(progress.reads, progress.stale_reads));
    };
    let lagging = async {
        begun.notified().await;
        lag::inject(cluster).await
    };
    let report = tokio::select! {
        report = payments::run(strategy, routes, load, &tell) => report.map_err(Exit::failed)?,
        failed = lagging => match failed.map_err(Exit::failed)? {},
    };
    lag::end(cluster).await.map_err(Exit::failed)?;
    Ok(report)
}

fn tally(reads: u64, stale: u64) -> String {
    format!("{} reads, {} stale", HumanCount(reads), HumanCount(stale))
}

/// What must hold; the text says what was broken.
fn verdict(reports: &[Report]) -> Result<(), String> {
    let ours = reports.iter().find(|report| report.strategy == Strategy::Afterwrite);
    match ours {
        Some(ours) if ours.stale_reads > 0 => Err(format!(
            "AFTERWRITE RETURNED {} STALE READS. THIS MUST NEVER HAPPEN: please report it, with \
             the figures above.",
            ours.stale_reads
        )),
        Some(ours) if ours.reads == 0 => Err("Afterwrite answered no read at all.".to_owned()),
        Some(_) | None => Ok(()),
    }
}
