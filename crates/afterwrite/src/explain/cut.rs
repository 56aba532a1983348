//! From a text to its statements. Pure.
//!
//! An argument is a text as a client sends it: statements end at semicolons. In a file they may
//! also end with their line, and nothing says so; the rule is in [`Ends::of`].

use std::ops::Range;

use afterwrite_footprint::mentions;
use afterwrite_sql::{Cut, cuts, lines};

/// What is read anew behind statements that do not end, in bytes. Beyond this, such a one takes
/// in all the rest, so that a file full of them takes no time that grows with its square.
const READ_ANEW_MAX: usize = 1024 * 1024 * 1024;

/// One statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The statement itself.
    pub(super) text: &'a [u8],
    /// The same with the comments around it.
    pub(super) around: &'a [u8],
    /// The line on which it begins, from 1.
    pub(super) line: usize,
}

/// The statements of an argument.
pub(super) fn of_argument(text: &[u8]) -> Vec<Piece<'_>> {
    let mut cutter = Cutter::new(text);
    cutter.statements(0..text.len());
    cutter.pieces
}

/// The statements of a file.
pub(super) fn of_file(text: &[u8]) -> Vec<Piece<'_>> {
    // What some editors put in front.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut cutter = Cutter::new(text);
    let with_semicolons = has_semicolons(text);
    let mut from = 0;
    'again: loop {
        for cut in cuts(tail(text, from)) {
            let cut = moved(cut, from);
            if cut.is_open
                && let Some(end) = first_end_of_line(text, &cut.text)
                && cutter.may_read_anew(text.len() - end)
            {
                // It would swallow all that follows.
                cutter.push(cut.text.start..end - 1, cut.around.start..end);
                from = end;
                continue 'again;
            }
            cutter.chunk(&cut, with_semicolons);
        }
        return cutter.pieces;
    }
}

/// Where statements end within a piece between semicolons that has several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// It is one.
    Whole,
    /// Each line is one.
    Lines,
    /// What is between empty lines is one, or each of its lines.
    Paragraphs,
}

impl Ends {
    /// With a semicolon at its end it is one statement, unless it can only be several.
    ///
    /// Without one, each line is a statement if the grammar takes each by itself, even where it
    /// takes all together as well (`SELECT 1` and `DELETE FROM t`: a column named `delete`); else
    /// it is one if the grammar takes it as one. If it takes it neither way, what the other
    /// statements of the file end with is believed; and where that is no semicolon, the same is
    /// asked of what is between empty lines. What then is neither has a mistake in one of its
    /// lines.
    fn of(
        semicolon: bool,
        with_semicolons: bool,
        each: impl Fn() -> bool,
        whole: impl Fn() -> bool,
    ) -> Self {
        if semicolon {
            return if !whole() && each() { Self::Lines } else { Self::Whole };
        }
        if each() {
            Self::Lines
        } else if whole() || with_semicolons {
            Self::Whole
        } else {
            Self::Paragraphs
        }
    }
}

struct Cutter<'a> {
    all: &'a [u8],
    pieces: Vec<Piece<'a>>,
    read_anew: usize,
    /// A place, and its line.
    counted: (usize, usize),
}

impl<'a> Cutter<'a> {
    fn new(all: &'a [u8]) -> Self {
        Self { all, pieces: Vec::new(), read_anew: 0, counted: (0, 1) }
    }

    fn push(&mut self, text: Range<usize>, around: Range<usize>) {
        let (place, line) = self.counted;
        let between = self.all.get(place..text.start).unwrap_or_default();
        let line = line + between.split(|byte| *byte == b'\n').count().saturating_sub(1);
        self.counted = (text.start, line);
        let of = |range| self.all.get(range).unwrap_or_default();
        self.pieces.push(Piece { text: of(text).trim_ascii(), around: of(around), line });
    }

    fn may_read_anew(&mut self, bytes: usize) -> bool {
        self.read_anew = self.read_anew.saturating_add(bytes);
        self.read_anew <= READ_ANEW_MAX
    }

    /// What is between semicolons.
    fn statements(&mut self, place: Range<usize>) {
        let all = self.all;
        for cut in cuts(all.get(place.clone()).unwrap_or_default()) {
            let Cut { text, around, .. } = moved(cut, place.start);
            self.push(text, around);
        }
    }

    fn chunk(&mut self, cut: &Cut, with_semicolons: bool) {
        let chunk = self.all.get(cut.text.clone()).unwrap_or_default();
        let semicolon = ends_line(self.all, cut);
        let each = || lines(chunk).all(|line| parses(chunk, line.text));
        let whole = || parses(chunk, 0..chunk.len());
        let one_line = !cut.is_open && lines(chunk).take(2).count() < 2;
        if one_line {
            return self.push(cut.text.clone(), cut.around.clone());
        }
        match Ends::of(semicolon, with_semicolons, each, whole) {
            Ends::Whole => self.push(cut.text.clone(), cut.around.clone()),
            Ends::Lines => self.lines(cut.around.clone()),
            Ends::Paragraphs => self.paragraphs(cut.around.clone()),
        }
    }

    /// What is between empty lines: each is one statement, or as many as it has lines.
    fn paragraphs(&mut self, place: Range<usize>) {
        let all = self.all;
        let text = all.get(place.clone()).unwrap_or_default();
        let mut paragraph: Option<(Range<usize>, Range<usize>, usize)> = None;
        let mut done = Vec::new();
        for line in lines(text) {
            let line = moved(line, place.start);
            match &mut paragraph {
                Some((known, around, count)) if !is_apart(all, known.end..line.text.start) => {
                    (known.end, around.end) = (line.text.end, line.around.end);
                    *count += 1;
                }
                _ => done.extend(paragraph.replace((line.text, line.around, 1))),
            }
        }
        for (text, around, count) in done.into_iter().chain(paragraph) {
            let bytes = all.get(text.clone()).unwrap_or_default();
            let each = || lines(bytes).all(|line| parses(bytes, line.text));
            if count > 1 && !each() && parses(all, text.clone()) {
                self.push(text, around);
            } else {
                self.lines(around);
            }
        }
    }

    /// Each line; of one with a string that does not end, only the first.
    fn lines(&mut self, place: Range<usize>) {
        let all = self.all.get(..place.end).unwrap_or_default();
        let mut from = place.start;
        'again: loop {
            for line in lines(tail(all, from)) {
                let line = moved(line, from);
                let text = all.get(line.text.clone()).unwrap_or_default();
                let first = text.iter().position(|byte| *byte == b'\n');
                let read = if line.is_open { all.len() - line.text.start } else { text.len() };
                if let Some(end) = first.map(|at| line.text.start + at)
                    && !parses(text, 0..text.len())
                    && self.may_read_anew(read)
                {
                    self.statements(line.around.start..end);
                    from = end;
                    continue 'again;
                }
                self.statements(line.around);
            }
            return;
        }
    }
}

/// Whether there is an empty line in what is between two lines.
fn is_apart(text: &[u8], between: Range<usize>) -> bool {
    let between = text.get(between).unwrap_or_default();
    let mut lines = between.split(|byte| *byte == b'\n').skip(1).peekable();
    // What stands behind the last line break is the beginning of a line.
    while let Some(line) = lines.next() {
        if lines.peek().is_some() && line.trim_ascii().is_empty() {
            return true;
        }
    }
    false
}

fn tail(text: &[u8], from: usize) -> &[u8] {
    text.get(from..).unwrap_or_default()
}

fn moved(cut: Cut, by: usize) -> Cut {
    let moved = |range: Range<usize>| range.start + by..range.end + by;
    Cut { text: moved(cut.text), around: moved(cut.around), is_open: cut.is_open }
}

/// Whether the grammar takes it as one statement.
fn parses(text: &[u8], place: Range<usize>) -> bool {
    let text = std::str::from_utf8(text.get(place).unwrap_or_default());
    text.is_ok_and(|text| mentions(text).is_ok_and(|all| all.len() == 1))
}

/// Whether a semicolon ends it and the line.
fn ends_line(text: &[u8], cut: &Cut) -> bool {
    let ended = text.get(cut.around.clone()).is_some_and(|around| around.ends_with(b";"));
    let behind = tail(text, cut.around.end);
    let line = behind.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    ended && !cut.is_open && (line.is_empty() || line.starts_with(b"--"))
}

/// Behind the first semicolon that ends a line.
fn first_end_of_line(text: &[u8], place: &Range<usize>) -> Option<usize> {
    let text = text.get(place.clone())?;
    let mut from = place.start;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let told = line.trim_ascii_end();
        if told.ends_with(b";") {
            return Some(from + told.len());
        }
        from += line.len();
    }
    None
}

/// Whether statements of the file end with a semicolon and their line.
fn has_semicolons(text: &[u8]) -> bool {
    cuts(text).any(|cut| {
        ends_line(text, &cut) || cut.is_open && first_end_of_line(text, &cut.text).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let pieces = of_file(text.as_bytes());
        let found: Vec<_> = pieces.iter().map(|it| String::from_utf8_lossy(it.text)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn one_statement_a_line() {
        check("SELECT 1\nDELETE FROM t\n", &["SELECT 1", "DELETE FROM t"]);
        check("SELECT 1\r\nDELETE FROM t", &["SELECT 1", "DELETE FROM t"]);
        check("-- a\nSELECT 1 -- b\n\n/* c\n */ TABLE t\n", &["SELECT 1", "TABLE t"]);
        check("SELECT 'a;b'\nSELECT $$;$$\n", &["SELECT 'a;b'", "SELECT $$;$$"]);
        check("SELECT $$a\nb$$\nDELETE FROM t", &["SELECT $$a\nb$$", "DELETE FROM t"]);
        check("SELECT 1; SELECT 2\nDELETE FROM t", &["SELECT 1", "SELECT 2", "DELETE FROM t"]);
        check("SELECT 1\nSELECT 2;\n", &["SELECT 1", "SELECT 2"]);
        check("SELECT 1;\nDELETE FROM t\nSELECT 2", &["SELECT 1", "DELETE FROM t", "SELECT 2"]);
    }

    #[test]
    fn semicolons_end_statements() {
        check("SELECT 1;\nDELETE\nFROM t;\n", &["SELECT 1", "DELETE\nFROM t"]);
        check("SELECT 1\nDELETE FROM t;", &["SELECT 1\nDELETE FROM t"]);
        check("SELECT ';\n;' ; -- a;\n/* ; */ TABLE t;", &["SELECT ';\n;'", "TABLE t"]);
        check("DO $$ a;\nb; $$;\nTABLE t;", &["DO $$ a;\nb; $$", "TABLE t"]);
        let routine = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nSELECT 1;\nSELECT 2;\nEND";
        check(&format!("{routine};\nTABLE t;"), &[routine, "TABLE t"]);
        check("SELECT 1; SELECT 2;;", &["SELECT 1", "SELECT 2"]);
    }

    #[test]
    fn lines_that_only_make_sense_together() {
        check("SELECT a\nFROM t\nWHERE b", &["SELECT a\nFROM t\nWHERE b"]);
        check("SELECT 1\nUNION\nSELECT 2\n", &["SELECT 1\nUNION\nSELECT 2"]);
        check("TABLE t;\nSELECT a\nFROM t", &["TABLE t", "SELECT a\nFROM t"]);
    }

    #[test]
    fn mistakes_do_not_stop_the_rest() {
        check("SELECT 1\nSELEC 2\nTABLE t", &["SELECT 1", "SELEC 2", "TABLE t"]);
        check("SELECT 1;\nSELEC\n2;\nTABLE t;", &["SELECT 1", "SELEC\n2", "TABLE t"]);
        check("SELECT 'a;\nTABLE t;\nTABLE u;", &["SELECT 'a", "TABLE t", "TABLE u"]);
        check("SELECT (1;\nTABLE t;", &["SELECT (1", "TABLE t"]);
        check("SELECT (1\nTABLE t\nTABLE u", &["SELECT (1", "TABLE t", "TABLE u"]);
        check("TABLE t\nSELECT 'a\nTABLE u", &["TABLE t", "SELECT 'a", "TABLE u"]);
        check(
            "SELECT a\nFROM t\n\nSELEC\n\n-- b\nTABLE t\nTABLE u",
            &["SELECT a\nFROM t", "SELEC", "TABLE t", "TABLE u"],
        );
        check("/* a\nTABLE t\n", &["/* a", "TABLE t"]);
    }

    #[test]
    fn nothing_at_all() {
        for text in ["", "\n\n", ";", "-- a", "/* a */\n;;\n", "\u{feff}"] {
            check(text, &[]);
        }
    }

    #[test]
    fn lines_and_comments_are_known() {
        let text = b"-- a\nSELECT 1; -- b\n\n/*c*/SELECT\n2;";
        let pieces = of_file(text);
        let lines: Vec<_> = pieces.iter().map(|it| it.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(pieces[0].around, b"-- a\nSELECT 1;");
        assert_eq!(of_argument(b"SELECT 1\nDELETE FROM t; TABLE t").len(), 2);
    }

    #[test]
    fn any_bytes_are_taken() {
        for text in [&b"\xff\xfe\0SELECT"[..], b"SELECT '\xff';\nTABLE t", b"\0\n\0;\n'"] {
            let _ = (of_file(text), of_argument(text));
        }
        let many = "SELECT (1;\n'\n/*\n".repeat(2000);
        assert!(of_file(many.as_bytes()).len() >= 2000);
    }
}
