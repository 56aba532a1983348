//! Opens a connection to a server and finds out who it is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_core::Proof;
use afterwrite_net::{Endpoint, Stream};
use afterwrite_session::{CAPTURE_NAME, CAPTURE_SQL, Link, LinkSpec, PathMark};
use afterwrite_types::{
    InsertPointer, Line, Lsn, Moment, NodeId, Position, Role, Sequence, SystemId, Timeline,
    WalGeometry,
};
use afterwrite_wire::client;
use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::frame;
use afterwrite_wire::scram::ChannelBinding;
use afterwrite_wire::server::{BackendKeyData, DataRow, ErrorFields, ParameterStatus};
use afterwrite_wire::tags::server as tag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::authenticate::{BindingPolicy, authenticate};
use crate::cancel::CancelTarget;
use crate::error::ConnectError;
use crate::gauge::{Gauge, Gauges, heartbeat};
use crate::node::Node;
use crate::pool::ServerCard;
use crate::server::{Route, Server};
use crate::stream::Messages;

/// Who logs in to the servers, and where to.
#[derive(Debug)]
pub struct Login {
    /// The user.
    pub user: String,
    /// What it logs in with. Keys derived from a password are kept in here.
    pub credentials: Credentials,
    /// The database.
    pub database: String,
    /// Whether the login is tied to its TLS connection.
    pub channel_binding: BindingPolicy,
}

impl Login {
    /// A login with nothing derived yet.
    pub fn new(user: String, credentials: impl Into<Credentials>, database: String) -> Self {
        let channel_binding = BindingPolicy::default();
        Self { user, credentials: credentials.into(), database, channel_binding }
    }
}

/// One connection to a server, logged in and introduced.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: Stream,
    /// What is known of it, and what is owed on it.
    pub link: Link,
    /// The server process, by the number that it has on its machine: not the same if
    /// a pooler stands between.
    pub backend: i32,
    /// What cancels what it does.
    pub target: Arc<CancelTarget>,
    /// Parameters the server reported at login.
    pub parameters: Arc<Vec<(String, String)>>,
    /// When it was opened.
    pub opened: Instant,
    /// When it was last given back.
    pub last_used: Instant,
    /// Which server it leads to.
    pub server: ServerId,
    /// The node's life, as the pool counts them, in which it was opened.
    pub life: u64,
    /// The era of its pool in which it was opened.
    pub(crate) era: u64,
    /// What is shown of it.
    pub card: Arc<ServerCard>,
    /// What it can be asked how far its server has come; `None` if only the probe can be.
    gauge: Option<Gauge>,
}

/// Tells servers apart that share an address, as behind a virtual one: made from
/// when the server started and where it says that it listens.
///
/// Two connections with different ones lead to different servers. (With the same
/// one they may still lead to different lives of it; see `afterwrite_core::Proof`.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerId(u64);

impl ServerId {
    /// From what a server tells of its start and its address.
    pub(crate) fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Introduction {
    pub(crate) role: Role,
    pub(crate) line: Line,
    pub(crate) wal: WalGeometry,
    /// How far a replica has replayed; where the primary's last record ends.
    pub(crate) lsn: Lsn,
    /// Tells servers apart that share an address.
    pub(crate) server: ServerId,
    /// The server process that has answered.
    pub(crate) backend: Option<i32>,
    /// Whether a primary's position covers everything that was acknowledged before it was
    /// asked.
    pub(crate) is_fence: bool,
    /// Whether the line is that of the server that has answered, and not one that another has
    /// left behind.
    pub(crate) is_current: bool,
}

impl Introduction {
    /// Whether another process answers than the one that logged us in: a pooler
    /// stands between, and makes up the numbers of its own connections.
    pub(crate) fn is_pooled(&self, greeting: &Greeting) -> bool {
        self.backend.is_some_and(|backend| backend != greeting.pid)
    }
}

/// Asks a server who it is and how far it has come. Everything is qualified, so
/// that no `search_path` can put something else in its place.
pub(crate) const INTRODUCTION_SQL: &str = "SELECT \
 pg_catalog.pg_is_in_recovery(), \
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
      ELSE pg_catalog.pg_current_wal_insert_lsn() END, \
 (SELECT system_identifier FROM pg_catalog.pg_control_system()), \
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN \
   GREATEST((SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()), \
            (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver))::pg_catalog.text \
 ELSE pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END, \
 pg_catalog.current_setting('wal_block_size'), \
 pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')), \
 pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(), \
   pg_catalog.inet_server_addr(), pg_catalog.inet_server_port()), \
 pg_catalog.pg_backend_pid()";

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve clients, with a server of this role.
    Serve(Role),
    /// To ask how a server is.
    Probe,
    /// To ask for its timeline, in the words of replication.
    Replication,
}

/// Opens a connection, logs in and asks who is there.
///
/// The moment in its proof is taken *after* the answer, so that only what is
/// asked for later counts as seen together with this connection.
pub(crate) async fn open(
    node: &Node,
    login: &Login,
    expected: Role,
    prepared_max: usize,
    sequence: &Sequence,
) -> Result<Connection, ConnectError> {
    let (mut messages, greeting) = enter(&node.server, login, Purpose::Serve(expected)).await?;
    let (introduced, path) = introduce_link(&mut messages, node).await?;
    let (introduction, gauge) = introduced;
    let admitted = sequence.now();
    if introduction.role != expected {
        return Err(ConnectError::RoleChanged(introduction.role));
    }
    if introduction.is_pooled(&greeting) {
        node.note_process(introduction.backend);
    }
    let captures = introduction.role == Role::Primary && gauge == Some(Gauge::Log);
    if captures {
        let mut out = Vec::new();
        client::parse(&mut out, CAPTURE_NAME, CAPTURE_SQL, &[]);
        client::sync(&mut out);
        messages.send(&out).await?;
        until_ready(&mut messages).await?;
    }
    let tls = messages.stream.tls().map(|tls| tls.describe());
    let route =
        Route { server: node.server.clone(), endpoint: greeting.endpoint, tls: tls.is_some() };
    let local = messages.stream.local();
    let tls = tls.unwrap_or_default();
    let card = ServerCard::new(greeting.pid, route.endpoint.clone(), local, tls);
    let spec = spec(node.id, &introduction, admitted, prepared_max);
    let mut link = Link::new(LinkSpec { capture: captures, ..spec });
    link.begins_at(path);
    let now = Instant::now();
    Ok(Connection {
        stream: messages.into_stream()?,
        link,
        backend: introduction.backend.unwrap_or(greeting.pid),
        target: Arc::new(CancelTarget { route, pid: greeting.pid, key: greeting.key }),
        parameters: Arc::new(greeting.parameters),
        opened: now,
        last_used: now,
        server: introduction.server,
        life: 0,
        era: 0,
        card,
        gauge,
    })
}

fn spec(node: NodeId, said: &Introduction, admitted: Moment, prepared_max: usize) -> LinkSpec {
    let own = Position { line: said.line, lsn: said.lsn };
    LinkSpec {
        node,
        server: said.server.0,
        role: said.role,
        line: said.line,
        wal: said.wal,
        proof: (said.role == Role::Replica).then(|| Proof::new(own, admitted)),
        prepared_max,
        capture: said.role == Role::Primary,
    }
}

/// Connects and logs in: over TLS or in clear text, as the server's mode says.
///
/// # Errors
///
/// If both were tried, what went wrong over TLS.
pub(crate) async fn enter(
    server: &Server,
    login: &Login,
    purpose: Purpose,
) -> Result<(Messages, Greeting), ConnectError> {
    let introduced = |stream, endpoint| async move {
        let mut messages = Messages::new(stream);
        let greeting = log_in(&mut messages, login, endpoint, purpose).await?;
        Ok((messages, greeting))
    };
    server.enter(introduced).await
}

pub(crate) struct Greeting {
    pub(crate) endpoint: Endpoint,
    pub(crate) pid: i32,
    pub(crate) key: Vec<u8>,
    pub(crate) parameters: Vec<(String, String)>,
}

async fn log_in(
    messages: &mut Messages,
    login: &Login,
    endpoint: Endpoint,
    purpose: Purpose,
) -> Result<Greeting, ConnectError> {
    let mut out = Vec::new();
    let mut parameters = vec![
        ("user", login.user.as_str()),
        ("database", login.database.as_str()),
        ("client_encoding", "UTF8"),
    ];
    match purpose {
        // The name is the client's, or empty.
        Purpose::Serve(Role::Primary) => {}
        // Should it be promoted, this connection could suddenly write, unseen.
        // Set at the start, it also survives RESET ALL.
        Purpose::Serve(Role::Replica) => parameters.push(("default_transaction_read_only", "on")),
        Purpose::Probe => parameters.push(("application_name", "afterwrite probe")),
        Purpose::Replication => {
            parameters.push(("application_name", "afterwrite probe"));
            // Of this kind, which is tied to a database: it takes SQL, too.
            parameters.push(("replication", "database"));
        }
    }
    client::startup(&mut out, &parameters);
    messages.send(&out).await?;
    let bound = messages.stream.tls().and_then(|tls| tls.end_point());
    let binding = bound.map(|end_point| ChannelBinding { end_point });
    authenticate(messages, login, binding.as_ref()).await?;
    let mut greeting = Greeting { endpoint, pid: 0, key: Vec::new(), parameters: Vec::new() };
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::BACKEND_KEY_DATA => {
                let data = BackendKeyData::decode(&body)?;
                (greeting.pid, greeting.key) = (data.pid, data.key.to_vec());
            }
            tag::PARAMETER_STATUS => {
                let status = ParameterStatus::decode(&body)?;
                greeting.parameters.push((status.name.to_owned(), status.value.to_owned()));
            }
            tag::NOTICE | tag::NEGOTIATE => {}
            tag::READY_FOR_QUERY => return Ok(greeting),
            other => return Err(unexpected(other, &body)),
        }
    }
}

/// Asks who the server is, and how far its log has come.
pub(crate) async fn introduce_by_log(
    messages: &mut Messages,
) -> Result<Introduction, ConnectError> {
    let mut out = Vec::new();
    client::query(&mut out, INTRODUCTION_SQL);
    messages.send(&out).await?;
    read_introduced(messages).await
}

/// Asks who the server is, and how far it has come by what tells that.
pub(crate) async fn introduce(
    messages: &mut Messages,
    node: &Node,
) -> Result<Introduction, ConnectError> {
    let product = node.state.lock().product;
    let mut out = Vec::new();
    client::query(&mut out, &node.gauges.question(product));
    let asked = Instant::now();
    messages.send(&out).await?;
    let row = read_row(messages).await?;
    node.gauges.read(&row.ok_or_else(nothing_said)?, node, asked)
}

/// The same for a client's connection. It may lead to a database without the heartbeat table,
/// or belong to a user who may not read it: then it cannot be asked, and says so. In the same
/// breath it is asked where it looks for names.
async fn introduce_link(
    messages: &mut Messages,
    node: &Node,
) -> Result<((Introduction, Option<Gauge>), Option<PathMark>), ConnectError> {
    let gauge = node.gauges.used();
    let product = node.state.lock().product;
    let mut out = Vec::new();
    client::query(&mut out, &node.gauges.question(product));
    client::query(&mut out, PathMark::SQL);
    let asked = Instant::now();
    messages.send(&out).await?;
    let said = read_row(messages).await;
    let path = match said {
        Ok(_) | Err(ConnectError::Refused { .. }) => read_path(messages).await,
        Err(_) => Ok(None),
    };
    let said = said.and_then(|row| node.gauges.read(&row.ok_or_else(nothing_said)?, node, asked));
    match said {
        Ok(said) if said.is_current => Ok(((said, Some(gauge)), path?)),
        Ok(_) => Err(ConnectError::Protocol("the primary has made no beat yet".into())),
        Err(ConnectError::Refused { code, .. })
            if matches!(gauge, Gauge::Heartbeat(_))
                && matches!(code.as_str(), "42P01" | "3F000" | "42501") =>
        {
            let mut out = Vec::new();
            client::query(&mut out, &Gauges::blind_question());
            messages.send(&out).await?;
            let row = read_row(messages).await?;
            let said = Gauges::read_blind(&row.ok_or_else(nothing_said)?, node)?;
            Ok(((said, None), path?))
        }
        Err(error) => Err(error),
    }
}

/// Where a connection looks for names; `None` if it does not tell.
async fn read_path(messages: &mut Messages) -> Result<Option<PathMark>, ConnectError> {
    match read_row(messages).await {
        Ok(row) => Ok(row.and_then(|row| Some(PathMark::told(row.first()?.as_deref()?)))),
        Err(ConnectError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer to [`INTRODUCTION_SQL`], up to "ready".
pub(crate) async fn read_introduced(messages: &mut Messages) -> Result<Introduction, ConnectError> {
    let row = read_row(messages).await?;
    read_introduction(&row.ok_or_else(nothing_said)?)
}

fn nothing_said() -> ConnectError {
    ConnectError::Protocol("the server did not say who it is".into())
}

/// The last row of an answer, up to "ready". An error of the server's is an error, and the
/// connection is good for another question.
pub(crate) async fn read_row(
    messages: &mut Messages,
) -> Result<Option<Vec<Option<String>>>, ConnectError> {
    let (mut row, mut refused) = (None, None);
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::DATA_ROW => {
                let mut columns = Vec::with_capacity(8);
                for value in DataRow::decode(&body)? {
                    columns.push(value?.map(|it| String::from_utf8_lossy(it).into_owned()));
                }
                row = Some(columns);
            }
            tag::ERROR => refused = Some(unexpected(message, &body)),
            tag::READY_FOR_QUERY => return refused.map_or(Ok(row), Err),
            _ => {}
        }
    }
}

/// What [`INTRODUCTION_SQL`] gives.
pub(crate) fn read_introduction(row: &[Option<String>]) -> Result<Introduction, ConnectError> {
    let missing =
        |what: &str| ConnectError::Protocol(format!("the server did not tell its {what}"));
    let mut columns = row.iter().map(Option::as_deref);
    let mut column = |what| columns.next().flatten().ok_or_else(|| missing(what));
    let role = if column("role")? == "t" { Role::Replica } else { Role::Primary };
    let lsn: Lsn = column("position")?.parse().map_err(|_| missing("position"))?;
    // The identifier is unsigned, and PostgreSQL shows it signed.
    let system: i64 =
        column("system identifier")?.parse().map_err(|_| missing("system identifier"))?;
    let radix = if role == Role::Replica { 10 } else { 16 };
    let timeline =
        u32::from_str_radix(column("timeline")?, radix).map_err(|_| missing("timeline"))?;
    let block = column("page size")?.parse().map_err(|_| missing("page size"))?;
    let segment = column("segment size")?.parse().map_err(|_| missing("segment size"))?;
    let server = ServerId::of(column("start")?);
    let wal = WalGeometry::new(block, segment).ok_or_else(|| missing("log's geometry"))?;
    let lsn = match role {
        Role::Primary => InsertPointer(lsn.0).last_record_end(wal),
        Role::Replica => lsn,
    };
    if timeline == 0 {
        return Err(missing("timeline"));
    }
    let line = Line { system: SystemId(system.cast_unsigned()), timeline: Timeline(timeline) };
    let backend = columns.next().flatten().and_then(|pid| pid.parse().ok());
    let is_fence = role == Role::Primary;
    Ok(Introduction { role, line, wal, lsn, server, backend, is_fence, is_current: true })
}

/// Asks whether a server process is gone.
pub(crate) async fn process_is_gone(
    messages: &mut Messages,
    pid: i32,
) -> Result<bool, ConnectError> {
    let mut out = Vec::new();
    client::query(
        &mut out,
        &format!(
            "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity \
             WHERE pid OPERATOR(pg_catalog.=) {pid})"
        ),
    );
    messages.send(&out).await?;
    let mut gone = false;
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::DATA_ROW => {
                gone = DataRow::decode(&body)?.next().transpose()?.flatten() == Some(b"t");
            }
            tag::READY_FOR_QUERY => return Ok(gone),
            tag::ERROR => return Err(unexpected(message, &body)),
            _ => {}
        }
    }
}

impl Connection {
    /// For how long nobody has used it.
    pub(crate) fn unused_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_used)
    }

    /// Asks the replica behind this very connection how far it has replayed, and
    /// adds the answer to what the connection proves.
    ///
    /// Not cancel-safe: dropped half-way, the connection must not be used again.
    pub async fn witness(&mut self, limit: Duration) -> Result<(), ConnectError> {
        match self.gauge.clone() {
            Some(Gauge::Log) => {
                let replayed =
                    self.ask("SELECT pg_catalog.pg_last_wal_replay_lsn()", limit).await?;
                let lsn = replayed.and_then(|text| text.parse().ok());
                if let (Some(lsn), Some(proof)) = (lsn, self.link.proof_mut()) {
                    proof.witness_here(lsn);
                }
            }
            Some(Gauge::Heartbeat(table)) => {
                let shown = self.ask(&table.witness_sql(), limit).await?;
                let read = shown.and_then(|text| heartbeat::read_witness(&text));
                if let (Some((line, lsn)), Some(proof)) = (read, self.link.proof_mut()) {
                    proof.witness(Position { line, lsn });
                }
            }
            // What is to be had of it the probe has.
            Some(Gauge::Window) | None => {}
        }
        Ok(())
    }

    /// Runs a query of our own to its end and gives back the first value of the
    /// last row, as text. An error of the server's is an error.
    ///
    /// Not cancel-safe: dropped half-way, the connection must not be used again.
    pub async fn ask(
        &mut self,
        sql: &str,
        limit: Duration,
    ) -> Result<Option<String>, ConnectError> {
        let asking = async {
            let mut out = Vec::new();
            client::query(&mut out, sql);
            self.stream.write_all(&out).await?;
            self.stream.flush().await?;
            self.read_answer().await
        };
        let answer = timeout(limit, asking).await.map_err(|_| ConnectError::TimedOut(limit))?;
        self.link.note_simple_query();
        answer
    }

    /// Runs the operator's query, and takes up whether it has names looked for elsewhere.
    ///
    /// Not cancel-safe: dropped half-way, the connection must not be used again.
    pub(crate) async fn begin_with(
        &mut self,
        query: &str,
        limit: Duration,
    ) -> Result<(), ConnectError> {
        self.ask(query, limit).await?;
        let path = match self.ask(PathMark::SQL, limit).await {
            Ok(answer) => answer.as_deref().map(PathMark::told),
            Err(ConnectError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        self.link.begins_still_at(path);
        Ok(())
    }

    /// Asks with one parameter for at most one row of two texts.
    ///
    /// Not cancel-safe: dropped half-way, the connection must not be used again.
    pub async fn ask_pair(
        &mut self,
        sql: &str,
        parameter: &str,
        limit: Duration,
    ) -> Result<Option<(Option<String>, Option<String>)>, ConnectError> {
        let asking = async {
            let mut out = Vec::new();
            client::parse(&mut out, "", sql, &[]);
            client::bind(&mut out, "", "", &[Some(parameter.as_bytes())], &[], &[]);
            client::execute(&mut out, "", 2);
            client::sync(&mut out);
            self.stream.write_all(&out).await?;
            self.stream.flush().await?;
            self.read_rows().await
        };
        let answer = timeout(limit, asking).await.map_err(|_| ConnectError::TimedOut(limit))?;
        self.link.note_simple_query();
        let mut rows = answer?.into_iter();
        let row = rows.next();
        if rows.next().is_some() {
            return Err(ConnectError::Protocol("more than one row came back".into()));
        }
        Ok(row.map(|row| {
            let mut columns = row.into_iter();
            (columns.next().flatten(), columns.next().flatten())
        }))
    }

    async fn read_answer(&mut self) -> Result<Option<String>, ConnectError> {
        let rows = self.read_rows().await?;
        Ok(rows.into_iter().next_back().and_then(|row| row.into_iter().next().flatten()))
    }

    /// The rows of an answer of our own, up to "ready". An error of the server's is
    /// an error.
    async fn read_rows(&mut self) -> Result<Vec<Vec<Option<String>>>, ConnectError> {
        let mut buffer = Vec::new();
        let (mut rows, mut refused) = (Vec::new(), None);
        loop {
            let Some((message, rest)) = frame::split(&buffer, ANSWER_MAX)? else {
                if self.stream.read_buf(&mut buffer).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                continue;
            };
            match message.tag {
                tag::DATA_ROW if rows.len() < ANSWER_ROWS_MAX => {
                    let mut row = Vec::new();
                    for value in DataRow::decode(message.body)? {
                        row.push(value?.map(|it| String::from_utf8_lossy(it).into_owned()));
                    }
                    rows.push(row);
                }
                tag::ERROR => refused = Some(unexpected(tag::ERROR, message.body)),
                tag::READY_FOR_QUERY if !rest.is_empty() => {
                    return Err(ConnectError::Protocol("unexpected bytes behind an answer".into()));
                }
                tag::READY_FOR_QUERY => return refused.map_or(Ok(rows), Err),
                _ => {}
            }
            let used = buffer.len() - rest.len();
            buffer.drain(..used);
        }
    }
}

/// Rows of an answer of our own that are kept, at most.
const ANSWER_ROWS_MAX: usize = 16;

/// Bytes of one answer to a question of our own, at most.
const ANSWER_MAX: usize = 64 * 1024;

pub(crate) async fn until_ready(messages: &mut Messages) -> Result<(), ConnectError> {
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::READY_FOR_QUERY => return Ok(()),
            tag::ERROR => return Err(unexpected(message, &body)),
            _ => {}
        }
    }
}

pub(crate) fn unexpected(message: u8, body: &[u8]) -> ConnectError {
    if message == tag::ERROR
        && let Ok(fields) = ErrorFields::decode(body)
    {
        return ConnectError::Refused {
            code: fields.code.to_owned(),
            message: fields.message.into_owned(),
        };
    }
    ConnectError::Protocol(format!("unexpected message {:?}", char::from(message)))
}
