//! From rows of a server's catalog to a [`Catalog`].

use std::collections::{BTreeSet, HashMap};

use afterwrite_sql::{Sets, sets_of_body};

use super::questions::Part;
use super::relation::{Full, Oid, Relation, RelationKind};
use super::settings::{self, Bodies};
use super::types::{Cast, CastContext, Operator};
use super::{Catalog, Defaults, Function, Volatility};
use crate::grammar;
use crate::mention::{Change, Mentions};

/// Relations that are taken up at most; a database with more is not described.
const RELATIONS_MAX: usize = 200_000;

/// Functions that are taken up at most.
const FUNCTIONS_MAX: usize = 100_000;

/// The value of `search_path` for some.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathRow {
    /// The role it is for; `None` for all.
    pub role: Option<Box<str>>,
    /// It was set for this database.
    pub of_database: bool,
    /// The value.
    pub value: Box<str>,
}

/// Takes up rows, and makes a catalog of them.
#[derive(Debug, Default)]
pub struct Builder {
    catalog: Catalog,
    functions: usize,
    /// Texts that stand in the catalog in several places.
    read: HashMap<Box<str>, Option<Mentions>>,
    too_large: bool,
    /// The words in the bodies of functions that claim not to write.
    called: Vec<Body>,
    /// What calls a function that claims not to write: it matters if that one is opaque.
    hidden: Vec<(Full, Hidden)>,
    /// All code: some of it may change settings.
    bodies: Bodies,
}

/// What calls a function without naming it.
#[derive(Debug)]
enum Hidden {
    Operator(Box<str>, Operator),
    Cast(Cast),
    Made(Oid, Box<str>),
}

/// The words in a function's body.
#[derive(Debug)]
struct Body {
    schema: Box<str>,
    name: Box<str>,
    words: BTreeSet<Box<str>>,
}

impl Builder {
    /// Takes up a row; one that is not as expected is passed over, with what it would have told.
    pub fn take(&mut self, part: Part, row: &[Option<&str>]) {
        let text = |n: usize| row.get(n).copied().flatten();
        // Each has what it needs, or there is nothing to take up.
        let _ = self.row(part, &text);
    }

    /// The catalog; `None` if there is more of it than is taken up.
    pub fn build(mut self) -> Option<Catalog> {
        if self.too_large {
            return None;
        }
        self.catalog.index();
        self.spread_opacity();
        for (function, hidden) in std::mem::take(&mut self.hidden) {
            if self.catalog.is_opaque(&function) {
                self.hide(hidden);
            }
        }
        self.bodies.spread(&mut self.catalog);
        Some(self.catalog)
    }

    /// Takes up what calls a function that is to be feared.
    fn hide(&mut self, hidden: Hidden) {
        match hidden {
            Hidden::Operator(name, operator) => {
                self.catalog.operators.entry(name).or_default().push(operator);
            }
            Hidden::Cast(cast) => self.catalog.casts.push(cast),
            Hidden::Made(oid, calls) => {
                self.catalog.made.insert(oid, calls);
            }
        }
    }

    /// Takes up what calls a function: a volatile one, if its schema is not told.
    fn calls(&mut self, schema: Option<&str>, name: &str, hidden: Hidden) {
        match schema {
            Some(schema) => self.hidden.push((Full::new(schema, name), hidden)),
            None => self.hide(hidden),
        }
    }

    /// Whatever calls what is opaque, or volatile, is opaque itself; and whatever names a relation
    /// that is not to be read on a standby.
    fn spread_opacity(&mut self) {
        let named: BTreeSet<Box<str>> =
            self.called.iter().flat_map(|body| body.words.iter().cloned()).collect();
        for _ in 0..CALLS_DEEP_MAX {
            let mut feared: BTreeSet<Box<str>> = self
                .catalog
                .functions
                .iter()
                .filter(|(_, all)| {
                    all.iter().any(|it| it.opaque || it.volatility == Volatility::Volatile)
                })
                .map(|(name, _)| name.clone())
                .collect();
            let relations = named.iter().filter(|name| self.catalog.is_feared_relation(name));
            feared.extend(relations.cloned());
            let mut changed = false;
            for Body { schema, name, words } in &self.called {
                if words.is_disjoint(&feared) {
                    continue;
                }
                let all = self.catalog.functions.get_mut(name).into_iter().flatten();
                for function in all.filter(|it| it.schema == *schema && !it.opaque) {
                    function.opaque = true;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn row<'a>(&mut self, part: Part, text: &impl Fn(usize) -> Option<&'a str>) -> Option<()> {
        match part {
            Part::Paths => self.catalog.paths.push(PathRow {
                role: text(0).map(Into::into),
                of_database: text(1)? == "true",
                value: text(2)?.into(),
            }),
            Part::Functions => self.function(text)?,
            Part::BuiltIn => {
                self.catalog.built_in.insert(text(0)?.into(), volatility(text(1)?));
            }
            Part::Operators => {
                let operator = Operator {
                    schema: text(0)?.into(),
                    calls: text(2)?.into(),
                    operands: [text(3), text(4)].into_iter().flatten().filter_map(oid).collect(),
                };
                let hidden = Hidden::Operator(text(1)?.into(), operator);
                self.calls(text(5), text(6).unwrap_or_default(), hidden);
            }
            Part::Casts => {
                let cast = Cast {
                    source: oid(text(0)?)?,
                    target: oid(text(1)?)?,
                    context: match text(2)? {
                        "e" => CastContext::Explicit,
                        "a" => CastContext::Assignment,
                        _ => CastContext::Implicit,
                    },
                    target_name: text(3)?.into(),
                    calls: text(4)?.into(),
                };
                self.calls(text(5), text(6).unwrap_or_default(), Hidden::Cast(cast));
            }
            Part::Made => {
                let hidden = Hidden::Made(oid(text(0)?)?, text(1)?.into());
                self.calls(text(2), text(3).unwrap_or_default(), hidden);
            }
            Part::TypeNames => {
                let named = (text(1)?.into(), oid(text(0)?)?);
                self.catalog.type_names.entry(text(2)?.into()).or_default().push(named);
            }
            Part::Contents => {
                let contents = self.catalog.contents.entry(oid(text(0)?)?).or_default();
                contents.push(oid(text(1)?)?);
            }
            Part::Columns => {
                let type_ = oid(text(1)?)?;
                self.known(text(0)?)?.types.push(type_);
            }
            Part::Relations => self.relation(text)?,
            Part::Runs => {
                let mentions = self.read(text(1).unwrap_or_default());
                let relation = self.known(text(0)?)?;
                match mentions {
                    Some(mentions) => relation.runs.push(mentions),
                    None => relation.unread = true,
                }
            }
            Part::Unknown => {
                let change = change(text(1)?)?;
                let relation = self.known(text(0)?)?;
                if !relation.unknown.contains(&change) {
                    relation.unknown.push(change);
                }
                self.fires(oid(text(0)?)?, change, [text(2), text(3), text(4)]);
            }
            Part::Keys => {
                let referencing: Oid = text(1)?.parse().ok()?;
                let (deletes, updates) = (text(2)?, text(3)?);
                let relation = self.known(text(0)?)?;
                relation.cascades.extend(cascades(referencing, deletes, updates));
            }
            Part::Children => {
                let child: Oid = text(1)?.parse().ok()?;
                self.known(text(0)?)?.children.push(child);
            }
        }
        Some(())
    }

    /// Takes up the code that a change of a relation runs: a function of the database's, by its
    /// schema and name, or the text of a rule.
    fn fires(&mut self, relation: Oid, change: Change, code: [Option<&str>; 3]) {
        match code {
            [Some(schema), Some(name), _] => {
                self.bodies.fires(relation, change, Full::new(schema, name));
            }
            [.., Some(rule)] => {
                self.catalog.fire(relation, change, sets_of_body("sql", rule));
                self.bodies.rule(relation, change, rule);
            }
            _ => {}
        }
    }

    fn known(&mut self, oid: &str) -> Option<&mut Relation> {
        self.catalog.relations.get_mut(&oid.parse().ok()?)
    }

    fn function<'a>(&mut self, text: &impl Fn(usize) -> Option<&'a str>) -> Option<()> {
        self.functions += 1;
        if self.functions > FUNCTIONS_MAX {
            self.too_large = true;
            return None;
        }
        let volatility = volatility(text(2)?);
        let sets = match (text(6)?, text(7)) {
            (_, None | Some("")) => Sets::Unknown,
            (language, Some(source)) => sets_of_body(language, source),
        };
        let function = Function {
            schema: text(0)?.into(),
            volatility,
            least: text(3)?.parse().ok()?,
            most: text(4).and_then(|most| most.parse().ok()),
            takes_row: text(5)? == "true",
            opaque: sets > Sets::Nothing || is_opaque(text(6)?, text(7)),
            sets,
            arguments: text(8).unwrap_or_default().split(' ').filter_map(oid).collect(),
            result: text(9).and_then(oid),
            defaults: match text(10) {
                None => Defaults::None,
                Some(sql) => self.read(sql).map_or(Defaults::Unread, Defaults::Mention),
            },
        };
        if let ("sql" | "plpgsql", Some(source)) = (text(6)?, text(7))
            && volatility != Volatility::Volatile
        {
            // Names as they stand, should they be quoted.
            let words = words(source).flat_map(|it| [it.to_owned(), it.to_ascii_lowercase()]);
            let (schema, name) = (text(0)?.into(), text(1)?.into());
            self.called.push(Body { schema, name, words: words.map(Into::into).collect() });
        }
        if let Some(source) = text(7).filter(|_| !matches!(text(6), Some("c" | "internal"))) {
            self.bodies.function(Full::new(text(0)?, text(1)?), source);
        }
        self.catalog.functions.entry(text(1)?.into()).or_default().push(function);
        Some(())
    }

    fn relation<'a>(&mut self, text: &impl Fn(usize) -> Option<&'a str>) -> Option<()> {
        if self.catalog.relations.len() >= RELATIONS_MAX {
            self.too_large = true;
            return None;
        }
        let kind = match text(3)? {
            "v" => RelationKind::View,
            "f" => RelationKind::Foreign,
            "S" => RelationKind::Sequence,
            _ => RelationKind::Table,
        };
        let relation = Relation {
            name: Full::new(text(1)?, text(2)?),
            kind,
            unlogged: text(4)? == "true",
            plain: text(3)? == "r",
            types: text(5).and_then(oid).into_iter().filter(|oid| *oid > 0).collect(),
            children: Vec::new(),
            runs: Vec::new(),
            unread: false,
            unknown: Vec::new(),
            fires: Vec::new(),
            cascades: Vec::new(),
        };
        self.catalog.relations.insert(text(0)?.parse().ok()?, relation);
        Some(())
    }

    /// What a text of the catalog mentions; `None` if it cannot be read.
    fn read(&mut self, sql: &str) -> Option<Mentions> {
        if let Some(known) = self.read.get(sql) {
            return known.clone();
        }
        let mentions = grammar::read(sql).ok().and_then(|mut all| {
            let only = all.pop();
            only.filter(|_| all.is_empty())
        });
        self.read.insert(sql.into(), mentions.clone());
        mentions
    }
}

/// How deep calls within calls are followed.
const CALLS_DEEP_MAX: usize = 64;

/// Whether the body of a function that claims not to write may all the same leave something
/// behind in the session, or run what cannot be read: SQL made at run time.
fn is_opaque(language: &str, source: Option<&str>) -> bool {
    match (language, source) {
        // Made by who may do anything to the server.
        ("c" | "internal", _) => false,
        // An empty one is `BEGIN ATOMIC`, whose text is kept elsewhere.
        (_, None | Some("")) => true,
        // Words of another language.
        (language, _) if !matches!(language, "sql" | "plpgsql") => true,
        (_, Some(source)) => words(source).any(|word| {
            const FEARED: [&str; 8] =
                ["set", "set_config", "execute", "setseed", "load", "listen", "dblink", "prepare"];
            FEARED.iter().any(|feared| word.eq_ignore_ascii_case(feared))
                || is_of_one_server(word)
                || word.get(..11).is_some_and(|it| it.eq_ignore_ascii_case("pg_advisory"))
                || word.get(..15).is_some_and(|it| it.eq_ignore_ascii_case("pg_try_advisory"))
        }),
    }
}

/// Whether it names what is another thing on each server, or what acts on the one that runs it.
fn is_of_one_server(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    (word.starts_with("pg_") || word.starts_with("txid_"))
        && (afterwrite_sql::is_of_the_primary(word.as_bytes())
            || afterwrite_sql::harmful(word.as_bytes()).is_some())
}

fn words(source: &str) -> impl Iterator<Item = &str> {
    settings::words(source).map(|(word, _)| word)
}

fn oid(text: &str) -> Option<Oid> {
    text.parse().ok()
}

fn volatility(text: &str) -> Volatility {
    match text {
        "i" => Volatility::Immutable,
        "s" => Volatility::Stable,
        _ => Volatility::Volatile,
    }
}

/// An event by the server's number for it.
fn change(text: &str) -> Option<Change> {
    match text {
        "2" => Some(Change::Update),
        "3" => Some(Change::Insert),
        "4" => Some(Change::Delete),
        "t" => Some(Change::Truncate),
        _ => None,
    }
}

/// What a foreign key does to the table that has it.
fn cascades(
    referencing: Oid,
    deletes: &str,
    updates: &str,
) -> impl Iterator<Item = (Change, Oid, Change)> {
    let done = |action: &str, cascaded: Change| match action {
        "c" => Some(cascaded),
        "n" | "d" => Some(Change::Update),
        _ => None,
    };
    let on_delete = done(deletes, Change::Delete).map(|it| (Change::Delete, referencing, it));
    let on_update = done(updates, Change::Update).map(|it| (Change::Update, referencing, it));
    // TRUNCATE … CASCADE; without it the server refuses.
    let on_truncate = Some((Change::Truncate, referencing, Change::Truncate));
    [on_delete, on_update, on_truncate].into_iter().flatten()
}
