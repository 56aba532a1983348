//! One server process: speaks the protocol for the few statements that are used.

use std::collections::BTreeMap;

use afterwrite_session::{CAPTURE_SQL, INVENTORY_SQL};
use afterwrite_wire::client::{Bind, Execute, Parse, Target, query_text};
use afterwrite_wire::frame;
use afterwrite_wire::server::{self, FAILED, IDLE, IN_TRANSACTION, Report};
use afterwrite_wire::tags::client as tag;

use crate::log::{self, RowId, Version};
use crate::statement::{Gives, read_bind, read_row, written, written_row};
use crate::world::World;

const MESSAGE_MAX: usize = 1 << 20;

/// A portal: its statement, its parameters, and whether results are binary.
type Portal = (String, Vec<String>, bool);

/// A commit on its way: written, then flushed, then visible, then answered.
#[derive(Debug)]
struct Commit {
    records: usize,
    flushed: bool,
    /// A synchronous standby confirms it only then; until then the primary does not show it.
    confirmed_at: u64,
    changes: Vec<(RowId, Version)>,
    answer: Vec<u8>,
}

/// One server process.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Process {
    pub(crate) alive: bool,
    /// It does nothing before this.
    pub(crate) stalled_until: u64,
    explicit: bool,
    read_only: bool,
    failed: bool,
    read_only_default: bool,
    changes: Vec<(RowId, Version)>,
    /// The number of its transaction, once it has written and until it shows that.
    number: Option<u64>,
    prepared: BTreeMap<Vec<u8>, String>,
    portal: Option<Portal>,
    skipping: bool,
    commit: Option<Commit>,
    told_standby: bool,
    /// Shared advisory locks, by their second number.
    announced: Vec<u32>,
}

type Refusal = (&'static str, &'static str);

impl Process {
    pub(crate) fn new(read_only_default: bool, standby: bool) -> Self {
        Self {
            alive: true,
            stalled_until: 0,
            explicit: false,
            read_only: false,
            failed: false,
            read_only_default,
            changes: Vec::new(),
            number: None,
            prepared: BTreeMap::new(),
            portal: None,
            skipping: false,
            commit: None,
            announced: Vec::new(),
            told_standby: standby,
        }
    }

    fn status(&self) -> u8 {
        match (self.explicit, self.failed) {
            (false, _) => IDLE,
            (true, false) => IN_TRANSACTION,
            (true, true) => FAILED,
        }
    }

    /// The number of a transaction under way that has written.
    pub(crate) fn number(&self) -> Option<u64> {
        self.number.filter(|_| self.alive)
    }

    fn own(&self, row: RowId) -> Option<Version> {
        self.changes.iter().rev().find(|it| it.0 == row).map(|it| it.1)
    }
}

impl World {
    /// Lets a server process go on by one message, or one step of its commit.
    pub(crate) fn process_step(&mut self, id: usize) -> bool {
        let process = &self.conns[id].process;
        if !process.alive || self.now < process.stalled_until {
            return false;
        }
        if self.conns[id].process.commit.is_some() {
            return self.commit_step(id);
        }
        let input = &self.conns[id].to_server;
        let Ok(Some((message, rest))) = frame::split(input, MESSAGE_MAX) else {
            let over = self.conns[id].closed_by_proxy || self.conns[id].closed_by_server;
            if over {
                self.exit(id);
            }
            return over;
        };
        let used = input.len() - rest.len();
        let (message, body) = (message.tag, message.body.to_vec());
        if self.waits_for_lock(id, message, &body) {
            return false;
        }
        self.conns[id].to_server.drain(..used);
        self.tell_promotion(id);
        let answer = self.answer(id, message, &body);
        match self.conns[id].process.commit.as_mut() {
            Some(commit) => commit.answer.extend(answer),
            None => self.say(id, answer),
        }
        true
    }

    /// Whether a process waits for its commit and its client is still there.
    pub(crate) fn is_committing(&self, id: usize) -> bool {
        let conn = &self.conns[id];
        conn.process.alive && conn.process.commit.is_some() && !conn.closed_by_server
    }

    fn exit(&mut self, id: usize) {
        let node = self.conns[id].node;
        self.conns[id].process.alive = false;
        self.servers[node].locks.retain(|_, owner| *owner != id);
        self.note(format_args!("process {id} on node {node} has exited"));
    }

    fn say(&mut self, id: usize, answer: Vec<u8>) {
        let conn = &mut self.conns[id];
        if !conn.closed_by_server && !answer.is_empty() {
            conn.to_proxy.extend(answer);
            self.changes += 1;
        }
    }

    /// A process on a server that was promoted says so once.
    fn tell_promotion(&mut self, id: usize) {
        let primary = self.servers[self.conns[id].node].is_primary();
        if primary && std::mem::take(&mut self.conns[id].process.told_standby) {
            let mut out = Vec::new();
            server::parameter_status(&mut out, "in_hot_standby", "off");
            self.say(id, out);
        }
    }

    fn commit_step(&mut self, id: usize) -> bool {
        let node = self.conns[id].node;
        let flushed = self.servers[node].flushed;
        let process = &mut self.conns[id].process;
        let Some(commit) = process.commit.as_mut() else { return false };
        if !commit.flushed {
            commit.flushed = flushed >= commit.records;
            return commit.flushed;
        }
        if self.now < commit.confirmed_at && !self.calm {
            return false;
        }
        let Some(commit) = process.commit.take() else { return false };
        process.number = None;
        let counts = node == self.primary;
        for &(row, version) in &commit.changes {
            self.servers[node].visible.insert(row, version);
            self.write_mut(version).visible |= counts;
            self.conns[id].committed.push(version);
            self.note(format_args!("process {id}: version {version} of row {row} is visible"));
        }
        self.servers[node].locks.retain(|_, owner| *owner != id);
        self.changes += 1;
        self.say(id, commit.answer);
        true
    }

    /// Ends the transaction; what follows a commit is said once it is visible.
    fn end_transaction(&mut self, id: usize, commits: bool, answer: Vec<u8>) -> Vec<u8> {
        let node = self.conns[id].node;
        let process = &mut self.conns[id].process;
        let changes = std::mem::take(&mut process.changes);
        (process.explicit, process.read_only, process.failed) = (false, false, false);
        if !commits || changes.is_empty() {
            process.number = None;
            self.servers[node].locks.retain(|_, owner| *owner != id);
            return answer;
        }
        let number = process.number.unwrap_or(0);
        let records = self.append(node, changes.clone(), number);
        let flushed = self.random.permille(self.plan.asynchronous);
        let waits = !flushed && self.random.permille(self.plan.synchronous);
        let confirmed_at =
            if waits { self.now + self.random.below(self.plan.synchronous_max) } else { 0 };
        let commit = Commit { records, flushed, confirmed_at, changes, answer };
        self.conns[id].process.commit = Some(commit);
        Vec::new()
    }

    /// Whether a row that the message writes is locked by another transaction.
    fn waits_for_lock(&self, id: usize, message: u8, body: &[u8]) -> bool {
        let process = &self.conns[id].process;
        let (text, parameters) = match message {
            tag::QUERY => {
                let text = query_text(body).unwrap_or_default();
                (String::from_utf8_lossy(text).into_owned(), Vec::new())
            }
            tag::EXECUTE => match &process.portal {
                Some((text, parameters, _)) => (text.clone(), parameters.clone()),
                None => return false,
            },
            _ => return false,
        };
        let locks = &self.servers[self.conns[id].node].locks;
        text.split(';')
            .filter_map(|statement| written_row(without_comments(statement), &parameters))
            .any(|row| locks.get(&row).is_some_and(|owner| *owner != id))
    }

    fn answer(&mut self, id: usize, message: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.conns[id].process.skipping && message != tag::SYNC {
            return out;
        }
        let result = match message {
            tag::QUERY => return self.simple(id, body),
            tag::PARSE => self.parse(id, body).map(|()| server::parse_complete(&mut out)),
            tag::BIND => self.bind(id, body).map(|()| server::bind_complete(&mut out)),
            tag::DESCRIBE => self.describe(id, body, &mut out),
            tag::EXECUTE => self.execute(id, body, &mut out),
            tag::CLOSE => {
                if let Ok(target) = Target::decode(body) {
                    self.conns[id].process.prepared.remove(target.name);
                }
                server::close_complete(&mut out);
                Ok(())
            }
            tag::SYNC => return self.sync(id),
            tag::TERMINATE => {
                self.exit(id);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err((code, text)) = result {
            out.clear();
            server::error(&mut out, &Report::error(code, text));
            let process = &mut self.conns[id].process;
            process.skipping = true;
            process.failed = true;
        }
        out
    }

    fn sync(&mut self, id: usize) -> Vec<u8> {
        let process = &mut self.conns[id].process;
        process.skipping = false;
        process.portal = None;
        let mut out = Vec::new();
        if process.explicit {
            server::ready(&mut out, process.status());
            return out;
        }
        let commits = !process.failed;
        server::ready(&mut out, IDLE);
        self.end_transaction(id, commits, out)
    }

    fn parse(&mut self, id: usize, body: &[u8]) -> Result<(), Refusal> {
        let parse = Parse::decode(body).map_err(|_| ("08P01", "malformed Parse"))?;
        let process = &mut self.conns[id].process;
        if !parse.name.is_empty() && process.prepared.contains_key(parse.name) {
            return Err(("42P05", "prepared statement already exists"));
        }
        let sql = without_comments(&String::from_utf8_lossy(parse.sql)).to_owned();
        process.prepared.insert(parse.name.to_vec(), sql);
        Ok(())
    }

    fn bind(&mut self, id: usize, body: &[u8]) -> Result<(), Refusal> {
        let bind = Bind::decode(body).map_err(|_| ("08P01", "malformed Bind"))?;
        let process = &mut self.conns[id].process;
        let sql = process.prepared.get(bind.statement).cloned();
        let sql = sql.ok_or(("26000", "prepared statement does not exist"))?;
        let (parameters, binary) = read_bind(bind.rest).ok_or(("08P01", "malformed Bind"))?;
        process.portal = Some((sql, parameters, binary));
        Ok(())
    }

    fn describe(&mut self, id: usize, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let target = Target::decode(body).map_err(|_| ("08P01", "malformed Describe"))?;
        let process = &self.conns[id].process;
        let sql = if target.kind == b'S' {
            server::parameter_description(out, &[]);
            process.prepared.get(target.name)
        } else {
            process.portal.as_ref().map(|it| &it.0)
        };
        let sql = sql.ok_or(("26000", "prepared statement does not exist"))?;
        if sql.starts_with("SELECT") {
            server::row_description(out, &[("v", 20)]);
        } else {
            server::no_data(out);
        }
        Ok(())
    }

    fn execute(&mut self, id: usize, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        Execute::decode(body).map_err(|_| ("08P01", "malformed Execute"))?;
        let portal = self.conns[id].process.portal.clone();
        let (sql, parameters, binary) = portal.ok_or(("34000", "portal does not exist"))?;
        let gives = self.run(id, &sql, &parameters)?;
        gives.write(out, false, binary);
        Ok(())
    }

    /// A simple query: its statements are one transaction, unless they say otherwise.
    fn simple(&mut self, id: usize, body: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(query_text(body).unwrap_or_default()).into_owned();
        self.conns[id].process.prepared.remove(&b""[..]);
        let mut out = Vec::new();
        let statements: Vec<&str> =
            text.split(';').map(without_comments).filter(|it| !it.is_empty()).collect();
        let mut failed = false;
        for statement in statements {
            match self.run(id, statement, &[]) {
                Ok(gives) => gives.write(&mut out, true, false),
                Err((code, text)) => {
                    server::error(&mut out, &Report::error(code, text));
                    failed = true;
                    break;
                }
            }
        }
        let process = &mut self.conns[id].process;
        process.failed |= failed;
        let open = process.explicit;
        server::ready(&mut out, process.status());
        if open {
            return out;
        }
        let commits = !self.conns[id].process.failed;
        if self.conns[id].process.commit.is_some() {
            // A COMMIT stood in the text: everything is answered behind it.
            self.conns[id].process.failed = false;
            return out;
        }
        self.end_transaction(id, commits, out)
    }

    fn run(&mut self, id: usize, sql: &str, parameters: &[String]) -> Result<Gives, Refusal> {
        let node = self.conns[id].node;
        let ends = matches!(sql, "COMMIT" | "ROLLBACK");
        if self.conns[id].process.failed && !ends {
            return Err(("25P02", "current transaction is aborted"));
        }
        if let Some((row, version)) = written(sql, parameters) {
            return self.write_row(id, row, version, sql);
        }
        let primary = self.servers[node].is_primary();
        let process = &mut self.conns[id].process;
        let gives = match sql {
            "BEGIN" | "BEGIN READ ONLY" => {
                process.explicit = true;
                process.read_only = sql == "BEGIN READ ONLY";
                Gives::Tag("BEGIN")
            }
            "COMMIT" | "ROLLBACK" => {
                let commits = sql == "COMMIT" && !process.failed;
                self.end_transaction(id, commits, Vec::new());
                Gives::Tag(if commits { "COMMIT" } else { "ROLLBACK" })
            }
            "DISCARD ALL" => {
                process.prepared.clear();
                Gives::Tag("DISCARD ALL")
            }
            "SELECT broken" => return Err(("22012", "division by zero")),
            sql if sql == CAPTURE_SQL && !primary => {
                return Err(("55000", "recovery is in progress"));
            }
            // A mutant asks this.
            sql if sql == CAPTURE_SQL && sql.contains("flush_lsn") => {
                Gives::Position(self.servers[node].flushed_end())
            }
            sql if sql == CAPTURE_SQL => {
                Gives::Position(log::insert_pointer(self.servers[node].end()).0)
            }
            sql if sql == INVENTORY_SQL => {
                let prepared = self.conns[id].process.prepared.keys();
                let ours = prepared.filter(|name| !name.is_empty()).count();
                Gives::Position(256 * ours as u64)
            }
            "DISCARD SEQUENCES" => Gives::Tag("DISCARD SEQUENCES"),
            sql if sql.starts_with("SET ") => Gives::Tag("SET"),
            sql if sql.starts_with("RESET ") => Gives::Tag("RESET"),
            "LOOK" => Gives::Row(Some(self.look(id))),
            sql if sql.starts_with("ANNOUNCE ") || sql.starts_with("WITHDRAW ") => {
                self.announce(id, sql);
                Gives::Row(Some("t".into()))
            }
            sql => match read_row(sql, parameters) {
                Some(row) => self.read(id, row)?,
                None => self.ask(node, sql).ok_or(("42601", "syntax error"))?,
            },
        };
        Ok(gives)
    }

    fn write_row(
        &mut self,
        id: usize,
        row: RowId,
        version: Option<Version>,
        sql: &str,
    ) -> Result<Gives, Refusal> {
        let node = self.conns[id].node;
        let process = &self.conns[id].process;
        let read_only = process.read_only || process.read_only_default;
        if read_only || !self.servers[node].is_primary() {
            return Err(("25006", "cannot write in a read-only transaction"));
        }
        let version = version.unwrap_or_else(|| self.new_version(row));
        self.servers[node].locks.insert(row, id);
        let server = &mut self.servers[node];
        let number = *self.conns[id].process.number.get_or_insert_with(|| {
            server.next_number += 1;
            server.next_number - 1
        });
        self.note(format_args!("process {id}: transaction {number} writes row {row}"));
        self.conns[id].process.changes.push((row, version));
        if sql.starts_with("SELECT") {
            return Ok(Gives::Row(Some(version.to_string())));
        }
        Ok(Gives::Tag("UPDATE 1"))
    }

    fn read(&mut self, id: usize, row: RowId) -> Result<Gives, Refusal> {
        let node = self.conns[id].node;
        let standby = !self.servers[node].is_primary();
        if standby && !self.calm && self.random.permille(self.plan.conflicts) {
            return Err(("40001", "canceling statement due to conflict with recovery"));
        }
        let shown = self.servers[node].visible.get(&row).copied().unwrap_or(0);
        let shown = self.conns[id].process.own(row).unwrap_or(shown);
        self.note(format_args!("process {id} on node {node}: row {row} shows version {shown}"));
        // With the answer comes the number of all that was shown with it: for the judge.
        self.shown.push(self.servers[node].visible.clone());
        Ok(Gives::Row(Some(format!("{shown}@{}", self.shown.len() - 1))))
    }

    /// Takes a shared advisory lock, or leaves it.
    fn announce(&mut self, id: usize, sql: &str) {
        let number = sql.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
        self.note(format_args!("process {id}: {sql}"));
        let held = &mut self.conns[id].process.announced;
        if sql.starts_with("ANNOUNCE") {
            held.push(number);
        } else if let Some(at) = held.iter().position(|it| *it == number) {
            held.swap_remove(at);
        }
    }

    /// All such locks, and which of them are one's own.
    fn look(&self, id: usize) -> String {
        let node = self.conns[id].node;
        let here = self.conns.iter().enumerate();
        let here = here.filter(|(_, conn)| conn.node == node && conn.process.alive);
        let held = here.flat_map(|(at, conn)| {
            conn.process.announced.iter().map(move |number| (*number, at == id))
        });
        let mut all = BTreeMap::new();
        for (number, own) in held {
            *all.entry(number).or_insert(false) |= own;
        }
        let texts: Vec<_> = all
            .iter()
            .map(|(number, own)| format!("{number}:{}", if *own { "t" } else { "f" }))
            .collect();
        texts.join(",")
    }

    /// Questions of the driver's own.
    fn ask(&mut self, node: usize, sql: &str) -> Option<Gives> {
        if sql == "NEXT" {
            return Some(Gives::Row(Some(self.next_number(node))));
        }
        let server = &self.servers[node];
        let text = match sql {
            "INTRODUCE" if server.is_primary() => {
                format!("p {} {}", log::insert_pointer(server.end()).0, server.timeline)
            }
            "INTRODUCE" => format!("r {} {}", server.replay_lsn(), server.timeline),
            "REPLAYED" => server.replay_lsn().to_string(),
            "SNAPSHOT" => self.snapshot(node),
            sql if sql.starts_with("COMMITTED ") => self.committed_beyond(node, sql),
            sql => {
                let pid: usize = sql.strip_prefix("GONE ")?.parse().ok()?;
                let conn = self.conns.get(pid)?;
                (conn.node != node || !conn.process.alive).to_string()
            }
        };
        Some(Gives::Row(Some(text)))
    }
}

/// A statement without the comments in front of it.
fn without_comments(sql: &str) -> &str {
    let sql = sql.trim();
    match sql.strip_prefix("/*").and_then(|it| it.split_once("*/")) {
        Some((_, rest)) => without_comments(rest),
        None => sql,
    }
}
