//! What was written, where, before anything is believed: the file, the
//! environment and the flags as lists of entries by key.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use crate::load::Overlay;
use crate::problem::{Place, Problem};
use crate::url::quoted;
use crate::{keys, problem};

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// `None` when it does not fit.
    Integer(Option<i64>),
    Boolean(bool),
    List(Vec<Entry>),
    /// What no key takes, by its name.
    Other(&'static str),
}

impl Value {
    /// The word that switches a limit off.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Text(text) if text == "off")
    }

    /// For `Problem::found`.
    pub(crate) fn describe(&self) -> String {
        match self {
            // A URL in the wrong place.
            Self::Text(text) if text.contains('@') => {
                "a text with an @ (not shown: it may hold a password)".to_owned()
            }
            Self::Text(text) => quoted(text),
            Self::Integer(Some(number)) => format!("the integer {number}"),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(None) | Self::List(_) | Self::Other(_) => self.kind().to_owned(),
        }
    }

    /// Like [`Value::describe`], for values that may be secret.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(text) if text.is_empty() => "an empty text",
            Self::Text(_) => "a text",
            Self::Integer(Some(_)) => "an integer",
            Self::Integer(None) => "an integer out of all range",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "an array",
            Self::Other(kind) => kind,
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) place: Place,
}

impl Entry {
    /// Whether the source has types. Where it has none, `5` and `true` are text.
    pub(crate) fn is_typed(&self) -> bool {
        matches!(self.place, Place::File { .. })
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.is_empty())
    }

    /// The higher one wins.
    pub(crate) fn rank(&self) -> u8 {
        rank(&self.place)
    }
}

/// The variable that many platforms set for the application.
pub(crate) const DATABASE_URL: &str = "DATABASE_URL";

/// Which source wins over which.
pub(crate) fn rank(place: &Place) -> u8 {
    match place {
        Place::Environment { variable } if variable == DATABASE_URL => 0,
        Place::File { .. } => 1,
        Place::Environment { .. } => 2,
        Place::Flag { .. } => 3,
    }
}

/// Everything that was written, by key; in each list the later wins.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) entries: BTreeMap<String, Vec<Entry>>,
    /// The names in each section of named entries, also those with no key in them.
    pub(crate) names: BTreeMap<&'static str, BTreeSet<String>>,
    /// `DATABASE_URL`, unless empty.
    pub(crate) database_url: Option<Entry>,
    pub(crate) problems: Vec<Problem>,
    /// The file could not be read to its end: what seems missing may be there.
    pub(crate) is_torn: bool,
}

impl Sources {
    pub(crate) fn gather(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Overlay,
    ) -> Self {
        let mut sources = Self::default();
        if let Some((name, text)) = file {
            file::read(&mut sources, name, text);
        }
        for (variable, value) in environment {
            sources.add_variable(&variable, value);
        }
        sources.add_flags(flags);
        sources
    }

    fn add(&mut self, key: &str, value: Value, place: Place) {
        self.entries.entry(key.to_owned()).or_default().push(Entry { value, place });
    }

    /// The names in a section of named entries, in order.
    pub(crate) fn names(&self, section: &str) -> Vec<String> {
        self.names.get(section).into_iter().flatten().cloned().collect()
    }

    fn add_name(&mut self, section: &'static str, name: &str) {
        self.names.entry(section).or_default().insert(name.to_owned());
    }

    fn has_from(&self, key: &str, rank: u8) -> bool {
        self.entries.get(key).is_some_and(|all| all.iter().any(|entry| entry.rank() == rank))
    }

    /// Takes the value of a mistyped key for the one that was meant, so that it
    /// is checked too and the key that was meant is not reported as missing.
    fn add_meant(&mut self, key: &str, value: Value, place: Place) {
        if !self.has_from(key, rank(&place)) {
            self.add(key, value, place);
        }
    }

    fn add_variable(&mut self, variable: &str, value: String) {
        let place = Place::Environment { variable: variable.to_owned() };
        let value = Value::Text(value);
        if variable == DATABASE_URL {
            // Platforms set it empty to say that there is none.
            if !matches!(&value, Value::Text(text) if text.is_empty()) {
                self.database_url = Some(Entry { value, place });
            }
            return;
        }
        // `AFTERWRITE_CONFIG` names the file; whoever read the file has used it.
        if !variable.starts_with("AFTERWRITE_") || variable == "AFTERWRITE_CONFIG" {
            return;
        }
        if let Some((section, key)) = self.named_variable(variable) {
            return self.add_named(section, &key, value, place);
        }
        let plain = keys::KEYS.iter().map(|key| key.path).filter(|path| !path.contains('*'));
        let variables: Vec<_> = plain.map(|path| (path, keys::variable(path))).collect();
        if let Some((key, _)) = variables.iter().find(|(_, known)| known == variable) {
            self.add(key, value, place);
            return;
        }
        let near = keys::nearest(variable, variables.iter().map(|(_, known)| known.as_str()));
        self.problems.push(problem::unknown_key(
            variable,
            Some(place.clone()),
            "AFTERWRITE_<KEY> or AFTERWRITE_<SECTION>__<KEY>".to_owned(),
            near,
        ));
        if let Some((key, _)) = variables.iter().find(|(_, known)| Some(known.as_str()) == near) {
            self.add_meant(key, value, place);
        }
    }

    /// `AFTERWRITE_DATABASES__SHOP__POOL_SIZE` as its section, name and key.
    ///
    /// Variables have capitals only: the name is that of the file's entry which
    /// looks so in capitals, else it is in small letters.
    fn named_variable(&self, variable: &str) -> Option<(&'static str, (String, &'static str))> {
        let rest = variable.strip_prefix("AFTERWRITE_")?;
        keys::NAMED.iter().find_map(|section| {
            let rest = rest.strip_prefix(&section.to_ascii_uppercase())?.strip_prefix("__")?;
            // The longest: `TLS__KEY` rather than `KEY` of a name that ends in `TLS`.
            let name_and_tail = |tail: &'static str| {
                let written = tail.replace('.', "__").to_ascii_uppercase();
                let name = rest.strip_suffix(&written)?.strip_suffix("__")?;
                (!name.is_empty()).then_some((name, tail))
            };
            let (name, tail) = keys::tails(section)
                .filter_map(name_and_tail)
                .max_by_key(|(_, tail)| tail.len())?;
            let of_file = self.names.get(section).into_iter().flatten();
            let known = of_file.into_iter().find(|known| keys::name_in_variable(known) == name);
            let name = known.cloned().unwrap_or_else(|| name.to_ascii_lowercase());
            Some((*section, (name, tail)))
        })
    }

    fn add_named(
        &mut self,
        section: &'static str,
        (name, tail): &(String, &'static str),
        value: Value,
        place: Place,
    ) {
        self.add_name(section, name);
        self.add(&keys::join(&keys::named(section, name), tail), value, place);
    }

    /// `databases.shop.pool_size` as its section, name and key; the name may have
    /// dots of its own, and may stand in quotes.
    fn named_path(path: &str) -> Option<(&'static str, (String, &'static str))> {
        keys::NAMED.iter().find_map(|section| {
            let rest = path.strip_prefix(section)?.strip_prefix('.')?;
            let name_and_tail = |tail: &'static str| {
                let name = rest.strip_suffix(tail)?.strip_suffix('.')?;
                (!name.is_empty()).then_some((name, tail))
            };
            let (name, tail) = keys::tails(section)
                .filter_map(name_and_tail)
                .max_by_key(|(_, tail)| tail.len())?;
            let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            Some((*section, (inner.unwrap_or(name).to_owned(), tail)))
        })
    }

    fn add_flags(&mut self, flags: &Overlay) {
        let flag = |name: &str| Place::Flag { name: name.to_owned() };
        let mut add_text = |key, text: &Option<String>, name| {
            if let Some(text) = text {
                self.add(key, Value::Text(text.clone()), flag(name));
            }
        };
        add_text("cluster.url", &flags.url, "the URL");
        add_text("metrics_listen", &flags.metrics_listen, "--metrics-listen");
        add_text("log.level", &flags.log_level, "--log-level");
        add_text("log.format", &flags.log_format, "--log-format");
        if flags.log_decisions {
            self.add("log.decisions", Value::Boolean(true), flag("--log-decisions"));
        }
        if !flags.listen.is_empty() {
            let place = flag("--listen");
            let entry =
                |text: &String| Entry { value: Value::Text(text.clone()), place: place.clone() };
            let list = flags.listen.iter().map(entry).collect();
            self.add("listen", Value::List(list), place);
        }
        for (path, value) in &flags.set {
            self.add_set(path, Value::Text(value.clone()));
        }
    }

    fn add_set(&mut self, path: &str, value: Value) {
        let place = Place::Flag { name: "--set".to_owned() };
        if let Some((section, key)) = Self::named_path(path) {
            return self.add_named(section, &key, value, place);
        }
        if let Some(key) = keys::known(path).filter(|key| !key.path.contains('*')) {
            self.add(key.path, value, place);
            return;
        }
        let (section, name) = keys::split(path);
        let meant = keys::meant(section, name)
            .or_else(|| keys::nearest(path, keys::KEYS.iter().map(|key| key.path)));
        self.problems.push(problem::unknown_key(
            path,
            Some(place.clone()),
            "a key as in the file: pool.size, routing.wait_max".to_owned(),
            meant.map(keys::shown).as_deref(),
        ));
        if let Some(key) = meant.filter(|key| !key.contains('*')) {
            self.add_meant(key, value, place);
        }
    }
}
