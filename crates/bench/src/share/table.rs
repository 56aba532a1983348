//! The shares, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Shares, WAIT_MAX, WINDOW};
use crate::args::ShareArgs;
use crate::machine::{self, Machine};
use crate::program::Program;

pub(super) fn in_short(shares: &Shares) -> String {
    format!(
        "{}: {} reads, {} stale; on the primary {}, oracle {}, window {}",
        shares.writing.name(),
        shares.reads,
        shares.stale,
        percent(shares.ours, shares.reads),
        percent(shares.oracle, shares.reads),
        percent(shares.window, shares.reads),
    )
}

pub(super) fn markdown(args: &ShareArgs, version: &str, ours: &Program, all: &[Shares]) -> String {
    let machine = Machine::look();
    let mut page = String::from("# Reads on the primary\n\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "`make share`, {}. {} processors ({}), Linux {}, load average before {}. PostgreSQL \
         {version}, {}, two replicas. {} sessions, each reading its own row every 10 ms and \
         writing it every thirtieth time, for {} s. \"At best\" are the reads for which truly no \
         replica had replayed what they had to see within {WAIT_MAX:?}; \"window\" those within \
         {WINDOW:?} of their session's last write: of the same reads, in the same run.\n",
        machine::now(),
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.load_average,
        ours.version,
        args.sessions,
        args.seconds,
    );
    if ours.is_debug_build() {
        page.push_str("**Not a release build: the figures say little.**\n\n");
    }
    page.push_str(
        "| other writes | reads | stale | on the primary | at best | window | read, median | 99th |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for it in all {
        let of_all = |count| percent(count, it.reads);
        let _ = writeln!(
            page,
            "| {}: {} | {} | {} | {} | {} | {} | {} | {} |",
            it.writing.name(),
            it.writing.about(),
            it.reads,
            it.stale,
            of_all(it.ours),
            of_all(it.oracle),
            of_all(it.window),
            ms(it.median),
            ms(it.p99),
        );
    }
    page
}

fn percent(count: usize, of: usize) -> String {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    format!("{:.2} %", 100.0 * number(count) / number(of.max(1)))
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
