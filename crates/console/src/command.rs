//! Text to commands.

use afterwrite_types::KEY_MAX;
use afterwrite_wire::server::Report;

use crate::action::{Action, Shutdown};
use crate::refusal;
use crate::settings::{Columns, Known};
use crate::show::Show;
use crate::small_talk::{self, Selected};
use crate::table::{Column, Kind};
use crate::token::{self, Statement, Token};

/// What a statement asks of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(pub(crate) Meaning);

/// What a [`Command`] is. Not public, because half of it is small talk with drivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A table.
    Show(Show),
    /// The list of commands.
    Help,
    /// Something for the driver to do.
    Do(Action),
    /// `SHOW` of a session's setting.
    Setting(Known),
    /// `SHOW afterwrite.columns`.
    ShownColumns,
    /// `SET` of a session's setting; `None` is its default.
    Set(Known, Option<String>),
    /// `RESET` of a session's setting.
    Reset(Known),
    /// `SET` of the columns that a session sees.
    SetColumns(Columns),
    /// `RESET` of the columns that a session sees.
    ResetColumns,
    /// `RESET ALL` and `DISCARD ALL`.
    ResetAll(&'static str),
    /// `SELECT` without a table.
    Select(Vec<Selected>),
    /// The beginning of a transaction, which here only keeps portals: the tag.
    Begin(&'static str),
    /// The end of a transaction: the tag.
    End(&'static str),
    /// What a driver says by habit and that has no meaning here: the tag it expects.
    Habit(&'static str),
}

impl Command {
    /// Reads one statement: `SHOW POOLS`, `PAUSE "my db";`. Case does not matter.
    ///
    /// `Ok(None)` is a text without a statement. The error is what the client is told.
    pub fn parse(text: &str) -> Result<Option<Self>, Report> {
        let mut commands = Self::script(text)?;
        match commands.len() {
            0 | 1 => Ok(commands.pop()),
            _ => Err(refusal::several_statements()),
        }
    }

    /// Reads statements with semicolons between. Nothing is done if one cannot be read.
    pub fn script(text: &str) -> Result<Vec<Self>, Report> {
        let statements = token::statements(text)
            .map_err(|token::Unended(text)| refusal::invalid_command(text.trim()))?;
        statements.iter().map(|statement| read(statement).map(Self)).collect()
    }

    /// What the client is told behind so many rows.
    pub(crate) fn tag_of_rows(&self, rows: usize) -> String {
        match &self.0 {
            Meaning::Select(_) => format!("SELECT {rows}"),
            Meaning::Show(_)
            | Meaning::Help
            | Meaning::Do(_)
            | Meaning::Setting(_)
            | Meaning::ShownColumns
            | Meaning::Set(..)
            | Meaning::Reset(_)
            | Meaning::SetColumns(_)
            | Meaning::ResetColumns
            | Meaning::ResetAll(_)
            | Meaning::Begin(_)
            | Meaning::End(_)
            | Meaning::Habit(_) => "SHOW".to_owned(),
        }
    }

    /// The columns of its answer, if that has rows.
    pub(crate) fn columns(&self, wanted: Columns) -> Option<Vec<Column>> {
        let text = |name: &'static str| vec![Column { name: name.into(), kind: Kind::Text }];
        match &self.0 {
            Meaning::Show(show) => Some(match wanted {
                Columns::All => show.columns(),
                Columns::PgBouncer => show.columns_of_pgbouncer(),
            }),
            Meaning::Setting(known) => Some(text(known.name())),
            Meaning::ShownColumns => Some(text(Columns::SETTING)),
            Meaning::Select(selected) => Some(selected.iter().map(Selected::column).collect()),
            Meaning::Help
            | Meaning::Do(_)
            | Meaning::Set(..)
            | Meaning::Reset(_)
            | Meaning::SetColumns(_)
            | Meaning::ResetColumns
            | Meaning::ResetAll(_)
            | Meaning::Begin(_)
            | Meaning::End(_)
            | Meaning::Habit(_) => None,
        }
    }
}

fn read(statement: &Statement<'_>) -> Result<Meaning, Report> {
    let invalid = || refusal::invalid_command(statement.text);
    let Some((verb, rest)) = statement.tokens.split_first() else { return Err(invalid()) };
    let verb = verb.name().ok_or_else(invalid)?.to_ascii_lowercase();
    match verb.as_str() {
        "show" => show(rest).ok_or_else(invalid),
        "select" => select(rest).ok_or_else(invalid),
        "set" => set(rest, invalid),
        "reset" => reset(rest).ok_or_else(invalid),
        "suspend" => Err(if rest.is_empty() { refusal::suspend() } else { invalid() }),
        "shutdown" => shutdown(rest).ok_or_else(invalid),
        "reload" if rest.is_empty() => Ok(Meaning::Do(Action::Reload)),
        "kill_client" => kill_client(rest, invalid),
        "raise" => raise(rest, invalid),
        "pause" => Ok(Meaning::Do(Action::Pause(database(rest, invalid)?))),
        "resume" => Ok(Meaning::Do(Action::Resume(database(rest, invalid)?))),
        "reconnect" => Ok(Meaning::Do(Action::Reconnect(database(rest, invalid)?))),
        "kill" => Ok(Meaning::Do(Action::Kill(database(rest, invalid)?))),
        "wait_close" => Ok(Meaning::Do(Action::WaitClose(database(rest, invalid)?))),
        "disable" => named(rest, invalid).map(Action::Disable).map(Meaning::Do),
        "enable" => named(rest, invalid).map(Action::Enable).map(Meaning::Do),
        _ => habit(&verb, rest).ok_or_else(invalid),
    }
}

/// The database that may follow a command.
fn database(rest: &[Token], invalid: impl Fn() -> Report) -> Result<Option<String>, Report> {
    match rest {
        [] => Ok(None),
        [one] => one.name().map(|name| Some(name.to_owned())).ok_or_else(invalid),
        _ => Err(invalid()),
    }
}

/// The database that must follow a command.
fn named(rest: &[Token], invalid: impl Fn() -> Report) -> Result<String, Report> {
    database(rest, invalid)?.ok_or_else(refusal::database_required)
}

fn kill_client(rest: &[Token], invalid: impl Fn() -> Report) -> Result<Meaning, Report> {
    let [id] = rest else { return Err(invalid()) };
    let id = id.name().and_then(|id| id.parse().ok()).ok_or_else(refusal::invalid_client_id)?;
    Ok(Meaning::Do(Action::KillClient(id)))
}

/// `RAISE KEY 'key' [db]`
fn raise(rest: &[Token], invalid: impl Fn() -> Report) -> Result<Meaning, Report> {
    let [what, key, rest @ ..] = rest else { return Err(invalid()) };
    let key = key.value().filter(|_| what.is("key")).ok_or_else(&invalid)?.to_owned();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(refusal::invalid_key());
    }
    let database = database(rest, invalid)?;
    Ok(Meaning::Do(Action::RaiseKey { key, database }))
}

fn shutdown(rest: &[Token]) -> Option<Meaning> {
    let how = match rest {
        [] => Shutdown::Now,
        [how] if how.is("wait_for_servers") => Shutdown::WaitForServers,
        [how] if how.is("wait_for_clients") => Shutdown::WaitForClients,
        _ => return None,
    };
    Some(Meaning::Do(Action::Shutdown(how)))
}

fn show(rest: &[Token]) -> Option<Meaning> {
    match rest {
        [one] => {
            let word = one.name()?;
            if word.eq_ignore_ascii_case("help") {
                return Some(Meaning::Help);
            }
            if word.eq_ignore_ascii_case(Columns::SETTING) {
                return Some(Meaning::ShownColumns);
            }
            let setting = || Known::find(word).map(Meaning::Setting);
            Show::named(word).map(Meaning::Show).or_else(setting)
        }
        [a, b] if a.is("time") && b.is("zone") => Known::find("TimeZone").map(Meaning::Setting),
        [a, b] if a.is("session") && b.is("authorization") => {
            Known::find("session_authorization").map(Meaning::Setting)
        }
        [a, b, c] if a.is("transaction") && b.is("isolation") && c.is("level") => {
            Known::find("transaction_isolation").map(Meaning::Setting)
        }
        _ => None,
    }
}

fn select(rest: &[Token]) -> Option<Meaning> {
    // PgBouncer reads `SELECT POOLS` as `SHOW POOLS`.
    if let [Token::Word(word)] = rest
        && let Some(show) = Show::named(word)
    {
        return Some(Meaning::Show(show));
    }
    small_talk::select(rest).map(Meaning::Select)
}

fn set(rest: &[Token], invalid: impl Fn() -> Report) -> Result<Meaning, Report> {
    let rest = match rest {
        // Unless it is a key of that name: SET session = 1.
        [scope, after @ ..]
            if (scope.is("session") || scope.is("local"))
                && !after.first().is_some_and(assigns) =>
        {
            after
        }
        _ => rest,
    };
    match rest {
        [a, ..] if a.is("transaction") || a.is("characteristics") => Ok(Meaning::Habit("SET")),
        [a, b, value @ ..] if a.is("time") && b.is("zone") => {
            assign("TimeZone", value).ok_or_else(invalid)?
        }
        [a, value @ ..] if a.is("names") => assign("client_encoding", value).ok_or_else(invalid)?,
        [key, sign, value @ ..] if assigns(sign) => {
            let key = key.name().ok_or_else(&invalid)?;
            assign(key, value).ok_or_else(invalid)?
        }
        _ => Err(invalid()),
    }
}

/// `=` or `TO`.
fn assigns(token: &Token) -> bool {
    *token == Token::Symbol('=') || token.is("to")
}

/// `None` if that is no value; an error if it is none of the key's.
fn assign(key: &str, tokens: &[Token]) -> Option<Result<Meaning, Report>> {
    let value = value(tokens)?;
    let is_default = matches!(tokens, [Token::Word(word)] if word.eq_ignore_ascii_case("default"));
    if key.eq_ignore_ascii_case(Columns::SETTING) {
        if is_default {
            return Some(Ok(Meaning::SetColumns(Columns::default())));
        }
        let refused = || refusal::bad_value(Columns::SETTING, &value, "all, pgbouncer");
        return Some(Columns::from_name(&value).map(Meaning::SetColumns).ok_or_else(refused));
    }
    Some(Ok(match Known::find(key) {
        Some(known) => Meaning::Set(known, (!is_default).then_some(value)),
        None => Meaning::Do(Action::Set { key: key.to_owned(), value }),
    }))
}

/// One value, or several with commas between (`SET datestyle = ISO, MDY`).
fn value(tokens: &[Token]) -> Option<String> {
    let mut values = Vec::new();
    for piece in tokens.split(|token| *token == Token::Symbol(',')) {
        let [one] = piece else { return None };
        values.push(one.value()?);
    }
    Some(values.join(", "))
}

fn reset(rest: &[Token]) -> Option<Meaning> {
    match rest {
        [all] if all.is("all") => Some(Meaning::ResetAll("RESET")),
        [one] if one.is(Columns::SETTING) => Some(Meaning::ResetColumns),
        [one] => Some(Meaning::Reset(Known::find(one.name()?)?)),
        _ => None,
    }
}

/// Statements around transactions and session state. Nothing of either is kept here
/// but a transaction's portals, so they have happened as soon as they are said.
fn habit(verb: &str, rest: &[Token]) -> Option<Meaning> {
    let all_words = rest.iter().all(|token| token.name().is_some() || *token == Token::Symbol(','));
    let tag = match verb {
        "begin" if all_words => return Some(Meaning::Begin("BEGIN")),
        "start" if all_words && rest.first()?.is("transaction") => {
            return Some(Meaning::Begin("START TRANSACTION"));
        }
        "rollback" if all_words && rest.iter().any(|token| token.is("to")) => "ROLLBACK",
        "rollback" | "abort" if all_words => return Some(Meaning::End("ROLLBACK")),
        "commit" | "end" if all_words => return Some(Meaning::End("COMMIT")),
        "savepoint" if all_words => "SAVEPOINT",
        "release" if all_words => "RELEASE",
        "discard" if matches!(rest, [what] if what.is("all")) => {
            return Some(Meaning::ResetAll("DISCARD ALL"));
        }
        "deallocate" if matches!(rest, [what] if what.is("all")) => "DEALLOCATE ALL",
        "close" if matches!(rest, [what] if what.is("all")) => "CLOSE CURSOR ALL",
        "unlisten" if matches!(rest, [Token::Symbol('*')]) => "UNLISTEN",
        _ => return None,
    };
    Some(Meaning::Habit(tag))
}
