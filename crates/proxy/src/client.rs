//! One client's task: reads what it sends, has it carried out, answers.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use afterwrite_backend::Claimed;
use afterwrite_core::{Reason, WriteMark};
use afterwrite_net::Stream;
use afterwrite_session::{Gathered, Leave, Place, Progress, Session};
use afterwrite_types::Moment;
use afterwrite_wire::server::{self, Report};
use tokio::io::AsyncWriteExt;
use tokio::time::{Sleep, sleep, timeout};
use tracing::{debug, info};

use crate::buffer::{Inbox, LENT, Outbox};
use crate::doubt::Doubt;
use crate::park::Parking;
use crate::publish::Withholds;
use crate::pump::Pumped;
use crate::roster::{Errand, Life, Registered};
use crate::settings::Settings;
use crate::shared::{Counted, Shared};
use crate::stats::Tally;
use crate::tenant::Tenant;

/// How long the last words to a client may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long a server connection may take to be cleared behind a client.
const CLEARED_WITHIN: Duration = Duration::from_secs(5);

/// One client and everything it holds.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) session: Session,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    /// The server connection it holds, while it does.
    pub(crate) link: Option<Claimed>,
    pub(crate) upstream: Outbox,
    /// What the exchange under way writes that was not yet known when it began.
    pub(crate) later_mark: Option<WriteMark>,
    pub(crate) replies: Inbox,
    pub(crate) registered: Registered,
    pub(crate) shared: Arc<Shared>,
    /// What holds for it: looked up anew when the settings change.
    pub(crate) settings: Arc<Settings>,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) generation: u64,
    /// The same of what holds for tokens, which is looked up before they are read.
    pub(crate) policy_generation: u64,
    pub(crate) connected: Instant,
    /// When its transaction began, while one is open.
    pub(crate) transaction: Option<Instant>,
    pub(crate) tally: Tally,
    pub(crate) doubts: Vec<Doubt>,
    /// What it must be told in answer to its next statement, before it is closed.
    pub(crate) owed: Option<Report>,
    /// Counts it among the clients: of all, of its database, of its user.
    pub(crate) places: [Counted; 3],
    /// It has hung up, or cannot be written to.
    pub(crate) gone: bool,
    /// Runs while the client takes nothing of what is for it.
    pub(crate) stall: Option<Pin<Box<Sleep>>>,
    /// When its last exchange ended.
    pub(crate) idle_since: Instant,
    /// It could not be parked, for a reason that will not go away.
    pub(crate) restless: bool,
    /// What the answer to its write is kept back for: others must be able to know of it.
    pub(crate) withholds: Withholds,
    /// Its card says that it is tied to its server connection.
    pub(crate) pin_shown: bool,
}

/// Why a client's task ends.
#[derive(Debug)]
pub(crate) enum End {
    /// It said goodbye, or hung up.
    Left,
    /// It must be told why, and closed.
    Fatal(Report),
    /// It has been silent for so long that it is parked.
    Silent,
}

impl Client {
    /// Serves the client until it leaves or must go.
    ///
    /// Boxed, and so is each exchange: most clients are silent most of the time,
    /// and then this future and what it holds is all that they cost.
    pub(crate) async fn serve(mut self: Box<Self>) {
        // One task, one waker: whoever sends the client away wakes it by that.
        poll_fn(|context| {
            self.registered.card.watch(context);
            Poll::Ready(())
        })
        .await;
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(End::Silent) => match self.park() {
                    Parking::Parked => return,
                    Parking::Lost => break,
                    Parking::Refused(client) => self = client,
                },
                Err(end) => {
                    Box::pin(self.leave(end)).await;
                    break;
                }
            }
        }
    }

    /// Tells the client why it must go, and closes it.
    pub(crate) async fn dismiss(mut self: Box<Self>, report: Report) {
        self.leave(End::Fatal(report)).await;
    }

    /// The last words, and what must be put in order behind the client.
    async fn leave(&mut self, end: End) {
        if self.settings.log_disconnections {
            let (user, database) = (&self.tenant.user, &self.tenant.database.name);
            info!(id = self.registered.card.id, %user, %database, "client left");
        }
        if let End::Fatal(report) = end {
            debug!(code = %report.code, message = %report.message, "client closed");
            server::error(self.outbox.end(), &report);
            let say = async {
                self.flush().await.ok()?;
                // Over TLS an end without a goodbye looks like an attack.
                self.stream.shutdown().await.ok()
            };
            let _ = timeout(GOODBYE, say).await;
        }
        self.clear_link().await;
        self.tenant.database.stats.add(&self.tally);
    }

    /// Clears the connection that the client still holds, so that others may have it.
    async fn clear_link(&mut self) {
        let Some(link) = self.link.as_mut() else { return };
        let settings = self.tenant.database.settings();
        let first = Some(settings.reset_query.as_str()).filter(|query| !query.is_empty());
        match self.session.leave(&mut link.link, first, self.upstream.end()) {
            Leave::Release => self.give_back(false).await,
            Leave::Close => self.drop_link(),
            Leave::Reset => {
                // Nobody is there to be sent anything.
                self.gone = true;
                let place = Place::Primary(Reason::Pinned);
                match timeout(CLEARED_WITHIN, self.pump(place)).await {
                    Ok(Pumped::Progress(Progress::Reset(true))) => self.give_back(false).await,
                    Ok(_) | Err(_) => self.drop_link(),
                }
            }
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
            Gathered::NeedsFence(after) => Box::pin(self.carry_out_fenced(after)).await,
            // Only part of an exchange that is under way, and none is.
            Gathered::Further => Err(End::Fatal(Report::fatal("XX000", "lost count of messages"))),
        }
    }

    /// As [`Self::turn`], where the primary's position must be known to go on.
    async fn carry_out_fenced(&mut self, after: Moment) -> Result<(), End> {
        self.settle_doubts();
        let limit = self.tenant.cluster().settings().probe_timeout;
        let fence = self.tenant.cluster().fence(after, limit).await;
        if let Some(fence) = fence {
            self.session.resolve(fence);
        }
        // What is still in doubt no fence can tell, nor an old primary what is of a newer
        // timeline than its own.
        let failed = self.session.is_in_doubt() || !self.session.is_resolved();
        match self.gather(failed).map_err(End::Fatal)? {
            Gathered::Request(request) => self.carry_out(request).await,
            _ => Ok(()),
        }
    }

    /// Takes up settings that have changed since the last exchange.
    pub(crate) fn refresh(&mut self) -> Result<(), End> {
        let generation = self.shared.generation();
        if generation == self.generation || self.link.is_some() {
            return Ok(());
        }
        let (database, user) = (&self.tenant.database.name, &self.tenant.user);
        self.tenant = self.shared.directory.tenant(database, user).map_err(|report| {
            End::Fatal(report.detail("The configuration was changed while you were connected."))
        })?;
        self.session.scope_mut().set_defaults(&self.tenant.terms);
        self.session.set_wary(self.tenant.database.settings().wary);
        self.session.set_tables(self.tenant.database.schema.table_keys());
        self.session.set_apart(self.tenant.site().sharing.is_some());
        self.settings = self.shared.settings();
        self.session.set_on_orphan(self.settings.on_orphan);
        self.generation = generation;
        Ok(())
    }

    /// Reads on in what the client sent.
    pub(crate) fn gather(&mut self, fence_failed: bool) -> Result<Gathered, Report> {
        self.follow_token_policy();
        let now = self.shared.sequence.now();
        self.session.gather(self.inbox.bytes(), &self.tenant.library(), now, fence_failed).map_err(
            |fault| {
                self.shared.metrics.faults.inc();
                Report::fatal(fault.sqlstate(), fault.to_string())
            },
        )
    }

    /// A key that was taken away must not be believed once more, nor a new one be missed,
    /// also by who holds a server connection and takes up nothing else.
    fn follow_token_policy(&mut self) {
        let generation = self.shared.generation();
        if generation != self.policy_generation {
            self.policy_generation = generation;
            self.session.set_token_policy(self.shared.settings().tokens.clone());
        }
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
            return Box::pin(self.read_holding()).await;
        }
        self.registered.card.lives(Life::Idle);
        if self.inbox.is_empty() {
            self.inbox.rest();
            self.outbox.rest();
            self.upstream.rest();
        }
        let limit = self.settings.clients.idle_timeout;
        // Who will be parked by then is closed from there, and needs no timer.
        let parked_by_then = 3 * self.settings.park_after < limit;
        if limit.is_zero() || (parked_by_then && self.may_park()) {
            return self.read_more().await;
        }
        match Box::pin(timeout(limit, self.read_more())).await {
            Ok(read) => read,
            Err(_) => Err(End::Fatal(idle_timed_out())),
        }
    }

    /// Reads what the client sends next. A silent client holds no buffer meanwhile.
    async fn read_more(&mut self) -> Result<(), End> {
        let max = self.inbox_max();
        let read = poll_fn(|context| {
            let errand = self.registered.card.errand();
            if errand == Errand::Die {
                return Poll::Ready(Err(End::Fatal(sent_away())));
            }
            let at_rest = self.inbox.is_empty();
            if !at_rest || self.stream.poll_read_ready(context).is_ready() {
                let filled = self.inbox.poll_fill(&mut self.stream, context, max);
                if filled.is_ready() {
                    return filled.map(Ok);
                }
            } else if self.registered.card.is_dismissed() && errand == Errand::None {
                if self.may_park() {
                    return Poll::Ready(Err(End::Silent));
                }
                self.registered.card.stays_up();
            }
            // What has come, or has begun to come, is still answered.
            if at_rest && errand == Errand::Leave {
                return Poll::Ready(Err(End::Fatal(sent_away())));
            }
            Poll::Pending
        })
        .await?;
        self.took(&read)
    }

    /// The most that is held of a client's bytes.
    fn inbox_max(&self) -> usize {
        self.settings.clients.limits.held_max + LENT
    }

    /// As [`Self::read`], while a server connection is held.
    async fn read_holding(&mut self) -> Result<(), End> {
        let Some((limit, report)) = self.patience() else { return self.read_both().await };
        if let Ok(read) = timeout(limit, self.read_both()).await {
            return read;
        }
        // Closed, it is rolled back.
        self.drop_link();
        Err(End::Fatal(report))
    }

    /// How long it may hold a server connection in silence, and what it is told then.
    fn patience(&self) -> Option<(Duration, Report)> {
        let clients = &self.settings.clients;
        let began = self.transaction.filter(|_| self.session.in_transaction())?;
        let idle = clients.idle_transaction_timeout;
        let whole = clients.transaction_timeout;
        let left = whole.saturating_sub(began.elapsed());
        if !whole.is_zero() && (idle.is_zero() || left < idle) {
            return Some((left, transaction_timed_out()));
        }
        let report =
            Report::fatal("25P03", "terminating connection due to idle-in-transaction timeout")
                .detail("The transaction was rolled back.");
        (!idle.is_zero()).then_some((idle, report))
    }

    /// Reads the client, while the server may speak up (a notification), or go away.
    async fn read_both(&mut self) -> Result<(), End> {
        loop {
            let max = self.inbox_max();
            let (read, lost) = poll_fn(|context| self.poll_holding(context, max)).await;
            if lost {
                return self.lose_held();
            }
            if let Some(read) = read {
                return self.took(&read);
            }
            if self.must_go() {
                self.drop_link();
                return Err(End::Fatal(sent_away()));
            }
            self.flush().await?;
        }
    }

    /// Whether it is sent away, and nothing of its own keeps it.
    fn must_go(&self) -> bool {
        match self.registered.card.errand() {
            Errand::None => false,
            Errand::Leave => !self.session.in_transaction(),
            Errand::Die => true,
        }
    }

    /// The server connection that it held between statements is gone.
    fn lose_held(&mut self) -> Result<(), End> {
        let held = if self.session.in_transaction() {
            "the transaction was rolled back"
        } else {
            "state of the session on the server is lost"
        };
        self.link = None;
        self.registered.card.aim(0, None);
        let report = Report::fatal("57P01", "the connection to the server was lost")
            .detail(format!("It was held between statements: {held}."))
            .hint("reconnect and begin again");
        if !self.session.in_transaction() {
            // It may be waiting for notifications that will not come.
            return Err(End::Fatal(report));
        }
        // Told now, unasked, most drivers would lose it: they report what
        // answers a statement.
        self.owed = Some(report);
        Ok(())
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
        if self.must_go() {
            return Poll::Ready((None, false));
        }
        let Some(link) = self.link.as_mut() else { return Poll::Pending };
        match self.replies.poll_fill(&mut link.stream, context, LENT) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(count))) if count > 0 => {
                let bytes = self.replies.bytes();
                let out = self.outbox.end();
                let sequence = &self.shared.sequence;
                let upstream = self.upstream.end();
                match self.session.relay(&mut link.link, bytes, sequence, out, upstream) {
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
        let limit = self.settings.clients.write_timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        stall.as_mut().poll(context)
    }

    /// What reading from the client means for its task.
    fn took(&mut self, read: &io::Result<Option<usize>>) -> Result<(), End> {
        match read {
            Ok(Some(0)) | Err(_) => Err(End::Left),
            Ok(Some(count)) => {
                self.tally.received += *count as u64;
                Ok(())
            }
            Ok(None) => Err(End::Fatal(Report::fatal("54000", "the client sent too much at once"))),
        }
    }
}

/// What a client is told that must go.
pub(crate) fn sent_away() -> Report {
    Report::fatal("57P01", "terminating connection due to administrator command")
}

/// What a client is told that was silent for too long.
pub(crate) fn idle_timed_out() -> Report {
    Report::fatal("57P05", "terminating connection due to client idle timeout")
        .hint("clients.idle_timeout sets how long a client may be silent")
}

/// What a client is told whose transaction took too long.
pub(crate) fn transaction_timed_out() -> Report {
    Report::fatal("25P04", "terminating connection due to transaction timeout")
        .detail("The transaction was rolled back.")
        .hint("clients.transaction_timeout sets how long one may take")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Card;

    /// One that is awake. Most are parked: see there. Raise a bound only knowingly.
    #[test]
    fn what_a_client_weighs_that_is_awake() {
        let parts = [
            ("Client", size_of::<Client>(), 2560),
            ("Session", size_of::<Session>(), 1664),
            ("Card", size_of::<Card>(), 160),
            ("Stream", size_of::<Stream>(), 64),
            ("Inbox", size_of::<Inbox>(), 128),
            ("Outbox", size_of::<Outbox>(), 128),
            ("Tally", size_of::<Tally>(), 256),
            ("task", of_value(Client::serve), 256),
        ];
        for (name, bytes, most) in parts {
            println!("{name}: {bytes} bytes");
            assert!(bytes <= most, "{name}: {bytes} bytes");
        }
    }

    /// Bytes of the future that `make` gives.
    fn of_value<A, F: Future>(_make: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }
}
