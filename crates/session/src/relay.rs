//! Reads a server's replies by their headers, and passes on what the client asked for.

use afterwrite_sql::Pin;
use afterwrite_types::{Fence, InsertPointer, Position, Role, Sequence};
use afterwrite_wire::frame::{self, Head};
use afterwrite_wire::server::{
    self, DataRow, ErrorFields, IDLE, IN_TRANSACTION, ParameterStatus, command_tag, ready_status,
};
use afterwrite_wire::tags::server as tag;

use crate::exchange::{Discard, Exchange, Place, Use};
use crate::fault::{ServerFault, TRANSACTION_BLOCK};
use crate::intent::Transaction;
use crate::link::{Await, Expect, Link, Owner, Say};
use crate::mode::Mode;
use crate::session::{Outcome, Phase, Session};
use crate::settings::DATE_STYLE;
use crate::statement::StatementId;

/// Bytes of a message's body that must be there before it is looked at.
pub(crate) const LOOK_MAX: usize = 2048;

/// Where the exchange stands after some of the server's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More replies are to come.
    More,
    /// The server takes `COPY` data, or reads on behind a Flush: the client's
    /// further messages belong to it.
    Client,
    /// The client's settings are on the server, or the server's words why not.
    Prelude(Result<(), String>),
    /// The exchange is over and the client has been told.
    Done(Outcome),
    /// The client has left, and its connection is as good as new, or must be closed.
    Reset(bool),
    /// The exchange must run again on the primary; the client has seen none of it.
    Again,
}

/// What was made of some of the server's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// Bytes that were dealt with.
    pub consumed: usize,
    /// Where the exchange stands.
    pub progress: Progress,
}

pub(crate) enum Step {
    Forward,
    /// Passed on in other words.
    Replace(Vec<u8>),
    Drop,
    Stop(Progress),
}

impl Session {
    /// Deals with what the server sent: writes to `out` what is for the client, and to
    /// `upstream` what the proxy still asks the server.
    pub fn relay(
        &mut self,
        link: &mut Link,
        bytes: &[u8],
        sequence: &Sequence,
        out: &mut Vec<u8>,
        upstream: &mut Vec<u8>,
    ) -> Result<Relayed, ServerFault> {
        let mut consumed = 0;
        self.say(link, out);
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            if link.passing.left > 0 && !rest.is_empty() {
                let (now, _) = rest.split_at(link.passing.left.min(rest.len()));
                if link.passing.forward {
                    out.extend_from_slice(now);
                }
                link.passing.left -= now.len();
                consumed += now.len();
                self.say(link, out);
                continue;
            }
            let Some(head) = frame::head(rest)? else { break };
            if rest.len() < frame::HEAD + looked_at(head).min(head.body_len) {
                break;
            }
            let here = head.total().min(rest.len());
            let body = rest.get(frame::HEAD..here).unwrap_or_default();
            let step = self.step(link, head, body, sequence, out, upstream)?;
            consumed += here;
            let kept = self.exchange.discards.is_none();
            let forward = matches!(step, Step::Forward) && kept;
            if let (Step::Replace(message), true) = (&step, kept) {
                out.extend_from_slice(message);
            }
            if forward {
                out.extend_from_slice(rest.get(..here).unwrap_or_default());
            }
            link.passing.left = head.total() - here;
            link.passing.forward = forward;
            self.say(link, out);
            if let Step::Stop(progress) = step {
                return Ok(Relayed { consumed, progress });
            }
        }
        if self.may_part(link) {
            self.part(link, upstream);
        }
        let progress = if self.wants_client() { Progress::Client } else { Progress::More };
        Ok(Relayed { consumed, progress })
    }

    /// Gives the answers that are ours, where it is their turn: not within a message.
    fn say(&mut self, link: &mut Link, out: &mut Vec<u8>) {
        if link.passing.left > 0 {
            return;
        }
        while let Some(Expect { what: what @ (Await::Say(_) | Await::CopyEnd), .. }) =
            link.expects.front()
        {
            // The end of data that nothing has taken has no answer.
            if let Await::Say(say) = what {
                if self.exchange.discards.is_none() {
                    say.write(out);
                }
                if *say == Say::ParseComplete {
                    self.exchange.parsed_ok += 1;
                    self.exchange.vouched = true;
                }
            }
            link.expects.pop_front();
        }
    }

    /// Takes up one message of the server's.
    fn step(
        &mut self,
        link: &mut Link,
        head: Head,
        body: &[u8],
        sequence: &Sequence,
        out: &mut Vec<u8>,
        upstream: &mut Vec<u8>,
    ) -> Result<Step, ServerFault> {
        let out_of_turn = || ServerFault::OutOfTurn { tag: head.tag };
        match head.tag {
            tag::NOTICE | tag::NOTIFICATION => return Ok(unasked(link)),
            tag::PARAMETER_STATUS => return Ok(self.take_parameter(link, body)),
            tag::ERROR => return Ok(self.take_error(link, body, head.body_len)),
            tag::READY_FOR_QUERY => return self.take_ready(link, body, sequence, out, upstream),
            _ => {}
        }
        let Some(front) = link.expects.front() else { return Err(out_of_turn()) };
        let client = front.owner == Owner::Client;
        let described = match front.what {
            Await::DescribeStatement(id) | Await::DescribePortal(id) => id,
            _ => None,
        };
        let owner = front.owner;
        let (fits, last) = fits(head.tag, &front.what);
        if !fits {
            return Err(out_of_turn());
        }
        match (head.tag, front.owner) {
            (tag::PARSE_COMPLETE, Owner::Capture) => link.capture_ready = true,
            (tag::DATA_ROW, Owner::Capture) => self.take_capture(link, body),
            (tag::PARSE_COMPLETE, Owner::Inventory) => link.inventory_ready = true,
            (tag::DATA_ROW, Owner::Inventory) => {
                if let Some(answer) = eight_bytes(body) {
                    self.take_inventory(link, answer);
                }
            }
            (tag::PARAMETER_DESCRIPTION | tag::ROW_DESCRIPTION | tag::NO_DATA, _) => {
                if let Some(id) = described {
                    self.take_description(link, id, owner, head, body);
                }
            }
            (tag::COPY_IN, Owner::Client) => self.take_copy_in(link),
            // We never offer any data.
            (tag::COPY_IN, _) => return Err(out_of_turn()),
            (tag::COMMAND_COMPLETE, Owner::Client) => self.take_completion(link, body),
            _ => {}
        }
        if client && head.tag == tag::PARSE_COMPLETE {
            self.exchange.parsed_ok += 1;
        }
        if client && is_answer(head.tag) {
            self.exchange.answered = true;
        }
        if last {
            link.expects.pop_front();
        }
        Ok(if client { Step::Forward } else { Step::Drop })
    }

    fn take_parameter(&mut self, link: &mut Link, body: &[u8]) -> Step {
        if let Ok(ParameterStatus { name, value }) = ParameterStatus::decode(body) {
            if name == "in_hot_standby" && value == "off" && link.role() == Role::Replica {
                link.retire("promoted");
            }
            self.parameter(name, value);
            if self.prelude.is_some() {
                self.prelude_reports.push((name.to_owned(), value.to_owned()));
            } else if name.eq_ignore_ascii_case(DATE_STYLE) {
                self.exchange.date_style = Some(value.into());
            }
        }
        unasked(link)
    }

    fn take_copy_in(&mut self, link: &mut Link) {
        let simple = link.expects.front().is_some_and(|front| front.what == Await::Query);
        if !simple && ends_copy_ahead(link) {
            return;
        }
        self.exchange.copies_simply = simple;
        self.go_on(Phase::Copying);
        if !simple {
            self.exchange.complete = false;
        }
    }

    /// The client's further messages belong to what was sent: it runs nowhere else, and
    /// is not sent again with them.
    fn go_on(&mut self, phase: Phase) {
        self.exchange.ops.clear();
        self.phase = phase;
    }

    fn take_completion(&mut self, link: &mut Link, body: &[u8]) {
        if !self.exchange.intent.unread {
            return;
        }
        // Nobody read the statement; its tag tells what it left behind.
        let tag = command_tag(body).unwrap_or_default();
        match tag.split_ascii_whitespace().next().unwrap_or_default() {
            "SET" | "RESET" => self.noted.insert(Pin::Other),
            "LOAD" => self.noted.insert(Pin::Load),
            "DISCARD" if tag == "DISCARD ALL" => {
                link.forget_prepared();
                link.applied = None;
                self.noted.insert(Pin::Other);
            }
            "DEALLOCATE" if tag == "DEALLOCATE ALL" => link.forget_prepared(),
            // For the rest the server is asked what it has left.
            _ => {}
        }
    }

    fn take_capture(&mut self, link: &Link, body: &[u8]) {
        if let Some(bytes) = eight_bytes(body) {
            let pointer = InsertPointer(u64::from_be_bytes(bytes));
            let lsn = pointer.last_record_end(link.spec.wal);
            let position = Position { line: link.spec.line, lsn };
            self.scope.capture(Fence { position, asked: self.exchange.capture_asked });
            self.exchange.captured = true;
            self.last_capture = Some(position);
        }
    }

    fn take_error(&mut self, link: &mut Link, body: &[u8], head_len: usize) -> Step {
        let fields = ErrorFields::decode(body).ok();
        let (severity, code) = fields.as_ref().map_or(("ERROR", ""), |f| (f.severity, f.code));
        if matches!(severity, "FATAL" | "PANIC") {
            // The connection is about to end; what that means is decided then.
            link.retire("ended by the server");
            let message = fields.as_ref().map(|f| f.message.clone().into_owned());
            self.fatal = Some((code.to_owned(), message.unwrap_or_default()));
            return Step::Drop;
        }
        let owner = link.expects.front().map_or(Owner::Client, |front| front.owner);
        let step = match owner {
            Owner::Prelude => {
                let message = fields.as_ref().map(|f| f.message.clone().into_owned());
                self.take_prelude_error(link, code, message.unwrap_or_default(), body);
                Step::Drop
            }
            Owner::Capture => {
                link.capture_ready &= code != "26000";
                Step::Drop
            }
            Owner::GuardBegin => {
                self.exchange.guard_failed = true;
                Step::Drop
            }
            Owner::GuardEnd => Step::Drop,
            Owner::Inventory => {
                link.inventory_ready &= code != "26000";
                Step::Drop
            }
            Owner::Reset => {
                link.retire("could not be reset");
                Step::Drop
            }
            Owner::Fail => {
                self.exchange.failed = true;
                self.exchange.answered = true;
                let refusal = self.exchange.refusal.clone();
                refusal.map_or(Step::Drop, |error| Step::Replace(error.into()))
            }
            Owner::Restore => {
                self.exchange.restore_failed = true;
                Step::Drop
            }
            Owner::Client | Owner::Prepare | Owner::Evict | Owner::Sequences | Owner::Part => {
                let whole = head_len == body.len();
                match self.take_client_error(link, code, is_outdated(code, body)) {
                    Step::Forward if whole => self.in_the_clients_words(body),
                    step => step,
                }
            }
        };
        let simple = link
            .expects
            .front()
            .is_none_or(|front| matches!(front.what, Await::Query | Await::FunctionCall));
        if !simple {
            link.skip_to_sync();
            if link.skipping {
                // The server waits for a Sync that the client has yet to send.
                self.exchange.complete = false;
                self.go_on(Phase::Open);
            }
        }
        if self.phase == Phase::Copying {
            self.phase = if self.exchange.copies_simply { Phase::Running } else { Phase::Open };
        }
        step
    }

    /// Whoever else has prepared the statement must do so again.
    fn outdate(&self, id: StatementId) {
        let mut uses = self.exchange.uses.iter().filter(|it| it.prepared.id == id);
        let Some(Use { prepared, .. }) = uses.clone().next() else { return };
        prepared.outdate(uses.find_map(|it| it.own));
    }

    /// An error as the client would have got it: with its own name of a statement,
    /// where the server tells ours.
    fn in_the_clients_words(&self, body: &[u8]) -> Step {
        const OURS: &[u8] = b"\"_afterwrite_";
        let Some(start) = body.windows(OURS.len()).position(|window| window == OURS) else {
            return Step::Forward;
        };
        let (before, rest) = body.split_at(start);
        let digits = rest.get(OURS.len()..).unwrap_or_default();
        let Some(end) = digits.iter().position(|byte| *byte == b'"') else { return Step::Forward };
        let number = digits.get(..end).and_then(|digits| std::str::from_utf8(digits).ok());
        let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let name = number.and_then(|number| self.statements.name_of(StatementId(number)));
        let Some(name) = name else { return Step::Forward };
        let after = digits.get(end..).unwrap_or_default();
        message(&[before, b"\"", name, after].concat()).map_or(Step::Forward, Step::Replace)
    }

    /// An error that is told later; `None` if it is too long to be there as a whole.
    pub(crate) fn whole_error(&self, body: &[u8]) -> Option<Vec<u8>> {
        if !body.ends_with(b"\0\0") {
            return None;
        }
        match self.in_the_clients_words(body) {
            Step::Replace(error) => Some(error),
            Step::Forward | Step::Drop | Step::Stop(_) => message(body),
        }
    }

    fn take_client_error(&mut self, link: &mut Link, code: &str, outdated: bool) -> Step {
        let fails = match link.expects.front().map(|front| &front.what) {
            Some(Await::Bind(id) | Await::DescribeStatement(id)) => *id,
            _ => None,
        };
        let own = |id: &StatementId| {
            self.exchange.uses.iter().any(|it| it.prepared.id == *id && it.own.is_some())
        };
        // A Parse that was answered for a server that knew the text: it may know it by
        // a schema that is gone. That is between this client and this server: for others
        // the text may mean something else, and nothing be wrong with it.
        let vouched = fails.filter(|id| {
            self.exchange.vouched && self.exchange.tries == 0 && may_be_outgrown(code) && own(id)
        });
        if outdated || vouched.is_some() {
            // The client is told, since it may still expect the old columns; the
            // next attempt prepares anew.
            match fails {
                Some(id) if outdated => self.outdate(id),
                Some(id) => {
                    link.doubt(id);
                    self.exchange.anew = vouched;
                }
                None => {}
            }
            let prepares = !self.exchange.executes && self.exchange.may_move();
            if fails.is_some() && prepares && !self.in_transaction() && self.exchange.tries < 2 {
                // It only wants to know the statement as it is now.
                self.exchange.discards = Some(Discard::Refused);
                return Step::Drop;
            }
            self.exchange.failed = true;
            self.exchange.answered = true;
            return Step::Forward;
        }
        let on_replica = matches!(self.exchange.place, Some(Place::Replica(_)));
        if self.exchange.may_move() && !self.in_transaction() {
            if (on_replica || self.exchange.guarded) && code == "25006" {
                self.exchange.discards = Some(Discard::Wrote);
                return Step::Drop;
            }
            if on_replica && is_replicas_own(code) {
                self.exchange.discards = Some(Discard::Refused);
                return Step::Drop;
            }
        }
        self.exchange.failed = true;
        self.exchange.answered = true;
        Step::Forward
    }

    fn take_ready(
        &mut self,
        link: &mut Link,
        body: &[u8],
        sequence: &Sequence,
        out: &mut Vec<u8>,
        upstream: &mut Vec<u8>,
    ) -> Result<Step, ServerFault> {
        let status = ready_status(body)?;
        let ready = |what: &Await| matches!(what, Await::Query | Await::FunctionCall | Await::Sync);
        let Some(expect) = link.expects.pop_front().filter(|expect| ready(&expect.what)) else {
            return Err(ServerFault::OutOfTurn { tag: tag::READY_FOR_QUERY });
        };
        link.skipping = false;
        link.status = status;
        match expect.owner {
            Owner::Prelude => {
                return Ok(self.take_prelude_ready(link, &expect.what, out, upstream));
            }
            Owner::Client if self.exchange.readies_told < self.exchange.readies.len() => {
                self.take_ready_between();
                return Ok(Step::Forward);
            }
            Owner::GuardBegin => self.exchange.guard_failed |= status != IN_TRANSACTION,
            Owner::Client | Owner::GuardEnd | Owner::Fail | Owner::Part => {
                self.exchange.status = Some(status);
            }
            Owner::Reset if !link.expects.is_empty() => return Ok(Step::Drop),
            Owner::Reset => {
                return Ok(Step::Stop(Progress::Reset(self.take_reset(link, status))));
            }
            Owner::Capture
            | Owner::Prepare
            | Owner::Evict
            | Owner::Restore
            | Owner::Sequences
            | Owner::Inventory => {}
        }
        if !link.expects.is_empty() || self.exchange.status.is_none() {
            return Ok(Step::Drop);
        }
        if status != IDLE && self.mode == Mode::Statement {
            self.over = true;
            self.fatal = Some(("08P01".to_owned(), TRANSACTION_BLOCK.to_owned()));
            return Err(ServerFault::TransactionBlock);
        }
        if self.exchange.discards.is_none() {
            self.follow_forgetting(link);
            self.follow_pins(status, sequence);
        }
        let open = status != IDLE || self.exchange.discards.is_some();
        if !open && self.capture_late(link, status, sequence, upstream) {
            return Ok(Step::Drop);
        }
        if !open && !self.exchange.asks_inventory && self.wants_inventory() {
            self.ask_inventory(link, upstream);
            return Ok(Step::Drop);
        }
        if !open && self.late_restoration(link, upstream) {
            return Ok(Step::Drop);
        }
        Ok(Step::Stop(match self.exchange.discards {
            Some(discard) => {
                if discard == Discard::Wrote {
                    self.exchange.intent.writes = Some(afterwrite_sql::Reason::VolatileFunction);
                    self.exchange.intent.opaque = true;
                    self.exchange.intent.strays = true;
                }
                self.rewind();
                Progress::Again
            }
            None => Progress::Done(self.finish(link, status, sequence, out)),
        }))
    }

    /// Everything is answered: the floor rises, then the client hears "ready".
    ///
    /// # Invariant: no early ready
    ///
    /// After anything that may have written, the client is told that it may go
    /// on only once the floor covers it, or says that it must be asked for.
    /// Otherwise its next read could overtake the capture and miss its own row.
    fn finish(
        &mut self,
        link: &mut Link,
        status: u8,
        sequence: &Sequence,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mut exchange = std::mem::take(&mut self.exchange);
        let unresolved = self.leaves_unresolved(&exchange, status);
        if unresolved {
            self.scope.doubt(sequence.now());
        }
        self.note_seen(&exchange, link, sequence);
        self.follow_settings(&exchange, link, status);
        if exchange.failed {
            // What was not confirmed was not prepared.
            for name in exchange.parsed.iter().skip(exchange.parsed_ok) {
                self.statements.remove(name);
            }
        }
        self.settle_pins(exchange.left, link, status, sequence);
        self.follow_transaction(&exchange, status);
        exchange.tell_warnings(out);
        if !exchange.parts {
            self.report_token(out);
            server::ready(out, status);
        }
        self.holds = status != IDLE || self.pinned.is_some() || self.mode == Mode::Session;
        self.exchange.scanned = exchange.scanned;
        self.phase = Phase::Gathering;
        if self.upstream.left > 0 && !self.upstream.discard {
            self.upstream.discard = true;
            link.retire("answered what it had not read");
        }
        Outcome {
            keep: self.holds,
            place: exchange.place,
            batches: exchange.readies.len() + 1,
            captured: exchange.captured,
            unresolved,
        }
    }

    /// Whether something may have been committed whose position is not known.
    pub(crate) fn leaves_unresolved(&self, exchange: &Exchange, status: u8) -> bool {
        let on_primary = matches!(exchange.place, Some(Place::Primary(_)));
        let proven = exchange.guarded && !exchange.guard_failed
            || self.open.read_only && !exchange.intent.sets_transaction
            || exchange.intent.only_shows;
        if !on_primary || !exchange.executes || exchange.captured || proven {
            return false;
        }
        let plain = !exchange.intent.unread;
        let nothing_committed = status != IDLE
            && plain
            && match exchange.intent.transaction {
                Transaction::Untouched => self.in_transaction(),
                Transaction::Begins { .. } => true,
                Transaction::Ends { .. } | Transaction::Mixed => false,
            };
        !nothing_committed
    }
}

/// Whether the `COPY` that a batch has just begun is ended by what was sent behind it: by
/// the end of its data, or by what is none, which is an error.
///
/// While it takes data a server ignores Sync, so another one will come behind the data,
/// and only that one is answered.
fn ends_copy_ahead(link: &mut Link) -> bool {
    let mut at = 1;
    while let Some(expect) = link.expects.get(at) {
        match expect.what {
            Await::Sync => drop(link.expects.remove(at)),
            Await::CopyEnd => return link.expects.remove(at).is_some(),
            Await::Say(_) => at += 1,
            Await::Parse(_)
            | Await::Bind(_)
            | Await::DescribeStatement(_)
            | Await::DescribePortal(_)
            | Await::Execute
            | Await::Close
            | Await::Drop(_)
            | Await::Query
            | Await::FunctionCall => return true,
        }
    }
    false
}

/// An error with this body.
fn message(body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len() + 4).ok()?;
    Some([&[tag::ERROR][..], &length.to_be_bytes(), body].concat())
}

/// The first value of a row, if it has eight bytes.
fn eight_bytes(body: &[u8]) -> Option<[u8; 8]> {
    let value = DataRow::decode(body).ok().and_then(|mut row| row.next()?.ok()?)?;
    value.try_into().ok()
}

/// Something nobody asked for: passed on if the client is being served.
fn unasked(link: &Link) -> Step {
    let theirs =
        |owner| matches!(owner, Owner::Client | Owner::Restore | Owner::Fail | Owner::Part);
    let ours = link.expects.front().is_some_and(|front| !theirs(front.owner));
    if ours { Step::Drop } else { Step::Forward }
}

/// Bytes of the body that must be there before the message is looked at.
fn looked_at(head: Head) -> usize {
    match head.tag {
        tag::ERROR | tag::PARAMETER_STATUS | tag::ROW_DESCRIPTION | tag::PARAMETER_DESCRIPTION => {
            LOOK_MAX
        }
        tag::READY_FOR_QUERY | tag::COMMAND_COMPLETE => 64,
        // A captured position or an inventory: two bytes of columns, four of length, eight of value.
        tag::DATA_ROW => 14,
        _ => 0,
    }
}

/// Whether a message answers what is awaited, and whether it is the last of that answer.
fn fits(message: u8, awaited: &Await) -> (bool, bool) {
    let simple = matches!(awaited, Await::Query);
    match message {
        tag::PARSE_COMPLETE => (matches!(awaited, Await::Parse(_)), true),
        tag::BIND_COMPLETE => (matches!(awaited, Await::Bind(_)), true),
        tag::CLOSE_COMPLETE => (matches!(awaited, Await::Close | Await::Drop(_)), true),
        tag::PARAMETER_DESCRIPTION => (matches!(awaited, Await::DescribeStatement(_)), false),
        tag::ROW_DESCRIPTION | tag::NO_DATA => match awaited {
            Await::DescribeStatement(_) | Await::DescribePortal(_) => (true, true),
            Await::Query => (message == tag::ROW_DESCRIPTION, false),
            Await::Parse(_)
            | Await::Bind(_)
            | Await::Execute
            | Await::Close
            | Await::Drop(_)
            | Await::FunctionCall
            | Await::Sync
            | Await::CopyEnd
            | Await::Say(_) => (false, false),
        },
        tag::DATA_ROW | tag::COPY_IN | tag::COPY_OUT | tag::COPY_DATA | tag::COPY_DONE => {
            (simple || *awaited == Await::Execute, false)
        }
        tag::COMMAND_COMPLETE | tag::EMPTY_QUERY | tag::PORTAL_SUSPENDED => {
            (simple || *awaited == Await::Execute, !simple)
        }
        tag::FUNCTION_RESULT => (*awaited == Await::FunctionCall, false),
        _ => (false, false),
    }
}

/// Whether a message is part of a result: once it was passed on, the exchange
/// cannot run elsewhere.
fn is_answer(message: u8) -> bool {
    matches!(
        message,
        tag::DATA_ROW
            | tag::COMMAND_COMPLETE
            | tag::EMPTY_QUERY
            | tag::PORTAL_SUSPENDED
            | tag::COPY_IN
            | tag::COPY_OUT
            | tag::COPY_DATA
            | tag::COPY_DONE
            | tag::FUNCTION_RESULT
    )
}

/// Whether the error says that a prepared statement's plan does not fit the schema
/// any more ("cached plan must not change result type", in any language): by the
/// routine that reports it, which is not translated.
fn is_outdated(code: &str, body: &[u8]) -> bool {
    const ROUTINE: &[u8] = b"RRevalidateCachedQuery\0";
    code == "0A000" && body.windows(ROUTINE.len()).any(|window| window == ROUTINE)
}

/// Whether a plan that was made for another schema may fail so, where one made now would
/// not: the types of its parameters are those that it was made with.
fn may_be_outgrown(code: &str) -> bool {
    const NOT_ALLOWED: &str = "42501";
    code.starts_with("42") && code != NOT_ALLOWED || code == "XX000"
}

/// Errors that a replica gives for being a replica: the primary will not.
pub(crate) fn is_replicas_own(code: &str) -> bool {
    matches!(
        code,
        "40001" | "40P01" // replay took away what the read needed
            | "0A000" | "55000" // not during recovery: unlogged tables, some functions
            | "57P01" | "57P02" | "57P03" // it is going away, or not here yet
    )
}
