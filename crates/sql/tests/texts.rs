//! Whole texts: several statements, and what holds for any text.

use afterwrite_sql::{Access, MANY, analyse};
use proptest::prelude::*;

/// The statements of `sql`, as `r` and `w`, and whether the whole may run on a replica.
fn check(sql: &str, expected: &str, reads_only: bool) {
    let analysis = analyse(sql.as_bytes());
    let found: String = analysis
        .statements
        .iter()
        .map(|statement| if statement.access == Access::Reads { 'r' } else { 'w' })
        .collect();
    assert_eq!(found, expected, "{sql}");
    assert_eq!(analysis.reads_only(), reads_only, "{sql}");
}

#[test]
fn several_statements() {
    check("", "", false);
    check(" ;; /* a */ ; -- b\n", "", false);
    check("SELECT 1", "r", true);
    check("SELECT 1;", "r", true);
    check("SELECT 1; SELECT 2", "rr", true);
    check("SELECT 1;; SHOW work_mem;", "rr", true);
    check("SELECT 1; DELETE FROM t", "rw", false);
    check("BEGIN READ ONLY; SELECT 1; COMMIT", "wrw", false);
    check("SELECT ';'; SELECT $$;$$; SELECT \";\" /* ; */", "rrr", true);
    check("SELECT 1; SELECT '", "rw", false);
    check("SELECT (1; SELECT 2", "w", false);
    check("SELECT (1; SELECT 2); SELECT 3", "wr", false);
    check("SELECT 1; SHOW afterwrite.token", "rw", false);
    check("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2", "wr", false);
    check("CREATE TABLE begin (a int); SELECT 1; END", "wrw", false);
    check("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", "wr", false);
}

#[test]
fn many_statements() {
    let exactly = analyse("SELECT 1;".repeat(MANY).as_bytes());
    assert!(!exactly.overflow && exactly.reads_only());
    let more = analyse("SELECT 1;".repeat(MANY + 1).as_bytes());
    assert!(more.overflow && !more.reads_only() && more.single().is_none());
    let empty = analyse(";".repeat(100_000).as_bytes());
    assert!(!empty.overflow && empty.statements.is_empty());
}

/// Bits of SQL that mean something to the lexer or the rules, to be thrown together.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "SELECT",
        "WITH",
        "x",
        "AS",
        "(",
        ")",
        ",",
        ";",
        "'",
        "''",
        "E'",
        "\\",
        "$$",
        "$a$",
        "\"",
        "U&\"",
        "U&'",
        "/*",
        "*/",
        "--",
        "\n",
        " ",
        "a.b",
        ".",
        "::",
        "1",
        "1e",
        "$1",
        "lower(",
        "nextval(",
        "f(",
        "FOR",
        "UPDATE",
        "INTO",
        "TEMP",
        "SET",
        "afterwrite.",
        "=",
        "TO",
        "[",
        "]",
        "EXPLAIN",
        "ANALYZE",
        "COPY",
        "FROM",
        "STDIN",
        "BEGIN",
        "ATOMIC",
        "CREATE",
        "FUNCTION",
        "END",
        "OPERATOR(",
        "é",
        "+",
        "@",
        "set_config('a','b',true",
        "DELETE",
        "CASE",
    ]);
    prop::collection::vec(fragment, 0..40)
        .prop_map(|fragments| fragments.join(" ").replace("  ", ""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        analyse(&bytes);
    }

    #[test]
    fn no_fragments_panic(sql in fragments()) {
        analyse(sql.as_bytes());
    }

    #[test]
    fn blanks_and_comments_around_change_nothing(sql in fragments()) {
        let plain = analyse(sql.as_bytes());
        for wrapped in [
            format!("/* a ' \" $$ */ {sql}\n-- b '"),
            format!(" \t\n-- a ;\n{sql}\n/* b /* ; */ */ "),
            format!(";; {sql}\n;"),
        ] {
            // A text that does not end may end by what is added to it; then only the doubt stays.
            if plain.statements.iter().all(|statement| statement.reason.name() != "unreadable") {
                prop_assert_eq!(&plain, &analyse(wrapped.as_bytes()), "{}", wrapped);
            }
        }
    }

    #[test]
    fn no_text_gets_safer_by_writing_in_front(sql in fragments()) {
        let text = format!("DELETE FROM t; {sql}");
        prop_assert!(!analyse(text.as_bytes()).reads_only());
    }

    #[test]
    fn case_changes_nothing(sql in fragments()) {
        // But it does in the tags of dollar quotes and in quoted names.
        let sql = sql.replace(['$', '"'], "");
        let said = |sql: &str| {
            let statements = analyse(sql.as_bytes()).statements;
            statements.iter().map(|one| (one.access, one.reason)).collect::<Vec<_>>()
        };
        prop_assert_eq!(said(&sql.to_lowercase()), said(&sql.to_uppercase()));
    }
}
