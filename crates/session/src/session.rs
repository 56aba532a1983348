//! One client: what it holds, where it is, and what is owed to it.

use afterwrite_core::{Ask, Key, KeyFloor, Stuck};
use afterwrite_types::{
    Fence, Floor, Level, Line, Moment, Need, NodeId, Position, Role, Source, Terms,
};
use afterwrite_wire::server::{self, Report, Severity};
use std::sync::Arc;
use std::time::Duration;

use crate::exchange::{Exchange, Op, Place};
use crate::hint::HintCounts;
use crate::intent::{Change, Transaction};
use crate::link::Link;
use crate::mode::{Mode, SessionId};
use crate::pinned::{Causes, Pinned};
use crate::portal::Portals;
use crate::prelude::{Complaint, Preluding};
use crate::reading::Reading;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::shape::Describing;
use crate::statement::Statements;
use crate::tables::TableKeys;

/// Times that a read is sent at most, if servers go away under it.
const TRIES_MAX: u8 = 3;

/// What one client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message.
    pub message_max: usize,
    /// Bytes of an unfinished exchange that are held to be understood.
    pub held_max: usize,
    /// Prepared statements.
    pub prepared_max: usize,
}

/// Where the session stands between the client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is under way: the client's next bytes begin an exchange.
    Gathering,
    /// An exchange was sent whole; its replies are awaited.
    Running,
    /// Part of an exchange was sent; more of the client's messages follow it.
    Open,
    /// The server takes `COPY` data.
    Copying,
}

/// A message whose rest the client is still sending and that nobody reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upstream {
    pub(crate) left: usize,
    pub(crate) discard: bool,
}

/// The transaction as the client sees it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Open {
    /// The status in the last "ready" the client was told.
    pub(crate) status: u8,
    /// It began `READ ONLY`, and nothing has changed that since.
    pub(crate) read_only: bool,
    /// The level that its place was chosen at.
    pub(crate) asked: Level,
    /// A statement has run in it: its snapshot may be taken.
    pub(crate) has_run: bool,
    /// Settings changed in it, which count once it commits.
    pub(crate) changes: Vec<(Change, String)>,
    /// Names may be looked for elsewhere since.
    pub(crate) moved_path: bool,
    /// The schema was changed in it.
    pub(crate) schema: bool,
    /// Keys that hints in it have named: its write counts under them once it commits.
    pub(crate) keys: Vec<Key>,
    /// The tables that it has written: their readers must see it once it commits.
    pub(crate) tables: Vec<Key>,
    /// What its writes so far are counted as.
    pub(crate) source: Option<Source>,
}

/// One client, from its first statement to its goodbye.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub struct Session {
    pub(crate) limits: Limits,
    pub(crate) scope: Scope,
    pub(crate) settings: Settings,
    pub(crate) statements: Statements,
    pub(crate) open: Open,
    pub(crate) portals: Portals,
    pub(crate) id: SessionId,
    pub(crate) mode: Mode,
    /// The server is asked behind everything what is left, also behind triggers and views.
    pub(crate) wary: bool,
    /// Reads ask for what was written to their tables.
    pub(crate) tables: Option<TableKeys>,
    /// Each batch is an exchange of its own.
    pub(crate) apart: bool,
    /// The server connection stays with the client between exchanges.
    pub(crate) holds: bool,
    /// On the connection that it holds, settings may be other ones than those that are known.
    pub(crate) strayed: bool,
    pub(crate) pinned: Option<Pinned>,
    /// Pins that were found while the exchange ran.
    pub(crate) noted: Causes,
    /// What is left on the connection is not known since something may have changed it.
    pub(crate) unsure: bool,
    pub(crate) phase: Phase,
    pub(crate) exchange: Exchange,
    pub(crate) upstream: Upstream,
    pub(crate) in_doubt: bool,
    /// `standard_conforming_strings` is off: backslashes mean more than we read.
    pub(crate) strings_escape: bool,
    /// In the client's encoding a backslash may be half of a character.
    pub(crate) encoding_ambiguous: bool,
    /// The last fatal error of the server, to be told if the connection is lost.
    pub(crate) fatal: Option<(String, String)>,
    /// The client's connection must end with this exchange.
    pub(crate) over: bool,
    /// Where its last statement that needed a server ran, and why there.
    pub(crate) last_decision: Option<Place>,
    /// What the last exchange did that was read.
    pub(crate) last_reading: Option<Arc<Reading>>,
    /// A change of the schema has taken effect, and nobody was told yet.
    pub(crate) schema_changed: bool,
    /// What is being brought to a server, and its complaint.
    pub(crate) prelude: Option<Preluding>,
    /// A statement is being described.
    pub(crate) describing: Option<Describing>,
    pub(crate) prelude_error: Option<Complaint>,
    /// The role that the client has set is refused by servers.
    pub(crate) role_refused: bool,
    pub(crate) prelude_reports: Vec<(String, String)>,
    pub(crate) turn: u32,
    /// The primary's position behind the last exchange that was captured behind.
    pub(crate) last_capture: Option<Position>,
    /// Hints that nobody has counted yet.
    pub(crate) hint_counts: HintCounts,
}

/// How an exchange ended, as far as its owner must act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The server connection stays with this client.
    pub keep: bool,
    /// Where the exchange ran.
    pub place: Option<Place>,
    /// How many batches of the client's it was: one, or several sent ahead of each other's
    /// answers.
    pub batches: usize,
    /// The position was captured behind it.
    pub captured: bool,
    /// It may have written and the position is not known: the floor asks for a fence.
    pub unresolved: bool,
}

/// What became of an exchange whose server connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// It may have written, and nobody knows whether it did.
    pub in_doubt: bool,
}

/// What to do after an exchange could not be finished where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Run it again elsewhere: the client has seen none of it.
    Again,
    /// The client was told.
    Told(Lost),
    /// The client must be told this, and its connection must end: what it has sent
    /// ahead was meant for the transaction, or the session state, that is lost.
    Over(Lost, Report),
    /// The client has seen part of an answer that will not be finished: its
    /// connection must end too.
    Hopeless(Lost),
}

impl Session {
    /// A client that has just logged in.
    pub fn new(
        limits: Limits,
        defaults: impl Into<Arc<Terms>>,
        settings: Settings,
        turn: u32,
    ) -> Self {
        Self {
            limits,
            scope: Scope::new(defaults),
            settings,
            statements: Statements::default(),
            open: Open { status: server::IDLE, ..Open::default() },
            portals: Portals::default(),
            id: SessionId::unique(),
            mode: Mode::default(),
            wary: false,
            tables: None,
            apart: false,
            holds: false,
            strayed: false,
            pinned: None,
            noted: Causes::default(),
            unsure: false,
            phase: Phase::Gathering,
            exchange: Exchange::default(),
            upstream: Upstream::default(),
            in_doubt: false,
            strings_escape: false,
            encoding_ambiguous: false,
            fatal: None,
            over: false,
            last_decision: None,
            last_reading: None,
            schema_changed: false,
            prelude: None,
            describing: None,
            prelude_error: None,
            role_refused: false,
            prelude_reports: Vec::new(),
            turn,
            last_capture: None,
            hint_counts: HintCounts::default(),
        }
    }

    /// For how long it keeps a server connection; set before its first exchange.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// For how long it keeps a server connection.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Has the server asked behind every exchange what it left on the connection.
    ///
    /// Otherwise it is asked behind what runs code that nobody has read by its own text;
    /// what a trigger, a default, a view or an operator runs is taken for harmless.
    pub fn set_wary(&mut self, wary: bool) {
        self.wary = wary;
    }

    /// Joins no batches that the client has sent ahead: where something must be done between
    /// the answer to each and its "ready".
    pub fn set_apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    /// What its reads must see, and what it asked for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// As [`Self::scope`], to be changed at login.
    pub fn scope_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Why the exchange may write, in a word; what it reads it is proven to.
    pub fn why(&self) -> &'static str {
        self.exchange.intent.writes.map_or("proven_read", afterwrite_sql::Reason::name)
    }

    /// Nothing is under way and nothing of an exchange has been read.
    pub fn is_at_rest(&self) -> bool {
        self.phase == Phase::Gathering && self.exchange.is_empty() && self.upstream.left == 0
    }

    /// What ties the client to its server connection outside of transactions, and since
    /// when. (In session mode nothing has to: it keeps its connection anyway.)
    pub fn pinned(&self) -> Option<Pinned> {
        self.pinned
    }

    /// Whether the server connection stays with the client between exchanges.
    pub fn holds_link(&self) -> bool {
        self.holds
    }

    /// Whether a transaction is open as far as the client knows.
    pub fn in_transaction(&self) -> bool {
        self.open.status != server::IDLE
    }

    /// A write of it was cut off, and nobody knows whether it happened.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The doubtful write has been settled by `now`: a fence covers it.
    pub fn settle(&mut self, now: Moment) {
        self.in_doubt = false;
        self.scope.doubt(now);
    }

    /// Begins to route the read that was just gathered.
    ///
    /// The floor of the read is fixed here, in the client's order: what the
    /// session wrote, what others wrote under its keys, what its tokens stand for, and
    /// for a `strong` read everything up to `now`.
    pub fn begin_read(&mut self, key: Option<KeyFloor>, line: Option<Line>, now: Moment) {
        if let Some(line) = line {
            // What is kept is distrusted, not a copy: one fence must do for good.
            self.scope.distrust(line, now);
        }
        let level = self.level();
        let mut floor = Floor::default();
        if level.sees_own_writes() {
            let key = key.map(|key| {
                // It may be over when the read is decided upon, and told in parts by then.
                let under_way = if key.pending { Floor::since(now) } else { Floor::default() };
                key.floor.merge(under_way, now)
            });
            let others = key.into_iter().chain(self.hinted_floor());
            floor = others.fold(self.scope.floor(), |floor, other| floor.merge(other, now));
        }
        if level == Level::Strong {
            floor.doubt(now);
        }
        if let Some(line) = line {
            floor.distrust(line, now);
        }
        self.exchange.stuck = None;
        self.exchange.floor = floor;
        self.exchange.asked = level;
        if level.is_monotonic() {
            let seen = self.scope.seen_mut();
            seen.begin_read(now);
            let seen = *seen;
            // What a `strong` read must see is asked of the primary anyway.
            let stays = seen.life().filter(|_| level == Level::Causal);
            self.exchange.stuck = stays.map(|life| Box::new(Stuck { life, floor }));
            self.exchange.floor = floor.merge(seen.floor(), now);
        }
        self.turn = self.turn.wrapping_add(1);
    }

    /// The read that is being routed cannot have what it asked for: it asks for this.
    pub fn relax(&mut self, level: Level) {
        self.exchange.relaxed = Some(level);
    }

    /// The primary answers it after all: what it asked for first holds again, and what it sees
    /// counts as seen at that level.
    pub fn unrelax(&mut self) {
        self.exchange.relaxed = None;
    }

    /// No connection to where it has read before can be had: it must see elsewhere what it
    /// saw there.
    pub fn unstick(&mut self) {
        self.exchange.stuck = None;
    }

    /// The replica that may have shown this client what the primary does not show yet, if the
    /// exchange that was gathered must not see less.
    pub fn may_be_ahead(&self) -> Option<NodeId> {
        self.scope.seen()?.ahead().filter(|_| self.level().is_monotonic())
    }

    /// Whether its client has asked for more, or less, since its transaction began, and runs
    /// something now that may show it.
    ///
    /// In a transaction that has failed nothing does.
    pub fn was_raised(&self) -> bool {
        let open = self.open.status == server::IN_TRANSACTION;
        self.scope.raised && open && self.exchange.may_take_snapshot()
    }

    /// Whether what was gathered may end the open transaction and go on behind its end, as
    /// `COMMIT AND CHAIN` does: that is not part of the transaction, and must see what a new
    /// one must.
    pub fn goes_on_behind_end(&self) -> bool {
        self.in_transaction() && self.exchange.intent.transaction == Transaction::Mixed
    }

    /// It is about to go on there: what was set for the transaction asks for nothing less.
    pub fn go_on_behind_end(&mut self) {
        self.scope.go_on_behind_end();
    }

    /// Whether more may follow in the same batch behind the end of the open transaction, which
    /// nobody will look at before it is sent.
    pub fn ends_unsynced(&self) -> bool {
        let exchange = &self.exchange;
        let may_end =
            matches!(exchange.intent.transaction, Transaction::Ends { .. } | Transaction::Mixed);
        self.in_transaction() && may_end && !exchange.complete
    }

    /// Whether it takes an advisory lock, as far as its words tell: a replica would grant it in
    /// a lock space of its own.
    pub fn takes_advisory_lock(&self) -> bool {
        let intent = &self.exchange.intent;
        intent.writes == Some(afterwrite_sql::Reason::AdvisoryLock)
            || intent.pins.contains(afterwrite_sql::Pin::AdvisoryLock)
    }

    /// The level that it has asked for since its transaction began, if what that shows is fixed.
    pub fn raised_too_late(&self) -> Option<Level> {
        let level = self.scope.level();
        (self.open.has_run && level > self.open.asked).then_some(level)
    }

    /// The place of its transaction shows what was asked for since it began.
    pub fn was_placed_anew(&mut self) {
        self.scope.raised = false;
        if !self.open.has_run {
            self.open.asked = self.exchange.asked;
        }
    }

    /// Whether what was gathered may show its client what others have written, or begins
    /// something that may.
    pub fn may_ask(&self) -> bool {
        let (exchange, intent) = (&self.exchange, &self.exchange.intent);
        let begins = matches!(intent.transaction, Transaction::Begins { .. } | Transaction::Mixed);
        intent.asks || begins || exchange.flushed || !exchange.complete
    }

    /// The primary shows all of it now.
    pub fn caught_up(&mut self) {
        self.scope.seen_mut().caught_up();
    }

    /// The read that is being routed must see this, too.
    pub fn raise_read_floor(&mut self, floor: Floor, now: Moment) {
        self.exchange.floor = self.exchange.floor.merge(floor, now);
        if let Some(stuck) = &mut self.exchange.stuck {
            stuck.floor = stuck.floor.merge(floor, now);
        }
    }

    /// The read that is being routed asks the primary first: it may have lost what the
    /// floor stands for. `now` is taken after all that the floor is made of was found.
    pub fn suspect_loss(&mut self, now: Moment) {
        self.exchange.floor.doubt(now);
        self.exchange.suspected = Some(now);
    }

    /// What to ask `decide` about the read that is being routed.
    pub fn ask(&self, pending_write: bool, budget: Duration, waited: bool) -> Ask {
        Ask {
            level: self.level(),
            floor: self.exchange.floor,
            stuck: self.exchange.stuck.as_deref().copied(),
            pending_write,
            in_doubt: self.in_doubt,
            bad_token: self.has_bad_token() || self.scope.orphans.ahead.is_some(),
            preference: self.preference(),
            budget,
            waited,
            turn: self.turn,
        }
    }

    /// Takes up the primary's position, for the read being routed and for later ones.
    pub fn resolve(&mut self, fence: Fence) {
        if let Some(held) = self.exchange.suspected {
            // Nothing of the session's own has been written since.
            if let Some(orphan) = self.scope.cut(fence, held) {
                self.note_orphan(orphan);
            }
            self.exchange.floor.cut(fence, held);
        }
        self.exchange.floor.resolve(fence);
        if let Some(stuck) = &mut self.exchange.stuck {
            stuck.floor.resolve(fence);
        }
        self.scope.resolve(fence);
        self.settle_hinted(fence);
    }

    /// The floor of the read that is being routed.
    pub fn read_floor(&self) -> Floor {
        self.exchange.floor
    }

    /// Where the primary was behind the last exchange that was captured behind. The floor
    /// may be higher, if the primary has lost what it stands for.
    pub fn last_capture(&self) -> Option<Position> {
        self.last_capture
    }

    /// Whether `SHOW afterwrite.token` could be answered now.
    pub fn is_resolved(&self) -> bool {
        !matches!(self.scope.whole_floor(Moment::default()).need(), Need::Fence(_))
    }

    /// Whether a change of the schema has taken effect since this was asked last. Whoever knows
    /// the schema must hear of it before the client hears "ready".
    pub fn take_schema_change(&mut self) -> bool {
        std::mem::take(&mut self.schema_changed)
    }

    /// Remembers a decision for `SHOW afterwrite.last_decision`.
    pub fn remember_decision(&mut self, place: Place) {
        self.last_decision = Some(place);
    }

    /// The last decision, and what the statement was found to do.
    pub(crate) fn last_decision(&self) -> String {
        let place = self.last_decision.map(|it| it.to_string()).unwrap_or_default();
        match &self.last_reading {
            Some(reading) if !reading.footprint.is_empty() && !place.is_empty() => {
                format!("{place}; {}", reading.footprint)
            }
            Some(_) | None => place,
        }
    }

    /// The client has been sent some of the answer.
    pub fn shown(&mut self) {
        self.exchange.shown = true;
    }

    /// Whether the answer so far may be held back, so that the exchange can
    /// still run elsewhere.
    pub fn may_hold_back(&self) -> bool {
        self.phase == Phase::Running && self.exchange.may_move()
    }

    /// Whether the answer so far is not for the client: the exchange runs again elsewhere once
    /// the server is through with it.
    pub fn takes_back(&self) -> bool {
        self.exchange.discards.is_some()
    }

    /// Whether nobody needs the outcome, should the client be gone: it only reads.
    pub fn is_only_for_the_client(&self) -> bool {
        self.exchange.intent.is_harmless()
    }

    /// Bytes of the client's that are not needed any more.
    ///
    /// Those of a read are kept until part of its answer was shown: it may have
    /// to be sent again.
    pub fn take_consumed(&mut self) -> usize {
        if self.exchange.ops.is_empty() { std::mem::take(&mut self.exchange.scanned) } else { 0 }
    }

    /// Bytes of the client's next to be passed on (or thrown away) unread.
    pub fn upstream_left(&self) -> Option<(usize, bool)> {
        (self.upstream.left > 0).then_some((self.upstream.left, self.upstream.discard))
    }

    /// Answers what needs no server.
    pub fn reply_locally(&mut self, out: &mut Vec<u8>) {
        for op in std::mem::take(&mut self.exchange.ops) {
            match op {
                Op::Say(say) => say.write(out),
                Op::Fail { error, .. } => out.extend_from_slice(&error),
                _ => {}
            }
        }
        if self.exchange.complete {
            self.exchange.tell_warnings(out);
            self.report_token(out);
            server::ready(out, self.open.status);
            let scanned = self.exchange.scanned;
            self.exchange = Exchange { scanned, ..Exchange::default() };
        }
    }

    /// What the server reported while the client's settings were brought to it.
    pub fn take_prelude_reports(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.prelude_reports)
    }

    /// Takes up a parameter the server reported, as far as it changes how SQL is read.
    pub fn parameter(&mut self, name: &str, value: &str) {
        // Encodings in which a backslash may be half of a character.
        const AMBIGUOUS: [&str; 7] =
            ["SJIS", "SHIFT_JIS_2004", "BIG5", "GBK", "UHC", "GB18030", "JOHAB"];
        match name {
            "standard_conforming_strings" => self.strings_escape = value != "on",
            "client_encoding" => {
                self.encoding_ambiguous =
                    AMBIGUOUS.iter().any(|name| value.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
    }

    /// Whether the server may read this text otherwise than we do.
    pub(crate) fn misreads(&self, sql: &[u8]) -> bool {
        (self.strings_escape || self.encoding_ambiguous) && sql.contains(&b'\\')
    }

    /// Notes that so many of them have been.
    pub fn upstream_done(&mut self, bytes: usize) {
        self.upstream.left = self.upstream.left.saturating_sub(bytes);
        if self.upstream.left == 0 {
            // The next message is another matter.
            self.upstream.discard = false;
        }
    }

    /// Whether the client's further bytes belong to what is under way.
    ///
    /// Not while the settings are brought to the server: what was gathered is sent
    /// behind them, and only then what is left of its last message.
    pub fn wants_client(&self) -> bool {
        let under_way = matches!(self.phase, Phase::Open | Phase::Copying);
        self.prelude.is_none() && (self.upstream.left > 0 || under_way)
    }

    /// Ends the exchange without a server: nobody could be asked, or the client
    /// asked for something that cannot be had. Nothing was sent. In a transaction its
    /// server must fail, too: [`Self::fail_transaction`].
    pub fn refuse(&mut self, report: &Report, out: &mut Vec<u8>) {
        self.abandon(report, out);
    }

    /// The connection on which the exchange ran is gone.
    ///
    /// A read that the client has seen nothing of runs again. Anything else is
    /// reported; what may have written is in doubt from now on.
    pub fn lost(&mut self, link: &Link, detail: &str, out: &mut Vec<u8>) -> Verdict {
        if self.exchange.parts {
            // The client has its answers, and was about to leave.
            self.exchange = Exchange { scanned: self.exchange.scanned, ..Exchange::default() };
            self.phase = Phase::Gathering;
            return Verdict::Told(Lost { in_doubt: false });
        }
        if self.exchange.shown && self.level().is_monotonic() {
            // Where it goes on it must see what it has been shown.
            let replica = (link.role() == Role::Replica).then(|| link.node());
            self.scope.seen_mut().break_off(replica);
        }
        let on_primary = matches!(self.exchange.place, Some(Place::Primary(_)));
        let was_open = self.in_transaction();
        let tied = was_open || self.holds || self.over;
        if self.exchange.may_move() && !tied && self.exchange.tries < TRIES_MAX {
            self.rewind();
            return Verdict::Again;
        }
        let harmless = self.exchange.intent.reads_only() || self.open.read_only;
        let in_doubt = on_primary && self.phase != Phase::Gathering && !harmless;
        self.in_doubt |= in_doubt;
        let lost = Lost { in_doubt };
        let mid_message = link.passing.left > 0 && link.passing.forward;
        let mut report = match self.fatal.take() {
            Some((code, message)) if self.over => Report::error(code, message),
            Some((code, message)) => {
                Report::error(code, message).detail("The server ended the connection.")
            }
            None => Report::error("08006", "the connection to the server was lost")
                .detail(detail.to_owned()),
        };
        report = if self.over {
            report.hint("use pool mode transaction for statements that belong together")
        } else if in_doubt {
            report.hint("the statement may or may not have taken effect: check before repeating it")
        } else if was_open {
            report.hint("the transaction was rolled back: reconnect and run it again")
        } else {
            report.hint("the statement can be repeated")
        };
        if mid_message {
            return Verdict::Hopeless(lost);
        }
        if tied {
            return Verdict::Over(lost, Report { severity: Severity::Fatal, ..report });
        }
        self.abandon(&report, out);
        Verdict::Told(lost)
    }

    /// Makes the exchange ready to be dispatched again.
    pub(crate) fn rewind(&mut self) {
        let exchange = &mut self.exchange;
        exchange.tries += 1;
        exchange.relaxed = None;
        if let Some(hints) = &mut exchange.hints {
            hints.weakened.clear();
        }
        exchange.place = None;
        exchange.guarded = false;
        exchange.guard_failed = false;
        exchange.restored = false;
        exchange.restore_failed = false;
        exchange.parsed_ok = 0;
        exchange.readies_told = 0;
        exchange.captures = false;
        exchange.captured = false;
        exchange.captures_late = false;
        exchange.status = None;
        exchange.failed = false;
        exchange.answered = false;
        exchange.discards = None;
        exchange.asks_inventory = false;
        exchange.left = None;
        exchange.refusal = None;
        exchange.refused.clear();
        exchange.date_style = None;
        exchange.marked.clear();
        self.prelude = None;
        self.prelude_error = None;
        self.phase = Phase::Gathering;
    }

    /// Ends the exchange with an error: at once if it is whole, else once its Sync has
    /// come. Of several batches each that was not answered gets the error.
    fn abandon(&mut self, report: &Report, out: &mut Vec<u8>) {
        self.report_token(out);
        for _ in self.exchange.readies_told..self.exchange.readies.len() {
            server::error(out, report);
            server::ready(out, self.open.status);
        }
        server::error(out, report);
        // What was not confirmed was not prepared.
        let parsed = std::mem::take(&mut self.exchange.parsed);
        for name in parsed.iter().skip(std::mem::take(&mut self.exchange.parsed_ok)) {
            self.statements.remove(name);
        }
        self.exchange.ops.clear();
        self.prelude = None;
        // What is left of a message that was being passed on is thrown away.
        self.upstream.discard = self.upstream.left > 0;
        if self.exchange.complete {
            self.exchange.tell_warnings(out);
            server::ready(out, self.open.status);
            let scanned = self.exchange.scanned;
            self.exchange = Exchange { scanned, ..Exchange::default() };
        } else {
            self.exchange.skip = true;
            self.exchange.needs_server = false;
            self.exchange.place = None;
        }
        self.phase = Phase::Gathering;
    }
}
