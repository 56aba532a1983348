//! PgBouncer's file: sections, `key = value`, `%include`, and connection strings.

use std::path::Path;

use super::draft::At;
use crate::check::ReadFile;

/// How deep files may include each other.
const DEPTH_MAX: usize = 10;

/// The most lines of all files together.
const LINES_MAX: usize = 1_000_000;

/// What one line says.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// `key = value` in a section.
    Setting { section: String, key: String, value: String, at: At },
    /// Something that is none of it, and why.
    Broken { why: String, at: At },
}

/// Reads a file with those it includes.
pub(super) fn read(text: &str, read_file: ReadFile<'_>) -> Vec<Line> {
    let mut reader = Reader { section: String::new(), lines: Vec::new(), count: 0, read_file };
    reader.read(None, text, 0);
    reader.lines
}

struct Reader<'a> {
    section: String,
    lines: Vec<Line>,
    count: usize,
    read_file: ReadFile<'a>,
}

impl Reader<'_> {
    fn read(&mut self, file: Option<&str>, text: &str, depth: usize) {
        for (index, line) in text.lines().enumerate() {
            self.count += 1;
            if self.count > LINES_MAX {
                return;
            }
            let at = At { file: file.map(str::to_owned), line: index + 1 };
            let line = line.trim();
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            if let Some(path) = line.strip_prefix("%include") {
                self.include(path.trim(), at, depth);
            } else if let Some(section) = line.strip_prefix('[') {
                match section.strip_suffix(']') {
                    Some(section) => section.trim().clone_into(&mut self.section),
                    None => self.broken("a section without its ]", at),
                }
            } else {
                self.setting(line, at);
            }
        }
    }

    fn include(&mut self, path: &str, at: At, depth: usize) {
        if depth >= DEPTH_MAX {
            return self.broken("files include each other without end", at);
        }
        match (self.read_file)(Path::new(path)) {
            Ok(text) => self.read(Some(path), &text, depth + 1),
            Err(error) => self.broken(&format!("{path} cannot be read: {error}"), at),
        }
    }

    fn setting(&mut self, line: &str, at: At) {
        let Some((key, rest)) = take_key(line) else {
            return self.broken("neither a section nor key = value", at);
        };
        self.lines.push(Line::Setting {
            section: self.section.clone(),
            key,
            value: rest.trim().to_owned(),
            at,
        });
    }

    fn broken(&mut self, why: &str, at: At) {
        self.lines.push(Line::Broken { why: why.to_owned(), at });
    }
}

/// The key before the `=`, which may stand in double quotes, and what is behind it.
fn take_key(line: &str) -> Option<(String, &str)> {
    let Some(quoted) = line.strip_prefix('"') else {
        let (key, rest) = line.split_once('=')?;
        let key = key.trim();
        return (!key.is_empty()).then(|| (key.to_owned(), rest));
    };
    let mut key = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if c != '"' {
            key.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            key.push('"');
            chars.next();
        } else {
            let rest = quoted.get(index + 1..)?.trim_start().strip_prefix('=')?;
            return (!key.is_empty()).then_some((key, rest));
        }
    }
    None
}

/// The pairs of a connection string: `host=a password='it''s'`. The error does not
/// show the text, which may hold a password.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').ok_or("a name without a value")?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err("a name without a value");
        }
        let value = value.trim_start();
        let (value, left) = if let Some(quoted) = value.strip_prefix('\'') {
            unquote(quoted).ok_or("a quote that is not closed")?
        } else {
            let end = value.find(char::is_whitespace).unwrap_or(value.len());
            let (value, left) = value.split_at_checked(end).unwrap_or((value, ""));
            (value.to_owned(), left)
        };
        pairs.push((key.to_owned(), value));
        rest = left.trim_start();
    }
    Ok(pairs)
}

/// What stands before the closing quote, two of which stand for one.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
            value.push('\'');
            chars.next();
        } else {
            return Some((value, text.get(index + 1..)?));
        }
    }
    None
}

/// Seconds, perhaps with a fraction, as milliseconds.
pub(super) fn ms_of_seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths.parse().ok()?)
}

/// The items of a list between commas, none of them empty.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
