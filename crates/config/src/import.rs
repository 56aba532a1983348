//! From another pooler's configuration to ours.
//!
//! What is made loads without problems: it goes through [`load`](crate::load)
//! before it is given out. Whatever differs, has no equivalent or is to be decided
//! stands above the place that it concerns, as a comment with the line it comes
//! from. Nothing that was written is dropped without one.

mod draft;
mod ini;
mod pgbouncer;
mod pgcat;
mod settle;

use std::error::Error;
use std::fmt;

use crate::check::ReadFile;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `pgbouncer.ini`.
    PgBouncer,
    /// `pgcat.toml`.
    PgCat,
}

impl Format {
    /// Whose configuration a text is: by the first section that only one of them
    /// has.
    pub fn guess(text: &str) -> Option<Self> {
        text.lines().map(str::trim).find_map(|line| {
            let section = line.strip_prefix('[')?.split(']').next()?.trim();
            match section.split('.').next().unwrap_or(section) {
                "pgbouncer" | "databases" | "peers" => Some(Self::PgBouncer),
                "general" | "pools" => Some(Self::PgCat),
                _ => None,
            }
        })
    }
}

/// How much a note asks of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// Nothing: the other pooler's own default, where ours is another.
    Default,
    /// To know that it is not quite the same.
    Differs,
    /// To know that it is gone, and why.
    Gone,
    /// To decide something before this is used.
    Decision,
}

impl Asks {
    /// How such a note begins.
    fn word(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Differs => "Differs",
            Self::Gone => "No equivalent",
            Self::Decision => "DECIDE",
        }
    }
}

/// What was made of a configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Imported {
    /// The whole `afterwrite.toml`, with the notes as comments.
    ///
    /// It holds the passwords that stood in the text that was read, never those of
    /// a user list.
    pub toml: String,
    /// What each note in it asks.
    pub notes: Vec<Asks>,
    /// Whether there is a password in `toml`.
    pub has_passwords: bool,
}

/// Why nothing was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// The syntax is broken.
    Syntax {
        /// From 1.
        line: usize,
        /// What is wrong, without the text.
        found: String,
    },
    /// There is nothing of such a configuration in it.
    Foreign(Format),
    /// What was made does not load: a mistake of ours.
    Unusable(String),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, found } => write!(f, "line {line}: {found}"),
            Self::Foreign(Format::PgBouncer) => {
                write!(f, "neither [pgbouncer] nor [databases] is in it")
            }
            Self::Foreign(Format::PgCat) => write!(f, "neither [general] nor [pools] is in it"),
            Self::Unusable(problems) => {
                write!(f, "what was made of it does not load; please report this: {problems}")
            }
        }
    }
}

impl Error for ImportError {}

/// Makes our configuration of another pooler's.
///
/// `name` is the file's, for the comments; files it includes are read by
/// `read_file`, relative to the working directory as PgBouncer does.
pub fn import(
    format: Format,
    name: &str,
    text: &str,
    read_file: ReadFile<'_>,
) -> Result<Imported, ImportError> {
    let mut draft = draft::Draft::default();
    match format {
        Format::PgBouncer => pgbouncer::import(&mut draft, text, read_file)?,
        Format::PgCat => pgcat::import(&mut draft, text)?,
    }
    settle::settle(draft, name)
}
