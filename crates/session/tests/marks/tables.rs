//! Table scope: tables are keys that nobody names.

use afterwrite_session::{PathMark, TableKeys};

use crate::rig::{PRIMARY, Rig, batch, captured, done, name_of, parse, query, sync};

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.session.set_tables(Some(TableKeys::of("db")));
    rig
}

/// What a statement is noted under, and what it asks for.
fn check(sql: &str, noted: &[&str], asked: &[&str]) {
    let mut rig = rig();
    rig.request(&query(sql));
    assert_eq!(rig.marked(), noted, "{sql}");
    let asks: Vec<_> = rig.session.tables_read().iter().map(|key| name_of(*key)).collect();
    assert_eq!(asks, asked, "{sql}");
}

#[test]
fn a_write_is_noted_under_what_it_touches() {
    check("INSERT INTO t VALUES (1)", &["table t", "all"], &[]);
    check("INSERT INTO t SELECT 1 FROM u", &["table t", "all"], &["table u", "unknown"]);
    check(
        "INSERT INTO t VALUES (1); INSERT INTO u VALUES (2)",
        &["table t", "table u", "all"],
        &[],
    );
    check("INSERT INTO t SELECT hidden", &["table t", "all", "unknown"], &["all"]);
    // Nobody has read what it runs.
    check("SELECT nobody_knows(1)", &["unknown", "all"], &[]);
    check("DO 'x'", &["unknown", "all"], &[]);
    check("COMMIT PREPARED 'x'", &["unknown", "all"], &[]);
}

#[test]
fn a_read_asks_for_what_it_touches() {
    // It may name a type that was made just now, or read the catalog.
    check("SELECT 1", &[], &["unknown"]);
    check("SHOW work_mem", &[], &[]);
    check("COMMIT", &[], &[]);
    check("SELECT 1 FROM t", &[], &["table t", "unknown"]);
    check("SELECT hidden FROM t", &[], &["all"]);
    check("BEGIN READ ONLY", &[], &["all"]);
}

/// A replica without the table would say that it does not exist.
#[test]
fn what_is_only_prepared_asks_for_its_tables_too() {
    let mut rig = rig();
    rig.request(&[parse("s", "SELECT 1 FROM t"), sync()].concat());
    let asks: Vec<_> = rig.session.tables_read().iter().map(|key| name_of(*key)).collect();
    assert_eq!(asks, ["table t", "unknown"]);
    assert!(rig.marked().is_empty());
}

#[test]
fn what_a_transaction_writes_is_noted_again_at_its_end() {
    let mut rig = rig();
    for (sql, marked, tag) in [
        ("BEGIN", &[][..], "BEGIN"),
        ("INSERT INTO t VALUES (1)", &["table t", "all"], "INSERT 0 1"),
        ("SELECT 1 FROM u", &[], "SELECT 1"),
        ("INSERT INTO t SELECT hidden", &["table t", "all", "unknown"], "INSERT 0 1"),
    ] {
        rig.request(&query(sql));
        assert_eq!(rig.marked(), marked, "{sql}");
        rig.finish(PRIMARY, &done(tag, b'T'));
    }
    rig.request(&query("COMMIT"));
    assert_eq!(rig.marked(), ["table t", "all", "unknown"]);
    rig.finish(PRIMARY, &captured("COMMIT"));
    rig.request(&query("COMMIT"));
    assert!(rig.marked().is_empty(), "the transaction is over");
}

#[test]
fn a_batch_is_noted_under_all_that_it_executes() {
    let mut rig = rig();
    rig.request(&batch(&["INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1)"]));
    assert_eq!(rig.marked(), ["table t", "all", "table u"]);
}

#[test]
fn where_it_is_off_nobody_asks() {
    let mut rig = Rig::new();
    rig.request(&query("INSERT INTO t SELECT 1 FROM u"));
    assert!(rig.marked().is_empty());
    assert!(rig.session.tables_read().is_empty());
}

/// A change of the schema is told when it has taken effect, and once.
#[test]
fn a_change_of_the_schema_is_told() {
    let mut rig = rig();
    let mut run = |sql: &str, tag: &str, status: u8| {
        rig.request(&query(sql));
        let replies = if status == b'I' { captured(tag) } else { done(tag, status) };
        rig.finish(PRIMARY, &replies);
        rig.session.take_schema_change()
    };
    assert!(run("DROP TABLE t", "DROP TABLE", b'I'));
    assert!(!run("INSERT INTO t VALUES (1)", "INSERT 0 1", b'I'));
    assert!(!run("BEGIN", "BEGIN", b'T'));
    assert!(!run("ALTER TABLE t ADD b int", "ALTER TABLE", b'T'));
    assert!(!run("INSERT INTO t VALUES (1)", "INSERT 0 1", b'T'));
    assert!(run("COMMIT", "COMMIT", b'I'));
    assert!(!run("INSERT INTO t VALUES (2)", "INSERT 0 1", b'I'));
}

/// What it is found to touch depends on where the connection that it gets looks for names.
#[test]
fn over_a_connection_that_looks_elsewhere_names_may_be_any() {
    let elsewhere = [None, Some(PathMark::of("app", "other")), Some(PathMark::of("you", "public"))];
    for path in elsewhere {
        let mut rig = rig();
        rig.link.begins_at(path);
        rig.request(&query("SELECT 1 FROM t"));
        assert!(rig.session.looks_elsewhere(&rig.link), "{path:?}");
        assert!(!rig.session.looks_elsewhere(&rig.link), "it is known by now");
        let asks: Vec<_> = rig.session.tables_read().iter().map(|key| name_of(*key)).collect();
        assert_eq!(asks, ["all"], "{path:?}");
    }
}

#[test]
fn over_such_a_connection_a_transaction_may_write_anything() {
    for path in [None, Some(PathMark::of("app", "other"))] {
        let mut rig = rig();
        rig.link.begins_at(path);
        rig.request(&query("BEGIN"));
        rig.finish(PRIMARY, &done("BEGIN", b'T'));
        rig.request(&query("INSERT INTO t VALUES (1)"));
        assert!(rig.session.looks_elsewhere(&rig.link));
        assert_eq!(rig.marked(), ["table t", "all", "unknown"]);
        rig.finish(PRIMARY, &done("INSERT 0 1", b'T'));
        rig.request(&query("COMMIT"));
        assert!(rig.marked().contains(&"unknown".to_owned()), "{path:?}");
    }
}

#[test]
fn over_a_connection_that_looks_where_it_should_names_are_known() {
    let mut rig = rig();
    let path = Some(PathMark::told("app public"));
    rig.link.begins_at(path);
    rig.link.begins_still_at(path);
    rig.request(&query("INSERT INTO t VALUES (1)"));
    assert!(!rig.session.looks_elsewhere(&rig.link));
    assert_eq!(rig.marked(), ["table t", "all"]);
}

#[test]
fn a_connection_whose_path_the_operators_query_has_set_begins_nowhere_that_is_known() {
    let mut rig = rig();
    rig.link.begins_at(Some(PathMark::of("app", "other")));
    rig.link.begins_still_at(Some(PathMark::of("app", "public")));
    rig.request(&query("INSERT INTO t VALUES (1)"));
    assert!(rig.session.looks_elsewhere(&rig.link));
}
