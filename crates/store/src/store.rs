//! The connection to the store. Many questions at once share one round trip.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterwrite_core::{Key, StoreLife};
use afterwrite_types::{Line, Lsn};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script, Value};
use smallvec::SmallVec;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::StoreError;
use crate::script::{Batch, script};
use crate::settings::StoreSettings;

/// Questions that wait at most; what is more is refused at once.
const QUEUE_MAX: usize = 8192;

/// Questions in one call at most.
const BATCH_MAX: usize = 256;

/// Calls under way at most; what comes meanwhile goes together in the next one.
const UNDER_WAY_MAX: usize = 4;

/// How long connecting may take: rarer than asking, and with TLS several round trips.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// After how long without an answer a connection is given up. Whoever asked has not waited so
/// long, unless it must.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked of the store.
#[derive(Clone, Debug)]
pub struct Question {
    /// The line of history.
    pub line: Line,
    /// Floors to be raised.
    pub raise: Option<(SmallVec<[Key; 4]>, Lsn)>,
    /// Keys whose floors are wanted.
    pub read: SmallVec<[Key; 4]>,
}

/// What the store answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which life of the store it is from.
    pub life: StoreLife,
    /// The highest floor of the keys that were asked for, if there is one.
    pub floor: Option<Lsn>,
}

/// A question that is under way. Dropped, it may still be carried out.
#[derive(Debug)]
pub struct Asked(oneshot::Receiver<Result<Answer, StoreError>>);

impl Asked {
    /// Its answer. Comes to an end by itself: a connection that says nothing is given up.
    pub async fn answer(mut self) -> Result<Answer, StoreError> {
        self.answered().await
    }

    /// As [`Self::answer`], to be asked for again if it was dropped. Cancel-safe.
    pub async fn answered(&mut self) -> Result<Answer, StoreError> {
        (&mut self.0).await.unwrap_or(Err(StoreError::Away))
    }
}

type Reply = oneshot::Sender<Result<Answer, StoreError>>;

/// A store that several proxies share.
#[derive(Debug)]
pub struct Store {
    client: Client,
    name: String,
    timeout: Duration,
    queue: mpsc::Sender<(Question, Reply)>,
    connection: Mutex<Option<Connection>>,
    /// It did not answer in time when it was last asked.
    late: AtomicBool,
}

/// With a number, so that only the one that failed is given up.
#[derive(Clone)]
struct Connection(u64, MultiplexedConnection);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.0)
    }
}

/// Sends what is asked of a [`Store`]; without it nothing is answered.
#[derive(Debug)]
pub struct Worker {
    store: Arc<Store>,
    queue: mpsc::Receiver<(Question, Reply)>,
}

impl Store {
    /// A store; nothing is connected yet.
    pub fn new(settings: &StoreSettings) -> (Arc<Self>, Worker) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let store = Arc::new(Self {
            client: settings.client.clone(),
            name: settings.name.clone(),
            timeout: settings.timeout,
            queue: sender,
            connection: Mutex::new(None),
            late: AtomicBool::new(false),
        });
        (Arc::clone(&store), Worker { store, queue })
    }

    /// How long an answer may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether there is a connection that has not failed.
    pub fn is_connected(&self) -> bool {
        self.connection.lock().is_some()
    }

    /// Connects anew. Cancel-safe.
    ///
    /// Never done on its own: behind a name there may be another server now, and whoever asks
    /// must not miss that.
    pub async fn connect(&self) -> Result<(), StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // Each call has its own limit.
            .set_response_timeout(Some(CALL_TIMEOUT));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connected = timeout(2 * CONNECT_TIMEOUT, connecting).await;
        let connected = connected.map_err(|_| StoreError::TimedOut(CONNECT_TIMEOUT))?;
        let connection = connected.map_err(|error| failed(&error))?;
        let mut known = self.connection.lock();
        let number = known.as_ref().map_or_else(fresh, |known| known.0.wrapping_add(1));
        *known = Some(Connection(number, connection));
        Ok(())
    }

    /// Asks, within the time that an answer may take; not at all while the store is known to
    /// be late. Cancel-safe.
    pub async fn ask(&self, question: Question) -> Result<Answer, StoreError> {
        if self.late.load(Ordering::Relaxed) {
            return Err(StoreError::Away);
        }
        let asked = self.begin(question)?;
        let Ok(answer) = timeout(self.timeout, asked.answer()).await else {
            self.late.store(true, Ordering::Relaxed);
            return Err(StoreError::TimedOut(self.timeout));
        };
        answer
    }

    /// Begins to ask: for those who must know, however long it takes.
    pub fn begin(&self, question: Question) -> Result<Asked, StoreError> {
        if !self.is_connected() {
            return Err(StoreError::Away);
        }
        let (sender, reply) = oneshot::channel();
        self.queue.try_send((question, sender)).map_err(|_| StoreError::Busy)?;
        Ok(Asked(reply))
    }

    /// Gives up a connection that has failed, if it is still the one in use.
    fn give_up(&self, number: u64) {
        self.connection.lock().take_if(|it| it.0 == number);
    }

    async fn send(&self, script: &Script, questions: Vec<(Question, Reply)>) {
        let mut by_line: HashMap<Line, Vec<(Question, Reply)>> = HashMap::new();
        // Whoever has given up need not be answered; but what it wrote is raised all the same.
        for (question, reply) in questions {
            by_line.entry(question.line).or_default().push((question, reply));
        }
        for (line, questions) in by_line {
            let mut batch = Batch::default();
            for (question, _) in &questions {
                if let Some((keys, lsn)) = &question.raise {
                    keys.iter().for_each(|key| batch.raise(*key, *lsn));
                }
                question.read.iter().for_each(|key| batch.read(*key));
            }
            let life = self.call(script, line, &mut batch).await;
            for (question, reply) in questions {
                let floor = batch.floor(&question.read);
                let _ = reply.send(life.clone().map(|life| Answer { life, floor }));
            }
        }
    }

    async fn call(
        &self,
        script: &Script,
        line: Line,
        batch: &mut Batch,
    ) -> Result<StoreLife, StoreError> {
        let connection = self.connection.lock().clone();
        let Connection(number, mut connection) = connection.ok_or(StoreError::Away)?;
        let invocation = batch.invocation(script, &self.name, line, fresh());
        let calling = invocation.invoke_async::<Value>(&mut connection);
        let answer = match timeout(CALL_TIMEOUT, calling).await {
            Ok(Ok(answer)) => batch.answered(&answer),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(StoreError::TimedOut(CALL_TIMEOUT)),
        };
        if answer.is_err() {
            self.give_up(number);
        }
        self.late.store(answer.is_err(), Ordering::Relaxed);
        answer
    }
}

impl Worker {
    /// Sends what is asked until its store is dropped. Never waits for one answer with all that
    /// comes behind it.
    pub async fn run(mut self) {
        let script = Arc::new(script());
        let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let mut calls = JoinSet::new();
        loop {
            let mut questions = Vec::new();
            if self.queue.recv_many(&mut questions, BATCH_MAX).await == 0 {
                return;
            }
            let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
            while questions.len() < BATCH_MAX
                && let Ok(more) = self.queue.try_recv()
            {
                questions.push(more);
            }
            let (store, script) = (Arc::clone(&self.store), Arc::clone(&script));
            calls.spawn(async move {
                store.send(&script, questions).await;
                drop(permit);
            });
            while calls.try_join_next().is_some() {}
        }
    }
}

/// A number that nobody else has.
fn fresh() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness the store's life is told by its replication id alone.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn failed(error: &redis::RedisError) -> StoreError {
    // Its words are the server's, or the library's; neither quotes a password.
    StoreError::Failed(error.to_string())
}
