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
        let place = self.lines.place(key.span().start);
        let table = value.get_ref().as_table();
        if let Some(section) = keys::SECTIONS.iter().find(|section| **section == name) {
            match table {
                Some(table) => self.read_section(sources, section, table),
                None => sources.problems.push(Problem {
                    key: name.to_owned(),
                    place: Some(place),
                    found: entry(&self.lines, value).value.kind().to_owned(),
                    expected: format!("a section: [{section}] on a line of its own"),
                    hint: None,
                }),
            }
            return;
        }
        let Some(table) = table.filter(|_| keys::known(name).is_none()) else {
            self.read_key(sources, "", root, key, value);
            return;
        };
        if self.is_torn(key.span().start, key.span().end) {
            return;
        }
        let meant = keys::nearest(name, keys::SECTIONS.iter().copied());
        sources.problems.push(Problem {
            key: name.to_owned(),
            place: Some(place),
            found: "an unknown section".to_owned(),
            expected: format!("one of {}", keys::SECTIONS.join(", ")),
            hint: meant.map(|section| format!("did you mean [{section}]?")),
        });
        // Read as what was meant, so that what is wrong inside is reported as well.
        if let Some(section) = meant.filter(|section| !root.contains_key(*section)) {
            self.read_section(sources, section, table);
        }
    }

    fn read_section(&mut self, sources: &mut Sources, section: &str, table: &Table<'_>) {
        for (key, value) in table {
            self.read_key(sources, section, table, key, value);
        }
    }

    fn read_key(
        &mut self,
        sources: &mut Sources,
        section: &str,
        table: &Table<'_>,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name: &str = key.get_ref();
        if self.is_torn(key.span().start, value.span().end) {
            return;
        }
        let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let Entry { value, place } = entry(&self.lines, value);
        // A dot inside a quoted key is part of the name, not a path.
        if let Some(known) = keys::known(&path).filter(|_| !name.contains('.')) {
            sources.add(known, value, place);
            return;
        }
        let meant = keys::meant(section, name);
        let names: Vec<_> = keys::names_in(section).collect();
        let expected = if section.is_empty() {
            format!("one of {}, or a section", names.join(", "))
        } else {
            format!("one of {}", names.join(", "))
        };
        let key_place = self.lines.place(key.span().start);
        sources.problems.push(unknown_key(&path, Some(key_place), expected, meant));
        let is_free = |known: &&'static str| {
            known.rsplit('.').next().is_some_and(|name| !table.contains_key(name))
        };
        if let Some(known) = meant.filter(is_free) {
            sources.add_meant(known, value, place);
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
