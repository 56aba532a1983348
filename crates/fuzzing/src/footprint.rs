//! Where a statement may run, by PostgreSQL's grammar and a small catalog.

use std::sync::LazyLock;

use afterwrite_footprint::{
    Builder, Catalog, Footprint, Knowledge, Part, Path, Route, Rules, mentions, read, read_in_haste,
};
use afterwrite_sql::{Access, Effect, Statement, analyse, normal_text, normalise};

/// Any text is read, and its normal form means what it means.
pub(crate) fn reading(data: &[u8]) {
    let mut key = Vec::new();
    let alike = normalise(data, &mut key);
    let normal = normal_text(&key);
    if alike {
        normal_form(data, normal);
    } else {
        assert_eq!(normal, data, "changed, and not said so");
    }
    for knowledge in [Knowledge::Nothing, Knowledge::Changed, Knowledge::Known(&CATALOG)] {
        for path in [Path::Unknown, Path::of_setting("app, public", "me")] {
            routes(data, normal, knowledge, &path);
        }
    }
    let hasty = read_in_haste(data);
    let is_replica = |it: &Footprint| it.route == Route::Replica;
    assert!(!hasty.footprints.iter().any(is_replica), "a read without a proof");
}

/// It is its own normal form, and says the same.
fn normal_form(text: &[u8], normal: &[u8]) {
    let mut again = Vec::new();
    let alike = normalise(normal, &mut again);
    let shown = || String::from_utf8_lossy(normal).into_owned();
    assert!(alike, "a normal form that has none: {}", shown());
    assert_eq!(normal_text(&again), normal, "another normal form: {}", shown());
    if text.contains(&0) || std::str::from_utf8(text).is_err() {
        return;
    }
    assert_eq!(analyse(text), analyse(normal), "another meaning: {}", shown());
    let (Ok(text), Ok(normal)) = (std::str::from_utf8(text), std::str::from_utf8(normal)) else {
        return;
    };
    if let (Ok(one), Ok(other)) = (mentions(text), mentions(normal)) {
        assert_eq!(one, other, "other mentions: {normal}");
    }
}

fn routes(text: &[u8], normal: &[u8], knowledge: Knowledge<'_>, path: &Path) {
    let rules = Rules::default();
    let found = read(text, normal, knowledge, path, &rules);
    assert_eq!(found.analysis.statements.len(), found.footprints.len());
    let words = analyse(text);
    for ((statement, settled), footprint) in
        words.statements.iter().zip(&found.analysis.statements).zip(&found.footprints)
    {
        let shown = || String::from_utf8_lossy(text).into_owned();
        if footprint.route == Route::Replica {
            assert!(!leaves_something(statement), "left behind on a replica: {}", shown());
            assert_eq!(settled.access, Access::Reads, "a write on a replica: {}", shown());
            assert!(footprint.writes.relations.is_empty(), "writes on a replica: {}", shown());
        } else {
            assert!(!footprint.cacheable, "to be kept, and no read: {}", shown());
        }
    }
}

/// It writes, by its words, and does something to its session.
fn leaves_something(statement: &Statement) -> bool {
    statement.access == Access::Writes
        && (statement.session.releases
            || !matches!(statement.effect, Effect::Plain | Effect::CopyOut))
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut builder = Builder::default();
    for (part, rows) in ROWS {
        for row in *rows {
            let row: Vec<_> = row.iter().map(|text| (*text != "-").then_some(*text)).collect();
            builder.take(*part, &row);
        }
    }
    builder.build().unwrap_or_default()
});

/// Rows as a server sends them; `-` is null.
const ROWS: &[(Part, &[&[&str]])] = &[
    (Part::Paths, &[&["-", "false", "\"$user\", public"]]),
    (
        Part::Functions,
        &[
            &["public", "f", "v", "1", "1", "false", "sql", "-", "", "-", "-"],
            &["public", "g", "i", "1", "1", "false", "sql", "SELECT 1", "", "-", "-"],
            &["app", "h", "s", "0", "2", "false", "plpgsql", "RETURN g(1)", "", "-", "SELECT 1, 2"],
            &["app", "x", "s", "0", "-", "false", "plpgsql", "EXECUTE q", "", "-", "-"],
            &["app", "hidden", "v", "1", "1", "true", "sql", "-", "16500", "-", "-"],
        ],
    ),
    (Part::BuiltIn, &[&["lower", "i"], &["now", "s"], &["random", "v"], &["nextval", "v"]]),
    (Part::Operators, &[&["public", "@@@", "f", "16500", "-"], &["app", "+", "f", "-", "-"]]),
    (Part::Casts, &[&["16500", "16502", "i", "mood", "f"]]),
    (Part::Made, &[&["16502", "f"]]),
    (Part::TypeNames, &[&["16500", "public", "t"], &["16502", "app", "mood"]]),
    (Part::Contents, &[&["16500", "16502"]]),
    (
        Part::Relations,
        &[
            &["16400", "public", "t", "r", "false", "16500"],
            &["16401", "public", "v", "v", "false", "0"],
            &["16402", "app", "u", "r", "true", "0"],
            &["16403", "app", "far", "f", "false", "0"],
            &["16404", "app", "s", "S", "false", "0"],
            &["16405", "app", "w", "v", "false", "0"],
        ],
    ),
    (
        Part::Runs,
        &[&["16401", "SELECT t.a FROM public.t"], &["16405", "SELECT public.f(a) FROM public.v"]],
    ),
    (Part::Unknown, &[&["16400", "3"]]),
    (Part::Keys, &[&["16400", "16402", "c", "n"]]),
    (Part::Children, &[&["16400", "16402"]]),
    (Part::Columns, &[&["16400", "16502"]]),
];
