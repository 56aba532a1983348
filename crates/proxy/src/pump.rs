//! Moves bytes between one client and one server until something is decided.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use afterwrite_core::WriteMark;
use afterwrite_session::{Dispatch, Gathered, Place, Progress};
use afterwrite_wire::server::Report;
use tokio::time::sleep;

use crate::buffer::LENT;
use crate::client::{Client, sent_away};
use crate::roster::Errand;

/// Bytes for a client that are held at most: then its server is not read.
const OUTBOX_HIGH: usize = 64 * 1024;

/// Bytes for a server that are held at most: then its client is not read.
const UPSTREAM_HIGH: usize = 64 * 1024;

/// Bytes that a client may send ahead of the answer it is waiting for.
const AHEAD_MAX: usize = 64 * 1024;

/// Bytes of an answer that are held back at most, so that it can still run elsewhere.
const HOLD_BACK_MAX: usize = 16 * 1024;

/// How long an exchange may go on after its client is gone, so that what it
/// wrote is known.
const LINGER: Duration = Duration::from_secs(10);

/// What came of moving bytes.
#[derive(Debug)]
pub(crate) enum Pumped {
    /// The session has something to say.
    Progress(Progress),
    /// The server connection is lost, and how.
    Lost(String),
    /// The client broke the protocol and must go.
    Fault(Report),
    /// The client is gone, or takes nothing any more, in the middle of an
    /// exchange that cannot be finished without it.
    Gone,
}

impl Client {
    /// Moves bytes until the exchange is over, or cannot go on.
    ///
    /// Not cancel-safe: dropped, the server connection is in the middle of an
    /// exchange and must be closed.
    pub(crate) async fn pump(&mut self, place: Place) -> Pumped {
        let node = self.link.as_ref().map(|link| Arc::clone(link.node()));
        let Some(node) = node else { return Pumped::Lost("there is no server connection".into()) };
        let gone = node.gone();
        tokio::pin!(gone);
        // Looked at after the line above, so that nothing falls in between.
        if self.link.as_ref().is_some_and(|link| link.life != node.life()) {
            return Pumped::Lost("the server has stopped answering".into());
        }
        poll_fn(|context| match self.poll_pump(context, place) {
            Poll::Ready(pumped) => Poll::Ready(pumped),
            Poll::Pending if self.registered.card.errand() == Errand::Die => {
                Poll::Ready(Pumped::Fault(sent_away()))
            }
            Poll::Pending => gone
                .as_mut()
                .poll(context)
                .map(|()| Pumped::Lost("the server has stopped answering".into())),
        })
        .await
    }

    fn poll_pump(&mut self, context: &mut Context<'_>, place: Place) -> Poll<Pumped> {
        loop {
            // Only what was read makes another round: it is to be sent on. What was sent
            // makes room for what is read further down in the same one.
            let mut moved = false;
            if let Poll::Ready(lost) = self.poll_upstream(context) {
                return Poll::Ready(lost);
            }
            if let Poll::Ready(gone) = self.poll_outbox(context) {
                return Poll::Ready(gone);
            }
            if self.outbox.len() < OUTBOX_HIGH
                && let Poll::Ready(pumped) = self.poll_replies(context, &mut moved)
            {
                return Poll::Ready(pumped);
            }
            if let Poll::Ready(pumped) = self.poll_client(context, place, &mut moved) {
                return Poll::Ready(pumped);
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// Sends the server what is for it.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<Pumped> {
        let Some(link) = self.link.as_mut() else {
            return Poll::Ready(Pumped::Lost("there is no server connection".into()));
        };
        if !self.upstream.is_empty()
            && let Poll::Ready(Err(error)) = self.upstream.poll_flush(&mut link.stream, context)
        {
            // The server's last words may still be there to be read.
            self.upstream.clear();
            if !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
                return Poll::Ready(Pumped::Lost(error.to_string()));
            }
        }
        Poll::Pending
    }

    /// Sends the client what is for it, unless it may still be taken back.
    fn poll_outbox(&mut self, context: &mut Context<'_>) -> Poll<Pumped> {
        if self.gone {
            self.outbox.clear();
            return self.poll_linger(context);
        }
        if self.session.takes_back() {
            self.outbox.clear();
        }
        let held_back = self.session.may_hold_back() && self.outbox.len() < HOLD_BACK_MAX;
        let before = self.outbox.len();
        if self.outbox.is_empty() || held_back || self.withholds(OUTBOX_HIGH) {
            return Poll::Pending;
        }
        self.session.shown();
        let flushed = self.outbox.poll_flush(&mut self.stream, context);
        if self.outbox.len() < before {
            self.stall = None;
        }
        match flushed {
            Poll::Ready(Ok(())) => {
                self.stall = None;
                Poll::Pending
            }
            Poll::Ready(Err(_)) => self.lose_client(),
            Poll::Pending => match self.poll_stalled(context) {
                Poll::Ready(()) => self.lose_client(),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// The client is gone. An exchange that was sent whole goes on to its end, so
    /// that what it wrote is known; anything else ends here.
    fn lose_client(&mut self) -> Poll<Pumped> {
        self.gone = true;
        self.outbox.clear();
        let pointless = self.session.wants_client() || self.session.is_only_for_the_client();
        self.stall = None;
        if pointless { Poll::Ready(Pumped::Gone) } else { Poll::Pending }
    }

    /// Ready once an exchange has gone on for too long without its client.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<Pumped> {
        let linger = self.stall.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        linger.as_mut().poll(context).map(|()| Pumped::Gone)
    }

    /// Reads the server's replies.
    fn poll_replies(&mut self, context: &mut Context<'_>, moved: &mut bool) -> Poll<Pumped> {
        let Some(link) = self.link.as_mut() else {
            return Poll::Ready(Pumped::Lost("there is no server connection".into()));
        };
        match self.replies.poll_fill(&mut link.stream, context, LENT) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(Some(0))) => {
                return Poll::Ready(Pumped::Lost("the server closed the connection".into()));
            }
            Poll::Ready(Ok(Some(_))) => {}
            Poll::Ready(Ok(None)) => {
                return Poll::Ready(Pumped::Lost("the server's message could not be read".into()));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Pumped::Lost(error.to_string())),
        }
        *moved = true;
        self.relay()
    }

    /// Has the session deal with the replies that were read.
    pub(crate) fn relay(&mut self) -> Poll<Pumped> {
        let Some(link) = self.link.as_mut() else {
            return Poll::Ready(Pumped::Lost("there is no server connection".into()));
        };
        let out = self.outbox.end();
        let bytes = self.replies.bytes();
        let upstream = self.upstream.end();
        match self.session.relay(&mut link.link, bytes, &self.shared.sequence, out, upstream) {
            Ok(relayed) => {
                self.replies.consume(relayed.consumed);
                match relayed.progress {
                    Progress::More | Progress::Client => Poll::Pending,
                    progress @ (Progress::Prelude(_)
                    | Progress::Done(_)
                    | Progress::Reset(_)
                    | Progress::Again) => Poll::Ready(Pumped::Progress(progress)),
                }
            }
            Err(fault) => Poll::Ready(Pumped::Lost(fault.to_string())),
        }
    }

    /// Reads the client: messages that belong to what is under way are sent on,
    /// others wait.
    fn poll_client(
        &mut self,
        context: &mut Context<'_>,
        place: Place,
        moved: &mut bool,
    ) -> Poll<Pumped> {
        if self.gone {
            return Poll::Pending;
        }
        let wanted = self.session.wants_client();
        if wanted {
            if self.upstream.len() >= UPSTREAM_HIGH {
                return Poll::Pending;
            }
            if let Poll::Ready(pumped) = self.forward(place, moved) {
                return Poll::Ready(pumped);
            }
        } else if self.inbox.len() >= AHEAD_MAX {
            return Poll::Pending;
        }
        let max = self.settings.clients.limits.held_max + LENT;
        match self.inbox.poll_fill(&mut self.stream, context, max) {
            Poll::Pending | Poll::Ready(Ok(None)) => Poll::Pending,
            Poll::Ready(Ok(Some(count))) if count > 0 => {
                *moved |= wanted;
                // What was sent ahead waits; but the socket must be asked again,
                // or we would not hear of its end.
                if wanted { Poll::Pending } else { self.poll_client(context, place, moved) }
            }
            Poll::Ready(Ok(Some(_)) | Err(_)) => self.lose_client(),
        }
    }

    /// Sends on what the client has sent, as far as it belongs to what is under way.
    fn forward(&mut self, place: Place, moved: &mut bool) -> Poll<Pumped> {
        while self.session.wants_client() && self.upstream.len() < UPSTREAM_HIGH {
            self.inbox.consume(self.session.take_consumed());
            if let Some((left, discard)) = self.session.upstream_left() {
                let count = left.min(self.inbox.len());
                if count == 0 {
                    return Poll::Pending;
                }
                if !discard {
                    let bytes = self.inbox.bytes().get(..count).unwrap_or_default();
                    self.upstream.end().extend_from_slice(bytes);
                }
                self.inbox.consume(count);
                self.session.upstream_done(count);
                *moved = true;
                continue;
            }
            match self.gather(true) {
                Ok(Gathered::NeedMore | Gathered::NeedsFence(_)) => return Poll::Pending,
                Ok(Gathered::Further | Gathered::Request(_)) => {
                    self.looks_elsewhere();
                    let further = self.mark_further();
                    self.later_mark = WriteMark::both(self.later_mark.take(), further);
                    self.withhold(self.later_mark.is_some());
                    self.dispatch(place);
                    *moved = true;
                    if let Poll::Ready(pumped) = self.relay() {
                        return Poll::Ready(pumped);
                    }
                }
                Ok(Gathered::Goodbye) => return self.lose_client(),
                Err(report) => return Poll::Ready(Pumped::Fault(report)),
            }
        }
        Poll::Pending
    }

    /// Writes the gathered messages for the server.
    pub(crate) fn dispatch(&mut self, place: Place) {
        let Some(link) = self.link.as_mut() else { return };
        let how = Dispatch {
            place,
            positions: self.tenant.cluster().has_replicas() || self.tenant.site().sharing.is_some(),
            sequence: &self.shared.sequence,
        };
        self.session.dispatch(&mut link.link, self.inbox.bytes(), how, self.upstream.end());
    }
}
