//! One client's task: reads what it sends, has it carried out, answers.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use afterwrite_backend::Claimed;
use afterwrite_net::Stream;
use afterwrite_session::{Gathered, Progress, Session};
use afterwrite_wire::server::{self, Report};
use tokio::time::{Sleep, sleep, timeout};
use tracing::debug;

use crate::buffer::{Inbox, LENT, Outbox};
use crate::cancels::CancelHandle;
use crate::doubt::Doubt;
use crate::shared::{Counted, Shared};

/// How long the last words to a client may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// One client and everything it holds.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) session: Session,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    /// The server connection it holds, while it does.
    pub(crate) link: Option<Claimed>,
    pub(crate) upstream: Outbox,
    pub(crate) replies: Inbox,
    pub(crate) cancel: CancelHandle,
    pub(crate) shared: Arc<Shared>,
    pub(crate) doubts: Vec<Doubt>,
    /// What it must be told in answer to its next statement, before it is closed.
    pub(crate) owed: Option<Report>,
    /// Counts it among the clients.
    pub(crate) _place: Counted,
    /// It has hung up, or cannot be written to.
    pub(crate) gone: bool,
    /// Runs while the client takes nothing of what is for it.
    pub(crate) stall: Option<Pin<Box<Sleep>>>,
}

/// Why a client's task ends.
#[derive(Debug)]
pub(crate) enum End {
    /// It said goodbye, or hung up.
    Left,
    /// It must be told why, and closed.
    Fatal(Report),
}

impl Client {
    /// Serves the client until it leaves or must go.
    ///
    /// Boxed, and so is each exchange: most clients are silent most of the time,
    /// and then this future and what it holds is all that they cost.
    pub(crate) async fn serve(mut self: Box<Self>) {
        let end = loop {
            if let Err(end) = self.turn().await {
                break end;
            }
        };
        if let End::Fatal(report) = end {
            debug!(code = %report.code, message = %report.message, "client closed");
            server::error(self.outbox.end(), &report);
            let _ = timeout(GOODBYE, self.flush()).await;
        }
    }

    /// Waits for the client's next exchange and has it carried out.
    async fn turn(&mut self) -> Result<(), End> {
        self.drop_consumed();
        let gathered = self.gather(false).map_err(End::Fatal)?;
        match gathered {
            Gathered::NeedMore => self.read().await,
            Gathered::Goodbye => Err(End::Left),
            Gathered::Request(request) => Box::pin(self.carry_out(request)).await,
            Gathered::NeedsFence(after) => {
                let limit = self.shared.settings.backend.probe_timeout;
                let fence = self.shared.cluster.fence(after, limit).await;
                let failed = fence.is_none();
                if let Some(fence) = fence {
                    self.session.resolve(fence);
                }
                match self.gather(failed).map_err(End::Fatal)? {
                    Gathered::Request(request) => Box::pin(self.carry_out(request)).await,
                    _ => Ok(()),
                }
            }
            // Only part of an exchange that is under way, and none is.
            Gathered::Further => Err(End::Fatal(Report::fatal("XX000", "lost count of messages"))),
        }
    }

    /// Reads on in what the client sent.
    pub(crate) fn gather(&mut self, fence_failed: bool) -> Result<Gathered, Report> {
        let now = self.shared.sequence.now();
        self.session.gather(self.inbox.bytes(), &self.shared.library, now, fence_failed).map_err(
            |fault| {
                self.shared.metrics.faults.inc();
                Report::fatal(fault.sqlstate(), fault.to_string())
            },
        )
    }

    /// Forgets what is dealt with, and throws away what nobody will read.
    pub(crate) fn drop_consumed(&mut self) {
        self.inbox.consume(self.session.take_consumed());
        if let Some((left, true)) = self.session.upstream_left() {
            let count = left.min(self.inbox.len());
            self.inbox.consume(count);
            self.session.upstream_done(count);
        }
    }

    /// Waits for more of the client's bytes, with everything for it sent.
    async fn read(&mut self) -> Result<(), End> {
        self.flush().await?;
        if self.link.is_some() {
            return self.read_holding().await;
        }
        if self.inbox.is_empty() {
            self.inbox.rest();
            self.outbox.rest();
            // A silent client holds no buffer while we wait for it.
            self.stream.readable().await.map_err(|_| End::Left)?;
        }
        let max = self.inbox_max();
        let read = poll_fn(|context| self.inbox.poll_fill(&mut self.stream, context, max)).await;
        took(&read)
    }

    /// The most that is held of a client's bytes.
    fn inbox_max(&self) -> usize {
        self.shared.settings.limits.held_max + LENT
    }

    /// As [`Self::read`], while a server connection is held: the server may speak
    /// up (a notification), or go away.
    async fn read_holding(&mut self) -> Result<(), End> {
        loop {
            let max = self.inbox_max();
            let (read, lost) = poll_fn(|context| self.poll_holding(context, max)).await;
            if lost {
                let held = if self.session.in_transaction() {
                    "the transaction was rolled back"
                } else {
                    "state of the session on the server is lost"
                };
                self.link = None;
                self.cancel.slot.aim(None);
                let report = Report::fatal("57P01", "the connection to the server was lost")
                    .detail(format!("It was held between statements: {held}."))
                    .hint("reconnect and begin again");
                if self.session.pinned().is_some() {
                    // It may be waiting for notifications that will not come.
                    return Err(End::Fatal(report));
                }
                // Told now, unasked, most drivers would lose it: they report what
                // answers a statement.
                self.owed = Some(report);
                return Ok(());
            }
            if let Some(read) = read {
                return took(&read);
            }
            self.flush().await?;
        }
    }

    /// Reads from the client and, meanwhile, what the server says unasked.
    fn poll_holding(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
    ) -> Poll<(Option<io::Result<Option<usize>>>, bool)> {
        if let Poll::Ready(read) = self.inbox.poll_fill(&mut self.stream, context, max) {
            return Poll::Ready((Some(read), false));
        }
        let Some(link) = self.link.as_mut() else { return Poll::Pending };
        match self.replies.poll_fill(&mut link.stream, context, LENT) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(count))) if count > 0 => {
                let bytes = self.replies.bytes();
                let out = self.outbox.end();
                match self.session.relay(&mut link.link, bytes, &self.shared.sequence, out) {
                    Ok(relayed) if relayed.progress == Progress::More => {
                        self.replies.consume(relayed.consumed);
                        Poll::Ready((None, link.link.retired() == Some("ended by the server")))
                    }
                    Ok(_) | Err(_) => Poll::Ready((None, true)),
                }
            }
            Poll::Ready(Ok(_) | Err(_)) => Poll::Ready((None, true)),
        }
    }

    /// Sends the client everything that is for it.
    pub(crate) async fn flush(&mut self) -> Result<(), End> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let flushed = poll_fn(|context| match self.outbox.poll_flush(&mut self.stream, context) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => {
                self.poll_stalled(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        })
        .await;
        self.stall = None;
        flushed.map_err(|_| End::Left)
    }

    /// Ready once the client has taken nothing for too long.
    pub(crate) fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = self.shared.settings.write_timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        stall.as_mut().poll(context)
    }
}

/// What reading from the client means for its task.
fn took(read: &io::Result<Option<usize>>) -> Result<(), End> {
    match read {
        Ok(Some(0)) | Err(_) => Err(End::Left),
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(End::Fatal(Report::fatal("54000", "the client sent too much at once"))),
    }
}
