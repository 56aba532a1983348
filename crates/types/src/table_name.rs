//! The name of a table of the proxy's own.

use std::fmt;
use std::str::FromStr;

/// Bytes of a name at most, as in PostgreSQL.
const NAME_MAX: usize = 63;

/// A table's name with its schema. Plain words only, which mean the same with quotes and
/// without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    schema: String,
    table: String,
}

impl TableName {
    /// From two plain words.
    pub fn new(schema: &'static str, table: &'static str) -> Self {
        Self { schema: schema.to_owned(), table: table.to_owned() }
    }

    /// The schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// As it stands in SQL.
    pub fn quoted(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema, self.table)
    }
}

/// The text names no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTableName;

impl fmt::Display for BadTableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a table's name with its schema, such as \"afterwrite.heartbeat\"")
    }
}

impl std::error::Error for BadTableName {}

impl FromStr for TableName {
    type Err = BadTableName;

    fn from_str(text: &str) -> Result<Self, BadTableName> {
        let (schema, table) = text.split_once('.').ok_or(BadTableName)?;
        if is_plain(schema) && is_plain(table) && !schema.starts_with("pg_") {
            Ok(Self { schema: schema.to_owned(), table: table.to_owned() })
        } else {
            Err(BadTableName)
        }
    }
}

fn is_plain(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|it| it.is_ascii_lowercase() || it == '_')
        && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
        && name.len() <= NAME_MAX
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_plain_name_with_its_schema() {
        let table: TableName = "ops.beats_1".parse().unwrap();
        assert_eq!(table.to_string(), "ops.beats_1");
        assert_eq!(table.quoted(), "\"ops\".\"beats_1\"");
        let long = format!("ops.{}", "x".repeat(64));
        for bad in ["", "x", ".x", "x.", "a.b.c", "A.b", "a.b\"c", "a.b c", "pg_x.y", "1.a", &long]
        {
            assert_eq!(bad.parse::<TableName>(), Err(BadTableName), "{bad}");
        }
    }
}
