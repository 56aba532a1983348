//! PostgreSQL's own grammar.

use std::fmt;

use pg_query::ParserOptions;

use crate::mention::Mentions;
use crate::tree::{self, Node, Value};
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
    Ok(trees(text)?.iter().map(walk::mentions).collect())
}

/// What a statement sets the search path to.
pub(crate) enum SetTo {
    /// These schemas.
    Names(Vec<String>),
    /// Those in this list.
    Value(String),
}

/// What `SET search_path …`, or `SELECT set_config('search_path', …)`, sets it to.
pub(crate) fn search_path(statement: &str) -> Option<SetTo> {
    let trees = trees(statement).ok()?;
    let [statement] = trees.as_slice() else { return None };
    let text = |value: &Value| {
        let constant = value.node().filter(|node| node.kind == "AConst")?;
        let text = constant.node("val").filter(|node| node.kind == "String")?;
        Some(text.text("sval").to_owned())
    };
    if statement.kind == "VariableSetStmt" && statement.text("name") == "search_path" {
        let names = statement.list("args").iter().map(text).collect::<Option<Vec<_>>>()?;
        return (!names.is_empty()).then_some(SetTo::Names(names));
    }
    let target = statement.list("target_list").first()?.node()?;
    let call = target.node("val").filter(|node| node.kind == "FuncCall")?;
    let name = call.list("funcname").last()?.text();
    match call.list("args") {
        [setting, value, _] if name == "set_config" && text(setting)? == "search_path" => {
            text(value).map(SetTo::Value)
        }
        _ => None,
    }
}

/// The parse trees of the statements of a text.
fn trees(text: &str) -> Result<Vec<Node>, Unparsed> {
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
        match tree::of(&statement.stmt) {
            Ok(Value::Node(node)) => all.push(node),
            Ok(Value::Empty | Value::Number(_) | Value::Text(_) | Value::List(_)) | Err(_) => {
                return Err(Unparsed::TooLarge);
            }
        }
    }
    Ok(all)
}
