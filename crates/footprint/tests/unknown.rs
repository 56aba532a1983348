//! Where it cannot be known which tables a statement touches.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use afterwrite_footprint::{Builder, Catalog, Knowledge, Part, Path, Rules};

fn catalog() -> Catalog {
    let mut builder = Builder::default();
    for (oid, name, kind) in [
        ("16400", "plain", "r"),
        ("16401", "far", "f"),
        ("16402", "far_seen", "v"),
        ("16403", "parts", "p"),
        ("16404", "part_far", "f"),
        ("16405", "part_near", "r"),
        ("16406", "sizes", "v"),
    ] {
        let row = [Some(oid), Some("app"), Some(name), Some(kind), Some("false"), Some("0")];
        builder.take(Part::Relations, &row);
    }
    builder.take(Part::Runs, &[Some("16402"), Some("SELECT far.a FROM app.far")]);
    builder.take(Part::Runs, &[Some("16406"), Some("SELECT pg_total_relation_size(1) AS s")]);
    builder.take(Part::BuiltIn, &[Some("pg_relation_size"), Some("v")]);
    builder.take(Part::Children, &[Some("16403"), Some("16404")]);
    builder.take(Part::Children, &[Some("16403"), Some("16405")]);
    builder.build().unwrap()
}

/// What is expected to be read and written, whatever else there is.
fn check(catalog: &Catalog, sql: &str, reads_unknown: bool, writes_unknown: bool) {
    let (path, rules, text) = (Path::of_setting("app", "me"), Rules::default(), sql.as_bytes());
    let reading = afterwrite_footprint::read(text, text, Knowledge::Known(catalog), &path, &rules);
    let footprint = reading.footprints.first().unwrap();
    let found = (footprint.reads.unknown, footprint.writes.unknown);
    assert_eq!(found, (reads_unknown, writes_unknown), "{sql}: {footprint}");
}

/// Its server may lead back to this database, and so to any table of it.
#[test]
fn behind_a_foreign_table_may_be_any_table() {
    let catalog = catalog();
    for relation in ["far", "far_seen", "parts", "part_far"] {
        check(&catalog, &format!("SELECT * FROM {relation}"), true, false);
        check(&catalog, &format!("INSERT INTO {relation} VALUES (1)"), false, true);
        check(&catalog, &format!("INSERT INTO plain SELECT * FROM {relation}"), true, false);
        check(&catalog, &format!("UPDATE {relation} SET a = 1"), true, true);
    }
    check(&catalog, "TRUNCATE far", false, true);
    check(&catalog, "COPY far FROM STDIN", false, true);
    for relation in ["plain", "part_near"] {
        check(&catalog, &format!("SELECT * FROM {relation}"), false, false);
        check(&catalog, &format!("UPDATE {relation} SET a = 1"), false, false);
    }
}

/// The tables whose sizes are asked for are values.
#[test]
fn sizes_may_be_those_of_any_table() {
    let catalog = catalog();
    for size in [
        "pg_relation_size('app.plain')",
        "pg_catalog.pg_relation_size($1)",
        "\"pg_total_relation_size\"('app.plain')",
        "pg_size_pretty(pg_table_size('app.plain'))",
        "PG_INDEXES_SIZE('app.plain')",
        "pg_database_size('app')",
        "pg_tablespace_size('pg_default')",
        "('app.plain'::regclass).pg_table_size",
    ] {
        check(&catalog, &format!("SELECT {size}"), true, false);
        check(&catalog, &format!("SELECT {size} FROM plain"), true, false);
    }
    check(&catalog, "SELECT s FROM sizes", true, false);
    check(&catalog, "SELECT pg_column_size(a), pg_size_pretty(1::bigint) FROM plain", false, false);
}
