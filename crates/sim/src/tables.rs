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
    let touched: Vec<_> = text.split(';').map(touched).collect();
    if touched.contains(&Touched::Unknown) {
        return reading;
    }
    let some = |kind: fn(&'static str) -> Touched| {
        let here = |table: &&'static str| touched.contains(&kind(table));
        let tables = ["kv0", "kv1", "hidden"].into_iter().filter(here);
        let keys = tables.map(|it| TableKeys::table(DATABASE, &format!("public.{it}")));
        Touch { tables: keys.collect(), unknown: false }
    };
    (reading.reads, reading.writes) = (some(Touched::Reads), some(Touched::Writes));
    reading
}

/// What a statement touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    Nothing,
    Reads(&'static str),
    Writes(&'static str),
    /// Of `sneaky`, a view over a function that writes, and of `slip`, a function, nobody knows.
    Unknown,
}

fn touched(statement: &str) -> Touched {
    let statement = statement.rsplit("*/").next().unwrap_or_default().trim();
    let known = [
        ("SELECT v FROM kv0 ", Touched::Reads("kv0")),
        ("SELECT v FROM kv1 ", Touched::Reads("kv1")),
        ("SELECT v FROM hidden", Touched::Reads("hidden")),
        ("UPDATE kv0 ", Touched::Writes("kv0")),
        ("UPDATE kv1 ", Touched::Writes("kv1")),
        ("BEGIN", Touched::Nothing),
        ("COMMIT", Touched::Nothing),
        ("ROLLBACK", Touched::Nothing),
    ];
    if statement.is_empty() {
        return Touched::Nothing;
    }
    let found = known.iter().find(|it| statement.starts_with(it.0));
    found.map_or(Touched::Unknown, |it| it.1)
}
