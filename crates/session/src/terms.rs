//! `afterwrite.level` and the settings that belong to it: how long a read waits for a replica,
//! what happens then, how old what it sees may be. And what a write is counted as.

use afterwrite_types::{Source, Span, Step, Terms, UnknownSource};
use afterwrite_wire::server::Report;

use crate::scope::Scope;

/// Whether a setting says what reads ask for, or what writes are: it can be set for a transaction.
pub(crate) fn is_one(name: &str) -> bool {
    matches!(name, "level" | "wait_max" | "at_timeout" | "max_staleness" | "source")
}

/// Sets one of them, or takes it back; `local` if only until the transaction ends.
pub(crate) fn set(
    name: &str,
    value: Option<&str>,
    local: bool,
    scope: &mut Scope,
) -> Result<(), Report> {
    let login = scope.login();
    if name == "source" {
        let Some(value) = value else {
            scope.set_source(login.source, local);
            return Ok(());
        };
        let source = value.parse().map_err(|bad: UnknownSource| invalid(name, bad))?;
        scope.set_source(Some(source), local);
        return Ok(());
    }
    let terms = scope.terms_mut(local);
    match (name, value) {
        ("level", None) => terms.level = login.terms.level,
        ("level", Some(text)) => {
            // With a wait and what happens then, or without: those stay as they were set.
            let said: Terms = text.parse().map_err(|bad| invalid(name, bad))?;
            *terms = said.or(*terms);
        }
        ("at_timeout", None) => terms.then = login.terms.then,
        ("at_timeout", Some(text)) => {
            terms.then = Some(text.parse().map_err(|bad| invalid(name, bad))?);
        }
        ("wait_max", value) => terms.within = time(name, value)?.or(login.terms.within),
        (_, value) => {
            terms.max_staleness = time(name, value)?.or(login.terms.max_staleness);
        }
    }
    Ok(())
}

/// One of them, as `SHOW` shows it.
pub(crate) fn show(name: &str, scope: &Scope) -> String {
    let terms = scope.terms();
    let time = |time| Span(time).to_string();
    match name {
        "level" => scope.level().name().to_owned(),
        "source" => scope.source().map_or("", Source::name).to_owned(),
        "wait_max" => terms.within.map(time).unwrap_or_default(),
        "at_timeout" => terms.then.unwrap_or(Step::Primary.into()).to_string(),
        _ => terms.max_staleness.map(time).unwrap_or_default(),
    }
}

fn time(name: &str, value: Option<&str>) -> Result<Option<std::time::Duration>, Report> {
    let span = value.map(str::parse::<Span>).transpose().map_err(|bad| invalid(name, bad))?;
    Ok(span.map(|Span(time)| time))
}

fn invalid(name: &str, why: impl std::fmt::Display) -> Report {
    Report::error("22023", format!("invalid value for afterwrite.{name}: {why}"))
}
