//! The files that say who may log in, and what is kept of passwords.

use std::io;

use afterwrite_frontend::{Hba, IdentMaps, Users};
use afterwrite_wire::secret::StoredSecret;

/// A user list: users, or its problems, and no secret in either.
pub(crate) fn user_list(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut users = Users::default();
    let read = users.parse(text);
    assert!(read.is_ok() || users.is_empty(), "a broken list has added users");
    if text.contains("Hunter2") {
        let shown = format!("{users:?} {read:?}");
        assert!(!shown.contains("Hunter2"), "{shown}");
    }
}

/// Rules of the kind of `pg_hba.conf`, behind maps of names if there are two parts.
pub(crate) fn hba(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (maps, rules) = text.split_once("\n----\n").unwrap_or(("", text));
    let lines = |text: &str| text.lines().count() + 1;
    let maps = match IdentMaps::parse(maps) {
        Ok(maps) => maps,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.len() <= lines(maps) * 2);
            IdentMaps::default()
        }
    };
    let included = |name: &str| match name {
        "names" => Ok("app, \"other one\"\n@names".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    if let Err(problems) = Hba::parse(rules, maps, &included) {
        assert!(!problems.is_empty(), "refused without a reason");
    }
}

/// What is kept of a password is not shown.
pub(crate) fn stored_secret(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let secret = StoredSecret::parse(text);
    if text.contains("Hunter2") {
        assert!(!format!("{secret:?}").contains("Hunter2"));
    }
}
