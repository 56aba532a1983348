//! A server that speaks the protocol and answers what the proxy asks as its script says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterwrite_types::{Lsn, Role};
use afterwrite_wire::server::{IDLE, Report};
use afterwrite_wire::tags::client as tag;
use afterwrite_wire::{frame, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How it takes `WAIT FOR LSN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// As documented.
    Truly,
    /// It says "success" at once, wherever it is.
    Hastily,
    /// With this error.
    Refused(&'static str),
    /// It has been promoted, it says.
    Promoted,
}

/// When a server does not know where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Polled,
    Always,
}

/// What it is and how it answers.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) version: &'static str,
    pub(crate) role: Role,
    pub(crate) timeline: u32,
    pub(crate) waits: Waits,
    /// When it was started, it says.
    pub(crate) started: &'static str,
    /// What it says that it is.
    pub(crate) banner: &'static str,
    /// How far behind it is, if it is an Aurora: then it tells no positions.
    pub(crate) aurora_lag_ms: Option<&'static str>,
    /// It holds back the answers to beats.
    pub(crate) holds_beats: bool,
    /// It holds back where it is, as it was when it was asked.
    pub(crate) holds_positions: bool,
    /// And then tells where it is by then.
    pub(crate) tells_late: bool,
    /// It does not know where it is, when it is polled, or ever.
    pub(crate) is_lost: Option<Lost>,
    /// It lets nobody in, with this error.
    pub(crate) refuses: Option<&'static str>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            version: "19.1",
            role: Role::Replica,
            timeline: 1,
            waits: Waits::Truly,
            started: "2026-01-01 00:00:00+00",
            banner: "PostgreSQL 19.1 on x86_64-pc-linux-gnu",
            aurora_lag_ms: None,
            holds_beats: false,
            holds_positions: false,
            tells_late: false,
            is_lost: None,
            refuses: None,
        }
    }
}

/// A server on a free port. It ends with this value.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    script: Mutex<Script>,
    replayed: watch::Sender<u64>,
    heard: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (replayed, _) = watch::channel(0x100);
        let shared =
            Arc::new(Shared { script: Mutex::new(script), replayed, heard: Mutex::default() });
        let mut serving = JoinSet::new();
        let of_all = Arc::clone(&shared);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.spawn(serve(stream, Arc::clone(&of_all)));
            }
        });
        Self { port, shared, _serving: serving }
    }

    pub(crate) fn replay(&self, lsn: u64) {
        self.shared.replayed.send_replace(lsn);
    }

    pub(crate) fn rewrite(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.shared.script.lock().unwrap());
    }

    /// How many statements it has heard that begin so.
    pub(crate) fn heard(&self, beginning: &str) -> usize {
        let heard = self.shared.heard.lock().unwrap();
        heard.iter().filter(|sql| sql.starts_with(beginning)).count()
    }

    /// The last of them.
    pub(crate) fn last(&self, beginning: &str) -> String {
        let heard = self.shared.heard.lock().unwrap();
        heard.iter().rfind(|sql| sql.starts_with(beginning)).cloned().unwrap_or_default()
    }
}

/// Serves one connection until it ends.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(()) = greet(&mut stream, &shared).await else { return };
    let mut buffer = Vec::new();
    let mut prepared = String::new();
    loop {
        let Some((message, rest)) = frame::split(&buffer, 1 << 16).unwrap() else {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        let (kind, body) = (message.tag, message.body.to_vec());
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        let mut out = Vec::new();
        match kind {
            tag::QUERY => {
                let sql = text(&body);
                shared.heard.lock().unwrap().push(sql.clone());
                shared.answer(&sql, &mut out).await;
                server::ready(&mut out, IDLE);
            }
            tag::PARSE => {
                prepared = body.split(|it| *it == 0).nth(1).map(text).unwrap_or_default();
                server::parse_complete(&mut out);
            }
            tag::BIND => server::bind_complete(&mut out),
            tag::EXECUTE => {
                shared.heard.lock().unwrap().push(format!("execute {prepared}"));
                let recovers = [u8::from(shared.script().role == Role::Replica)];
                let lsn = shared.position(Some(Lost::Polled)).await.map(u64::to_be_bytes);
                server::data_row(
                    &mut out,
                    &[Some(&recovers), lsn.as_ref().map(<[u8; 8]>::as_slice)],
                );
                server::command_complete(&mut out, "SELECT 1");
            }
            tag::SYNC => server::ready(&mut out, IDLE),
            tag::TERMINATE => return,
            other => panic!("unexpected message {:?}", char::from(other)),
        }
        if stream.write_all(&out).await.is_err() {
            return;
        }
    }
}

async fn greet(stream: &mut TcpStream, shared: &Shared) -> Option<()> {
    let length = stream.read_u32().await.ok()?;
    stream.read_exact(&mut vec![0; length as usize - 4]).await.ok()?;
    let mut out = Vec::new();
    if let Some(code) = shared.script().refuses {
        server::error(&mut out, &Report::fatal(code, "nobody may come in"));
        return stream.write_all(&out).await.err().map(drop).and(None);
    }
    server::authentication_ok(&mut out);
    server::parameter_status(&mut out, "server_version", shared.script().version);
    server::backend_key_data(&mut out, 7, b"keys");
    server::ready(&mut out, IDLE);
    stream.write_all(&out).await.ok()
}

impl Shared {
    fn script(&self) -> Script {
        self.script.lock().unwrap().clone()
    }

    async fn answer(&self, sql: &str, out: &mut Vec<u8>) {
        let script = self.script();
        if sql.starts_with("WAIT FOR LSN") {
            self.wait(&script, sql, out).await;
        } else if sql.contains("version()") {
            one(out, script.banner);
        } else if sql.contains("'aurora_version'") {
            one(out, if script.aurora_lag_ms.is_some() { "rds aurora_version" } else { "" });
        } else if sql.contains("afterwrite: heartbeat") {
            self.beat(&script, sql, out).await;
        } else if script.aurora_lag_ms.is_some() && sql.contains("_lsn()") {
            error(out, "0A000", "a function of the log, which Aurora has not");
        } else if !sql.contains("pg_control_system") && sql.contains("pg_postmaster_start_time") {
            let role = if script.role == Role::Replica { "t" } else { "f" };
            let lag = script.aurora_lag_ms.filter(|_| sql.contains("aurora_replica_status"));
            let row = [Some(role), Some(script.started), Some("7"), lag];
            server::data_row(out, &row.map(|it| it.map(str::as_bytes)));
            server::command_complete(out, "SELECT 1");
        } else if sql.contains("pg_postmaster_start_time") {
            let (role, timeline) = match script.role {
                Role::Replica => ("t", script.timeline.to_string()),
                Role::Primary => ("f", format!("{:08X}", script.timeline)),
            };
            let lsn = self.position(None).await.map(|it| Lsn(it).to_string()).unwrap_or_default();
            let row = [role, &lsn, "4711", &timeline, "8192", "16777216", script.started, "7"];
            let known = |it: &'_ str| (!it.is_empty()).then(|| it.as_bytes().to_vec());
            let row = row.map(known);
            server::data_row(out, &row.each_ref().map(Option::as_deref));
            server::command_complete(out, "SELECT 1");
        } else {
            error(out, "42601", sql);
        }
    }

    /// Where it was when it was asked, told when nothing holds it back.
    async fn position(&self, asked: Option<Lost>) -> Option<u64> {
        let mut position = *self.replayed.borrow();
        while self.script().holds_positions {
            sleep(Duration::from_millis(1)).await;
        }
        if self.script().tells_late {
            position = *self.replayed.borrow();
        }
        let lost = self.script().is_lost;
        let knows = lost.is_none() || lost != Some(Lost::Always) && lost != asked;
        knows.then_some(position)
    }

    /// A beat is made when it is asked for, and answered when nothing holds it back.
    async fn beat(&self, script: &Script, sql: &str, out: &mut Vec<u8>) {
        let made = sql.contains("UPDATE");
        if made {
            self.replayed.send_modify(|beat| *beat += 1);
        }
        let beat = self.replayed.borrow().to_string();
        while made && self.script().holds_beats {
            sleep(Duration::from_millis(1)).await;
        }
        let role = if script.role == Role::Replica { "t" } else { "f" };
        let kind = if made { "made" } else { "shown" };
        let row = [role, script.started, "7", "12", "3", &beat, "t", kind];
        server::data_row(out, &row.map(|it| Some(it.as_bytes())));
        server::command_complete(out, "SELECT 1");
    }

    async fn wait(&self, script: &Script, sql: &str, out: &mut Vec<u8>) {
        let quoted: Vec<_> = sql.split('\'').collect();
        let target: Lsn = quoted[1].parse().unwrap();
        let at_most: u64 = quoted[3].strip_suffix("ms").unwrap().parse().unwrap();
        assert!(at_most > 0, "for ever: {sql}");
        let status = match script.waits {
            Waits::Truly => {
                let mut replayed = self.replayed.subscribe();
                let reached = replayed.wait_for(|it| *it >= target.0);
                match timeout(Duration::from_millis(at_most), reached).await {
                    Ok(_) => "success",
                    Err(_) => "timeout",
                }
            }
            Waits::Hastily => "success",
            Waits::Promoted => "not in recovery",
            Waits::Refused(code) => return error(out, code, sql),
        };
        server::row_description(out, &[("status", 25)]);
        server::data_row(out, &[Some(status.as_bytes())]);
        server::command_complete(out, "WAIT");
    }
}

fn one(out: &mut Vec<u8>, value: &str) {
    server::data_row(out, &[Some(value.as_bytes())]);
    server::command_complete(out, "SELECT 1");
}

fn error(out: &mut Vec<u8>, code: &'static str, sql: &str) {
    server::error(out, &Report::error(code, format!("no answer to {sql}")));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}
