//! What drivers and tools ask any server, and need an answer to, to go on.
//!
//! PgBouncer refuses these. We read `SELECT` of constants and of a few functions,
//! and nothing that looks like a query.

use std::borrow::Cow;

use crate::settings::{Known, SERVER_VERSION};
use crate::table::{Column, Kind, Table, Value};
use crate::token::Token;

/// What a `SELECT` without a table asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Integer(i32),
    Text(String),
    True,
    False,
    Null,
    Version,
    Database,
    User,
    Schema,
    Setting(Known),
}

/// An item with the name of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    item: Item,
    name: Cow<'static, str>,
}

/// What the console's database is called, whatever name the client used.
const OUR_NAME: &str = "afterwrite";

/// Items at most.
const ITEMS_MAX: usize = 32;

/// Reads what follows `SELECT`.
pub(crate) fn select(tokens: &[Token]) -> Option<Vec<Selected>> {
    let mut selected = Vec::new();
    let mut rest = tokens;
    loop {
        let (item, name, after) = item(rest)?;
        let (name, after) =
            alias(after).map_or((name, after), |(name, after)| (name.into(), after));
        selected.push(Selected { item, name });
        match after {
            [] => return Some(selected),
            [Token::Symbol(','), after @ ..] if selected.len() < ITEMS_MAX => rest = after,
            _ => return None,
        }
    }
}

fn alias(tokens: &[Token]) -> Option<(String, &[Token])> {
    match tokens {
        [Token::Word(word), name, after @ ..] if word.eq_ignore_ascii_case("as") => {
            Some((name.name()?.to_owned(), after))
        }
        [Token::Name(name), after @ ..] => Some((name.clone(), after)),
        _ => None,
    }
}

type Read<'a> = (Item, Cow<'static, str>, &'a [Token]);

/// The item at the front, and what its column is called.
fn item(tokens: &[Token]) -> Option<Read<'_>> {
    const NAMELESS: Cow<'static, str> = Cow::Borrowed("?column?");
    match tokens {
        [Token::Word(name), Token::Symbol('('), rest @ ..] => call(name, rest),
        [Token::Text(text), after @ ..] => Some((Item::Text(text.clone()), NAMELESS, after)),
        [Token::Word(word), after @ ..] => {
            if let Ok(number) = word.parse() {
                return Some((Item::Integer(number), NAMELESS, after));
            }
            let (item, name) = match word.to_ascii_lowercase().as_str() {
                "null" => (Item::Null, NAMELESS),
                "true" => (Item::True, "bool".into()),
                "false" => (Item::False, "bool".into()),
                "current_user" => (Item::User, "current_user".into()),
                "session_user" => (Item::User, "session_user".into()),
                "user" => (Item::User, "user".into()),
                "current_catalog" => (Item::Database, "current_catalog".into()),
                "current_schema" => (Item::Schema, "current_schema".into()),
                _ => return None,
            };
            Some((item, name, after))
        }
        _ => None,
    }
}

/// A function's call, behind its opening bracket.
fn call<'a>(name: &str, rest: &'a [Token]) -> Option<Read<'a>> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix("pg_catalog.").unwrap_or(&lower);
    match rest {
        [Token::Symbol(')'), after @ ..] => {
            let (item, name) = match bare {
                "version" => (Item::Version, "version"),
                "current_database" => (Item::Database, "current_database"),
                "current_schema" => (Item::Schema, "current_schema"),
                "pg_is_in_recovery" => (Item::False, "pg_is_in_recovery"),
                "pg_backend_pid" => (Item::Integer(0), "pg_backend_pid"),
                // Part of what asyncpg sends when a connection goes back to its pool.
                "pg_advisory_unlock_all" => (Item::Text(String::new()), "pg_advisory_unlock_all"),
                _ => return None,
            };
            Some((item, name.into(), after))
        }
        [Token::Text(setting), Token::Symbol(')'), after @ ..] if bare == "current_setting" => {
            Some((Item::Setting(Known::find(setting)?), Cow::Borrowed("current_setting"), after))
        }
        _ => None,
    }
}

impl Selected {
    pub(crate) fn column(&self) -> Column {
        let kind = match self.item {
            Item::Integer(_) => Kind::Int4,
            Item::True | Item::False => Kind::Bool,
            Item::Text(_)
            | Item::Null
            | Item::Version
            | Item::Database
            | Item::User
            | Item::Schema
            | Item::Setting(_) => Kind::Text,
        };
        Column { name: self.name.clone(), kind }
    }

    fn value(&self, user: &str, setting: impl Fn(Known) -> String) -> Value {
        match &self.item {
            Item::Integer(number) => Value::Int((*number).into()),
            Item::Text(text) => Value::text(text),
            Item::True => Value::Bool(true),
            Item::False => Value::Bool(false),
            Item::Null => Value::Null,
            Item::Version => Value::text(format!("PostgreSQL {SERVER_VERSION}, the admin console")),
            Item::Database => Value::text(OUR_NAME),
            Item::User => Value::text(user),
            Item::Schema => Value::text("public"),
            Item::Setting(known) => Value::text(setting(*known)),
        }
    }
}

/// The one row that answers.
pub(crate) fn answer(
    selected: &[Selected],
    user: &str,
    setting: impl Fn(Known) -> String,
) -> Table {
    let row = selected.iter().map(|item| item.value(user, &setting)).collect();
    Table { columns: selected.iter().map(Selected::column).collect(), rows: vec![row] }
}
