//! What the catalog of one database says of its functions, operators, types and relations.
//!
//! A [`Catalog`] is a snapshot and never changes. It is made from rows by [`Builder`]; a change
//! of the schema makes another one.

mod load;
mod questions;
mod relation;
mod settings;
mod types;

use std::collections::{BTreeSet, HashMap};

use afterwrite_sql::{Function as BuiltIn, Reason, Sets};

use crate::because::Because;
use crate::judge;
use crate::mention::{Call, Mentions, Name};
use crate::path::Path;
use crate::rules::{Rules, Verdict};
pub use load::{Builder, PathRow};
pub use questions::Part;
use relation::Full;
pub(crate) use relation::{Oid, Relation};
pub(crate) use types::Types;
use types::{Cast, Operator};

/// How often a function may answer differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Volatility {
    /// Always the same for the same arguments.
    Immutable,
    /// The same within one statement; it must not write.
    Stable,
    /// Anything.
    Volatile,
}

/// A function that was made after the database was.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    schema: Box<str>,
    volatility: Volatility,
    /// The least number of arguments.
    least: u16,
    /// The largest; `None` if there is no limit.
    most: Option<u16>,
    /// It takes one row, so `x.name` may call it.
    takes_row: bool,
    /// It may leave something in the session although it claims not to write.
    opaque: bool,
    /// What it may do to the settings of the session.
    sets: Sets,
    /// Those of its arguments' types that are not the server's own.
    arguments: Vec<Oid>,
    /// Its result's type, if it is not the server's own.
    result: Option<Oid>,
    defaults: Defaults,
}

/// What the defaults of a function's arguments mention.
#[derive(Clone, Debug)]
enum Defaults {
    /// It has none.
    None,
    /// This.
    Mention(Mentions),
    /// Nobody knows.
    Unread,
}

impl Function {
    fn takes(&self, arguments: Option<u16>) -> bool {
        arguments
            .is_none_or(|count| count >= self.least && self.most.is_none_or(|most| count <= most))
    }
}

/// A snapshot of a database's catalog.
#[derive(Debug, Default)]
pub struct Catalog {
    functions: HashMap<Box<str>, Vec<Function>>,
    /// Those of `pg_catalog`: the most volatile one of each name.
    built_in: HashMap<Box<str>, Volatility>,
    operators: HashMap<Box<str>, Vec<Operator>>,
    casts: Vec<Cast>,
    /// Types whose values are made by a volatile function.
    made: HashMap<Oid, Box<str>>,
    /// Types of the database's own, with their schemas.
    type_names: HashMap<Box<str>, Vec<(Box<str>, Oid)>>,
    /// The types within types.
    contents: HashMap<Oid, Vec<Oid>>,
    relations: HashMap<Oid, Relation>,
    by_name: HashMap<Box<str>, Vec<Oid>>,
    paths: Vec<PathRow>,
    /// Functions that may change settings of the session: what any of each name may do.
    setters: HashMap<Box<str>, Sets>,
}

/// What a call does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Called {
    /// Why it needs the primary.
    pub(crate) because: Option<Because>,
    /// It may answer differently for the same arguments and the same rows.
    pub(crate) varies: bool,
    /// It is no built-in function: what it reads is not known.
    pub(crate) reads_unknown: bool,
    /// What it writes is not known.
    pub(crate) writes_unknown: bool,
    /// It runs code that was not read, and that the user does not answer for.
    pub(crate) opaque: bool,
    /// What that may do to the settings of the session.
    pub(crate) sets: Sets,
}

impl Catalog {
    /// The search path that a role begins with.
    pub fn path_of(&self, role: &str) -> Path {
        // The database's setting for the role, the role's, the database's, the server's.
        self.path_setting(role).map_or(Path::Unknown, |value| Path::of_setting(value, role))
    }

    /// The value of `search_path` that a role begins with.
    pub fn path_setting(&self, role: &str) -> Option<&str> {
        let best = self.paths.iter().filter(|row| row.role.as_deref().is_none_or(|it| it == role));
        let best = best.max_by_key(|row| (row.role.is_some(), row.of_database));
        best.map(|row| &*row.value)
    }

    /// What roles begin with, to be compared.
    pub fn path_settings(&self) -> BTreeSet<PathRow> {
        self.paths.iter().cloned().collect()
    }

    /// How many functions and relations are known that are no built-in ones.
    pub fn size(&self) -> (usize, usize) {
        (self.functions.values().map(Vec::len).sum(), self.relations.len())
    }

    /// What a call does, wherever on the path its function may stand.
    pub(crate) fn call(&self, call: &Call, types: &Types, path: &Path, rules: &Rules) -> Called {
        let own = self.candidates(call, types, path);
        let built_in = match call.name.schema.as_deref() {
            None | Some("pg_catalog") => self.built_in_call(&call.name),
            Some("information_schema")
                if afterwrite_sql::is_information_schema_helper(call.name.name.as_bytes()) =>
            {
                Some(Called::default())
            }
            Some(_) => None,
        };
        let mut called = match (built_in, own.is_empty()) {
            (Some(built_in), _) => built_in,
            (None, true) => {
                // A type of the same name may stand in front of the server's own.
                let casts =
                    call.is_built_in_cast() && !self.type_names.contains_key(&call.name.name);
                let called = if casts {
                    Called { varies: true, ..Called::default() }
                } else {
                    unknown(&call.name)
                };
                return rules.judged(&call.name, None, called);
            }
            (None, false) => Called::default(),
        };
        for function in own {
            let what = function.called(&call.name).and(self.defaults(function, call, rules));
            called = called.and(rules.judged(&call.name, Some(&function.schema), what));
        }
        called
    }

    /// What the defaults of arguments do that are not written.
    fn defaults(&self, function: &Function, call: &Call, rules: &Rules) -> Called {
        let all_are_written = call.arguments.is_some() && call.arguments == function.most;
        let hidden =
            Because::of(Reason::HiddenCall, &Name::within(&function.schema, &call.name.name));
        let mentions = match &function.defaults {
            Defaults::None => return Called::default(),
            _ if all_are_written => return Called::default(),
            Defaults::Unread => {
                return Called {
                    because: Some(hidden),
                    writes_unknown: true,
                    sets: Sets::Unknown,
                    ..Called::default()
                };
            }
            Defaults::Mention(mentions) => mentions,
        };
        let within = judge::of_text_in_catalog(mentions, self, rules);
        Called {
            because: (!within.because.is_empty()).then_some(hidden),
            writes_unknown: within.writes_unknown,
            reads_unknown: true,
            varies: within.varies,
            opaque: within.opaque,
            sets: within.sets,
        }
    }

    /// Functions of the database that a call may mean.
    fn candidates(&self, call: &Call, types: &Types, path: &Path) -> Vec<&Function> {
        let Some(all) = self.functions.get(&call.name.name) else { return Vec::new() };
        let reachable = |function: &&Function| match (&call.name.schema, path.schemas()) {
            (Some(schema), _) => **schema == *function.schema,
            (None, Some(schemas)) => schemas.contains(&function.schema),
            (None, None) => true,
        };
        let reachable: Vec<_> = all.iter().filter(reachable).collect();
        let fits = |it: &&Function| it.takes(call.arguments) && types.allow(it);
        let fitting: Vec<_> = reachable.iter().copied().filter(fits).collect();
        if fitting.is_empty() && self.is_built_in(&call.name) {
            return fitting;
        }
        // Where none fits, the server says so; or we count otherwise than it does.
        if fitting.is_empty() { reachable } else { fitting }
    }

    fn is_built_in(&self, name: &Name) -> bool {
        name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && (self.built_in.contains_key(&name.name) || name.built_in().is_some())
    }

    fn built_in_call(&self, shown: &Name) -> Option<Called> {
        let known = self.built_in.get(&shown.name).copied();
        match (shown.built_in(), known) {
            (Some(BuiltIn::Harmless), known) => Some(Called {
                varies: known.is_none_or(|it| it != Volatility::Immutable),
                ..Called::of_built_in(BuiltIn::Harmless, shown)
            }),
            (Some(kind), _) => Some(Called::of_built_in(kind, shown)),
            // A newer server's.
            (None, Some(Volatility::Immutable)) => Some(Called::default()),
            (None, Some(Volatility::Stable)) => Some(Called { varies: true, ..Called::default() }),
            (None, Some(Volatility::Volatile)) => {
                Some(Called::of_built_in(BuiltIn::Volatile, shown))
            }
            (None, None) => None,
        }
    }

    /// The function of a row that `x.name` may call, if it is volatile.
    pub(crate) fn attribute(&self, name: &str) -> Option<Because> {
        let functions = self.functions.get(name)?;
        let feared = functions
            .iter()
            .find(|function| function.takes_row && function.volatility == Volatility::Volatile)?;
        Some(Because::of(Reason::HiddenCall, &Name::within(&feared.schema, name)))
    }

    /// The relations that a name may mean: none, the one on the path, or one of several.
    pub(crate) fn relations<'a>(
        &'a self,
        name: &'a Name,
        path: &'a Path,
    ) -> Vec<(Oid, &'a Relation)> {
        let Some(oids) = self.by_name.get(&name.name) else { return Vec::new() };
        let all = oids.iter().filter_map(|oid| Some((*oid, self.relations.get(oid)?)));
        let within = |schema: &str| {
            all.clone().filter(|(_, it)| *it.name.schema_text() == *schema).collect::<Vec<_>>()
        };
        match (&name.schema, path.schemas()) {
            (Some(schema), _) => within(schema),
            (None, Some(schemas)) => schemas
                .iter()
                .map(|schema| within(schema))
                .find(|found| !found.is_empty())
                .unwrap_or_default(),
            (None, None) => all.collect(),
        }
    }

    /// Whether a function of this name may leave something in the session.
    fn is_opaque(&self, name: &Full) -> bool {
        let (schema, name) = name.parts();
        let mut all = self.functions.get(name).into_iter().flatten();
        all.any(|it| *it.schema == *schema && it.opaque)
    }

    /// Whether a relation of this name is not to be read on a standby.
    fn is_feared_relation(&self, name: &str) -> bool {
        let mut all = self.by_name.get(name).into_iter().flatten();
        all.any(|oid| !self.reading(*oid, &Rules::default()).because.is_empty())
    }

    pub(crate) fn relation(&self, oid: Oid) -> Option<&Relation> {
        self.relations.get(&oid)
    }
}

/// A call of a function that is nowhere to be found.
pub(crate) fn unknown(name: &Name) -> Called {
    Called {
        because: Some(Because::of(Reason::UnknownFunction, name)),
        varies: true,
        reads_unknown: true,
        writes_unknown: true,
        opaque: true,
        sets: Sets::Unknown,
    }
}

impl Function {
    fn called(&self, name: &Name) -> Called {
        let shown = Name::within(&self.schema, &name.name);
        let writes = self.volatility == Volatility::Volatile;
        let reason = match (writes, self.opaque) {
            (true, _) => Some(Reason::VolatileFunction),
            (false, true) => Some(Reason::OpaqueFunction),
            (false, false) => None,
        };
        Called {
            because: reason.map(|reason| Because::of(reason, &shown)),
            varies: self.volatility != Volatility::Immutable,
            // An immutable one may read tables, too, whatever it promises.
            reads_unknown: true,
            writes_unknown: writes,
            opaque: writes || self.opaque,
            sets: self.sets,
        }
    }
}

impl Called {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            because: self.because.or(other.because),
            varies: self.varies || other.varies,
            reads_unknown: self.reads_unknown || other.reads_unknown,
            writes_unknown: self.writes_unknown || other.writes_unknown,
            opaque: self.opaque || other.opaque,
            sets: self.sets.max(other.sets),
        }
    }

    pub(crate) fn of_built_in(kind: BuiltIn, name: &Name) -> Self {
        let reason = match kind {
            BuiltIn::Harmless => {
                let reads_unknown = afterwrite_sql::measures_tables(name.name.as_bytes());
                return Self { varies: true, reads_unknown, ..Self::default() };
            }
            BuiltIn::Volatile => Reason::VolatileFunction,
            BuiltIn::StandbyUnsafe => Reason::StandbyUnsafeFunction,
            BuiltIn::Sequence | BuiltIn::SequenceState => Reason::SequenceFunction,
            BuiltIn::AdvisorySession | BuiltIn::AdvisoryRelease | BuiltIn::AdvisoryTransaction => {
                Reason::AdvisoryLock
            }
            BuiltIn::SetConfig | BuiltIn::Session | BuiltIn::Lasting => Reason::SessionState,
        };
        let writes = kind == BuiltIn::Volatile;
        // What it is told in a text it runs.
        let runs_sql = ["query_to_xml", "cursor_to_xml", "ts_stat", "ts_rewrite"];
        let runs_sql = runs_sql.iter().any(|it| name.name.starts_with(it));
        Self {
            because: Some(Because::of(reason, name)),
            varies: true,
            reads_unknown: writes,
            writes_unknown: writes,
            opaque: writes,
            sets: if runs_sql { Sets::Unknown } else { Sets::Nothing },
        }
    }

    /// What the user says of it takes the place of what we think.
    pub(crate) fn by(self, verdict: Verdict, name: &Name) -> Self {
        match verdict {
            Verdict::Reads => Self {
                because: None,
                writes_unknown: false,
                opaque: false,
                sets: Sets::Nothing,
                ..self
            },
            Verdict::Writes => Self {
                because: Some(Because::of(Reason::VolatileFunction, name)),
                writes_unknown: true,
                opaque: true,
                ..self
            },
        }
    }
}
