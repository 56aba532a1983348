//! The proxy's end of a server connection: opening, claiming, asking, giving back.

use std::rc::Rc;

use afterwrite_core::Proof;
use afterwrite_session::{CAPTURE_NAME, CAPTURE_SQL, Link, LinkSpec};
use afterwrite_types::{InsertPointer, Line, Lsn, Position, Role, SystemId, Timeline};
use afterwrite_wire::client;
use afterwrite_wire::frame;
use afterwrite_wire::server::{DataRow, ErrorFields};
use afterwrite_wire::tags::server as tag;

use crate::cluster::{CONNECT_TIMEOUT, Proxy, node_id};
use crate::log::geometry;
use crate::runtime::Sim;

const ANSWER_MAX: usize = 1 << 16;

/// The socket: closed when it is dropped.
pub(crate) struct Socket {
    sim: Rc<Sim>,
    pub(crate) id: usize,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut world = self.sim.world();
        let conn = &mut world.conns[self.id];
        conn.closed_by_proxy = true;
        world.changes += 1;
        // What was sent last may never arrive.
        if world.random.permille(200) {
            let conn = &mut world.conns[self.id];
            let kept = conn.to_server.len() / 2;
            conn.to_server.truncate(kept);
        }
    }
}

/// What reading a connection gave.
pub(crate) enum Read {
    Nothing,
    Bytes(Vec<u8>),
    End,
}

impl Socket {
    pub(crate) fn open(sim: &Rc<Sim>, node: usize, read_only: bool) -> Option<Self> {
        let id = sim.world().connect(node, read_only)?;
        Some(Self { sim: Rc::clone(sim), id })
    }

    /// Sends; whether it arrives, only an answer tells.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut world = self.sim.world();
        let conn = &mut world.conns[self.id];
        if !conn.closed_by_server {
            conn.to_server.extend_from_slice(bytes);
            world.spring_ambush(self.id);
        }
    }

    /// Reads some of what has arrived.
    pub(crate) fn read(&self) -> Read {
        let mut world = self.sim.world();
        let split = world.random.permille(200);
        let conn = &world.conns[self.id];
        let here = conn.to_proxy.len();
        if here == 0 {
            return if conn.closed_by_server { Read::End } else { Read::Nothing };
        }
        let count = if split { 1 + world.random.index(here) } else { here };
        world.changes += 1;
        Read::Bytes(world.conns[self.id].to_proxy.drain(..count).collect())
    }

    /// Nothing has come over it, neither bytes nor its end.
    fn is_silent(&self) -> bool {
        let world = self.sim.world();
        let conn = &world.conns[self.id];
        conn.to_proxy.is_empty() && !conn.closed_by_server
    }

    /// Sends, and reads up to the next "ready": the last row's first value.
    pub(crate) async fn ask(&self, request: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.send(request);
        let mut buffer = Vec::new();
        let mut row = None;
        loop {
            let used = match frame::split(&buffer, ANSWER_MAX).map_err(|it| it.to_string())? {
                None => {
                    let read = self.sim.until(|| match self.read() {
                        Read::Nothing => None,
                        Read::Bytes(bytes) => Some(Ok(bytes)),
                        Read::End => Some(Err("closed".to_owned())),
                    });
                    buffer.extend(read.await?);
                    continue;
                }
                Some((message, rest)) => {
                    match message.tag {
                        tag::DATA_ROW => {
                            let mut values =
                                DataRow::decode(message.body).map_err(|it| it.to_string())?;
                            row = values.next().and_then(Result::ok).flatten().map(<[u8]>::to_vec);
                        }
                        tag::READY_FOR_QUERY => return Ok(row),
                        tag::ERROR => {
                            let fields = ErrorFields::decode(message.body);
                            return Err(fields.map_or_else(|_| String::new(), |it| it.code.into()));
                        }
                        _ => {}
                    }
                    buffer.len() - rest.len()
                }
            };
            buffer.drain(..used);
        }
    }

    pub(crate) async fn ask_sql(&self, sql: &str) -> Result<String, String> {
        let mut out = Vec::new();
        client::query(&mut out, sql);
        let answer = self.ask(&out).await?.ok_or("no row")?;
        String::from_utf8(answer).map_err(|it| it.to_string())
    }
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Introduction {
    pub(crate) role: Role,
    pub(crate) line: Line,
    pub(crate) lsn: Lsn,
}

pub(crate) async fn introduce(socket: &Socket) -> Result<Introduction, String> {
    let text = socket.ask_sql("INTRODUCE").await?;
    let mut words = text.split(' ');
    let role = if words.next() == Some("p") { Role::Primary } else { Role::Replica };
    let lsn: u64 = words.next().and_then(|it| it.parse().ok()).ok_or("no position")?;
    let timeline = words.next().and_then(|it| it.parse().ok()).ok_or("no timeline")?;
    let lsn = match role {
        Role::Primary => InsertPointer(lsn).last_record_end(geometry()),
        Role::Replica => Lsn(lsn),
    };
    let line = Line { system: SystemId(7), timeline: Timeline(timeline) };
    Ok(Introduction { role, line, lsn })
}

/// A server connection and what is known of it.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) link: Link,
    pub(crate) node: usize,
    /// The node's life in which it was opened.
    life: u64,
}

impl Proxy {
    fn is_fit(&self, connection: &Connection) -> bool {
        connection.life == self.nodes.borrow()[connection.node].life
            && connection.link.is_idle()
            && connection.link.retired().is_none()
    }

    /// A connection for one exchange or one transaction.
    pub(crate) async fn claim(&self, node: usize, role: Role) -> Result<Connection, String> {
        let pool = (node, role == Role::Primary);
        loop {
            let idle = self.idle.borrow_mut().get_mut(&pool).and_then(Vec::pop);
            let Some(connection) = idle else { break };
            if self.is_fit(&connection) && connection.socket.is_silent() {
                self.nodes.borrow_mut()[node].in_flight += 1;
                return Ok(connection);
            }
        }
        let life = self.nodes.borrow()[node].life;
        let opening = self.open(node, role);
        let opened = self.sim.timeout(CONNECT_TIMEOUT, opening).await;
        let (socket, link) = opened.ok_or("connect timed out")??;
        self.nodes.borrow_mut()[node].in_flight += 1;
        Ok(Connection { socket, link, node, life })
    }

    /// Opens a connection and asks who is there. The moment in its proof is taken
    /// after the answer.
    async fn open(&self, node: usize, expected: Role) -> Result<(Socket, Link), String> {
        let socket = Socket::open(&self.sim, node, expected == Role::Replica).ok_or("refused")?;
        let said = introduce(&socket).await?;
        let admitted = self.sequence.now();
        if said.role != expected {
            return Err("the role has changed".into());
        }
        // One that was promoted meanwhile is no primary yet, as far as anybody here knows.
        let confirmed = self.primary.get().is_some_and(|primary| primary.line == said.line);
        if said.role == Role::Primary && !confirmed {
            return Err("the primary is another one".into());
        }
        if said.role == Role::Primary {
            let mut out = Vec::new();
            client::parse(&mut out, CAPTURE_NAME, CAPTURE_SQL, &[]);
            client::sync(&mut out);
            socket.ask(&out).await?;
        }
        let own = Position { line: said.line, lsn: said.lsn };
        let link = Link::new(LinkSpec {
            node: node_id(node),
            server: 0,
            role: said.role,
            line: said.line,
            wal: geometry(),
            proof: (said.role == Role::Replica).then(|| Proof::new(own, admitted)),
            prepared_max: self.sim.world().plan.prepared_max,
            capture: said.role == Role::Primary,
        });
        self.sim.world().note(format_args!("proxy: connection {} to node {node}", socket.id));
        Ok((socket, link))
    }

    /// Takes a connection back: kept if it is idle and sound, else closed.
    pub(crate) fn release(&self, connection: Connection, reusable: bool) {
        self.nodes.borrow_mut()[connection.node].in_flight -= 1;
        if reusable && self.is_fit(&connection) {
            let pool = (connection.node, connection.link.role() == Role::Primary);
            self.idle.borrow_mut().entry(pool).or_default().push(connection);
        }
    }
}

impl Connection {
    /// Asks the replica behind this very connection how far it has replayed.
    pub(crate) async fn witness(&mut self) -> Result<(), String> {
        let replayed = self.socket.ask_sql("REPLAYED").await?;
        self.link.note_simple_query();
        if let (Ok(lsn), Some(proof)) = (replayed.parse(), self.link.proof_mut()) {
            proof.witness_here(Lsn(lsn));
        }
        Ok(())
    }
}
