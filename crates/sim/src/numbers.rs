//! What servers tell of transactions by their numbers: which ones the primary does not show, and
//! which of them a replica holds to be committed.

use crate::world::World;

impl World {
    /// `next:running,running`: every transaction below `next` is shown but those that run. As on
    /// a real server `next` is not the number that comes next: whatever has begun after the last
    /// that is over is not named.
    pub(crate) fn snapshot(&self, node: usize) -> String {
        let here = self.conns.iter().filter(|conn| conn.node == node);
        let running: Vec<_> = here.filter_map(|conn| conn.process.number()).collect();
        let over = (0..self.servers[node].next_number).rev().find(|it| !running.contains(it));
        let next = over.unwrap_or_default() + 1;
        let named: Vec<_> = running.iter().filter(|it| **it < next).map(u64::to_string).collect();
        format!("{next}:{}", named.join(","))
    }

    /// A number for a transaction that is over at once: what has begun has a lower one.
    pub(crate) fn next_number(&mut self, node: usize) -> String {
        let server = &mut self.servers[node];
        server.next_number += 1;
        (server.next_number - 1).to_string()
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
