//! Relations: what reading or changing one really touches.

use std::collections::{BTreeSet, HashMap};

use afterwrite_sql::{Reason, Sets};

use crate::because::Because;
use crate::judge;
use crate::mention::{Change, Mentions, Name};
use crate::rules::Rules;

use super::Catalog;

/// The number of a relation in the server's catalog.
pub(crate) type Oid = u32;

/// Views over views, policies and keys are followed so far.
const STEPS_MAX: usize = 10_000;

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    /// A table, partitioned or not, or a materialized view.
    Table,
    View,
    /// A foreign table. Its server may lead back to any table of this database.
    Foreign,
    Sequence,
}

/// A relation, and what stands around it in the catalog.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) name: Full,
    pub(super) kind: RelationKind,
    pub(super) unlogged: bool,
    /// A table that is neither partitioned nor made of a query.
    pub(crate) plain: bool,
    /// Its row's type, and those of its columns that were made after the database.
    pub(super) types: Vec<Oid>,
    /// Its partitions, and tables that inherit from it.
    pub(super) children: Vec<Oid>,
    /// Expressions that reading it runs: a view's query, policies, virtual columns.
    pub(super) runs: Vec<Mentions>,
    /// One of them could not be read.
    pub(super) unread: bool,
    /// Changes that run code nobody has read: user triggers, rules, volatile defaults.
    pub(super) unknown: Vec<Change>,
    /// Changes whose code sets something for the session, or may.
    pub(super) fires: Vec<(Change, Sets)>,
    /// What keys do to other tables: on this change, that one.
    pub(super) cascades: Vec<(Change, Oid, Change)>,
}

impl Relation {
    /// What the code may do to settings that this change runs.
    pub(super) fn fired_by(&self, change: Change) -> Sets {
        let known = self.fires.iter().find(|(on, _)| *on == change);
        known.map_or(Sets::Nothing, |(_, sets)| *sets)
    }
}

/// A name with its schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Full(Box<str>, Box<str>);

impl Full {
    pub(super) fn new(schema: &str, name: &str) -> Self {
        Self(schema.into(), name.into())
    }

    pub(super) fn schema_text(&self) -> &str {
        &self.0
    }

    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.0, &self.1)
    }

    pub(crate) fn name(&self) -> Name {
        Name::within(&self.0, &self.1)
    }
}

/// What reading or changing something touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Reach {
    pub(crate) relations: BTreeSet<Oid>,
    /// Others, too, that are not known.
    pub(crate) unknown: bool,
    pub(crate) because: Vec<Because>,
    /// What it writes is not known.
    pub(crate) writes_unknown: bool,
    pub(crate) varies: bool,
    pub(crate) opaque: bool,
    pub(crate) sets: Sets,
}

impl Catalog {
    /// What reading a relation touches: the tables behind views, partitions, policies.
    pub(crate) fn reading(&self, oid: Oid, rules: &Rules) -> Reach {
        let mut reach = Reach::default();
        let mut seen = BTreeSet::new();
        let mut open = vec![oid];
        while let Some(oid) = open.pop() {
            if !seen.insert(oid) {
                continue;
            }
            if seen.len() > STEPS_MAX {
                reach.unknown = true;
                reach.because.push(Because::only(Reason::Unknown));
                break;
            }
            let Some(relation) = self.relation(oid) else {
                reach.unknown = true;
                continue;
            };
            reach.look_at(relation, oid);
            open.extend(&relation.children);
            for mentions in &relation.runs {
                let within = judge::of_text_in_catalog(mentions, self, rules);
                reach.because.extend(within.because.iter().map(|it| it.hidden_in(relation)));
                reach.unknown |= within.reads_unknown;
                reach.writes_unknown |= within.writes_unknown;
                reach.varies |= within.varies;
                reach.opaque |= within.opaque;
                reach.sets = reach.sets.max(within.sets);
                open.extend(within.reads);
            }
        }
        reach
    }

    /// What changing a relation touches: partitions, what keys cascade to, tables behind a view.
    pub(crate) fn changing(&self, oid: Oid, change: Change, rules: &Rules) -> Reach {
        let mut reach = Reach::default();
        let mut seen = BTreeSet::new();
        let mut open = vec![(oid, change)];
        while let Some((oid, change)) = open.pop() {
            if !seen.insert((oid, change)) {
                continue;
            }
            let Some(relation) = self.relation(oid).filter(|_| seen.len() <= STEPS_MAX) else {
                reach.unknown = true;
                continue;
            };
            reach.unknown |= relation.unknown.contains(&change) || relation.unread;
            reach.unknown |= relation.kind == RelationKind::Foreign;
            let makes = matches!(change, Change::Insert | Change::Update);
            reach.unknown |= makes && self.makes_feared(relation.types.iter().copied());
            reach.sets = reach.sets.max(relation.fired_by(change));
            if makes {
                reach.sets = reach.sets.max(self.made_sets(relation.types.iter().copied()));
            }
            if relation.unread {
                reach.sets = reach.sets.max(Sets::Unknown);
            }
            match relation.kind {
                RelationKind::View => {
                    for mentions in &relation.runs {
                        let within = judge::of_text_in_catalog(mentions, self, rules);
                        reach.unknown |= within.reads_unknown;
                        reach.sets = reach.sets.max(within.sets);
                        let shows_settings =
                            mentions.relations.iter().any(|(name, _)| judge::is_settings(name));
                        if change == Change::Update && shows_settings {
                            reach.sets = Sets::Session;
                        }
                        open.extend(within.reads.into_iter().map(|oid| (oid, change)));
                    }
                }
                RelationKind::Table | RelationKind::Foreign | RelationKind::Sequence => {
                    reach.relations.insert(oid);
                    // Its policies.
                    for mentions in &relation.runs {
                        let within = judge::of_text_in_catalog(mentions, self, rules);
                        reach.unknown |= within.writes_unknown || !within.because.is_empty();
                        reach.sets = reach.sets.max(within.sets);
                    }
                }
            }
            open.extend(relation.children.iter().map(|child| (*child, change)));
            let cascades = relation.cascades.iter().filter(|(on, ..)| *on == change);
            open.extend(cascades.map(|(_, oid, change)| (*oid, *change)));
            // A changed row of a partition may move to another.
            if change == Change::Update && !relation.children.is_empty() {
                for child in &relation.children {
                    open.extend([(*child, Change::Insert), (*child, Change::Delete)]);
                }
            }
        }
        reach
    }

    pub(super) fn index(&mut self) {
        let mut by_name: HashMap<Box<str>, Vec<Oid>> = HashMap::new();
        for (oid, relation) in &self.relations {
            by_name.entry(relation.name.1.clone()).or_default().push(*oid);
        }
        self.by_name = by_name;
    }
}

impl Reach {
    fn look_at(&mut self, relation: &Relation, oid: Oid) {
        let name = relation.name.name();
        match relation.kind {
            RelationKind::Table => {
                self.relations.insert(oid);
            }
            RelationKind::Foreign => {
                self.relations.insert(oid);
                self.unknown = true;
                self.because.push(Because::of(Reason::ForeignTable, &name));
            }
            RelationKind::Sequence => {
                self.relations.insert(oid);
                self.because.push(Because::of(Reason::SequenceFunction, &name));
            }
            RelationKind::View => {}
        }
        if relation.unlogged {
            self.because.push(Because::of(Reason::NotOnStandby, &name));
        }
        if relation.unread {
            self.unknown = true;
            self.sets = self.sets.max(Sets::Unknown);
            self.because.push(Because::of(Reason::HiddenCall, &name));
        }
    }
}

impl Because {
    /// The reason of an expression behind a relation.
    fn hidden_in(&self, relation: &Relation) -> Self {
        let what = self.what.as_deref().unwrap_or_else(|| self.reason.name());
        let reason = match self.reason {
            Reason::UnknownFunction | Reason::VolatileFunction => Reason::HiddenCall,
            other => other,
        };
        Self { reason, what: Some(format!("{what} in {}", relation.name.name()).into()) }
    }
}
