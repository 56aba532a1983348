//! Server connections kept open for whoever comes next.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use afterwrite_types::{Role, Sequence};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connect::{self, Connection, Login};
use crate::error::{ClaimError, ConnectError};
use crate::node::Node;

/// Limits of one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolLimits {
    pub(crate) size: usize,
    pub(crate) queue_max: usize,
    pub(crate) wait_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) lifetime_max: Duration,
    pub(crate) prepared_max: usize,
}

/// The connections to one node in one role, as one user, to one database.
#[derive(Debug)]
pub struct Pool {
    node: Arc<Node>,
    role: Role,
    login: Arc<Login>,
    sequence: Arc<Sequence>,
    limits: PoolLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last one given back is the first one taken: the rest may grow idle.
    idle: Vec<Connection>,
    /// Open or being opened, idle ones included.
    open: usize,
    waiting: VecDeque<oneshot::Sender<Handover>>,
}

/// What one who waits is given.
#[derive(Debug)]
enum Handover {
    Connection(Box<Connection>),
    /// The right to open one.
    Place,
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections in use or being opened.
    pub active: usize,
    /// Connections that wait for someone.
    pub idle: usize,
    /// Statements that wait for a connection.
    pub waiting: usize,
    /// Connections there may be.
    pub size: usize,
}

impl Pool {
    pub(crate) fn new(
        node: Arc<Node>,
        role: Role,
        login: Arc<Login>,
        sequence: Arc<Sequence>,
        limits: PoolLimits,
    ) -> Self {
        Self { node, role, login, sequence, limits, state: Mutex::new(State::default()) }
    }

    /// The node it leads to.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// How full it is.
    pub fn status(&self) -> PoolStatus {
        let state = self.state.lock();
        PoolStatus {
            active: state.open - state.idle.len().min(state.open),
            idle: state.idle.len(),
            waiting: state.waiting.len(),
            size: self.limits.size,
        }
    }

    /// A connection for one exchange or one transaction.
    ///
    /// Cancel-safe: whoever stops waiting leaves its place to the next.
    pub async fn claim(self: &Arc<Self>) -> Result<Claimed, ClaimError> {
        let waiting = {
            let mut state = self.state.lock();
            if let Some(connection) = self.take_idle(&mut state) {
                return Ok(self.claimed(connection));
            }
            if state.open < self.limits.size {
                state.open += 1;
                None
            } else if state.waiting.len() >= self.limits.queue_max {
                return Err(ClaimError::QueueFull { queue_max: self.limits.queue_max });
            } else {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push_back(sender);
                Some(receiver)
            }
        };
        let place = match waiting {
            None => Place { pool: Arc::clone(self), used: false },
            Some(receiver) => match self.wait_in_line(receiver).await? {
                Handover::Connection(connection) => return Ok(self.claimed(*connection)),
                Handover::Place => Place { pool: Arc::clone(self), used: false },
            },
        };
        self.open(place).await.map_err(ClaimError::Connect)
    }

    async fn wait_in_line(
        self: &Arc<Self>,
        receiver: oneshot::Receiver<Handover>,
    ) -> Result<Handover, ClaimError> {
        let mut receiver = InLine { pool: self, receiver: Some(receiver) };
        let limit = self.limits.wait_timeout;
        let handed = poll_fn(|context| match receiver.receiver.as_mut() {
            Some(inner) => Pin::new(inner).poll(context),
            None => Poll::Pending,
        });
        let busy = || ClaimError::Busy { waited: limit, size: self.limits.size };
        let result = timeout(limit, handed).await;
        match result {
            Ok(Ok(handover)) => {
                receiver.receiver = None;
                Ok(handover)
            }
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Opens a connection in a place that was reserved.
    async fn open(self: &Arc<Self>, mut place: Place) -> Result<Claimed, ConnectError> {
        let limit = self.limits.connect_timeout;
        let life = self.node.life.load(Ordering::SeqCst);
        let opening = connect::open(
            self.node.id,
            &self.node.server,
            &self.login,
            self.role,
            self.limits.prepared_max,
            &self.sequence,
        );
        let mut connection =
            timeout(limit, opening).await.map_err(|_| ConnectError::TimedOut(limit))??;
        connection.life = life;
        place.used = true;
        Ok(self.claimed(connection))
    }

    fn claimed(self: &Arc<Self>, connection: Connection) -> Claimed {
        self.node.in_flight.fetch_add(1, Ordering::Relaxed);
        Claimed { pool: Arc::clone(self), connection: Some(connection), reusable: false }
    }

    /// An idle connection that still lives; those that do not are closed.
    fn take_idle(&self, state: &mut State) -> Option<Connection> {
        while let Some(mut connection) = state.idle.pop() {
            if self.is_fit(&connection) && is_silent(&mut connection) {
                return Some(connection);
            }
            state.open -= 1;
        }
        None
    }

    fn is_fit(&self, connection: &Connection) -> bool {
        connection.life == self.node.life.load(Ordering::SeqCst)
            && connection.link.is_idle()
            && connection.link.retired().is_none()
            && connection.opened.elapsed() < self.limits.lifetime_max
    }

    /// Takes a connection back, or its place if it is not fit any more.
    fn give_back(&self, connection: Option<Connection>) {
        let connection = connection.filter(|connection| self.is_fit(connection)).map(|mut it| {
            it.last_used = Instant::now();
            it
        });
        let mut state = self.state.lock();
        match connection {
            Some(mut connection) => {
                while let Some(next) = state.waiting.pop_front() {
                    match next.send(Handover::Connection(Box::new(connection))) {
                        Err(Handover::Connection(back)) => connection = *back,
                        Ok(()) | Err(Handover::Place) => return,
                    }
                }
                state.idle.push(connection);
            }
            None => Self::pass_place_on(&mut state),
        }
    }

    /// A place came free: the next in line may open a connection.
    fn pass_place_on(state: &mut State) {
        while let Some(next) = state.waiting.pop_front() {
            if next.send(Handover::Place).is_ok() {
                return;
            }
        }
        state.open = state.open.saturating_sub(1);
    }

    /// Closes connections that nobody has needed for a while, and those of an
    /// earlier life of the node.
    pub(crate) fn tidy(&self) {
        let mut state = self.state.lock();
        let before = state.idle.len();
        let idle_timeout = self.limits.idle_timeout;
        state.idle.retain(|it| self.is_fit(it) && it.last_used.elapsed() < idle_timeout);
        state.open -= before - state.idle.len();
    }
}

/// Whether nothing has come over an idle connection: neither its end nor a
/// message. Costs no system call while nothing has.
fn is_silent(connection: &mut Connection) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    if connection.stream.poll_read_ready(&mut context).is_pending() {
        return true;
    }
    let mut byte = [0; 1];
    let mut buffer = ReadBuf::new(&mut byte);
    // Whatever came is not ours to explain: parameters of another time, or an end.
    Pin::new(&mut connection.stream).poll_read(&mut context, &mut buffer).is_pending()
}

/// A place in line; what arrives after its owner gave up goes to the next.
struct InLine<'a> {
    pool: &'a Arc<Pool>,
    receiver: Option<oneshot::Receiver<Handover>>,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let Some(mut receiver) = self.receiver.take() else { return };
        receiver.close();
        match receiver.try_recv() {
            Ok(Handover::Connection(connection)) => self.pool.give_back(Some(*connection)),
            Ok(Handover::Place) => Pool::pass_place_on(&mut self.pool.state.lock()),
            Err(_) => {}
        }
    }
}

/// The right to open a connection; goes to the next in line if it is not used.
struct Place {
    pool: Arc<Pool>,
    used: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.used {
            Pool::pass_place_on(&mut self.pool.state.lock());
        }
    }
}

/// A connection in use. Dropped, it is closed; [`Claimed::release`] gives it back.
#[derive(Debug)]
pub struct Claimed {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    reusable: bool,
}

impl Claimed {
    /// Gives the connection back for the next client, if it is idle and sound.
    pub fn release(mut self) {
        self.reusable = true;
    }

    /// The node it leads to.
    pub fn node(&self) -> &Arc<Node> {
        &self.pool.node
    }
}

impl Deref for Claimed {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("a claimed connection is there until it is dropped"),
        }
    }
}

impl DerefMut for Claimed {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a claimed connection is there until it is dropped"),
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.pool.node.in_flight.fetch_sub(1, Ordering::Relaxed);
        let connection = self.connection.take();
        self.pool.give_back(connection.filter(|_| self.reusable));
    }
}
