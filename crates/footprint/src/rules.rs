//! What the user says of functions.

use std::fmt;

use crate::catalog::Called;
use crate::mention::Name;

/// What a function does by the user's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It only reads, whatever the catalog calls it.
    Reads,
    /// It writes, whatever the catalog calls it.
    Writes,
}

/// Functions that read and functions that write, by the user's word. Writing wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    reads: Vec<Pattern>,
    writes: Vec<Pattern>,
}

/// `name`, `schema.name`, each with `*` for any run of letters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    schema: Option<Box<str>>,
    name: Box<str>,
}

/// A pattern that names no function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no function: write name or schema.name, with * for any letters", self.0)
    }
}

impl std::error::Error for BadPattern {}

impl Rules {
    /// Functions that read and functions that write.
    pub fn new<'a>(
        reads: impl IntoIterator<Item = &'a str>,
        writes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BadPattern> {
        Ok(Self {
            reads: reads.into_iter().map(Pattern::new).collect::<Result<_, _>>()?,
            writes: writes.into_iter().map(Pattern::new).collect::<Result<_, _>>()?,
        })
    }

    /// What the user says of a function in a schema, if that is known.
    fn verdict(&self, schema: Option<&str>, name: &str) -> Option<Verdict> {
        let said = |patterns: &[Pattern]| patterns.iter().any(|it| it.fits(schema, name));
        if said(&self.writes) {
            Some(Verdict::Writes)
        } else if said(&self.reads) {
            Some(Verdict::Reads)
        } else {
            None
        }
    }

    /// What a call does, if the user says nothing else.
    pub(crate) fn judged(&self, name: &Name, schema: Option<&str>, otherwise: Called) -> Called {
        let schema = schema.or(name.schema.as_deref());
        match self.verdict(schema, &name.name) {
            Some(verdict) => otherwise.by(verdict, name),
            None => otherwise,
        }
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = || BadPattern(text.to_owned());
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_$*".contains(c))
        };
        if !is_name(name) || schema.is_some_and(|schema| !is_name(schema)) {
            return Err(bad());
        }
        Ok(Self { schema: schema.map(Into::into), name: name.into() })
    }

    fn fits(&self, schema: Option<&str>, name: &str) -> bool {
        let schema_fits = match (&self.schema, schema) {
            (None, _) => true,
            (Some(pattern), Some(schema)) => glob(pattern, schema),
            (Some(_), None) => false,
        };
        schema_fits && glob(&self.name, name)
    }
}

/// Whether a text fits a pattern in which `*` stands for any run of letters.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut rest = rest;
    while let Some((part, behind)) = rest.split_once('*') {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
        rest = behind;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_wins_and_stars_are_any_letters() {
        let rules = Rules::new(["app.get_*", "total", "*_ro"], ["app.get_and_set"]).unwrap();
        let said = |schema: &str, name: &str| rules.verdict(Some(schema), name);
        assert_eq!(said("app", "get_name"), Some(Verdict::Reads));
        assert_eq!(said("app", "get_and_set"), Some(Verdict::Writes));
        assert_eq!(said("other", "get_name"), None);
        assert_eq!(said("other", "total"), Some(Verdict::Reads));
        assert_eq!(said("other", "x_ro"), Some(Verdict::Reads));
        assert_eq!(said("other", "totals"), None);
        assert!(glob("a*b*c", "aXbYc") && !glob("a*b*c", "aXc") && glob("*", ""));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "a.", ".b", "a.b.c", "a b", "f()"] {
            assert_eq!(Rules::new([text], []), Err(BadPattern(text.to_owned())), "{text}");
        }
    }
}
