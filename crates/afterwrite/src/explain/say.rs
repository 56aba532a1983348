//! What was found, for people. Pure.

use std::fmt::Write as _;

use super::found::Found;
use crate::terminal::{Terminal, wrapped};

/// What stands in front of all lines of a statement but the first.
const INDENT: usize = 9;

/// Letters of a reason, and of a list of names, that are shown.
const LENGTH_MAX: usize = 400;

/// What is said where no database was asked.
pub(super) const OFFLINE: &str = "No database was asked (--database URL), so its own functions \
    are not known and count as writes, and views and unlogged tables pass for tables.";

/// How many go where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    replica: usize,
    primary: usize,
    any: usize,
}

impl Summary {
    pub(super) fn count(&mut self, route: &str) {
        match route {
            "replica" => self.replica += 1,
            "any" => self.any += 1,
            _ => self.primary += 1,
        }
    }

    pub(super) fn total(self) -> usize {
        self.replica + self.primary + self.any
    }

    pub(super) fn text(self) -> String {
        let Self { replica, primary, any } = self;
        let total = match self.total() {
            0 => return "no statements".to_owned(),
            1 => "1 statement".to_owned(),
            many => format!("{many} statements"),
        };
        format!("{total}: {replica} replica, {primary} primary, {any} any")
    }
}

/// One statement, with an empty line behind it. `numbered`: its line is told, too.
pub(super) fn statement(found: &Found, numbered: bool, terminal: Terminal) -> String {
    let mut text = String::new();
    let room = terminal.width.saturating_sub(INDENT);
    let route = terminal.styled(&format!("{:<7}", found.route), colour(found.route));
    let shown = terminal.bold(&shortened(&found.statement, room, terminal));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{route}  {shown}");
    let mut told = found.kind.to_owned();
    if numbered {
        let _ = write!(told, ", line {}", found.line);
    }
    let mut why = found.sentences.join("; ");
    if let Some(error) = &found.error {
        let _ = write!(why, "; {error}");
    }
    say(&mut text, &format!("{told}: {}", shortened(&why, LENGTH_MAX, terminal)), terminal);
    let mut touched = Vec::new();
    for (verb, names) in [("reads", &found.reads), ("writes", &found.writes)] {
        if let Some(names) = listed(names) {
            touched.push(format!("{verb} {}", shortened(&names, LENGTH_MAX, terminal)));
        }
    }
    if found.cacheable {
        touched.push("its result could be cached".to_owned());
    }
    if !touched.is_empty() {
        say(&mut text, &touched.join("; "), terminal);
    }
    if let Some(hints) = &found.hints {
        let mut all = Vec::new();
        all.extend(hints.level.as_ref().map(|level| format!("level {level}")));
        all.extend(hints.route.map(|route| format!("the {route}")));
        all.extend(hints.sessions.iter().map(|key| format!("session {key}")));
        all.extend(hints.tokens.iter().map(|token| format!("token {token}")));
        if !all.is_empty() {
            let asked = shortened(&all.join(", "), LENGTH_MAX, terminal);
            say(&mut text, &format!("its comments ask for {asked}"), terminal);
        }
        for problem in &hints.problems {
            let problem = shortened(problem, LENGTH_MAX, terminal);
            say(&mut text, &format!("a hint is left out: {problem}"), terminal);
        }
    }
    text.push('\n');
    text
}

fn say(text: &mut String, line: &str, terminal: Terminal) {
    let line = wrapped(line, terminal.width, INDENT);
    let _ = writeln!(text, "{:INDENT$}{line}", "");
}

/// A list in which "unknown" is said as what it means.
fn listed(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [only] if only == "unknown" => Some("what is not known".to_owned()),
        [known @ .., last] if last == "unknown" => {
            Some(format!("{}, and perhaps more", known.join(", ")))
        }
        all => Some(all.join(", ")),
    }
}

/// On one line of at most so many letters, and without what a terminal would carry out.
fn shortened(text: &str, room: usize, terminal: Terminal) -> String {
    let mut out = String::new();
    let mut used = 0;
    let end = if terminal.unicode { "…" } else { "..." };
    let room = room.saturating_sub(end.chars().count());
    let mut blank = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            blank = !out.is_empty();
            continue;
        }
        let hidden = letter.is_control() || is_invisible(letter);
        let letter = if hidden { char::REPLACEMENT_CHARACTER } else { letter };
        let letter = if terminal.unicode || letter.is_ascii() { letter } else { '?' };
        let width = 1 + usize::from(blank);
        // The last one that fits may be the last one there is; it is not worth looking ahead.
        if used + width > room {
            out.push_str(end);
            break;
        }
        if std::mem::take(&mut blank) {
            out.push(' ');
        }
        out.push(letter);
        used += width;
    }
    out
}

/// Letters that turn the direction of the text around, or have no width.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn colour(route: &str) -> &'static str {
    match route {
        "replica" => "32",
        "any" => "36",
        _ => "33",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Terminal = Terminal { width: 60, colour: false, unicode: true };

    fn found() -> Found {
        Found {
            statement: "SELECT app.f(1),\n  a FROM app.t".to_owned(),
            line: 7,
            route: "primary",
            kind: "write",
            reasons: vec!["volatile_function (app.f)".to_owned()],
            sentences: vec!["calls app.f, which is VOLATILE and may write".to_owned()],
            reads: vec!["app.t".to_owned(), "unknown".to_owned()],
            writes: vec!["unknown".to_owned()],
            cacheable: false,
            hints: None,
            error: None,
        }
    }

    #[test]
    fn a_statement() {
        let expected = "primary  SELECT app.f(1), a FROM app.t\n         \
            write, line 7: calls app.f, which is VOLATILE and\n         \
            may write\n         \
            reads app.t, and perhaps more; writes what is not\n         known\n\n";
        assert_eq!(statement(&found(), true, PLAIN), expected);
        let coloured = statement(&found(), false, Terminal { colour: true, ..PLAIN });
        assert!(coloured.starts_with("\x1b[33mprimary\x1b[0m  \x1b[1mSELECT"), "{coloured:?}");
    }

    #[test]
    fn texts_are_shortened_and_harmless() {
        let check = |text: &str, room, expected: &str| {
            assert_eq!(shortened(text, room, PLAIN), expected, "{text:?}");
        };
        check(" a \n\t b ", 10, "a b");
        check("abcdefgh", 5, "abcd…");
        check("a\x1b[31mb\u{202e}c", 20, "a\u{fffd}[31mb\u{fffd}c");
        let ascii = Terminal { unicode: false, ..PLAIN };
        assert_eq!(shortened("äbcdefgh", 6, ascii), "?bc...");
    }

    #[test]
    fn the_summary() {
        let mut summary = Summary::default();
        assert_eq!(summary.text(), "no statements");
        for route in ["replica", "primary", "replica", "any"] {
            summary.count(route);
        }
        assert_eq!(summary.text(), "4 statements: 2 replica, 1 primary, 1 any");
    }
}
