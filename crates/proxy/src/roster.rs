//! Everyone who is connected: what is shown of them, and how they are reached by
//! cancel requests and by the console.

mod card;
mod who;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use afterwrite_wire::startup::CANCEL_KEY_BYTES_MAX;
use parking_lot::Mutex;

pub(crate) use card::{Card, Errand, Life};
pub(crate) use who::Who;

/// Bytes of the secret in protocol 3.0, and in 3.2 and later.
const SECRET_SHORT: usize = 4;
const SECRET_LONG: usize = 32;
const _: () = assert!(SECRET_LONG <= CANCEL_KEY_BYTES_MAX);

/// Everyone who is connected, by the process number that they were told.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    cards: Mutex<HashMap<i32, Arc<Card>>>,
    next: AtomicU64,
}

impl Roster {
    /// A card for a new client, under a number that no other has.
    pub(crate) fn enter(
        self: &Arc<Self>,
        who: Who,
        long_secret: bool,
    ) -> Result<Registered, getrandom::Error> {
        let mut random = [0; size_of::<i32>() + SECRET_LONG];
        let length = if long_secret { SECRET_LONG } else { SECRET_SHORT };
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        loop {
            // The number and the secret by one call.
            getrandom::fill(&mut random)?;
            let [a, b, c, d, secret @ ..] = &random;
            let secret = secret.get(..length).unwrap_or_default();
            let pid = (i32::from_be_bytes([*a, *b, *c, *d]) & i32::MAX).max(1);
            if let Entry::Vacant(place) = self.cards.lock().entry(pid) {
                let card = Arc::new(Card::new(id, pid, secret, who));
                place.insert(Arc::clone(&card));
                return Ok(Registered { all: Arc::clone(self), card });
            }
        }
    }

    /// Whose key this is. Takes as long for a wrong secret as for a right one.
    pub(crate) fn find(&self, pid: i32, secret: &[u8]) -> Option<Arc<Card>> {
        let cards = self.cards.lock();
        cards.get(&pid).filter(|card| card.has_secret(secret)).map(Arc::clone)
    }

    /// The client with this number.
    pub(crate) fn by_id(&self, id: u64) -> Option<Arc<Card>> {
        self.cards.lock().values().find(|card| card.id == id).map(Arc::clone)
    }

    /// Has those who were silent since the time before last look whether they can be
    /// parked; how many are not.
    pub(crate) fn sweep(&self) -> usize {
        self.cards.lock().values().filter(|card| card.nod()).count()
    }

    /// Everyone, the first to come first.
    pub(crate) fn all(&self) -> Vec<Arc<Card>> {
        let mut all: Vec<_> = self.cards.lock().values().map(Arc::clone).collect();
        all.sort_by_key(|card| card.id);
        all
    }
}

/// A client's card; it is gone when the client is.
#[derive(Debug)]
pub(crate) struct Registered {
    all: Arc<Roster>,
    pub(crate) card: Arc<Card>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.all.cards.lock().remove(&self.card.pid);
    }
}
