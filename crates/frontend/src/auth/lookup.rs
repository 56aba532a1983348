//! Users that only the servers know: `auth_query`.
//!
//! The proxy asks a server, the gate remembers the answer for a short while. An
//! answer by which a login failed is not used again, so a changed password works
//! at the next try.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use afterwrite_wire::secret::StoredSecret;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use super::user::Known;

/// How long a user that was found is not asked for again.
const FOUND_FOR: Duration = Duration::from_secs(5);

/// How long a user that was not found is not asked for again.
const MISSING_FOR: Duration = Duration::from_millis(250);

/// How old an answer must be before a failed login makes it be asked for again.
/// Who guesses passwords causes no more questions than that.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Answers that are remembered at once.
const ANSWERS_MAX: usize = 4096;

/// Questions under way at once; further logins wait for their turn.
const QUESTIONS_MAX: usize = 8;

/// Bytes of a name that is asked for: PostgreSQL's own names have 63.
const NAME_BYTES_MAX: usize = 128;

/// Asks elsewhere for users that are in no list.
pub trait Lookup: Send + Sync {
    /// The secret of `user`, who wants to go to `database`; `None` if there is no
    /// such user. A user without a password, or whose password is over (`VALID
    /// UNTIL`), has [`StoredSecret::Nothing`]: it may still come in by a certificate.
    ///
    /// The database is as the client wrote it, and need not exist. May be dropped
    /// half-way. Must come to an end by itself.
    fn lookup(
        &self,
        database: &str,
        user: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<StoredSecret>, LookupError>> + Send + '_>>;
}

/// Nobody could be asked. The reason is for the log; the client is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError(String);

impl LookupError {
    /// `reason` must not contain a secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LookupError {}

/// Database and user.
type Key = (String, String);

/// A lookup with its latest answers.
pub(super) struct Answers {
    lookup: Arc<dyn Lookup>,
    kept: Mutex<Kept>,
    turns: Semaphore,
}

#[derive(Default)]
struct Kept {
    by_name: HashMap<Key, Arc<Entry>>,
    /// The oldest first; may name entries that were replaced since.
    order: VecDeque<(Key, Arc<Entry>)>,
}

/// One question. Who comes first asks it, the others wait for the same answer.
struct Entry {
    answer: OnceCell<Answer>,
    /// The user as known before: with the same secret it stays the same, with all
    /// that was derived from it.
    before: Option<Arc<Known>>,
}

struct Answer {
    user: Option<Arc<Known>>,
    at: Instant,
}

/// An answer, and which it was.
pub(super) struct Answered {
    pub(super) user: Option<Arc<Known>>,
    key: Key,
    entry: Arc<Entry>,
}

impl Answers {
    pub(super) fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, kept: Mutex::default(), turns: Semaphore::new(QUESTIONS_MAX) }
    }

    /// The user, from an answer that is young enough, or asked for now; `None`
    /// if the name is none that a server could have.
    ///
    /// Cancel-safe: dropped, the next who waits asks.
    pub(super) async fn find(
        &self,
        database: &str,
        user: &str,
    ) -> Result<Option<Answered>, LookupError> {
        if database.len() > NAME_BYTES_MAX || user.len() > NAME_BYTES_MAX {
            return Ok(None);
        }
        let key = (database.to_owned(), user.to_owned());
        let entry = self.kept.lock().entry(&key);
        let answer = entry.answer.get_or_try_init(|| self.ask(&key, entry.before.as_ref())).await?;
        let user = answer.user.clone();
        Ok(Some(Answered { user, key, entry }))
    }

    async fn ask(
        &self,
        (database, user): &Key,
        before: Option<&Arc<Known>>,
    ) -> Result<Answer, LookupError> {
        let _turn = self.turns.acquire().await.map_err(|error| LookupError(error.to_string()))?;
        let secret = self.lookup.lookup(database, user).await?;
        let known = secret.map(|secret| match before {
            Some(before) if before.secret == secret => Arc::clone(before),
            _ => Arc::new(Known::new(user.clone(), secret)),
        });
        Ok(Answer { user: known, at: Instant::now() })
    }

    /// Forgets an answer by which a login failed, unless it is new. Whether the
    /// next question may have another answer.
    pub(super) fn forget(&self, failed: &Answered) -> bool {
        let mut kept = self.kept.lock();
        match kept.by_name.get(&failed.key) {
            Some(entry) if Arc::ptr_eq(entry, &failed.entry) => {
                let old = entry.age().is_some_and(|age| age >= AGAIN_AFTER);
                if old {
                    kept.replace(&failed.key);
                }
                old
            }
            // Another login has forgotten it already.
            Some(_) | None => true,
        }
    }
}

impl Kept {
    /// The entry for this name: the one there is, unless its answer is too old.
    fn entry(&mut self, key: &Key) -> Arc<Entry> {
        match self.by_name.get(key) {
            Some(entry) if !entry.is_over() => Arc::clone(entry),
            Some(_) | None => self.replace(key),
        }
    }

    fn replace(&mut self, key: &Key) -> Arc<Entry> {
        let before = self.by_name.get(key).and_then(|entry| entry.answer.get()?.user.clone());
        let entry = Arc::new(Entry { answer: OnceCell::new(), before });
        self.by_name.insert(key.clone(), Arc::clone(&entry));
        self.order.push_back((key.clone(), Arc::clone(&entry)));
        while self.order.len() > ANSWERS_MAX {
            let Some((key, oldest)) = self.order.pop_front() else { break };
            if self.by_name.get(&key).is_some_and(|entry| Arc::ptr_eq(entry, &oldest)) {
                self.by_name.remove(&key);
            }
        }
        entry
    }
}

impl Entry {
    fn age(&self) -> Option<Duration> {
        self.answer.get().map(|answer| answer.at.elapsed())
    }

    fn is_over(&self) -> bool {
        let Some(answer) = self.answer.get() else { return false };
        let limit = if answer.user.is_some() { FOUND_FOR } else { MISSING_FOR };
        answer.at.elapsed() >= limit
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;

    /// Knows `alice`, whose password is the one that is set; takes its time.
    struct Server {
        asked: AtomicUsize,
        under_way: AtomicUsize,
        most: AtomicUsize,
        password: Mutex<Result<String, LookupError>>,
    }

    impl Lookup for Server {
        fn lookup(
            &self,
            _database: &str,
            user: &str,
        ) -> Pin<Box<dyn Future<Output = Result<Option<StoredSecret>, LookupError>> + Send + '_>>
        {
            let known = user == "alice";
            Box::pin(async move {
                self.asked.fetch_add(1, Ordering::SeqCst);
                let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
                sleep(Duration::from_millis(10)).await;
                self.under_way.fetch_sub(1, Ordering::SeqCst);
                let password = self.password.lock().clone()?;
                Ok(known.then(|| StoredSecret::parse(&password)))
            })
        }
    }

    fn bed() -> (Arc<Server>, Arc<Answers>) {
        let server = Arc::new(Server {
            asked: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            password: Mutex::new(Ok("one".into())),
        });
        let lookup: Arc<dyn Lookup> = Arc::clone(&server) as _;
        (server, Arc::new(Answers::new(lookup)))
    }

    async fn found(answers: &Answers, user: &str) -> Answered {
        answers.find("db", user).await.unwrap().unwrap()
    }

    fn secret(answered: &Answered) -> Option<StoredSecret> {
        answered.user.as_ref().map(|known| known.secret.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_many_and_not_for_long() {
        let (server, answers) = bed();
        let asked = || server.asked.load(Ordering::SeqCst);
        let many = (0..50).map(|_| {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move { found(&answers, "alice").await.user.is_some() })
        });
        for one in many.collect::<Vec<_>>() {
            assert!(one.await.unwrap());
        }
        assert_eq!(asked(), 1, "one question for all who came at once");
        let first = found(&answers, "alice").await.user.unwrap();
        advance(FOUND_FOR).await;
        let second = found(&answers, "alice").await.user.unwrap();
        assert_eq!(asked(), 2);
        assert!(Arc::ptr_eq(&first, &second), "the same secret stays the same user");

        assert!(found(&answers, "bob").await.user.is_none());
        assert!(found(&answers, "bob").await.user.is_none());
        assert_eq!(asked(), 3, "who is missing is remembered too");
        advance(MISSING_FOR).await;
        assert!(found(&answers, "bob").await.user.is_none());
        assert_eq!(asked(), 4);
        answers.find("other", "alice").await.unwrap().unwrap();
        assert_eq!(asked(), 5, "databases may know different users");
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_password_is_asked_for_after_a_failure() {
        let (server, answers) = bed();
        let old = found(&answers, "alice").await;
        *server.password.lock() = Ok("two".into());
        assert!(!answers.forget(&old), "the answer has only just come");
        advance(AGAIN_AFTER).await;
        assert!(answers.forget(&old));
        let new = found(&answers, "alice").await;
        assert_eq!(secret(&new), Some(StoredSecret::parse("two")));
        assert!(answers.forget(&old), "what is forgotten was replaced meanwhile");
        assert_eq!(secret(&found(&answers, "alice").await), secret(&new));
        assert_eq!(server.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_an_answer() {
        let (server, answers) = bed();
        *server.password.lock() = Err(LookupError::new("no server"));
        assert!(answers.find("db", "alice").await.is_err());
        *server.password.lock() = Ok("one".into());
        assert!(found(&answers, "alice").await.user.is_some());
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert!(answers.find("db", &long).await.unwrap().is_none());
        assert!(answers.find(&long, "alice").await.unwrap().is_none());
        assert_eq!(server.asked.load(Ordering::SeqCst), 2, "such names are not asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_names_is_bounded() {
        let (server, answers) = bed();
        found(&answers, "alice").await;
        let flood = (0..ANSWERS_MAX + 10).map(|name| {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move { drop(found(&answers, &name.to_string()).await) })
        });
        for one in flood.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        let kept = answers.kept.lock();
        assert!(kept.by_name.len() <= ANSWERS_MAX && kept.order.len() <= ANSWERS_MAX);
        assert!(server.most.load(Ordering::SeqCst) <= QUESTIONS_MAX);
    }
}
