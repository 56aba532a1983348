//! The example file tells the truth.

use std::collections::BTreeSet;
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

/// Each key of the example, written or commented out, with its section; what the
/// user names is `x`.
fn keys_of(example: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    // The short form at the top has three spaces.
    let lines = example.lines().filter(|line| !line.starts_with("#   "));
    for line in lines.map(|line| line.trim_start_matches(['#', ' '])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.replace(".reports", ".x").replace(".shop", ".x").replace(".app", ".x");
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.insert(format!("{section}{key}"));
        }
    }
    keys
}

#[test]
fn it_has_every_key() {
    // A wrong key in each section makes the loader name every key: its own list,
    // not a copy of it.
    let sections = [
        "cluster",
        "cluster.tls",
        "clusters.x",
        "clusters.x.tls",
        "databases.x",
        "users.x",
        "clients",
        "clients.tls",
        "pool",
        "routing",
        "tokens",
        "shared",
        "probe",
        "admin",
        "shutdown",
        "log",
    ];
    let text: String =
        sections.iter().flat_map(|section| ["[", section, "]\nqqqqqq=1\n"]).collect();
    let problems = load_file(&format!("qqqqqq=1\n{text}")).unwrap_err();
    let keys = keys_of(&example());
    let mut count = 0;
    for problem in problems.iter().filter(|problem| problem.found == "an unknown key") {
        let section = problem.key.strip_suffix("qqqqqq").unwrap();
        let names = problem.expected.strip_prefix("one of ").unwrap();
        for name in names.split(", ").filter(|name| !name.starts_with("or ")) {
            assert!(keys.contains(&format!("{section}{name}")), "{section}{name} is missing");
            count += 1;
        }
    }
    assert_eq!(count, 143, "every key of every section was looked for");
}

#[test]
fn what_it_shows_of_named_sections_loads() {
    let example = example();
    let start = example.find("# [clusters.reports]").unwrap();
    let end = example.find("\n[clients]").unwrap();
    // Without the two ways to say the same, and the files that are not there.
    let is_kept = |line: &&str| {
        let line = line.trim_start_matches("# ");
        (line.starts_with('[') || line.contains(" = "))
            && !line.starts_with("url")
            && !line.contains("_file")
            && !line.starts_with("certificate")
            && !line.starts_with("key")
    };
    let named = example[start..end].lines().filter(is_kept);
    let named: String = named.flat_map(|line| [line.trim_start_matches("# "), "\n"]).collect();
    let config = load_file(&format!("{example}\n{named}"))
        .unwrap_or_else(|problems| panic!("{named}\n{problems}"));
    assert_eq!(config.clusters.len(), 1);
    assert_eq!(config.databases["shop"].pool_size, Some(20));
    assert_eq!(config.users["app"].pool_size, Some(5));
}
