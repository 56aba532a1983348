//! Which positions of the past lie on the primary's line of history.

use std::fmt;

use crate::{Line, Lsn, Position, Timeline};

/// Timelines in one history at most. `PostgreSQL` adds one with each promotion.
pub const TIMELINES_MAX: usize = 1024;

/// Bytes of one history file at most.
pub const HISTORY_BYTES_MAX: usize = 60 * 1024;

/// The line that the primary writes, and where it left each timeline before it.
///
/// A position of an earlier timeline is on the line up to the **switch point**: what the
/// new primary had replayed when it was promoted. What was written beyond it on the
/// earlier timeline is not part of what the primary holds, and never will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    line: Line,
    /// Earlier timelines, each with the last position that the line has of it; both rise.
    /// `None` if they are not known.
    past: Option<Vec<(Timeline, Lsn)>>,
}

/// Where a position lies, seen from a line of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// On it: this is the same place, told as one of the line.
    OnLine(Position),
    /// On one of its earlier timelines, beyond the switch point: what was written there
    /// may be lost. The switch point is told as a place on the line.
    Orphan {
        /// The last place that both have in common.
        switch: Position,
    },
    /// In another cluster, or on a branch that the line never was on.
    Void,
    /// On a timeline that began later than the line's.
    Newer,
    /// On an earlier timeline, and where that was left is not known.
    Unknown,
}

impl History {
    /// Of a line of which no more is known.
    ///
    /// A first timeline has no past, so of that one everything is.
    pub fn unknown(line: Line) -> Self {
        let past = (line.timeline <= Timeline(1)).then(Vec::new);
        Self { line, past }
    }

    /// Of a line, from its history file (`00000003.history`).
    ///
    /// Strict: of a file that says something that is not understood nothing is believed.
    pub fn parse(line: Line, file: &[u8]) -> Result<Self, BadHistory> {
        if file.len() > HISTORY_BYTES_MAX {
            return Err(BadHistory::TooLong);
        }
        let mut past: Vec<(Timeline, Lsn)> = Vec::new();
        for (number, text) in (1..).zip(file.split(|byte| *byte == b'\n')) {
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            if past.len() == TIMELINES_MAX {
                return Err(BadHistory::TooLong);
            }
            let entry = entry(text).ok_or(BadHistory::Line(number))?;
            let rises = past.last().is_none_or(|last| last.0 < entry.0 && last.1 <= entry.1);
            if !rises || entry.0 >= line.timeline {
                return Err(BadHistory::Line(number));
            }
            past.push(entry);
        }
        if past.is_empty() && line.timeline > Timeline(1) {
            return Err(BadHistory::Empty);
        }
        Ok(Self { line, past: Some(past) })
    }

    /// The line.
    pub fn line(&self) -> Line {
        self.line
    }

    /// Whether it is known where the line left the timelines before it.
    pub fn is_known(&self) -> bool {
        self.past.is_some()
    }

    /// Where the line left the timeline before it.
    pub fn last_switch(&self) -> Option<(Timeline, Lsn)> {
        self.past.as_ref()?.last().copied()
    }

    /// Where `position` lies, seen from this line.
    pub fn place(&self, position: Position) -> Placed {
        let Line { system, timeline } = position.line;
        if system != self.line.system {
            return Placed::Void;
        }
        if timeline >= self.line.timeline {
            let same = timeline == self.line.timeline;
            return if same { Placed::OnLine(position) } else { Placed::Newer };
        }
        let Some(past) = &self.past else { return Placed::Unknown };
        let left = past.iter().find(|(earlier, _)| *earlier == timeline);
        match left {
            None => Placed::Void,
            Some(&(_, end)) if position.lsn <= end => {
                Placed::OnLine(Position { line: self.line, lsn: position.lsn })
            }
            Some(&(_, end)) => Placed::Orphan { switch: Position { line: self.line, lsn: end } },
        }
    }
}

/// `parent timeline`, a tab, `switch point`, a tab, and why in words that anyone may have
/// chosen.
fn entry(text: &[u8]) -> Option<(Timeline, Lsn)> {
    let mut fields = text.splitn(3, |byte| *byte == b'\t');
    let mut field = || std::str::from_utf8(fields.next()?).ok();
    let timeline = field()?;
    if !timeline.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let timeline = timeline.parse().ok().filter(|number| *number > 0)?;
    Some((Timeline(timeline), field()?.parse().ok()?))
}

/// What was read is not a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHistory {
    /// It is longer than any that is read.
    TooLong,
    /// This line of it is not understood, or does not go on from the one before.
    Line(usize),
    /// A later timeline's says nothing.
    Empty,
}

impl fmt::Display for BadHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the history file is too long"),
            Self::Line(number) => write!(f, "line {number} of the history file is not understood"),
            Self::Empty => f.write_str("the history file is empty"),
        }
    }
}

impl std::error::Error for BadHistory {}

/// A floor that the primary cannot have reached any more, and what was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The position that was acknowledged.
    pub position: Position,
    /// How far the primary has what was written there.
    pub switch: Option<Position>,
    /// How it came about.
    pub cause: OrphanCause,
}

/// How what was acknowledged can be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrphanCause {
    /// It lies beyond the switch point: the primary was promoted without it.
    Failover,
    /// The primary has restarted without its last records.
    Restart,
    /// It belongs to another cluster, or to a branch that the primary never was on.
    Void,
}

impl OrphanCause {
    /// Every cause, in the order in which metrics list them.
    pub const ALL: [Self; 3] = [Self::Failover, Self::Restart, Self::Void];

    /// The word for it in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Restart => "restart",
            Self::Void => "void",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SystemId;

    fn line(timeline: u32) -> Line {
        Line { system: SystemId(7), timeline: Timeline(timeline) }
    }

    fn at(timeline: u32, lsn: u64) -> Position {
        Position { line: line(timeline), lsn: Lsn(lsn) }
    }

    fn parse(timeline: u32, file: &str) -> Result<History, BadHistory> {
        History::parse(line(timeline), file.as_bytes())
    }

    const FILE: &str = "1\t0/64\tno recovery target specified\n\n\
        # a comment\n3\t0/C8\tat restore point \"a\tb\"\n";

    fn check(history: &History, position: Position, expected: &str) {
        let placed = match history.place(position) {
            Placed::OnLine(here) => format!("here {here}"),
            Placed::Orphan { switch } => format!("orphan of {switch}"),
            Placed::Void => "void".to_owned(),
            Placed::Newer => "newer".to_owned(),
            Placed::Unknown => "unknown".to_owned(),
        };
        assert_eq!(placed, expected, "{position}");
    }

    #[test]
    fn a_position_is_placed_by_the_switch_points() {
        let history = parse(5, FILE).unwrap();
        check(&history, at(5, 1), "here 0/1 on timeline 5");
        check(&history, at(5, u64::MAX), "here FFFFFFFF/FFFFFFFF on timeline 5");
        check(&history, at(3, 200), "here 0/C8 on timeline 5");
        check(&history, at(3, 201), "orphan of 0/C8 on timeline 5");
        check(&history, at(1, 100), "here 0/64 on timeline 5");
        check(&history, at(1, 101), "orphan of 0/64 on timeline 5");
        check(&history, at(2, 1), "void");
        check(&history, at(4, 1), "void");
        check(&history, at(6, 1), "newer");
        let elsewhere = Line { system: SystemId(8), timeline: Timeline(5) };
        check(&history, Position { line: elsewhere, lsn: Lsn(1) }, "void");
    }

    #[test]
    fn without_a_history_the_past_is_a_doubt() {
        let history = History::unknown(line(5));
        assert!(!history.is_known());
        check(&history, at(1, 1), "unknown");
        check(&history, at(5, 1), "here 0/1 on timeline 5");
        check(&history, at(6, 1), "newer");
        assert!(History::unknown(line(1)).is_known(), "a first timeline has no past");
    }

    #[test]
    fn what_is_not_understood_is_not_believed() {
        for (file, expected) in [
            ("", BadHistory::Empty),
            ("# nothing\n", BadHistory::Empty),
            ("1 0/64 why\n", BadHistory::Line(1)),
            ("1\t0/64\twhy\n1\t0/65\twhy\n", BadHistory::Line(2)),
            ("2\t0/64\twhy\n1\t0/65\twhy\n", BadHistory::Line(2)),
            ("1\t0/64\twhy\n2\t0/63\twhy\n", BadHistory::Line(2)),
            ("5\t0/64\twhy\n", BadHistory::Line(1)),
            ("0\t0/64\twhy\n", BadHistory::Line(1)),
            ("+1\t0/64\twhy\n", BadHistory::Line(1)),
            ("1\t64\twhy\n", BadHistory::Line(1)),
            ("1\n", BadHistory::Line(1)),
            ("4294967296\t0/64\twhy\n", BadHistory::Line(1)),
        ] {
            assert_eq!(parse(5, file), Err(expected), "{file:?}");
        }
        let long = "#".repeat(HISTORY_BYTES_MAX + 1);
        assert_eq!(parse(5, &long), Err(BadHistory::TooLong));
        let many = (1..=1025).fold(String::new(), |file, tli| file + &format!("{tli}\t0/64\tw\n"));
        assert_eq!(parse(9999, &many), Err(BadHistory::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_quietly(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = History::parse(line(3), &bytes);
        }

        /// A chain of promotions: whatever each primary held when it was left is on the
        /// line, at the same number, and nothing else of its timeline is.
        #[test]
        fn what_was_handed_on_is_on_the_line(
            steps in prop::collection::vec((1u32..4, 0u64..1000), 1..20),
            lsn in 0u64..20_000, which: prop::sample::Index,
        ) {
            let (mut timeline, mut end) = (0, 0);
            let mut past = Vec::new();
            for (more, written) in steps {
                (timeline, end) = (timeline + more, end + written);
                past.push((timeline, end));
            }
            let file = past.iter().fold(String::new(), |file, (tli, lsn)| {
                file + &format!("{tli}\t{}\tw\n", Lsn(*lsn))
            });
            let now = timeline + 1;
            let history = parse(now, &file).unwrap();
            let (earlier, end) = past[which.index(past.len())];
            let expected = if lsn <= end {
                Placed::OnLine(at(now, lsn))
            } else {
                Placed::Orphan { switch: at(now, end) }
            };
            prop_assert_eq!(history.place(at(earlier, lsn)), expected);
            prop_assert_eq!(history.last_switch(), past.last().map(|it| (Timeline(it.0), Lsn(it.1))));
        }
    }
}
