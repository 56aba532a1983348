//! Settings that follow a client from server to server.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use afterwrite_types::Role;

use crate::intent::Change;

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
                let statement = setting(&name, &value);
                (name, statement)
            })
            .collect();
        let mut settings = Self { current: startup.clone(), startup, ..Self::default() };
        settings.renew();
        settings
    }

    /// Takes up a successful `SET` with this text.
    pub fn set(&mut self, name: &str, statement: &str) {
        if name == SESSION_AUTHORIZATION {
            // It ends the role.
            self.current.remove(ROLE);
        }
        self.current.insert(name.to_owned(), statement.trim_end_matches([';', ' ']).to_owned());
        self.renew();
    }

    /// Takes up a successful `RESET`.
    pub fn reset(&mut self, name: &str) {
        if name == SESSION_AUTHORIZATION {
            self.current.remove(ROLE);
        }
        match self.startup.get(name) {
            Some(statement) => self.current.insert(name.to_owned(), statement.clone()),
            None => self.current.remove(name),
        };
        self.renew();
    }

    /// Takes up a successful `RESET ALL`: the role stays.
    pub fn reset_all(&mut self) {
        let role = std::mem::take(&mut self.current).into_iter().filter(|(name, _)| is_role(name));
        self.current = self.startup.clone().into_iter().chain(role).collect();
        self.renew();
    }

    /// Takes up a successful `DISCARD ALL`.
    pub fn discard_all(&mut self) {
        self.current.clone_from(&self.startup);
        self.renew();
    }

    /// Whether statements run as another than who logged in to the server.
    pub(crate) fn have_role(&self) -> bool {
        self.current.keys().any(|name| is_role(name))
    }

    /// Tells this set from others.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether the client has set nothing, neither at login nor since.
    pub(crate) fn is_empty(&self) -> bool {
        self.startup.is_empty() && self.current.is_empty()
    }

    /// SQL that brings a connection to a server of this role, with any settings, to these.
    /// `RESET ALL` leaves the role as it is; `other_role` says that it may be another's.
    pub fn script(&self, server: Role, other_role: bool) -> String {
        let parts: Vec<_> =
            self.parts(server, other_role).into_iter().map(|(_, sql)| sql).collect();
        parts.join("; ")
    }

    /// The same for who is about to change the role, which is left as it was at login.
    pub(crate) fn script_without_role(&self, server: Role) -> String {
        let parts = self.parts(server, true).into_iter().filter(|(name, _)| !is_role(name));
        parts.map(|(_, sql)| sql).collect::<Vec<_>>().join("; ")
    }

    /// The statements of the script, and which setting each brings: none, if it resets.
    ///
    /// # Invariant: on a replica nothing writes, even once it is promoted
    ///
    /// Its connections have been read-only since their login, and that is not the client's to
    /// change: a write there would be seen by nobody who keeps its floor.
    pub(crate) fn parts(&self, server: Role, other_role: bool) -> Vec<(&str, &str)> {
        let mut parts = Vec::with_capacity(self.current.len() + 3);
        if other_role {
            parts.push(("", "SET SESSION AUTHORIZATION DEFAULT"));
            parts.push(("", "RESET ROLE"));
        }
        parts.push(("", "RESET ALL"));
        // The role last: it may not be allowed to set the rest.
        let kept = |name: &str| server == Role::Replica && name == READ_ONLY;
        let rest = self.current.iter().filter(|(name, _)| !is_role(name) && !kept(name));
        parts.extend(rest.map(|(name, statement)| (name.as_str(), statement.as_str())));
        for name in [SESSION_AUTHORIZATION, ROLE] {
            parts.extend(self.current.get(name).map(|statement| (name, statement.as_str())));
        }
        parts
    }

    /// Gives up what the client has set, since servers refuse it now. `false` if nothing
    /// can be given up: it is who statements run as, or was asked for at login.
    pub(crate) fn give_up(&mut self, name: &str) -> bool {
        let set = self.current.get(name);
        if is_role(name) || set.is_none() || set == self.startup.get(name) {
            return false;
        }
        self.reset(name);
        true
    }

    /// The statement that sets it.
    pub(crate) fn statement(&self, name: &str) -> Option<&str> {
        self.current.get(name).map(String::as_str)
    }

    /// SQL that brings back what the login asked for, where these changes have undone it.
    pub(crate) fn restoration(&self, changes: &[Change]) -> Option<String> {
        let undone = |name: &str| {
            changes.iter().rev().find_map(|change| match change {
                Change::Set(set) => (set == name).then_some(false),
                Change::Reset(reset) => (reset == name).then_some(true),
                Change::ResetAll | Change::DiscardAll => Some(true),
            })
        };
        let lost = self.startup.iter().filter(|(name, _)| undone(name) == Some(true));
        let statements: Vec<_> = lost.map(|(_, statement)| statement.as_str()).collect();
        (!statements.is_empty()).then(|| statements.join("; "))
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

/// `SET datestyle` changes only the part that it names, and keeps the other.
pub(crate) const DATE_STYLE: &str = "datestyle";

/// What makes transactions read-only unless they say otherwise.
const READ_ONLY: &str = "default_transaction_read_only";

const ROLE: &str = "role";
const SESSION_AUTHORIZATION: &str = "session_authorization";

/// Whether a setting is who statements run as.
pub(crate) fn is_role(name: &str) -> bool {
    matches!(name, ROLE | SESSION_AUTHORIZATION)
}

/// The statement that sets this value. Not SET, which takes 'a, b' for the name of one schema.
pub(crate) fn setting(name: &str, value: &str) -> String {
    const AROUND: usize = "SELECT pg_catalog.set_config(E'', E'', false)".len();
    // Each login makes this text, if only to tell its settings from others'.
    let mut sql = String::with_capacity(AROUND + name.len() + value.len());
    sql.push_str("SELECT pg_catalog.set_config(");
    push_literal(name, &mut sql);
    sql.push_str(", ");
    push_literal(value, &mut sql);
    sql.push_str(", false)");
    sql
}

/// A string literal that means the same whatever `standard_conforming_strings` is.
fn push_literal(value: &str, sql: &mut String) {
    sql.push_str(if value.contains('\\') { "E'" } else { "'" });
    for part in value.split_inclusive(['\'', '\\']) {
        sql.push_str(part);
        // What ends a part is doubled.
        if let Some(last @ ('\'' | '\\')) = part.chars().next_back() {
            sql.push(last);
        }
    }
    sql.push('\'');
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
        assert_eq!(settings.script(Role::Primary, false), "RESET ALL; SET TIME ZONE 'Asia/Tokyo'");
        settings.reset("timezone");
        assert_eq!(
            settings.script(Role::Primary, false),
            "RESET ALL; SELECT pg_catalog.set_config('timezone', 'UTC', false)"
        );
    }

    #[test]
    fn the_role_comes_last_and_outlives_reset_all() {
        let mut settings = login(&[]);
        settings.set("role", "SET ROLE clerk");
        settings.set("work_mem", "SET work_mem = '1MB'");
        settings.set("session_authorization", "SET SESSION AUTHORIZATION bob");
        settings.set("role", "SET ROLE clerk");
        assert_eq!(
            settings.script(Role::Primary, true),
            "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; SET work_mem = '1MB'; \
             SET SESSION AUTHORIZATION bob; SET ROLE clerk"
        );
        settings.reset_all();
        assert!(settings.have_role());
        settings.reset("session_authorization");
        assert!(!settings.have_role(), "the role ends with it");
        assert_eq!(settings.fingerprint(), Fingerprint::default());
    }

    #[test]
    fn on_replicas_transactions_stay_read_only() {
        let mut settings = login(&[("default_transaction_read_only", "off"), ("a.b", "1")]);
        let others = "RESET ALL; SELECT pg_catalog.set_config('a.b', '1', false)";
        assert_eq!(settings.script(Role::Replica, false), others);
        for sql in [
            "SET default_transaction_read_only = off",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        ] {
            settings.set("default_transaction_read_only", sql);
            assert_eq!(settings.script(Role::Replica, false), others);
            assert_eq!(settings.script(Role::Primary, false), format!("{others}; {sql}"));
        }
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        let script = login(&[("application_name", "a'; DROP TABLE t; --"), ("a.b\"c", "x\\'")]);
        assert_eq!(
            script.script(Role::Primary, false),
            "RESET ALL; SELECT pg_catalog.set_config('a.b\"c', E'x\\\\''', false); \
             SELECT pg_catalog.set_config('application_name', 'a''; DROP TABLE t; --', false)"
        );
    }
}
