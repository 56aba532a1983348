//! Running pgbench, and reading its report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cell::{Cell, Workload};
use crate::door::{self, Door};
use crate::error::{BenchError, last_lines};
use crate::program;

/// What pgbench may take over its `-T`: logging in, and waiting for the last answers.
const OVERTIME_MAX: Duration = Duration::from_secs(30);
/// For 100,000 rows a unit of scale.
const FILL_MAX: Duration = Duration::from_mins(10);

const SELECT: &str = "\\set aid random(1, 100000 * :scale)\n\
    SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n";
const UPDATE: &str = "\\set aid random(1, 100000 * :scale)\n\
    \\set delta random(-5000, 5000)\n\
    UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;\n";

/// pgbench with what all its runs have in common.
pub(crate) struct Pgbench {
    program: PathBuf,
    user: String,
    scale: u32,
    threads_max: u16,
    select: PathBuf,
    update: PathBuf,
}

/// What pgbench printed at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    pub(crate) transactions: u64,
    /// By the clock from the first query on: logins are not in it, but for `-C`.
    pub(crate) tps: f64,
    /// The mean.
    pub(crate) latency_ms: f64,
}

impl Pgbench {
    /// Writes its scripts into `folder`.
    pub(crate) fn new(
        program: PathBuf,
        user: &str,
        scale: u32,
        threads_max: u16,
        folder: &Path,
    ) -> Result<Self, BenchError> {
        let (select, update) = (folder.join("select.sql"), folder.join("update.sql"));
        for (path, text) in [(&select, SELECT), (&update, UPDATE)] {
            std::fs::write(path, text).map_err(BenchError::io("writing a pgbench script"))?;
        }
        Ok(Self { program, user: user.to_owned(), scale, threads_max, select, update })
    }

    /// Makes and fills the tables.
    pub(crate) async fn fill(&self, port: u16, database: &str) -> Result<(), BenchError> {
        let scale = self.scale.to_string();
        let mut command = self.command(port);
        command.args(["-i", "-q", "-s", &scale, database]);
        program::output("pgbench -i", command, FILL_MAX).await.map(|_| ())
    }

    /// Runs one cell for `seconds`. If dropped, pgbench is killed.
    pub(crate) async fn run(
        &self,
        cell: Cell,
        port: u16,
        database: &str,
        seconds: u32,
    ) -> Result<Figures, BenchError> {
        let mut command = self.command(port);
        command.args(["-n", "-M", cell.protocol.name()]);
        command.args(["-T", &seconds.to_string()]);
        command.args(["-c", &cell.clients.to_string()]);
        command.args(["-j", &cell.clients.min(self.threads_max).to_string()]);
        command.env("PGSSLMODE", if cell.door == Door::Tls { "require" } else { "disable" });
        if cell.door == Door::Scram {
            command.env("PGPASSWORD", door::PASSWORD);
        }
        if cell.connects {
            command.arg("-C");
        }
        match cell.workload {
            Workload::Select => command.arg("-S"),
            Workload::Tpcb => &mut command,
            Workload::Mix => command
                .args(["-s", &self.scale.to_string()])
                .args(["-f", &format!("{}@9", self.select.display())])
                .args(["-f", &format!("{}@1", self.update.display())]),
        };
        command.arg(database);
        let limit = Duration::from_secs(seconds.into()) + OVERTIME_MAX;
        let printed = program::output("pgbench", command, limit).await?;
        parse(&printed).ok_or_else(|| BenchError::Unreadable { printed: last_lines(&printed) })
    }

    fn command(&self, port: u16) -> tokio::process::Command {
        let mut command = program::command(&self.program);
        command.env("PGCONNECT_TIMEOUT", "10");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", &self.user]);
        command
    }
}

/// pgbench 13 prints the tps with and without logins, newer ones only without, or only
/// with them for `-C`.
/// The reports of single scripts, which are indented, are not wanted.
fn parse(printed: &str) -> Option<Figures> {
    let after =
        |name: &'static str| printed.lines().filter_map(move |line| line.strip_prefix(name));
    let number = |text: &str| text.split_whitespace().next()?.parse::<f64>().ok();
    // `1234`, and `1234/2000` for a run by number of transactions.
    let transactions = after("number of transactions actually processed: ").next()?;
    Some(Figures {
        transactions: transactions.split('/').next()?.trim().parse().ok()?,
        tps: number(after("tps = ").find(|rest| !rest.contains("(including connections"))?)?,
        latency_ms: number(after("latency average = ").next()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, expected: Option<(u64, f64, f64)>) {
        let found = parse(printed).map(|f| (f.transactions, f.tps, f.latency_ms));
        assert_eq!(found, expected);
    }

    #[test]
    fn reports_of_all_versions_are_read() {
        check(
            "pgbench (15.18)\ntransaction type: <builtin: select only>\nscaling factor: 10\n\
             duration: 2 s\nnumber of transactions actually processed: 41234\n\
             number of failed transactions: 0 (0.000%)\nlatency average = 0.387 ms\n\
             initial connection time = 21.1 ms\ntps = 20687.123456 (without initial connection time)\n",
            Some((41234, 20_687.123_456, 0.387)),
        );
        check(
            "number of transactions actually processed: 10/10\nlatency average = 1.5 ms\n\
             tps = 600.5 (including connections establishing)\n\
             tps = 666.6 (excluding connections establishing)\n",
            Some((10, 666.6, 1.5)),
        );
        check(
            "number of transactions actually processed: 80\nlatency average = 4.0 ms\n\
             average connection time = 0.5 ms\ntps = 40.5 (including reconnection times)\n",
            Some((80, 40.5, 4.0)),
        );
        check(
            "number of transactions actually processed: 900\nlatency average = 2.000 ms\n\
             tps = 450.0 (without initial connection time)\nSQL script 1: /t/select.sql\n \
             - weight: 9 (targets 90.0% of total)\n - 810 transactions (90.0% of total, tps = 1.0)\n",
            Some((900, 450.0, 2.0)),
        );
    }

    #[test]
    fn what_is_no_report_is_not_read() {
        check("", None);
        check("number of transactions actually processed: 0\n", None);
        check("number of transactions actually processed: x\ntps = 1\nlatency average = 1\n", None);
    }
}
