//! Which functions and relations change settings of the session when they are called, read or
//! written.
//!
//! A name in a body counts as a call, or as a use of the relation, of any schema.

use std::collections::{BTreeSet, HashMap};

use afterwrite_sql::Sets;

use super::Catalog;
use super::relation::{Full, Oid};
use crate::mention::Change;
use crate::rules::Rules;

/// How deep calls within calls are followed.
const CALLS_DEEP_MAX: usize = 64;

/// The code of the database, while the catalog is being made.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    all: Vec<Body>,
    /// Triggers and defaults: what change of which relation calls which function.
    fired: Vec<(Oid, Change, Full)>,
}

#[derive(Debug)]
struct Body {
    of: Owner,
    source: Box<str>,
}

#[derive(Debug)]
enum Owner {
    Function(Full),
    /// A rule, run by this change of a relation.
    Rule(Oid, Change),
}

impl Bodies {
    /// Takes up the body of a function; what it does by itself is known.
    pub(super) fn function(&mut self, name: Full, source: &str) {
        self.all.push(Body { of: Owner::Function(name), source: source.into() });
    }

    /// Takes up the definition of a rule.
    pub(super) fn rule(&mut self, relation: Oid, change: Change, source: &str) {
        self.all.push(Body { of: Owner::Rule(relation, change), source: source.into() });
    }

    /// Takes up that a change of a relation calls a function.
    pub(super) fn fires(&mut self, relation: Oid, change: Change, function: Full) {
        self.fired.push((relation, change, function));
    }

    /// Whatever calls or uses what sets something does so itself.
    pub(super) fn spread(self, catalog: &mut Catalog) {
        let names = self.all.iter().flat_map(|body| words(&body.source).map(|(name, _)| name));
        let mut relations: BTreeSet<&str> = BTreeSet::new();
        for _ in 0..CALLS_DEEP_MAX {
            for (relation, change, function) in &self.fired {
                let sets = catalog.function_sets(function);
                catalog.fire(*relation, *change, sets);
            }
            catalog.setters = catalog.functions_that_set();
            if catalog.setters.is_empty() && !catalog.fires() {
                return;
            }
            if relations.is_empty() {
                relations = names.clone().filter(|it| catalog.by_name.contains_key(*it)).collect();
            }
            let using: HashMap<&str, Sets> =
                relations.iter().map(|name| (*name, catalog.use_sets(name))).collect();
            let mut changed = false;
            for Body { of, source } in &self.all {
                let used = words(source).filter_map(|(name, _)| using.get(name).copied()).max();
                let sets = catalog.calls_set(source).max(used.unwrap_or_default());
                changed |= match of {
                    Owner::Function(name) => catalog.raise(name, sets),
                    Owner::Rule(relation, change) => catalog.fire(*relation, *change, sets),
                };
            }
            if !changed {
                return;
            }
        }
    }
}

impl Catalog {
    /// What code of which only the text is known may do by what it names.
    pub(crate) fn text_sets(&self, source: &str) -> Sets {
        let used = words(source).filter(|(name, _)| self.by_name.contains_key(*name));
        let used = used.map(|(name, _)| self.use_sets(name)).max();
        self.calls_set(source).max(used.unwrap_or_default())
    }

    /// What a function may do of which only the shown name is known, perhaps with a schema.
    pub(super) fn shown_sets(&self, shown: &str) -> Sets {
        let shown = shown.trim_end_matches('"');
        let meant = self.setters.iter().filter(|(name, _)| shown.ends_with(&***name));
        meant.map(|(_, sets)| *sets).max().unwrap_or_default()
    }

    /// What `x.name` may do if it is a call.
    pub(crate) fn attribute_sets(&self, name: &str) -> Sets {
        let all = self.functions.get(name).into_iter().flatten();
        all.filter(|it| it.takes_row).map(|it| it.sets).max().unwrap_or_default()
    }

    /// What the functions may do that a text calls.
    fn calls_set(&self, source: &str) -> Sets {
        if self.setters.is_empty() {
            return Sets::Nothing;
        }
        let sets = |name: &str| self.setters.get(name).copied();
        let called = words(source).filter(|(_, is_called)| *is_called);
        // As it stands, should it be quoted.
        called
            .filter_map(|(name, _)| sets(name).max(sets(&name.to_ascii_lowercase())))
            .max()
            .unwrap_or_default()
    }

    /// What reading or changing a relation of this name may do.
    fn use_sets(&self, name: &str) -> Sets {
        let rules = Rules::default();
        let changes = [Change::Insert, Change::Update, Change::Delete, Change::Truncate];
        let oids = self.by_name.get(name).into_iter().flatten();
        let sets = oids.map(|oid| {
            let written = changes.iter().map(|change| self.changing(*oid, *change, &rules).sets);
            written.max().max(Some(self.reading(*oid, &rules).sets)).unwrap_or_default()
        });
        sets.max().unwrap_or_default()
    }

    fn functions_that_set(&self) -> HashMap<Box<str>, Sets> {
        let sets = self.functions.iter().filter_map(|(name, all)| {
            let sets = all.iter().map(|it| it.sets).max()?;
            (sets > Sets::Nothing).then(|| (name.clone(), sets))
        });
        sets.collect()
    }

    fn function_sets(&self, name: &Full) -> Sets {
        let (schema, name) = name.parts();
        let all = self.functions.get(name).into_iter().flatten();
        all.filter(|it| *it.schema == *schema).map(|it| it.sets).max().unwrap_or_default()
    }

    /// Whether a change of some relation sets something.
    fn fires(&self) -> bool {
        self.relations.values().any(|relation| !relation.fires.is_empty())
    }

    /// A function does at least this; `true` if that is news.
    fn raise(&mut self, name: &Full, sets: Sets) -> bool {
        let (schema, name) = name.parts();
        let mut changed = false;
        for function in self.functions.get_mut(name).into_iter().flatten() {
            if *function.schema == *schema && function.sets < sets {
                function.sets = sets;
                changed = true;
            }
        }
        changed
    }

    /// A change of a relation does at least this; `true` if that is news.
    pub(super) fn fire(&mut self, relation: Oid, change: Change, sets: Sets) -> bool {
        let Some(relation) = self.relations.get_mut(&relation) else { return false };
        if sets <= relation.fired_by(change) {
            return false;
        }
        relation.fires.retain(|(known, _)| *known != change);
        relation.fires.push((change, sets));
        true
    }
}

/// The words of a text, and whether a parenthesis follows.
pub(super) fn words(source: &str) -> impl Iterator<Item = (&str, bool)> + Clone {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut rest = source;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_at_checked(rest.find(is_word)?)?;
        let length = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, behind) = from.split_at_checked(length)?;
        rest = behind;
        let next = behind.trim_start_matches(|c: char| c == '"' || c.is_whitespace());
        Some((word, next.starts_with('(')))
    })
}
