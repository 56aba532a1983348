//! What an SQL text may do.

use afterwrite_sql::{Access, Analysis, HINTS_MAX, analyse, hints};

/// Any text is analysed, and adding to it makes nothing safer.
pub(crate) fn analysis(data: &[u8]) {
    comments(data);
    let plain = analyse(data);
    assert_eq!(plain, analyse(data), "equal texts, equal answers");
    if plain.reads_only() {
        assert!(plain.statements.iter().all(|statement| statement.access == Access::Reads));
        assert!(!data.contains(&0) && std::str::from_utf8(data).is_ok());
    }
    let written = analyse(&[b"DELETE FROM t; ", data].concat());
    assert!(!written.reads_only(), "a write in front was lost");
    if is_readable(&plain) {
        let framed = [b"/* a ' \" $$ */ ", data, b"\n-- b '"].concat();
        assert_eq!(plain, analyse(&framed), "blanks and comments mean nothing");
        if plain.statements.len() < afterwrite_sql::MANY {
            let written = analyse(&[data, b"\n; DELETE FROM t"].concat());
            assert!(!written.reads_only(), "a write behind was lost");
        }
    }
}

/// Any text's hints are read, within their limits; what stands in a literal is none.
fn comments(data: &[u8]) {
    let found = hints(data);
    assert!(found.keys.len() + found.tokens.len() <= HINTS_MAX, "more hints than are read");
    assert!(found.problems.len() <= HINTS_MAX + 1, "more problems than hints");
    let text = found.problems.iter().map(ToString::to_string).collect::<String>();
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "printed as it was written");
    let doubled: Vec<u8> = data
        .iter()
        .flat_map(|&byte| std::iter::repeat_n(byte, 1 + usize::from(byte == b'\'')))
        .collect();
    let literal = [b"SELECT '/* afterwrite: primary */ ", &doubled[..], b"'"].concat();
    assert!(hints(&literal).is_empty(), "a literal gave a hint");
    if is_readable(&analyse(data)) && found.is_empty() {
        let behind = hints(&[data, b"\n/* afterwrite: primary */"].concat());
        assert!(behind.preference.is_some(), "a hint was lost");
    }
}

/// Every statement of it ends: what is written behind cannot be inside of it.
fn is_readable(analysis: &Analysis) -> bool {
    analysis.statements.iter().all(|statement| statement.reason.name() != "unreadable")
}
