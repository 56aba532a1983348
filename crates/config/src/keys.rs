//! Every key there is, and which one a mistyped one was meant to be.

/// Every key, as a dotted path. A key without a dot stands at the top of the file.
pub(crate) const KEYS: &[&str] = &[
    "listen",
    "metrics_listen",
    "threads",
    "cluster.url",
    "cluster.nodes",
    "cluster.user",
    "cluster.password",
    "cluster.password_file",
    "cluster.database",
    "clients.auth",
    "clients.connections_max",
    "clients.login_timeout",
    "clients.message_max",
    "clients.statement_buffer_max",
    "clients.write_timeout",
    "clients.prepared_max",
    "pool.size",
    "pool.wait_timeout",
    "pool.connect_timeout",
    "pool.idle_timeout",
    "pool.lifetime_max",
    "pool.prepared_max",
    "routing.level",
    "routing.wait_max",
    "routing.balance",
    "routing.keys_max",
    "routing.replica_lag_max",
    "probe.idle_interval",
    "probe.busy_interval",
    "probe.waiting_interval",
    "probe.timeout",
    "log.format",
    "log.level",
    "log.decisions",
];

/// Every section, in the order of the documentation.
pub(crate) const SECTIONS: &[&str] = &["cluster", "clients", "pool", "routing", "probe", "log"];

/// The section of a key (empty at the top) and its name there.
fn split(key: &'static str) -> (&'static str, &'static str) {
    key.split_once('.').unwrap_or(("", key))
}

/// The key with this path.
pub(crate) fn known(path: &str) -> Option<&'static str> {
    KEYS.iter().copied().find(|key| *key == path)
}

/// The names in a section; `""` is the top of the file.
pub(crate) fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| split(key)).filter(move |(of, _)| *of == section).map(|(_, name)| name)
}

/// The variable that sets a key.
pub(crate) fn variable(key: &str) -> String {
    format!("AFTERWRITE_{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The key that an unknown one in `section` was meant to be: a near miss in the
/// same section, or the very name in another one.
pub(crate) fn meant(section: &str, name: &str) -> Option<&'static str> {
    if let Some(near) = nearest(name, names_in(section)) {
        return KEYS.iter().copied().find(|key| split(key) == (section, near));
    }
    KEYS.iter().copied().find(|key| split(key).1 == name)
}

/// The candidate that `word` was most likely meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Longer than any candidate with any typing mistake; bounds the work.
    const LENGTH_MAX: usize = 64;
    if word.len() > LENGTH_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .map(|candidate| {
            let lower = candidate.to_ascii_lowercase();
            let distance = if same_words(&word, &lower) { 0 } else { edits_between(&word, &lower) };
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= edits_allowed(candidate.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn edits_allowed(length: usize) -> usize {
    match length {
        0..4 => 1,
        4..10 => 2,
        _ => 3,
    }
}

/// `max_connections` is `connections_max`.
fn same_words(a: &str, b: &str) -> bool {
    let words = |text: &str| {
        let mut words: Vec<_> = text.split(['_', '-', '.']).map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    words(a) == words(b)
}

/// The Levenshtein distance.
fn edits_between(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // `row[j]`: from the part of `a` read so far to the first `j` of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (&to, above) in b.iter().zip(row.windows(2)) {
            let &[diagonal, up] = above else { continue };
            let left = next.last().copied().unwrap_or(usize::MAX - 1);
            next.push((diagonal + usize::from(from != to)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_keys_find_what_was_meant() {
        let cases = [
            ("", "lisen", Some("listen")),
            ("pool", "sise", Some("pool.size")),
            ("cluster", "nodse", Some("cluster.nodes")),
            ("clients", "max_connections", Some("clients.connections_max")),
            ("cluster", "password-file", Some("cluster.password_file")),
            ("cluster", "wait_max", Some("routing.wait_max")),
            ("", "wait_max", Some("routing.wait_max")),
            ("pool", "colour_of_the_sky", None),
            ("pool", "x", None),
        ];
        for (section, name, expected) in cases {
            assert_eq!(meant(section, name), expected, "{section}.{name}");
        }
    }

    #[test]
    fn each_key_is_in_a_listed_section() {
        for key in KEYS {
            let (section, _) = split(key);
            assert!(section.is_empty() || SECTIONS.contains(&section), "{key}");
        }
    }
}
