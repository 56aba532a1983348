//! Where the statements of a text stand, and where its lines end between tokens.

use std::ops::Range;

use crate::MANY;
use crate::effect::Reason;
use crate::lexer::{Kind, Lexer};
use crate::statement;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// From its first token to its last, without the blanks, comments and semicolons around.
    pub text: Range<usize>,
    /// The same with all that is around it, up to where the next one begins.
    pub around: Range<usize>,
    /// A string, a comment or a parenthesis in it does not end, so it takes in all the rest.
    pub is_open: bool,
}

/// The statements of a text, cut as the server cuts them, however many there are.
///
/// Not all of them have to be statements that the server takes. The time is linear.
pub fn cuts(text: &[u8]) -> impl Iterator<Item = Cut> {
    let mut rest = Some(Lexer::new(text));
    let at = |lexer: &Lexer<'_>| text.len().saturating_sub(lexer.left());
    std::iter::from_fn(move || {
        while let Some(mut lexer) = rest {
            let (statement, behind) = statement::first(lexer);
            let around = at(&lexer)..behind.as_ref().map_or(text.len(), at);
            rest = behind;
            let (mut start, mut end) = (None, around.start);
            while let Some(token) = lexer.next() {
                let now = at(&lexer);
                let ends = behind.is_some() && token.kind == Kind::Semicolon;
                if now > around.end || now == around.end && ends {
                    break;
                }
                end = now;
                start.get_or_insert(now.saturating_sub(token.text.len()));
            }
            if let Some(statement) = statement {
                let is_open = statement.reason == Reason::Unreadable;
                return Some(Cut { text: start.unwrap_or(end)..end, around, is_open });
            }
        }
        None
    })
}

/// The texts of the statements that [`analyse`](crate::analyse) finds, without the blanks,
/// comments and semicolons around them.
pub fn texts(text: &[u8]) -> Vec<&[u8]> {
    let texts = cuts(text).take(MANY);
    texts.map(|cut| text.get(cut.text).unwrap_or_default()).collect()
}

/// The lines of a text that have a token in them. A line break within a string, a name or a
/// comment ends no line.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Cut> {
    let mut lexer = Lexer::new(text);
    // The first token of the next line.
    let mut ahead: Option<(Range<usize>, bool)> = None;
    let mut around_end = 0;
    std::iter::from_fn(move || {
        let (mut line, mut is_open) =
            ahead.take().or_else(|| next(text, &mut lexer).map(|it| (it.0, it.1)))?;
        loop {
            let next = next(text, &mut lexer);
            match next {
                Some((token, open, false)) => {
                    line.end = token.end;
                    is_open |= open;
                }
                Some((token, open, true)) => {
                    ahead = Some((token, open));
                    break;
                }
                None => break,
            }
        }
        let behind = text.get(line.end..).unwrap_or_default();
        let to_end = behind.iter().position(|byte| is_break(*byte));
        let end = to_end.map_or(text.len(), |length| line.end + length + 1);
        let around = around_end..end;
        around_end = end;
        Some(Cut { text: line, around, is_open })
    })
}

/// The next token; whether it does not end; whether a line ended in front of it.
fn next(text: &[u8], lexer: &mut Lexer<'_>) -> Option<(Range<usize>, bool, bool)> {
    let breaks = |bytes: &[u8]| bytes.iter().filter(|byte| is_break(**byte)).count();
    let from = text.len() - lexer.left();
    let mut within = 0;
    let token = lexer.next_behind(|comment| within += breaks(comment))?;
    let end = text.len() - lexer.left();
    let start = end.saturating_sub(token.text.len());
    let gap = text.get(from..start).unwrap_or_default();
    Some((start..end, token.kind == Kind::Unterminated, breaks(gap) > within))
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, cuts: impl Iterator<Item = Cut>) -> Vec<&str> {
        cuts.map(|cut| &text[cut.text]).collect()
    }

    #[test]
    fn texts_are_cut_where_statements_end() {
        let text = b" ; SET a = 'x;y' -- why\n ;; /* b */ SELECT (';'), $$;$$;\
            CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; RESET ALL ; ";
        let texts: Vec<_> = texts(text).into_iter().map(String::from_utf8_lossy).collect();
        assert_eq!(
            texts,
            [
                "SET a = 'x;y'",
                "SELECT (';'), $$;$$",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
                "RESET ALL"
            ]
        );
        assert_eq!(crate::analyse(text).statements.len(), texts.len());
    }

    #[test]
    fn there_is_no_limit_to_cuts() {
        let text = "SELECT 1; -- one\n".repeat(3 * MANY);
        assert_eq!(cuts(text.as_bytes()).count(), 3 * MANY);
        assert_eq!(texts(text.as_bytes()).len(), MANY);
    }

    #[test]
    fn what_is_around_goes_on_without_a_gap() {
        let text = "/* a */ SELECT 1; -- b\n;\nSELECT 2; -- c";
        let cuts: Vec<_> = cuts(text.as_bytes()).collect();
        assert_eq!(&text[cuts[0].around.clone()], "/* a */ SELECT 1;");
        assert_eq!(&text[cuts[1].around.clone()], "\nSELECT 2;");
        assert_eq!(cuts.len(), 2);
    }

    #[test]
    fn what_does_not_end_is_open() {
        for (text, expected) in [
            ("SELECT 1; SELECT 'a; SELECT 2", &[false, true][..]),
            ("SELECT (1; SELECT 2", &[true]),
            ("SELECT 1); SELECT 2", &[false, false]),
            ("SELECT 1; /* a", &[false, true]),
            ("SELECT \"a;\n$$", &[true]),
            ("", &[]),
            (" -- a", &[]),
        ] {
            let open: Vec<_> = cuts(text.as_bytes()).map(|cut| cut.is_open).collect();
            assert_eq!(open, expected, "{text}");
        }
    }

    #[test]
    fn lines_end_between_tokens() {
        let text =
            "-- a\nSELECT 1 -- b\n\n/* c\n d */ SELECT $$\n$$,\r\n'\n' /* e\n */ , 2\nTABLE t";
        let lines: Vec<_> = shown(text, lines(text.as_bytes()));
        assert_eq!(lines, ["SELECT 1", "SELECT $$\n$$,", "'\n' /* e\n */ , 2", "TABLE t"]);
    }

    #[test]
    fn what_is_around_a_line() {
        let text = "-- a\nSELECT 1 -- b\n-- c\nSELECT 2";
        let lines: Vec<_> = lines(text.as_bytes()).collect();
        let around: Vec<_> = lines.iter().map(|cut| &text[cut.around.clone()]).collect();
        assert_eq!(around, ["-- a\nSELECT 1 -- b\n", "-- c\nSELECT 2"]);
    }
}
