//! What was made is loaded before it is given out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::draft::{Draft, comment};
use super::{Asks, ImportError, Imported};
use crate::{Overlay, Place, Problem, Problems, load};

/// How often something may be taken out: what is left may be refused for what is
/// gone.
const ROUNDS_MAX: usize = 20;

/// Renders the draft, and takes out what our loader refuses, with its reason: what
/// another pooler takes for a value may be none to us.
pub(super) fn settle(draft: Draft, name: &str) -> Result<Imported, ImportError> {
    let has_passwords = draft.has_passwords;
    let head = format!("Made from {name} by afterwrite import.");
    let (mut toml, mut notes) = draft.render(&head);
    // The files it names may be on another machine.
    let anything = |_: &std::path::Path| Ok("x".to_owned());
    for _ in 0..ROUNDS_MAX {
        let Err(problems) = load(Some(("", &toml)), [], &Overlay::default(), &anything) else {
            return Ok(Imported { toml, notes, has_passwords });
        };
        let (less, count) = without_refused(&toml, &problems);
        if count == 0 {
            return Err(ImportError::Unusable(problems.to_string()));
        }
        toml = less;
        notes.extend(std::iter::repeat_n(Asks::Decision, count));
    }
    Err(ImportError::Unusable("too much of it is refused".to_owned()))
}

/// The text with the refused lines taken out, and how many they are.
fn without_refused(toml: &str, problems: &Problems) -> (String, usize) {
    let mut refused: BTreeMap<usize, &Problem> = BTreeMap::new();
    for problem in problems {
        if let Some(Place::File { line, .. }) = problem.place {
            refused.entry(line).or_insert(problem);
        }
    }
    // A user who lacks a password is left out whole: there is no line to blame.
    let is_missing = |problem: &&Problem| {
        let is_written = match problem.place {
            Some(Place::File { line, .. }) => toml
                .lines()
                .nth(line.saturating_sub(1))
                .is_some_and(|it| it.starts_with("password")),
            _ => false,
        };
        problem.key.starts_with("users.") && !is_written
    };
    let nobodies: BTreeMap<String, &Problem> = problems
        .into_iter()
        .filter(is_missing)
        .filter_map(|it| Some((format!("[{}]", it.key.strip_suffix(".password")?), it)))
        .collect();
    let mut less = String::with_capacity(toml.len());
    let mut count = 0;
    let mut is_nobody = false;
    for (index, line) in toml.lines().enumerate() {
        if line.starts_with('[') {
            let nobody = nobodies.get(line);
            is_nobody = nobody.is_some();
            if let Some(Problem { found, expected, .. }) = nobody {
                let note = format!("DECIDE: left out. Found: {found}; expected: {expected}.");
                less.push_str(&comment(&note));
                count += 1;
            }
        }
        let key = line.split_once(" = ").filter(|(key, _)| !key.starts_with(['#', '[']));
        if is_nobody && !line.is_empty() {
            let mark = if line.starts_with('#') { "" } else { "# " };
            let _ = writeln!(less, "{mark}{line}");
        } else if let (Some((key, _)), Some(problem)) = (key, refused.get(&(index + 1))) {
            let Problem { found, expected, .. } = problem;
            let note = format!("DECIDE: {key} was left out. Found: {found}; expected: {expected}.");
            less.push_str(&comment(&note));
            count += 1;
        } else {
            less.push_str(line);
            less.push('\n');
        }
    }
    (less, count)
}
