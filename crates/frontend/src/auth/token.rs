//! The words of `pg_hba.conf` and `pg_ident.conf`.
//!
//! Fields are separated by blanks, the words of one field by commas. Quotes keep
//! blanks and commas, and take a keyword its meaning. `#` begins a comment, and a
//! backslash at a line's end continues it.

use std::iter::Peekable;
use std::str::Chars;

use super::file::FileProblem;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// It began with a quote: it is a name, whatever it reads like.
    pub(super) quoted: bool,
}

impl Token {
    pub(super) fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text == keyword
    }
}

/// The words of one field, separated by commas in the file; at least one.
pub(super) type Field = Vec<Token>;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, counted from one.
    pub(super) number: usize,
    pub(super) fields: Vec<Field>,
}

/// Cuts a file into lines and fields; a line that has none is left out.
pub(super) fn lines(text: &str) -> (Vec<Line>, Vec<FileProblem>) {
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (number, text) in joined(text) {
        match fields(&text) {
            Ok(fields) if fields.is_empty() => {}
            Ok(fields) => lines.push(Line { number, fields }),
            Err(problem) => problems.push(FileProblem::at(number, problem)),
        }
    }
    (lines, problems)
}

/// Lines with their continuations, and the number of the first.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let (line, continued) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match whole.last_mut() {
            Some((_, last)) if goes_on => last.push_str(line),
            _ => whole.push((index + 1, line.to_owned())),
        }
        goes_on = continued;
    }
    whole
}

fn fields(line: &str) -> Result<Vec<Field>, &'static str> {
    let mut chars = line.chars().peekable();
    let (mut fields, mut field) = (Vec::new(), Field::new());
    while let Some((token, comma)) = next(&mut chars)? {
        field.push(token);
        if !comma {
            fields.push(std::mem::take(&mut field));
        }
    }
    if field.is_empty() { Ok(fields) } else { Err("a comma at the end of the line") }
}

/// The next word, and whether a comma follows: then the field goes on.
fn next(chars: &mut Peekable<Chars<'_>>) -> Result<Option<(Token, bool)>, &'static str> {
    while chars.next_if(|&c| c.is_ascii_whitespace() || c == ',').is_some() {}
    let quoted = match chars.peek() {
        None | Some('#') => return Ok(None),
        Some(&first) => first == '"',
    };
    let mut token = Token { text: String::new(), quoted };
    let mut inside = false;
    while let Some(&c) = chars.peek() {
        match c {
            ',' if !inside => {
                chars.next();
                return Ok(Some((token, true)));
            }
            '#' if !inside => break,
            '"' => {
                chars.next();
                // Two quotes inside quotes are one.
                if inside && chars.next_if_eq(&'"').is_some() {
                    token.text.push('"');
                } else {
                    inside = !inside;
                }
                continue;
            }
            _ if c.is_ascii_whitespace() && !inside => break,
            _ => token.text.push(c),
        }
        chars.next();
    }
    if inside { Err("a closing quote is missing") } else { Ok(Some((token, false))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields by `|`, words by `,`, quoted ones in `<>`.
    fn check(line: &str, expected: &str) {
        let shown = match fields(line) {
            Err(problem) => problem.to_owned(),
            Ok(fields) => {
                let word = |t: &Token| {
                    if t.quoted { format!("<{}>", t.text) } else { t.text.clone() }
                };
                let field = |f: &Field| f.iter().map(word).collect::<Vec<_>>().join(",");
                fields.iter().map(field).collect::<Vec<_>>().join("|")
            }
        };
        assert_eq!(shown, expected, "{line}");
    }

    #[test]
    fn words() {
        check("", "");
        check("  # all", "");
        check("host all\tall  trust", "host|all|all|trust");
        check("host a,b,\"c d\" all", "host|a,b,<c d>|all");
        check("host a, b all", "host|a,b|all");
        check("local \"all\" \"a\"\"b\"#x", "local|<all>|<a\"b>");
        check("a\"b c\"d", "ab cd");
        check("map=\"x y\"", "map=x y");
        check("\"\"", "<>");
        check("a,", "a comma at the end of the line");
        check("\"a", "a closing quote is missing");
    }

    #[test]
    fn lines_go_on_behind_a_backslash() {
        let (lines, problems) = lines("# x\na \\\nb\n\nc\n\"d\n");
        let numbers: Vec<_> = lines.iter().map(|line| (line.number, line.fields.len())).collect();
        assert_eq!(numbers, [(2, 2), (5, 1)]);
        assert_eq!(problems[0].to_string(), "line 6: a closing quote is missing");
    }
}
