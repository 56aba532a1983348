//! The settings of a session that drivers look at and change when they connect.
//!
//! None has an effect here but one: [`Columns`].

use std::collections::BTreeMap;

use afterwrite_wire::server;

/// Which columns a session sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// PgBouncer's, and ours behind them.
    #[default]
    All,
    /// PgBouncer's alone: for readers that take no others, such as a foreign table
    /// over `SHOW POOLS`.
    PgBouncer,
}

impl Columns {
    /// The setting's name, and of the startup parameter that sets it.
    pub const SETTING: &str = "afterwrite.columns";

    /// Reads the setting's value.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "all" => Some(Self::All),
            "pgbouncer" => Some(Self::PgBouncer),
            _ => None,
        }
    }

    /// The setting's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::PgBouncer => "pgbouncer",
        }
    }
}

/// Names and values as they are before a client changes them. Where a server
/// reports a setting when a client connects, so does [`welcome`].
const DEFAULTS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "150000"),
    ("session_authorization", ""),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "off"),
];

/// The PostgreSQL whose manners the console has. Drivers choose by it what they ask
/// for when they connect; PgBouncer's own version would make them speak to a server
/// of the last century.
pub(crate) const SERVER_VERSION: &str = "15.0 (Afterwrite)";

/// Those that a server reports when a client connects.
const REPORTED: &[&str] = &[
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "IntervalStyle",
    "integer_datetimes",
    "standard_conforming_strings",
    "is_superuser",
    "default_transaction_read_only",
    "in_hot_standby",
];

/// Appends the settings that a client hears of when it has logged in, before the
/// first ReadyForQuery.
pub fn welcome(out: &mut Vec<u8>, user: &str, application_name: &str) {
    for name in REPORTED {
        if let Some(known) = Known::find(name) {
            server::parameter_status(out, known.name(), known.default());
        }
    }
    server::parameter_status(out, "session_authorization", user);
    server::parameter_status(out, "application_name", application_name);
}

/// A setting that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Known(usize);

impl Known {
    /// The setting of a name, in any case.
    pub(crate) fn find(name: &str) -> Option<Self> {
        DEFAULTS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)).map(Self)
    }

    pub(crate) fn name(self) -> &'static str {
        DEFAULTS.get(self.0).map_or("", |&(name, _)| name)
    }

    fn default(self) -> &'static str {
        DEFAULTS.get(self.0).map_or("", |&(_, value)| value)
    }
}

/// What a session has set. At most one value for each setting we know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    changed: BTreeMap<Known, String>,
}

impl Settings {
    pub(crate) fn set(&mut self, name: Known, value: Option<&str>) {
        match value {
            Some(value) => self.changed.insert(name, value.to_owned()),
            None => self.changed.remove(&name),
        };
    }

    pub(crate) fn get(&self, name: Known) -> &str {
        self.changed.get(&name).map_or(name.default(), String::as_str)
    }

    pub(crate) fn reset(&mut self) {
        self.changed.clear();
    }
}
