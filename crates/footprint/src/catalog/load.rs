//! From rows of a server's catalog to a [`Catalog`].

use std::collections::{BTreeSet, HashMap};

use super::relation::{Full, Oid, Relation, RelationKind};
use super::{Catalog, Function, Hidden, Volatility};
use crate::grammar;
use crate::mention::{Change, Mentions};

/// Relations that are taken up at most; a database with more is not described.
const RELATIONS_MAX: usize = 200_000;

/// Functions that are taken up at most.
const FUNCTIONS_MAX: usize = 100_000;

/// One question to the catalog. All are asked in one transaction, so that they are one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Search paths that roles begin with. Asked before the path is set.
    Paths,
    /// Functions that were made after the database.
    Functions,
    /// Functions of `pg_catalog`.
    BuiltIn,
    /// Operators that call volatile functions.
    Operators,
    /// Types that call volatile functions: in their input, in casts to them, in domains.
    Types,
    /// Tables, views and their kin.
    Relations,
    /// What reading a relation runs: queries of views, policies, virtual columns.
    Runs,
    /// User triggers, rules and defaults that call functions of the database.
    Unknown,
    /// Foreign keys that cascade.
    Keys,
    /// Partitions and inheritance.
    Children,
}

/// The value of `search_path` for some.
#[derive(Clone, Debug)]
pub struct PathRow {
    /// The role it is for; `None` for all.
    pub role: Option<Box<str>>,
    /// It was set for this database.
    pub of_database: bool,
    /// The value.
    pub value: Box<str>,
}

impl Part {
    /// All, in the order in which they are to be asked.
    pub const ALL: [Self; 10] = [
        Self::Paths,
        Self::Functions,
        Self::BuiltIn,
        Self::Operators,
        Self::Types,
        Self::Relations,
        Self::Runs,
        Self::Unknown,
        Self::Keys,
        Self::Children,
    ];

    /// What goes before the questions; behind [`Part::Paths`] comes [`Self::SET_PATH`].
    pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

    /// Names in texts that the server writes then have their schema.
    pub const SET_PATH: &str = "SET LOCAL search_path = pg_catalog";

    /// What goes behind them.
    pub const END: &str = "COMMIT";

    /// Gives one text that is another after each change of the schema that matters here.
    pub const STATE: &str = "\
        SELECT pg_catalog.concat_ws('/', \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_proc WHERE oid >= 16384), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_class WHERE oid >= 16384 AND relpersistence <> 't' AND relkind <> 't'), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_rewrite WHERE oid >= 16384), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_trigger), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_constraint WHERE oid >= 16384), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_inherits), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_policy), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_attrdef), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_operator WHERE oid >= 16384), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_cast WHERE oid >= 16384), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_type WHERE oid >= 16384 AND typtype = 'd'), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'), \
          (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), pg_catalog.sum(xmin::text::bigint)) \
             FROM pg_catalog.pg_db_role_setting))";

    /// The question. Every column is a text, or null.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Paths => {
                "SELECT NULL, 'false', reset_val FROM pg_catalog.pg_settings \
                  WHERE name = 'search_path' AND NOT EXISTS \
                    (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c \
                      WHERE c LIKE 'search\\_path=%' AND s.setrole = \
                        (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user)) \
                 UNION ALL \
                 SELECT r.rolname::text, (s.setdatabase <> 0)::text, pg_catalog.substr(c, 13) \
                   FROM pg_catalog.pg_db_role_setting s \
                   CROSS JOIN pg_catalog.unnest(s.setconfig) c \
                   LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
                  WHERE c LIKE 'search\\_path=%' AND (s.setrole = 0 OR r.oid IS NOT NULL) \
                    AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database \
                                               WHERE datname = pg_catalog.current_database()))"
            }
            Self::Functions => {
                "SELECT n.nspname::text, p.proname::text, \
                   CASE WHEN a.aggfnoid IS NULL THEN p.provolatile::text ELSE \
                     (SELECT CASE WHEN pg_catalog.bool_or(f.provolatile = 'v') THEN 'v' \
                                  WHEN pg_catalog.bool_or(f.provolatile = 's') THEN 's' \
                                  ELSE 'i' END \
                        FROM pg_catalog.pg_proc f WHERE f.oid IN (a.aggtransfn, a.aggfinalfn, \
                          a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, \
                          a.aggminvtransfn, a.aggmfinalfn)) END, \
                   (p.pronargs - p.pronargdefaults)::text, \
                   CASE WHEN p.provariadic = 0 THEN p.pronargs::text END, \
                   COALESCE((SELECT t.typtype IN ('c', 'p') AND p.pronargs = 1 \
                      FROM pg_catalog.pg_type t WHERE t.oid = p.proargtypes[0]), false)::text, \
                   l.lanname::text, CASE WHEN p.provolatile <> 'v' AND l.lanname IN ('sql', 'plpgsql') \
                     AND pg_catalog.length(p.prosrc) < 60000 THEN p.prosrc END \
                 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
                 JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                 LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid \
                 WHERE p.oid >= 16384 AND n.nspname !~ '^pg_(toast_)?temp'"
            }
            Self::BuiltIn => {
                "SELECT proname::text, CASE WHEN pg_catalog.bool_or(provolatile = 'v') THEN 'v' \
                   WHEN pg_catalog.bool_or(provolatile = 's') THEN 's' ELSE 'i' END \
                 FROM pg_catalog.pg_proc WHERE oid < 16384 \
                   AND pronamespace = 'pg_catalog'::pg_catalog.regnamespace GROUP BY 1"
            }
            Self::Operators => {
                "SELECT n.nspname::text, o.oprname::text, p.oid::pg_catalog.regproc::text \
                 FROM pg_catalog.pg_operator o \
                 JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
                 JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode \
                 WHERE o.oid >= 16384 AND p.provolatile = 'v'"
            }
            // A domain over a domain has the other's checks, too.
            Self::Types => {
                "WITH RECURSIVE feared(oid, f) AS ( \
                   SELECT t.oid, p.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p \
                     ON p.oid IN (t.typinput, t.typreceive) \
                    WHERE t.oid >= 16384 AND t.typtype <> 'd' AND p.oid >= 16384 \
                      AND p.provolatile = 'v' \
                   UNION SELECT c.casttarget, p.oid FROM pg_catalog.pg_cast c \
                     JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc \
                    WHERE c.oid >= 16384 AND p.provolatile = 'v' \
                   UNION SELECT k.contypid, p.oid FROM pg_catalog.pg_constraint k \
                     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
                      AND d.objid = k.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
                     JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid \
                    WHERE k.contypid <> 0 AND p.provolatile = 'v' \
                   UNION SELECT t.oid, f.f FROM pg_catalog.pg_type t JOIN feared f \
                     ON f.oid = t.typbasetype WHERE t.typtype = 'd') \
                 SELECT n.nspname::text, t.typname::text, f.f::pg_catalog.regproc::text \
                 FROM feared f JOIN pg_catalog.pg_type t ON t.oid = f.oid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
            }
            Self::Relations => {
                "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, \
                   (c.relpersistence <> 'p')::text \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
                   AND c.relpersistence <> 't' AND n.nspname !~ '^pg_(toast|temp)'"
            }
            Self::Runs => {
                "SELECT c.oid::text, CASE WHEN pg_catalog.length(pg_catalog.pg_get_viewdef(c.oid)) < 60000 \
                   THEN pg_catalog.pg_get_viewdef(c.oid) END FROM pg_catalog.pg_class c \
                  WHERE c.oid >= 16384 AND c.relkind = 'v' AND c.relpersistence <> 't' \
                 UNION ALL \
                 SELECT polrelid::text, 'SELECT ' || pg_catalog.pg_get_expr(polqual, polrelid) || \
                     ' FROM ' || polrelid::pg_catalog.regclass::text \
                   FROM pg_catalog.pg_policy WHERE polqual IS NOT NULL \
                 UNION ALL \
                 SELECT d.adrelid::text, 'SELECT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
                   FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a \
                     ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated = 'v'"
            }
            // Of the types of triggers: insert 4, delete 8, update 16, truncate 32, instead of 64.
            Self::Unknown => {
                "SELECT tgrelid::text, e.event FROM pg_catalog.pg_trigger \
                   CROSS JOIN (VALUES (4, '3'), (8, '4'), (16, '2'), (32, 't')) AS e(bit, event) \
                  WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype::int4 & e.bit <> 0 \
                 UNION ALL \
                 SELECT ev_class::text, ev_type::text FROM pg_catalog.pg_rewrite \
                  WHERE oid >= 16384 AND rulename <> '_RETURN' AND ev_enabled <> 'D' \
                 UNION ALL \
                 SELECT DISTINCT d.adrelid::text, e.event FROM pg_catalog.pg_attrdef d \
                   JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
                    AND p.objid = d.oid AND p.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
                   CROSS JOIN (VALUES ('2'), ('3')) AS e(event) \
                 UNION ALL \
                 SELECT DISTINCT k.conrelid::text, e.event FROM pg_catalog.pg_constraint k \
                   JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
                    AND p.objid = k.oid AND p.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
                   CROSS JOIN (VALUES ('2'), ('3')) AS e(event) WHERE k.conrelid <> 0"
            }
            Self::Keys => {
                "SELECT confrelid::text, conrelid::text, confdeltype::text, confupdtype::text \
                 FROM pg_catalog.pg_constraint WHERE contype = 'f'"
            }
            Self::Children => "SELECT inhparent::text, inhrelid::text FROM pg_catalog.pg_inherits",
        }
    }
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
    called: Vec<(Box<str>, Box<str>, BTreeSet<Box<str>>)>,
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
        Some(self.catalog)
    }

    /// Whatever calls what is opaque, or volatile, is opaque itself.
    fn spread_opacity(&mut self) {
        for _ in 0..CALLS_DEEP_MAX {
            let feared: BTreeSet<Box<str>> = self
                .catalog
                .functions
                .iter()
                .filter(|(_, all)| {
                    all.iter().any(|it| it.opaque || it.volatility == Volatility::Volatile)
                })
                .map(|(name, _)| name.clone())
                .collect();
            let mut changed = false;
            for (schema, name, words) in &self.called {
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
                let hidden = Hidden { schema: text(0)?.into(), calls: text(2)?.into() };
                self.catalog.operators.entry(text(1)?.into()).or_default().push(hidden);
            }
            Part::Types => {
                let hidden = Hidden { schema: text(0)?.into(), calls: text(2)?.into() };
                self.catalog.types.entry(text(1)?.into()).or_default().push(hidden);
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

    fn known(&mut self, oid: &str) -> Option<&mut Relation> {
        self.catalog.relations.get_mut(&oid.parse().ok()?)
    }

    fn function<'a>(&mut self, text: &impl Fn(usize) -> Option<&'a str>) -> Option<()> {
        self.functions += 1;
        if self.functions > FUNCTIONS_MAX {
            self.too_large = true;
            return None;
        }
        let function = Function {
            schema: text(0)?.into(),
            volatility: volatility(text(2)?),
            least: text(3)?.parse().ok()?,
            most: text(4).and_then(|most| most.parse().ok()),
            takes_row: text(5)? == "true",
            opaque: is_opaque(text(6)?, text(7)),
        };
        if let (Volatility::Immutable | Volatility::Stable, Some(source)) =
            (function.volatility, text(7))
        {
            let words = words(source).map(str::to_ascii_lowercase);
            self.called.push((text(0)?.into(), text(1)?.into(), words.map(Into::into).collect()));
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
            children: Vec::new(),
            runs: Vec::new(),
            unread: false,
            unknown: Vec::new(),
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
        (_, Some(source)) => words(source).any(|word| {
            const FEARED: [&str; 8] =
                ["set", "set_config", "execute", "setseed", "load", "listen", "dblink", "prepare"];
            FEARED.iter().any(|feared| word.eq_ignore_ascii_case(feared))
                || word.get(..11).is_some_and(|it| it.eq_ignore_ascii_case("pg_advisory"))
                || word.get(..15).is_some_and(|it| it.eq_ignore_ascii_case("pg_try_advisory"))
        }),
    }
}

fn words(source: &str) -> impl Iterator<Item = &str> {
    source
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .filter(|word| !word.is_empty())
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
