//! The command line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::cell::{self, Cell};
use crate::door::Door;
use crate::error::BenchError;
use crate::target::Target;

/// pgbench through Afterwrite, through PgBouncer and direct, interleaved in one run.
///
/// Starts a real primary with two replicas and the proxies, all on free ports and
/// in temporary folders, measures, and removes everything. Cells have names like
/// select/simple/8, tpcb/prepared/32, mix/simple/8 (workload, protocol, clients);
/// tls/simple/8 is -S over TLS, connect/scram/8 a new connection for each query (by
/// trust, scram, or tls); idle is the memory per idle client.
#[derive(Clone, Debug, Parser)]
#[command(name = "afterwrite-bench", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// What to measure, in this order within each round.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "direct,pgbouncer,afterwrite-primary,afterwrite"
    )]
    targets: Vec<Target>,

    /// Only cells whose name matches; * is any run of characters. May be repeated.
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,

    /// About three minutes: one round, 8 and 32 clients, 1,000 idle clients.
    #[arg(long)]
    quick: bool,

    /// How often everything is measured [default: 3; 1 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,

    /// How long each run of pgbench takes [default: 3; 2 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: Option<u32>,

    /// pgbench's scale: 100,000 accounts each.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    scale: u32,

    /// Server connections of each proxy, per node.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=100))]
    pool_size: u16,

    /// Idle clients to measure memory with [default: 5000; 1000 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=5900))]
    idle_clients: Option<u32>,

    /// The Afterwrite to measure [default: beside this program, target/release, $PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) afterwrite: Option<PathBuf>,

    /// The PgBouncer to measure [default: $PATH, /usr/sbin].
    #[arg(long, value_name = "PATH")]
    pub(crate) pgbouncer: Option<PathBuf>,

    /// Write all figures, each run's too, to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Write the tables to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Write a plot (SVG) of the CPU per query to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Thousands of clients at once, slow ones, and a flood of connections.
    Load(LoadArgs),
    /// Which share of the reads goes to the primary: ours, at best, and by a window.
    Share(ShareArgs),
}

/// How the share is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShareArgs {
    /// Sessions that write and read.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) sessions: u32,

    /// How long each way of writing takes, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,

    /// The Afterwrite to measure [default: beside this program, target/release, $PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) afterwrite: Option<PathBuf>,

    /// Write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// How large the load is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Clients that are connected and do nothing.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) idle: u32,

    /// Clients that ask one thing after the other meanwhile.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) active: u32,

    /// How long they do, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,

    /// Connections opened within one second, half of which never finish their login.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    pub(crate) flood: u32,

    /// The Afterwrite to measure [default: beside this program, target/release, $PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) afterwrite: Option<PathBuf>,

    /// The PgBouncer to measure [default: $PATH, /usr/sbin].
    #[arg(long, value_name = "PATH")]
    pub(crate) pgbouncer: Option<PathBuf>,

    /// Write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// What to do, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) targets: Vec<Target>,
    /// May be none, if only memory is measured.
    pub(crate) cells: Vec<Cell>,
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) scale: u32,
    pub(crate) pool_size: u16,
    /// 0 if memory is not measured.
    pub(crate) idle_clients: u32,
}

impl Args {
    /// An error if nothing is left to be done.
    pub(crate) fn profile(&self) -> Result<Profile, BenchError> {
        let mut targets = Vec::new();
        for target in &self.targets {
            if !targets.contains(target) {
                targets.push(*target);
            }
        }
        let mut cells = cell::all(self.quick);
        cells.retain(|cell| {
            let taken = targets.iter().any(|target| target.takes(*cell));
            taken && cell::is_wanted(&self.only, &cell.name())
        });
        let by_profile = |full: u32, quick: u32| if self.quick { quick } else { full };
        let any_proxy = targets.iter().any(|target| target.is_proxy());
        let idle_clients = if any_proxy && cell::is_wanted(&self.only, cell::IDLE) {
            self.idle_clients.unwrap_or(by_profile(5_000, 1_000))
        } else {
            0
        };
        if cells.is_empty() && idle_clients == 0 {
            return Err(BenchError::NoCells);
        }
        Ok(Profile {
            targets,
            cells,
            rounds: self.rounds.unwrap_or(by_profile(3, 1)),
            seconds: self.seconds.unwrap_or(by_profile(3, 2)),
            scale: self.scale,
            pool_size: self.pool_size,
            idle_clients,
        })
    }
}

impl Profile {
    /// Those through which any cell goes.
    pub(crate) fn doors(&self) -> BTreeSet<Door> {
        self.cells.iter().map(|cell| cell.door).collect()
    }

    /// Runs of pgbench in all.
    pub(crate) fn runs(&self) -> usize {
        let round = self
            .cells
            .iter()
            .flat_map(|cell| self.targets.iter().filter(move |target| target.takes(*cell)));
        round.count() * usize::try_from(self.rounds).unwrap_or(usize::MAX)
    }

    /// A guess, in minutes: pgbench takes a while to log in and to leave.
    pub(crate) fn minutes(&self) -> u64 {
        const OVERTIME_MS: u64 = 350;
        const SETUP_MS: u64 = 30_000;
        let run_ms = u64::from(self.seconds) * 1_000 + OVERTIME_MS;
        let runs = u64::try_from(self.runs()).unwrap_or(u64::MAX);
        (runs.saturating_mul(run_ms) + SETUP_MS).div_ceil(60_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn profile(line: &str) -> Profile {
        let words = std::iter::once("afterwrite-bench").chain(line.split_whitespace());
        Args::try_parse_from(words).unwrap().profile().unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_default_takes_less_than_twenty_minutes() {
        let all = profile("");
        assert_eq!((all.rounds, all.seconds, all.idle_clients), (3, 3, 5_000));
        assert_eq!((all.runs(), all.cells.len()), (3 * (20 * 4 - 4 + 4 * 3 + 4 + 3 + 3), 27));
        assert!(all.minutes() < 20, "{}", all.minutes());
        let quick = profile("--quick");
        assert!(quick.minutes() <= 4, "{}", quick.minutes());
    }

    #[test]
    fn cells_and_targets_are_picked() {
        let some = profile("--targets direct,pgbouncer,direct --only mix/*/8 --rounds 2");
        assert_eq!(some.targets, [Target::Direct, Target::Pgbouncer]);
        assert_eq!((some.runs(), some.idle_clients), (2 * 2 * 2, 0));
        assert_eq!(profile("--only idle --targets pgbouncer").cells, []);
        let none = Args::try_parse_from(["x", "--only", "nothing"]).unwrap().profile();
        assert!(matches!(none, Err(BenchError::NoCells)));
    }
}
