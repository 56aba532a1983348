//! The matrix as a table, for people and for Markdown alike.

use std::fmt::Write as _;

use afterwrite_verify::consistency::{Check, Findings, Scope};
use indicatif::HumanCount;

use super::Row;

/// The rows; every number before a stroke must be zero.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut head = vec!["fault".to_owned(), "times".to_owned()];
    head.extend(Scope::ALL.iter().map(|scope| format!("scope {scope}")));
    head.extend(["on replicas", "errors", "lost, expected"].map(str::to_owned));
    let mut lines = vec![head];
    lines.extend(rows.iter().map(line));
    let columns = lines.first().map_or(0, Vec::len);
    let cells = |column: usize| lines.iter().filter_map(move |line| line.get(column));
    let widths: Vec<usize> = (0..columns)
        .map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = if column == 0 {
                write!(out, "| {cell:<width$} |")
            } else {
                write!(out, " {cell:>width$} |")
            };
        }
        out.push('\n');
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let (left, right) = if column == 0 { ("| ", " |") } else { (" ", ":|") };
                let _ = write!(out, "{left}{}{right}", "-".repeat(*width));
            }
            out.push('\n');
        }
    }
    out
}

fn line(row: &Row) -> Vec<String> {
    let findings = &row.findings;
    let mut cells = vec![row.fault.to_owned(), row.times.to_string()];
    cells.extend(Scope::ALL.map(|scope| cell(findings, scope)));
    let share = findings.reads_on_replicas() * 100 / findings.reads.max(1);
    cells.push(format!("{share} %"));
    cells.push(HumanCount(findings.errors.total()).to_string());
    cells.push(HumanCount(findings.lost_writes).to_string());
    cells
}

/// Violations of what is promised, and how often it was judged.
fn cell(findings: &Findings, scope: Scope) -> String {
    let (mut violations, mut judged) = (0, 0);
    for check in Check::ALL.into_iter().filter(|check| findings.level.promises(*check)) {
        let sum = findings.sum(check, Some(scope));
        violations += sum.violations;
        judged += sum.judged;
    }
    format!("{} / {}", HumanCount(violations), HumanCount(judged))
}
