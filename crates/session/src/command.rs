//! `SET`, `SHOW` and `RESET` of `afterwrite.…`: answered here, seen by no server.

use afterwrite_sql::Command;
use afterwrite_types::{History, KEY_MAX, Moment, Need, OnOrphan, Position};
use afterwrite_wire::server::{self, Report};

use crate::scope::Scope;
use crate::terms;

const TEXT_OID: u32 = 25;

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `SET` or `RESET` succeeded; the tag.
    Done(&'static str),
    /// The same, and what the client must be warned of.
    Warned(&'static str, Report),
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
    /// Whether its last write happened nobody knows.
    pub(crate) in_doubt: bool,
    pub(crate) table_scope: bool,
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
    carry_out(
        command,
        scope,
        Surroundings {
            now,
            known,
            history: None,
            last_decision,
            in_transaction,
            in_doubt: false,
            table_scope: false,
        },
    )
}

/// Keys that a session may have at once.
const NAMED_MAX: usize = 16;

pub(crate) fn carry_out(command: &Command, scope: &mut Scope, around: Surroundings<'_>) -> Answer {
    match command {
        Command::Set { name, values, local } => match (name.as_str(), values.as_slice()) {
            ("session", keys) if !local => name_keys(keys, scope, around),
            // Between commas, as in one text.
            ("token", tokens) => set(name, Some(&tokens.join(",")), *local, scope, around),
            (name, []) => set(name, None, *local, scope, around),
            (name, [value]) => set(name, Some(value), *local, scope, around),
            (name, _) => Answer::Failed(Report::error(
                "22023",
                format!("afterwrite.{name} takes only one value"),
            )),
        },
        Command::Reset { name } if name == "session" => match name_keys(&[], scope, around) {
            Answer::Done(_) => Answer::Done("RESET"),
            other => other,
        },
        Command::Reset { name } => match set(name, None, false, scope, around) {
            Answer::Done(_) => Answer::Done("RESET"),
            Answer::Warned(_, report) => Answer::Warned("RESET", report),
            other @ (Answer::Row(..) | Answer::NeedsFence | Answer::Failed(_)) => other,
        },
        Command::Show { name } => show(name, scope, around),
        Command::SetConfig => Answer::Failed(set_config()),
        Command::Malformed => Answer::Failed(
            Report::error("42601", "this form of an afterwrite setting is not understood")
                .hint("write SET afterwrite.name = 'value', RESET afterwrite.name or SHOW afterwrite.name"),
        ),
    }
}

/// Names the keys that the client shares with others; none is what it named at login.
fn name_keys(keys: &[String], scope: &mut Scope, around: Surroundings<'_>) -> Answer {
    if keys.iter().any(|key| key.len() > KEY_MAX) {
        return Answer::Failed(Report::error(
            "22023",
            format!("a key of afterwrite.session is limited to {KEY_MAX} bytes"),
        ));
    }
    if keys.len() > NAMED_MAX {
        return Answer::Failed(Report::error(
            "22023",
            format!("afterwrite.session is limited to {NAMED_MAX} keys"),
        ));
    }
    scope.raised |= around.in_transaction;
    if keys.is_empty() {
        let login = scope.login();
        scope.name_keys(&login.keys);
    } else {
        scope.name_keys(keys);
    }
    Answer::Done("SET")
}

fn set(
    name: &str,
    value: Option<&str>,
    local: bool,
    scope: &mut Scope,
    around: Surroundings<'_>,
) -> Answer {
    scope.raised |= around.in_transaction && matches!(name, "level" | "max_staleness" | "token");
    if terms::is_one(name) {
        // As with every SET LOCAL, outside a transaction it has no effect.
        let (mut nowhere, has_effect) = (scope.clone(), !local || around.in_transaction);
        let scope = if has_effect { scope } else { &mut nowhere };
        return terms::set(name, value, local, scope)
            .map_or_else(Answer::Failed, |()| Answer::Done("SET"));
    }
    // A token stays brought in any case.
    if local && name != "token" {
        return Answer::Failed(
            Report::error("0A000", format!("SET LOCAL afterwrite.{name} is not available"))
                .hint("level, wait_max, at_timeout, max_staleness and source can be set so"),
        );
    }
    match (name, value) {
        ("token", None) => bring("", scope, around),
        ("token", Some(text)) => bring(text, scope, around),
        ("report_token", None) => {
            scope.tokens.set_report(None);
            Answer::Done("SET")
        }
        ("report_token", Some(text)) => match boolean(text) {
            Some(report) => {
                scope.tokens.set_report(Some(report));
                Answer::Done("SET")
            }
            None => Answer::Failed(Report::error(
                "22023",
                "invalid value for afterwrite.report_token: expected on or off",
            )),
        },
        ("on_orphan", value) => match value.map(str::parse::<OnOrphan>).transpose() {
            Ok(wanted) => {
                scope.orphans.set = wanted.or(scope.login().on_orphan);
                Answer::Done("SET")
            }
            Err(unknown) => Answer::Failed(Report::error(
                "22023",
                format!("invalid value for afterwrite.on_orphan: {unknown}"),
            )),
        },
        ("last_decision" | "table_scope", _) => Answer::Failed(Report::error(
            "55P02",
            format!("afterwrite.{name} cannot be changed here"),
        )),
        _ => unknown(name),
    }
}

/// Takes up tokens. Nothing is lost by keeping the floor of those before: what was brought
/// stays brought. One that is not believed fails nothing that can be answered.
fn bring(text: &str, scope: &mut Scope, around: Surroundings<'_>) -> Answer {
    match scope.bring_text(text, around.known, around.history, around.now) {
        Ok(()) => Answer::Done("SET"),
        Err(why) => Answer::Warned(
            "SET",
            Report::warning("01000", format!("a token is not believed: {why}"))
                .detail("To be sure that nothing is missing, reads are answered by the primary.")
                .hint("another token, or RESET afterwrite.token, ends that"),
        ),
    }
}

/// What PostgreSQL takes for a truth value, as far as people write it.
fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["on", "true", "yes", "1"]) => Some(true),
        () if is(["off", "false", "no", "0"]) => Some(false),
        () => None,
    }
}

fn show(name: &str, scope: &Scope, around: Surroundings<'_>) -> Answer {
    let value = match name {
        "session" => scope.key_names().join(", "),
        name if terms::is_one(name) => terms::show(name, scope),
        "last_decision" => around.last_decision.to_owned(),
        // A fence cannot say either what may yet be committed.
        "token" if around.in_doubt => return Answer::NeedsFence,
        "report_token" => if scope.tokens.reports() { "on" } else { "off" }.to_owned(),
        "table_scope" => if around.table_scope { "on" } else { "off" }.to_owned(),
        "on_orphan" => scope.orphans.wanted().name().to_owned(),
        "token" => match scope.whole_floor(around.now).need() {
            Need::Fence(_) => return Answer::NeedsFence,
            Need::Position(position) if position.line.is_by_clock() => {
                return Answer::Failed(no_positions());
            }
            Need::Position(position) => scope.tokens.token(position).to_string(),
            Need::Nothing => String::new(),
        },
        _ => return unknown(name),
    };
    Answer::Row(format!("afterwrite.{name}"), value)
}

fn no_positions() -> Report {
    Report::error("55000", "there is no token: the servers do not tell positions")
        .detail("What was written is known here by the time at which it was, which means nothing to anyone else.")
        .hint("a heartbeat table gives positions, or SET afterwrite.level = 'strong' where the write must be seen")
}

fn unknown(name: &str) -> Answer {
    Answer::Failed(
        Report::error(
            "42704",
            format!("unrecognized configuration parameter \"afterwrite.{name}\""),
        )
        .hint("the settings are session, token, report_token, level, wait_max, at_timeout, max_staleness, source, on_orphan, table_scope and last_decision"),
    )
}

/// What is told where a fence was needed and could not be had.
pub(crate) fn no_fence() -> Report {
    Report::error("57P03", "the position of what was written is not known")
        .detail(
            "The primary did not tell it in time, or it is not known yet whether the last write of \
             this session happened.",
        )
        .hint("ask again: the session goes on as it was")
}

/// What is said of a `set_config` for a setting of ours: the server would take it for its own.
pub(crate) fn set_config() -> Report {
    Report::error("0A000", "set_config does not set the settings of afterwrite")
        .detail("The server would have set it, and nothing would have come of it.")
        .hint(
            "write SET afterwrite.name = 'value' with the value quoted into the text, a hint such \
             as /*afterwrite.session='value'*/, or a startup option",
        )
}

/// What any command is told in a transaction that has failed.
pub(crate) fn aborted() -> Report {
    Report::error(
        "25P02",
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

/// Writes the columns a command will answer with.
pub(crate) fn describe(command: &Command, out: &mut Vec<u8>) {
    match command {
        Command::Show { name } => {
            server::row_description(out, &[(&format!("afterwrite.{name}"), TEXT_OID)]);
        }
        Command::Set { .. } | Command::Reset { .. } | Command::SetConfig | Command::Malformed => {
            server::no_data(out);
        }
    }
}

/// Writes an answer as a server would; `columns` if they were not described yet.
pub(crate) fn write(answer: &Answer, columns: bool, out: &mut Vec<u8>) {
    match answer {
        Answer::Done(tag) => server::command_complete(out, tag),
        Answer::Warned(tag, report) => {
            server::notice(out, report);
            server::command_complete(out, tag);
        }
        Answer::Row(name, value) => {
            if columns {
                server::row_description(out, &[(name, TEXT_OID)]);
            }
            server::data_row(out, &[Some(value.as_bytes())]);
            server::command_complete(out, "SHOW");
        }
        Answer::NeedsFence => server::error(out, &no_fence()),
        Answer::Failed(report) => server::error(out, report),
    }
}

#[cfg(test)]
mod tests {
    use afterwrite_types::{Fence, Level, Line, Lsn};

    use super::*;

    #[test]
    fn a_time_of_this_process_is_no_token() {
        let show = |line| {
            let mut scope = Scope::new(Level::default());
            scope.capture(Fence { position: Position { line, lsn: Lsn(5) }, asked: Moment(1) });
            let show = Command::Show { name: "token".into() };
            answer(&show, &mut scope, Moment(2), None, "", false)
        };
        let of_server = Line { timeline: afterwrite_types::Timeline(3), ..Line::by_clock(7) };
        assert!(matches!(show(of_server), Answer::Row(..)));
        let Answer::Failed(report) = show(Line::by_clock(7)) else { panic!("a token") };
        assert_eq!(report.code, "55000");
    }
}
