//! Files that say who may log in: reading them, and what is wrong with them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of one file, at most.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is wrong with one line of a file. Never tells a secret: a line of a user
/// list is quoted nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The line, counted from one; `None` if it is the file as a whole.
    pub line: Option<usize>,
    /// What is wrong: one line, lower case, no full stop.
    pub problem: String,
}

impl FileProblem {
    pub(super) fn at(line: usize, problem: impl Into<String>) -> Self {
        Self { line: Some(line), problem: problem.into() }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for FileProblem {}

/// The text of a whole file; blocks.
pub(super) fn read(path: &Path) -> Result<String, Vec<FileProblem>> {
    text(path).map_err(|error| vec![FileProblem { line: None, problem: error.to_string() }])
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("is over {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Reads the files that another file names by `@name`, beside that file.
pub(super) struct Beside {
    folder: PathBuf,
}

impl Beside {
    pub(super) fn new(path: &Path) -> Self {
        Self { folder: path.parent().map(Path::to_path_buf).unwrap_or_default() }
    }

    pub(super) fn read(&self, name: &str) -> io::Result<String> {
        text(&self.folder.join(name))
    }
}
