//! The findings as text.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::findings::{Cell, Findings};
use super::story::{Age, way};
use super::words::{Check, Scope};
use crate::guarantee::WriteShape;
use crate::payments::grouped;

/// Wide enough for `12,345 of 1,234,567`.
const COLUMN: usize = 20;
const NAME: usize = 20;

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unfinished = if self.complete { "" } else { ", ended early" };
        writeln!(
            f,
            "{} reads and {} writes in {}, at level {}{unfinished}\n",
            grouped(self.reads),
            grouped(self.writes),
            Age(self.elapsed_us),
            self.level
        )?;
        self.checks(f)?;
        self.ways(f)?;
        self.places(f)?;
        self.troubles(f)?;
        for story in &self.stories {
            writeln!(f, "\n{story}")?;
        }
        Ok(())
    }
}

impl Findings {
    fn scopes(&self) -> BTreeSet<Scope> {
        self.cells.keys().map(|(_, scope, _)| *scope).collect()
    }

    /// One line for each check, with a column for each scope.
    fn checks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = self.scopes();
        write!(f, "{:<NAME$}", "violations")?;
        for scope in &scopes {
            write!(f, "{:>COLUMN$}", format!("scope {scope}"))?;
        }
        writeln!(f)?;
        for check in Check::ALL {
            if self.sum(check, None).judged == 0 {
                continue;
            }
            write!(f, "{:<NAME$}", check.title())?;
            for scope in &scopes {
                write!(f, "{:>COLUMN$}", told(self.sum(check, Some(*scope))))?;
            }
            let unpromised = !self.level.promises(check);
            writeln!(f, "{}", if unpromised { "  (not promised)" } else { "" })?;
        }
        Ok(())
    }

    /// By how what had to be seen was written, with a column for each check.
    fn ways(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for scope in self.scopes() {
            write!(f, "\n{:<NAME$}", format!("scope {scope}"))?;
            for check in Check::ALL {
                write!(f, "{:>COLUMN$}", check.title())?;
            }
            writeln!(f)?;
            for how in WriteShape::ALL.into_iter().map(Some).chain([None]) {
                let mut line = String::new();
                let mut any = false;
                for check in Check::ALL {
                    let cell = self.cells.get(&(check, scope, how)).copied().unwrap_or_default();
                    any |= cell.judged > 0;
                    write!(line, "{:>COLUMN$}", told(cell))?;
                }
                if any {
                    writeln!(f, "{:<NAME$}{line}", how.map_or("(not known)", way))?;
                }
            }
        }
        Ok(())
    }

    /// Where reads ran, and how fresh they were.
    fn places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<NAME$}{:>12}{:>12}{:>12}{:>12}{:>12}",
            "reads by", "reads", "newest", "behind p50", "p99", "at most"
        )?;
        for (server, answered) in &self.servers {
            let name = server.map_or("(not told)".to_owned(), |server| server.to_string());
            let [p50, p99, max] = answered.freshness.quantiles_us().map(|age| Age(age).to_string());
            let share = answered.fresh * 100 / answered.reads.max(1);
            let (reads, newest) = (grouped(answered.reads), format!("{share} %"));
            writeln!(f, "{name:<NAME$}{reads:>12}{newest:>12}{p50:>12}{p99:>12}{max:>12}")?;
        }
        Ok(())
    }

    fn troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut figures = vec![
            ("unknown outcomes".to_owned(), self.unknown_outcomes),
            ("lost writes".to_owned(), self.lost_writes),
            ("reads of lost writes".to_owned(), self.excused),
        ];
        for (kind, count) in self.errors.iter() {
            figures.push((format!("errors {kind}"), count));
        }
        figures.retain(|(_, count)| *count > 0);
        if !figures.is_empty() {
            writeln!(f)?;
        }
        for (name, count) in figures {
            writeln!(f, "{name:<NAME$}{:>12}", grouped(count))?;
        }
        for lost in &self.losses {
            writeln!(f, "{lost}")?;
        }
        Ok(())
    }
}

fn told(cell: Cell) -> String {
    if cell.judged == 0 {
        return "-".to_owned();
    }
    format!("{} of {}", grouped(cell.violations), grouped(cell.judged))
}
