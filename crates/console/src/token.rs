//! Cuts a client's text into statements of tokens.

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, name or number, as written.
    Word(String),
    /// A name that was in double quotes.
    Name(String),
    /// A value that was in single quotes.
    Text(String),
    /// Any of `=`, `,`, `(`, `)`, `*`.
    Symbol(char),
}

impl Token {
    /// What it names, as PgBouncer reads names: bare or in double quotes.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Name(text) => Some(text),
            Self::Text(_) | Self::Symbol(_) => None,
        }
    }

    /// What it says as a value.
    pub(crate) fn value(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Name(text) | Self::Text(text) => Some(text),
            Self::Symbol(_) => None,
        }
    }

    /// Whether it is this keyword, in lower case here.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.name().is_some_and(|name| name.eq_ignore_ascii_case(keyword))
    }
}

/// A statement: its tokens, and its text for an error to quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token>,
}

/// A quote or comment that does not end; the text from the statement's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unended<'a>(pub(crate) &'a str);

/// Cuts `text` at its semicolons. Statements without tokens are left out.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement<'_>>, Unended<'_>> {
    let mut found = Vec::new();
    let mut tokens = Vec::new();
    let mut start = text;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            ';' => {
                let length = start.len() - rest.len();
                let text = start.get(..length).unwrap_or_default().trim();
                push(&mut found, text, std::mem::take(&mut tokens));
                start = after;
                after
            }
            _ if first.is_whitespace() => after,
            '\'' | '"' => {
                let (inside, after) = quoted(after, first).ok_or(Unended(start))?;
                tokens.push(if first == '"' { Token::Name(inside) } else { Token::Text(inside) });
                after
            }
            '=' | ',' | '(' | ')' | '*' => {
                tokens.push(Token::Symbol(first));
                after
            }
            _ if rest.starts_with("--") => {
                rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default()
            }
            _ if rest.starts_with("/*") => comment(rest).ok_or(Unended(start))?,
            _ => {
                let (word, after) = rest.split_at(word_len(rest));
                tokens.push(Token::Word(word.to_owned()));
                after
            }
        };
    }
    push(&mut found, start.trim(), tokens);
    Ok(found)
}

fn push<'a>(found: &mut Vec<Statement<'a>>, text: &'a str, tokens: Vec<Token>) {
    if !tokens.is_empty() {
        found.push(Statement { text, tokens });
    }
}

/// Up to the closing quote, which doubled stands for itself.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut rest = text;
    loop {
        let (piece, after) = rest.split_once(quote)?;
        inside.push_str(piece);
        match after.strip_prefix(quote) {
            Some(after) => {
                inside.push(quote);
                rest = after;
            }
            None => return Some((inside, after)),
        }
    }
}

/// What follows a comment; these nest, as in PostgreSQL.
fn comment(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix("/*") {
            depth += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = after;
            if depth == 0 {
                return Some(rest);
            }
        } else {
            let first = rest.chars().next()?;
            rest = rest.get(first.len_utf8()..)?;
        }
    }
}

/// Bytes of the word at the front; at least one character's.
fn word_len(text: &str) -> usize {
    let ends =
        |c: char| c.is_whitespace() || matches!(c, ';' | '\'' | '"' | '=' | ',' | '(' | ')' | '*');
    let mut previous = None;
    for (at, c) in text.char_indices() {
        if at > 0 && ends(c) {
            // `show/*now*/pools`: the slash began a comment.
            return if c == '*' && previous == Some('/') && at > 1 { at - 1 } else { at };
        }
        previous = Some(c);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&[&str]]) {
        let shown = |token: &Token| match token {
            Token::Word(word) => word.clone(),
            Token::Name(name) => format!("\"{name}\""),
            Token::Text(text) => format!("'{text}'"),
            Token::Symbol(symbol) => symbol.to_string(),
        };
        let found: Vec<Vec<String>> = statements(text)
            .unwrap()
            .iter()
            .map(|statement| statement.tokens.iter().map(shown).collect())
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn statements_end_at_semicolons_outside_quotes_and_comments() {
        check("", &[]);
        check(" ;; ; ", &[]);
        check("show pools", &[&["show", "pools"]]);
        check("SHOW POOLS;\nshow  stats ; ", &[&["SHOW", "POOLS"], &["show", "stats"]]);
        check("pause \"a;\"\"b\"", &[&["pause", "\"a;\"b\""]]);
        check("set x = 'it''s; -- not one'", &[&["set", "x", "=", "'it's; -- not one'"]]);
        check("set x=-1.5", &[&["set", "x", "=", "-1.5"]]);
        check("show -- all; of\n pools -- them", &[&["show", "pools"]]);
        check("show/* a /* b; */ */pools/**/;", &[&["show", "pools"]]);
        check("select 1,now()", &[&["select", "1", ",", "now", "(", ")"]]);
        check("pause größe-1", &[&["pause", "größe-1"]]);
        check("a / b", &[&["a", "/", "b"]]);
    }

    #[test]
    fn each_statement_keeps_its_text() {
        let texts: Vec<&str> =
            statements("show a ; show\tb;").unwrap().iter().map(|s| s.text).collect();
        assert_eq!(texts, ["show a", "show\tb"]);
    }

    #[test]
    fn what_does_not_end_is_told() {
        for text in ["show 'x", "show \"", "show /* a /* b */"] {
            assert_eq!(statements(text), Err(Unended(text)), "{text:?}");
        }
    }
}
