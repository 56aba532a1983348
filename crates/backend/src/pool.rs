//! Server connections kept open for whoever comes next.

mod card;
mod claimed;
mod queue;
mod settings;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use afterwrite_types::{Role, Sequence};
use parking_lot::{Mutex, RwLock};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::timeout;
use tracing::debug;

use crate::connect::{self, Connection, Login};
use crate::error::{ClaimError, ConnectError};
use crate::node::Node;
use crate::quota::Limits;

pub use card::ServerCard;
pub use claimed::Claimed;
use queue::{Handover, Place, Waiting};
pub use settings::{Order, PoolSettings};

/// The connections to one node in one role, as one user, to one database.
#[derive(Debug)]
pub struct Pool {
    node: Arc<Node>,
    role: Role,
    login: Arc<RwLock<Arc<Login>>>,
    sequence: Arc<Sequence>,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Arc<PoolSettings>,
    /// The last one given back is at the end.
    idle: VecDeque<Box<Connection>>,
    /// Open or being opened, idle ones included.
    open: usize,
    waiting: VecDeque<Waiting>,
    /// Connections of an earlier era are closed when they come back.
    era: u64,
    /// The server has refused the login, and until when it is not asked again.
    refused: Option<(Instant, ConnectError)>,
    cards: Vec<Weak<ServerCard>>,
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections in use or being opened.
    pub active: usize,
    /// Connections that wait for someone.
    pub idle: usize,
    /// Statements that wait for a connection.
    pub waiting: usize,
    /// For how long the first of them has waited.
    pub waited: Duration,
    /// Connections there may be.
    pub size: usize,
}

impl Pool {
    pub(crate) fn new(
        node: Arc<Node>,
        role: Role,
        login: Arc<RwLock<Arc<Login>>>,
        sequence: Arc<Sequence>,
        limits: Limits,
        settings: Arc<PoolSettings>,
    ) -> Arc<Self> {
        let state = State {
            settings,
            idle: VecDeque::new(),
            open: 0,
            waiting: VecDeque::new(),
            era: 0,
            refused: None,
            cards: Vec::new(),
        };
        let pool = Arc::new(Self { node, role, login, sequence, limits, state: Mutex::new(state) });
        for quota in &pool.limits.0 {
            quota.join(&pool);
        }
        pool
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
            waited: state.waiting.front().map_or(Duration::ZERO, |first| first.since.elapsed()),
            size: state.settings.size,
        }
    }

    /// Its connections, used or not.
    pub fn cards(&self) -> Vec<Arc<ServerCard>> {
        let mut state = self.state.lock();
        state.cards.retain(|card| card.strong_count() > 0);
        state.cards.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn apply(&self, settings: &Arc<PoolSettings>) {
        let mut state = self.state.lock();
        state.settings = Arc::clone(settings);
        state.refused = None;
    }

    /// A connection for one exchange or one transaction.
    ///
    /// Cancel-safe: whoever stops waiting leaves its place to the next.
    pub async fn claim(self: &Arc<Self>) -> Result<Claimed, ClaimError> {
        loop {
            let now = Instant::now();
            let (connection, settings) = match self.take_or_place(now) {
                Took::Fresh(connection) => {
                    return Ok(Claimed::new(Arc::clone(self), connection, now));
                }
                Took::Unchecked(connection, settings) => (connection, settings),
                Took::Place(place) => return self.open(place).await.map_err(ClaimError::Connect),
                Took::Refused(error) => return Err(ClaimError::Connect(error)),
                Took::Nothing => match self.wait_in_line().await? {
                    Handover::Connection(connection) => {
                        return Ok(Claimed::new(Arc::clone(self), connection, Instant::now()));
                    }
                    Handover::Place => {
                        let place = Place::taken(self);
                        return self.open(place).await.map_err(ClaimError::Connect);
                    }
                },
            };
            let mut claimed = Claimed::new(Arc::clone(self), connection, now);
            match claimed.ask(&settings.check_query, settings.connect_timeout).await {
                Ok(_) => return Ok(claimed),
                // Closed, and the next one is tried.
                Err(error) => debug!(%error, "a server connection did not pass its check"),
            }
        }
    }

    /// A connection that is open, unused and known to be good, if there is one: what
    /// [`Self::claim`] would give at once.
    pub(crate) fn claim_at_once(self: &Arc<Self>, now: Instant) -> Option<Claimed> {
        let mut state = self.state.lock();
        let connection = self.take_idle(&mut state, now)?;
        if !state.settings.trusts(|| connection.unused_for(now)) {
            // Whoever claims in earnest has it checked.
            match state.settings.order {
                Order::Lifo => state.idle.push_back(connection),
                Order::Fifo => state.idle.push_front(connection),
            }
            return None;
        }
        drop(state);
        Some(Claimed::new(Arc::clone(self), connection, now))
    }

    /// Whatever can be had without waiting.
    fn take_or_place(self: &Arc<Self>, now: Instant) -> Took {
        let took = self.try_take(&mut self.state.lock(), now);
        match took {
            None => {
                // Another pool may hold what a shared limit leaves us short of.
                self.limits.make_room(self);
                self.try_take(&mut self.state.lock(), now).unwrap_or(Took::Nothing)
            }
            Some(took) => took,
        }
    }

    /// `None` if only a shared limit stands in the way.
    fn try_take(self: &Arc<Self>, state: &mut State, now: Instant) -> Option<Took> {
        if let Some(connection) = self.take_idle(state, now) {
            return Some(if state.settings.trusts(|| connection.unused_for(now)) {
                Took::Fresh(connection)
            } else {
                Took::Unchecked(connection, Arc::clone(&state.settings))
            });
        }
        if let Some((until, error)) = &state.refused
            && *until > now
        {
            return Some(Took::Refused(error.again()));
        }
        if state.open >= state.settings.size || !state.waiting.is_empty() {
            return Some(Took::Nothing);
        }
        if !self.limits.try_take() {
            return None;
        }
        state.open += 1;
        Some(Took::Place(Place::taken(self)))
    }

    /// Opens a connection in a place that was reserved.
    async fn open(self: &Arc<Self>, mut place: Place) -> Result<Claimed, ConnectError> {
        let (settings, era) = {
            let state = self.state.lock();
            (Arc::clone(&state.settings), state.era)
        };
        let limit = settings.connect_timeout;
        let life = self.node.life.load(Ordering::SeqCst);
        let opening = async {
            let login = Arc::clone(&self.login.read());
            let mut connection =
                connect::open(&self.node, &login, self.role, settings.prepared_max, &self.sequence)
                    .await
                    .map(Box::new)?;
            if !settings.connect_query.is_empty() {
                connection.begin_with(&settings.connect_query, limit).await?;
            }
            Ok(connection)
        };
        let opened = match timeout(limit, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(ConnectError::TimedOut(limit)),
        };
        let mut connection = opened.inspect_err(|error| self.note_refusal(error, &settings))?;
        connection.life = life;
        connection.era = era;
        connection.card.era.store(era, Ordering::Relaxed);
        place.use_up();
        let mut state = self.state.lock();
        state.refused = None;
        if state.cards.len() > 2 * state.open {
            state.cards.retain(|card| card.strong_count() > 0);
        }
        state.cards.push(Arc::downgrade(&connection.card));
        drop(state);
        Ok(Claimed::new(Arc::clone(self), connection, Instant::now()))
    }

    /// Whoever knocks with a wrong password a hundred times a second helps nobody.
    fn note_refusal(&self, error: &ConnectError, settings: &PoolSettings) {
        if error.is_login_refused() {
            self.state.lock().refused =
                Some((Instant::now() + settings.login_retry, error.again()));
        }
    }

    /// An idle connection that still lives; those that do not are closed.
    fn take_idle(&self, state: &mut State, now: Instant) -> Option<Box<Connection>> {
        loop {
            let mut connection = match state.settings.order {
                Order::Lifo => state.idle.pop_back()?,
                Order::Fifo => state.idle.pop_front()?,
            };
            if self.is_fit(&connection, state, now) && is_silent(&mut connection) {
                return Some(connection);
            }
            self.forget_one(state);
        }
    }

    fn is_fit(&self, connection: &Connection, state: &State, now: Instant) -> bool {
        connection.life == self.node.life.load(Ordering::SeqCst)
            && connection.era == state.era
            && connection.link.is_idle()
            && connection.link.retired().is_none()
            && now.saturating_duration_since(connection.opened) < state.settings.lifetime_max
    }

    /// One connection less. Those who starve for it are woken by the next tidying
    /// or by whoever closes one outside of the lock.
    fn forget_one(&self, state: &mut State) {
        state.open = state.open.saturating_sub(1);
        self.limits.put_back();
    }

    /// Takes a connection back, or its place if it is not fit any more.
    pub(crate) fn give_back(&self, connection: Option<Box<Connection>>) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let kept = connection.filter(|connection| self.is_fit(connection, &state, now));
        let over = state.open > state.settings.size && state.waiting.is_empty();
        match kept.filter(|_| !over) {
            Some(mut connection) => {
                connection.last_used = now;
                connection.card.rest(connection.link.prepared_len());
                while let Some(next) = state.waiting.pop_front() {
                    connection.card.claim(now);
                    match next.sender.send(Handover::Connection(connection)) {
                        Err(Handover::Connection(back)) => {
                            connection = back;
                            connection.card.rest(connection.link.prepared_len());
                        }
                        Ok(()) | Err(Handover::Place) => return,
                    }
                }
                if self.limits.wanted_elsewhere() {
                    self.forget_one(&mut state);
                    drop(state);
                    drop(connection);
                    self.limits.wake();
                } else {
                    state.idle.push_back(connection);
                }
            }
            None => {
                if self.pass_place_on(&mut state) {
                    drop(state);
                    self.limits.wake();
                }
            }
        }
    }

    /// A place came free: the next in line may open a connection. Says whether
    /// nobody here wanted it.
    fn pass_place_on(&self, state: &mut State) -> bool {
        let may_open = state.open <= state.settings.size;
        while may_open && let Some(next) = state.waiting.pop_front() {
            if next.sender.send(Handover::Place).is_ok() {
                return false;
            }
        }
        self.forget_one(state);
        true
    }

    /// A shared limit has room again: the first in line here may have it.
    pub(crate) fn offer_place(&self) {
        let mut state = self.state.lock();
        if state.waiting.is_empty() || state.open >= state.settings.size || !self.limits.try_take()
        {
            return;
        }
        state.open += 1;
        self.pass_place_on(&mut state);
    }

    /// Closes the connection that was unused for longest; says whether there was one.
    pub(crate) fn close_one_idle(&self) -> bool {
        let mut state = self.state.lock();
        let closed = state.idle.pop_front();
        if closed.is_some() {
            self.forget_one(&mut state);
        }
        closed.is_some()
    }

    /// Forgets that a login was refused: the next one is made with something else.
    pub(crate) fn try_login_again(&self) {
        self.state.lock().refused = None;
    }

    /// Closes what is unused, and what is in use as it comes back.
    pub(crate) fn reconnect(&self) {
        let mut state = self.state.lock();
        state.era += 1;
        let closed = std::mem::take(&mut state.idle);
        for _ in &closed {
            self.forget_one(&mut state);
        }
        state.refused = None;
        drop(state);
        self.limits.wake();
    }

    /// Closes connections that nobody has needed for a while, and those of an
    /// earlier life of the node. Says whether more should be opened in advance.
    pub(crate) fn tidy(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let idle = std::mem::take(&mut state.idle);
        let spare = state.open.saturating_sub(state.settings.min_size);
        let mut closable = spare;
        for connection in idle {
            let unused = connection.unused_for(now) >= state.settings.idle_timeout;
            let over = state.open > state.settings.size;
            if !self.is_fit(&connection, &state, now) || over || unused && closable > 0 {
                closable = closable.saturating_sub(1);
                self.forget_one(&mut state);
            } else {
                state.idle.push_back(connection);
            }
        }
        let warm = state.open < state.settings.min_size && state.refused.is_none();
        drop(state);
        self.limits.wake();
        warm
    }

    /// Opens one connection in advance, if there is room.
    pub(crate) async fn warm(self: &Arc<Self>) -> Result<(), ConnectError> {
        let place = {
            let mut state = self.state.lock();
            let full = state.open >= state.settings.min_size.min(state.settings.size);
            if full || !self.limits.try_take() {
                return Ok(());
            }
            state.open += 1;
            Place::taken(self)
        };
        self.open(place).await.map(Claimed::release)
    }

    /// Connections that are to be replaced and still open.
    pub fn outdated(&self) -> usize {
        self.cards().iter().filter(|card| self.is_outdated(card)).count()
    }

    /// Whether a connection is to be replaced.
    pub fn is_outdated(&self, card: &ServerCard) -> bool {
        card.era.load(Ordering::Relaxed) < self.state.lock().era
    }

    /// Nobody uses it, and nothing is open.
    pub(crate) fn is_unused(&self) -> bool {
        let state = self.state.lock();
        state.open == 0 && state.waiting.is_empty()
    }
}

/// What can be had without waiting.
enum Took {
    /// A connection that is known to be good.
    Fresh(Box<Connection>),
    /// One that was unused for so long that it must be asked first.
    Unchecked(Box<Connection>, Arc<PoolSettings>),
    /// The right to open one.
    Place(Place),
    /// The server has just refused the login.
    Refused(ConnectError),
    /// One must wait.
    Nothing,
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
