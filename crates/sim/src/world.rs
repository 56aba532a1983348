//! Everything outside the proxy: servers, their logs, connections, and the record
//! of all writes, which only the judge may look at.

use std::collections::BTreeMap;

use crate::log::{self, Record, RowId, START, Version};
use crate::plan::Plan;
use crate::process::Process;
use crate::random::Random;
use crate::store::Stores;
use crate::trace::Trace;

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Writes its own log.
    Primary,
    /// Replays the log of another one.
    Standby {
        /// Whose.
        upstream: usize,
    },
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) up: bool,
    /// When it comes back, if it is down.
    pub(crate) back_at: u64,
    /// Counts its crashes.
    pub(crate) life: u64,
    pub(crate) duty: Duty,
    pub(crate) timeline: u32,
    /// Whole, as written or received.
    pub(crate) log: Vec<Record>,
    /// Records that survive a crash of a primary.
    pub(crate) flushed: usize,
    /// What a snapshot taken now would show.
    pub(crate) visible: BTreeMap<RowId, Version>,
    /// Records whose replay has ended: the reported position.
    pub(crate) replayed: usize,
    /// The next record is visible already, but its replay has not ended.
    pub(crate) applying: bool,
    /// Records that a standby's crash cannot take back.
    pub(crate) durable: usize,
    pub(crate) paused: bool,
    pub(crate) apply_delay: u64,
    /// Rows that a transaction under way has written, and whose.
    pub(crate) locks: BTreeMap<RowId, usize>,
    /// The number of the next transaction that writes.
    pub(crate) next_number: u64,
}

/// What a server showed at once.
pub(crate) type Shown = BTreeMap<RowId, Version>;

impl Server {
    fn new(duty: Duty, apply_delay: u64) -> Self {
        Self {
            up: true,
            back_at: 0,
            life: 1,
            duty,
            timeline: 1,
            log: Vec::new(),
            flushed: 0,
            visible: BTreeMap::new(),
            replayed: 0,
            applying: false,
            durable: 0,
            paused: false,
            apply_delay,
            locks: BTreeMap::new(),
            next_number: 1,
        }
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.duty == Duty::Primary
    }

    /// Where the last record ends.
    pub(crate) fn end(&self) -> u64 {
        self.log.last().map_or(START, |record| record.end)
    }

    /// What `pg_current_wal_flush_lsn()` says.
    pub(crate) fn flushed_end(&self) -> u64 {
        self.flushed.checked_sub(1).map_or(START, |last| self.log[last].end)
    }

    /// What `pg_last_wal_replay_lsn()` says.
    pub(crate) fn replay_lsn(&self) -> u64 {
        self.replayed.checked_sub(1).map_or(START, |last| self.log[last].end)
    }

    /// Shows exactly the first `count` records.
    pub(crate) fn show(&mut self, count: usize) {
        self.visible = self.log[..count].iter().flat_map(|it| it.changes.iter().copied()).collect();
        self.replayed = count;
        self.applying = false;
    }
}

/// One write, from the moment a client thought of it.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) row: RowId,
    /// The version it replaced; 0 is the row's first.
    pub(crate) before: Version,
    /// Where its commit ends; 0 if it never landed.
    pub(crate) end: u64,
    pub(crate) timeline: u32,
    /// It was visible on the primary once.
    pub(crate) visible: bool,
    /// Its commit is not, or no more, in the history that counts.
    pub(crate) lost: bool,
    /// Since another server was promoted without it.
    pub(crate) left_behind: bool,
}

/// One connection from the proxy to a server.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) node: usize,
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_proxy: Vec<u8>,
    pub(crate) closed_by_proxy: bool,
    /// The proxy reads what is left in `to_proxy`, then the end.
    pub(crate) closed_by_server: bool,
    pub(crate) process: Process,
    /// Versions committed over it since the driver last took them.
    pub(crate) committed: Vec<Version>,
}

/// Between one client and the proxy.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    /// The life of the proxy that it leads to.
    pub(crate) life: u64,
    pub(crate) app_gone: bool,
    pub(crate) proxy_gone: bool,
}

/// Everything outside the proxy.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    /// Microseconds since the start.
    pub(crate) now: u64,
    pub(crate) step: u64,
    /// Counts whatever a waiting task may be waiting for.
    pub(crate) changes: u64,
    pub(crate) trace: Trace,
    pub(crate) servers: Vec<Server>,
    /// The server whose log is the history that counts.
    pub(crate) primary: usize,
    pub(crate) conns: Vec<Conn>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) writes: Vec<Write>,
    /// What proxies share floors in.
    pub(crate) stores: Stores,
    /// What was shown to each read, by the number that stands in its answer.
    pub(crate) shown: Vec<Shown>,
    /// Where the longest log there ever was ended.
    pub(crate) highest: u64,
    /// Where each timeline left the ones before it.
    pub(crate) histories: BTreeMap<u32, Vec<(u32, u64)>>,
    /// The primary has come back without its last records.
    pub(crate) lost_tail: bool,
    pub(crate) failure: Option<String>,
    pub(crate) calm: bool,
    /// The next write that is sent loses its connection, and is carried out late.
    pub(crate) ambush: bool,
}

impl World {
    pub(crate) fn new(plan: Plan, random: Random, trace: Trace) -> Self {
        let mut servers = vec![Server::new(Duty::Primary, 0)];
        for delay in plan.apply_delay.iter().skip(1) {
            servers.push(Server::new(Duty::Standby { upstream: 0 }, *delay));
        }
        let never = Write {
            row: 0,
            before: 0,
            end: 0,
            timeline: 0,
            visible: false,
            lost: false,
            left_behind: false,
        };
        Self {
            plan,
            random,
            now: 0,
            step: 0,
            changes: 1,
            trace,
            servers,
            primary: 0,
            conns: Vec::new(),
            channels: Vec::new(),
            writes: vec![never],
            stores: Stores::default(),
            shown: Vec::new(),
            highest: START,
            histories: BTreeMap::from([(1, Vec::new())]),
            lost_tail: false,
            failure: None,
            calm: false,
            ambush: false,
        }
    }

    pub(crate) fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.trace.note(self.step, self.now, line);
    }

    /// The first failure of a run counts.
    pub(crate) fn fail(&mut self, what: String) {
        self.note(format_args!("FAILURE: {what}"));
        self.failure.get_or_insert(what);
    }

    /// A version that nobody has written yet.
    pub(crate) fn new_version(&mut self, row: RowId) -> Version {
        let write = Write {
            row,
            before: 0,
            end: 0,
            timeline: 0,
            visible: false,
            lost: false,
            left_behind: false,
        };
        self.writes.push(write);
        self.writes.len() as u64 - 1
    }

    pub(crate) fn write(&self, version: Version) -> &Write {
        &self.writes[usize::try_from(version).unwrap_or(0)]
    }

    pub(crate) fn write_mut(&mut self, version: Version) -> &mut Write {
        &mut self.writes[usize::try_from(version).unwrap_or(0)]
    }

    /// Whether whoever read `read` has seen `wanted`.
    pub(crate) fn includes(&self, read: Version, wanted: Version) -> bool {
        let mut at = read;
        while at != wanted && at != 0 {
            at = self.write(at).before;
        }
        at == wanted
    }

    /// Appends a record to a primary's log; gives back how many there are now.
    pub(crate) fn append(
        &mut self,
        node: usize,
        changes: Vec<(RowId, Version)>,
        number: u64,
    ) -> usize {
        let end = self.servers[node].end();
        let room = log::left_on_page(end);
        let at_page_end = self.random.permille(self.plan.page_ends) && room >= 40;
        let size = if at_page_end { room } else { 40 + 8 * self.random.below(12) };
        let end = log::record_end(end, size);
        self.highest = self.highest.max(end);
        let stray = node != self.primary;
        let server = &mut self.servers[node];
        let timeline = server.timeline;
        let mut latest = server.visible.clone();
        server.log.push(Record { end, changes: changes.clone(), at: self.now, number });
        let count = server.log.len();
        for (row, version) in changes {
            let before = latest.insert(row, version).unwrap_or(0);
            let write = self.write_mut(version);
            (write.before, write.end, write.timeline, write.lost) = (before, end, timeline, stray);
            write.left_behind = stray;
        }
        self.note(format_args!("node {node}: record {count} ends at {end:#x}"));
        count
    }

    /// Opens a connection, if the server takes any.
    pub(crate) fn connect(&mut self, node: usize, read_only: bool) -> Option<usize> {
        let server = &self.servers[node];
        if !server.up {
            return None;
        }
        let process = Process::new(read_only, !server.is_primary());
        self.conns.push(Conn {
            node,
            to_server: Vec::new(),
            to_proxy: Vec::new(),
            closed_by_proxy: false,
            closed_by_server: false,
            process,
            committed: Vec::new(),
        });
        Some(self.conns.len() - 1)
    }

    /// Ends every process of a server. What they had sent may still be under way.
    pub(crate) fn end_processes(&mut self, node: usize) {
        for id in 0..self.conns.len() {
            if self.conns[id].node == node && self.conns[id].process.alive {
                self.cut(id);
                self.conns[id].process.alive = false;
            }
        }
        self.servers[node].locks.clear();
    }

    /// Breaks the connection of a write that has just been sent, if one was to be.
    pub(crate) fn spring_ambush(&mut self, id: usize) {
        let input = &self.conns[id].to_server;
        if !self.ambush || !input.windows(6).any(|it| it == b"UPDATE") {
            return;
        }
        self.ambush = false;
        let late = self.random.below(20_000);
        self.note(format_args!("connection {id} is CUT, its process goes on {late} us later"));
        self.conns[id].process.stalled_until = self.now + late;
        self.cut(id);
    }

    /// Breaks a connection. The process goes on with what it was sent.
    pub(crate) fn cut(&mut self, id: usize) {
        let keep = self.random.permille(700);
        let part = self.random.index(self.conns[id].to_proxy.len() + 1);
        let conn = &mut self.conns[id];
        conn.closed_by_server = true;
        if !keep {
            conn.to_proxy.truncate(part);
        }
        self.changes += 1;
    }
}
