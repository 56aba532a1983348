//! The questions to a server's catalog.

/// One question to the catalog. All are asked in one transaction, so that they are one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Search paths that roles begin with. Asked before the path is set.
    Paths,
    /// Functions that were made after the database.
    Functions,
    /// Functions of `pg_catalog`.
    BuiltIn,
    /// Operators that call volatile functions, or functions whose bodies are read.
    Operators,
    /// The same for casts.
    Casts,
    /// Types that call such functions when a value is made: in their input, or in the checks of a
    /// domain.
    Made,
    /// Types that were made after the database.
    TypeNames,
    /// What types are in arrays, composite types and domains.
    Contents,
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
    /// Columns of types that were made after the database.
    Columns,
}

impl Part {
    /// All, in the order in which they are to be asked.
    pub const ALL: [Self; 14] = [
        Self::Paths,
        Self::Functions,
        Self::BuiltIn,
        Self::Operators,
        Self::Casts,
        Self::Made,
        Self::TypeNames,
        Self::Contents,
        Self::Relations,
        Self::Runs,
        Self::Unknown,
        Self::Keys,
        Self::Children,
        Self::Columns,
    ];

    /// What goes before the questions; behind [`Part::Paths`] comes [`Self::SET_PATH`].
    pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

    /// Names in texts that the server writes then have their schema.
    pub const SET_PATH: &str = "SET LOCAL search_path = pg_catalog";

    /// What goes behind them.
    pub const END: &str = "COMMIT";

    /// Gives one text that is another after each change of the schema that matters here.
    pub const STATE: &str = STATE;

    /// The question. Every column is a text, or null.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Paths => PATHS,
            Self::Functions => FUNCTIONS,
            Self::BuiltIn => BUILT_IN,
            Self::Operators => OPERATORS,
            Self::Casts => CASTS,
            Self::Made => MADE,
            Self::TypeNames => TYPE_NAMES,
            Self::Contents => CONTENTS,
            Self::Relations => RELATIONS,
            Self::Runs => RUNS,
            Self::Unknown => UNKNOWN,
            Self::Keys => KEYS,
            Self::Children => CHILDREN,
            Self::Columns => COLUMNS,
        }
    }
}

const PATHS: &str = "\
    SELECT NULL, 'false', reset_val FROM pg_catalog.pg_settings \
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
                      WHERE datname = pg_catalog.current_database()))";

const FUNCTIONS: &str = "\
    SELECT n.nspname::text, p.proname::text, \
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
      CASE WHEN a.aggfnoid IS NULL THEN l.lanname::text ELSE 'sql' END, \
      CASE WHEN a.aggfnoid IS NOT NULL THEN (SELECT pg_catalog.string_agg(f.proname || '()', ' ') \
         FROM pg_catalog.pg_proc f WHERE f.oid IN (a.aggtransfn, a.aggfinalfn, \
             a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, \
             a.aggminvtransfn, a.aggmfinalfn)) \
        WHEN pg_catalog.length(p.prosrc) < 60000 THEN CASE WHEN p.prosrc <> '' THEN p.prosrc \
          ELSE pg_catalog.regexp_replace(pg_catalog.pg_get_functiondef(p.oid), \
            E'^.*?\\n(BEGIN ATOMIC|RETURN )', E'\\1') END END, \
      pg_catalog.array_to_string(ARRAY(SELECT t FROM pg_catalog.unnest(p.proargtypes) t \
        WHERE t >= 16384), ' '), \
      CASE WHEN p.prorettype >= 16384 THEN p.prorettype::text END, \
      CASE WHEN p.proargdefaults IS NOT NULL \
        THEN 'SELECT ' || pg_catalog.pg_get_expr(p.proargdefaults, 0) END \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid \
    WHERE p.oid >= 16384 AND n.nspname !~ '^pg_(toast_)?temp'";

const BUILT_IN: &str = "\
    SELECT proname::text, CASE WHEN pg_catalog.bool_or(provolatile = 'v') THEN 'v' \
      WHEN pg_catalog.bool_or(provolatile = 's') THEN 's' ELSE 'i' END \
    FROM pg_catalog.pg_proc WHERE oid < 16384 \
      AND pronamespace = 'pg_catalog'::pg_catalog.regnamespace GROUP BY 1";

const OPERATORS: &str = "\
    SELECT n.nspname::text, o.oprname::text, p.oid::pg_catalog.regproc::text, \
      CASE WHEN o.oprleft >= 16384 THEN o.oprleft::text END, \
      CASE WHEN o.oprright >= 16384 THEN o.oprright::text END, \
      CASE WHEN p.provolatile <> 'v' THEN f.nspname::text END, p.proname::text \
    FROM pg_catalog.pg_operator o \
    JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
    JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode \
    JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace \
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    WHERE o.oid >= 16384 \
      AND (p.provolatile = 'v' OR p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal'))";

const CASTS: &str = "\
    SELECT c.castsource::text, c.casttarget::text, c.castcontext::text, \
      t.typname::text, p.oid::pg_catalog.regproc::text, \
      CASE WHEN p.provolatile <> 'v' THEN f.nspname::text END, p.proname::text \
    FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc \
    JOIN pg_catalog.pg_type t ON t.oid = c.casttarget \
    JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace \
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
    WHERE c.oid >= 16384 \
      AND (p.provolatile = 'v' OR p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal'))";

const MADE: &str = "\
    SELECT t.oid::text, p.oid::pg_catalog.regproc::text, NULL, p.proname::text \
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p \
      ON p.oid IN (t.typinput, t.typreceive) \
    WHERE t.oid >= 16384 AND t.typtype <> 'd' AND p.oid >= 16384 \
      AND p.provolatile = 'v' \
    UNION SELECT k.contypid::text, p.oid::pg_catalog.regproc::text, \
        CASE WHEN p.provolatile <> 'v' THEN f.nspname::text END, p.proname::text \
      FROM pg_catalog.pg_constraint k \
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
       AND d.objid = k.oid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
      JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid \
      JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace \
      JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE k.contypid <> 0 \
       AND (p.provolatile = 'v' OR p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal'))";

const TYPE_NAMES: &str = "\
    SELECT t.oid::text, n.nspname::text, t.typname::text FROM pg_catalog.pg_type t \
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
    WHERE t.oid >= 16384 AND n.nspname !~ '^pg_(toast|temp)'";

const CONTENTS: &str = "\
    SELECT oid::text, typelem::text FROM pg_catalog.pg_type \
     WHERE oid >= 16384 AND typelem >= 16384 \
    UNION SELECT oid::text, typbasetype::text FROM pg_catalog.pg_type \
     WHERE oid >= 16384 AND typbasetype >= 16384 \
    UNION SELECT t.oid::text, a.atttypid::text FROM pg_catalog.pg_type t \
      JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid \
     WHERE t.oid >= 16384 AND t.typrelid <> 0 AND a.attnum > 0 \
       AND a.atttypid >= 16384 AND NOT a.attisdropped";

const RELATIONS: &str = "\
    SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, \
      (c.relpersistence <> 'p')::text, c.reltype::text \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
      AND c.relpersistence <> 't' AND n.nspname !~ '^pg_(toast|temp)'";

const RUNS: &str = "\
    SELECT c.oid::text, CASE WHEN pg_catalog.length(pg_catalog.pg_get_viewdef(c.oid)) < 60000 \
      THEN pg_catalog.pg_get_viewdef(c.oid) END FROM pg_catalog.pg_class c \
     WHERE c.oid >= 16384 AND c.relkind = 'v' AND c.relpersistence <> 't' \
    UNION ALL \
    SELECT polrelid::text, 'SELECT ' || pg_catalog.pg_get_expr(polqual, polrelid) || \
        ' FROM ' || polrelid::pg_catalog.regclass::text \
      FROM pg_catalog.pg_policy WHERE polqual IS NOT NULL \
    UNION ALL \
    SELECT d.adrelid::text, 'SELECT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
      FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_attribute a \
        ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated = 'v'";

// Of the types of triggers: insert 4, delete 8, update 16, truncate 32, instead 64.
const UNKNOWN: &str = "\
    SELECT t.tgrelid::text, e.event, n.nspname::text, p.proname::text, NULL \
      FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
      CROSS JOIN (VALUES (4, '3'), (8, '4'), (16, '2'), (32, 't')) AS e(bit, event) \
     WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype::int4 & e.bit <> 0 \
    UNION ALL \
    SELECT ev_class::text, ev_type::text, NULL, NULL, pg_catalog.pg_get_ruledef(oid) \
      FROM pg_catalog.pg_rewrite \
     WHERE oid >= 16384 AND rulename <> '_RETURN' AND ev_enabled <> 'D' \
    UNION ALL \
    SELECT DISTINCT d.adrelid::text, e.event, n.nspname::text, f.proname::text, NULL \
      FROM pg_catalog.pg_attrdef d \
      JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
       AND p.objid = d.oid AND p.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
      LEFT JOIN pg_catalog.pg_proc f ON f.oid = p.refobjid \
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace \
      CROSS JOIN (VALUES ('2'), ('3')) AS e(event) \
    UNION ALL \
    SELECT DISTINCT k.conrelid::text, e.event, n.nspname::text, f.proname::text, NULL \
      FROM pg_catalog.pg_constraint k \
      JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
       AND p.objid = k.oid AND p.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
      LEFT JOIN pg_catalog.pg_proc f ON f.oid = p.refobjid \
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace \
      CROSS JOIN (VALUES ('2'), ('3')) AS e(event) WHERE k.conrelid <> 0";

const KEYS: &str = "\
    SELECT confrelid::text, conrelid::text, confdeltype::text, confupdtype::text \
    FROM pg_catalog.pg_constraint WHERE contype = 'f'";

const CHILDREN: &str = "\
    SELECT inhparent::text, inhrelid::text FROM pg_catalog.pg_inherits";

const COLUMNS: &str = "\
    SELECT DISTINCT a.attrelid::text, a.atttypid::text FROM pg_catalog.pg_attribute a \
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
    WHERE a.attrelid >= 16384 AND a.attnum > 0 AND a.atttypid >= 16384 \
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT a.attisdropped";

/// How many rows of a catalog there are, and which transactions made them; and the path that
/// the server's configuration sets.
macro_rules! marks {
    ($(($catalog:literal, $which:literal)),+ $(,)?) => {
        concat!(
            "SELECT pg_catalog.concat_ws('/'",
            $(
                ", (SELECT pg_catalog.concat_ws(':', pg_catalog.count(*), \
                   pg_catalog.sum(xmin::text::bigint)) FROM pg_catalog.", $catalog, " ", $which, ")",
            )+
            // The server's own, which is in no catalog.
            ", (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'))"
        )
    };
}

const STATE: &str = marks!(
    ("pg_proc", "WHERE oid >= 16384"),
    ("pg_class", "WHERE oid >= 16384 AND relpersistence <> 't' AND relkind <> 't'"),
    ("pg_rewrite", "WHERE oid >= 16384"),
    ("pg_trigger", ""),
    ("pg_constraint", "WHERE oid >= 16384"),
    ("pg_inherits", ""),
    ("pg_policy", ""),
    ("pg_attrdef", ""),
    ("pg_operator", "WHERE oid >= 16384"),
    ("pg_cast", "WHERE oid >= 16384"),
    ("pg_type", "WHERE oid >= 16384 AND typtype <> 'c' AND typelem = 0"),
    ("pg_namespace", "WHERE nspname !~ '^pg_(toast_)?temp'"),
    ("pg_db_role_setting", ""),
);
