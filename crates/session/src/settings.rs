//! Settings that follow a client from server to server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Tells apart sets of settings; equal sets have equal fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

/// What a client has set for its session: at login, and by `SET` since.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Set at login; `RESET` comes back to these.
    startup: BTreeMap<String, String>,
    /// The statement that sets each again.
    current: BTreeMap<String, String>,
    fingerprint: Fingerprint,
}

impl Settings {
    /// The settings a client asked for at login, as names and values.
    pub fn at_login(parameters: impl IntoIterator<Item = (String, String)>) -> Self {
        let startup: BTreeMap<_, _> = parameters
            .into_iter()
            .map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                // Not SET, which takes 'a, b' for the name of one schema.
                let statement = format!(
                    "SELECT pg_catalog.set_config({}, {}, false)",
                    literal(&name),
                    literal(&value)
                );
                (name, statement)
            })
            .collect();
        let mut settings = Self { current: startup.clone(), startup, ..Self::default() };
        settings.renew();
        settings
    }

    /// Takes up a successful `SET` with this text.
    pub fn set(&mut self, name: &str, statement: &str) {
        self.current.insert(name.to_owned(), statement.trim_end_matches([';', ' ']).to_owned());
        self.renew();
    }

    /// Takes up a successful `RESET`.
    pub fn reset(&mut self, name: &str) {
        match self.startup.get(name) {
            Some(statement) => self.current.insert(name.to_owned(), statement.clone()),
            None => self.current.remove(name),
        };
        self.renew();
    }

    /// Takes up a successful `RESET ALL`.
    pub fn reset_all(&mut self) {
        self.current.clone_from(&self.startup);
        self.renew();
    }

    /// Tells this set from others.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// SQL that brings a server connection with any settings to these.
    pub fn script(&self) -> String {
        let mut script = String::from("RESET ALL");
        for statement in self.current.values() {
            let _ = write!(script, "; {statement}");
        }
        script
    }

    /// SQL that brings back the settings of the login.
    pub(crate) fn restoration(&self) -> Option<String> {
        let statements: Vec<_> = self.startup.values().map(String::as_str).collect();
        (!statements.is_empty()).then(|| statements.join("; "))
    }

    /// SQL that brings back one of them.
    pub(crate) fn restoration_of(&self, name: &str) -> Option<String> {
        self.startup.get(name).cloned()
    }

    /// Whether transactions are serializable unless they say otherwise.
    pub(crate) fn is_serializable(&self) -> bool {
        let set = self.current.get("default_transaction_isolation");
        set.is_some_and(|statement| statement.to_ascii_lowercase().contains("serializable"))
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.current.iter().map(|(name, statement)| name.len() + statement.len()).sum()
    }

    fn renew(&mut self) {
        self.fingerprint = if self.current.is_empty() {
            Fingerprint::default()
        } else {
            let mut hasher = DefaultHasher::new();
            self.current.hash(&mut hasher);
            Fingerprint(hasher.finish() | 1)
        };
    }
}

/// A string literal that means the same whatever `standard_conforming_strings` is.
fn literal(value: &str) -> String {
    let quoted = value.replace('\'', "''");
    if value.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(parameters: &[(&str, &str)]) -> Settings {
        Settings::at_login(parameters.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())))
    }

    #[test]
    fn a_client_without_settings_is_neutral() {
        assert_eq!(login(&[]).fingerprint(), Fingerprint::default());
    }

    #[test]
    fn equal_settings_have_equal_fingerprints_however_they_came_about() {
        let mut one = login(&[("TimeZone", "UTC")]);
        let two = one.clone();
        one.set("work_mem", "SET work_mem = '1MB'");
        assert_ne!(one.fingerprint(), two.fingerprint());
        one.reset("work_mem");
        assert_eq!(one.fingerprint(), two.fingerprint());
    }

    #[test]
    fn reset_comes_back_to_what_the_client_asked_for_at_login() {
        let mut settings = login(&[("TimeZone", "UTC")]);
        settings.set("timezone", "SET TIME ZONE 'Asia/Tokyo';");
        assert_eq!(settings.script(), "RESET ALL; SET TIME ZONE 'Asia/Tokyo'");
        settings.reset("timezone");
        assert_eq!(
            settings.script(),
            "RESET ALL; SELECT pg_catalog.set_config('timezone', 'UTC', false)"
        );
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        let script = login(&[("application_name", "a'; DROP TABLE t; --"), ("a.b\"c", "x\\'")]);
        assert_eq!(
            script.script(),
            "RESET ALL; SELECT pg_catalog.set_config('a.b\"c', E'x\\\\''', false); \
             SELECT pg_catalog.set_config('application_name', 'a''; DROP TABLE t; --', false)"
        );
    }
}
