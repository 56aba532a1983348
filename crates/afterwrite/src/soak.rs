//! `afterwrite soak`: the session guarantee, checked for long and under faults.

mod faults;
mod matrix;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan as ClusterPlan};
use afterwrite_config::{LogConfig, Overlay, load};
use afterwrite_verify::guarantee::{self, Findings, Plan, Target, Until};
use indicatif::HumanCount;
use serde::Serialize;

use crate::cli::SoakArguments;
use crate::cluster::write_json;
use crate::exit::Exit;
use crate::local::{LocalProxy, start_cluster};
use crate::log;
use crate::progress::{Phase, Steps};
use crate::stop::unless_stopped;
use crate::terminal::Terminal;
use faults::{Log, Occurrence, inject};
use matrix::Matrix;

/// The whole check ends then, done or not.
const ELAPSED_MAX: Duration = Duration::from_mins(40);

/// With the floor ignored, a stale read must be among so many.
const CONTROL_READS_MAX: u64 = 5_000;

/// The lag that the replicas always have, so that no floor is met by luck alone.
const APPLY_DELAY: [Duration; 2] = [Duration::from_millis(20), Duration::ZERO];

/// Runs the check to its end, or to Ctrl-C.
pub(crate) fn run(arguments: &SoakArguments) -> Result<(), Exit> {
    if let Some(level) = &arguments.log_level {
        log::start(&log_config(level)?);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Exit::failed)?;
    if arguments.matrix {
        return runtime.block_on(unless_stopped(run_matrix(arguments)));
    }
    let soak = Soak {
        reads: arguments.reads,
        sessions: usize::from(arguments.sessions),
        seed: arguments.seed,
        faults: !arguments.no_faults,
        ignore_floor: arguments.ignore_floor,
        pg_bin_dir: arguments.pg_bin_dir.clone(),
    };
    runtime.block_on(unless_stopped(async {
        let outcome = soak.run().await?;
        print!("{outcome}");
        write_json(arguments.json.as_deref(), &outcome)?;
        outcome.verdict().map_err(Exit::Failed)
    }))
}

async fn run_matrix(arguments: &SoakArguments) -> Result<(), Exit> {
    let matrix = Matrix {
        duration: Duration::from_secs(arguments.seconds),
        level: arguments.level,
        only: arguments.only.clone(),
        seed: arguments.seed,
        ignore_floor: arguments.ignore_floor,
        pg_bin_dir: arguments.pg_bin_dir.clone(),
    };
    let told = |row: &matrix::Row| eprintln!("  {}: {}", row.fault, row.findings.broken());
    let rows = Box::pin(matrix.run(&told)).await?;
    let table = matrix::table(&rows);
    println!("{table}");
    if let Some(path) = &arguments.markdown {
        let level = rows.first().map(|row| row.findings.level).unwrap_or_default();
        let text = format!(
            "# Each fault with each scope\n\n`make matrix`, at level {level}, {} s for each fault, \
             seed {}: one primary, a replica that is 20 ms behind and one that is not, sessions \
             of every scope. In a cell: promises broken / reads that had something to be held \
             against. [What is checked](../../docs/guide/verify.md).\n\n{table}",
            arguments.seconds, arguments.seed
        );
        std::fs::write(path, text)
            .map_err(|error| Exit::Failed(format!("writing {}: {error}", path.display())))?;
    }
    write_json(arguments.json.as_deref(), &rows)?;
    if arguments.ignore_floor {
        matrix::control(&rows).map_err(Exit::Failed)?;
        println!("with the floor ignored every row shows it, as it should");
        return Ok(());
    }
    matrix::verdict(&rows).map_err(Exit::Failed)?;
    println!(
        "nobody read less than their scope promises, under none of these (seed {})",
        arguments.seed
    );
    Ok(())
}

/// The log's settings, checked as those of `serve` are.
fn log_config(level: &str) -> Result<LogConfig, Exit> {
    let overlay = Overlay {
        url: Some("postgres://nobody@localhost/nothing".to_owned()),
        log_level: Some(level.to_owned()),
        ..Overlay::default()
    };
    let read = |path: &std::path::Path| std::fs::read_to_string(path);
    let config = load(None, [], &overlay, &read);
    config.map(|config| config.log).map_err(|problems| Exit::Config(problems.to_string()))
}

/// A check to run on a cluster of its own.
#[derive(Clone, Debug)]
struct Soak {
    /// How many reads are judged.
    reads: u64,
    /// Sessions at the same time.
    sessions: usize,
    /// Repeats the sessions' choices and the faults.
    seed: u64,
    /// Whether faults are injected.
    faults: bool,
    /// Whether the proxy is told to route as if nobody had written.
    ignore_floor: bool,
    /// Where PostgreSQL's programs are.
    pg_bin_dir: Option<PathBuf>,
}

/// A cluster with a proxy in front, which ignores floors if it is to be caught at that; `set`
/// are other keys of its configuration.
async fn start(
    bin_dir: Option<PathBuf>,
    ignore_floor: bool,
    set: &[(&str, &str)],
) -> Result<(Cluster, LocalProxy), Exit> {
    let cluster = start_cluster(ClusterPlan {
        replicas: APPLY_DELAY.len(),
        apply_delay: APPLY_DELAY.to_vec(),
        bin_dir,
        ..ClusterPlan::default()
    })
    .await?;
    let level = if ignore_floor { "eventual" } else { "read_your_writes" };
    let proxy = LocalProxy::start(&cluster, &[set, &[("routing.level", level)]].concat()).await?;
    Ok((cluster, proxy))
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    seed: u64,
    sessions: usize,
    ignore_floor: bool,
    findings: Findings,
    faults: Vec<Occurrence>,
}

impl Soak {
    /// Starts a cluster and a proxy, checks, and puts everything away.
    async fn run(&self) -> Result<Outcome, Exit> {
        let (cluster, proxy) = start(self.pg_bin_dir.clone(), self.ignore_floor, &[]).await?;
        let log = Log::default();
        let findings = self.check(&cluster, &proxy, &log).await?;
        let steps = Steps::begin();
        steps.step("stopping the servers and removing their folder");
        drop(proxy);
        let stopped = cluster.stop().await;
        steps.end();
        stopped.map_err(Exit::failed)?;
        Ok(Outcome {
            seed: self.seed,
            sessions: self.sessions,
            ignore_floor: self.ignore_floor,
            findings,
            faults: log.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner),
        })
    }

    async fn check(
        &self,
        cluster: &Cluster,
        proxy: &LocalProxy,
        log: &Mutex<Vec<Occurrence>>,
    ) -> Result<Findings, Exit> {
        let reads = if self.ignore_floor { self.reads.min(CONTROL_READS_MAX) } else { self.reads };
        let plan = Plan {
            sessions: self.sessions,
            until: Until::Reads(reads),
            elapsed_max: ELAPSED_MAX,
            seed: self.seed,
            ..Plan::default()
        };
        let phase = Phase::begin("checking", 0, reads, Terminal::stdout().unicode);
        let tell = |progress: guarantee::Progress| {
            phase.at(progress.reads, &tally(progress.reads, progress.stale, log));
        };
        let target = Target::One { url: proxy.url() };
        let setup = cluster.primary().url();
        let faults = async {
            if self.faults {
                inject(cluster, &APPLY_DELAY, self.seed, log).await
            } else {
                std::future::pending().await
            }
        };
        let findings = tokio::select! {
            findings = guarantee::check(&target, &setup, &plan, &tell) => {
                findings.map_err(Exit::failed)?
            }
            failed = faults => match failed.map_err(Exit::failed)? {},
        };
        phase.end(&tally(findings.reads, findings.stale_count, log));
        Ok(findings)
    }
}

fn tally(reads: u64, stale: u64, log: &Mutex<Vec<Occurrence>>) -> String {
    let faults = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    format!("{} reads, {} stale, {faults} faults", HumanCount(reads), HumanCount(stale))
}

impl Outcome {
    /// Whether it is as it must be; the text says what is not.
    fn verdict(&self) -> Result<(), String> {
        let findings = &self.findings;
        if self.ignore_floor {
            return if findings.stale_count > 0 {
                Ok(())
            } else {
                Err(format!(
                    "the floor was ignored, and no stale read was found among {}: the check is \
                     blind",
                    findings.reads
                ))
            };
        }
        if !findings.is_clean() {
            return Err(format!(
                "THE GUARANTEE WAS BROKEN: {} stale, {} torn, {} lost (seed {})",
                findings.stale_count, findings.torn_count, findings.lost_count, self.seed
            ));
        }
        if !findings.complete {
            return Err(format!("gave up after {} reads", findings.reads));
        }
        if findings.reads_on_replicas == 0 {
            return Err("no read was on a replica: nothing was shown".to_owned());
        }
        Ok(())
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.findings)?;
        for (name, count) in faults::counts(&self.faults) {
            writeln!(f, "  fault: {name:<28}{count:>5}")?;
        }
        if let (true, Some(first)) = (self.ignore_floor, self.findings.violations.first()) {
            writeln!(
                f,
                "with the floor ignored, the first stale read was found after {} ms, as it should",
                first.elapsed_ms
            )?;
        } else if self.verdict().is_ok() {
            writeln!(
                f,
                "nobody read a state older than their own last write (seed {})",
                self.seed
            )?;
        }
        Ok(())
    }
}
