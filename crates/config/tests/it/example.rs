//! The example file tells the truth.

use std::path::Path;

use super::load_file;

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../afterwrite.example.toml");
    std::fs::read_to_string(path).expect("the example is in the repository")
}

/// A commented-out default: `#key = value`, no space after the `#`.
fn uncommented(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
        _ => line,
    }
}

#[test]
fn the_example_loads_as_it_is() {
    let config = load_file(&example()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.cluster.nodes.len(), 3);
    assert_eq!(config.cluster.database, "shop");
}

#[test]
fn its_commented_out_defaults_are_the_defaults() {
    let example = example();
    let full: String = example.lines().flat_map(|line| [uncommented(line), "\n"]).collect();
    assert_ne!(full, example);
    let config = load_file(&full).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config, load_file(&example).unwrap());
}

#[test]
fn its_short_form_loads() {
    let example = example();
    let short: String = example
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let config = load_file(&short).unwrap_or_else(|problems| panic!("{short}\n{problems}"));
    assert_eq!(config, load_file(&example).unwrap());
}

#[test]
fn it_has_every_key() {
    // A wrong section makes the loader name every section, a wrong key in each
    // makes it name every key: its own list, not a copy of it.
    let sections = "[cluster]\nqqqqqq=1\n[clients]\nqqqqqq=1\n[pool]\nqqqqqq=1\n[routing]\nqqqqqq=1\n\
                    [probe]\nqqqqqq=1\n[log]\nqqqqqq=1\n";
    let problems = load_file(&format!("qqqqqq=1\n{sections}")).unwrap_err();
    let example = example();
    let mut count = 0;
    for problem in problems.iter().filter(|problem| problem.found == "an unknown key") {
        let names = problem.expected.strip_prefix("one of ").unwrap();
        for name in names.split(", ").filter(|name| *name != "or a section") {
            let is_there = example.lines().any(|line| {
                line.trim_start_matches(['#', ' '])
                    .split_once(" =")
                    .is_some_and(|(key, _)| key == name)
            });
            assert!(is_there, "{name} is missing, see {}", problem.key);
            count += 1;
        }
    }
    assert_eq!(count, 34, "every key of every section was looked for");
}
