//! Waiting in line for a connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Pool;
use crate::connect::Connection;
use crate::error::ClaimError;

/// One who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) sender: oneshot::Sender<Handover>,
    pub(super) since: Instant,
}

/// What one who waits is given.
#[derive(Debug)]
pub(super) enum Handover {
    Connection(Box<Connection>),
    /// The right to open one.
    Place,
}

impl Pool {
    /// Waits for a connection or for the right to open one.
    pub(super) async fn wait_in_line(self: &Arc<Self>) -> Result<Handover, ClaimError> {
        let (mut line, settings, starving) = {
            let mut state = self.state.lock();
            let queue_max = state.settings.queue_max;
            if state.waiting.len() >= queue_max {
                return Err(ClaimError::QueueFull { queue_max });
            }
            let starving = (state.open < state.settings.size).then(|| self.limits.starve());
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(Waiting { sender, since: Instant::now() });
            let line = InLine { pool: self, receiver: Some(receiver) };
            (line, Arc::clone(&state.settings), starving)
        };
        if starving.is_some() {
            // What made us wait may have come free before we were in line.
            self.offer_place();
        }
        let limit = settings.wait_timeout;
        let busy = || ClaimError::Busy { waited: limit, size: settings.size };
        if settings.reserve_size > 0 && settings.reserve_timeout < limit {
            if let Ok(handed) = timeout(settings.reserve_timeout, line.next()).await {
                return handed.ok_or_else(busy);
            }
            if self.take_of_reserve() {
                return Ok(Handover::Place);
            }
            let rest = limit.saturating_sub(settings.reserve_timeout);
            return timeout(rest, line.next()).await.ok().flatten().ok_or_else(busy);
        }
        timeout(limit, line.next()).await.ok().flatten().ok_or_else(busy)
    }

    fn take_of_reserve(&self) -> bool {
        let mut state = self.state.lock();
        let max = state.settings.size + state.settings.reserve_size;
        if state.open >= max || !self.limits.try_take() {
            return false;
        }
        state.open += 1;
        true
    }
}

/// A place in line; what arrives after its owner gave up goes to the next.
struct InLine<'a> {
    pool: &'a Arc<Pool>,
    receiver: Option<oneshot::Receiver<Handover>>,
}

impl InLine<'_> {
    /// What comes; `None` if nothing can come any more.
    async fn next(&mut self) -> Option<Handover> {
        let handed = poll_fn(|context| match self.receiver.as_mut() {
            Some(receiver) => Pin::new(receiver).poll(context),
            None => Poll::Pending,
        })
        .await;
        self.receiver = None;
        handed.ok()
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let Some(mut receiver) = self.receiver.take() else { return };
        receiver.close();
        match receiver.try_recv() {
            Ok(Handover::Connection(connection)) => self.pool.give_back(Some(connection)),
            Ok(Handover::Place) => drop(Place::taken(self.pool)),
            Err(_) => {}
        }
    }
}

/// The right to open a connection; goes to the next in line if it is not used.
pub(super) struct Place {
    pool: Arc<Pool>,
    used: bool,
}

impl Place {
    /// A place that was counted already.
    pub(super) fn taken(pool: &Arc<Pool>) -> Self {
        Self { pool: Arc::clone(pool), used: false }
    }

    /// There is a connection in it now.
    pub(super) fn use_up(&mut self) {
        self.used = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let unwanted = self.pool.pass_place_on(&mut self.pool.state.lock());
        if unwanted {
            self.pool.limits.wake();
        }
    }
}
