//! Every test and mutant that `docs/hazards.md` names is there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a hazard's last cell begins with if no test can fail.
const NONE: &str = "none: ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One line of a table: what goes wrong, what is done, what fails without it.
struct Hazard<'a> {
    line: usize,
    cells: Vec<&'a str>,
}

/// The lines of all tables, without their heads.
fn hazards(text: &str) -> Vec<Hazard<'_>> {
    let rows = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('|'));
    let rows = rows.map(|(line, row)| {
        let row = row.trim_start_matches("| ").trim_end_matches(" |");
        Hazard { line, cells: row.split(" | ").map(str::trim).collect() }
    });
    rows.filter(|row| !matches!(row.cells.first(), Some(&("---" | "what goes wrong")))).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The tests in a file: functions behind an attribute that says so.
fn tests_in(text: &str) -> Vec<&str> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && !line.starts_with("#[") && !line.starts_with("///") {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            tests.extend(name);
            is_test = false;
        }
    }
    tests
}

/// `crate::test` for each test of the workspace.
fn all_tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let mut left = vec![folder.path()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).unwrap();
                tests.extend(tests_in(&text).into_iter().map(|test| format!("{name}::{test}")));
            }
        }
    }
    tests
}

#[test]
fn what_the_hazards_name_is_there() {
    let text = fs::read_to_string(root().join("docs/hazards.md")).unwrap();
    let (hazards, tests) = (hazards(&text), all_tests());
    assert!(hazards.len() > 50 && tests.len() > 500, "{} of {}", hazards.len(), tests.len());
    let mut faults = Vec::new();
    for Hazard { line, cells } in hazards {
        let [_, _, last] = cells.as_slice() else {
            faults.push(format!("line {line}: {} cells", cells.len()));
            continue;
        };
        let names: Vec<_> = quoted(last).collect();
        if names.is_empty() != last.starts_with(NONE) {
            faults.push(format!("line {line}: names no test, or {NONE:?} and one"));
        }
        for name in names {
            let mutant = root().join("mutants").join(format!("{name}.patch"));
            if !tests.contains(name) && !mutant.is_file() {
                faults.push(format!("line {line}: {name} is neither a test nor a mutant"));
            }
        }
    }
    assert!(faults.is_empty(), "docs/hazards.md\n{}", faults.join("\n"));
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "#[test]\n#[ignore]\nfn one() {}\nfn helper() {}\n\
                #[tokio::test(flavor = \"x\")]\n/// Why.\nasync fn two() {}\nconst X: u8 = 1;";
    assert_eq!(tests_in(text), ["one", "two"]);
    let row = "| what goes wrong | x | y |\n| --- | --- | --- |\n| a | b | `c::d`, `e` |";
    let found = hazards(row);
    let [Hazard { line: 3, cells }] = found.as_slice() else { panic!("{}", found.len()) };
    assert_eq!(quoted(cells[2]).collect::<Vec<_>>(), ["c::d", "e"]);
}
