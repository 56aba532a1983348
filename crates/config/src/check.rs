//! Reads values out of the sources and keeps a list of everything that is wrong.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::keys;
use crate::problem::{Place, Problem};
use crate::source::{Entry, Sources, Value};
use crate::unit::{parse_duration, parse_size, show_duration, show_size};

/// Why a value was not taken. What is not said is filled in by the [`Checker`].
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) found: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) hint: Option<String>,
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

/// Reads values out of the sources.
///
/// Every source of a key is checked, also one that a higher one overrides: it
/// is wrong all the same, and would surprise when the higher one goes.
pub(crate) struct Checker {
    pub(crate) sources: Sources,
}

impl Checker {
    /// All good values of a key, the winning one last.
    pub(crate) fn all<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&Entry) -> Result<T, Refusal>,
    ) -> Vec<Checked<T>> {
        debug_assert!(keys::known(key).is_some(), "{key} is not in the list of keys");
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
        key: &'static str,
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

    /// A whole number in a range.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<usize>,
        default: usize,
    ) -> usize {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.one(key, &expected, |entry| integer(entry, &range)).unwrap_or(default)
    }

    /// A duration in a range, if it is written at all.
    pub(crate) fn duration_if_any(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
        let expected = format!("a duration from \"{least}\" to \"{most}\"");
        self.one(key, &expected, |entry| {
            let duration = match &entry.value {
                Value::Text(text) => parse_duration(text).map_err(Refusal::hint)?,
                Value::Integer(Some(number)) if *number >= 0 => {
                    return Err(Refusal::hint(format!(
                        "say the unit: \"{number}ms\" or \"{number}s\""
                    )));
                }
                _ => return Err(Refusal::default()),
            };
            if range.contains(&duration) { Ok(duration) } else { Err(Refusal::default()) }
        })
    }

    /// A duration in a range.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        self.duration_if_any(key, range).unwrap_or(default)
    }

    /// A number of bytes in a range.
    pub(crate) fn size(
        &mut self,
        key: &'static str,
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

    /// One of a few words, if it is written at all.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        let expected = names.join(" or ");
        self.one(key, &expected, |entry| {
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

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
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
