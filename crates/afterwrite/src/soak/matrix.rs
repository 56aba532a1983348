//! Each fault with each scope: a table that must be full of zeros.
//!
//! One row is one run of the consistency checker in front of a real cluster, with
//! sessions of every scope, while one kind of fault happens again and again.

mod hurts;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use afterwrite_cluster::{Cluster, ClusterError};
use afterwrite_verify::consistency::{self, Findings, Level, Plan, Target};
use afterwrite_verify::guarantee::WriteShape;
use serde::Serialize;
use tokio::time::sleep;

use crate::exit::Exit;
use crate::local::LocalProxy;
use crate::progress::Steps;
use crate::soak::APPLY_DELAY;
use hurts::{ALL, Hurt};
pub(super) use table::table;

/// Sessions; each scope has a fourth of them.
const SESSIONS: usize = 16;

/// Before the first fault of a row, so that there is something to break.
const CALM: Duration = Duration::from_millis(400);

/// With this few operations a second the primary is idle in between.
const IDLE_RATE: u32 = 60;

/// A matrix to run.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    /// How long each row runs at least; some faults take longer.
    pub(super) duration: Duration,
    /// What reads ask for; none is the default.
    pub(super) level: Option<Level>,
    /// The names of the faults; empty is all.
    pub(super) only: Vec<String>,
    pub(super) seed: u64,
    /// The control: the proxy routes as if nobody had written, and reads are held to the
    /// level all the same.
    pub(super) ignore_floor: bool,
    pub(super) pg_bin_dir: Option<PathBuf>,
}

/// One row: what happened under one fault.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) fault: &'static str,
    /// How often it happened.
    pub(super) times: usize,
    pub(super) findings: Findings,
}

impl Matrix {
    /// Runs every row, and returns those that could be run; `told` hears of each.
    pub(super) async fn run(&self, told: &dyn Fn(&Row)) -> Result<Vec<Row>, Exit> {
        let chosen = self.chosen()?;
        let (ending, lasting): (Vec<_>, Vec<_>) =
            chosen.into_iter().partition(|hurt| hurt.ends_the_cluster());
        let mut rows = Vec::new();
        if !lasting.is_empty() {
            let bed = self.bed().await?;
            for hurt in lasting {
                rows.push(Box::pin(self.row(&bed, hurt, told)).await?);
            }
            bed.end().await?;
        }
        for hurt in ending {
            let bed = self.bed().await?;
            rows.push(Box::pin(self.row(&bed, hurt, told)).await?);
            bed.end().await?;
        }
        Ok(rows)
    }

    fn chosen(&self) -> Result<Vec<Hurt>, Exit> {
        if self.only.is_empty() {
            return Ok(ALL.to_vec());
        }
        let named = |name: &String| ALL.iter().find(|hurt| hurt.key() == *name).copied();
        let chosen: Option<Vec<_>> = self.only.iter().map(named).collect();
        chosen.ok_or_else(|| {
            let all: Vec<_> = ALL.iter().map(|hurt| hurt.key()).collect();
            Exit::Failed(format!("--only: expected {}", all.join(", ")))
        })
    }

    async fn bed(&self) -> Result<Bed, Exit> {
        let set = [("routing.table_scope", "true")];
        let (cluster, proxy) =
            super::start(self.pg_bin_dir.clone(), self.ignore_floor, &set).await?;
        Ok(Bed { proxy, cluster })
    }

    async fn row(&self, bed: &Bed, hurt: Hurt, told: &dyn Fn(&Row)) -> Result<Row, Exit> {
        let times = std::cell::Cell::new(0);
        let faults = async {
            sleep(CALM).await;
            let end = tokio::time::Instant::now() + self.duration;
            while times.get() == 0 || tokio::time::Instant::now() < end {
                let seed = self.seed + times.get() as u64;
                hurt.happen(&bed.cluster, &APPLY_DELAY, seed).await?;
                times.set(times.get() + 1);
                if hurt.ends_the_cluster() {
                    // What comes afterwards is what is looked at.
                    tokio::time::sleep_until(end).await;
                }
                sleep(CALM).await;
            }
            Ok::<_, ClusterError>(())
        };
        let findings = Box::pin(self.checked(bed, hurt, faults)).await?;
        let row = Row { fault: hurt.name(), times: times.get(), findings };
        told(&row);
        Ok(row)
    }

    /// The checker at work until the faults are over.
    async fn checked(
        &self,
        bed: &Bed,
        hurt: Hurt,
        faults: impl Future<Output = Result<(), ClusterError>>,
    ) -> Result<Findings, Exit> {
        let target = Target::Group { urls: vec![bed.proxy.url()] };
        let checker = consistency::Checker::new(target, self.plan(hurt)).map_err(Exit::failed)?;
        let offer = checker.offer().await.map_err(Exit::failed)?;
        let stop = std::sync::Arc::default();
        checker.create(&stop).await.map_err(Exit::failed)?;
        let run = checker.run(&offer, &stop, &|_| ());
        let ended = async {
            let outcome = faults.await;
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            outcome
        };
        let (findings, outcome) = tokio::join!(run, ended);
        outcome.map_err(Exit::failed)?;
        checker.remove().await.map_err(Exit::failed)?;
        findings.map_err(Exit::failed)
    }

    fn plan(&self, hurt: Hurt) -> Plan {
        Plan {
            // It is stopped when the faults are over.
            duration: Duration::from_mins(5),
            sessions: SESSIONS,
            seed: self.seed,
            level: self.level.or(self.ignore_floor.then_some(Level::ReadYourWrites)),
            set_level: !self.ignore_floor,
            rate: (hurt == Hurt::PageBoundary).then_some(IDLE_RATE),
            ways: match hurt {
                Hurt::Copies => vec![WriteShape::Copy],
                _ => WriteShape::ALL.to_vec(),
            },
            expect_failover: hurt.ends_the_cluster(),
            ..Plan::default()
        }
    }
}

/// A cluster with a proxy in front.
struct Bed {
    // First, so that it ends first.
    proxy: LocalProxy,
    cluster: Cluster,
}

impl Bed {
    async fn end(self) -> Result<(), Exit> {
        let steps = Steps::begin();
        steps.step("stopping the servers and removing their folder");
        drop(self.proxy);
        let stopped = self.cluster.stop().await;
        steps.end();
        stopped.map_err(Exit::failed)
    }
}

/// With the floor ignored each row must show it, or it would show nothing in earnest.
pub(super) fn control(rows: &[Row]) -> Result<(), String> {
    match rows.iter().find(|row| row.findings.broken() == 0) {
        Some(row) => Err(format!("{}: the floor was ignored, and nothing was found", row.fault)),
        None => Ok(()),
    }
}

/// Whether it is as it must be; the text says what is not.
pub(super) fn verdict(rows: &[Row]) -> Result<(), String> {
    let broken: Vec<_> = rows.iter().filter(|row| row.findings.broken() > 0).collect();
    if let Some(first) = broken.first() {
        let stories: Vec<_> = first.findings.stories.iter().map(ToString::to_string).collect();
        return Err(format!(
            "THE GUARANTEE WAS BROKEN in {} of {} rows; first under: {}\n{}",
            broken.len(),
            rows.len(),
            first.fault,
            stories.join("\n")
        ));
    }
    match rows.iter().find(|row| row.findings.reads_on_replicas() == 0) {
        Some(row) => Err(format!("{}: no read was on a replica: nothing was shown", row.fault)),
        None => Ok(()),
    }
}
