//! What a statement's mentions amount to, by what is known of the database.

use std::collections::BTreeSet;

use afterwrite_sql::{Function as BuiltIn, Reason, Sets};

use crate::because::Because;
use crate::catalog::{Called, Catalog, Oid, Types, unknown};
use crate::mention::{Call, Change, Class, Mentions, Name, Use};
use crate::path::Path;
use crate::rules::Rules;

/// What is known of the database.
#[derive(Clone, Copy, Debug)]
pub enum Knowledge<'a> {
    /// Nothing: only PostgreSQL's own functions are known, and a name may be anything.
    Nothing,
    /// The schema has just been changed, and what was known of it does not hold.
    Changed,
    /// This.
    Known(&'a Catalog),
}

/// Relations that a statement touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Tables and materialized views, with their schema where it is known; partitions and what
    /// keys cascade to among them, views not.
    pub relations: BTreeSet<Name>,
    /// Others, too, that are not known.
    pub unknown: bool,
}

/// What a statement's mentions amount to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// Why it needs the primary; nothing if it does not.
    pub(crate) because: Vec<Because>,
    pub(crate) reads: Touched,
    pub(crate) writes: Touched,
    /// Its answer depends on more than the rows it reads.
    pub(crate) varies: bool,
    /// It runs code that was not read.
    pub(crate) opaque: bool,
    /// What that may do to the settings of the session.
    pub(crate) sets: Sets,
}

/// Judges a statement.
pub(crate) fn of(
    mentions: &Mentions,
    knowledge: Knowledge<'_>,
    path: &Path,
    rules: &Rules,
) -> Judged {
    let types = types_of(mentions, knowledge, path);
    let mut judge = Judge { knowledge, path, rules, types, found: Judged::default() };
    judge.mentions(mentions);
    judge.found.because.sort();
    judge.found.because.dedup();
    let named = |because: &Because| because.what.as_ref().map(|_| because.reason);
    let named: BTreeSet<Reason> = judge.found.because.iter().filter_map(named).collect();
    // What is said of something needs not be said again in general.
    judge.found.because.retain(|it| it.what.is_some() || !named.contains(&it.reason));
    judge.found
}

/// What an expression of the catalog touches.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Within {
    pub(crate) because: Vec<Because>,
    pub(crate) reads: Vec<Oid>,
    pub(crate) reads_unknown: bool,
    pub(crate) writes_unknown: bool,
    pub(crate) varies: bool,
    pub(crate) opaque: bool,
    pub(crate) sets: Sets,
}

/// Judges an expression of the catalog: names in it have their schema, unless it is
/// `pg_catalog`. Its relations are not followed: who asks does.
pub(crate) fn of_text_in_catalog(mentions: &Mentions, catalog: &Catalog, rules: &Rules) -> Within {
    let path = Path::of_names(["pg_catalog"].into_iter());
    let knowledge = Knowledge::Known(catalog);
    let types = types_of(mentions, knowledge, &path);
    let mut judge = Judge { knowledge, path: &path, rules, types, found: Judged::default() };
    judge.calls_and_such(mentions);
    let Judged { because, reads, writes, varies, opaque, mut sets } = judge.found;
    if mentions.calls.iter().any(|call| call.name.built_in() == Some(BuiltIn::SetConfig)) {
        // For how long is not looked at.
        sets = Sets::Session;
    }
    let mut within = Within {
        because,
        varies,
        opaque,
        sets,
        reads_unknown: reads.unknown,
        writes_unknown: writes.unknown,
        reads: Vec::new(),
    };
    for (name, _) in &mentions.relations {
        let found = catalog.relations(name, &path);
        within.reads_unknown |= found.is_empty() && !is_system(name);
        within.reads.extend(found.iter().map(|(oid, _)| *oid));
    }
    within
}

fn types_of(mentions: &Mentions, knowledge: Knowledge<'_>, path: &Path) -> Types {
    match knowledge {
        Knowledge::Known(catalog) => catalog.types_of(mentions, path),
        Knowledge::Nothing | Knowledge::Changed => Types::default(),
    }
}

struct Judge<'a> {
    knowledge: Knowledge<'a>,
    path: &'a Path,
    rules: &'a Rules,
    types: Types,
    found: Judged,
}

impl Judge<'_> {
    fn mentions(&mut self, mentions: &Mentions) {
        let writes = match mentions.class {
            Class::Dml | Class::Truncate | Class::CopyIn => Some(Reason::Dml),
            Class::Schema => Some(Reason::Ddl),
            Class::CopyFile => Some(Reason::CopyFrom),
            Class::Procedure | Class::Utility | Class::Notify | Class::Lock => {
                Some(Reason::Utility)
            }
            Class::Query
            | Class::Explain
            | Class::ExplainAnalyze
            | Class::CopyOut
            | Class::Cursor
            | Class::Transaction
            | Class::Session
            | Class::Prepare => None,
        };
        self.found.because.extend(writes.map(Because::only));
        let opaque = matches!(
            mentions.class,
            Class::Schema | Class::Procedure | Class::CopyFile | Class::Prepare
        );
        self.found.writes.unknown |= opaque;
        self.found.reads.unknown |= opaque;
        self.temporary_schema(mentions);
        self.calls_and_such(mentions);
        for (name, use_) in &mentions.relations {
            self.relation(name, *use_);
        }
        self.copied(mentions);
        if let (Knowledge::Known(catalog), Some(code)) = (self.knowledge, &mentions.code) {
            self.sets(catalog.text_sets(code));
        }
    }

    fn sets(&mut self, sets: Sets) {
        self.found.sets = self.found.sets.max(sets);
    }

    /// Whoever asks for the current schema makes it, if it is that of temporary objects; and a
    /// view or a function may ask.
    fn temporary_schema(&mut self, mentions: &Mentions) {
        let asks = |call: &Call| {
            call.name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
                && matches!(&*call.name.name, "current_schema" | "current_schemas")
        };
        let may_be_first = match (self.path, self.knowledge) {
            (Path::Known(_), _) => self.path.begins_with_temporary(),
            (Path::Unknown, Knowledge::Nothing) => false,
            // The text itself has moved the path.
            (Path::Unknown, _) => mentions.calls.iter().any(asks),
        };
        if may_be_first {
            let name = Name::bare("pg_temp");
            self.found.because.push(Because::of(Reason::SessionState, &name));
        }
    }

    /// `COPY name TO` takes plain tables only, and is refused for all others.
    fn copied(&mut self, mentions: &Mentions) {
        let (Knowledge::Known(catalog), Some(name)) = (self.knowledge, &mentions.copied) else {
            return;
        };
        let found = catalog.relations(name, self.path);
        if found.iter().any(|(_, relation)| !relation.plain) {
            self.found.because.push(Because::of(Reason::Unknown, name));
        }
    }

    /// Everything but the relations.
    fn calls_and_such(&mut self, mentions: &Mentions) {
        let Mentions { locks_rows, into, writes_inside, incomplete, .. } = *mentions;
        for (is_so, reason) in [
            (locks_rows, Reason::LockingClause),
            (into, Reason::SelectInto),
            (writes_inside, Reason::WritingCte),
            (incomplete, Reason::Unknown),
        ] {
            if is_so {
                self.found.because.push(Because::only(reason));
            }
        }
        self.found.reads.unknown |= incomplete;
        self.found.writes.unknown |= incomplete;
        if incomplete {
            self.sets(Sets::Unknown);
        }
        self.found.varies |= mentions.varies;
        for call in &mentions.calls {
            self.call(call);
        }
        for name in &mentions.attributes {
            self.attribute(name);
        }
        if let Knowledge::Known(catalog) = self.knowledge {
            let hidden = catalog.hidden(mentions, &self.types, self.path);
            self.found.writes.unknown |= !hidden.is_empty();
            self.sets(catalog.hidden_sets(&hidden));
            self.found.because.extend(hidden);
        }
    }

    fn call(&mut self, call: &Call) {
        let called = match self.knowledge {
            Knowledge::Known(catalog) => catalog.call(call, &self.types, self.path, self.rules),
            Knowledge::Nothing => self.call_of_unknown(call, Reason::UnknownFunction),
            Knowledge::Changed => self.call_of_unknown(call, Reason::SchemaChanged),
        };
        self.found.because.extend(called.because);
        self.found.varies |= called.varies;
        self.found.reads.unknown |= called.reads_unknown;
        self.found.writes.unknown |= called.writes_unknown;
        self.found.opaque |= called.opaque;
        self.sets(called.sets);
    }

    /// A call where no catalog tells of the database's own functions.
    fn call_of_unknown(&self, call: &Call, reason: Reason) -> Called {
        let name = &call.name;
        let built_in = match name.schema.as_deref() {
            None | Some("pg_catalog") => name.built_in(),
            Some(_) => None,
        };
        let helper = name.is_in("information_schema")
            && afterwrite_sql::is_information_schema_helper(name.name.as_bytes());
        match built_in {
            Some(kind) => Called::of_built_in(kind, name),
            None if helper => Called::default(),
            None if call.is_built_in_cast() => Called { varies: true, ..Called::default() },
            None => {
                let called = Called { because: Some(Because::of(reason, name)), ..unknown(name) };
                self.rules.judged(name, None, called)
            }
        }
    }

    /// `x.name`: where no such column is, the server tries the function.
    fn attribute(&mut self, name: &str) {
        let of_catalog = match self.knowledge {
            Knowledge::Known(catalog) => {
                self.sets(catalog.attribute_sets(name));
                catalog.attribute(name)
            }
            Knowledge::Nothing | Knowledge::Changed => None,
        };
        // It takes several values.
        let built_in = afterwrite_sql::harmful(name.as_bytes())
            .filter(|kind| *kind != afterwrite_sql::Function::SetConfig);
        let built_in =
            built_in.and_then(|kind| Called::of_built_in(kind, &Name::bare(name)).because);
        if of_catalog.is_some() || built_in.is_some() {
            self.found.writes.unknown = true;
            self.found.reads.unknown = true;
        }
        self.found.reads.unknown |= afterwrite_sql::measures_tables(name.as_bytes());
        self.found.because.extend(of_catalog);
        self.found.because.extend(built_in);
    }

    fn relation(&mut self, name: &Name, use_: Use) {
        if name.schema.as_deref().is_some_and(|schema| schema.starts_with("pg_temp")) {
            self.found.because.push(Because::of(Reason::NotOnStandby, name));
            self.found.varies = true;
        }
        match use_ {
            Use::Reads => self.reads(name),
            Use::Changes(change) => {
                self.found.because.push(Because::of(Reason::Dml, name));
                if change == Change::Update && is_settings(name) {
                    self.sets(Sets::Session);
                }
                if matches!(change, Change::Update | Change::Delete) {
                    self.reads(name);
                }
                self.touch(name, |judge, catalog, oid| {
                    let reach = catalog.changing(oid, change, judge.rules);
                    judge.sets(reach.sets);
                    judge.add(catalog, &reach.relations, reach.unknown, false);
                });
                if matches!(self.knowledge, Knowledge::Nothing) {
                    self.found.writes.relations.insert(name.clone());
                }
            }
            Use::Locks => self.found.because.push(Because::of(Reason::LockingClause, name)),
            Use::Defines => {
                self.found.writes.relations.insert(name.clone());
                self.found.writes.unknown = true;
            }
        }
    }

    fn reads(&mut self, name: &Name) {
        if is_system(name) {
            // Others see what they do at once, and no position tells of it.
            self.found.varies = true;
            if afterwrite_sql::is_of_the_primary(name.name.as_bytes()) {
                self.found.because.push(Because::of(Reason::StandbyUnsafeFunction, name));
            }
            return;
        }
        self.touch(name, |judge, catalog, oid| {
            let reach = catalog.reading(oid, judge.rules);
            judge.found.writes.unknown |= reach.writes_unknown;
            judge.found.because.extend(reach.because);
            judge.found.varies |= reach.varies;
            judge.found.opaque |= reach.opaque;
            judge.sets(reach.sets);
            judge.add(catalog, &reach.relations, reach.unknown, true);
        });
        let reads_nothing_known = matches!(self.knowledge, Knowledge::Nothing);
        if reads_nothing_known {
            self.found.reads.relations.insert(name.clone());
            // It may be a view.
            self.found.reads.unknown = true;
        }
    }

    /// Does something with each relation that a name may mean.
    fn touch(&mut self, name: &Name, then: impl Fn(&mut Self, &Catalog, Oid)) {
        match self.knowledge {
            Knowledge::Known(catalog) => {
                let found = catalog.relations(name, self.path);
                if found.is_empty() && !is_system(name) {
                    self.found.because.push(Because::of(Reason::UnknownRelation, name));
                    self.found.reads.unknown = true;
                    self.found.writes.unknown = true;
                }
                let found: Vec<_> = found.iter().map(|(oid, _)| *oid).collect();
                for oid in found {
                    then(self, catalog, oid);
                }
            }
            Knowledge::Changed => {
                self.found.because.push(Because::of(Reason::SchemaChanged, name));
                // It may have got a trigger, or be a view that was not there.
                self.sets(Sets::Unknown);
                self.found.reads.unknown = true;
                self.found.writes.unknown = true;
            }
            Knowledge::Nothing => {
                self.found.reads.unknown = true;
                self.found.writes.unknown = true;
            }
        }
    }

    fn add(&mut self, catalog: &Catalog, oids: &BTreeSet<Oid>, unknown: bool, reads: bool) {
        let names = oids.iter().filter_map(|oid| Some(catalog.relation(*oid)?.name.name()));
        let touched = if reads { &mut self.found.reads } else { &mut self.found.writes };
        touched.relations.extend(names);
        touched.unknown |= unknown;
    }
}

/// Whether it is the view of which a rule makes a `set_config` when it is updated.
pub(crate) fn is_settings(name: &Name) -> bool {
    &*name.name == "pg_settings" && is_system(name)
}

/// Whether it is one of the server's own catalogs and views. Unqualified names that begin with
/// `pg_` are found in `pg_catalog` first, unless the path puts it behind others.
fn is_system(name: &Name) -> bool {
    match name.schema.as_deref() {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema" | "pg_toast"),
        None => name.name.starts_with("pg_"),
    }
}
