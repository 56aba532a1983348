//! How logs move: flush, ship, replay, crash, promotion.

use crate::world::{Duty, World};

impl World {
    /// One step of some server's storage; nothing, if there is nothing to do.
    pub(crate) fn storage_step(&mut self) {
        let node = self.random.index(self.servers.len());
        if !self.servers[node].up {
            if self.now >= self.servers[node].back_at {
                self.start(node);
            }
            return;
        }
        match self.servers[node].duty {
            Duty::Primary => self.flush(node),
            Duty::Standby { upstream } => {
                if self.random.permille(400) {
                    self.ship(upstream, node);
                } else {
                    self.replay(node);
                }
            }
        }
    }

    fn flush(&mut self, node: usize) {
        let server = &self.servers[node];
        let behind = server.log.len() - server.flushed;
        if behind == 0 {
            return;
        }
        let more = 1 + self.random.index(behind);
        self.servers[node].flushed += more;
        self.changes += 1;
        let flushed = self.servers[node].flushed;
        self.note(format_args!("node {node}: flushed up to record {flushed}"));
    }

    /// Sends a standby what its upstream has flushed.
    fn ship(&mut self, upstream: usize, node: usize) {
        if !self.calm && !self.random.permille(self.plan.shipping) {
            return;
        }
        let (from, to) = (&self.servers[upstream], &self.servers[node]);
        if !from.up || upstream == node {
            return;
        }
        // A cascade is not modelled: only who has the records sends them.
        let sendable = if from.is_primary() { from.flushed } else { from.log.len() };
        let have = to.log.len();
        let same = |at: usize| {
            let (one, other) = (&from.log[at], &to.log[at]);
            one.end == other.end && one.changes == other.changes
        };
        let diverged = have > sendable || (have > 0 && !same(have - 1));
        if diverged {
            return;
        }
        let timeline = from.timeline;
        if have == sendable {
            // Streaming from a new timeline begins with the history file.
            self.servers[node].timeline = timeline;
            return;
        }
        let more = 1 + self.random.index(sendable - have);
        let records = self.servers[upstream].log[have..have + more].to_vec();
        let server = &mut self.servers[node];
        server.timeline = timeline;
        server.log.extend(records);
        self.note(format_args!("node {node}: received up to record {}", have + more));
    }

    fn replay(&mut self, node: usize) {
        let server = &self.servers[node];
        if server.applying {
            let server = &mut self.servers[node];
            server.applying = false;
            server.replayed += 1;
            let replayed = server.replayed;
            self.changes += 1;
            self.note(format_args!("node {node}: replayed record {replayed}"));
            return;
        }
        if self.random.permille(60) {
            let (low, high) = (self.servers[node].durable, self.servers[node].replayed);
            self.servers[node].durable = low + self.random.index(high - low + 1);
        }
        let slow = !self.calm && !self.random.permille(self.plan.replaying);
        let (now, calm) = (self.now, self.calm);
        let server = &mut self.servers[node];
        let delay = server.apply_delay;
        let held_back = |at: u64| now < at + delay && !calm;
        let next = server.log.get(server.replayed);
        if server.paused || slow || next.is_none_or(|it| held_back(it.at)) {
            return;
        }
        let changes = server.log[server.replayed].changes.clone();
        server.visible.extend(changes);
        server.applying = true;
        let record = server.replayed + 1;
        self.note(format_args!("node {node}: record {record} is visible"));
    }

    /// A server stops at once and comes back later; `None`: never by itself.
    pub(crate) fn crash(&mut self, node: usize, down_for: Option<u64>) {
        self.note(format_args!("node {node}: CRASH, back after {down_for:?} us"));
        self.end_processes(node);
        self.changes += 1;
        let server = &mut self.servers[node];
        server.up = false;
        server.life += 1;
        server.back_at = down_for.map_or(u64::MAX, |it| self.now + it);
        if down_for == Some(0) {
            self.start(node);
        }
    }

    fn start(&mut self, node: usize) {
        match self.servers[node].duty {
            Duty::Primary => self.recover_primary(node),
            Duty::Standby { .. } => self.recover_standby(node),
        }
        self.servers[node].up = true;
        self.changes += 1;
    }

    fn recover_primary(&mut self, node: usize) {
        let counts = node == self.primary;
        let flushed = self.servers[node].flushed;
        let gone = self.servers[node].log.split_off(flushed);
        for (_, version) in gone.iter().flat_map(|record| record.changes.iter().copied()) {
            self.write_mut(version).lost |= counts;
        }
        self.lost_tail |= counts && !gone.is_empty();
        self.servers[node].show(flushed);
        // What was flushed is visible now, even if nobody was told.
        if counts && self.is_only_primary(node) {
            let versions: Vec<_> = self.servers[node]
                .log
                .iter()
                .flat_map(|record| record.changes.iter().map(|&(_, version)| version))
                .collect();
            for version in versions {
                self.write_mut(version).visible = true;
            }
        }
        let count = self.append(node, Vec::new(), 0);
        let server = &mut self.servers[node];
        (server.flushed, server.replayed) = (count, count);
        self.note(format_args!("node {node}: restarted with {flushed} records"));
    }

    fn recover_standby(&mut self, node: usize) {
        let (low, high) = (self.servers[node].durable, self.servers[node].replayed);
        let back = low + self.random.index(high - low + 1);
        self.servers[node].show(back);
        self.note(format_args!("node {node}: restarted, fell from {high} to {back} records"));
    }

    /// A standby becomes the primary; the old one is left alone.
    pub(crate) fn promote(&mut self, node: usize) {
        let old = self.primary;
        let timeline = self.servers.iter().map(|it| it.timeline).max().unwrap_or(0) + 1;
        let common = self.servers[node].log.len();
        let history = self.history_at(node);
        self.histories.insert(timeline, history);
        self.note(format_args!("node {node}: PROMOTED with {common} records, timeline {timeline}"));
        let gone: Vec<_> = self.servers[old].log[common.min(self.servers[old].log.len())..]
            .iter()
            .flat_map(|record| record.changes.iter().map(|&(_, version)| version))
            .collect();
        for version in gone {
            let write = self.write_mut(version);
            (write.lost, write.left_behind) = (true, true);
        }
        let server = &mut self.servers[node];
        server.show(common);
        server.duty = Duty::Primary;
        server.next_number = server.log.iter().map(|it| it.number).max().unwrap_or(0) + 1;
        server.timeline = timeline;
        server.paused = false;
        self.primary = node;
        let count = self.append(node, Vec::new(), 0);
        let server = &mut self.servers[node];
        (server.flushed, server.replayed) = (count, count);
        let versions: Vec<_> = server
            .log
            .iter()
            .flat_map(|record| record.changes.iter().map(|&(_, version)| version))
            .collect();
        // While the old one lives, whoever has not heard of the new one may still read there
        // what it showed: nothing of what was waiting for a synchronous standby.
        let alone = self.is_only_primary(node);
        for version in versions {
            self.write_mut(version).visible |= alone;
        }
        for other in 0..self.servers.len() {
            if other != node && !self.servers[other].is_primary() {
                self.servers[other].duty = Duty::Standby { upstream: node };
            }
        }
        self.changes += 1;
    }

    /// The history of a timeline that begins where a server's log ends now. It may have
    /// heard of a timeline, and not have come to where that begins.
    fn history_at(&self, node: usize) -> Vec<(u32, u64)> {
        let (timeline, end) = (self.servers[node].timeline, self.servers[node].end());
        let mut history = self.histories.get(&timeline).cloned().unwrap_or_default();
        history.push((timeline, u64::MAX));
        let parent = history.iter().position(|&(_, left)| end <= left).unwrap_or_default();
        history.truncate(parent + 1);
        history[parent].1 = end;
        history
    }

    /// Whether several servers take writes, so that not all can be right.
    pub(crate) fn has_rivals(&self) -> bool {
        self.servers.iter().filter(|it| it.up && it.is_primary()).count() > 1
    }

    /// Whether no other server that takes writes can be reached.
    fn is_only_primary(&self, node: usize) -> bool {
        let others = self.servers.iter().enumerate().filter(|(other, _)| *other != node);
        others.map(|it| it.1).all(|other| !other.up || !other.is_primary())
    }

    /// A server on another line is brought back as a standby of the primary, as
    /// `pg_rewind` and a base backup do.
    pub(crate) fn rejoin(&mut self, node: usize) {
        self.note(format_args!("node {node}: REJOINS as a standby"));
        self.end_processes(node);
        let primary = &self.servers[self.primary];
        let log = primary.log[..primary.flushed].to_vec();
        let timeline = primary.timeline;
        let upstream = self.primary;
        let server = &mut self.servers[node];
        server.life += 1;
        server.duty = Duty::Standby { upstream };
        server.timeline = timeline;
        server.log = log;
        let count = server.log.len();
        (server.flushed, server.durable) = (count, count);
        server.show(count);
        server.up = true;
        server.paused = false;
        self.changes += 1;
    }

    /// Whether a standby's log is not the beginning of the primary's.
    pub(crate) fn is_diverged(&self, node: usize) -> bool {
        let (standby, primary) = (&self.servers[node], &self.servers[self.primary]);
        let have = standby.log.len();
        let shared = have <= primary.log.len()
            && standby
                .log
                .iter()
                .zip(&primary.log)
                .all(|(one, other)| one.end == other.end && one.changes == other.changes);
        node != self.primary && (standby.is_primary() || !shared)
    }
}
