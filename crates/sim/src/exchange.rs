//! Carries out one exchange: a mirror of `afterwrite-proxy`'s.

use std::rc::Rc;

use afterwrite_core::{Reason, WriteMark};
use afterwrite_session::{Outcome, Place, Progress, Request, Route, Verdict};
use afterwrite_types::{Floor, Need, Role};
use afterwrite_wire::server::Report;

use crate::ahead::Shows;
use crate::client::{Client, End, watch};
use crate::cluster::PROBE_TIMEOUT;
use crate::connection::Connection;
use crate::pump::Pumped;
use crate::route::{HIDDEN, NotRouted, not_sent};

/// How long an exchange may go on after its client is gone.
const LINGER: u64 = 100_000;

/// What came of preparing a server connection for an exchange.
enum Brought {
    All,
    Refused(Report),
    Lost,
}

/// What came of running an exchange.
enum Ran {
    Done,
    Again(Option<Reason>),
}

impl Client {
    /// Carries out the exchange that was gathered.
    pub(crate) async fn carry_out(&mut self, request: Request) -> Result<(), End> {
        self.flush();
        let mut request = request;
        let mut forced = None;
        loop {
            if request.route == Route::Local {
                self.session.reply_locally(&mut self.outbox);
                return Ok(());
            }
            let place = match self.obtain(request.route, forced).await {
                Ok(place) => place,
                Err(report) => {
                    self.session.refuse(&report, &mut self.outbox);
                    return Ok(());
                }
            };
            match self.run(request, place).await? {
                Ran::Done => return Ok(()),
                Ran::Again(reason) => {
                    self.outbox.clear();
                    request = self.session.request();
                    forced = reason;
                }
            }
        }
    }

    /// A server connection, and why that one. It shows no less than the client has seen, if
    /// it asked for that.
    async fn obtain(&mut self, route: Route, forced: Option<Reason>) -> Result<Place, Report> {
        self.settle_doubts();
        let line = self.proxy.primary.get().map(|primary| primary.line);
        if line.is_some_and(|line| self.session.asks_who_is_primary(line)) {
            self.proxy.ask_who_is_primary(PROBE_TIMEOUT).await;
        }
        if let Some(link) = &self.link {
            let reason =
                if self.session.in_transaction() { Reason::Transaction } else { Reason::Pinned };
            return Ok(match link.link.role() {
                Role::Replica => Place::Replica(reason),
                Role::Primary => Place::Primary(reason),
            });
        }
        self.place_floors();
        let routed = self.route(route, forced).await;
        let place = self.take_up(routed)?;
        if let (Place::Primary(reason), Some(node)) = (place, self.session.may_be_ahead()) {
            match self.let_primary_show(node).await {
                Shows::All => {}
                Shows::NotYet => {
                    if self.session.may_ask() {
                        self.give_back(false);
                        let routed = match route {
                            Route::Read => self.route_behind_primary(reason).await,
                            _ => Err(HIDDEN),
                        };
                        return self.take_up(routed);
                    }
                }
                Shows::Lost => return Err(not_sent("the connection to the primary was lost")),
            }
        }
        Ok(place)
    }

    async fn route(
        &mut self,
        route: Route,
        forced: Option<Reason>,
    ) -> Result<(Connection, Place), NotRouted> {
        match (route, forced) {
            (Route::Read, None) => self.route_read().await,
            (Route::Read, Some(reason)) | (Route::Primary(reason), _) => {
                Ok(self.route_to_primary(reason).await?)
            }
            (Route::Held | Route::Local, _) => Ok(self.route_to_primary(Reason::Pinned).await?),
        }
    }

    /// Notes where the exchange runs: from here on the client holds the connection.
    fn take_up(&mut self, routed: Result<(Connection, Place), NotRouted>) -> Result<Place, Report> {
        let (link, place) = routed.map_err(NotRouted::report)?;
        let (node, channel) = (link.node, self.channel);
        self.proxy.sim.world().note(format_args!("client {channel}: node {node}, {place:?}"));
        self.proxy.sim.judge().placed(channel, place, self.session.read_floor());
        self.link = Some(link);
        Ok(place)
    }

    /// Tells the floors that count as ones of the primary's line of history.
    pub(crate) fn place_floors(&mut self) {
        let Some(history) = self.proxy.history() else { return };
        let now = self.proxy.sequence.now();
        self.session.place(&history, now);
        let mut named = self.session.named();
        named.extend_from_slice(&self.session.tables_written());
        for key in named {
            if let Some(orphan) = self.proxy.keys.borrow_mut().place(key, &history, now) {
                self.session.note_orphan(orphan);
            }
        }
        let orphans = self.session.take_orphans();
        let mut judge = self.proxy.sim.judge();
        judge.figures.orphans += orphans.len() as u64;
        if !orphans.is_empty() {
            judge.orphaned.insert(self.channel);
        }
    }

    pub(crate) fn settle_doubts(&mut self) {
        if self.session.is_in_doubt() && self.doubts.iter().all(|doubt| doubt.get()) {
            self.doubts.clear();
            self.session.settle(self.proxy.sequence.now());
        }
    }

    /// Runs the exchange on the connection that is held.
    async fn run(&mut self, request: Request, place: Place) -> Result<Ran, End> {
        match self.bring(place).await? {
            Brought::All => {}
            Brought::Refused(report) => {
                self.drop_link();
                self.session.refuse(&report, &mut self.outbox);
                return Ok(Ran::Done);
            }
            Brought::Lost => return self.lose_link(None),
        }
        let mark = self.mark(request);
        self.withholds |= mark.is_some() && self.proxy.sharing.is_some();
        self.dispatch(place);
        let pumped = match self.relay() {
            Some(pumped) => pumped,
            None if self.gone => {
                let sim = Rc::clone(&self.proxy.sim);
                sim.timeout(LINGER, self.pump(place)).await.unwrap_or(Pumped::Gone)
            }
            None => self.pump(place).await,
        };
        let ended = self.conclude(pumped, mark).await;
        self.withholds = false;
        ended
    }

    /// Sees to it that the server has the client's settings, and its statements as the
    /// client knows them.
    async fn bring(&mut self, place: Place) -> Result<Brought, End> {
        let Some(link) = self.link.as_mut() else { return Ok(Brought::All) };
        let Some(prelude) = self.session.prelude(&link.link) else { return Ok(Brought::All) };
        self.session.send_prelude(prelude, &mut link.link, &mut self.upstream);
        match self.pump(place).await {
            Pumped::Progress(Progress::Prelude(Ok(()))) => {
                self.session.take_prelude_reports();
                Ok(Brought::All)
            }
            Pumped::Progress(Progress::Prelude(Err(message))) => {
                Ok(Brought::Refused(Report::error("22023", message)))
            }
            Pumped::Lost => Ok(Brought::Lost),
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
        self.proxy.keys.borrow_mut().begin_writes(&keys, self.proxy.sequence.now())
    }

    fn unmark(&self, mark: Option<WriteMark>, floor: Floor) {
        if let Some(mark) = mark {
            let now = self.proxy.sequence.now();
            self.proxy.keys.borrow_mut().end_write(mark, floor, now);
        }
    }

    async fn conclude(&mut self, pumped: Pumped, mark: Option<WriteMark>) -> Result<Ran, End> {
        let mark = WriteMark::both(mark, self.later_mark.take());
        match pumped {
            Pumped::Progress(Progress::Done(outcome)) => {
                let shared = self.to_publish(mark.as_ref(), outcome);
                self.unmark(mark, self.session.scope().floor());
                self.note(outcome);
                self.judge_floor();
                self.give_back(outcome.keep);
                self.publish(shared).await?;
                if self.gone { Err(End::Left) } else { Ok(Ran::Done) }
            }
            Pumped::Progress(Progress::Again) => {
                self.unmark(mark, self.session.scope().floor());
                self.give_back(false);
                Ok(Ran::Again(Some(Reason::Rerouted)))
            }
            Pumped::Lost | Pumped::Progress(_) => self.lose_link(mark),
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

    fn note(&self, outcome: Outcome) {
        if outcome.captured
            && let Some(position) = self.session.last_capture()
        {
            self.proxy.observe_primary(position);
        }
    }

    /// The client is about to hear "ready": does its floor cover what it wrote?
    fn judge_floor(&mut self) {
        if let Some(link) = self.link.take() {
            self.note_committed(&link);
            self.link = Some(link);
        }
        let committed = std::mem::take(&mut self.committed);
        let floor = self.session.scope().floor();
        if let Need::Position(_) = floor.need() {
            self.proxy.sim.judge().covered.extend(committed.iter().copied());
        }
        let mut world = self.proxy.sim.world();
        crate::judge::ready(&mut world, floor, self.before, &committed);
        self.before = floor;
        let summary = floor.position().map_or(0, |it| it.lsn.0);
        world.trace.mix(summary ^ self.channel as u64);
        let channel = self.channel;
        world.note(format_args!("client {channel}: ready with {floor:?}, wrote {committed:?}"));
    }

    fn give_back(&mut self, keep: bool) {
        if keep {
            return;
        }
        let sound = self.replies.is_empty() && self.upstream.is_empty();
        self.replies.clear();
        self.upstream.clear();
        if let Some(link) = self.link.take() {
            self.proxy.release(link, sound);
        }
    }

    /// The server connection is lost in the middle of an exchange.
    fn lose_link(&mut self, mark: Option<WriteMark>) -> Result<Ran, End> {
        let Some(link) = self.link.as_ref() else {
            self.unmark(mark, Floor::since(self.proxy.sequence.now()));
            return Err(End::Left);
        };
        let (process, lost) = (link.socket.id, (link.node, link.link.line()));
        if self.session.may_hold_back() {
            self.outbox.clear();
        }
        let verdict = self.session.lost(&link.link, "it was cut", &mut self.outbox);
        self.drop_link();
        self.committed.clear();
        self.proxy.sim.world().note(format_args!("client {}: lost: {verdict:?}", self.channel));
        let told = match verdict {
            Verdict::Again => {
                self.unmark(mark, self.session.scope().floor());
                return Ok(Ran::Again(None));
            }
            Verdict::Told(told) | Verdict::Hopeless(told) | Verdict::Over(told, _) => told,
        };
        if told.in_doubt {
            self.doubts.push(watch(&self.proxy, lost, process, mark));
        } else {
            self.unmark(mark, Floor::since(self.proxy.sequence.now()));
        }
        match verdict {
            Verdict::Over(_, report) => Err(End::Fatal(report)),
            Verdict::Again | Verdict::Told(_) if !self.gone => Ok(Ran::Done),
            Verdict::Again | Verdict::Told(_) | Verdict::Hopeless(_) => Err(End::Left),
        }
    }

    /// The client is gone in the middle of an exchange: what it may still do is watched.
    fn abandon(&mut self, mark: Option<WriteMark>) {
        let lost = self.link.as_ref().map(|it| (it.socket.id, (it.node, it.link.line())));
        self.drop_link();
        match (mark, lost) {
            (Some(mark), Some((process, lost))) => {
                watch(&self.proxy, lost, process, Some(mark));
            }
            (mark, _) => self.unmark(mark, Floor::since(self.proxy.sequence.now())),
        }
    }
}
