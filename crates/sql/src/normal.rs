//! One text for all that differ in literals, blanks and comments only.

use smallvec::SmallVec;

use crate::keyword::Keyword;
use crate::lexer::{Kind, Lexer, Quotes, Token};

/// Begins a text that was normalised.
const ALIKE: u8 = b'~';

/// Begins a text that is as it was.
const VERBATIM: u8 = b'=';

/// How deep parentheses are followed; what is deeper is left as it is.
const DEPTH_MAX: usize = 128;

/// Writes `text` in its normal form; true if that is not the text itself.
///
/// Two texts with the same normal form have the same [`Analysis`](crate::Analysis), and mention
/// the same names. In queries and in `INSERT`, `UPDATE`, `DELETE` and `MERGE` each string becomes
/// `''` (`n''` if it was of that kind, which is a cast), each number `1`, each parameter `$1`;
/// several alike in an `IN (…)` list, in brackets, or as rows of `VALUES` become one. What is
/// written is valid where the text was, and the first byte tells whether it was changed at all: a
/// text is never taken for another's normal form.
///
/// Other commands (`SET`, `PREPARE TRANSACTION`, …) may mean another thing with other literals,
/// and are left as they are.
pub fn normalise(text: &[u8], into: &mut Vec<u8>) -> bool {
    into.clear();
    into.push(ALIKE);
    if Writer::new(into).write(text).is_some() {
        return true;
    }
    into.clear();
    into.push(VERBATIM);
    into.extend_from_slice(text);
    false
}

/// The text behind the mark of [`normalise`].
pub fn normal_text(normal: &[u8]) -> &[u8] {
    normal.get(1..).unwrap_or_default()
}

/// A level of parentheses or brackets.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Where it begins in what is written.
    start: usize,
    /// A list in which several values are as good as one.
    list: bool,
    /// Behind `VALUES`, among its rows.
    rows: bool,
    /// The group in parentheses that ended last in it.
    last: (usize, usize),
}

struct Writer<'w> {
    out: &'w mut Vec<u8>,
    frames: SmallVec<[Frame; 8]>,
    ground: Frame,
    /// Where the comma stands that was written last, and what literal stands before it.
    comma: Option<(usize, u8)>,
    /// The literal that was written last, if nothing is behind it.
    literal: Option<u8>,
    /// The last token is a dot: a word behind it is a name, whichever word it is.
    dotted: bool,
    /// The last token is such a name.
    named: bool,
}

impl<'w> Writer<'w> {
    fn new(out: &'w mut Vec<u8>) -> Self {
        Self {
            out,
            frames: SmallVec::new(),
            ground: Frame::default(),
            comma: None,
            literal: None,
            dotted: false,
            named: false,
        }
    }

    /// `None`: it must stay as it is.
    fn write(mut self, text: &[u8]) -> Option<()> {
        let mut lexer = Lexer::new(text);
        let mut begins = true;
        while let Some(token) = lexer.next() {
            if begins && !may_begin(token.kind) {
                return None;
            }
            begins = token.kind == Kind::Semicolon;
            self.token(token)?;
        }
        Some(())
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.ground)
    }

    fn token(&mut self, token: Token<'_>) -> Option<()> {
        let is_literal = match token.kind {
            // Its escape character may stand elsewhere.
            Kind::EscapedName | Kind::Unterminated | Kind::Other => return None,
            Kind::Text(Quotes::Prefixed) if token.text.get(1) == Some(&b'&') => return None,
            // It is a cast.
            Kind::Text(Quotes::Prefixed) if matches!(token.text.first(), Some(b'n' | b'N')) => {
                Some(b'n')
            }
            Kind::Text(_) => Some(b'\''),
            Kind::Number => Some(b'1'),
            Kind::Parameter => Some(b'$'),
            _ => None,
        };
        if let Some(literal) = is_literal {
            self.value(literal);
        } else {
            self.other(token)?;
        }
        Some(())
    }

    fn value(&mut self, literal: u8) {
        if matches!(self.literal, Some(b'\'' | b'n')) && literal == b'\'' {
            // A string that goes on in another line; anything else is refused by the server.
            self.comma = None;
            return;
        }
        if self.frame().list
            && let Some((comma, before)) = self.comma
            && before == literal
        {
            // As good as the one before the comma.
            self.out.truncate(comma);
        } else {
            self.out.extend_from_slice(match literal {
                b'\'' => b" ''",
                b'n' => b" n''",
                b'$' => b" $1",
                _ => b" 1",
            });
        }
        self.comma = None;
        self.literal = Some(literal);
        (self.dotted, self.named) = (false, false);
    }

    fn other(&mut self, token: Token<'_>) -> Option<()> {
        self.comma = match token.kind {
            Kind::Comma => self.literal.map(|literal| (self.out.len(), literal)),
            _ => None,
        };
        self.literal = None;
        let (dotted, named) = (self.dotted, self.named);
        self.dotted = token.kind == Kind::Dot;
        self.named = dotted;
        match token.kind {
            Kind::Open | Kind::OpenBracket => {
                if self.frames.len() >= DEPTH_MAX {
                    return None;
                }
                let is_in = !named && self.out.ends_with(b" in");
                let list = token.kind == Kind::OpenBracket || is_in;
                self.frames.push(Frame { start: self.out.len(), list, ..Frame::default() });
            }
            Kind::Word(Keyword::Values) if !dotted => {
                let frame = self.frame();
                (frame.rows, frame.last) = (true, (0, 0));
            }
            Kind::Comma => {
                // Behind a column that is called `values` come no rows.
                let end = self.out.len();
                let frame = self.frame();
                frame.rows &= frame.last.1 == end;
            }
            Kind::Close | Kind::CloseBracket => {
                self.written(token);
                self.close();
                return Some(());
            }
            _ => self.frame().rows = false,
        }
        self.written(token);
        Some(())
    }

    fn written(&mut self, token: Token<'_>) {
        self.out.push(b' ');
        if matches!(token.kind, Kind::Word(_)) {
            self.out.extend(token.text.iter().map(u8::to_ascii_lowercase));
        } else {
            self.out.extend_from_slice(token.text);
        }
    }

    /// A group has ended; a row like the one before it goes.
    fn close(&mut self) {
        let Some(group) = self.frames.pop() else { return };
        let (start, end) = (group.start, self.out.len());
        let frame = *self.frame();
        let is_row = frame.rows && frame.last.1 > 0;
        let (last_start, last_end) = frame.last;
        // Only ` ,` stands between the two.
        let is_next = start == last_end + 2 && self.out.get(last_end..start) == Some(b" ,");
        if is_row && is_next && self.out.get(last_start..last_end) == self.out.get(start..end) {
            self.out.truncate(last_end);
        } else {
            self.frame().last = (start, end);
        }
    }
}

fn may_begin(kind: Kind) -> bool {
    match kind {
        Kind::Open | Kind::Semicolon => true,
        Kind::Word(keyword) => {
            keyword.begins_query()
                || matches!(
                    keyword,
                    Keyword::Insert | Keyword::Update | Keyword::Delete | Keyword::Merge
                )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut normal = Vec::new();
        normalise(text.as_bytes(), &mut normal);
        assert_eq!(String::from_utf8_lossy(&normal), expected, "{text}");
    }

    #[test]
    fn literals_blanks_and_comments_are_alike() {
        check("SELECT * FROM t WHERE a = 42", "~ select * from t where a = 1");
        check("select*from  T\n-- why\nwhere a=7.5e3", "~ select * from t where a = 1");
        check("SELECT 'it''s', E'\\'', $$x;$$, \"A b\"", "~ select '' , '' , '' , \"A b\"");
        check("SELECT f($3, 1, 2)", "~ select f ( $1 , 1 , 1 )");
        check("SELECT -1::int", "~ select - 1 :: int");
        check("SELECT 'a'\n  'b'", "~ select ''");
        check("SELECT N'a'\n  'b', n'', x'1f'", "~ select n'' , n'' , ''");
    }

    #[test]
    fn lists_and_rows_become_one() {
        check("SELECT 1 FROM t WHERE a IN (1, 2,3)", "~ select 1 from t where a in ( 1 )");
        check("SELECT 1 FROM t WHERE a IN ($1, $2, b)", "~ select 1 from t where a in ( $1 , b )");
        check("SELECT 1 WHERE a IN ('x', 1, 2)", "~ select 1 where a in ( '' , 1 )");
        check("SELECT ARRAY[1, 2], a[3]", "~ select array [ 1 ] , a [ 1 ]");
        check("VALUES (1, 'a'), (2, 'b'), (3, c)", "~ values ( 1 , '' ) , ( 1 , c )");
        check(
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) RETURNING a",
            "~ insert into t ( a , b ) values ( $1 , $1 ) returning a",
        );
        check("SELECT (1), (2)", "~ select ( 1 ) , ( 1 )");
        // Names, whatever they look like: how many arguments there are decides what is called.
        check("SELECT s.in(1, 2)", "~ select s . in ( 1 , 1 )");
        check("SELECT s.values(1), (1)", "~ select s . values ( 1 ) , ( 1 )");
        check("SELECT f(values, (1), (2))", "~ select f ( values , ( 1 ) , ( 1 ) )");
        check("SELECT f(1) IN (f(1, 2), 2, 3)", "~ select f ( 1 ) in ( f ( 1 , 1 ) , 1 )");
    }

    #[test]
    fn what_may_mean_another_thing_stays() {
        for text in [
            "SET a = 1",
            "PREPARE TRANSACTION 'x'",
            "SELECT U&'d!0061t' UESCAPE '!'",
            "SELECT U&\"d!0061t\" UESCAPE '!'",
            "SELECT 'open",
            "SELECT 1; SET a = 2",
            "",
        ] {
            let mut normal = Vec::new();
            let changed = normalise(text.as_bytes(), &mut normal);
            // An empty text is its own normal form.
            assert_eq!(changed, text.is_empty(), "{text}");
            assert_eq!(normal_text(&normal), text.as_bytes());
        }
    }
}
