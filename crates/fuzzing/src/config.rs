//! Configuration text.

use std::io;

use afterwrite_config::import::{Format, ImportError, import};
use afterwrite_config::url::parse_multi_host;
use afterwrite_config::{Overlay, load};

/// Any file, variable or flag is a configuration or a list of problems, and no problem
/// shows a password.
pub(crate) fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Variables and flags stand behind the file, each behind a line of its own.
    let mut parts = text.split("\n----\n");
    let file = parts.next().unwrap_or_default();
    let environment = parts.next().unwrap_or_default();
    let environment = environment.lines().filter_map(|line| line.split_once('='));
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let set = parts.next().unwrap_or_default();
    let set = set.lines().filter_map(|line| line.split_once('='));
    let flags = Overlay {
        set: set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        ..Overlay::default()
    };
    let loaded =
        load(Some(("a.toml", file)), environment, &flags, &|_| Err(io::ErrorKind::NotFound.into()));
    let shown = match loaded {
        Ok(config) => format!("{config:?}"),
        Err(problems) => format!("{problems} {problems:?}"),
    };
    // The seeds have this password, in values, and what is made of them keeps it.
    let values = ["= \"", "= [\"", "="].map(|before| format!("{before}postgres://app:Hunter2@"));
    let passwords: usize = values.iter().map(|value| text.matches(value.as_str()).count()).sum();
    if passwords > 0 && passwords == text.matches("Hunter2").count() {
        assert!(!shown.contains("Hunter2"), "the password is shown: {shown}");
    }
}

/// A URL that is read prints, but for its password, as one that reads the same.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(url) = parse_multi_host(text) else { return };
    let printed = url.to_string();
    let again = parse_multi_host(&printed);
    let Ok(mut again) = again else { unreachable!("{printed} cannot be read: {again:?}") };
    assert_eq!(again.password.is_some(), url.password.is_some());
    again.password.clone_from(&url.password);
    assert_eq!(again, url, "printed as {printed}");
}

/// Another pooler's configuration becomes one of ours that loads, or an error.
pub(crate) fn importer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let guessed = Format::guess(text);
    for format in [Format::PgBouncer, Format::PgCat] {
        if guessed.is_some_and(|guessed| guessed != format) {
            continue;
        }
        match import(format, "a.ini", text, &|_| Err(io::ErrorKind::NotFound.into())) {
            Ok(imported) => {
                let shown = imported.toml.contains("Hunter2");
                assert!(!shown || imported.has_passwords, "a password, and it is not said");
            }
            Err(ImportError::Unusable(problems)) => {
                unreachable!("what was made of it does not load: {problems}")
            }
            Err(ImportError::Syntax { .. } | ImportError::Foreign(_)) => {}
        }
    }
}
