//! What a statement names: relations, functions, operators, types, as they are written.

use std::fmt;

/// A name as it is written: perhaps with its schema, folded as the server folds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The schema, if one is written.
    pub schema: Option<Box<str>>,
    /// The name itself.
    pub name: Box<str>,
}

impl Name {
    /// A name without a schema.
    pub fn bare(name: &str) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// A name in a schema.
    pub fn within(schema: &str, name: &str) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }

    /// The parts of a dotted name; a database in front is left out, since it can only be this one.
    pub(crate) fn of_parts<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let parts: Vec<_> = parts.collect();
        match parts.as_slice() {
            [] => None,
            [name] => Some(Self::bare(name)),
            [.., schema, name] => Some(Self::within(schema, name)),
        }
    }

    /// The built-in function of this name, whatever its schema. Quotes keep capital letters, and
    /// no built-in function has any.
    pub(crate) fn built_in(&self) -> Option<afterwrite_sql::Function> {
        let has_capitals = self.name.bytes().any(|byte| byte.is_ascii_uppercase());
        afterwrite_sql::built_in(self.name.as_bytes()).filter(|_| !has_capitals)
    }

    /// Whether it stands in this schema by its text.
    pub(crate) fn is_in(&self, schema: &str) -> bool {
        self.schema.as_deref() == Some(schema)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", Shown(schema))?;
        }
        write!(f, "{}", Shown(&self.name))
    }
}

/// A name with the quotes it needs.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '$';
        let starts = self.0.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if starts && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            f.write_str("\"")?;
            for c in self.0.chars() {
                match c {
                    '"' => f.write_str("\"\"")?,
                    c if c.is_control() => write!(f, "{}", c.escape_default())?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"")
        }
    }
}

/// A change of a relation's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// `INSERT`, `COPY … FROM`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `TRUNCATE`.
    Truncate,
}

/// What a statement does with a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Reads its rows.
    Reads,
    /// Changes its rows.
    Changes(Change),
    /// Locks it, or some of its rows.
    Locks,
    /// Makes, alters or drops it, or makes its contents anew.
    Defines,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: Name,
    /// How many arguments are written; `None` if that says nothing (`VARIADIC`, too many).
    pub arguments: Option<u16>,
}

impl Call {
    /// Whether it is a cast in the form of a call, `regtype('int4')`, to a type of the server's own
    /// that has no function of its name.
    pub(crate) fn is_built_in_cast(&self) -> bool {
        const TYPES: [&str; 27] = [
            "bytea",
            "cid",
            "date",
            "inet",
            "json",
            "jsonb",
            "jsonpath",
            "macaddr",
            "macaddr8",
            "oid",
            "pg_lsn",
            "regclass",
            "regcollation",
            "regconfig",
            "regdictionary",
            "regnamespace",
            "regoper",
            "regoperator",
            "regproc",
            "regprocedure",
            "regrole",
            "regtype",
            "tid",
            "tsquery",
            "tsvector",
            "uuid",
            "xid8",
        ];
        let name = &self.name;
        self.arguments == Some(1)
            && name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
            && TYPES.contains(&&*name.name)
    }
}

/// What kind of statement it is, by the grammar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// `SELECT`, `VALUES`, `TABLE`, without `INTO`.
    Query,
    /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`.
    Dml,
    /// `TRUNCATE`.
    Truncate,
    /// `COPY … TO STDOUT`.
    CopyOut,
    /// `COPY … FROM STDIN`.
    CopyIn,
    /// `COPY` with a file or program of the server.
    CopyFile,
    /// `EXPLAIN` without `ANALYZE`: nothing of it runs.
    Explain,
    /// `EXPLAIN ANALYZE`: it runs.
    ExplainAnalyze,
    /// `BEGIN`, `COMMIT`, savepoints, two-phase commit.
    Transaction,
    /// `SET`, `SHOW`, `RESET`, `DISCARD`, `DEALLOCATE`, `SET CONSTRAINTS`, `LOAD`.
    Session,
    /// `LISTEN`, `UNLISTEN`, `NOTIFY`.
    Notify,
    /// `PREPARE` and `EXECUTE`.
    Prepare,
    /// `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.
    Cursor,
    /// `CALL` and `DO`.
    Procedure,
    /// `LOCK`.
    Lock,
    /// A change of the schema, or of who may do what.
    Schema,
    /// `VACUUM`, `CHECKPOINT` and whatever else there is.
    #[default]
    Utility,
}

/// What one statement names, and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Mentions {
    /// What kind of statement it is.
    pub class: Class,
    /// Relations, but not common table expressions.
    pub relations: Vec<(Name, Use)>,
    /// What `COPY` copies out, if that is named and no query.
    pub copied: Option<Name>,
    /// Functions that are called.
    pub calls: Vec<Call>,
    /// Parts behind a dot, `x.name`: columns, or calls of a function with `x`.
    pub attributes: Vec<Box<str>>,
    /// Operators, those written in words (`IN`, `LIKE`, `BETWEEN`) by their signs.
    pub operators: Vec<Name>,
    /// Types that values are made of or turned into.
    pub types: Vec<Name>,
    /// `FOR UPDATE` and its like.
    pub locks_rows: bool,
    /// `SELECT … INTO`, `CREATE TABLE AS`.
    pub into: bool,
    /// A statement that writes stands inside another one.
    pub writes_inside: bool,
    /// It has parameters, whose types are not known.
    pub parameters: bool,
    /// The mode that a transaction, or the session, is set to is refused by a standby.
    pub refused_by_standbys: bool,
    /// The setting of the server that it shows.
    pub shows: Option<Box<str>>,
    /// The code of `DO`.
    pub code: Option<Box<str>>,
    /// It depends on the time, the user or other things that no function says.
    pub varies: bool,
    /// Something in it was not followed.
    pub incomplete: bool,
}
