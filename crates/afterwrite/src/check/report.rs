//! What was found, as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::terminal::{Terminal, wrapped};

/// How good one finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is lost.
    Note,
    /// The promise is kept, at a price.
    Warning,
    /// The proxy cannot work so, or not with this node.
    Problem,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) name: &'static str,
    pub(super) grade: Grade,
    /// What is there.
    pub(super) found: String,
    /// What that means and what to do; none if there is nothing to do.
    pub(super) advice: Option<String>,
}

/// A finding with nothing to do about it.
pub(super) fn finding(name: &'static str, grade: Grade, found: impl Into<String>) -> Finding {
    Finding { name, grade, found: found.into(), advice: None }
}

impl Finding {
    /// Says what it means and what to do.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// A node, or the cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// `host:port`, or `cluster`; behind the cluster's name, if there are several.
    pub(super) name: String,
    /// `primary`, `replica`, or nothing if that is not known.
    pub(super) role: Option<&'static str>,
    /// How far a replica's replay is behind the primary, if both said where they are.
    pub(super) behind_bytes: Option<u64>,
    pub(super) findings: Vec<Finding>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    /// The nodes in the order of the configuration, then their cluster; cluster by cluster.
    pub(super) parts: Vec<Part>,
    /// Whether the proxy can keep its promise here.
    pub(super) ready: bool,
    /// The same in words.
    pub(super) verdict: String,
}

impl Report {
    /// The verdict is that of the worst finding.
    pub(super) fn of(parts: Vec<Part>) -> Self {
        let count = |grade| {
            let findings = parts.iter().flat_map(|part| &part.findings);
            findings.filter(|finding| finding.grade == grade).count()
        };
        let plural = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            many => format!("{many} {what}s"),
        };
        let (problems, warnings) = (count(Grade::Problem), count(Grade::Warning));
        let verdict = match (problems, warnings) {
            (0, 0) => "ready".to_owned(),
            (0, warnings) => format!("ready, with {}", plural(warnings, "warning")),
            (problems, 0) => format!("not ready: {}", plural(problems, "problem")),
            (problems, warnings) => format!(
                "not ready: {}, {}",
                plural(problems, "problem"),
                plural(warnings, "warning")
            ),
        };
        Self { parts, ready: problems == 0, verdict }
    }

    /// As a table, with a line end after the last line.
    pub(super) fn text(&self, terminal: Terminal) -> String {
        let findings = self.parts.iter().flat_map(|part| &part.findings);
        let name_width = findings.map(|finding| finding.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for part in &self.parts {
            let role = part.role.map_or_else(String::new, |role| format!("  {role}"));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}{role}", terminal.bold(&part.name));
            for finding in &part.findings {
                text += &line(finding, name_width, terminal);
            }
            text.push('\n');
        }
        let grade = if self.ready { Grade::Good } else { Grade::Problem };
        text + &terminal.styled(&self.verdict, colour(grade)) + "\n"
    }
}

fn line(finding: &Finding, name_width: usize, terminal: Terminal) -> String {
    let mark = match (finding.grade, terminal.unicode) {
        (Grade::Good, true) => "✓",
        (Grade::Good, false) => "+",
        (Grade::Note, true) => "·",
        (Grade::Note, false) => "-",
        (Grade::Warning, _) => "!",
        (Grade::Problem, true) => "✗",
        (Grade::Problem, false) => "x",
    };
    let mark = terminal.styled(mark, colour(finding.grade));
    let indent = name_width + 6;
    let found = wrapped(&finding.found, terminal.width, indent);
    let mut text = format!("  {mark} {:<name_width$}  {found}\n", finding.name);
    if let Some(advice) = &finding.advice {
        let advice = wrapped(advice, terminal.width, indent);
        let _ = writeln!(text, "{:indent$}{advice}", "");
    }
    text
}

fn colour(grade: Grade) -> &'static str {
    match grade {
        Grade::Good => "32",
        Grade::Note => "2",
        Grade::Warning => "33",
        Grade::Problem => "31",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(grades: &[Grade]) -> Report {
        let finding = |grade: &Grade| Finding {
            name: "role",
            grade: *grade,
            found: "what is there".to_owned(),
            advice: (*grade > Grade::Note).then(|| "what to do".to_owned()),
        };
        let findings = grades.iter().map(finding).collect();
        let (name, role) = ("h:1".to_owned(), Some("replica"));
        Report::of(vec![Part { name, role, behind_bytes: None, findings }])
    }

    #[test]
    fn the_worst_finding_decides() {
        use Grade::{Good, Note, Problem, Warning};
        let verdict = |grades: &[Grade]| (report(grades).ready, report(grades).verdict);
        assert_eq!(verdict(&[Good, Note]), (true, "ready".to_owned()));
        assert_eq!(verdict(&[Good, Warning]), (true, "ready, with 1 warning".to_owned()));
        assert_eq!(
            verdict(&[Problem, Warning, Warning]),
            (false, "not ready: 1 problem, 2 warnings".to_owned())
        );
    }

    #[test]
    fn the_table() {
        let plain = Terminal { width: 60, colour: false, unicode: false };
        let text = report(&[Grade::Good, Grade::Problem]).text(plain);
        let expected = "h:1  replica\n  + role  what is there\n  x role  what is there\n          \
                        what to do\n\nnot ready: 1 problem\n";
        assert_eq!(text, expected);
    }
}
