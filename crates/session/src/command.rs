//! `SET`, `SHOW` and `RESET` of `afterwrite.…`: answered here, seen by no server.

use afterwrite_sql::Command;
use afterwrite_types::{History, KEY_MAX, Level, Moment, Need, OnOrphan, Position, Token};
use afterwrite_wire::server::{self, Report};

use crate::scope::Scope;

const TEXT_OID: u32 = 25;

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `SET` or `RESET` succeeded; the tag.
    Done(&'static str),
    /// `SHOW`: the column's name and its value.
    Row(String, String),
    /// It cannot be answered yet: the floor must be resolved with a fence first.
    NeedsFence,
    /// It failed.
    Failed(Report),
}

/// What a command may look at besides the scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Moment,
    /// The latest known position of the primary.
    pub(crate) known: Option<Position>,
    /// The history of its line.
    pub(crate) history: Option<&'a History>,
    pub(crate) last_decision: &'a str,
    pub(crate) in_transaction: bool,
}

/// Carries out a command of the client's on its scope.
pub fn answer(
    command: &Command,
    scope: &mut Scope,
    now: Moment,
    known: Option<Position>,
    last_decision: &str,
    in_transaction: bool,
) -> Answer {
    let around = Surroundings { now, known, history: None, last_decision, in_transaction };
    carry_out(command, scope, around)
}

pub(crate) fn carry_out(command: &Command, scope: &mut Scope, around: Surroundings<'_>) -> Answer {
    match command {
        Command::Set { name, value, local } => set(name, value.as_deref(), *local, scope, around),
        Command::Reset { name } => match set(name, None, false, scope, around) {
            Answer::Done(_) => Answer::Done("RESET"),
            other @ (Answer::Row(..) | Answer::NeedsFence | Answer::Failed(_)) => other,
        },
        Command::Show { name } => show(name, scope, around),
        Command::Malformed => Answer::Failed(
            Report::error("42601", "this form of an afterwrite setting is not understood")
                .hint("write SET afterwrite.name = 'value', RESET afterwrite.name or SHOW afterwrite.name"),
        ),
    }
}

fn set(
    name: &str,
    value: Option<&str>,
    local: bool,
    scope: &mut Scope,
    around: Surroundings<'_>,
) -> Answer {
    if local && name != "level" {
        return Answer::Failed(Report::error(
            "0A000",
            format!("SET LOCAL afterwrite.{name} is not available: only afterwrite.level is"),
        ));
    }
    match (name, value) {
        ("session", value) => match value.unwrap_or_default() {
            key if key.len() > KEY_MAX => Answer::Failed(Report::error(
                "22023",
                format!("afterwrite.session is limited to {KEY_MAX} bytes"),
            )),
            key => {
                scope.name_key(key);
                Answer::Done("SET")
            }
        },
        ("level", None) if local => {
            scope.set_transaction_level(None);
            Answer::Done("SET")
        }
        ("level", None) => {
            scope.set_level(None);
            Answer::Done("SET")
        }
        ("level", Some(text)) => match text.parse::<Level>() {
            Ok(level) if local => {
                // As with every SET LOCAL, outside a transaction it has no effect.
                scope.set_transaction_level(around.in_transaction.then_some(level));
                Answer::Done("SET")
            }
            Ok(level) => {
                scope.set_level(Some(level));
                Answer::Done("SET")
            }
            Err(unknown) => Answer::Failed(Report::error(
                "22023",
                format!("invalid value for afterwrite.level: {unknown}"),
            )),
        },
        // Nothing is lost by keeping a floor: what was brought stays brought.
        ("token", None | Some("")) => Answer::Done("SET"),
        ("token", Some(text)) => match text.parse::<Token>() {
            Ok(Token(position)) => {
                let position = scope.place_token(position, around.history);
                scope.bring(position, around.known, around.now);
                Answer::Done("SET")
            }
            Err(bad) => Answer::Failed(
                Report::error("22023", format!("invalid value for afterwrite.token: {bad}"))
                    .hint("to be sure to see every earlier write, SET afterwrite.level = 'strong'"),
            ),
        },
        ("on_orphan", value) => match value.map(str::parse::<OnOrphan>).transpose() {
            Ok(wanted) => {
                scope.orphans.set = wanted;
                Answer::Done("SET")
            }
            Err(unknown) => Answer::Failed(Report::error(
                "22023",
                format!("invalid value for afterwrite.on_orphan: {unknown}"),
            )),
        },
        ("last_decision", _) => {
            Answer::Failed(Report::error("55P02", "afterwrite.last_decision cannot be changed"))
        }
        _ => unknown(name),
    }
}

fn show(name: &str, scope: &Scope, around: Surroundings<'_>) -> Answer {
    let value = match name {
        "session" => scope.key_text().to_owned(),
        "level" => scope.level().name().to_owned(),
        "last_decision" => around.last_decision.to_owned(),
        "on_orphan" => scope.orphans.wanted().name().to_owned(),
        "token" => match scope.floor().need() {
            Need::Fence(_) => return Answer::NeedsFence,
            Need::Position(position) => Token(position).to_string(),
            Need::Nothing => String::new(),
        },
        _ => return unknown(name),
    };
    Answer::Row(format!("afterwrite.{name}"), value)
}

fn unknown(name: &str) -> Answer {
    Answer::Failed(
        Report::error(
            "42704",
            format!("unrecognized configuration parameter \"afterwrite.{name}\""),
        )
        .hint("the settings are session, token, level, on_orphan and last_decision"),
    )
}

/// Writes the columns a command will answer with.
pub(crate) fn describe(command: &Command, out: &mut Vec<u8>) {
    match command {
        Command::Show { name } => {
            server::row_description(out, &[(&format!("afterwrite.{name}"), TEXT_OID)]);
        }
        Command::Set { .. } | Command::Reset { .. } | Command::Malformed => server::no_data(out),
    }
}

/// Writes an answer as a server would; `columns` if they were not described yet.
pub(crate) fn write(answer: &Answer, columns: bool, out: &mut Vec<u8>) {
    match answer {
        Answer::Done(tag) => server::command_complete(out, tag),
        Answer::Row(name, value) => {
            if columns {
                server::row_description(out, &[(name, TEXT_OID)]);
            }
            server::data_row(out, &[Some(value.as_bytes())]);
            server::command_complete(out, "SHOW");
        }
        Answer::NeedsFence => server::error(
            out,
            &Report::error("57P03", "the primary's position could not be learnt in time")
                .detail("Nothing was changed.")
                .hint("ask again when the primary is back"),
        ),
        Answer::Failed(report) => server::error(out, report),
    }
}
