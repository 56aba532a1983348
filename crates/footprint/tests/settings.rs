//! Settings that code changes behind a statement: a function, `DO`, a trigger, a view.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use afterwrite_footprint::{Builder, Catalog, Knowledge, Part, Path, Rules};
use afterwrite_sql::{Access, Sets};

/// A function of no arguments.
fn function(builder: &mut Builder, name: &str, language: &str, body: &str) {
    let row = ["app", name, "v", "0", "0", "false", language, body, ""].map(Some);
    builder.take(Part::Functions, &row);
}

fn catalog() -> Catalog {
    let mut builder = Builder::default();
    for (name, language, body) in [
        ("move_path", "sql", "SELECT set_config('search_path', 'other', false)"),
        ("move_deep", "plpgsql", "BEGIN PERFORM app.move_deeper(); END"),
        ("move_deeper", "plpgsql", "BEGIN PERFORM \"move_path\" (); END"),
        ("move_role", "plpgsql", "BEGIN EXECUTE 'SET ROLE ' || x; END"),
        ("move_by_write", "plpgsql", "BEGIN INSERT INTO app.moving VALUES (1); END"),
        ("set_local", "plpgsql", "BEGIN PERFORM set_config('a.b', 'c', true); END"),
        ("count_up", "plpgsql", "BEGIN UPDATE t SET a = a + 1; RETURN NEW; END"),
        ("run", "plpgsql", "BEGIN EXECUTE sql; END"),
        ("move_foreign", "plpython3u", "plpy.execute('SET search_path TO x')"),
        ("foreign_one", "plperl", "return 1"),
        ("c_function", "c", "uuid_generate"),
        // A sentence names it.
        ("say", "plpgsql", "BEGIN RAISE NOTICE 'move_path was called (set it anew)'; END"),
    ] {
        function(&mut builder, name, language, body);
    }
    for (oid, name, kind) in [
        ("16400", "moving", "r"),
        ("16401", "plain", "r"),
        ("16402", "counted", "r"),
        ("16403", "ruled", "r"),
        ("16404", "moves", "v"),
        ("16405", "parent", "r"),
        ("16406", "shown", "v"),
    ] {
        let row = [Some(oid), Some("app"), Some(name), Some(kind), Some("false"), Some("0")];
        builder.take(Part::Relations, &row);
    }
    builder.take(Part::Runs, &[Some("16404"), Some("SELECT app.move_path() AS a")]);
    let shown = "SELECT name, setting FROM pg_settings";
    builder.take(Part::Runs, &[Some("16406"), Some(shown)]);
    for (oid, event, function, rule) in [
        ("16400", "3", Some("move_deep"), None),
        ("16402", "3", Some("count_up"), None),
        (
            "16403",
            "4",
            None,
            Some("CREATE RULE r AS ON DELETE TO app.ruled DO SELECT app.move_deep() AS a;"),
        ),
    ] {
        let schema = function.map(|_| "app");
        builder.take(Part::Unknown, &[Some(oid), Some(event), schema, function, rule]);
    }
    builder.take(Part::Children, &[Some("16405"), Some("16400")]);
    builder.build().unwrap()
}

fn sets(catalog: &Catalog, sql: &str) -> Sets {
    sets_by(catalog, sql, &Rules::default())
}

fn sets_by(catalog: &Catalog, sql: &str, rules: &Rules) -> Sets {
    let path = Path::of_setting("app", "me");
    let text = sql.as_bytes();
    let reading = afterwrite_footprint::read(text, text, Knowledge::Known(catalog), &path, rules);
    for statement in &reading.analysis.statements {
        let sets = statement.session.sets > Sets::Nothing;
        assert!(!sets || statement.access == Access::Writes, "{sql}");
    }
    reading.analysis.statements.iter().map(|it| it.session.sets).max().unwrap()
}

#[test]
fn what_code_sets_its_callers_set() {
    let catalog = catalog();
    for sql in [
        "SELECT move_path()",
        "SELECT app.move_deep()",
        "INSERT INTO plain SELECT move_deeper()",
        "SELECT move_role()",
        "CALL move_role()",
        "SELECT move_by_write()",
        "SELECT move_foreign()",
        "INSERT INTO moving VALUES (1)",
        "INSERT INTO parent VALUES (1)",
        "COPY moving FROM STDIN",
        "DELETE FROM ruled",
        "SELECT * FROM moves",
        "WITH a AS (INSERT INTO moving VALUES (1) RETURNING 1) SELECT * FROM a",
        "PREPARE p AS SELECT move_path()",
        "EXPLAIN ANALYZE SELECT move_path()",
        "DO $$ BEGIN PERFORM app.move_deep(); END $$",
        "DO $$ BEGIN INSERT INTO app.moving VALUES (1); END $$",
        "DO $$ BEGIN SET a.b = 1; END $$",
        "UPDATE pg_settings SET setting = 'a' WHERE name = 'search_path'",
        "UPDATE pg_catalog.pg_settings AS s SET setting = 'a'",
        "UPDATE U&\"pg\\005fsettings\" SET setting = 'a'",
        "UPDATE shown SET setting = 'a'",
        "DO $$ BEGIN UPDATE app.shown SET setting = 'a'; END $$",
    ] {
        assert_eq!(sets(&catalog, sql), Sets::Session, "{sql}");
    }
}

#[test]
fn what_sets_nothing_ties_nobody() {
    let catalog = catalog();
    for sql in [
        "SELECT count_up()",
        "SELECT c_function()",
        "SELECT say()",
        "INSERT INTO plain VALUES (1)",
        "INSERT INTO counted VALUES (1)",
        "UPDATE moving SET a = 1",
        "DELETE FROM moving",
        "SELECT * FROM moving",
        "UPDATE plain SET a = (SELECT setting FROM pg_settings LIMIT 1)",
        "SELECT * FROM shown",
        "EXPLAIN UPDATE pg_settings SET setting = 'a'",
        "EXPLAIN SELECT move_path()",
        "DO $$ BEGIN PERFORM count_up(); END $$",
        // For its own words there is its effect.
        "SELECT set_config('search_path', 'a', false)",
        "SET search_path = a",
    ] {
        assert_eq!(sets(&catalog, sql), Sets::Nothing, "{sql}");
    }
    for sql in ["SELECT set_local()", "DO $$ BEGIN PERFORM set_local(); END $$"] {
        assert_eq!(sets(&catalog, sql), Sets::Transaction, "{sql}");
    }
}

#[test]
fn what_nobody_has_read_is_unknown() {
    let catalog = catalog();
    for sql in [
        "SELECT run()",
        "SELECT foreign_one()",
        "SELECT unheard_of()",
        "EXECUTE p",
        "DO $$ BEGIN PERFORM run(); END $$",
    ] {
        assert_eq!(sets(&catalog, sql), Sets::Unknown, "{sql}");
    }
    let text = b"INSERT INTO plain VALUES (1)";
    let path = Path::of_setting("app", "me");
    let changed =
        afterwrite_footprint::read(text, text, Knowledge::Changed, &path, &Rules::default());
    assert_eq!(changed.analysis.statements[0].session.sets, Sets::Unknown, "it may have a trigger");
}

#[test]
fn the_user_answers_for_what_only_reads() {
    let rules = Rules::new(["move_path"], []).unwrap();
    assert_eq!(sets_by(&catalog(), "SELECT move_path()", &rules), Sets::Nothing);
}

/// Names behind it may be any.
#[test]
fn in_the_same_text_the_path_is_unknown_behind_it() {
    let catalog = catalog();
    let path = Path::of_setting("elsewhere", "me");
    let sql = b"INSERT INTO app.moving VALUES (1); INSERT INTO plain VALUES (1)";
    let reading =
        afterwrite_footprint::read(sql, sql, Knowledge::Known(&catalog), &path, &Rules::default());
    assert_eq!(reading.footprints[1].writes.to_string(), "app.plain");
}
