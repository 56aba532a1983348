//! The figures of several runs side by side, and what they say.

use std::fmt::Write;

use super::report::share;
use super::{Report, Strategy};

const GAP: &str = "  ";

/// Two lines per heading; the first column is text, the others are numbers.
const HEADINGS: [[&str; 2]; 7] = [
    ["", "strategy"],
    ["", "reads"],
    ["stale", "reads"],
    ["duplicate", "payments"],
    ["reads on", "primary"],
    ["read after", "write p50"],
    ["read after", "write p99"],
];

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// How a cell looks where there is colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
}

struct Cell {
    text: String,
    tone: Tone,
}

/// The reports as a table, one line each, with a line end after the last.
///
/// `width` is the terminal's, in columns: a table that does not fit becomes a
/// list. Escape codes are only in it if `colour` is true.
pub fn table(reports: &[Report], width: usize, colour: bool) -> String {
    let rows: Vec<[Cell; 7]> = reports.iter().map(cells).collect();
    let widths = widths(&rows);
    let needed = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
    if needed <= width { wide(&rows, &widths, colour) } else { narrow(&rows, colour) }
}

fn cells(report: &Report) -> [Cell; 7] {
    let plain = |text| Cell { text, tone: Tone::Plain };
    let must_be_zero = |count: u64| Cell {
        text: grouped(count),
        tone: if count == 0 { Tone::Good } else { Tone::Bad },
    };
    let latency = report.read_after_write.as_ref();
    [
        plain(report.strategy.name()),
        plain(grouped(report.reads)),
        must_be_zero(report.stale_reads),
        must_be_zero(report.duplicate_payments),
        plain(or_dash(report.reads_on_primary_share.map(percent))),
        plain(or_dash(latency.map(|latency| milliseconds(latency.p50_us)))),
        plain(or_dash(latency.map(|latency| milliseconds(latency.p99_us)))),
    ]
}

fn widths(rows: &[[Cell; 7]]) -> [usize; 7] {
    let mut widths = HEADINGS.map(|lines| lines.map(str::len).into_iter().max().unwrap_or(0));
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    widths
}

fn wide(rows: &[[Cell; 7]], widths: &[usize; 7], colour: bool) -> String {
    let mut out = String::new();
    let headings = [HEADINGS.map(|[upper, _]| upper), HEADINGS.map(|[_, lower]| lower)];
    for heading in headings {
        let cells: Vec<String> = heading
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(n, (text, width))| pad(n, text, *width))
            .collect();
        line(&mut out, &styled(cells.join(GAP).trim_end(), BOLD, colour));
    }
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    line(&mut out, &rule.join(GAP));
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(n, (cell, width))| tone(&pad(n, &cell.text, *width), cell.tone, colour))
            .collect();
        line(&mut out, &cells.join(GAP));
    }
    out
}

fn narrow(rows: &[[Cell; 7]], colour: bool) -> String {
    let mut out = String::new();
    for row in rows {
        for (n, (cell, heading)) in row.iter().zip(HEADINGS).enumerate() {
            let value = tone(&cell.text, cell.tone, colour);
            if n == 0 {
                line(&mut out, &styled(&value, BOLD, colour));
            } else {
                line(&mut out, &format!("  {}: {value}", heading.join(" ").trim()));
            }
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Text to the left, numbers to the right.
fn pad(column: usize, text: &str, width: usize) -> String {
    if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
}

fn tone(text: &str, tone: Tone, colour: bool) -> String {
    match tone {
        Tone::Plain => text.to_owned(),
        Tone::Good => styled(text, GREEN, colour),
        Tone::Bad => styled(text, RED, colour),
    }
}

fn styled(text: &str, style: &str, colour: bool) -> String {
    if colour { format!("{style}{text}{PLAIN}") } else { text.to_owned() }
}

/// What the figures say, in plain words: one paragraph, broken at `width` columns.
pub fn conclusion(reports: &[Report], width: usize) -> String {
    let mut text = String::new();
    for report in reports {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { " " }, sentence(report));
    }
    wrap(&text, width)
}

fn sentence(report: &Report) -> String {
    let mut name = report.strategy.name();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let Some(on_primary) = report.reads_on_primary_share.map(percent) else {
        return format!("{name} read nothing{}.", failures(report));
    };
    let reads = grouped(report.reads);
    let shown = match (report.stale_reads, report.strategy) {
        (0, _) => format!("showed every payment on each of {reads} pages"),
        (stale, strategy) => {
            let share = or_dash(share(stale, report.reads).map(percent));
            let never = strategy == Strategy::Afterwrite;
            let broken = if never { ", which it must never do" } else { "" };
            format!("left a payment out of {} of {reads} pages ({share}{broken})", grouped(stale))
        }
    };
    let paid = match (report.duplicate_payments, report.stale_reads) {
        (0, 0) => String::new(),
        (0, _) => ", led to no duplicate payment".to_owned(),
        (1, _) => ", led to 1 duplicate payment".to_owned(),
        (many, _) => format!(", led to {} duplicate payments", grouped(many)),
    };
    // The others' times are in the table; this one says what the promise costs.
    let waited = match (&report.read_after_write, report.strategy) {
        (Some(latency), Strategy::Afterwrite) => {
            let [p50, p99] = [latency.p50_us, latency.p99_us].map(milliseconds);
            format!(
                "; the page after a payment took {p50} at the median and {p99} at the 99th percentile"
            )
        }
        (Some(_) | None, _) => String::new(),
    };
    format!(
        "{name} {shown}{paid}, with {on_primary} of the reads on the primary{waited}{}.",
        failures(report)
    )
}

fn failures(report: &Report) -> String {
    match report.errors {
        0 => String::new(),
        1 => "; 1 operation failed".to_owned(),
        many => format!("; {} operations failed", grouped(many)),
    }
}

/// Breaks between words, but not before a unit. What is longer than a line has its own.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let text = text.replace(" %", "\u{a0}%").replace(" ms", "\u{a0}ms").replace("< ", "<\u{a0}");
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.replace('\u{a0}', " ")
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share above nothing never reads as nothing, nor one below all as all.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if share > 0.0 && percent < 0.1 {
        "< 0.1 %".to_owned()
    } else if share < 1.0 && percent > 99.9 {
        "> 99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

fn milliseconds(us: u64) -> String {
    let (ms, part) = (us / 1_000, us % 1_000);
    match ms {
        0..=9 => format!("{ms}.{:02} ms", part / 10),
        10..=99 => format!("{ms}.{} ms", part / 100),
        _ => format!("{} ms", grouped(ms)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Errors;
    use crate::payments::Latency;

    fn report(strategy: Strategy, stale: u64, primary: u64, p50_us: u64, p99_us: u64) -> Report {
        Report {
            strategy,
            description: String::new(),
            elapsed_s: 10.0,
            reads: 12_000,
            stale_reads: stale,
            payments: 2_400,
            duplicate_payments: stale / 2,
            primary_reads: primary,
            reads_on_primary_share: share(primary, 12_000),
            read_after_write: Some(Latency {
                count: 2_400,
                p50_us,
                p99_us,
                max_us: 9,
                histogram: vec![],
            }),
            errors: 0,
            errors_by_sqlstate: Errors::default(),
        }
    }

    fn reports() -> [Report; 3] {
        [
            report(Strategy::RandomReplica, 3_210, 0, 410, 2_900),
            report(Strategy::FixedWindow(Duration::from_millis(500)), 1, 7_000, 520, 12_345),
            report(Strategy::Afterwrite, 0, 3, 1_234, 150_000),
        ]
    }

    #[test]
    fn a_table_is_aligned() {
        let expected = [
            "                             stale  duplicate  reads on  read after  read after",
            "strategy              reads  reads   payments   primary   write p50   write p99",
            "───────────────────  ──────  ─────  ─────────  ────────  ──────────  ──────────",
            "random replica       12,000  3,210      1,605     0.0 %     0.41 ms     2.90 ms",
            "fixed window 500 ms  12,000      1          0    58.3 %     0.52 ms     12.3 ms",
            "afterwrite           12,000      0          0   < 0.1 %     1.23 ms      150 ms",
        ];
        let text = table(&reports(), 100, false);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        let text = table(&reports(), 60, false);
        assert!(
            text.starts_with("random replica\n  reads: 12,000\n  stale reads: 3,210\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    }

    #[test]
    fn colour_is_only_where_asked_for() {
        assert!(!table(&reports(), 100, false).contains('\x1b'));
        let coloured = table(&reports(), 100, true);
        assert!(coloured.contains("\x1b[31m3,210\x1b[0m"), "{coloured}");
        assert!(coloured.contains("\x1b[32m    0\x1b[0m"), "{coloured}");
    }

    #[test]
    fn the_conclusion_follows_the_figures() {
        let text = conclusion(&reports(), 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains("\n%") && !text.contains("\nms"), "{text}");
        let text = text.replace('\n', " ");
        let has = |part: &str| assert!(text.contains(part), "{text:?} lacks {part:?}");
        has("Random replica left a payment out of 3,210 of 12,000 pages (26.8 %), led to 1,605");
        has("Fixed window 500 ms left a payment out of 1 of 12,000 pages (< 0.1 %), led to no");
        has("Afterwrite showed every payment on each of 12,000 pages, with < 0.1 % of the reads");
        let broken = conclusion(&[report(Strategy::Afterwrite, 2, 0, 1, 1)], 1_000);
        assert!(broken.contains("which it must never do"), "{broken}");
        assert_eq!(conclusion(&[], 80), "");
    }

    #[test]
    fn numbers() {
        let groups = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(groups, ["0", "999", "1,000", "1,234,567"]);
        let percents = [0.0, 0.0001, 0.5, 0.9999, 1.0].map(percent);
        assert_eq!(percents, ["0.0 %", "< 0.1 %", "50.0 %", "> 99.9 %", "100.0 %"]);
        let times = [9, 999, 9_999, 99_999, 1_500_000].map(milliseconds);
        assert_eq!(times, ["0.00 ms", "0.99 ms", "9.99 ms", "99.9 ms", "1,500 ms"]);
    }
}
