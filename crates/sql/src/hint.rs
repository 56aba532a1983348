//! What a client asks for in comments: `/*afterwrite.level='strong'*/`, `-- afterwrite: primary`.
//!
//! Two forms. In sqlcommenter's, pairs stand among others that are not ours; values are quoted
//! and URL-encoded. In the short form the comment is ours alone, and values are taken as they
//! stand. Only the lexer says what a comment is, so no string or name can hold a hint; and it is
//! asked only if the word stands somewhere in the text at all, which hardly any text has.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use afterwrite_types::{BadTerms, KEY_MAX, Preference, Source, Span, Terms};
use memchr::memmem::Finder;
use smallvec::SmallVec;

use crate::lexer::{Kind, Lexer, comments_within};

/// Hints of one text that are read at most.
pub const HINTS_MAX: usize = 16;

/// Bytes of hints in one text that are read at most.
pub const HINT_TEXT_MAX: usize = 4096;

/// Bytes of a client's words that a problem quotes at most.
const QUOTED_MAX: usize = 40;

const WORD: &[u8] = b"afterwrite";

/// The short form's beginning.
const OURS: &[u8] = b"afterwrite:";

/// How our keys begin among others'.
const PREFIX: &[u8] = b"afterwrite.";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(WORD));

/// The hints of one text, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// What is asked for: of several the stricter of each.
    pub terms: Terms,
    /// Keys whose floors count, too.
    pub keys: SmallVec<[Box<str>; 1]>,
    /// Tokens to be seen, as they were written: what they say is not looked at here.
    pub tokens: SmallVec<[Box<str>; 1]>,
    /// Where a read should rather run; the primary counts more.
    pub preference: Option<Preference>,
    /// What its writes are counted as; of several the greatest.
    pub source: Option<Source>,
    /// What was wrong with those that are left out.
    pub problems: Vec<Problem>,
}

/// Why a hint is left out.
///
/// Of the client's words it holds a short piece, escaped: it may be printed anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No hint has this name.
    Unknown(Box<str>),
    /// `afterwrite.level`, or what follows a level, cannot be followed.
    Terms(&'static str, Box<str>, BadTerms),
    /// What should be a time is none.
    Span(&'static str, Box<str>),
    /// `afterwrite.route` is neither `primary` nor `replica`.
    Route(Box<str>),
    /// `afterwrite.source` is none of those that there are.
    Source(Box<str>),
    /// The value does not stand in single quotes behind an equals sign.
    Unquoted(Box<str>),
    /// The value is not URL-encoded UTF-8.
    Encoding(Box<str>),
    /// The key is longer than keys may be.
    KeyTooLong,
    /// There are more than [`HINTS_MAX`].
    TooMany,
    /// They are longer than [`HINT_TEXT_MAX`].
    TooLong,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no hint \"{name}\""),
            Self::Terms(name, value, problem) => write!(f, "{name} \"{value}\": {problem}"),
            Self::Span(name, value) => {
                write!(f, "{name} \"{value}\": {}", afterwrite_types::BadSpan)
            }
            Self::Route(value) => write!(f, "route \"{value}\" is neither primary nor replica"),
            Self::Source(value) => {
                write!(f, "source \"{value}\": {}", afterwrite_types::UnknownSource)
            }
            Self::Unquoted(hint) => {
                write!(f, "\"{hint}\" is not a name, an equals sign and a value in single quotes")
            }
            Self::Encoding(value) => write!(f, "\"{value}\" is not URL-encoded UTF-8"),
            Self::KeyTooLong => write!(f, "session is limited to {KEY_MAX} bytes"),
            Self::TooMany => write!(f, "no more than {HINTS_MAX} are read in one text"),
            Self::TooLong => write!(f, "no more than {HINT_TEXT_MAX} bytes are read in one text"),
        }
    }
}

/// Reads the hints in the comments of one SQL string, as far as its comments can be told.
///
/// Lexed with `standard_conforming_strings` on, as in [`analyse`](crate::analyse). The time is
/// linear in the length of the text: one fast search for nearly all of them.
pub fn hints(text: &[u8]) -> Hints {
    let mut reader = Reader::default();
    if FINDER.find(text).is_none() {
        return reader.hints;
    }
    let mut lexer = Lexer::new(text);
    while let Some(token) = lexer.next_behind(|comment| reader.comment(comment)) {
        if token.kind == Kind::Unterminated {
            break;
        }
        comments_within(token, |comment| reader.comment(comment));
    }
    reader.hints
}

/// As [`hints`], of a text whose end is not there: a comment that may be cut off is no hint.
pub fn hints_at_beginning(text: &[u8]) -> Hints {
    let line = text.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(0);
    // Only a comment of one line ends with the text without saying so.
    let open = text.get(line..).and_then(|line| memchr::memmem::find(line, b"--"));
    let whole = open.map_or(text.len(), |open| line + open);
    hints(text.get(..whole).unwrap_or_default())
}

impl Hints {
    /// Whether there was not even a bad one.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn set(&mut self, name: &[u8], value: String) -> Result<(), Problem> {
        match name {
            b"level" => {
                let bad = |problem| Problem::Terms("level", quoted(value.as_bytes()), problem);
                self.terms = self.terms.and(value.parse().map_err(bad)?);
            }
            b"at_timeout" => {
                let bad = |problem| Problem::Terms("at_timeout", quoted(value.as_bytes()), problem);
                let then = Some(value.parse().map_err(bad)?);
                self.terms = self.terms.and(Terms { then, ..Terms::default() });
            }
            b"wait_max" => {
                let within = Some(span("wait_max", &value)?);
                self.terms = self.terms.and(Terms { within, ..Terms::default() });
            }
            b"max_staleness" => {
                let max_staleness = Some(span("max_staleness", &value)?);
                self.terms = self.terms.and(Terms { max_staleness, ..Terms::default() });
            }
            b"route" => {
                let route = value.parse().map_err(|_| Problem::Route(quoted(value.as_bytes())))?;
                self.preference = self.preference.max(Some(route));
            }
            b"source" => {
                let source: Source =
                    value.parse().map_err(|_| Problem::Source(quoted(value.as_bytes())))?;
                self.source = self.source.max(Some(source));
            }
            b"session" if value.len() > KEY_MAX => return Err(Problem::KeyTooLong),
            // As with SET, an empty text names no key and brings no token.
            b"session" | b"token" if value.is_empty() => {}
            b"session" => self.keys.push(value.into()),
            b"token" => self.tokens.push(value.into()),
            _ => return Err(Problem::Unknown(quoted(name))),
        }
        Ok(())
    }
}

/// Adds hints up.
#[derive(Debug, Default)]
struct Reader {
    hints: Hints,
    read: usize,
    bytes: usize,
    /// A limit was reached: nothing more is read.
    full: bool,
}

impl Reader {
    fn comment(&mut self, comment: &[u8]) {
        let comment = comment.trim_ascii();
        if let Some(items) = comment.strip_prefix(OURS) {
            for item in (Items { rest: Some(items), escapes: false }) {
                self.take(item, short);
            }
        } else if FINDER.find(comment).is_some() {
            for item in (Items { rest: Some(comment), escapes: true }) {
                if let Some(pair) = item.strip_prefix(PREFIX) {
                    self.take(pair, pair_of);
                }
            }
        }
    }

    fn take(&mut self, item: &[u8], split: fn(&[u8]) -> Result<Pair<'_>, Problem>) {
        if self.full || item.is_empty() {
            return;
        }
        self.read += 1;
        self.bytes += item.len();
        let limit = if self.read > HINTS_MAX {
            Err(Problem::TooMany)
        } else if self.bytes > HINT_TEXT_MAX {
            Err(Problem::TooLong)
        } else {
            Ok(())
        };
        self.full = limit.is_err();
        let taken =
            limit.and_then(|()| split(item)).and_then(|(name, value)| self.hints.set(name, value));
        self.hints.problems.extend(taken.err());
    }
}

/// What stands between commas. A comma in a quoted value divides nothing.
struct Items<'a> {
    rest: Option<&'a [u8]>,
    /// In quotes a backslash takes away the meaning of what follows it.
    escapes: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let mut quoted = false;
        // A quote opens a value only behind an equals sign: there is prose in comments, too.
        let mut valued = false;
        let mut bytes = text.iter().enumerate();
        let mut end = None;
        while let Some((at, &byte)) = bytes.next() {
            match byte {
                b'\\' if quoted && self.escapes => {
                    bytes.next();
                }
                b'\'' if quoted => quoted = false,
                b'\'' => quoted = valued,
                b',' if !quoted => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
            valued = byte == b'=' || valued && byte.is_ascii_whitespace();
        }
        self.rest = end.and_then(|end| text.get(end + 1..));
        Some(text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim_ascii())
    }
}

/// Name and value of a hint.
type Pair<'a> = (&'a [u8], String);

/// Of one in the short form.
fn short(item: &[u8]) -> Result<Pair<'_>, Problem> {
    let bare = item.to_ascii_lowercase();
    if matches!(bare.as_slice(), b"primary" | b"replica") {
        return Ok((b"route", String::from_utf8_lossy(&bare).into_owned()));
    }
    let Some((name, value)) = at_equals(item) else { return Err(Problem::Unknown(quoted(item))) };
    let value = match value {
        [b'\'', inner @ .., b'\''] => inner,
        bare => bare,
    };
    let text = std::str::from_utf8(value).map_err(|_| Problem::Encoding(quoted(value)))?;
    Ok((name, text.to_owned()))
}

/// Of one in sqlcommenter's form, behind our prefix.
fn pair_of(pair: &[u8]) -> Result<Pair<'_>, Problem> {
    match at_equals(pair) {
        Some((name, [b'\'', inner @ .., b'\''])) => Ok((name, decode(inner)?)),
        _ => Err(Problem::Unquoted(quoted(pair))),
    }
}

fn at_equals(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = item.iter().position(|byte| *byte == b'=')?;
    let (name, value) = item.split_at_checked(at)?;
    Some((name.trim_ascii_end(), value.get(1..)?.trim_ascii_start()))
}

/// Takes back what sqlcommenter does to a value: URL encoding, then backslashes before quotes.
///
/// Libraries for drivers that take `%` for a parameter write `%%`, and the driver does not
/// always take that back; in a value that is URL-encoded it can mean nothing else.
fn decode(value: &[u8]) -> Result<String, Problem> {
    let bad = || Problem::Encoding(quoted(value));
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, more)) = rest.split_first() {
        rest = match (first, more) {
            (b'\\', [escaped, more @ ..]) => {
                decoded.push(*escaped);
                more
            }
            (b'%', [b'%', high, low, more @ ..] | [high, low, more @ ..]) => {
                decoded.push(hex(*high).zip(hex(*low)).map(|(h, l)| 16 * h + l).ok_or_else(bad)?);
                more
            }
            (b'%' | b'\\' | b'\'', _) => return Err(bad()),
            (byte, more) => {
                decoded.push(byte);
                more
            }
        };
    }
    String::from_utf8(decoded).map_err(|_| bad())
}

fn span(name: &'static str, value: &str) -> Result<Duration, Problem> {
    let bad = |_| Problem::Span(name, quoted(value.as_bytes()));
    value.parse().map(|Span(time)| time).map_err(bad)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The beginning of a client's words, in letters that are safe to print anywhere.
fn quoted(words: &[u8]) -> Box<str> {
    let short = words.get(..QUOTED_MAX).unwrap_or(words);
    let dots = if short.len() < words.len() { "..." } else { "" };
    format!("{}{dots}", short.escape_ascii()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The hints of a text as words.
    fn read(sql: &str) -> String {
        let Hints { terms, keys, tokens, preference, source, problems } = hints(sql.as_bytes());
        let mut words: Vec<String> = Vec::new();
        words.extend(
            (Terms { max_staleness: None, ..terms } != Terms::default()).then(|| terms.to_string()),
        );
        words.extend(terms.max_staleness.map(|it| format!("at most {} old", Span(it))));
        words.extend(keys.iter().map(|key| format!("key {key}")));
        words.extend(tokens.iter().map(|token| format!("token {token}")));
        words.extend(preference.map(|it| it.name().to_owned()));
        words.extend(source.map(|it| format!("counts as {it}")));
        words.extend(problems.iter().map(|problem| format!("! {problem}")));
        words.join("; ")
    }

    fn check(sql: &str, expected: &str) {
        assert_eq!(read(sql), expected, "{sql:?}");
    }

    #[test]
    fn anywhere_where_a_comment_may_stand() {
        for sql in [
            "/* afterwrite: primary */ SELECT 1",
            "SELECT 1 /* afterwrite: primary */",
            "SELECT 1 -- afterwrite: primary",
            "SELECT 1; -- afterwrite: primary\n",
            "SELECT -- afterwrite: primary\r 1",
            "SELECT a/* afterwrite: primary */FROM t",
            "SELECT 1 +/* afterwrite: primary */ 1",
            "/* afterwrite: primary */",
            "/*afterwrite:primary*/SELECT 1",
            "/*\n\tafterwrite:\n\tprimary\n*/ SELECT 1",
            "--afterwrite:primary",
            "SELECT E'a' -- afterwrite: primary\n 'b'",
            "SELECT 'a' -- afterwrite: primary\n 'b'",
            "/* afterwrite: PRIMARY */ SELECT 1",
            "/* afterwrite: route=primary */ SELECT 1",
            "/* afterwrite: replica, primary */ SELECT 1",
            "/*afterwrite.route='primary'*/ SELECT 1",
            "SELECT 1 /*afterwrite.route='primary'*/;",
            "SELECT 1 /* x *//*afterwrite.route='primary'*/",
            "SELECT 1 /*a='1',afterwrite.route='primary',b='2'*/",
            "SELECT 1 /* it's for users, afterwrite.route='primary' */",
        ] {
            check(sql, "primary");
        }
    }

    #[test]
    fn only_in_comments_and_only_ours() {
        for sql in [
            "SELECT '/* afterwrite: primary */'",
            "SELECT 'it''s /* afterwrite: primary */'",
            r"SELECT E'\' /* afterwrite: primary */'",
            "SELECT E'a' 'b' -- afterwrite",
            "SELECT $$ /* afterwrite: primary */ $$",
            "SELECT $a$ -- afterwrite: primary\n $a$",
            "SELECT 1 AS \"/* afterwrite: primary */\"",
            "SELECT 1 AS U&\"-- afterwrite: primary\"",
            "SELECT 1 /* afterwrite: primary",
            "SELECT '/* afterwrite: primary */",
            "/* outer /* afterwrite: primary */ */ SELECT 1",
            "-- /* afterwrite: primary */\nSELECT 1",
            "/* Afterwrite: primary */ SELECT 1",
            "/* see afterwrite.level */ SELECT 1",
            "/* it's, afterwriter='x' */ SELECT 1",
            "/*comment='afterwrite.level=\\'strong\\',afterwrite.route=\\'primary\\''*/ SELECT 1",
            "/*a='x, afterwrite.route=primary'*/ SELECT 1",
            "SELECT afterwrite.level",
            "SET afterwrite.level = 'strong'",
            "",
        ] {
            check(sql, "");
        }
    }

    #[test]
    fn values_are_read_in_both_forms() {
        check("/*afterwrite.level='strong'*/", "strong");
        check("/*afterwrite.level='STRONG'*/", "strong");
        check("/* afterwrite: level=eventual */", "eventual");
        check("/*afterwrite.session='user%3A42'*/", "key user:42");
        check("/*afterwrite.session='user%%3a42'*/", "key user:42");
        check("/*afterwrite.session='caf%C3%A9+1'*/", "key café+1");
        check(r"/*afterwrite.session='o\'brien'*/", "key o'brien");
        check("/*afterwrite.session='o%27brien,2'*/", "key o'brien,2");
        check("/* afterwrite: session=user:42 */", "key user:42");
        check("/* afterwrite: session = 'a, b' */", "key a, b");
        check("/* afterwrite: session=50%25 */", "key 50%25");
        check("/* afterwrite: session=a=b */", "key a=b");
        check("/*afterwrite.token='v1.AAA'*/", "token v1.AAA");
        check("/*afterwrite.session='',afterwrite.token=''*/", "");
        check("/* afterwrite: */", "");
        check(
            "/*action='run',afterwrite.level='strong',afterwrite.session='user%3A42',\
             traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/ SELECT 1",
            "strong; key user:42",
        );
        check(
            "/* afterwrite: level=strong, session=user:42, token=v1.x, replica */ SELECT 1",
            "strong; key user:42; token v1.x; replica",
        );
    }

    #[test]
    fn several_add_up_to_the_strictest() {
        check(
            "/* afterwrite: level=strong, primary */ SELECT 1; -- afterwrite: replica\n\
             SELECT 2 /*afterwrite.level='eventual',afterwrite.session='a'*/ /*afterwrite.session='b'*/",
            "strong; key a; key b; primary",
        );
    }

    #[test]
    fn a_bad_one_is_named_and_left_out() {
        check(
            "/* afterwrite: level=exact */",
            "! level \"exact\": expected eventual, bounded, read_your_writes, causal or strong (and then primary, error or stale)",
        );
        check(
            "/* afterwrite: level= */",
            "! level \"\": expected eventual, bounded, read_your_writes, causal or strong (and then primary, error or stale)",
        );
        check("/*afterwrite.route='near'*/", "! route \"near\" is neither primary nor replica");
        let unknown = "! source \"table\": expected creation, update or manual";
        check("/*afterwrite.source='table'*/", unknown);
        check("/* afterwrite: source=Creation */ INSERT", "counts as creation");
        check("/*afterwrite.source='update',afterwrite.source='creation'*/", "counts as update");
        check(
            "/*afterwrite.colour='red',afterwrite.level='strong'*/",
            "strong; ! there is no hint \"colour\"",
        );
        check("/* afterwrite: standby, session=a */", "key a; ! there is no hint \"standby\"");
        check(
            "/* afterwrite: level=strong session=a */",
            "! level \"strong session=a\": expected eventual, bounded, read_your_writes, causal or strong (and then primary, error or stale)",
        );
        let unquoted = "is not a name, an equals sign and a value in single quotes";
        check("/*afterwrite.level=strong*/", &format!("! \"level=strong\" {unquoted}"));
        check("/*afterwrite.level*/", &format!("! \"level\" {unquoted}"));
        check("/*afterwrite.level='strong*/", &format!("! \"level=\\'strong\" {unquoted}"));
        check("/*afterwrite.level='*/", &format!("! \"level=\\'\" {unquoted}"));
        check("/*afterwrite.session='%zz'*/", "! \"%zz\" is not URL-encoded UTF-8");
        check("/*afterwrite.session='%4'*/", "! \"%4\" is not URL-encoded UTF-8");
        check("/*afterwrite.session='%ff'*/", "! \"%ff\" is not URL-encoded UTF-8");
        check("/*afterwrite.session='a'b'*/", "! \"a\\'b\" is not URL-encoded UTF-8");
        check("/* afterwrite: \u{1b}[31mé */", r#"! there is no hint "\x1b[31m\xc3\xa9""#);
        let long = "x".repeat(100);
        let shown = &long[..QUOTED_MAX];
        check(&format!("/* afterwrite: {long} */"), &format!("! there is no hint \"{shown}...\""));
    }

    #[test]
    fn no_more_than_the_limits_is_read() {
        let key = |bytes: usize| format!("/* afterwrite: session={} */", "k".repeat(bytes));
        assert_eq!(hints(key(KEY_MAX).as_bytes()).keys.len(), 1);
        check(&key(KEY_MAX + 1), "! session is limited to 1024 bytes");
        let many = |count: usize| "/*afterwrite.session='a'*/ ".repeat(count);
        let (most, more) = (hints(many(HINTS_MAX).as_bytes()), hints(many(100).as_bytes()));
        assert_eq!((most.keys.len(), most.problems), (HINTS_MAX, vec![]));
        assert_eq!((more.keys.len(), more.problems), (HINTS_MAX, vec![Problem::TooMany]));
        let long = hints(key(1000).repeat(9).as_bytes());
        assert_eq!((long.keys.len(), long.problems), (4, vec![Problem::TooLong]));
        let others = format!("/*tracestate='{}',afterwrite.route='primary'*/", "x".repeat(9000));
        check(&others, "primary");
    }

    #[test]
    fn what_may_be_cut_off_is_no_hint() {
        for (text, expected) in [
            ("/* afterwrite: primary */ INSERT INTO t VALUES ('a", 1),
            ("/* afterwrite: session=a */ -- afterwrite: session=b", 1),
            ("-- afterwrite: session=a\n-- afterwrite: session=b", 1),
            ("-- afterwrite: session=a\n-- afterwrite: session=b\r", 2),
            ("-- afterwrite: session=a", 0),
            ("/* afterwrite: session=a", 0),
            ("/* -- */ /* afterwrite: session=a */", 0),
        ] {
            let hints = hints_at_beginning(text.as_bytes());
            let found = hints.keys.len() + usize::from(hints.preference.is_some());
            assert_eq!(found, expected, "{text:?}");
        }
    }

    /// Pieces that comments, strings and hints are made of.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "/*",
            "*/",
            "--",
            "\n",
            "'",
            "\"",
            "$$",
            "$a$",
            "E'",
            "\\",
            "=",
            ",",
            "%",
            "%4",
            " ",
            "afterwrite:",
            "afterwrite.",
            "level",
            "session",
            "token",
            "route",
            "source",
            "strong",
            "a",
            "primary",
            ";",
            "U&",
            "é",
            "\0",
        ])
    }

    proptest! {
        #[test]
        fn any_text_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            hints(&bytes);
            hints(&[b"/* afterwrite: ", &bytes[..]].concat());
            hints(&[b"/*afterwrite.session='", &bytes[..], b"'*/"].concat());
        }

        #[test]
        fn what_looks_like_hints_is_read(pieces in prop::collection::vec(piece(), 0..40)) {
            let found = hints(pieces.concat().as_bytes());
            prop_assert!(found.problems.len() <= HINTS_MAX + 1);
            prop_assert!(found.keys.len() + found.tokens.len() <= HINTS_MAX);
            for problem in &found.problems {
                let text = problem.to_string();
                prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
            }
        }

        /// Whatever a literal or a quoted name holds, it is no hint.
        #[test]
        fn literals_give_no_hints(pieces in prop::collection::vec(piece(), 0..40)) {
            let inside = format!("/* afterwrite: primary */ -- afterwrite: primary\n{}", pieces.concat());
            let mut dollar = inside.clone();
            while dollar.contains("$a$") {
                // What is left around one may be another.
                dollar = dollar.replace("$a$", "");
            }
            for sql in [
                format!("SELECT '{}'", inside.replace('\'', "''")),
                format!("SELECT E'{}'", inside.replace('\\', "\\\\").replace('\'', "\\'")),
                format!("SELECT \"{}\"", inside.replace('"', "\"\"")),
                format!("SELECT $a${dollar} $a$"),
            ] {
                prop_assert!(hints(sql.as_bytes()).is_empty(), "{sql:?}");
            }
        }
    }
}
