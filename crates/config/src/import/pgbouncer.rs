//! `pgbouncer.ini`, up to version 1.25.

mod databases;
mod login;
mod servers;
mod settings;

use super::draft::{At, Draft, is_name};
use super::ini::{self, Line};
use super::{Asks, Format, ImportError};
use crate::check::ReadFile;

/// A setting of `[pgbouncer]`, the last one of its name.
#[derive(Clone, Debug)]
struct Setting {
    key: String,
    value: String,
    at: At,
}

/// Everything in the file, by section.
#[derive(Debug, Default)]
struct Source {
    settings: Vec<Setting>,
    databases: Vec<Setting>,
    users: Vec<Setting>,
}

impl Source {
    /// What is set, if it is.
    fn find(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// What is set, or the default.
    fn get<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.find(key).map_or(default, |setting| setting.value.as_str())
    }

    /// Where it is set.
    fn at(&self, key: &str) -> At {
        self.find(key).map_or(At::NOWHERE, |setting| setting.at.clone())
    }
}

pub(super) fn import(
    draft: &mut Draft,
    text: &str,
    read_file: ReadFile<'_>,
) -> Result<(), ImportError> {
    let source = sort(draft, ini::read(text, read_file));
    if source.settings.is_empty() && source.databases.is_empty() {
        return Err(ImportError::Foreign(Format::PgBouncer));
    }
    let listens_outside = login::import(draft, &source);
    servers::import(draft, &source);
    databases::import(draft, &source);
    settings::import(draft, &source);
    login::check(draft, &source, &listens_outside);
    Ok(())
}

/// Lines by section; notes for what is of none.
fn sort(draft: &mut Draft, lines: Vec<Line>) -> Source {
    let mut source = Source::default();
    for line in lines {
        let (section, key, value, at) = match line {
            Line::Setting { section, key, value, at } => (section, key, value, at),
            Line::Broken { why, at } => {
                draft.note("", Asks::Decision, &at, &format!("this line was not read: {why}."));
                continue;
            }
        };
        if !is_name(&key) {
            draft.note("", Asks::Decision, &at, "a name with a zero byte; it was left out.");
            continue;
        }
        let setting = Setting { key, value, at };
        let list = match section.as_str() {
            "pgbouncer" => &mut source.settings,
            "databases" => &mut source.databases,
            "users" => &mut source.users,
            "peers" => {
                let text = format!(
                    "[peers] {}: proxies do not forward cancel requests to each other; a client \
                     must reach the proxy it is connected to.",
                    setting.key
                );
                draft.note("", Asks::Gone, &setting.at, &text);
                continue;
            }
            other => {
                let text = format!("{} in [{other}], a section that is not known.", setting.key);
                draft.note("", Asks::Decision, &setting.at, &text);
                continue;
            }
        };
        // The later wins, in the place of the earlier.
        match list.iter_mut().find(|old| old.key == setting.key) {
            Some(old) => *old = setting,
            None => list.push(setting),
        }
    }
    source
}
