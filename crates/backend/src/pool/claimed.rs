//! A connection in use.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::connect::Connection;
use crate::node::Node;
use crate::permits::Permit;
use crate::pool::Pool;

/// A connection in use. Dropped, it is closed; [`Claimed::release`] gives it back.
#[derive(Debug)]
pub struct Claimed {
    pool: Arc<Pool>,
    connection: Option<Box<Connection>>,
    reusable: bool,
    /// The right to read on the primary for want of a replica.
    permit: Option<Permit>,
}

impl Claimed {
    pub(crate) fn new(pool: Arc<Pool>, connection: Box<Connection>, now: Instant) -> Self {
        pool.node().in_flight.fetch_add(1, Ordering::Relaxed);
        connection.card.claim(now);
        Self { pool, connection: Some(connection), reusable: false, permit: None }
    }

    pub(crate) fn with_permit(mut self, permit: Option<Permit>) -> Self {
        self.permit = permit;
        self
    }

    /// Gives the connection back for the next client, if it is idle and sound.
    pub fn release(mut self) {
        self.reusable = true;
    }

    /// The node it leads to.
    pub fn node(&self) -> &Arc<Node> {
        self.pool.node()
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
        self.pool.node().in_flight.fetch_sub(1, Ordering::Relaxed);
        let connection = self.connection.take();
        self.pool.give_back(connection.filter(|_| self.reusable));
    }
}
