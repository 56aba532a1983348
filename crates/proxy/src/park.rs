//! A client that is silent for long gives up its task, and all but what it must keep.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use afterwrite_net::Dormant;
use afterwrite_session::Resting;
use tracing::debug;

use crate::buffer::{self, Inbox, Outbox};
use crate::client::Client;
use crate::publish::Withholds;
use crate::roster::{Life, Registered};
use crate::shared::{Counted, Shared};
use crate::stats::Tally;
use crate::tenant::Tenant;

/// A client without a task: a few hundred bytes, its card among others included.
#[derive(Debug)]
pub(crate) struct Parked {
    socket: Dormant,
    session: Resting,
    pub(crate) registered: Registered,
    tenant: Arc<Tenant>,
    generation: u64,
    pub(crate) idle_since: Instant,
    places: [Counted; 3],
}

/// What became of a client that was to be parked.
pub(crate) enum Parking {
    /// It will have a task again when it has something to say.
    Parked,
    /// It needs a task.
    Refused(Box<Client>),
    /// Its socket failed.
    Lost,
}

impl Client {
    /// Whether it holds nothing that only a task can take care of.
    pub(crate) fn may_park(&self) -> bool {
        self.inbox.is_empty()
            && self.outbox.is_empty()
            && self.replies.is_empty()
            && self.link.is_none()
            && self.owed.is_none()
            && self.doubts.is_empty()
            && self.transaction.is_none()
            && !self.gone
            && !self.restless
            && self.stream.can_sleep()
            && self.session.may_rest()
    }

    /// Leaves its task. Only who [`Self::may_park`] does.
    pub(crate) fn park(self: Box<Self>) -> Parking {
        let shared = Arc::clone(&self.shared);
        let client = *self;
        client.tenant.database.stats.add(&client.tally);
        let session = match client.session.rest() {
            Ok(session) => session,
            Err(session) => {
                let client = Client { session: *session, restless: true, ..client };
                return Parking::Refused(Box::new(client));
            }
        };
        let socket = match client.stream.sleep() {
            Ok(socket) => socket,
            Err(error) => {
                debug!(%error, "a client was lost while it was parked");
                return Parking::Lost;
            }
        };
        buffer::spare();
        let parked = Box::new(Parked {
            socket,
            session,
            registered: client.registered,
            tenant: client.tenant,
            generation: client.generation,
            idle_since: client.idle_since,
            places: client.places,
        });
        let Err(parked) = shared.lot.park(parked, shared.settings().clients.idle_timeout) else {
            return Parking::Parked;
        };
        match parked.wake(&shared) {
            Some(mut client) => {
                client.restless = true;
                Parking::Refused(client)
            }
            None => Parking::Lost,
        }
    }
}

impl Parked {
    /// The client as it was; `None` if its socket failed.
    ///
    /// Settings that have changed meanwhile are noticed at its next exchange, as if it
    /// had had a task all the time.
    pub(crate) fn wake(self, shared: &Arc<Shared>) -> Option<Box<Client>> {
        let stream = match self.socket.wake() {
            Ok(stream) => stream,
            Err(error) => {
                debug!(%error, "a client was lost while it was parked");
                return None;
            }
        };
        let card = &self.registered.card;
        card.lives(Life::Idle);
        let age = SystemTime::now().duration_since(card.connected()).unwrap_or_default();
        let policy_generation = shared.generation();
        let settings = shared.settings();
        let mut session = self.session.wake(settings.clients.limits);
        session.set_token_policy(settings.tokens.clone());
        session.set_on_orphan(settings.on_orphan);
        // Without them its reads would not ask for what others wrote to their tables.
        session.set_tables(self.tenant.database.schema.table_keys());
        session.set_apart(self.tenant.site().sharing.is_some());
        Some(Box::new(Client {
            stream,
            session,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            link: None,
            upstream: Outbox::default(),
            later_mark: None,
            replies: Inbox::default(),
            registered: self.registered,
            shared: Arc::clone(shared),
            settings,
            tenant: self.tenant,
            generation: self.generation,
            policy_generation,
            connected: Instant::now().checked_sub(age).unwrap_or(self.idle_since),
            transaction: None,
            tally: Tally::default(),
            doubts: Vec::new(),
            owed: None,
            places: self.places,
            gone: false,
            stall: None,
            idle_since: self.idle_since,
            restless: false,
            withholds: Withholds::No,
            pin_shown: false,
        }))
    }
}

impl AsRawFd for Parked {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Card;

    #[test]
    fn what_thousands_have_is_small() {
        // Beside these a client costs its places in the roster and in the lot.
        let (parked, card) = (size_of::<Parked>(), size_of::<Card>());
        println!("Parked: {parked} bytes, Card: {card} bytes");
        assert!(parked <= 192, "{parked}");
        assert!(card <= 144, "{card}");
    }
}
