//! The filter of the log: levels by target.

use crate::check::Refusal;
use crate::keys::nearest;

pub(crate) const EXPECTED: &str = "a level (off, error, warn, info, debug, trace), or levels by target: \"warn,afterwrite=debug\"";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks that every directive ends in a level.
///
/// Stricter than the filter itself, which takes a mistyped level for the name
/// of a target and then logs nothing. Span filters (`target[span]=level`) pass
/// with any text in the brackets.
pub(crate) fn check(text: &str) -> Result<(), Refusal> {
    for directive in text.split(',').map(str::trim) {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        if LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            continue;
        }
        let near = nearest(level, LEVELS.iter().copied());
        return Err(Refusal {
            hint: near.map(|near| format!("did you mean {near}?")),
            ..Refusal::default()
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for good in ["info", "INFO", "warn,afterwrite=debug", "off, a::b[span]=trace"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "afterwrite", "afterwrite=", "info,", "warn,afterwrite=loud"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
