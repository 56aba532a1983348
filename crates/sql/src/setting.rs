//! `SET`, `RESET` and `SHOW`.

use smallvec::SmallVec;

use crate::effect::{Access, Command, Effect, Name, Pin, Reason, Set, Statement};
use crate::keyword::Keyword;
use crate::lexer::{Kind, Token};
use crate::reader::Reader;
use crate::string;

/// The schema, so to speak, of the proxy's own settings.
pub(crate) const OURS: &str = "afterwrite.";

/// Reads on behind `SET`.
pub(crate) fn set(reader: &mut Reader<'_>) -> Statement {
    let local = reader.accept(Keyword::Local);
    if !local && is_keyword(reader, Keyword::Session) {
        return set_session(reader);
    }
    set_rest(reader, local)
}

/// Behind `SET`, where `SESSION` comes next: a scope, or part of a longer name.
fn set_session(reader: &mut Reader<'_>) -> Statement {
    reader.next();
    if reader.accept(Keyword::Characteristics) {
        return characteristics(reader);
    }
    if reader.accept(Keyword::Authorization) {
        let default = is_keyword(reader, Keyword::Default);
        return special(reader, false, "session_authorization", default);
    }
    set_rest(reader, false)
}

/// `SET SESSION CHARACTERISTICS AS TRANSACTION mode, …`: each mode is a setting of its own, and
/// the statement is followed if it sets only one.
fn characteristics(reader: &mut Reader<'_>) -> Statement {
    let mut settings: SmallVec<[&str; 3]> = SmallVec::new();
    while let Some(token) = reader.next() {
        let setting = match token.kind {
            Kind::Word(Keyword::Isolation) => "default_transaction_isolation",
            Kind::Word(Keyword::Only | Keyword::Write) => "default_transaction_read_only",
            _ if token.text.eq_ignore_ascii_case(b"deferrable") => "default_transaction_deferrable",
            _ => continue,
        };
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    match settings.as_slice() {
        [one] => state(Effect::Set(Set { name: (*one).into(), to_default: false })),
        _ => unknown(),
    }
}

fn set_rest(reader: &mut Reader<'_>, local: bool) -> Statement {
    let Some(first) = reader.next() else { return unknown() };
    // Behind SET, these words are settings of that name only if `=` or `TO` follows.
    let plain = is_assignment(reader.peek());
    match first.kind {
        Kind::Word(Keyword::Constraints) if !plain => {
            Statement::writes(Reason::Utility, Effect::Plain)
        }
        Kind::Word(Keyword::Transaction) if !plain => transaction(),
        Kind::Word(Keyword::Role) if !plain => special(reader, local, "role", false),
        // `SET LOCAL SESSION AUTHORIZATION`; without LOCAL that is dealt with.
        Kind::Word(Keyword::Session) if !plain => {
            special(reader, local, "session_authorization", false)
        }
        Kind::Word(Keyword::Time) if !plain && reader.accept(Keyword::Zone) => {
            let default =
                is_keyword(reader, Keyword::Local) || is_keyword(reader, Keyword::Default);
            special(reader, local, "timezone", default)
        }
        Kind::Word(Keyword::Names) if !plain => {
            let default = reader.peek().is_none() || is_keyword(reader, Keyword::Default);
            special(reader, local, "client_encoding", default)
        }
        Kind::Word(Keyword::Schema) if !plain => special(reader, local, "search_path", false),
        Kind::Word(Keyword::Xml) if !plain && reader.accept(Keyword::Option) => {
            special(reader, local, "xmloption", false)
        }
        _ => match name(reader, first) {
            Some(name) => assign(reader, name, local),
            None => unknown(),
        },
    }
}

/// `name {= | TO} value, …`
fn assign(reader: &mut Reader<'_>, name: Name, local: bool) -> Statement {
    let ours = name.as_str().strip_prefix(OURS).map(str::to_owned);
    if !is_assignment(reader.next()) {
        return if ours.is_some() { proxy(Command::Malformed) } else { unknown() };
    }
    if let Some(ours) = ours {
        let default = reader.accept(Keyword::Default);
        let values = if default { reader.finish().then(Vec::new) } else { values(reader) };
        return proxy(match values {
            Some(values) => Command::Set { name: ours, values, local },
            None => Command::Malformed,
        });
    }
    let to_default = reader.accept(Keyword::Default);
    let understood = if to_default { reader.finish() } else { is_list(reader) };
    match name.as_str() {
        _ if !understood => unknown(),
        // These are SET TRANSACTION by another name: they end with the transaction.
        "transaction_isolation" | "transaction_read_only" | "transaction_deferrable" => {
            transaction()
        }
        _ => scoped(local, Effect::Set(Set { name, to_default })),
    }
}

/// Reads on behind `RESET`.
pub(crate) fn reset(reader: &mut Reader<'_>) -> Statement {
    match setting(reader) {
        Setting::All => state(Effect::ResetAll),
        Setting::Named(name) => match name.as_str().strip_prefix(OURS) {
            Some(ours) => proxy(Command::Reset { name: ours.to_owned() }),
            None => state(Effect::Reset { name }),
        },
        Setting::NotUnderstood => unknown(),
    }
}

/// Reads on behind `SHOW`.
pub(crate) fn show(reader: &mut Reader<'_>) -> Statement {
    let read = Statement::new(Access::Reads, Reason::ProvenRead, Effect::Show);
    match setting(reader) {
        Setting::All => read,
        Setting::Named(name) => match name.as_str().strip_prefix(OURS) {
            Some(ours) => proxy(Command::Show { name: ours.to_owned() }),
            None => read,
        },
        Setting::NotUnderstood => Statement::writes(Reason::Unknown, Effect::Plain),
    }
}

/// What `RESET` and `SHOW` name.
enum Setting {
    All,
    Named(Name),
    NotUnderstood,
}

fn setting(reader: &mut Reader<'_>) -> Setting {
    let Some(first) = reader.next() else { return Setting::NotUnderstood };
    let found = match first.kind {
        Kind::Word(Keyword::All) => Setting::All,
        Kind::Word(Keyword::Time) if reader.accept(Keyword::Zone) => {
            Setting::Named("timezone".into())
        }
        Kind::Word(Keyword::Session) if reader.accept(Keyword::Authorization) => {
            Setting::Named("session_authorization".into())
        }
        Kind::Word(Keyword::Transaction) if reader.accept(Keyword::Isolation) => {
            reader.accept(Keyword::Level);
            Setting::Named("transaction_isolation".into())
        }
        _ => name(reader, first).map_or(Setting::NotUnderstood, Setting::Named),
    };
    if reader.finish() { found } else { Setting::NotUnderstood }
}

/// A dotted name that begins with `first`. Settings are found in any case, even quoted.
fn name(reader: &mut Reader<'_>, first: Token<'_>) -> Option<Name> {
    let mut name = Name::default();
    name.push(part(first)?);
    while reader.peek().is_some_and(|token| token.kind == Kind::Dot) {
        reader.next();
        name.push(b".");
        name.push(part(reader.next()?)?);
    }
    Some(name)
}

/// An identifier as the server folds it: lower case, unless it is quoted.
pub(crate) fn folded(token: Token<'_>) -> Option<Box<str>> {
    let text = std::str::from_utf8(part(token)?).ok()?;
    Some(if token.kind == Kind::Quoted { text.into() } else { text.to_lowercase().into() })
}

fn part(token: Token<'_>) -> Option<&[u8]> {
    match token.kind {
        Kind::Word(_) => Some(token.text),
        Kind::Quoted => token
            .text
            .get(1..token.text.len().saturating_sub(1))
            .filter(|inner| !inner.contains(&b'"')),
        _ => None,
    }
}

/// The next value of a setting of ours as text; `None` is a form that we do not take.
/// One value, or several between commas, up to the end.
fn values(reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let mut values = vec![value(reader)?];
    loop {
        match reader.next() {
            None => return Some(values),
            Some(token) if token.kind == Kind::Comma => values.push(value(reader)?),
            Some(_) => return None,
        }
    }
}

fn value(reader: &mut Reader<'_>) -> Option<String> {
    let first = reader.next()?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    match first.kind {
        Kind::Word(_) => text(&first.text.to_ascii_lowercase()),
        Kind::Quoted => Some(text(string::inside(first.text, 1)?)?.replace("\"\"", "\"")),
        Kind::Text(_) => string::value(first),
        Kind::Number => text(first.text),
        Kind::Operator if matches!(first.text, b"-" | b"+") => {
            let number = reader.next().filter(|token| token.kind == Kind::Number)?;
            text(&[first.text, number.text].concat())
        }
        _ => None,
    }
}

/// Whether values with commas between them follow, and nothing else.
fn is_list(reader: &mut Reader<'_>) -> bool {
    loop {
        match reader.next().map(|token| (token.kind, token.text)) {
            Some((Kind::Operator, b"-" | b"+"))
                if reader.next().is_some_and(|token| token.kind == Kind::Number) => {}
            Some((Kind::Word(_) | Kind::Quoted | Kind::Text(_) | Kind::Number, _)) => {}
            _ => return false,
        }
        match reader.next() {
            None => return true,
            Some(token) if token.kind == Kind::Comma => {}
            Some(_) => return false,
        }
    }
}

fn is_keyword(reader: &Reader<'_>, keyword: Keyword) -> bool {
    reader.peek().is_some_and(|token| token.kind == Kind::Word(keyword))
}

fn is_assignment(token: Option<Token<'_>>) -> bool {
    token.is_some_and(|token| {
        token.kind == Kind::Word(Keyword::To)
            || (token.kind == Kind::Operator && token.text == b"=")
    })
}

/// A setting with a syntax of its own; its value is the server's to judge.
fn special(reader: &mut Reader<'_>, local: bool, name: &str, to_default: bool) -> Statement {
    reader.finish();
    scoped(local, Effect::Set(Set { name: name.into(), to_default }))
}

fn scoped(local: bool, effect: Effect) -> Statement {
    state(if local { Effect::SetLocal } else { effect })
}

fn state(effect: Effect) -> Statement {
    Statement::writes(Reason::SessionState, effect)
}

fn transaction() -> Statement {
    Statement::writes(Reason::TransactionControl, Effect::SetTransaction)
}

fn proxy(command: Command) -> Statement {
    Statement::writes(Reason::ProxySetting, Effect::Afterwrite(command))
}

fn unknown() -> Statement {
    state(Effect::Pins(Pin::Other))
}
