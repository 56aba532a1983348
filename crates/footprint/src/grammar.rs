//! PostgreSQL's own grammar.

use std::fmt;

use pg_query::ParserOptions;

use crate::mention::Mentions;
use crate::tree::{self, Value};
use crate::walk;

/// Longer texts are not given to the grammar.
pub const TEXT_MAX: usize = 256 * 1024;

/// Why a text has no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unparsed {
    /// PostgreSQL 18's grammar does not take it: newer syntax, an extension's, or a mistake.
    Refused(String),
    /// It is longer than [`TEXT_MAX`], or nested too deeply.
    TooLarge,
}

impl fmt::Display for Unparsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "not PostgreSQL's grammar: {}", why.escape_debug()),
            Self::TooLarge => f.write_str("too long or too deep to be looked at"),
        }
    }
}

impl std::error::Error for Unparsed {}

/// What each statement of a text mentions.
pub fn read(text: &str) -> Result<Vec<Mentions>, Unparsed> {
    if text.len() > TEXT_MAX {
        return Err(Unparsed::TooLarge);
    }
    // What the library makes of the tree besides is no part of the grammar, and has panics in it.
    let parsed = std::panic::catch_unwind(|| pg_query::parse(text, ParserOptions::DEFAULT));
    let parsed = parsed.map_err(|_| Unparsed::TooLarge)?.map_err(|error| match error {
        pg_query::Error::Parse(why) => Unparsed::Refused(why),
        _ => Unparsed::TooLarge,
    })?;
    let mut all = Vec::with_capacity(parsed.protobuf.stmts.len());
    for statement in &parsed.protobuf.stmts {
        let tree = tree::of(&statement.stmt).map_err(|_| Unparsed::TooLarge)?;
        let Value::Node(node) = &tree else { return Err(Unparsed::TooLarge) };
        all.push(walk::mentions(node));
    }
    Ok(all)
}
