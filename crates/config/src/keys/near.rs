//! Near misses.

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
