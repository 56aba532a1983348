//! The report as Markdown that is aligned, so that a terminal shows it well too.

use std::fmt::Write;

use crate::cell::{Cell, Kind};
use crate::door::Door;
use crate::report::{CellReport, IdleReport, Report, Summaries, TargetReport};
use crate::stats::{Summary, float};
use crate::target::Target;

/// Marks figures of session pooling.
const SESSION_MARK: char = '†';

/// The whole report. `plot` is what to link as its picture.
pub(crate) fn markdown(report: &Report, plot: Option<&str>) -> String {
    let mut out = String::from("# Benchmark results\n\n");
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "{}", conditions(report));
    if let Some(plot) = plot {
        let _ = writeln!(out, "![CPU microseconds per query by workload and clients]({plot})\n");
    }
    let proxies: Vec<Target> =
        report.settings.targets.iter().copied().filter(|target| target.is_proxy()).collect();
    let all = &report.settings.targets;
    let mut section = |title: &str, rows: &[&CellReport], targets: &[Target], shown: &Shown<'_>| {
        if !rows.is_empty() && !targets.is_empty() {
            let _ = writeln!(out, "## {title}\n\n{}", cells(rows, targets, shown));
        }
    };
    let queries = of_kind(report, Kind::Queries);
    section("CPU µs per query of the proxy process", &queries, &proxies, &|its, _| {
        range(its.cpu_us_per_query, 1)
    });
    section("Transactions per second", &queries, all, &|its, _| range(Some(its.tps), 0));
    section("Mean latency of a transaction, ms", &queries, all, &|its, _| {
        range(Some(its.latency_ms), 2)
    });
    let title = "Voluntary context switches per query of the proxy process";
    section(title, &queries, &proxies, &|its, _| range(its.voluntary_switches_per_query, 2));
    section("TLS to clients: CPU µs per query", &with_and_without_tls(report), &proxies, &ratio);
    let connections = of_kind(report, Kind::Connections);
    section("CPU µs per connection with one query", &connections, &proxies, &ratio);
    section("Connections per second", &connections, all, &|its, _| range(Some(its.tps), 0));
    if !report.idle.is_empty() {
        let _ = writeln!(out, "## Memory per idle client, bytes\n\n{}", idle(&report.idle));
    }
    if !report.notes.is_empty() {
        let _ = writeln!(out, "## How to read this\n");
        for note in &report.notes {
            let _ = writeln!(out, "- {note}");
        }
    }
    out
}

fn of_kind(report: &Report, kind: Kind) -> Vec<&CellReport> {
    report.cells.iter().filter(|cell| cell.cell.kind() == kind).collect()
}

/// Each cell over TLS, after the one that is the same but for that.
fn with_and_without_tls(report: &Report) -> Vec<&CellReport> {
    let rows = of_kind(report, Kind::Tls).into_iter().flat_map(|over_tls| {
        let same = Cell { door: Door::Trust, ..over_tls.cell };
        let without = report.cells.iter().find(|cell| cell.cell == same);
        without.into_iter().chain([over_tls])
    });
    rows.collect()
}

/// How a target's figures are shown in one kind of table; beside them are PgBouncer's
/// in the same cell, if there are any.
type Shown<'a> = dyn Fn(&Summaries, Option<&Summaries>) -> Option<String> + 'a;

/// CPU time, and how many times PgBouncer's it is.
fn ratio(its: &Summaries, pgbouncer: Option<&Summaries>) -> Option<String> {
    let text = range(its.cpu_us_per_query, 1)?;
    let of_both = its.cpu_us_per_query.zip(pgbouncer.and_then(|it| it.cpu_us_per_query));
    Some(match of_both.filter(|(_, base)| base.median > 0.0) {
        Some((own, base)) => format!("{text}, {}×", number(own.median / base.median, 2)),
        None => text,
    })
}

fn conditions(report: &Report) -> String {
    let (machine, settings, versions) = (&report.machine, &report.settings, &report.versions);
    let mut list = String::new();
    let mut item = |name: &str, text: &str| {
        let _ = writeln!(list, "- {name}: {text}");
    };
    item("Measured", &report.started);
    let memory_gib = machine.memory_bytes.div_ceil(1 << 30);
    item(
        "Machine",
        &format!(
            "{} cores of {}, {memory_gib} GiB, Linux {}, load average before {}",
            machine.cores, machine.cpu, machine.kernel, machine.load_average
        ),
    );
    let postgresql = format!("PostgreSQL {}", versions.postgresql);
    let others = [versions.pgbouncer.as_deref(), versions.afterwrite.as_deref()];
    let all: Vec<&str> =
        std::iter::once(postgresql.as_str()).chain(others.into_iter().flatten()).collect();
    item("Versions", &all.join(", "));
    item(
        "Runs",
        &format!(
            "rounds: {}, seconds each: {}, pgbench scale: {}, server connections per proxy and \
             node: {}",
            settings.rounds, settings.seconds, settings.scale, settings.pool_size
        ),
    );
    item("Command", &format!("`{}`", report.command));
    list
}

fn cells(cells: &[&CellReport], targets: &[Target], shown: &Shown<'_>) -> String {
    let mut rows = vec![vec!["workload".to_owned(), "clients".to_owned()]];
    if let Some(head) = rows.first_mut() {
        head.extend(targets.iter().map(|target| target.title().to_owned()));
    }
    for cell in cells {
        let mut row = vec![cell.cell.title(), cell.cell.clients.to_string()];
        for target in targets {
            let of = |target| cell.targets.iter().find(|report| report.target == target);
            let base = of(Target::Pgbouncer)
                .filter(|_| target.is_afterwrite())
                .and_then(|report| report.summary.as_ref());
            let text = of(*target).map(|report| entry(report, base, shown));
            row.push(text.unwrap_or_else(|| "–".to_owned()));
        }
        rows.push(row);
    }
    aligned(&rows)
}

fn entry(report: &TargetReport, base: Option<&Summaries>, shown: &Shown<'_>) -> String {
    if report.error.is_some() {
        return "failed".to_owned();
    }
    let Some(mut text) = report.summary.as_ref().and_then(|its| shown(its, base)) else {
        return "–".to_owned();
    };
    if report.session_pooling {
        text.push(SESSION_MARK);
    }
    text
}

fn idle(reports: &[IdleReport]) -> String {
    let head = [
        "proxy",
        "clients",
        "process before",
        "logged in: RSS",
        "PSS",
        "after a query: RSS",
        "PSS",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for report in reports {
        let mut row = vec![report.target.title().to_owned(), number(report.clients.into(), 0)];
        match &report.outcome {
            Ok(figures) => {
                let (login, query) = (figures.per_client_connected, figures.per_client_queried);
                row.push(format!("{} KiB", number(float(figures.before.rss / 1024), 0)));
                row.extend([login.rss, login.pss, query.rss, query.pss].map(|n| number(n, 0)));
            }
            Err(_) => row.push("failed".to_owned()),
        }
        rows.push(row);
    }
    aligned(&rows)
}

/// `10.8 (10.5–11.2)`; without the range if that is nothing.
fn range(summary: Option<Summary>, decimals: usize) -> Option<String> {
    let Summary { median, min, max } = summary?;
    let [median, min, max] = [median, min, max].map(|value| number(value, decimals));
    Some(if min == max { median } else { format!("{median} ({min}–{max})") })
}

/// With commas between the thousands.
fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

/// A Markdown table; the first row is the head, the first column is text.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let text = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| text(row, column).chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, &width) in widths.iter().enumerate() {
            let text = text(row, column);
            let _ = if column == 0 {
                write!(out, "| {text:<width$} ")
            } else {
                write!(out, "| {text:>width$} ")
            };
        }
        out.push_str("|\n");
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width + 1);
                let _ = write!(out, "|{dashes}{}", if column == 0 { '-' } else { ':' });
            }
            out.push_str("|\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn numbers() {
        assert_eq!(number(1_234_567.8, 0), "1,234,568");
        assert_eq!(number(-1000.25, 1), "-1,000.2");
        assert_eq!(number(999.0, 2), "999.00");
    }

    #[test]
    fn a_report_in_full() {
        let text = markdown(&example::report(), Some("latest.svg"));
        // What is aligned how is another test's question.
        let squeezed: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let check = |line: &str| assert!(squeezed.iter().any(|l| l == line), "no {line} in {text}");
        check("| -S simple | 8 | 12.2 (12.0–12.5) | 10.2 (10.0–10.5) | 11.2 (11.0–11.5) |");
        check("| -S prepared | 64 | 12.2 (12.0–12.5)† | 10.2 (10.0–10.5) | 11.2 (11.0–11.5) |");
        check("| TPC-B simple | 8 | 12.2 (12.0–12.5) | 10.2 (10.0–10.5) | failed |");
        let ours = "10.2 (10.0–10.5), 0.84× | 11.2 (11.0–11.5), 0.92× |";
        check(&format!("| -S prepared, TLS | 8 | 12.2 (12.0–12.5)† | {ours}"));
        check(&format!("| -C -S, SCRAM-SHA-256 | 8 | 12.2 (12.0–12.5) | {ours}"));
        check(
            "| -C -S, trust over TLS | 8 | – | 20,025 (20,000–20,050) | 20,025 (20,000–20,050) | 20,025 (20,000–20,050) |",
        );
        check("| 90/10 mix simple | 32 | 12.2 (12.0–12.5) | – | 11.2 (11.0–11.5) |");
        check("| PgBouncer | 5,000 | 5,000 KiB | 1,024 | 1,000 | 1,229 | 1,200 |");
        check("| Afterwrite, splitting | 5,000 | failed | | | | |");
        check("- Versions: PostgreSQL 15.8, PgBouncer 1.18.0, afterwrite 0.1.0");
        check(
            "- Machine: 2 cores of Example CPU, 24 GiB, Linux 6.1.0, load average before \
             0.10 0.20 0.30",
        );
        check("![CPU microseconds per query by workload and clients](latest.svg)");
        check("- A note.");
    }

    #[test]
    fn tables_are_aligned() {
        let text = markdown(&example::report(), None);
        let mut width = 0;
        for line in text.lines() {
            if line.starts_with('|') {
                assert!(width == 0 || width == line.chars().count(), "{line}");
                width = line.chars().count();
            } else {
                width = 0;
            }
        }
    }
}
