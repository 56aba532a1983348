//! Bodies of functions and of `DO`: what their code may do to the settings of the session.
//!
//! Words are looked for, nothing is understood: what looks like a statement that sets something
//! counts as one, also in a string, since that may be executed. Code that is made at run time
//! counts as unknown, unless the words it begins with say that it sets nothing.

use std::borrow::Cow;

use crate::lexer::{Kind, Lexer, Quotes, Token};

/// What code may do to the settings of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sets {
    /// It leaves them alone.
    #[default]
    Nothing,
    /// It sets some until the transaction ends.
    Transaction,
    /// Nobody has read it.
    Unknown,
    /// It sets some for the session.
    Session,
}

/// Strings within strings are looked into so far.
const DEPTH_MAX: usize = 8;

/// Tokens among the arguments of one `set_config` that are looked at, so that the time stays
/// linear.
const ARGUMENTS_MAX: usize = 256;

/// What the body of a function in this language may do to the settings.
pub fn sets_of_body(language: &str, body: &str) -> Sets {
    match language {
        // One of the server's own under another name.
        "internal" if mentions(body.as_bytes(), b"set_config") => Sets::Session,
        // Made by who may do anything to the server.
        "c" | "internal" => Sets::Nothing,
        "sql" | "plpgsql" => Code { depth: 0 }.sets(body.as_bytes()),
        _ => sets_of_foreign(body.as_bytes()),
    }
}

/// What a `DO` with this string for its code may do.
pub(crate) fn sets_of_block(language: &[u8], code: Token<'_>) -> Sets {
    let language = String::from_utf8_lossy(language).to_ascii_lowercase();
    let body = inside(code);
    std::str::from_utf8(&body).map_or(Sets::Unknown, |body| sets_of_body(&language, body))
}

/// Reads code in SQL or PL/pgSQL, or what may be some: a string in it.
#[derive(Clone, Copy)]
struct Code {
    /// How many strings are around it.
    depth: usize,
}

impl Code {
    fn sets(self, text: &[u8]) -> Sets {
        let mut lexer = Lexer::new(text);
        let mut sets = Sets::Nothing;
        let mut begins = true;
        while let Some(token) = lexer.next() {
            sets = sets.max(self.token(token, lexer, begins));
            if sets == Sets::Session {
                break;
            }
            begins = begins_statement(token);
        }
        sets
    }

    /// What a token says, with what is `ahead` of it. `begins`: a statement begins with it.
    fn token(self, token: Token<'_>, ahead: Lexer<'_>, begins: bool) -> Sets {
        match token.kind {
            Kind::Text(_) => self.within(token),
            Kind::Word(_) | Kind::Quoted if is_name(token, "set_config") => by_call(ahead),
            Kind::Word(_) if is(token, "update") && updates_settings(ahead) => Sets::Session,
            Kind::Word(_) if begins && is(token, "set") => self.by_statement(ahead, false),
            Kind::Word(_) if begins && is(token, "reset") => self.by_statement(ahead, true),
            Kind::Word(_) if self.depth == 0 && is(token, "execute") => by_execute(ahead),
            // What its letters are is written elsewhere; or it is another lexer's.
            Kind::EscapedName => Sets::Unknown,
            Kind::Unterminated if self.depth == 0 => Sets::Unknown,
            _ => Sets::Nothing,
        }
    }

    /// What is in a string may be executed.
    fn within(self, token: Token<'_>) -> Sets {
        if !mentions(token.text, b"set") {
            return Sets::Nothing;
        }
        if self.depth == DEPTH_MAX {
            return Sets::Unknown;
        }
        Self { depth: self.depth + 1 }.sets(&inside(token))
    }

    /// Behind `SET` or `RESET`. In a string it may be the beginning of a sentence.
    fn by_statement(self, mut ahead: Lexer<'_>, resets: bool) -> Sets {
        let is_string = self.depth > 0;
        let Some(first) = ahead.next() else { return Sets::Session };
        let is_word = matches!(first.kind, Kind::Word(_));
        if !resets && is_word && is(first, "local") {
            return Sets::Transaction;
        }
        if !resets && is_word && (is(first, "transaction") || is(first, "constraints")) {
            return Sets::Nothing;
        }
        let sets = match ahead.next() {
            // A variable of this name is assigned; or a name is to be filled in.
            _ if !is_word => is_string || first.kind == Kind::Quoted,
            _ if !is_string || KINDS.iter().any(|kind| is(first, kind)) => true,
            None => looks_like_setting(first),
            Some(next) => match next.kind {
                Kind::Word(_) => is(next, "to") || is(next, "from"),
                Kind::Semicolon => looks_like_setting(first),
                Kind::Operator | Kind::Dot | Kind::Other => true,
                _ => false,
            },
        };
        if sets { Sets::Session } else { Sets::Nothing }
    }
}

/// Words behind `SET` that are no settings' names.
const KINDS: [&str; 7] = ["session", "role", "schema", "time", "names", "catalog", "xml"];

/// Statements that set nothing, whatever stands behind their first word.
const HARMLESS: [&str; 21] = [
    "insert", "update", "delete", "merge", "create", "alter", "drop", "truncate", "analyze",
    "vacuum", "refresh", "grant", "revoke", "comment", "lock", "notify", "copy", "reindex",
    "cluster", "listen", "unlisten",
];

/// Behind `set_config`.
fn by_call(mut ahead: Lexer<'_>) -> Sets {
    let mut depth = 0_usize;
    // The two tokens before the one at hand.
    let (mut last, mut before): (Option<Token<'_>>, Option<Token<'_>>) = (None, None);
    let mut names_local = false;
    for _ in 0..ARGUMENTS_MAX {
        let Some(token) = ahead.next() else { break };
        match token.kind {
            Kind::Open => depth += 1,
            _ if depth == 0 => break,
            Kind::Close if depth == 1 => {
                let is_true = last.is_some_and(|it| is(it, "true"));
                let stands_alone = before.is_some_and(|it| match it.kind {
                    Kind::Comma => true,
                    Kind::Operator => matches!(it.text, b"=>" | b":=") && names_local,
                    _ => false,
                });
                return if is_true && stands_alone { Sets::Transaction } else { Sets::Session };
            }
            Kind::Close => depth -= 1,
            Kind::Operator => names_local = last.is_some_and(|it| is(it, "is_local")),
            _ => {}
        }
        (before, last) = (last, Some(token));
    }
    Sets::Session
}

/// Behind `UPDATE`: whether its relation is `pg_settings`, of which a rule makes a `set_config`.
fn updates_settings(mut ahead: Lexer<'_>) -> bool {
    // `ONLY`, a parenthesis, the schema with its dot, and the name.
    for _ in 0..5 {
        match ahead.next() {
            Some(token) if is_name(token, "pg_settings") => return true,
            Some(token)
                if matches!(token.kind, Kind::Open | Kind::Dot)
                    || is(token, "only")
                    || is_name(token, "pg_catalog") => {}
            _ => return false,
        }
    }
    false
}

/// Behind `EXECUTE`.
fn by_execute(mut ahead: Lexer<'_>) -> Sets {
    let mut next = || ahead.next();
    let Some(mut token) = next() else { return Sets::Unknown };
    if ["function", "procedure", "on"].iter().any(|it| is(token, it)) {
        // What a trigger runs, or who may.
        return Sets::Nothing;
    }
    let mut is_made = false;
    while token.kind == Kind::Open || is(token, "format") {
        is_made |= is(token, "format");
        let Some(behind) = next() else { return Sets::Unknown };
        token = behind;
    }
    if !matches!(token.kind, Kind::Text(_)) {
        return Sets::Unknown;
    }
    is_made |= match next() {
        None => false,
        Some(behind) => {
            let ends = matches!(behind.kind, Kind::Semicolon | Kind::Close);
            !ends && !["into", "using", "loop", "strict"].iter().any(|it| is(behind, it))
        }
    };
    let code = inside(token);
    let mut code = Lexer::new(&code);
    let first = code.next();
    let is_harmless = |word: Token<'_>| {
        // The word is whole if something is behind it.
        code.left() > 0 && HARMLESS.iter().any(|it| is(word, it))
    };
    let runs_code = |word: Token<'_>| is(word, "do") || is(word, "execute");
    match first {
        Some(word) if is_made => {
            if is_harmless(word) {
                Sets::Nothing
            } else {
                Sets::Unknown
            }
        }
        // The rest of it is looked at as any string.
        Some(word) if !runs_code(word) => Sets::Nothing,
        _ => Sets::Unknown,
    }
}

/// Code in another language has SQL in its strings, and nobody knows what else it runs.
fn sets_of_foreign(body: &[u8]) -> Sets {
    let body = body.to_ascii_lowercase();
    let at = |index: usize| body.get(index).copied();
    let sets = (0..body.len()).any(|from| {
        let rest = body.get(from..).unwrap_or_default();
        let length = if rest.starts_with(b"set") {
            3
        } else if rest.starts_with(b"reset") {
            5
        } else {
            return false;
        };
        let before = body.get(..from).unwrap_or_default();
        let begins = before
            .iter()
            .rev()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_none_or(|byte| b"\"'`;{[(|/<$".contains(byte));
        let behind = rest.get(length..).unwrap_or_default().trim_ascii_start();
        let is_word = at(from + length).is_some_and(|byte| byte.is_ascii_whitespace());
        begins && is_word && !behind.starts_with(b"local ") && !behind.starts_with(b"transaction ")
    });
    let updates = mentions(&body, b"pg_settings") && mentions(&body, b"update");
    if sets || updates || mentions(&body, b"set_config") { Sets::Session } else { Sets::Unknown }
}

fn begins_statement(token: Token<'_>) -> bool {
    match token.kind {
        Kind::Semicolon => true,
        Kind::Word(_) => {
            ["begin", "then", "else", "loop", "declare"].iter().any(|word| is(token, word))
        }
        // Behind a label.
        Kind::Operator => token.text == b">>",
        _ => false,
    }
}

fn is(token: Token<'_>, word: &str) -> bool {
    token.text.eq_ignore_ascii_case(word.as_bytes())
}

fn is_name(token: Token<'_>, name: &str) -> bool {
    let quoted = token.text.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\""));
    is(token, name) || quoted == Some(name.as_bytes())
}

/// A word that is hardly the object of a sentence.
fn looks_like_setting(word: Token<'_>) -> bool {
    word.text.contains(&b'_')
        || ["all", "role", "timezone", "datestyle"].iter().any(|it| is(word, it))
}

fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|it| it.eq_ignore_ascii_case(word))
}

/// What a string says, as far as its words go.
fn inside(token: Token<'_>) -> Cow<'_, [u8]> {
    let text = token.text;
    let quote = if token.kind == Kind::Text(Quotes::Dollar) {
        text.iter().skip(1).position(|byte| *byte == b'$').map_or(0, |at| at + 2)
    } else {
        text.iter().position(|byte| *byte == b'\'').map_or(0, |at| at + 1)
    };
    let end = if token.kind == Kind::Text(Quotes::Dollar) { quote } else { 1 };
    let inner = text.get(quote..text.len().saturating_sub(end)).unwrap_or_default();
    if token.kind == Kind::Text(Quotes::Dollar) || !inner.iter().any(|it| b"'\\".contains(it)) {
        return Cow::Borrowed(inner);
    }
    let has_escapes = matches!(text.first(), Some(b'e' | b'E'));
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            // It is doubled.
            b'\'' => plain.extend(bytes.next()),
            // A quote, or a blank of some kind.
            b'\\' if has_escapes => {
                let next = bytes.next();
                plain.push(if next == Some(b'\'') { b'\'' } else { b' ' });
            }
            byte => plain.push(byte),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Sets, bodies: &[&str]) {
        for body in bodies {
            assert_eq!(sets_of_body("plpgsql", body), expected, "{body}");
        }
    }

    #[test]
    fn what_sets_something_for_the_session_is_found() {
        check(
            Sets::Session,
            &[
                "SELECT set_config('a.b', $1, false)",
                "BEGIN PERFORM pg_catalog.set_config('search_path', p, local); END",
                "SELECT \"set_config\"('a', 'b', false)",
                "SELECT set_config('a', f(1, true), false)",
                "SELECT set_config('a', 'b', x OR true)",
                "SELECT set_config(is_local => false, setting_name => 'a', new_value => true)",
                "SELECT set_config('a', 'b', true), set_config('a', 'b', false)",
                "BEGIN SET search_path TO other; END",
                "BEGIN IF a THEN SET ROLE b; END IF; END",
                "BEGIN <<label>> SET SESSION search_path = a; END",
                "DECLARE a int; BEGIN RESET search_path; END",
                "BEGIN /* why */ SET -- so\n search_path = b; END",
                "BEGIN EXECUTE 'SET search_path TO ' || quote_ident(x); END",
                "BEGIN EXECUTE format('SET search_path TO %I', x); END",
                "BEGIN EXECUTE format($q$ set %I = %L $q$, a, b); END",
                "BEGIN sql := 'SELECT 1; SET ' || a; EXECUTE sql; END",
                "BEGIN EXECUTE 'SELECT set_config(''a'', ''b'', false)'; END",
                "BEGIN EXECUTE E'SELECT set_config(\\'a\\', \\'b\\', false)'; END",
                "BEGIN EXECUTE 'DO $x$ BEGIN SET a.b = 1; END $x$'; END",
                "BEGIN EXECUTE 'RESET ALL'; END",
                "BEGIN EXECUTE 'SET SCHEMA ''other'''; END",
                "BEGIN EXECUTE 'SET search_path TO \"' || x || '\"'; END",
                "UPDATE pg_settings SET setting = $1 WHERE name = 'search_path'",
                "BEGIN UPDATE ONLY (pg_catalog.\"pg_settings\") AS s SET setting = a; END",
                "WITH a AS (UPDATE PG_SETTINGS SET setting = a RETURNING 1) SELECT 1 FROM a",
                "BEGIN EXECUTE format('UPDATE pg_settings SET setting = %L', a); END",
            ],
        );
        assert_eq!(sets_of_body("internal", "set_config_by_name"), Sets::Session);
        for body in [
            "plpy.execute(\"SET search_path TO x\")",
            "spi_exec_query('set search_path to x');",
            "plv8.execute(`\n  SET a.b = 1`)",
            "plpy.execute(plan('select set_config($1, $2, false)'))",
            "plpy.execute('UPDATE pg_settings SET setting = 1')",
        ] {
            assert_eq!(sets_of_body("plpython3u", body), Sets::Session, "{body}");
        }
    }

    #[test]
    fn what_sets_nothing_beyond_the_transaction_is_let_be() {
        check(
            Sets::Nothing,
            &[
                "",
                "BEGIN UPDATE t SET a = 1; RETURN NEW; END",
                "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 2",
                "BEGIN MERGE INTO t USING s ON a = b WHEN MATCHED THEN UPDATE SET a = 1; END",
                "BEGIN ALTER TABLE t SET (fillfactor = 50); SET CONSTRAINTS ALL DEFERRED; END",
                "BEGIN RAISE EXCEPTION 'Set the value of %', x; END",
                "BEGIN INSERT INTO mails VALUES ('Reset password', 'Set password; thanks'); END",
                "BEGIN EXECUTE 'UPDATE t SET a = $1' USING b; END",
                "BEGIN EXECUTE format('INSERT INTO %I SELECT $1.*', part) USING NEW; END",
                "BEGIN EXECUTE 'CREATE TABLE ' || x; EXECUTE 'SELECT f()' INTO y; END",
                "BEGIN set := 1; RETURN set; END",
                "SELECT current_setting('a.b', true), setting, offset FROM t",
                "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION b()",
                "BEGIN SET TRANSACTION READ ONLY; END",
                "BEGIN UPDATE t SET a = (SELECT setting FROM pg_settings WHERE name = 'b'); END",
                "SELECT setting FROM pg_settings FOR UPDATE",
            ],
        );
        assert_eq!(sets_of_body("c", "uuid_generate_v4"), Sets::Nothing);
        assert_eq!(sets_of_body("internal", "textlen"), Sets::Nothing);
        check(
            Sets::Transaction,
            &[
                "SELECT set_config('a.b', $1, true)",
                "BEGIN PERFORM set_config('a.b', NEW.id::text, TRUE); END",
                "SELECT set_config('a', f('b', g(1)), is_local => true)",
                "BEGIN SET LOCAL search_path = a; END",
                "BEGIN EXECUTE 'SET LOCAL search_path TO a'; END",
            ],
        );
    }

    #[test]
    fn what_is_made_at_run_time_is_unknown() {
        check(
            Sets::Unknown,
            &[
                "BEGIN EXECUTE sql; END",
                "BEGIN EXECUTE 'SE' || 'T search_path TO other'; END",
                "BEGIN EXECUTE format('SELECT %I()', f); END",
                "BEGIN RETURN QUERY EXECUTE 'SELECT ' || columns; END",
                "BEGIN EXECUTE 'insert'; EXECUTE 'insert' || x; END",
                "BEGIN 'open",
            ],
        );
        assert_eq!(sets_of_body("plperl", "return $_[0] + 1"), Sets::Unknown);
        assert_eq!(sets_of_body("plpython3u", "s = set (a)\noffset = 1"), Sets::Unknown);
    }
}
