//! Text that is never printed by accident.

use std::fmt;
use std::path::Path;

use crate::check::{Checked, Checker, ReadFile, Refusal, name, path, unreadable};
use crate::cluster::twice;
use crate::source::rank;
use crate::url::quoted;

/// A password.
///
/// `Debug` and `Display` print `****`, so that no log, error or panic message
/// carries it. [`Secret::expose`] is the one way to the text. It is not wiped
/// from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for handing to an authentication exchange, never to a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// A key for a secret and what the file of the key beside it holds: `password`
/// and `password_file`. The winning one stands last.
pub(crate) fn secrets(checker: &mut Checker<'_>, key: &str) -> Vec<Checked<Secret>> {
    let mut secrets = checker.all(key, "a text that is not empty", |entry| {
        name(entry).map(Secret::new).map_err(|_| Refusal::found(entry.value.kind()))
    });
    let file_key = format!("{key}_file");
    let read_file = checker.read_file;
    let expected = "the path of a file that holds the password";
    let of_files =
        checker.all(&file_key, expected, |entry| read_password(&path(entry)?, read_file));
    for of_file in of_files {
        let of_file_rank = rank(&of_file.place);
        if secrets.iter().any(|secret| rank(&secret.place) == of_file_rank) {
            checker.report(twice(&file_key, of_file.place, key));
        } else {
            secrets.push(of_file);
        }
    }
    secrets.sort_by_key(|secret| rank(&secret.place));
    secrets
}

/// The winning one of [`secrets`].
pub(crate) fn secret(checker: &mut Checker<'_>, key: &str) -> Option<Secret> {
    secrets(checker, key).pop().map(|checked| checked.value)
}

fn read_password(path: &Path, read_file: ReadFile<'_>) -> Result<Secret, Refusal> {
    read_alone(path, "password", read_file)
}

/// A secret that stands alone in a file.
pub(crate) fn read_alone(
    path: &Path,
    what: &str,
    read_file: ReadFile<'_>,
) -> Result<Secret, Refusal> {
    let shown = quoted(&path.display().to_string());
    let text = read_file(path).map_err(|error| unreadable(path, &error))?;
    // Editors end the last line; the password does not.
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Refusal::found(format!("{shown}, which is empty")));
    }
    if password.contains(['\0', '\n', '\r']) {
        return Err(Refusal {
            hint: Some(format!("the file holds the {what} alone, on one line")),
            ..Refusal::found(format!("{shown}, which holds more than one line"))
        });
    }
    Ok(Secret::new(password))
}
