//! The tables that the few statements touch, as far as a text tells.

use afterwrite_session::{Reading, TableKeys, Touch};

use crate::log::RowId;
use crate::statement::SNEAKY_ROW;

/// The one database there is.
pub(crate) const DATABASE: &str = "sim";

/// Rows with even numbers stand in one table, the others in another.
pub(crate) fn table_of(row: RowId) -> &'static str {
    match row {
        SNEAKY_ROW => "hidden",
        row if row.is_multiple_of(2) => "kv0",
        _ => "kv1",
    }
}

/// What a text may do. By its words, and the tables of what a grammar would know.
pub(crate) fn reading(text: &[u8]) -> Reading {
    let mut reading = Reading::of_words(text);
    let text = String::from_utf8_lossy(text);
    let touched: Option<Vec<_>> = text.split(';').map(touched).collect();
    let Some(touched) = touched else { return reading };
    let some = |kind| {
        let tables = touched.iter().flatten().filter(|it| it.0 == kind);
        let keys = tables.map(|it| TableKeys::table(DATABASE, &format!("public.{}", it.1)));
        Touch { tables: keys.collect(), unknown: false }
    };
    (reading.reads, reading.writes) = (some(Kind::Reads), some(Kind::Writes));
    reading
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
}

/// The table that a statement touches, if any; `None` if nobody knows. (Of `sneaky`, a view
/// over a function that writes, and of `slip`, a function, nobody does.)
fn touched(statement: &str) -> Option<Option<(Kind, &'static str)>> {
    let statement = statement.rsplit("*/").next().unwrap_or_default().trim();
    let kinds = [
        ("SELECT v FROM kv0 ", Kind::Reads, "kv0"),
        ("SELECT v FROM kv1 ", Kind::Reads, "kv1"),
        ("SELECT v FROM hidden", Kind::Reads, "hidden"),
        ("UPDATE kv0 ", Kind::Writes, "kv0"),
        ("UPDATE kv1 ", Kind::Writes, "kv1"),
    ];
    if statement.is_empty()
        || ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|it| statement.starts_with(it))
    {
        return Some(None);
    }
    let found = kinds.iter().find(|it| statement.starts_with(it.0))?;
    Some(Some((found.1, found.2)))
}
