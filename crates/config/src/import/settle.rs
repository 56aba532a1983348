//! What was made is loaded before it is given out.

use super::draft::{Draft, comment};
use super::{Asks, ImportError, Imported};
use crate::{Overlay, Place, Problems, load};

/// How often something may be taken out; each time it is at least one line.
const ROUNDS_MAX: usize = 200;

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
        let Some(less) = without_first(&toml, &problems) else {
            return Err(ImportError::Unusable(problems.to_string()));
        };
        toml = less;
        notes.push(Asks::Decision);
    }
    Err(ImportError::Unusable("too much of it is refused".to_owned()))
}

/// The text with the first refused line taken out; `None` where none can be.
fn without_first(toml: &str, problems: &Problems) -> Option<String> {
    let (problem, refused) = problems.iter().find_map(|problem| match &problem.place {
        Some(Place::File { line, .. }) => Some((problem, *line)),
        Some(Place::Environment { .. } | Place::Flag { .. }) | None => None,
    })?;
    let line = toml.lines().nth(refused.checked_sub(1)?)?;
    // Neither a section nor a comment can be taken out.
    let (key, _) = line.split_once(" = ").filter(|(key, _)| !key.starts_with(['#', '[']))?;
    let note = format!(
        "DECIDE: {key} was left out. Found: {}; expected: {}.",
        problem.found, problem.expected
    );
    let mut less = String::with_capacity(toml.len() + note.len());
    for (index, line) in toml.lines().enumerate() {
        if index + 1 == refused {
            less.push_str(&comment(&note));
        } else {
            less.push_str(line);
            less.push('\n');
        }
    }
    Some(less)
}
