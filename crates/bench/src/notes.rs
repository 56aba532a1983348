//! What a reader must know to read the figures right.

/// Said when the Afterwrite measured was built without optimisation.
pub(crate) const DEBUG_BUILD: &str =
    "**A debug build of Afterwrite was measured: its figures mean nothing.**";

/// The notes of every report; `old_pgbouncer` is a version that does not keep
/// track of prepared statements.
pub(crate) fn standing(old_pgbouncer: Option<&str>) -> Vec<String> {
    let mut notes = vec![
        "Medians of the rounds, with the range in brackets. In each round every cell is run by \
         all targets, one directly after the other. Everything runs on this one machine, \
         pgbench and the servers too: throughput is what they leave over. CPU per query holds \
         better, yet it too rises on a busy machine."
            .to_owned(),
        "CPU per query: user and system time of the proxy's process, its threads and its \
         children over a whole run of pgbench, the logins included, divided by the queries. A \
         transaction of -S and of the mix is one query, one of TPC-B is seven, BEGIN and END \
         included. The kernel counts in ticks, mostly of 10 ms."
            .to_owned(),
        "A primary and two streaming replicas with fsync off. \"Afterwrite, splitting\" sends \
         reads to the replicas and lets no session read a state older than its own last write; \
         \"primary only\" and PgBouncer only pool. The mix is 90 % SELECT and 10 % UPDATE of \
         one row by primary key, without transactions."
            .to_owned(),
        "TLS is between pgbench and the proxy alone, by a certificate with an RSA key of 2048 \
         bits. A connection is opened, asks one query and is closed: pgbench -C. SCRAM-SHA-256 \
         by 4096 rounds; the proxies are given the secret as PostgreSQL keeps it, so that \
         neither derives it at a login, but pgbench does. 0.90× is nine tenths of PgBouncer's time."
            .to_owned(),
        "Memory per idle client: the growth of the process from before the clients came, divided \
         by their number; the kernel's socket buffers are not in it. A proxy freshly started for \
         it."
        .to_owned(),
    ];
    if let Some(version) = old_pgbouncer {
        notes.push(format!(
            "† {version} loses prepared statements in transaction pooling (1.21 is the first that \
             keeps them): these figures are of session pooling, with a server connection for each \
             client. Name a newer one with --pgbouncer."
        ));
    }
    notes
}

/// Said when not as many files may be open as are needed.
pub(crate) fn few_files(wanted: u32, got: u32) -> String {
    format!(
        "Only {got} of {wanted} idle clients: the limit of open files (`ulimit -n`) allows no more."
    )
}

/// What was typed, the program by its name only.
pub(crate) fn command_line(words: impl IntoIterator<Item = String>) -> String {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let quoted = std::iter::once(name).chain(words).map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_typed_again() {
        let words = ["/a/b/afterwrite-bench", "--only", "mix/*", "", "it's"].map(str::to_owned);
        assert_eq!(command_line(words), "afterwrite-bench --only 'mix/*' '' 'it'\\''s'");
    }

    #[test]
    fn only_an_old_pgbouncer_needs_a_dagger() {
        assert!(standing(Some("PgBouncer 1.18.0")).iter().any(|note| note.starts_with('†')));
        assert!(!standing(None).iter().any(|note| note.starts_with('†')));
    }
}
