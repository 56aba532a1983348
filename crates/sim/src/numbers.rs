//! What servers tell of transactions by their numbers: which ones the primary does not show, and
//! which of them a replica holds to be committed.

use afterwrite_core::Snapshot;

use crate::world::World;

impl World {
    /// `0:next:running,running`: every transaction below `next` is shown but those that run. As on
    /// a real server `next` is not the number that comes next: whatever has begun after the last
    /// that is over is not named.
    pub(crate) fn snapshot(&self, node: usize) -> String {
        let here = self.conns.iter().filter(|conn| conn.node == node);
        let running: Vec<_> = here.filter_map(|conn| conn.process.number()).collect();
        let over = (0..self.servers[node].next_number).rev().find(|it| !running.contains(it));
        let next = over.unwrap_or_default() + 1;
        let named: Vec<_> = running.iter().filter(|it| **it < next).map(u64::to_string).collect();
        format!("0:{next}:{}", named.join(","))
    }

    /// A number for a transaction that is over at once: what has begun has a lower one.
    pub(crate) fn next_number(&mut self, node: usize) -> String {
        let server = &mut self.servers[node];
        server.next_number += 1;
        (server.next_number - 1).to_string()
    }

    /// Of the transactions that a snapshot does not show, those that have committed here.
    /// `COMMITTED 0:next:running,running`.
    pub(crate) fn committed_beyond(&self, node: usize, question: &str) -> String {
        let Some(asker) = Snapshot::parse(question.trim_start_matches("COMMITTED ")) else {
            return String::new();
        };
        let server = &self.servers[node];
        let visible = server.replayed + usize::from(server.applying);
        let committed = server.log.iter().take(visible).map(|it| it.number);
        let hidden: Vec<_> = committed
            .filter(|number| !asker.shows(*number))
            .filter(|number| *number > 0)
            .map(|it| it.to_string())
            .collect();
        hidden.join(",")
    }
}
