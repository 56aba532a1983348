//! Types, operators and casts behind which volatile functions hide.
//!
//! An operator or cast of a type of the database's own can only run where a value of that type is:
//! in a column that is read, in the result of a function, or where its name is written.

use std::collections::BTreeSet;

use afterwrite_sql::{Reason, Sets};

use super::relation::Oid;
use super::{Catalog, Function};
use crate::because::Because;
use crate::mention::{Class, Mentions, Name};
use crate::path::Path;

/// The first number of what is not the server's own.
const OWN_FROM: Oid = 16384;

/// An operator that calls a volatile function.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    pub(super) schema: Box<str>,
    pub(super) calls: Box<str>,
    /// Those of its operands' types that are not the server's own.
    pub(super) operands: Vec<Oid>,
}

/// When a cast is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CastContext {
    /// Where it is written.
    Explicit,
    /// There, and where a value is stored.
    Assignment,
    /// Anywhere.
    Implicit,
}

/// A cast that calls a volatile function.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub(super) source: Oid,
    pub(super) target: Oid,
    pub(super) context: CastContext,
    pub(super) target_name: Box<str>,
    pub(super) calls: Box<str>,
}

/// The types of the database's own that a statement has to do with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    /// Values of these may be there.
    touched: BTreeSet<Oid>,
    /// Values of these may be made.
    named: BTreeSet<Oid>,
    /// Parameters may be of any type. (That a client passes one whose casts are volatile, and
    /// names no such type, is left to the standby, which refuses to write.)
    any: bool,
}

impl Types {
    fn has(&self, oid: Oid) -> bool {
        oid < OWN_FROM || self.any || self.touched.contains(&oid)
    }

    /// Whether a function may be meant by where its arguments' types are.
    pub(super) fn allow(&self, function: &Function) -> bool {
        function.arguments.iter().all(|oid| self.has(*oid))
    }
}

impl Catalog {
    /// The types that a statement has to do with.
    pub(crate) fn types_of(&self, mentions: &Mentions, path: &Path) -> Types {
        let mut types = Types { any: mentions.parameters, ..Types::default() };
        let mut named = Vec::new();
        for name in &mentions.types {
            let known = self.type_names.get(&name.name).into_iter().flatten();
            named.extend(known.filter(|(schema, _)| may_be_in(name, schema, path)).map(|it| it.1));
        }
        for call in &mentions.calls {
            let known = self.functions.get(&call.name.name).into_iter().flatten();
            named.extend(known.filter_map(|function| function.result));
        }
        types.named = self.with_contents(named);
        let mut touched: Vec<_> = types.named.iter().copied().collect();
        for (name, _) in &mentions.relations {
            for (_, relation) in self.relations(name, path) {
                touched.extend(&relation.types);
            }
        }
        types.touched = self.with_contents(touched);
        types
    }

    fn with_contents(&self, mut open: Vec<Oid>) -> BTreeSet<Oid> {
        let mut all = BTreeSet::new();
        while let Some(oid) = open.pop() {
            if all.insert(oid) {
                open.extend(self.contents.get(&oid).into_iter().flatten());
            }
        }
        all
    }

    /// Whether making a value of one of these types runs a volatile function.
    pub(super) fn makes_feared(&self, types: impl Iterator<Item = Oid>) -> bool {
        !self.made.is_empty()
            && self.with_contents(types.collect()).iter().any(|oid| self.made.contains_key(oid))
    }

    /// What making a value of one of these types may do to settings.
    pub(super) fn made_sets(&self, types: impl Iterator<Item = Oid>) -> Sets {
        if self.made.is_empty() || self.setters.is_empty() {
            return Sets::Nothing;
        }
        let types = self.with_contents(types.collect());
        let calls = types.iter().filter_map(|oid| self.made.get(oid));
        calls.map(|it| self.shown_sets(it)).max().unwrap_or_default()
    }

    /// What the functions may do to settings that are hidden behind a statement.
    pub(crate) fn hidden_sets(&self, hidden: &[Because]) -> Sets {
        let shown = hidden.iter().filter_map(|it| it.what.as_deref());
        shown.map(|it| self.shown_sets(it)).max().unwrap_or_default()
    }

    /// The volatile functions behind a statement's operators, casts and types.
    pub(crate) fn hidden(&self, mentions: &Mentions, types: &Types, path: &Path) -> Vec<Because> {
        let mut calls: Vec<&str> = Vec::new();
        for name in &mentions.operators {
            let known = self.operators.get(&name.name).into_iter().flatten();
            let meant = known.filter(|it| {
                may_be_in(name, &it.schema, path) && it.operands.iter().all(|it| types.has(*it))
            });
            calls.extend(meant.map(|it| &*it.calls));
        }
        let casts = self.casts.iter().filter(|cast| cast.may_run(mentions, types));
        calls.extend(casts.map(|cast| &*cast.calls));
        calls.extend(types.named.iter().filter_map(|oid| self.made.get(oid)).map(|it| &**it));
        let because = |it: &str| Because { reason: Reason::HiddenCall, what: Some(it.into()) };
        calls.into_iter().map(because).collect()
    }
}

impl Cast {
    fn may_run(&self, mentions: &Mentions, types: &Types) -> bool {
        let has = |oid: Oid| oid < OWN_FROM || types.touched.contains(&oid);
        if !has(self.source) {
            return false;
        }
        let stores = matches!(mentions.class, Class::Dml | Class::CopyIn);
        let target = &*self.target_name;
        // `target(x)` and `x.target` are casts, too.
        let is_written = mentions.types.iter().any(|name| *name.name == *target)
            || mentions.calls.iter().any(|call| *call.name.name == *target)
            || mentions.attributes.iter().any(|name| **name == *target);
        match self.context {
            CastContext::Explicit => is_written,
            CastContext::Assignment => is_written || stores,
            CastContext::Implicit => is_written || self.source >= OWN_FROM || has(self.target),
        }
    }
}

/// Whether what stands in this schema may be meant by a name.
fn may_be_in(name: &Name, schema: &str, path: &Path) -> bool {
    match (&name.schema, path.schemas()) {
        (Some(written), _) => **written == *schema,
        (None, Some(schemas)) => schemas.iter().any(|it| **it == *schema),
        (None, None) => true,
    }
}
