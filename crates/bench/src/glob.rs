//! `*` and `?`, to pick cells by name.

/// Whether all of `name` is described by `pattern`: `*` is any run of
/// characters, the slash included, and `?` is any one.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern_chars = pattern.chars();
    let mut name_chars = name.chars();
    match (pattern_chars.next(), name_chars.next()) {
        (None, None) => true,
        (Some('*'), first) => {
            matches(pattern_chars.as_str(), name)
                || (first.is_some() && matches(pattern, name_chars.as_str()))
        }
        (None, Some(_)) | (Some(_), None) => false,
        (Some(wanted), Some(found)) => {
            (wanted == '?' || wanted == found)
                && matches(pattern_chars.as_str(), name_chars.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("select/simple/8", "select/simple/8"));
        assert!(!matches("select/simple", "select/simple/8"));
        assert!(matches("select/*", "select/simple/8"));
        assert!(matches("*/8", "mix/prepared/8"));
        assert!(matches("*", "idle"));
        assert!(matches("???c/*", "tpbc/simple/8"));
        assert!(!matches("*/8", "select/simple/64"));
        assert!(!matches("", "idle"));
    }
}
