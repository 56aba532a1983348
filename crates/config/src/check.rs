//! Reads values out of the sources and keeps a list of everything that is wrong.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterwrite_types::{BadTerms, Steps};

use crate::config::Limit;
use crate::keys;
use crate::problem::{Place, Problem};
use crate::source::{Entry, Sources, Value};
use crate::unit::{parse_duration, parse_size, show_duration, show_size};
use crate::url::quoted;

/// Why a value was not taken. What is not said is filled in by the [`Checker`].
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) found: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) hint: Option<String>,
}

/// Whether a text names a function, or several by `*`.
fn is_function(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_$*".contains(c))
    };
    match text.split_once('.') {
        Some((schema, name)) => is_name(schema) && is_name(name),
        None => is_name(text),
    }
}

impl Refusal {
    pub(crate) fn hint(hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::default() }
    }

    pub(crate) fn found(found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), ..Self::default() }
    }
}

/// A value that was taken, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Checked<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// How the caller's files are read.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Reads values out of the sources.
///
/// Every source of a key is checked, also one that a higher one overrides: it
/// is wrong all the same, and would surprise when the higher one goes.
pub(crate) struct Checker<'a> {
    pub(crate) sources: Sources,
    /// How the caller's files are read.
    pub(crate) read_file: ReadFile<'a>,
}

impl Checker<'_> {
    /// All good values of a key, the winning one last.
    pub(crate) fn all<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&Entry) -> Result<T, Refusal>,
    ) -> Vec<Checked<T>> {
        let entries = self.sources.entries.get(key).cloned().unwrap_or_default();
        let mut good = Vec::new();
        for entry in entries {
            match parse(&entry) {
                Ok(value) => good.push(Checked { value, place: entry.place }),
                Err(refusal) => self.refuse(key, &entry, expected, refusal),
            }
        }
        good
    }

    /// The winning value of a key.
    pub(crate) fn one<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&Entry) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.all(key, expected, parse).pop().map(|checked| checked.value)
    }

    pub(crate) fn refuse(&mut self, key: &str, entry: &Entry, expected: &str, refusal: Refusal) {
        self.report(Problem {
            key: key.to_owned(),
            place: Some(entry.place.clone()),
            found: refusal.found.unwrap_or_else(|| entry.value.describe()),
            expected: refusal.expected.unwrap_or_else(|| expected.to_owned()),
            hint: refusal.hint,
        });
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        self.sources.problems.push(problem);
    }

    /// Whether all these keys are free of problems, so that comparing them can
    /// tell something new. With a torn file it is not known what they are.
    pub(crate) fn are_good(&self, keys: &[&str]) -> bool {
        let concerns = |problem: &Problem, key: &str| {
            problem
                .key
                .strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        !self.sources.is_torn
            && !self
                .sources
                .problems
                .iter()
                .any(|problem| keys.iter().any(|key| concerns(problem, key)))
    }

    /// Where the winning value of a key stands.
    pub(crate) fn place_of(&self, key: &str) -> Option<Place> {
        self.sources.entries.get(key)?.last().map(|entry| entry.place.clone())
    }

    /// Where the first key under a path stands.
    pub(crate) fn place_in(&self, path: &str) -> Option<Place> {
        let under =
            self.sources.entries.iter().filter(|(key, _)| {
                key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
            });
        under.flat_map(|(_, entries)| entries).map(|entry| entry.place.clone()).min()
    }

    /// A whole number in a range, if it is written at all.
    pub(crate) fn integer_if_any(
        &mut self,
        key: &str,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.one(key, &expected, |entry| integer(entry, &range))
    }

    /// A whole number in a range.
    pub(crate) fn integer(
        &mut self,
        key: &str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> usize {
        self.integer_if_any(key, range).unwrap_or(default)
    }

    /// A limit from 1 to `most`, or `"off"`; if it is written at all.
    pub(crate) fn limit_if_any(&mut self, key: &str, most: usize) -> Option<Limit> {
        let expected = format!("a whole number from 1 to {most}, or \"off\"");
        self.one(key, &expected, |entry| match &entry.value {
            value if value.is_off() => Ok(Limit::Off),
            Value::Integer(Some(0)) => Err(Refusal::hint("for no limit, write \"off\"")),
            _ => integer(entry, &(1..=most)).map(Limit::AtMost),
        })
    }

    /// A limit from 1 to `most`; none unless given.
    pub(crate) fn limit(&mut self, key: &str, most: usize) -> Option<usize> {
        self.limit_if_any(key, most).and_then(Limit::number)
    }

    /// A duration in a range, if it is written at all.
    pub(crate) fn duration_if_any(
        &mut self,
        key: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let expected = expected_duration(&range);
        self.one(key, &expected, |entry| duration(entry, &range))
    }

    /// A duration in a range.
    pub(crate) fn duration(
        &mut self,
        key: &str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        self.duration_if_any(key, range).unwrap_or(default)
    }

    /// A duration in a range, or `"off"`.
    pub(crate) fn duration_or_off(
        &mut self,
        key: &str,
        range: RangeInclusive<Duration>,
        default: Option<Duration>,
    ) -> Option<Duration> {
        let expected = format!("{}, or \"off\"", expected_duration(&range));
        self.one(key, &expected, |entry| match &entry.value {
            value if value.is_off() => Ok(None),
            Value::Integer(Some(0)) => Err(Refusal::hint("for no limit, write \"off\"")),
            _ => duration(entry, &range).map(Some),
        })
        .unwrap_or(default)
    }

    /// What happens to a read that could not be answered as it asked, if it is written at all.
    pub(crate) fn steps_if_any(&mut self, key: &str) -> Option<Steps> {
        let expected = "\"primary\", \"error\", \"stale\" or several such as \
                        \"read_your_writes within 1s, then primary, then eventual\"";
        self.one(key, expected, |entry| match &entry.value {
            Value::Text(text) => {
                text.parse().map_err(|bad: BadTerms| Refusal::hint(bad.to_string()))
            }
            _ => Err(Refusal::default()),
        })
    }

    /// A name or another text that is not empty, if it is written at all.
    pub(crate) fn name_if_any(&mut self, key: &str) -> Option<String> {
        self.one(key, "a text that is not empty", name)
    }

    /// SQL, if it is written at all; an empty text stands for none.
    pub(crate) fn query_if_any(&mut self, key: &str) -> Option<String> {
        let expected = "SQL as a text, or \"\" for none";
        self.one(key, expected, |entry| match &entry.value {
            Value::Text(text) if !text.contains('\0') => Ok(text.trim().to_owned()),
            _ => Err(Refusal::default()),
        })
    }

    /// An array of names, which may be empty.
    pub(crate) fn names(&mut self, key: &str) -> Vec<String> {
        let expected = "an array of names";
        let list = self.one(key, expected, |entry| match items(entry) {
            Some(list) => {
                // Where there are no arrays, an empty text is an empty one.
                let is_empty = |item: &Entry| item.is_empty() && !item.is_typed();
                list.iter().filter(|item| !is_empty(item)).map(name).collect::<Result<Vec<_>, _>>()
            }
            None => Err(Refusal::default()),
        });
        let mut names = list.unwrap_or_default();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// An array of functions: `name` or `schema.name`, with `*` for any letters.
    pub(crate) fn functions(&mut self, key: &str) -> Vec<String> {
        let expected = "an array of functions, such as [\"app.total\", \"get_*\"]";
        let list = self.one(key, expected, |entry| {
            let list = items(entry).ok_or_else(Refusal::default)?;
            let is_empty = |item: &Entry| item.is_empty() && !item.is_typed();
            let names = list.iter().filter(|item| !is_empty(item)).map(name);
            let names = names.collect::<Result<Vec<_>, _>>()?;
            match names.iter().find(|name| !is_function(name)) {
                Some(bad) => Err(Refusal::found(format!("{bad:?}"))),
                None => Ok(names),
            }
        });
        list.unwrap_or_default()
    }

    /// The path of a file that can be read, if it is written at all.
    ///
    /// Read here so that a wrong path is told before anything relies on it; what
    /// is in it is for whoever uses it.
    pub(crate) fn file_if_any(&mut self, key: &str) -> Option<PathBuf> {
        let read_file = self.read_file;
        self.one(key, "the path of a file", |entry| readable(entry, read_file))
    }

    /// A number of bytes in a range.
    pub(crate) fn size(
        &mut self,
        key: &str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> usize {
        let show = |bytes: &usize| show_size(u64::try_from(*bytes).unwrap_or(u64::MAX));
        let expected = format!(
            "a size from \"{}\" to \"{}\", or a number of bytes",
            show(range.start()),
            show(range.end())
        );
        self.one(key, &expected, |entry| {
            let bytes = match &entry.value {
                Value::Text(text) => parse_size(text).map_err(Refusal::hint)?,
                Value::Integer(Some(number)) => {
                    u64::try_from(*number).map_err(|_| Refusal::default())?
                }
                _ => return Err(Refusal::default()),
            };
            usize::try_from(bytes)
                .ok()
                .filter(|bytes| range.contains(bytes))
                .ok_or_else(Refusal::default)
        })
        .unwrap_or(default)
    }

    /// One of a few words: of each source that has it, the winning one last.
    pub(crate) fn choices<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Vec<Checked<T>> {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        let expected = names.join(" or ");
        self.all(key, &expected, |entry| {
            let Value::Text(text) = &entry.value else {
                return Err(Refusal::default());
            };
            if let Some((_, value)) = choices.iter().find(|(name, _)| name == text) {
                return Ok(*value);
            }
            let near = keys::nearest(text, choices.iter().map(|(name, _)| *name));
            Err(Refusal {
                hint: near.map(|near| format!("did you mean {near:?}?")),
                ..Refusal::default()
            })
        })
    }

    /// One of a few words, if it is written at all.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        self.choices(key, choices).pop().map(|checked| checked.value)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.one(key, "true or false", |entry| match &entry.value {
            Value::Boolean(value) => Ok(*value),
            Value::Text(text) => match (entry.is_typed(), text.as_str()) {
                (false, "true") => Ok(true),
                (false, "false") => Ok(false),
                (true, "true" | "false") => Err(Refusal::hint("write it without quotes")),
                _ => Err(Refusal::default()),
            },
            _ => Err(Refusal::default()),
        })
        .unwrap_or(default)
    }
}

fn expected_duration(range: &RangeInclusive<Duration>) -> String {
    let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
    format!("a duration from \"{least}\" to \"{most}\"")
}

fn duration(entry: &Entry, range: &RangeInclusive<Duration>) -> Result<Duration, Refusal> {
    let duration = match &entry.value {
        Value::Text(text) => parse_duration(text).map_err(Refusal::hint)?,
        Value::Integer(Some(number)) if *number >= 0 => {
            return Err(Refusal::hint(format!("say the unit: \"{number}ms\" or \"{number}s\"")));
        }
        _ => return Err(Refusal::default()),
    };
    if range.contains(&duration) { Ok(duration) } else { Err(Refusal::default()) }
}

/// A whole number in a range.
pub(crate) fn integer(entry: &Entry, range: &RangeInclusive<usize>) -> Result<usize, Refusal> {
    let number = match &entry.value {
        Value::Integer(number) => number.and_then(|number| usize::try_from(number).ok()),
        Value::Text(text) if !entry.is_typed() => text.parse().ok(),
        Value::Text(text) if text.parse::<usize>().is_ok() => {
            return Err(Refusal::hint("write it without quotes"));
        }
        _ => None,
    };
    number.filter(|number| range.contains(number)).ok_or_else(Refusal::default)
}

/// A text that stands for a name: not empty, no zero byte.
pub(crate) fn name(entry: &Entry) -> Result<String, Refusal> {
    match &entry.value {
        // The protocol ends every text with a zero byte.
        Value::Text(text) if !text.is_empty() && !text.contains('\0') => Ok(text.clone()),
        _ => Err(Refusal::default()),
    }
}

/// A path. In the file it is relative to the file, so that it means the same
/// wherever the proxy is started; elsewhere it is taken as it is.
pub(crate) fn path(entry: &Entry) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(name(entry)?);
    match &entry.place {
        Place::File { name, .. } => {
            Ok(Path::new(name).parent().map_or_else(|| path.clone(), |folder| folder.join(&path)))
        }
        Place::Environment { .. } | Place::Flag { .. } => Ok(path),
    }
}

/// The path of a file that can be read.
pub(crate) fn readable(entry: &Entry, read_file: ReadFile<'_>) -> Result<PathBuf, Refusal> {
    let path = path(entry)?;
    match read_file(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Refusal {
    let shown = quoted(&path.display().to_string());
    Refusal::found(format!("{shown}, which cannot be read: {error}"))
}

/// The items of an array; a single text is an array of one, and where there are
/// no arrays the items stand between commas.
pub(crate) fn items(entry: &Entry) -> Option<Vec<Entry>> {
    match &entry.value {
        Value::List(list) => Some(list.clone()),
        Value::Text(text) if !entry.is_typed() => {
            let item = |text: &str| Entry {
                value: Value::Text(text.trim().to_owned()),
                place: entry.place.clone(),
            };
            Some(text.split(',').map(item).collect())
        }
        Value::Text(_) => Some(vec![entry.clone()]),
        Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => None,
    }
}
