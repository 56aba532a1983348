//! PgBouncer's `userlist.txt`.
//!
//! ```text
//! ; a comment
//! "name" "secret"   the rest of the line is ignored
//! "a ""quoted"" name" ""
//! ```
//!
//! A secret is a password, `md5…` or `SCRAM-SHA-256$…`. A name given twice counts
//! as given last.

use super::file::FileProblem;

/// Bytes of a name, at most: as PgBouncer's own limit.
const NAME_BYTES_MAX: usize = 127;

/// Bytes of a secret, at most: as PgBouncer's own limit.
const SECRET_BYTES_MAX: usize = 2047;

/// Reads names and secrets in the order of the file. Every broken line is told,
/// none is quoted: what stands there may be a secret.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Vec<FileProblem>> {
    let (mut users, mut problems) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        match entry(line) {
            Ok(entry) => users.push(entry),
            Err(problem) => problems.push(FileProblem::at(index + 1, problem)),
        }
    }
    if problems.is_empty() { Ok(users) } else { Err(problems) }
}

fn entry(line: &str) -> Result<(String, String), &'static str> {
    let line = line.strip_prefix('"').ok_or("expected a name in double quotes")?;
    let (name, rest) = quoted(line).ok_or("the name's closing quote is missing")?;
    // PgBouncer looks for the secret's quote past whatever stands between.
    let (_, rest) = rest.split_once('"').ok_or("expected a secret in double quotes")?;
    let (secret, _ignored) = quoted(rest).ok_or("the secret's closing quote is missing")?;
    if name.is_empty() {
        return Err("the name is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("the name is over 127 bytes");
    }
    if secret.len() > SECRET_BYTES_MAX {
        return Err("the secret is over 2047 bytes");
    }
    if name.contains('\0') || secret.contains('\0') {
        return Err("a zero byte cannot be part of a name or a secret");
    }
    Ok((name, secret))
}

/// What stands up to the closing quote, and what follows. Two quotes are one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut left = text;
    loop {
        let (before, after) = left.split_once('"')?;
        value.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                left = after;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|&(name, secret)| (name.into(), secret.into())).collect();
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn lists() {
        check("", &[]);
        check("\n ; nobody\n\r\n", &[]);
        check(r#""alice" "secret""#, &[("alice", "secret")]);
        check(
            "  \"alice\"\t\"secret\" \"2030-01-01\" x\r\n\"bob\" \"\"",
            &[("alice", "secret"), ("bob", "")],
        );
        check(r#""a""b" """""#, &[("a\"b", "\"")]);
        check(r#""alice""secret""#.replace("\"\"", "\" \"").as_str(), &[("alice", "secret")]);
        check(r#""a" "1";"b" "2""#, &[("a", "1")]);
        check("\"a\" \"1\"\n\"a\" \"2\"", &[("a", "1"), ("a", "2")]);
        check(r#""ä b" "pässwörd""#, &[("ä b", "pässwörd")]);
        check(r#""a", "b""#, &[("a", "b")]);
    }

    #[test]
    fn every_broken_line_is_told_and_none_is_shown() {
        let list = "alice secret\n\"bob\" \"fine\"\n\"bob secret\n\"carol\" secret\n\"dave\" \"secret\n\
             \"\" \"secret\"\n# secret\n";
        let problems = parse(list).unwrap_err();
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 1: expected a name in double quotes",
                "line 3: the name's closing quote is missing",
                "line 4: expected a secret in double quotes",
                "line 5: the secret's closing quote is missing",
                "line 6: the name is empty",
                "line 7: expected a name in double quotes",
            ]
        );
        let long = |name: usize, secret: usize| {
            parse(&format!("\"{}\" \"{}\"", "n".repeat(name), "s".repeat(secret)))
        };
        assert!(long(127, 2047).is_ok());
        assert_eq!(long(128, 1).unwrap_err()[0].to_string(), "line 1: the name is over 127 bytes");
        assert_eq!(
            long(1, 2048).unwrap_err()[0].to_string(),
            "line 1: the secret is over 2047 bytes"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_comes_back(users in prop::collection::vec(
            ("[^\0\r\n]{1,20}", "[^\0\r\n]{0,20}"), 0..5,
        )) {
            let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let lines: Vec<_> = users
                .iter()
                .map(|(name, secret)| format!("{} {}", quote(name), quote(secret)))
                .collect();
            prop_assert_eq!(parse(&lines.join("\n")), Ok(users));
        }

        #[test]
        fn no_bytes_panic_and_no_error_shows_the_secret(
            before in "[\"; a\n]{0,12}", after in "[\"; a\n\0]{0,12}",
        ) {
            let shown = format!("{:?}", parse(&format!("{before}hunter2{after}")).err());
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
