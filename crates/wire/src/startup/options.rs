//! The `options` parameter: a command line in a string.

use crate::frame::Malformed;

/// Reads a command line of settings.
pub(super) fn parse(line: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut settings = Vec::new();
    let mut words = words(line).into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next().ok_or(bad("-c needs a setting"))?
        } else if let Some(setting) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            setting.to_owned()
        } else {
            return Err(bad("only -c name=value and --name=value are supported"));
        };
        let (name, value) = setting.split_once('=').ok_or(bad("a setting needs a value"))?;
        if name.is_empty() {
            return Err(bad("a setting needs a name"));
        }
        // A dash in a name is an underscore, as on the server's command line.
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn bad(problem: &'static str) -> Malformed {
    Malformed::BadOptions { problem }
}

/// Splits at white space; a backslash takes the next character as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // What C calls space.
            ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(&str, &str)]) {
        let settings = parse(line).unwrap();
        let settings: Vec<_> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(settings, expected, "{line}");
    }

    #[test]
    fn settings() {
        check("", &[]);
        check("  \t ", &[]);
        check("-c a=1", &[("a", "1")]);
        check("-ca=1", &[("a", "1")]);
        check("--a=1", &[("a", "1")]);
        check("-c  a=1 --b.c=x=y -cd=", &[("a", "1"), ("b.c", "x=y"), ("d", "")]);
        check("-c search_path=a,\\ b", &[("search_path", "a, b")]);
        check("-c path=C:\\\\x", &[("path", "C:\\x")]);
        check("-c a=1\\", &[("a", "1")]);
        check("--statement-timeout=5s", &[("statement_timeout", "5s")]);
        check("-c afterwrite.session=user:42", &[("afterwrite.session", "user:42")]);
    }

    #[test]
    fn what_is_not_a_setting_is_refused() {
        for line in ["-c", "-c a", "--a", "-d 5", "a=1", "-c =1", "--", "-"] {
            assert_eq!(parse(line).unwrap_err().sqlstate(), "42601", "{line}");
        }
    }
}
