//! What servers tell of transactions by their numbers: which ones the primary does not show, and
//! which of them a replica holds to be committed.

use crate::world::World;

impl World {
    /// `next:running,running`: every transaction below `next` is shown but those that run.
    pub(crate) fn snapshot(&self, node: usize) -> String {
        let here = self.conns.iter().filter(|conn| conn.node == node);
        let running: Vec<_> =
            here.filter_map(|conn| conn.process.number()).map(|it| it.to_string()).collect();
        format!("{}:{}", self.servers[node].next_number, running.join(","))
    }

    /// Of the transactions that a snapshot does not show, those that have committed here.
    /// `COMMITTED next:running,running`.
    pub(crate) fn committed_beyond(&self, node: usize, question: &str) -> String {
        let (next, running) = parse(question.trim_start_matches("COMMITTED "));
        let server = &self.servers[node];
        let visible = server.replayed + usize::from(server.applying);
        let committed = server.log.iter().take(visible).map(|it| it.number);
        let hidden: Vec<_> = committed
            .filter(|number| *number >= next || running.contains(number))
            .filter(|number| *number > 0)
            .map(|it| it.to_string())
            .collect();
        hidden.join(",")
    }
}

/// The next number, and those of running transactions.
pub(crate) fn parse(snapshot: &str) -> (u64, Vec<u64>) {
    let (next, running) = snapshot.split_once(':').unwrap_or_default();
    (next.parse().unwrap_or(0), list(running))
}

/// Numbers between commas.
pub(crate) fn list(text: &str) -> Vec<u64> {
    text.split(',').filter_map(|it| it.parse().ok()).collect()
}
