//! The whole run: a cluster, the proxies, every cell in every round, idle clients.

use std::collections::BTreeMap;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, Server};

use crate::afterwrite;
use crate::args::{Args, Profile};
use crate::cell::{Cell, Protocol, Workload};
use crate::door::{Certificate, Door};
use crate::error::BenchError;
use crate::idle;
use crate::machine::{self, Machine};
use crate::notes;
use crate::pgbench::Pgbench;
use crate::pgbouncer;
use crate::program::{self, Program};
use crate::progress::Progress;
use crate::proxy::{Ground, Proxy};
use crate::report::{CellReport, IdleReport, Report, Run, Settings, TargetReport, Versions};
use crate::target::Target;

/// The replicas of the cluster, whoever uses them.
const REPLICAS: usize = 2;
/// For the replay of all that was written.
const CATCH_UP_MAX: Duration = Duration::from_mins(5);
/// Before anything is measured, every target runs this for a second.
const WARM_UP: Cell = Cell::queries(Workload::Select, Protocol::Simple, 32);

/// The programs that the targets need.
struct Programs {
    pgbouncer: Option<Program>,
    afterwrite: Option<Program>,
}

/// Measures all that `args` ask for. If dropped, or failed, nothing is left
/// running and no folder is left.
pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report, BenchError> {
    let profile = args.profile()?;
    let programs = Programs::find(args, &profile.targets).await?;
    let room = idle::make_room(profile.idle_clients);
    let mut report = blank(&profile, &programs);
    if room < profile.idle_clients {
        report.notes.push(notes::few_files(profile.idle_clients, room));
    }

    let cluster = Cluster::start(plan(), &|step| progress.step(step)).await?;
    report.versions.postgresql = server_version(&cluster).await?;
    let folder = tempfile::tempdir().map_err(BenchError::io("making a temporary folder"))?;
    let mut ground = ground(&cluster, &profile);
    if profile.doors().contains(&Door::Tls) {
        ground.certificate = Some(Certificate::make(folder.path()).await?);
    }
    let threads = u16::try_from(report.machine.cores).unwrap_or(u16::MAX);
    let program = find_pgbench(&cluster)?;
    let pgbench = Pgbench::new(program, &ground.user, profile.scale, threads, folder.path())?;
    if !profile.cells.is_empty() {
        progress.step("filling the tables");
        pgbench.fill(ground.primary, &ground.database).await?;
        cluster.wait_for_catch_up(CATCH_UP_MAX).await?;
    }

    let mut bench = Bench { profile, programs, ground, cluster, pgbench, proxies: BTreeMap::new() };
    if !bench.profile.cells.is_empty() {
        bench.cells(&mut report, progress).await?;
    }
    if room > 0 {
        bench.idle(&mut report, room, progress).await?;
    }
    progress.step("stopping the cluster");
    bench.cluster.stop().await?;
    Ok(report)
}

/// All that is up while cells are measured.
struct Bench {
    profile: Profile,
    programs: Programs,
    ground: Ground,
    pgbench: Pgbench,
    /// By their place among the targets, one for each door.
    proxies: BTreeMap<(usize, Door), Proxy>,
    // Last, so that the proxies end before their servers.
    cluster: Cluster,
}

impl Bench {
    /// Every cell by every target, round by round.
    async fn cells(&mut self, report: &mut Report, progress: &Progress) -> Result<(), BenchError> {
        self.start_proxies(progress).await?;
        progress.step("warming up");
        for (place, target) in self.profile.targets.clone().into_iter().enumerate() {
            for door in self.profile.doors() {
                let cell = Cell { door, ..WARM_UP };
                if target.takes(cell) {
                    self.once(place, cell, 1).await?;
                }
            }
        }
        progress.count(self.profile.runs());
        report.cells = self.profile.cells.iter().map(|cell| self.blank_cell(*cell)).collect();
        for round in 1..=self.profile.rounds {
            for cell in &mut report.cells {
                let measured = self.round_of(cell, progress).await?;
                let rounds = self.profile.rounds;
                progress.line(&format!("round {round} of {rounds}, {}: {measured}", cell.name));
            }
        }
        for (_, proxy) in std::mem::take(&mut self.proxies) {
            proxy.stop().await;
        }
        Ok(())
    }

    async fn start_proxies(&mut self, progress: &Progress) -> Result<(), BenchError> {
        for (place, target) in self.profile.targets.iter().enumerate() {
            let Some(program) = self.programs.of(*target) else { continue };
            progress.step(&format!("starting {}", target.title()));
            for door in self.profile.doors() {
                let proxy = Proxy::start(*target, program, &self.ground, door).await?;
                self.proxies.insert((place, door), proxy);
            }
        }
        Ok(())
    }

    /// All targets one after the other; what they did, in short. A target that
    /// failed is not tried again: what it does then is not what was asked for.
    async fn round_of(
        &mut self,
        cell: &mut CellReport,
        progress: &Progress,
    ) -> Result<String, BenchError> {
        let mut told = Vec::new();
        for report in &mut cell.targets {
            let title = report.target.title();
            progress.run(&format!("{}, {title}", cell.name));
            let place = self.profile.targets.iter().position(|target| *target == report.target);
            if report.error.is_none()
                && let Some(place) = place
            {
                match self.once(place, cell.cell, self.profile.seconds).await {
                    Ok(run) => {
                        told.push(in_short(title, run));
                        report.add(run);
                    }
                    Err(error) => {
                        told.push(format!("{title} failed"));
                        report.error = Some(error.to_string());
                    }
                }
                if cell.cell.workload.writes() {
                    // What is replayed late must not burden the next run.
                    self.cluster.wait_for_catch_up(CATCH_UP_MAX).await?;
                }
            }
            progress.ran();
        }
        Ok(told.join("; "))
    }

    /// One run of pgbench, with what the proxy used meanwhile.
    async fn once(&mut self, place: usize, cell: Cell, seconds: u32) -> Result<Run, BenchError> {
        let (pgbench, ground) = (&self.pgbench, &self.ground);
        let (figures, used) = match self.proxies.get_mut(&(place, cell.door)) {
            None => (pgbench.run(cell, ground.primary, &ground.database, seconds).await?, None),
            Some(proxy) => {
                proxy.check()?;
                let database = if self.programs.needs_session(proxy.target, cell) {
                    pgbouncer::SESSION_DATABASE
                } else {
                    &ground.database
                };
                let before = proxy.usage()?;
                let figures = pgbench.run(cell, proxy.port, database, seconds).await?;
                (figures, Some(proxy.usage()?.since(before)))
            }
        };
        Run::new(figures, cell, used)
            .ok_or_else(|| BenchError::Unreadable { printed: "no transactions".to_owned() })
    }

    /// Each proxy alone, freshly started: traffic would have left its traces.
    async fn idle(
        &mut self,
        report: &mut Report,
        clients: u32,
        progress: &Progress,
    ) -> Result<(), BenchError> {
        for target in self.profile.targets.clone() {
            let Some(program) = self.programs.of(target) else { continue };
            progress.step(&format!("{clients} idle clients of {}", target.title()));
            let mut proxy = Proxy::start(target, program, &self.ground, Door::Trust).await?;
            let outcome =
                idle::measure(&mut proxy, &self.ground, clients).await.map(|(figures, _)| figures);
            let outcome = outcome.map_err(|error| error.to_string());
            report.idle.push(IdleReport { target, clients, outcome });
            proxy.stop().await;
        }
        Ok(())
    }

    fn blank_cell(&self, cell: Cell) -> CellReport {
        let targets = self.profile.targets.iter().filter(|target| target.takes(cell));
        let blank = |&target| TargetReport::new(target, self.programs.needs_session(target, cell));
        CellReport::new(cell, targets.map(blank).collect())
    }
}

impl Programs {
    async fn find(args: &Args, targets: &[Target]) -> Result<Self, BenchError> {
        let mut programs = Self { pgbouncer: None, afterwrite: None };
        if targets.contains(&Target::Pgbouncer) {
            let path = args.pgbouncer.clone().or_else(pgbouncer::find);
            let advice = "install the package pgbouncer, or leave it out of --targets";
            let path = path.ok_or(BenchError::Missing { program: "pgbouncer", advice })?;
            programs.pgbouncer = Some(Program::at(path).await?);
        }
        if targets.iter().any(|target| target.is_afterwrite()) {
            let path = args.afterwrite.clone().or_else(afterwrite::find);
            let advice = "build it with `cargo build --release`, or name it with --afterwrite";
            let path = path.ok_or(BenchError::Missing { program: "afterwrite", advice })?;
            programs.afterwrite = Some(Program::at(path).await?);
        }
        Ok(programs)
    }

    /// `None` where no proxy is needed.
    fn of(&self, target: Target) -> Option<&Program> {
        match target {
            Target::Direct => None,
            Target::Pgbouncer => self.pgbouncer.as_ref(),
            Target::AfterwritePrimary | Target::Afterwrite => self.afterwrite.as_ref(),
        }
    }

    /// An old PgBouncer loses prepared statements in transaction pooling.
    fn needs_session(&self, target: Target, cell: Cell) -> bool {
        let is_old = || {
            let version = self.pgbouncer.as_ref().map_or("", |program| &program.version);
            !pgbouncer::tracks_prepared(version)
        };
        target == Target::Pgbouncer && cell.protocol == Protocol::Prepared && is_old()
    }
}

fn in_short(title: &str, run: Run) -> String {
    let cpu = run.proxy.map(|cost| format!(", {:.1} µs", cost.cpu_us)).unwrap_or_default();
    format!("{title} {:.0} tps{cpu}", run.tps)
}

pub(crate) fn plan() -> Plan {
    let settings = [
        // A checkpoint in the middle of somebody's run would be held against it.
        ("checkpoint_timeout", "1h"),
        ("max_wal_size", "8GB"),
        // The proxies' pools, a pool per session, and pgbench itself.
        ("max_connections", "600"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Plan { replicas: REPLICAS, settings, ..Plan::default() }
}

fn ground(cluster: &Cluster, profile: &Profile) -> Ground {
    let Plan { user, database, .. } = Plan::default();
    Ground {
        primary: cluster.primary().port(),
        replicas: cluster.replicas().iter().map(Server::port).collect(),
        user,
        database,
        pool_size: profile.pool_size,
        sessions_max: profile.cells.iter().map(|cell| cell.clients).max().unwrap_or(1),
        certificate: None,
    }
}

fn find_pgbench(cluster: &Cluster) -> Result<std::path::PathBuf, BenchError> {
    let mut folders = vec![cluster.bin_dir().to_path_buf()];
    folders.extend(program::search_path());
    let advice = "install PostgreSQL's client tools";
    program::find("pgbench", folders).ok_or(BenchError::Missing { program: "pgbench", advice })
}

pub(crate) async fn server_version(cluster: &Cluster) -> Result<String, BenchError> {
    let rows = cluster.primary().query("SHOW server_version").await?;
    let first = rows.into_iter().flatten().flatten().next();
    Ok(first.unwrap_or_else(|| "unknown".to_owned()))
}

/// The report before anything is measured.
fn blank(profile: &Profile, programs: &Programs) -> Report {
    let version = |program: &Option<Program>| program.as_ref().map(|p| p.version.clone());
    let mut notes = Vec::new();
    if programs.afterwrite.as_ref().is_some_and(Program::is_debug_build) {
        notes.push(notes::DEBUG_BUILD.to_owned());
    }
    let old_pgbouncer =
        version(&programs.pgbouncer).filter(|version| !pgbouncer::tracks_prepared(version));
    notes.extend(notes::standing(old_pgbouncer.as_deref()));
    Report {
        command: notes::command_line(std::env::args()),
        started: machine::now(),
        machine: Machine::look(),
        versions: Versions {
            postgresql: String::new(),
            pgbouncer: version(&programs.pgbouncer),
            afterwrite: version(&programs.afterwrite),
        },
        settings: Settings {
            targets: profile.targets.clone(),
            rounds: profile.rounds,
            seconds: profile.seconds,
            scale: profile.scale,
            pool_size: profile.pool_size,
            idle_clients: profile.idle_clients,
        },
        cells: Vec::new(),
        idle: Vec::new(),
        notes,
    }
}
