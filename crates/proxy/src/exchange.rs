//! Carries out one exchange: a place for it, its bytes there and back, and what
//! must be noted before and after.

use std::sync::Arc;
use std::time::Instant;

use afterwrite_backend::{ClaimError, Claimed, Primary};
use afterwrite_core::{Reason, WriteMark, Written};
use afterwrite_session::{Outcome, Place, Progress, Request, Route, Verdict};
use afterwrite_types::{Floor, Role};
use afterwrite_wire::server::Report;
use tokio::time::timeout;
use tracing::debug;

use crate::ahead::Shows;
use crate::client::{Client, End, transaction_timed_out};
use crate::doubt;
use crate::observe;
use crate::pump::Pumped;
use crate::roster::{Card, Life};
use crate::route::{ReadBegun, Routed};
use crate::terms::NotRouted;

impl Client {
    /// Carries out the exchange that was gathered.
    pub(crate) async fn carry_out(&mut self, request: Request) -> Result<(), End> {
        let asked = Instant::now();
        self.registered.card.asks(asked.saturating_duration_since(self.connected));
        let ended = self.carry_out_asked(request, asked).await;
        self.shared.metrics.hints.count(self.session.take_hint_counts());
        self.shared.metrics.tokens.count(self.session.take_token_counts());
        let causes = self.session.pinned().map(|pinned| pinned.causes);
        if causes.is_some() || self.pin_shown {
            self.registered.card.pinned(causes);
            self.pin_shown = causes.is_some();
        }
        self.add_up(asked);
        ended
    }

    async fn carry_out_asked(&mut self, request: Request, asked: Instant) -> Result<(), End> {
        let mut now = asked;
        if !self.outbox.is_empty() {
            // What is already for the client goes first: what follows may be held back.
            self.flush().await?;
            now = Instant::now();
        }
        if let Some(report) = self.owed.take() {
            return Err(End::Fatal(report));
        }
        self.refresh()?;
        let mut request = request;
        let mut forced = None;
        loop {
            if request.route == Route::Local {
                self.session.reply_locally(self.outbox.end());
                return Ok(());
            }
            let place = match self.obtain(request.route, forced, now).await {
                Ok(place) => place,
                Err(report) => match self.refuse(&report) {
                    Some(place) => {
                        request = self.session.request();
                        place
                    }
                    None => return Ok(()),
                },
            };
            self.registered.card.lives(Life::Active);
            match self.run(request, place).await? {
                Ran::Done => return Ok(()),
                Ran::Again(reason) => {
                    self.outbox.clear();
                    self.shared.metrics.reroutes.inc();
                    request = self.session.request();
                    forced = reason;
                    now = Instant::now();
                }
            }
        }
    }

    /// Refuses the exchange. In a transaction the server fails in its place: gives back where.
    fn refuse(&mut self, report: &Report) -> Option<Place> {
        self.shared.metrics.claims_failed.inc();
        debug!(code = %report.code, message = %report.message, "nothing was sent");
        let held = self.held_place().filter(|_| self.session.in_transaction());
        match held {
            Some(_) => self.session.fail_transaction(report),
            None => self.session.refuse(report, self.outbox.end()),
        }
        held
    }

    /// A server connection, and why that one. It shows no less than the client has seen, if
    /// it asked for that.
    async fn obtain(
        &mut self,
        route: Route,
        forced: Option<Reason>,
        now: Instant,
    ) -> Result<Place, Report> {
        self.settle_doubts();
        if self.may_have_another_primary() {
            Box::pin(self.find_another_primary()).await?;
        }
        if let Some(place) = self.held_place() {
            if matches!(place, Place::Replica(_)) {
                self.stay_on_replica().await?;
            }
            return Ok(place);
        }
        self.place_floors()?;
        let place = self.obtain_any(route, forced, now).await?;
        if let (Place::Primary(_), Some(node)) = (place, self.session.may_be_ahead()) {
            match Box::pin(self.let_primary_show(node)).await {
                Shows::All => {}
                Shows::NotYet => {
                    self.shared.metrics.hidden.inc();
                    if self.session.may_ask() {
                        self.give_back(false).await;
                        return self.obtain_behind_primary(route, place.reason()).await;
                    }
                }
                Shows::Cancelled => {
                    self.give_back(false).await;
                    return Err(cancelled());
                }
                Shows::Lost => return Err(NotRouted::from(ClaimError::Down).report()),
            }
        }
        Ok(place)
    }

    /// The primary, chosen for this reason, hides what the client has seen.
    async fn obtain_behind_primary(
        &mut self,
        route: Route,
        reason: Reason,
    ) -> Result<Place, Report> {
        if route != Route::Read {
            return Err(self.hidden().report());
        }
        Box::pin(self.obtain_unless_interrupted(route, Further::BehindPrimary(reason))).await
    }

    async fn obtain_any(
        &mut self,
        route: Route,
        forced: Option<Reason>,
        now: Instant,
    ) -> Result<Place, Report> {
        let mut read = None;
        if !self.tenant.database.is_paused()
            && let Some(routed) = self.route_at_once(route, forced, now, &mut read)
        {
            return Ok(self.take_up(routed, route));
        }
        // Boxed: whoever need not wait has no room for it.
        Box::pin(self.obtain_unless_interrupted(route, Further::Begun(forced, read))).await
    }

    /// As [`Self::obtain`], unless the client cancels first or is sent away.
    async fn obtain_unless_interrupted(
        &mut self,
        route: Route,
        further: Further,
    ) -> Result<Place, Report> {
        let registered = Arc::clone(&self.registered.card);
        registered.begin_waiting();
        registered.lives(Life::Waiting);
        let began = Instant::now();
        let obtained = tokio::select! {
            biased;
            routed = self.route(route, further) => routed.map_err(NotRouted::report),
            () = registered.interrupted() => Err(cancelled()),
        };
        self.tally.wait_time += began.elapsed();
        Ok(self.take_up(obtained?, route))
    }

    /// Adds up what the exchange took, for the statistics of its database.
    fn add_up(&mut self, asked: Instant) {
        let now = Instant::now();
        self.idle_since = now;
        self.tally.queries += 1;
        self.tally.sent += self.outbox.take_written();
        self.tally.query_time += now.saturating_duration_since(asked);
        if self.session.in_transaction() {
            self.transaction.get_or_insert(asked);
        } else {
            let began = self.transaction.take().unwrap_or(asked);
            self.tally.transactions += 1;
            self.tally.transaction_time += now.saturating_duration_since(began);
        }
        self.tenant.database.stats.add(&std::mem::take(&mut self.tally));
    }

    /// Where it runs, if the client holds a server connection.
    fn held_place(&self) -> Option<Place> {
        let role = self.link.as_ref()?.link.role();
        let reason =
            if self.session.in_transaction() { Reason::Transaction } else { Reason::Pinned };
        Some(match role {
            Role::Replica => Place::Replica(reason),
            Role::Primary => Place::Primary(reason),
        })
    }

    /// A server connection for the exchange, however long that takes.
    async fn route(&mut self, route: Route, further: Further) -> Result<Routed, NotRouted> {
        let (forced, mut read) = match further {
            Further::Begun(forced, read) => (forced, read),
            Further::BehindPrimary(reason) => return self.route_behind_primary(reason).await,
        };
        if self.tenant.database.is_paused() {
            let limit = self.tenant.pools.settings().wait_timeout;
            if !self.tenant.database.opened(limit).await {
                return Err(ClaimError::Paused { waited: limit }.into());
            }
            // The read begins only now.
            read = None;
        }
        match (route, forced) {
            (Route::Read, None) => {
                let read = match read {
                    Some(read) => read,
                    None => self.begin_read_anew()?,
                };
                self.route_read(read).await
            }
            (Route::Read, Some(reason)) | (Route::Primary(reason), _) => {
                Ok(self.route_to_primary(reason).await?)
            }
            (Route::Held | Route::Local, _) => Ok(self.route_to_primary(Reason::Pinned).await?),
        }
    }

    /// Notes where the exchange runs: from here on the client holds the connection.
    fn take_up(&mut self, routed: Routed, route: Route) -> Place {
        self.remember(routed.place, routed.link.node().id.0, route);
        self.aim(&routed.link);
        self.tally.assignments += 1;
        self.link = Some(routed.link);
        routed.place
    }

    fn remember(&mut self, place: Place, node: u16, route: Route) {
        let (name, reason) = (place.name(), place.reason());
        self.session.remember_decision(place);
        if route == Route::Read {
            match place {
                Place::Replica(_) => self.tally.replica_reads += 1,
                Place::Primary(_) => self.tally.primary_reads += 1,
            }
            self.tally.fallbacks += u64::from(reason.is_fallback());
            self.shared.metrics.read(&self.tenant.site().reads, usize::from(node), reason);
        } else {
            self.shared.metrics.writes.inc();
        }
        let why = self.session.why();
        observe::decision(self.settings.log_decisions, name, Some(node), reason, why);
    }

    /// The client begins to wait, and holds a server connection over which nothing of its own
    /// runs: a cancel request ends the wait, and does not hit the connection until it is aimed
    /// at again.
    pub(crate) async fn begin_wait_with_link(&self, stage: Life) -> Arc<Card> {
        let card = Arc::clone(&self.registered.card);
        card.begin_waiting();
        card.lives(stage);
        if card.clear() {
            card.quiet().await;
        }
        card
    }

    /// That wait is over: what runs over the connection from now on may be cancelled.
    pub(crate) fn end_wait_with_link(&self) {
        if let Some(link) = &self.link {
            self.aim(link);
        }
    }

    /// Cancel requests of the client hit this connection from now on.
    pub(crate) fn aim(&self, link: &Claimed) {
        link.card.serve(self.registered.card.id);
        self.registered.card.aim(link.card.id, Some(Arc::clone(&link.target)));
    }

    pub(crate) fn settle_doubts(&mut self) {
        if self.session.is_in_doubt() && self.doubts.iter().all(doubt::Doubt::is_settled) {
            self.doubts.clear();
            self.session.settle(self.shared.sequence.now());
        }
    }

    /// Runs the exchange on the connection that is held.
    async fn run(&mut self, request: Request, place: Place) -> Result<Ran, End> {
        if self.link.as_ref().is_some_and(|link| link.life != link.node().life()) {
            // Held through the end of its server, or of its server's being the primary.
            return self.lose_link("its server was given up", None);
        }
        if self.looks_elsewhere() && may_move(place) {
            self.give_back(false).await;
            return Ok(Ran::Again(None));
        }
        match self.bring(place).await? {
            Brought::All => {}
            Brought::Refused(report) => {
                self.drop_link();
                self.session.refuse(&report, self.outbox.end());
                return Ok(Ran::Done);
            }
            Brought::Lost(detail) => return self.lose_link(&detail, None),
        }
        let mark = self.mark(request);
        self.withhold(mark.is_some());
        self.dispatch(place);
        let pumped = match self.relay() {
            std::task::Poll::Ready(pumped) => pumped,
            std::task::Poll::Pending => self.pump_in_time(place).await,
        };
        self.conclude(pumped, mark).await
    }

    /// Whether the connection that is held turns out to look for names elsewhere than was known
    /// when the exchange was read: from here on it counts for all tables.
    pub(crate) fn looks_elsewhere(&mut self) -> bool {
        let Some(link) = &self.link else { return false };
        let found = self.session.looks_elsewhere(&link.link);
        if found {
            let database = &self.tenant.database;
            database.schema.note_elsewhere(&database.name);
        }
        found
    }

    /// Moves bytes for as long as the exchange, and its transaction, may take.
    async fn pump_in_time(&mut self, place: Place) -> Pumped {
        let clients = &self.settings.clients;
        let (query, whole) = (clients.query_timeout, clients.transaction_timeout);
        let left = self.transaction.map_or(whole, |began| whole.saturating_sub(began.elapsed()));
        let (limit, report) = match (query.is_zero(), whole.is_zero()) {
            (true, true) => return self.pump(place).await,
            (false, true) => (query, query_timed_out()),
            (false, false) if query < left => (query, query_timed_out()),
            (_, false) => (left, transaction_timed_out()),
        };
        // Boxed, as all that most exchanges do without.
        match Box::pin(timeout(limit, self.pump(place))).await {
            Ok(pumped) => pumped,
            Err(_) => Pumped::Fault(report),
        }
    }

    /// Sees to it that the server has the client's settings, and its statements as the
    /// client knows them.
    async fn bring(&mut self, place: Place) -> Result<Brought, End> {
        let Some(link) = self.link.as_mut() else { return Ok(Brought::All) };
        let Some(prelude) = self.session.prelude(&link.link) else { return Ok(Brought::All) };
        self.session.send_prelude(prelude, &mut link.link, self.upstream.end());
        match Box::pin(self.pump_in_time(place)).await {
            Pumped::Progress(Progress::Prelude(Ok(()))) => {
                self.session.take_prelude_reports();
                Ok(Brought::All)
            }
            Pumped::Progress(Progress::Prelude(Err(message))) => Ok(Brought::Refused(
                Report::error(
                    "22023",
                    format!("the session's settings could not be set: {message}"),
                )
                .detail("The statement was not sent to any server."),
            )),
            Pumped::Lost(detail) => Ok(Brought::Lost(detail)),
            Pumped::Fault(report) => Err(End::Fatal(report)),
            Pumped::Progress(_) | Pumped::Gone => Err(End::Left),
        }
    }

    /// Notes under the client's keys that a write is about to be sent.
    fn mark(&mut self, request: Request) -> Option<WriteMark> {
        if request.may_write { self.mark_further() } else { None }
    }

    /// Notes the same under the keys that it was not noted under yet.
    pub(crate) fn mark_further(&mut self) -> Option<WriteMark> {
        let keys = self.session.take_unmarked();
        if keys.is_empty() {
            return None;
        }
        let written = Written { source: self.session.source(), at: Instant::now() };
        let now = self.shared.sequence.now();
        self.tenant.site().keys.lock().begin_writes_of(&keys, written, now)
    }

    fn unmark(&self, mark: Option<WriteMark>, floor: Floor) {
        if let Some(mark) = mark {
            self.tenant.site().keys.lock().end_write(mark, floor, self.shared.sequence.now());
        }
    }

    async fn conclude(&mut self, pumped: Pumped, mark: Option<WriteMark>) -> Result<Ran, End> {
        let ended = self.conclude_held(pumped, mark).await;
        self.withhold(false);
        ended
    }

    async fn conclude_held(&mut self, pumped: Pumped, mark: Option<WriteMark>) -> Result<Ran, End> {
        let mark = WriteMark::both(mark, self.later_mark.take());
        match pumped {
            Pumped::Progress(Progress::Done(outcome)) => {
                let shared = self.to_publish(mark.as_ref(), outcome);
                self.unmark(mark, self.session.scope().floor());
                self.note(outcome);
                self.give_back(outcome.keep).await;
                if let Some(keys) = shared {
                    Box::pin(self.publish(keys)).await?;
                }
                if self.gone { Err(End::Left) } else { Ok(Ran::Done) }
            }
            Pumped::Progress(Progress::Again) => {
                self.unmark(mark, self.session.scope().floor());
                self.give_back(false).await;
                Ok(Ran::Again(Some(Reason::Rerouted)))
            }
            Pumped::Lost(detail) => self.lose_link(&detail, mark),
            Pumped::Progress(
                Progress::More | Progress::Client | Progress::Prelude(_) | Progress::Reset(_),
            ) => self.lose_link("lost count of replies", mark),
            Pumped::Fault(report) => {
                self.abandon(mark);
                Err(End::Fatal(report))
            }
            Pumped::Gone => {
                self.abandon(mark);
                Err(End::Left)
            }
        }
    }

    /// Counts what the exchange told about positions.
    fn note(&mut self, outcome: Outcome) {
        // Before the client hears "ready": its next statement may call what it has just made.
        if self.session.take_schema_change() {
            self.tenant.database.schema.changed();
        }
        // Batches that were sent on together are one exchange here, and several there.
        self.tally.queries += outcome.batches.saturating_sub(1) as u64;
        if outcome.captured {
            self.shared.metrics.captures.inc();
            if let Some(position) = self.session.last_capture() {
                self.tenant.cluster().observe_primary(position, Instant::now());
            }
        }
        if outcome.unresolved {
            self.shared.metrics.unresolved.inc();
        }
    }

    /// Gives the server connection back, unless the client goes on holding it.
    pub(crate) async fn give_back(&mut self, keep: bool) {
        if keep {
            return;
        }
        if self.registered.card.clear() {
            // Sent on now, the cancel would hit whoever comes next.
            Box::pin(self.registered.card.quiet()).await;
        }
        let sound = self.replies.is_empty() && self.upstream.is_empty();
        self.replies.consume(self.replies.len());
        self.replies.rest();
        self.upstream.clear();
        if let Some(link) = self.link.take()
            && sound
        {
            link.release();
        }
    }

    /// Closes the server connection.
    pub(crate) fn drop_link(&mut self) {
        self.registered.card.aim(0, None);
        self.replies.consume(self.replies.len());
        self.upstream.clear();
        self.link = None;
    }

    /// The server connection is lost in the middle of an exchange.
    fn lose_link(&mut self, detail: &str, mark: Option<WriteMark>) -> Result<Ran, End> {
        let Some(link) = self.link.as_ref() else {
            self.unmark(mark, Floor::since(self.shared.sequence.now()));
            return Err(End::Left);
        };
        debug!(detail, node = %link.node().address(), "server connection lost");
        let (pid, primary) = (link.backend, leads_to(link));
        let held_back = self.session.may_hold_back();
        if held_back {
            self.outbox.clear();
        }
        let verdict = self.session.lost(&link.link, detail, self.outbox.end());
        self.drop_link();
        let lost = match verdict {
            Verdict::Again => {
                self.unmark(mark, self.session.scope().floor());
                return Ok(Ran::Again(None));
            }
            Verdict::Told(lost) | Verdict::Hopeless(lost) | Verdict::Over(lost, _) => lost,
        };
        if lost.in_doubt {
            self.doubts.push(doubt::watch(&self.shared, &self.tenant, primary, pid, mark));
        } else {
            self.unmark(mark, Floor::since(self.shared.sequence.now()));
        }
        match verdict {
            Verdict::Hopeless(_) => Err(End::Left),
            Verdict::Over(_, report) => Err(End::Fatal(report)),
            Verdict::Again | Verdict::Told(_) if self.gone => Err(End::Left),
            Verdict::Again | Verdict::Told(_) => Ok(Ran::Done),
        }
    }

    /// The client is gone or must go, in the middle of an exchange: the server
    /// connection is closed, and what it may still do is watched.
    fn abandon(&mut self, mark: Option<WriteMark>) {
        let lost = self.link.as_ref().map(|link| (link.backend, leads_to(link)));
        if self.link.is_some() {
            // The server would otherwise work on for nobody.
            let slot = Arc::clone(&self.registered.card);
            tokio::spawn(async move { slot.fire_and_forget().await });
        }
        self.link = None;
        match (mark, lost) {
            (Some(mark), Some((pid, primary))) => {
                doubt::watch(&self.shared, &self.tenant, primary, pid, Some(mark));
            }
            (mark, _) => self.unmark(mark, Floor::since(self.shared.sequence.now())),
        }
    }
}

/// Whether a read was placed by what it asks for, and may be placed anew. The primary has
/// everything; a transaction on a replica has waited for every write before it began.
fn may_move(place: Place) -> bool {
    matches!(place, Place::Replica(reason)
        if !matches!(reason, Reason::Transaction | Reason::Pinned))
}

/// The primary that a connection was admitted to.
fn leads_to(link: &Claimed) -> Primary {
    Primary { node: link.link.node(), line: link.link.line() }
}

fn query_timed_out() -> Report {
    Report::fatal("57014", "terminating connection due to query timeout")
        .detail("The statement was cancelled.")
        .hint("clients.query_timeout sets how long one may take")
}

pub(crate) fn cancelled() -> Report {
    Report::error("57014", "canceling statement due to user request")
        .detail("The statement was not sent to any server.")
}

/// What an exchange has behind it for which no connection could be had at once.
enum Further {
    /// That: it must run on the primary for this reason, or wherever is right.
    Begun(Option<Reason>, Option<ReadBegun>),
    /// The primary, chosen for this reason, hides what it must see.
    BehindPrimary(Reason),
}

/// What came of preparing a server connection for an exchange.
enum Brought {
    All,
    Refused(Report),
    /// The connection was lost, and nothing of the client's was sent.
    Lost(String),
}

/// What came of running an exchange.
enum Ran {
    /// The client has its answer.
    Done,
    /// It must run again: on the primary for this reason, or wherever is right.
    Again(Option<Reason>),
}
