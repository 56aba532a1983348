//! The TOML file.

use toml::de::{DeInteger, DeString, DeTable, DeValue};
use toml::{Spanned, map::Map};

use super::{Entry, Sources, Value};
use crate::keys;
use crate::problem::{Place, Problem, unknown_key};

/// The most bytes that a file may have; a real one has a few thousand.
const FILE_MAX: usize = 1 << 20;

/// Adds everything in the file to `sources`, the problems among it.
pub(super) fn read(sources: &mut Sources, name: &str, text: &str) {
    if text.len() > FILE_MAX {
        sources.is_torn = true;
        sources.problems.push(Problem {
            key: "(file)".to_owned(),
            place: Some(Place::File { name: name.to_owned(), line: 1, column: 1 }),
            found: format!("{} bytes", text.len()),
            expected: format!("at most {FILE_MAX} bytes"),
            hint: None,
        });
        return;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let lines = Lines { name, text };
    let tear = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        // The message alone: the error's `Display` repeats the line, and with
        // it perhaps a password.
        Tear { line: lines.line(offset), offset, message: error.message().to_owned() }
    };
    let mut tears: Vec<_> = errors.iter().map(tear).collect();
    tears.sort_by_key(|tear| tear.offset);
    tears.dedup_by_key(|tear| tear.line);
    let mut file = File { lines, tears };
    sources.is_torn = !file.tears.is_empty();
    let root = root.get_ref();
    for (key, value) in root {
        file.read_top(sources, root, key, value);
    }
    for tear in file.tears {
        sources.problems.push(Problem {
            key: "(syntax)".to_owned(),
            place: Some(file.lines.place(tear.offset)),
            found: tear.message.replace('\n', ", "),
            expected: "TOML: key = value, texts in quotes, sections as [section]".to_owned(),
            hint: None,
        });
    }
}

/// A place where the syntax is broken.
struct Tear {
    /// From 1.
    line: usize,
    offset: usize,
    message: String,
}

/// The file while it is read.
struct File<'a> {
    lines: Lines<'a>,
    /// By offset, at most one per line.
    tears: Vec<Tear>,
}

type Table<'i> = Map<Spanned<DeString<'i>>, Spanned<DeValue<'i>>>;

impl File<'_> {
    /// Whether the syntax is broken from the start of a key to the end of its
    /// value.
    ///
    /// What was made of such a value is a guess, and may be the text of other
    /// lines, a password among it: it is neither checked nor shown. Only the
    /// first tear is reported; those after it follow from it.
    fn is_torn(&mut self, start: usize, end: usize) -> bool {
        let lines = self.lines.line(start)..=self.lines.line(end);
        let mut is_torn = false;
        self.tears.retain(|tear| {
            let is_inside = lines.contains(&tear.line);
            let follows = is_inside && is_torn;
            is_torn |= is_inside;
            !follows
        });
        is_torn
    }

    fn read_top(
        &mut self,
        sources: &mut Sources,
        root: &Table<'_>,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name: &str = key.get_ref();
        let table = value.get_ref().as_table();
        let section = keys::SECTIONS.iter().find(|section| **section == name);
        if section.is_some() || table.is_none() || keys::known(name).is_some() {
            return self.read_item(sources, &Section::TOP, root, key, value);
        }
        if self.is_torn(key.span().start, key.span().end) {
            return;
        }
        let meant = keys::nearest(name, keys::SECTIONS.iter().copied());
        sources.problems.push(Problem {
            key: name.to_owned(),
            place: Some(self.lines.place(key.span().start)),
            found: "an unknown section".to_owned(),
            expected: format!("one of {}", keys::SECTIONS.join(", ")),
            hint: meant.map(|section| format!("did you mean [{section}]?")),
        });
        // Read as what was meant, so that what is wrong inside is reported as well.
        let meant = meant.filter(|section| !root.contains_key(*section));
        if let (Some(section), Some(table)) = (meant, table) {
            self.read_table(sources, &Section::TOP.child(section), table);
        }
    }

    /// Everything in a section, or the entries of a section of named ones.
    fn read_table(&mut self, sources: &mut Sources, section: &Section, table: &Table<'_>) {
        let named = keys::NAMED.iter().find(|named| **named == section.template);
        for (key, value) in table {
            match named {
                Some(named) => self.read_named(sources, named, key, value),
                None => self.read_item(sources, section, table, key, value),
            }
        }
    }

    /// One entry of a section of named ones: `[databases.shop]`.
    fn read_named(
        &mut self,
        sources: &mut Sources,
        section: &'static str,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name: &str = key.get_ref();
        let Some(table) = value.get_ref().as_table() else {
            if !self.is_torn(key.span().start, value.span().end) {
                let place = self.lines.place(key.span().start);
                sources.problems.push(not_a_section(
                    keys::named(section, name),
                    place,
                    entry(&self.lines, value).value.kind(),
                ));
            }
            return;
        };
        // Such a name cannot reach us from a client.
        if name.is_empty() || name.contains('\0') {
            sources.problems.push(Problem {
                key: keys::named(section, name),
                place: Some(self.lines.place(key.span().start)),
                found: "a name that is empty or has a zero byte".to_owned(),
                expected: format!("a name, as in [{section}.shop]"),
                hint: None,
            });
            return;
        }
        sources.add_name(section, name);
        let section =
            Section { template: format!("{section}.*"), path: keys::named(section, name) };
        self.read_table(sources, &section, table);
    }

    /// A key with its value, or a section.
    fn read_item(
        &mut self,
        sources: &mut Sources,
        section: &Section,
        table: &Table<'_>,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name: &str = key.get_ref();
        let child = section.child(name);
        // A dot inside a quoted key is part of the name, not a path.
        let is_plain = !name.contains(['.', '*']);
        if is_plain && keys::is_section(&child.template) {
            match value.get_ref().as_table() {
                Some(table) => self.read_table(sources, &child, table),
                None if self.is_torn(key.span().start, value.span().end) => {}
                None => sources.problems.push(not_a_section(
                    child.path,
                    self.lines.place(key.span().start),
                    entry(&self.lines, value).value.kind(),
                )),
            }
            return;
        }
        if self.is_torn(key.span().start, value.span().end) {
            return;
        }
        let Entry { value, place } = entry(&self.lines, value);
        if is_plain && keys::known(&child.template).is_some() {
            sources.add(&child.path, value, place);
            return;
        }
        let meant = keys::meant(&section.template, name);
        let same_section = meant.map(keys::split).filter(|(of, _)| *of == section.template);
        let meant_path = match (same_section, meant) {
            (Some((_, near)), _) => Some(section.child(near).path),
            (None, meant) => meant.map(keys::shown),
        };
        let key_place = self.lines.place(key.span().start);
        sources.problems.push(unknown_key(
            &child.path,
            Some(key_place),
            section.expected(),
            meant_path.as_deref(),
        ));
        let Some(meant) = meant else { return };
        let is_free = !table.contains_key(keys::split(meant).1);
        if let Some(path) =
            meant_path.filter(|_| is_free && (same_section.is_some() || !meant.contains('*')))
        {
            sources.add_meant(&path, value, place);
        }
    }
}

fn not_a_section(path: String, place: Place, found: &str) -> Problem {
    Problem {
        expected: format!("a section: [{path}] on a line of its own"),
        key: path,
        place: Some(place),
        found: found.to_owned(),
        hint: None,
    }
}

/// A section of the file.
struct Section {
    /// As in the list of keys: `databases.*`.
    template: String,
    /// As written: `databases.shop`.
    path: String,
}

impl Section {
    const TOP: Self = Self { template: String::new(), path: String::new() };

    fn child(&self, name: &str) -> Self {
        Self { template: keys::join(&self.template, name), path: keys::join(&self.path, name) }
    }

    /// What may stand in it.
    fn expected(&self) -> String {
        let names: Vec<_> = keys::names_in(&self.template).collect();
        let names = names.join(", ");
        let tls = self.child("tls");
        if self.template.is_empty() {
            format!("one of {names}, or a section")
        } else if keys::is_section(&tls.template) {
            format!("one of {names}, or the section [{}]", tls.path)
        } else {
            format!("one of {names}")
        }
    }
}

fn entry(lines: &Lines<'_>, value: &Spanned<DeValue<'_>>) -> Entry {
    let place = lines.place(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Value::Integer(integer(number)),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(list) => Value::List(list.iter().map(|item| entry(lines, item)).collect()),
        DeValue::Table(_) => Value::Other("a table"),
    };
    Entry { value, place }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Turns offsets into lines and columns.
struct Lines<'a> {
    name: &'a str,
    text: &'a str,
}

impl Lines<'_> {
    fn before(&self, offset: usize) -> &str {
        self.text.get(..offset).unwrap_or(self.text)
    }

    /// From 1.
    fn line(&self, offset: usize) -> usize {
        self.before(offset).matches('\n').count() + 1
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.before(offset);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            name: self.name.to_owned(),
            line: self.line(offset),
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
        }
    }
}
