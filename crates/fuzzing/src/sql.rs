//! What an SQL text may do.

use afterwrite_sql::{Access, Analysis, analyse};

/// Any text is analysed, and adding to it makes nothing safer.
pub(crate) fn analysis(data: &[u8]) {
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

/// Every statement of it ends: what is written behind cannot be inside of it.
fn is_readable(analysis: &Analysis) -> bool {
    analysis.statements.iter().all(|statement| statement.reason.name() != "unreadable")
}
