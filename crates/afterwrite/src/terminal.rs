//! What the output may look like: width, colour, characters.

use std::env;

use console::Term;

/// Lines of text are not longer than this, however wide the terminal is.
const WIDTH_MAX: usize = 100;

const BOLD: &str = "1";
const RED: &str = "31";

/// What standard output may look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// In columns.
    pub(crate) width: usize,
    /// Whether escape codes are welcome.
    pub(crate) colour: bool,
    /// Whether more than ASCII is.
    pub(crate) unicode: bool,
}

impl Terminal {
    /// Standard output as it is: a file or a pipe gets plain text.
    pub(crate) fn stdout() -> Self {
        let term = Term::stdout();
        let width = term.size_checked().map_or(WIDTH_MAX, |(_, columns)| usize::from(columns));
        let unwelcome = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: width.clamp(40, WIDTH_MAX),
            colour: term.is_term() && !dumb && !unwelcome("NO_COLOR"),
            unicode: is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok())),
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.styled(text, BOLD)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.styled(text, RED)
    }

    /// `code` is what stands between `ESC [` and `m`.
    pub(crate) fn styled(self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The same text without the few characters of ours that are not ASCII.
    pub(crate) fn fit(self, text: &str) -> String {
        if self.unicode { text.to_owned() } else { text.replace(['─', '–'], "-") }
    }
}

/// The first of the locale's variables that is set decides, as in the C library.
fn is_utf8(variables: [Option<String>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Breaks `text` between words; each line after the first begins with `indent` blanks.
pub(crate) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut used = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if out.is_empty() {
            used = indent + length;
        } else if used + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent + length;
        } else {
            out.push(' ');
            used += 1 + length;
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let utf8 = |a: &str, b: &str, c: &str| is_utf8([a, b, c].map(|it| Some(it.to_owned())));
        assert!(utf8("", "", "en_US.UTF-8"));
        assert!(utf8("C.utf8", "", ""));
        assert!(!utf8("C", "", "en_US.UTF-8"));
        assert!(!is_utf8([None, None, None]));
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 9, 2), "one two\n  three");
        assert_eq!(wrapped("averylongword", 5, 2), "averylongword");
        assert_eq!(wrapped("", 5, 2), "");
    }
}
