//! The search path: where names without a schema are looked for.

use crate::grammar::{self, SetTo};

/// The schemas in which names without one are looked for, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Path {
    /// These, with `pg_catalog` where it stands (first if it is not written).
    Known(Box<[Box<str>]>),
    /// Any schema may be meant.
    #[default]
    Unknown,
}

/// Schemas of a path that are looked at; a longer one is as good as unknown.
const SCHEMAS_MAX: usize = 64;

impl Path {
    /// Reads the value of the setting, for a role of this name.
    pub fn of_setting(value: &str, role: &str) -> Self {
        let Some(names) = names(value) else { return Self::Unknown };
        if names.len() > SCHEMAS_MAX {
            return Self::Unknown;
        }
        Self::of_names(names.iter().map(|name| if name == "$user" { role } else { name }))
    }

    /// Reads the statement that sets it: `SET search_path …`, or a call of `set_config`.
    pub fn of_statement(statement: &str, role: &str) -> Self {
        match grammar::search_path(statement) {
            Some(SetTo::Names(names)) if names.len() <= SCHEMAS_MAX => {
                let names = names.iter().map(|name| if name == "$user" { role } else { name });
                Self::of_names(names)
            }
            Some(SetTo::Value(value)) => Self::of_setting(&value, role),
            Some(SetTo::Names(_)) | None => Self::Unknown,
        }
    }

    /// These schemas, and `pg_catalog` in front of them unless it is among them.
    pub fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut schemas: Vec<Box<str>> = Vec::new();
        for name in names.filter(|name| !name.is_empty()) {
            if !schemas.iter().any(|known| **known == *name) {
                schemas.push(name.into());
            }
        }
        if !schemas.iter().any(|name| **name == *"pg_catalog") {
            schemas.insert(0, "pg_catalog".into());
        }
        Self::Known(schemas.into())
    }

    /// Whether temporary objects come first, so that naming the current schema makes their schema.
    /// (A `pg_catalog` in front is not told from the one that nobody wrote.)
    pub(crate) fn begins_with_temporary(&self) -> bool {
        let first = self.schemas().unwrap_or_default().iter().find(|name| ***name != *"pg_catalog");
        first.is_some_and(|name| name.starts_with("pg_temp"))
    }

    /// Its schemas in order; `None` if they are not known.
    pub fn schemas(&self) -> Option<&[Box<str>]> {
        match self {
            Self::Known(schemas) => Some(schemas),
            Self::Unknown => None,
        }
    }
}

/// The names in a list like `"$user", public`; `None` if it is none.
fn names(value: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        let name;
        if let Some(quoted) = rest.strip_prefix('"') {
            let (inner, behind) = until_quote(quoted)?;
            (name, rest) = (inner, behind.trim_start());
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            (name, rest) = (word.trim().to_ascii_lowercase(), behind);
            if name.contains(['"', '\'']) {
                return None;
            }
        }
        names.push(name);
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(names)
}

/// The text up to the closing quote, with doubled ones made single, and what is behind it.
fn until_quote(text: &str) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('"')?;
        inner.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                inner.push('"');
                rest = more;
            }
            None => return Some((inner, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[&str]) {
        let path = Path::of_setting(value, "me");
        let schemas: Vec<&str> =
            path.schemas().unwrap_or_default().iter().map(|name| &**name).collect();
        assert_eq!(schemas, expected, "{value}");
    }

    #[test]
    fn paths_are_read_as_the_server_does() {
        check("\"$user\", public", &["pg_catalog", "me", "public"]);
        check("App,  \"Odd \"\"one\"", &["pg_catalog", "app", "Odd \"one"]);
        check("public, pg_catalog", &["public", "pg_catalog"]);
        check("", &["pg_catalog"]);
        check("\"\"", &["pg_catalog"]);
        assert_eq!(Path::of_setting("\"open", "me"), Path::Unknown);
    }

    #[test]
    fn temporary_objects_may_come_first() {
        for (value, expected) in [
            ("pg_temp", true),
            ("pg_temp_3, public", true),
            ("pg_catalog, pg_temp", true),
            ("public, pg_temp", false),
            ("", false),
        ] {
            assert_eq!(Path::of_setting(value, "me").begins_with_temporary(), expected, "{value}");
        }
        assert!(!Path::Unknown.begins_with_temporary());
    }

    #[test]
    fn statements_that_set_it() {
        for (statement, expected) in [
            ("SET search_path = app, \"$user\"", "app, \"$user\""),
            ("set session search_path to 'App', public;", "\"App\", public"),
            ("SELECT pg_catalog.set_config('search_path', 'app, public', false)", "app, public"),
            ("SELECT pg_catalog.set_config('search_path', E'a\\\\b', false)", "\"a\\b\""),
        ] {
            let path = Path::of_statement(statement, "me");
            assert_eq!(path, Path::of_setting(expected, "me"), "{statement}");
        }
        for statement in ["SET search_path TO DEFAULT", "SELECT 1", "SET search_path FROM CURRENT"]
        {
            assert_eq!(Path::of_statement(statement, "me"), Path::Unknown, "{statement}");
        }
    }
}
