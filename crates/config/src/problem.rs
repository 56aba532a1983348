//! What is wrong with a configuration, all of it, in the user's words.

use std::error::Error;
use std::fmt;

use crate::url::quoted;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file; line and column count characters from 1.
    File {
        /// The name the file was given under.
        name: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In an environment variable.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// On the command line.
    Flag {
        /// The flag as the user types it.
        name: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { name } => write!(f, "command line, {name}"),
        }
    }
}

/// One thing that is wrong.
///
/// No field ever holds a password: values that may contain one are described,
/// not quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key as a dotted path (`pool.size`, `cluster.nodes[1]`); `(syntax)`
    /// where the file could not be read so far.
    pub key: String,
    /// Where it was written; `None` when it is missing.
    pub place: Option<Place>,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub expected: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        write!(f, "\n  found:    {}\n  expected: {}", self.found, self.expected)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint:     {hint}")?;
        }
        Ok(())
    }
}

/// A key that does not exist, and the one that was likely meant.
pub(crate) fn unknown_key(
    path: &str,
    place: Option<Place>,
    expected: String,
    meant: Option<&str>,
) -> Problem {
    Problem {
        // Keys come from outside too: quoted if they are more than plain words.
        key: if path.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            path.to_owned()
        } else {
            quoted(path)
        },
        place,
        found: "an unknown key".to_owned(),
        expected,
        hint: meant.map(|key| format!("did you mean {key}?")),
    }
}

/// Everything that is wrong with a configuration; never empty.
///
/// In the order of the file, then the environment, then the command line, then
/// what is missing altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts them; `None` when there are none.
    pub(crate) fn of(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// For a check that failed without saying why: a mistake of this crate, which
    /// must still refuse to start.
    pub(crate) fn unexplained() -> Self {
        Self(vec![Problem {
            key: "cluster".to_owned(),
            place: None,
            found: "a cluster that could not be read".to_owned(),
            expected: "cluster.url or cluster.nodes".to_owned(),
            hint: None,
        }])
    }

    /// Each problem, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "1 problem in the configuration")?,
            count => write!(f, "{count} problems in the configuration")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n\n{problem}"))
    }
}

impl Error for Problems {}
