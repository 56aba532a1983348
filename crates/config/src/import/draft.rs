//! The configuration that is being made: sections, keys, and notes above them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Asks;
use crate::keys;
use crate::unit::show_duration;
use crate::url::NODES_MAX;

/// Where something stood: in a file that was included, or in the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) file: Option<String>,
    /// From 1; 0 where it stood nowhere.
    pub(super) line: usize,
}

impl At {
    /// What was not written.
    pub(super) const NOWHERE: Self = Self { file: None, line: 0 };

    pub(super) fn line(line: usize) -> Self {
        Self { file: None, line }
    }

    fn shown(&self) -> String {
        match (&self.file, self.line) {
            (_, 0) => String::new(),
            (None, line) => format!(" (line {line})"),
            (Some(file), line) => format!(" ({file}, line {line})"),
        }
    }
}

#[derive(Clone, Debug)]
enum Item {
    Note(Asks, String),
    Key { key: String, value: String },
}

#[derive(Clone, Debug)]
struct Section {
    /// How many were begun before it.
    order: usize,
    items: Vec<Item>,
}

/// What 0 means to the other pooler.
#[derive(Clone, Copy, Debug)]
pub(super) enum Zero {
    /// No limit, which we have too.
    Off,
    /// No limit, which we do not have: as much as there can be.
    Most,
    /// Nothing special.
    Plain,
}

/// One of our keys that takes a time or a number, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) least: u64,
    pub(super) most: u64,
    pub(super) zero: Zero,
}

/// Milliseconds, which all times of the importer are in.
pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// A row of the importer's tables.
pub(super) const fn target(
    section: &'static str,
    key: &'static str,
    least: u64,
    most: u64,
    zero: Zero,
) -> Target {
    Target { section, key, least, most, zero }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// By path, as in `[clusters.a]`; empty at the top.
    sections: BTreeMap<String, Section>,
    pub(super) has_passwords: bool,
}

impl Draft {
    /// Begins a section, which may stay empty.
    pub(super) fn open(&mut self, path: &str) {
        self.items(path);
    }

    fn items(&mut self, path: &str) -> &mut Vec<Item> {
        let order = self.sections.len();
        let section = self.sections.entry(path.to_owned());
        &mut section.or_insert_with(|| Section { order, items: Vec::new() }).items
    }

    /// Writes a key; what was written for it before is gone, as in the other
    /// pooler's file.
    pub(super) fn set(&mut self, section: &str, key: &str, value: String) {
        let items = self.items(section);
        let old = items.iter_mut().find_map(|item| match item {
            Item::Key { key: old, value } if old == key => Some(value),
            Item::Key { .. } | Item::Note(..) => None,
        });
        match old {
            Some(old) => *old = value,
            None => items.push(Item::Key { key: key.to_owned(), value }),
        }
    }

    pub(super) fn set_text(&mut self, section: &str, key: &str, value: &str) {
        self.set(section, key, quoted(value));
    }

    /// Writes a password.
    pub(super) fn set_password(&mut self, section: &str, key: &str, value: &str) {
        self.has_passwords = true;
        self.set_text(section, key, value);
    }

    /// Writes the servers of a cluster, as many as one may have.
    pub(super) fn set_nodes(&mut self, section: &str, at: &At, nodes: &[String]) {
        if nodes.len() > NODES_MAX {
            let text = format!("{} servers; a cluster has at most {NODES_MAX}.", nodes.len());
            self.note(section, Asks::Decision, at, &text);
        }
        self.set_list(section, "nodes", nodes.get(..NODES_MAX).unwrap_or(nodes));
    }

    pub(super) fn set_list(&mut self, section: &str, key: &str, values: &[String]) {
        let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
        self.set(section, key, format!("[{}]", values.join(", ")));
    }

    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.value(section, key).is_some()
    }

    /// As it is written, quotes included.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.sections.get(section)?.items.iter().find_map(|item| match item {
            Item::Key { key: known, value } if known == key => Some(value.as_str()),
            Item::Key { .. } | Item::Note(..) => None,
        })
    }

    pub(super) fn remove(&mut self, section: &str, key: &str) {
        self.items(section)
            .retain(|item| !matches!(item, Item::Key { key: known, .. } if known == key));
    }

    pub(super) fn note(&mut self, section: &str, asks: Asks, at: &At, text: &str) {
        let text = format!("{}{}: {text}", asks.word(), at.shown());
        self.items(section).push(Item::Note(asks, text));
    }

    /// A note above a key that is written already, else at the end.
    pub(super) fn note_on(
        &mut self,
        (section, key): (&str, &str),
        asks: Asks,
        at: &At,
        text: &str,
    ) {
        let text = format!("{}{}: {text}", asks.word(), at.shown());
        let items = self.items(section);
        let is_it = |item: &Item| matches!(item, Item::Key { key: known, .. } if known == key);
        let index = items.iter().position(is_it).unwrap_or(items.len());
        items.insert(index, Item::Note(asks, text));
    }

    /// A time in milliseconds, within what the key takes.
    pub(super) fn time(&mut self, at: &At, theirs: &str, ms: u64, target: &Target) {
        let shown = |ms| show_duration(Duration::from_millis(ms));
        self.bounded(target.section, at, (theirs, ms), target, &|ms| quoted(&shown(ms)));
    }

    /// A number, within what the key takes.
    pub(super) fn number(&mut self, at: &At, theirs: &str, number: u64, target: &Target) {
        self.number_in(target.section, at, theirs, number, target);
    }

    /// The same, in a section that the user names.
    pub(super) fn number_in(
        &mut self,
        section: &str,
        at: &At,
        theirs: &str,
        number: u64,
        target: &Target,
    ) {
        self.bounded(section, at, (theirs, number), target, &|number| number.to_string());
    }

    fn bounded(
        &mut self,
        section: &str,
        at: &At,
        (theirs, value): (&str, u64),
        target: &Target,
        shown: &dyn Fn(u64) -> String,
    ) {
        let Target { key, least, most, zero, .. } = *target;
        let taken = match (value, zero) {
            (0, Zero::Off) => return self.set_text(section, key, "off"),
            (0, Zero::Most) => {
                let text = format!("{theirs} = 0 (no limit); {key} is at most this.");
                self.note(section, Asks::Differs, at, &text);
                most
            }
            (value, _) => value.clamp(least, most),
        };
        if taken != value && !(value == 0 && matches!(zero, Zero::Most)) {
            let bound = if taken == least { "least" } else { "most" };
            let text =
                format!("{theirs} is {}; the {bound} that {key} takes is this.", shown(value));
            self.note(section, Asks::Differs, at, &text);
        }
        self.set(section, key, shown(taken));
    }

    /// Everything as text, in the order of the documentation, and what the notes
    /// ask.
    pub(super) fn render(self, head: &str) -> (String, Vec<Asks>) {
        let rank = |path: &str| {
            let top = path.split('.').next().unwrap_or(path);
            keys::SECTIONS.iter().position(|section| *section == top).map_or(0, |at| at + 1)
        };
        let mut sections: Vec<_> = self.sections.into_iter().collect();
        sections.sort_by_key(|(path, section)| (rank(path), section.order));
        let mut text = comment(head);
        let mut notes = Vec::new();
        for (path, section) in sections {
            text.push('\n');
            if !path.is_empty() {
                text.extend(["[", &path, "]\n"]);
            }
            for item in section.items {
                match item {
                    Item::Note(asks, note) => {
                        text.push_str(&comment(&note));
                        notes.push(asks);
                    }
                    Item::Key { key, value } => text.extend([&key, " = ", &value, "\n"]),
                }
            }
        }
        (text, notes)
    }
}

/// The widest line of a comment, in characters.
const WIDTH: usize = 88;

/// A text as lines of a comment. What TOML forbids in comments becomes a space.
pub(super) fn comment(text: &str) -> String {
    let mut lines = String::new();
    for paragraph in text.split('\n') {
        let plain: String =
            paragraph.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut line = String::from("#");
        for word in plain.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line != "#" {
                lines.push_str(&line);
                lines.push_str("\n#");
                line.clear();
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// A text as TOML writes it, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let escaped = format!("\\u{:04X}", u32::from(c));
                quoted.push_str(&escaped);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text can be the name of a user or a database.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// The path of an entry of a named section, as TOML writes it.
pub(super) fn named(section: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        format!("{section}.{name}")
    } else {
        format!("{section}.{}", quoted(name))
    }
}
