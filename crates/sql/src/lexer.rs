//! The server's lexer, rule by rule: `scan.l` with `standard_conforming_strings` on.
//!
//! Where versions differ (junk behind numbers, `\v` as white space) the tokens are those that some
//! version accepts; the others refuse the text, and then it does not matter what we say of it.
//! Every byte is looked at a bounded number of times.

use crate::keyword::Keyword;

/// One token and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key word or a name without quotes.
    Word(Keyword),
    /// `"name"`, with its quotes.
    Quoted,
    /// `U&"name"`: its real letters are written as escapes, perhaps with another escape character.
    EscapedName,
    /// A string of any kind, with its quotes.
    Text(Quotes),
    /// `12`, `1.5e3`; a sign is an operator.
    Number,
    /// `$1`.
    Parameter,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// `::`
    Cast,
    /// Any operator, `:` and `:=` among them.
    Operator,
    /// A byte that no grammar of the server takes.
    Other,
    /// A string, name or comment that does not end. Nothing follows it.
    Unterminated,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// `'…'`: a doubled quote is the only escape.
    Plain,
    /// `$tag$…$tag$`: no escapes at all.
    Dollar,
    /// `E'…'`, `U&'…'`, `B'…'`, `X'…'`, `N'…'`.
    Prefixed,
}

/// The server refuses longer operators. Taking so long a run as one keeps the time linear: cutting
/// `++++…` sign by sign would look at the whole of it for each.
const OPERATOR_MAX: usize = 64;

/// Cuts tokens off the front of a text. Copy it to look ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next token; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        self.next_behind(|_| {})
    }

    /// As [`Self::next`]; `seen` is handed each comment in front of it, without what begins and
    /// ends the comment. (Those inside of a string are found by [`comments_within`].)
    #[inline]
    pub(crate) fn next_behind(&mut self, mut seen: impl FnMut(&'a [u8])) -> Option<Token<'a>> {
        if self.skip_blank(&mut seen).is_none() {
            return Some(self.unterminated());
        }
        let (&first, after) = self.rest.split_first()?;
        let token = match first {
            b'e' | b'E' if after.starts_with(b"'") => self.text(1, Quotes::Prefixed, true),
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if after.starts_with(b"'") => {
                self.text(1, Quotes::Prefixed, false)
            }
            b'u' | b'U' if after.starts_with(b"&'") => self.text(2, Quotes::Prefixed, false),
            b'u' | b'U' if after.starts_with(b"&\"") => self.quoted(2, Kind::EscapedName),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if after.first().is_some_and(u8::is_ascii_digit) => self.number(),
            b'\'' => self.text(0, Quotes::Plain, false),
            b'"' => self.quoted(0, Kind::Quoted),
            b'$' => self.dollar(after),
            b'(' => self.token(Kind::Open, 1),
            b')' => self.token(Kind::Close, 1),
            b'[' => self.token(Kind::OpenBracket, 1),
            b']' => self.token(Kind::CloseBracket, 1),
            b',' => self.token(Kind::Comma, 1),
            b';' => self.token(Kind::Semicolon, 1),
            b'.' => self.token(Kind::Dot, 1),
            b':' => match after.first() {
                Some(b':') => self.token(Kind::Cast, 2),
                Some(b'=') => self.token(Kind::Operator, 2),
                _ => self.token(Kind::Operator, 1),
            },
            byte if is_operator(byte) => self.operator(),
            _ => self.token(Kind::Other, 1),
        };
        Some(token)
    }

    /// Takes the next `length` bytes as a token.
    fn token(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        Token { kind, text }
    }

    fn unterminated(&mut self) -> Token<'a> {
        self.token(Kind::Unterminated, usize::MAX)
    }

    /// Skips white space and comments. `None`: a comment does not end.
    fn skip_blank(&mut self, seen: &mut impl FnMut(&'a [u8])) -> Option<()> {
        loop {
            match self.rest {
                [first, rest @ ..] if is_space(*first) => self.rest = rest,
                [b'-', b'-', rest @ ..] => {
                    self.rest = after_line(rest);
                    seen(before(rest, self.rest, 0));
                }
                [b'/', b'*', rest @ ..] => {
                    self.rest = after_block(rest)?;
                    seen(before(rest, self.rest, 2));
                }
                _ => return Some(()),
            }
        }
    }

    fn word(&mut self) -> Token<'a> {
        let length = span(self.rest, is_word);
        let mut token = self.token(Kind::Word(Keyword::Name), length);
        token.kind = Kind::Word(Keyword::of(token.text));
        token
    }

    /// Digits, a point and an exponent, if complete. What follows is the next token, as in the
    /// versions that accept it.
    fn number(&mut self) -> Token<'a> {
        let at = |from: usize| self.rest.get(from..).unwrap_or_default();
        let digits = |from: usize| span(at(from), |byte| byte.is_ascii_digit());
        let mut length = digits(0);
        if let [b'.', next @ ..] = at(length)
            && !next.starts_with(b".")
        {
            length += 1 + digits(length + 1);
        }
        if let [b'e' | b'E', exponent @ ..] = at(length) {
            let sign = usize::from(matches!(exponent, [b'+' | b'-', ..]));
            let power = digits(length + 1 + sign);
            if power > 0 {
                length += 1 + sign + power;
            }
        }
        self.token(Kind::Number, length)
    }

    /// A string whose opening quote stands behind `prefix` bytes.
    fn text(&mut self, prefix: usize, quotes: Quotes, backslashes: bool) -> Token<'a> {
        let body = self.rest.get(prefix + 1..).unwrap_or_default();
        match after_text(body, backslashes, |_| {}) {
            Some(rest) => self.token(Kind::Text(quotes), self.rest.len() - rest.len()),
            None => self.unterminated(),
        }
    }

    /// A quoted name whose opening quote stands behind `prefix` bytes.
    fn quoted(&mut self, prefix: usize, kind: Kind) -> Token<'a> {
        let mut rest = self.rest.get(prefix + 1..).unwrap_or_default();
        loop {
            let Some(quote) = rest.iter().position(|byte| *byte == b'"') else {
                return self.unterminated();
            };
            rest = rest.get(quote + 1..).unwrap_or_default();
            match rest {
                [b'"', more @ ..] => rest = more,
                _ => return self.token(kind, self.rest.len() - rest.len()),
            }
        }
    }

    /// `$1`, `$tag$…$tag$`, or a lone dollar sign.
    fn dollar(&mut self, after: &[u8]) -> Token<'a> {
        if after.first().is_some_and(u8::is_ascii_digit) {
            return self.token(Kind::Parameter, 1 + span(after, |byte| byte.is_ascii_digit()));
        }
        let tag = span(after, |byte| is_word(byte) && byte != b'$');
        if after.get(tag) != Some(&b'$') {
            return self.token(Kind::Other, 1);
        }
        let (delimiter, body) = self.rest.split_at_checked(tag + 2).unwrap_or_default();
        // A delimiter has dollar signs at its ends only, so no byte is compared twice.
        let mut from = 0;
        while let Some(found) =
            body.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'$'))
        {
            from += found;
            if body.get(from..).is_some_and(|rest| rest.starts_with(delimiter)) {
                return self.token(Kind::Text(Quotes::Dollar), 2 * delimiter.len() + from);
            }
            from += 1;
        }
        self.unterminated()
    }

    /// The longest run of operator characters that contains no start of a comment. As the SQL
    /// standard wants `=-1` to be two tokens, a run ends with `+` or `-` only if it contains a
    /// character that no operator of the standard has.
    fn operator(&mut self) -> Token<'a> {
        let mut length = 0;
        while let Some([first, next @ ..]) = self.rest.get(length..)
            && is_operator(*first)
            && !matches!((first, next.first()), (b'-', Some(b'-')) | (b'/', Some(b'*')))
        {
            length += 1;
        }
        if length >= OPERATOR_MAX {
            return self.token(Kind::Other, length);
        }
        let mut run = self.rest.get(..length).unwrap_or_default();
        let free = run.iter().any(|byte| b"~!@#^&|`?%".contains(byte));
        while let [shorter @ .., b'+' | b'-'] = run
            && !free
            && !shorter.is_empty()
        {
            run = shorter;
        }
        self.token(Kind::Operator, run.len())
    }
}

/// The comments inside of a string token: between two parts of a continued `E'…'`.
pub(crate) fn comments_within<'a>(token: Token<'a>, mut seen: impl FnMut(&'a [u8])) {
    if let (Kind::Text(Quotes::Prefixed), [b'e' | b'E', _, body @ ..]) = (token.kind, token.text) {
        after_text(body, true, |between| {
            Lexer::new(between).skip_blank(&mut seen);
        });
    }
}

/// What follows a string's closing quote. `None`: it has none. `between` is handed what stands
/// between two parts of one string.
fn after_text<'a>(
    body: &'a [u8],
    backslashes: bool,
    mut between: impl FnMut(&'a [u8]),
) -> Option<&'a [u8]> {
    let mut rest = body;
    loop {
        let stop =
            rest.iter().position(|byte| *byte == b'\'' || (backslashes && *byte == b'\\'))?;
        rest = match rest.get(stop..)? {
            [b'\\', _, more @ ..] | [b'\'', b'\'', more @ ..] => more,
            [b'\'', more @ ..] => match backslashes.then(|| continuation(more)).flatten() {
                Some(taken_up) => {
                    between(before(more, taken_up, 1));
                    taken_up
                }
                None => return Some(more),
            },
            _ => return None,
        }
    }
}

/// What follows the quote that takes a string up again, behind white space with a line break.
///
/// Only strings with backslashes care: the part on the next line has them too. For all others two
/// strings in a row end where one continued string does.
fn continuation(after: &[u8]) -> Option<&[u8]> {
    let mut rest = after;
    let mut line_break = false;
    loop {
        match rest {
            [b'\'', more @ ..] if line_break => return Some(more),
            [first, more @ ..] if is_space(*first) => {
                line_break |= matches!(first, b'\n' | b'\r');
                rest = more;
            }
            [b'-', b'-', more @ ..] => rest = after_line(more),
            _ => return None,
        }
    }
}

/// What of `text` stands in front of `rest`, its end, and of the `marks` bytes before that.
fn before<'a>(text: &'a [u8], rest: &[u8], marks: usize) -> &'a [u8] {
    let length = text.len().saturating_sub(rest.len()).saturating_sub(marks);
    text.get(..length).unwrap_or_default()
}

/// What follows a comment of one line; the line break is left to be seen.
fn after_line(comment: &[u8]) -> &[u8] {
    let length = span(comment, |byte| byte != b'\n' && byte != b'\r');
    comment.get(length..).unwrap_or_default()
}

/// What follows a block comment whose `/*` has been read; they nest.
fn after_block(comment: &[u8]) -> Option<&[u8]> {
    let mut depth: usize = 1;
    let mut rest = comment;
    loop {
        let stop = rest.iter().position(|byte| matches!(byte, b'*' | b'/'))?;
        rest = match rest.get(stop..)? {
            [b'*', b'/', more @ ..] => {
                depth -= 1;
                if depth == 0 {
                    return Some(more);
                }
                more
            }
            [b'/', b'*', more @ ..] => {
                depth += 1;
                more
            }
            [_, more @ ..] => more,
            [] => return None,
        }
    }
}

/// How many bytes at the front are of a kind.
fn span(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !of(*byte)).unwrap_or(bytes.len())
}

fn is_space(byte: u8) -> bool {
    is(byte, SPACE)
}

fn is_word(byte: u8) -> bool {
    is(byte, WORD)
}

fn is_operator(byte: u8) -> bool {
    is(byte, OPERATOR)
}

const SPACE: u8 = 1;
const WORD: u8 = 2;
const OPERATOR: u8 = 4;

/// The classes of a byte: a look in a table is twice as fast as comparing.
fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & class != 0)
}

static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "runs in the compiler; a byte is below 256")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    loop {
        classes[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80.. => WORD,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'+' | b'-' | b'*'
            | b'/' | b'%' | b'<' | b'>' | b'=' => OPERATOR,
            _ => 0,
        };
        match byte.checked_add(1) {
            Some(next) => byte = next,
            None => return classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of `sql`, divided by single spaces; an unterminated one is `!`.
    fn check(sql: &str, expected: &[&str]) {
        let mut lexer = Lexer::new(sql.as_bytes());
        let mut found = Vec::new();
        while let Some(token) = lexer.next() {
            found.push(match token.kind {
                Kind::Unterminated => "!",
                _ => std::str::from_utf8(token.text).unwrap(),
            });
        }
        assert_eq!(found, expected, "{sql:?}");
    }

    #[test]
    fn comments() {
        check("a--b\nc", &["a", "c"]);
        check("a--b\rc", &["a", "c"]);
        check("a--b", &["a"]);
        check("a/*b*/c", &["a", "c"]);
        check("/*/*a*/*/b", &["b"]);
        check("/*/ a */b", &["b"]);
        check("/**/b", &["b"]);
        check("/***/b", &["b"]);
        check("/* ' */b", &["b"]);
        check("/* -- */b", &["b"]);
        check("-- /*\nb", &["b"]);
        check("/*/*a*/b", &["!"]);
        check("/*/", &["!"]);
        check("a /*", &["a", "!"]);
        check("'/*' a '*/'", &["'/*'", "a", "'*/'"]);
    }

    #[test]
    fn strings() {
        check("'a''b'c", &["'a''b'", "c"]);
        check(r"'a\' b", &[r"'a\'", "b"]);
        check(r"E'a\' b'", &[r"E'a\' b'"]);
        check(r"e'a\\' b", &[r"e'a\\'", "b"]);
        check(r"E'a''\'' b", &[r"E'a''\''", "b"]);
        check(r"E'a\", &["!"]);
        check(r"E'a\'", &["!"]);
        check("'a", &["!"]);
        check("'a''", &["!"]);
        check(r"nE'a\' b", &["nE", r"'a\'", "b"]);
        check(r"N'a\' b", &[r"N'a\'", "b"]);
        check(r"U&'a\' b", &[r"U&'a\'", "b"]);
        check("u & 'a'", &["u", "&", "'a'"]);
        check("b'01' X'1f'", &["b'01'", "X'1f'"]);
        check("E 'a'", &["E", "'a'"]);
    }

    #[test]
    fn continued_strings_keep_their_backslashes() {
        check("E'a'\n'b\\'' c", &["E'a'\n'b\\''", "c"]);
        check("E'a' -- it's\n  'b\\'' c", &["E'a' -- it's\n  'b\\''", "c"]);
        check("E'a' \t\r -- x\n -- y\n 'b\\'' c", &["E'a' \t\r -- x\n -- y\n 'b\\''", "c"]);
        check(r"E'a' 'b\' c", &["E'a'", r"'b\'", "c"]);
        check("E'a'/**/\n'b\\' c", &["E'a'", "'b\\'", "c"]);
        check("'a'\n'b\\' c", &["'a'", "'b\\'", "c"]);
    }

    #[test]
    fn dollar_quotes() {
        check("$$a'b$$c", &["$$a'b$$", "c"]);
        check("$a$ $$ $b$ $a$c", &["$a$ $$ $b$ $a$", "c"]);
        check("$a$ $b$a$c", &["$a$ $b$a$", "c"]);
        check("$a$$a$c", &["$a$$a$", "c"]);
        check("$é$x$é$c", &["$é$x$é$", "c"]);
        check("$A$x$a$", &["!"]);
        check("$1a$ $2", &["$1", "a$", "$2"]);
        check("a$$b$$c", &["a$$b$$c"]);
        check("1$$b$$c", &["1", "$$b$$", "c"]);
        check("$$a", &["!"]);
        check("$a", &["$", "a"]);
        check("$", &["$"]);
        check("$1", &["$1"]);
    }

    #[test]
    fn names() {
        check("\"a\"\"b\"c", &["\"a\"\"b\"", "c"]);
        check("\"a--b\"", &["\"a--b\""]);
        check("U&\"a\\0041\"b", &["U&\"a\\0041\"", "b"]);
        check("\"a", &["!"]);
        check("größe_1$x", &["größe_1$x"]);
        check("a.b . c", &["a", ".", "b", ".", "c"]);
    }

    #[test]
    fn numbers() {
        check("1 1.5 .5 1. 1e5 1.5E-3 1e+5", &["1", "1.5", ".5", "1.", "1e5", "1.5E-3", "1e+5"]);
        check("1..5", &["1", ".", ".5"]);
        check("1e", &["1", "e"]);
        check("1e'a\\'b'", &["1", "e'a\\'b'"]);
        check("0x1F 1_000", &["0", "x1F", "1", "_000"]);
        check("1from", &["1", "from"]);
        check("1--2", &["1"]);
    }

    #[test]
    fn operators() {
        check(&"+".repeat(1000), &[&"+".repeat(1000)]);
        check("a<=b", &["a", "<=", "b"]);
        check("a+-1", &["a", "+", "-", "1"]);
        check("a=-1", &["a", "=", "-", "1"]);
        check("a@-1", &["a", "@-", "1"]);
        check("a*--b\nc", &["a", "*", "c"]);
        check("a@--b\nc", &["a", "@", "c"]);
        check("a+/*b*/c", &["a", "+", "c"]);
        check("a|/*b*/c", &["a", "|", "c"]);
        check("a*/b", &["a", "*/", "b"]);
        check("a::b:=c:d", &["a", "::", "b", ":=", "c", ":", "d"]);
        check("a->>'b'", &["a", "->>", "'b'"]);
        check("a=>b", &["a", "=>", "b"]);
        check("{a}\\", &["{", "a", "}", "\\"]);
    }
}
