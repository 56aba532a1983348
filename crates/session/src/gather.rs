//! Cuts what a client sends into exchanges.

use std::sync::Arc;

use afterwrite_core::Reason;
use afterwrite_sql::{Analysis, Command, Effect};
use afterwrite_types::Moment;
use afterwrite_wire::client::{Bind, Execute, Parse, Target, query_text};
use afterwrite_wire::frame::{self, Head, Malformed};
use afterwrite_wire::server::{self, Report};
use afterwrite_wire::tags::client as tag;

use crate::command::{self, Answer, Surroundings};
use crate::exchange::{Op, Request, Route, Span, Use};
use crate::fault::ClientFault;
use crate::hint::TextHints;
use crate::intent::{Change, Intent, Transaction};
use crate::link::Say;
use crate::mode::Mode;
use crate::session::{Phase, Session};
use crate::shape::outgrown;
use crate::statement::{Library, Prepared};

/// What the client's bytes amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathered {
    /// Nothing yet: more bytes are needed.
    NeedMore,
    /// An exchange is ready to be routed and dispatched.
    Request(Request),
    /// More messages of an exchange that is under way: dispatch them to its server.
    Further,
    /// The primary's position must be known to go on (or the attempt have failed).
    NeedsFence(Moment),
    /// The client said goodbye.
    Goodbye,
}

/// What gathering may look at besides the bytes.
pub(crate) struct Around<'a> {
    pub(crate) library: &'a dyn Library,
    pub(crate) now: Moment,
    /// A fence was asked for and did not come.
    fence_failed: bool,
}

/// A piece of a batch that could not be read: too long to be held.
const NAMES_MAX: usize = 4096;

impl Session {
    /// Reads on in the client's bytes; `inbox` begins with the exchange's first byte.
    ///
    /// `fence_failed` says that an earlier [`Gathered::NeedsFence`] could not be met.
    pub fn gather(
        &mut self,
        inbox: &[u8],
        library: &dyn Library,
        now: Moment,
        fence_failed: bool,
    ) -> Result<Gathered, ClientFault> {
        let around = Around { library, now, fence_failed };
        loop {
            if self.upstream.left > 0 || self.phase == Phase::Running {
                // What follows COPY data belongs to the next exchange.
                return Ok(self.pause());
            }
            let rest = inbox.get(self.exchange.scanned..).unwrap_or_default();
            let Some(head) = frame::head(rest)? else { return Ok(self.pause()) };
            if !is_known(head.tag) {
                // Told at once: its length is as unlikely to be true as its type.
                return Err(ClientFault::UnknownMessage(head.tag));
            }
            if head.body_len > self.limits.message_max {
                let (claimed, limit) = (head.body_len, self.limits.message_max);
                return Err(Malformed::TooLong { claimed, limit }.into());
            }
            let total = head.total();
            let whole = rest.len() >= total;
            let reach = self.exchange.scanned + rest.len().min(total);
            if !whole && reach < self.limits.held_max {
                return Ok(self.pause());
            }
            if !whole && total <= self.limits.held_max {
                // Not too long itself, but behind much that is held: that goes first.
                let holding = self.phase == Phase::Gathering && !self.exchange.ops.is_empty();
                return Ok(if holding { self.give_up_holding() } else { self.pause() });
            }
            let start = self.exchange.scanned;
            let end = start + total.min(rest.len());
            let message = Message { head, span: Span { start, end }, whole };
            let body = rest.get(frame::HEAD..end - start).unwrap_or_default();
            if let Some(gathered) = self.take(&message, body, &around)? {
                if message.head.tag == tag::SYNC && self.joins_next(inbox, library) {
                    continue;
                }
                return Ok(gathered);
            }
        }
    }

    /// The bytes end in the middle of a message.
    fn pause(&self) -> Gathered {
        if self.phase != Phase::Gathering && !self.exchange.ops.is_empty() {
            Gathered::Further
        } else {
            Gathered::NeedMore
        }
    }

    /// Takes up one message; gives back what it completes.
    fn take(
        &mut self,
        message: &Message,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        if !message.whole {
            return self.take_oversized(message, body, around).map(Some);
        }
        let span = message.span;
        if self.phase == Phase::Copying && matches!(message.head.tag, tag::SYNC | tag::FLUSH) {
            // A server ignores them there.
            self.exchange.scanned = span.end;
            return Ok(None);
        }
        let done = match message.head.tag {
            tag::QUERY => return self.take_query(span, body, around).map(Some),
            tag::PARSE => self.take_parse(span, body, around)?,
            tag::BIND => self.take_bind(span, body, around)?,
            tag::DESCRIBE => self.take_describe(span, body, around)?,
            tag::EXECUTE => {
                let execute = Execute::decode(body)?;
                if let Some(prepared) = self.local_portal(execute.portal) {
                    return Ok(self.execute_local(&prepared, span, around));
                }
                self.note_executed(execute.portal, around);
                self.push_executing(Op::Execute(span));
                None
            }
            tag::CLOSE => self.take_close(span, body)?,
            tag::FLUSH => return Ok(Some(self.take_flush(span))),
            tag::SYNC => Some(self.take_sync(span)),
            tag::FUNCTION_CALL => {
                self.exchange.intent.add(&Intent::call());
                self.note_unsynced();
                self.push_executing(Op::FunctionCall(span));
                self.exchange.complete = true;
                Some(Gathered::Request(self.request()))
            }
            tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => {
                self.take_copy(message.head.tag, span);
                None
            }
            tag::TERMINATE => Some(Gathered::Goodbye),
            // Only before the login.
            other => return Err(ClientFault::UnknownMessage(other)),
        };
        self.exchange.scanned = span.end;
        // A batch of many small messages is held only so far.
        if done.is_none() && self.phase == Phase::Gathering && self.is_overfull() {
            return Ok(Some(self.give_up_holding()));
        }
        Ok(done)
    }

    /// In statement mode no transaction can be begun.
    fn allows(&self, intent: &Intent) -> Result<(), ClientFault> {
        let begins = matches!(intent.transaction, Transaction::Begins { .. });
        if begins && self.mode == Mode::Statement {
            return Err(ClientFault::TransactionBlock);
        }
        Ok(())
    }

    fn is_overfull(&self) -> bool {
        self.exchange.scanned >= self.limits.held_max && !self.exchange.ops.is_empty()
    }

    fn give_up_holding(&mut self) -> Gathered {
        self.exchange.intent.add(&Intent::unread());
        Gathered::Request(self.request())
    }

    pub(crate) fn push(&mut self, op: Op) {
        if self.exchange.skip {
            return;
        }
        if !matches!(op, Op::Say(_) | Op::Sync(_) | Op::Flush(_)) {
            self.exchange.needs_server = true;
        }
        self.exchange.tied |= !is_known_everywhere(&op);
        self.exchange.ops.push(op);
    }

    fn note_unsynced(&mut self) {
        let behind = !self.exchange.ops.is_empty() || self.phase != Phase::Gathering;
        self.exchange.unsynced |= behind;
    }

    fn push_executing(&mut self, op: Op) {
        self.exchange.executes |= !self.exchange.skip;
        self.push(op);
    }

    fn take_query(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Gathered, ClientFault> {
        let text = query_text(body)?;
        let reading = around.library.reading(text, self.search_path());
        let reading = around.library.settled(text, reading);
        let (analysis, misread) = (&reading.analysis, self.misreads(text).then(Intent::unread));
        let intent = misread.as_ref().unwrap_or(&reading.intent);
        self.allows(intent)?;
        if let Some(name) = self.names_reserved(analysis) {
            self.fail_unknown(name.as_bytes(), true);
        } else if intent.local {
            let single = analysis.single().map(|statement| &statement.effect);
            if let Some(Effect::Afterwrite(command)) = single {
                let answer = self.carry_out(command, around);
                if answer == Answer::NeedsFence {
                    return Ok(Gathered::NeedsFence(around.now));
                }
                if let Answer::Failed(report) = &answer {
                    self.fail_query(report);
                } else {
                    let mut bytes = Vec::new();
                    command::write(&answer, true, &mut bytes);
                    self.push(Op::Say(Say::Bytes(bytes.into())));
                }
            } else {
                self.take_mixed(analysis, span, around);
                self.note_settings(intent, analysis, text);
            }
        } else if let Some(name) = self.deallocates(analysis) {
            self.deallocate(&name);
        } else {
            // As on a server, a simple query ends the unnamed statement.
            self.statements.remove(b"");
            self.exchange.executed = self.executes(analysis);
            self.note_settings(intent, analysis, text);
            self.note_unsynced();
            self.push_executing(Op::Query(span));
        }
        self.exchange.intent.add(intent);
        self.take_hints(text, intent, around);
        self.note_read(reading);
        self.exchange.scanned = span.end;
        self.exchange.complete = true;
        Ok(Gathered::Request(self.request()))
    }

    /// Takes up the hints of a simple query, and those of a statement that it executes.
    fn take_hints(&mut self, text: &[u8], intent: &Intent, around: &Around<'_>) {
        let hints = TextHints::of(text);
        self.judge_hints(hints.as_deref(), text);
        if self.exchange.executes {
            self.heed(hints.as_deref(), text, intent, around);
        }
        if let Some(prepared) = self.exchange.executed.as_ref().map(|(_, it)| Arc::clone(it)) {
            self.heed(prepared.hints.as_deref(), prepared.sql(), intent, around);
        }
    }

    /// Takes up the hints of a statement that is too long to be here as a whole.
    fn take_first_hints(&mut self, text: &[u8], around: &Around<'_>) {
        let hints = TextHints::at_beginning(text);
        self.judge_hints(hints.as_deref(), text);
        self.heed(hints.as_deref(), text, &Intent::unread(), around);
    }

    /// Notes the text of each statement that changes a setting.
    pub(crate) fn note_settings(&mut self, intent: &Intent, analysis: &Analysis, text: &[u8]) {
        if intent.changes.is_empty() {
            return;
        }
        for (statement, text) in analysis.statements.iter().zip(afterwrite_sql::texts(text)) {
            if Change::of(&statement.effect).is_some() {
                self.exchange.setting_texts.push(String::from_utf8_lossy(text).into_owned());
            }
        }
    }

    /// The statement that is deallocated, if it is one that only we know by this
    /// name: SQL and the protocol share their names.
    fn deallocates(&self, analysis: &Analysis) -> Option<Box<str>> {
        match &analysis.single()?.effect {
            Effect::Deallocate { name: Some(name) } => {
                self.statements.find(name.as_bytes()).map(|_| name.clone())
            }
            _ => None,
        }
    }

    fn deallocate(&mut self, name: &str) {
        self.statements.remove(name.as_bytes());
        let mut bytes = Vec::new();
        server::command_complete(&mut bytes, "DEALLOCATE");
        self.push(Op::Say(Say::Bytes(bytes.into())));
    }

    /// The statement that SQL executes by the name the protocol gave it: the server
    /// must know it by that name, too.
    fn executes(&self, analysis: &Analysis) -> Option<(Box<str>, Arc<Prepared>)> {
        match &analysis.single()?.effect {
            Effect::Execute { name: Some(name) } => {
                let prepared = self.statements.find(name.as_bytes())?;
                Some((name.clone(), Arc::clone(prepared)))
            }
            _ => None,
        }
    }

    /// Whether a statement is carried out here and never sent to a server.
    fn is_ours(&self, prepared: &Prepared) -> bool {
        let deallocates = prepared.deallocates.as_ref();
        prepared.command.is_some()
            || deallocates.is_some_and(|name| self.statements.find(name.as_bytes()).is_some())
    }

    /// Settings of ours among other statements in one string: they take effect
    /// at once, and the server takes its own copies for unknown settings.
    fn take_mixed(&mut self, analysis: &Analysis, span: Span, around: &Around<'_>) {
        let before = self.scope.clone();
        for statement in &analysis.statements {
            let Effect::Afterwrite(command) = &statement.effect else { continue };
            let answer = match command {
                Command::Show { name } => Answer::Failed(
                    Report::error("0A000", format!("SHOW afterwrite.{name} must be sent alone"))
                        .detail(
                            "It stood in one string with other statements; none of them was run.",
                        ),
                ),
                Command::Set { .. } | Command::Reset { .. } | Command::Malformed => {
                    self.carry_out(command, around)
                }
            };
            match &answer {
                Answer::Failed(report) => {
                    // Nothing of a string is done whose parts cannot all be.
                    self.scope = before;
                    self.fail_query(report);
                    return;
                }
                Answer::Warned(_, report) => self.warn(report),
                Answer::Done(_) | Answer::Row(..) | Answer::NeedsFence => {}
            }
        }
        // The copies must not stay behind for the next client.
        self.exchange.intent.changes.push(Change::Reset(String::new()));
        self.exchange.setting_texts.push(String::new());
        self.note_unsynced();
        self.push_executing(Op::Query(span));
    }

    fn carry_out(&mut self, command: &Command, around: &Around<'_>) -> Answer {
        let last_decision = self.last_decision();
        let history = around.library.history();
        let surroundings = Surroundings {
            now: around.now,
            known: around.library.known_position(),
            history: history.as_deref(),
            last_decision: &last_decision,
            in_transaction: self.in_transaction(),
            in_doubt: self.in_doubt,
            table_scope: around.library.table_scope(),
        };
        let set = match command {
            Command::Set { name, .. } | Command::Reset { name } => Some(name.as_str()),
            Command::Show { .. } | Command::Malformed => None,
        };
        match set {
            Some("session") if !self.keep_keys() => {
                return Answer::Failed(
                    Report::error("54000", "too many keys are named in one transaction")
                        .hint("commit before the next ones"),
                );
            }
            Some("level" | "max_staleness" | "wait_max" | "at_timeout") => self.keep_terms(),
            _ => {}
        }
        match command::carry_out(command, &mut self.scope, surroundings) {
            Answer::NeedsFence if around.fence_failed => Answer::Failed(command::no_fence()),
            answer => answer,
        }
    }

    fn take_parse(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let parse = Parse::decode(body)?;
        if self.exchange.skip {
            return Ok(None);
        }
        let named = !parse.name.is_empty();
        if named && self.statements.find(parse.name).is_some() {
            let name = String::from_utf8_lossy(parse.name);
            let text = format!("prepared statement \"{name}\" already exists");
            self.fail(&Report::error("42P05", text));
            return Ok(None);
        }
        let known = (!named).then(|| self.statements.same_unnamed(parse.rest).cloned()).flatten();
        let prepared = known.unwrap_or_else(|| around.library.prepared(parse.rest));
        let number = prepared.parsed();
        if named {
            let prepared = Arc::clone(&prepared);
            self.exchange.uses.push(Use { prepared, own: Some(number), told: None });
        }
        let max = self.limits.prepared_max;
        if !self.statements.insert(parse.name, Arc::clone(&prepared), number, max) {
            self.fail(
                &Report::error("54000", format!("a client may prepare at most {max} statements"))
                    .hint("close statements that are not needed any more, or raise clients.prepared_max"),
            );
            return Ok(None);
        }
        self.exchange.parsed.push(parse.name.into());
        self.judge_hints(prepared.hints.as_deref(), prepared.sql());
        if self.is_ours(&prepared) {
            self.push(Op::Say(Say::ParseComplete));
        } else {
            if self.misreads(prepared.sql()) {
                self.exchange.intent.add(&Intent::unread());
            }
            self.note_described(&prepared, around.library);
            self.push(Op::Parse { prepared, named, span });
        }
        Ok(None)
    }

    fn take_bind(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let bind = Bind::decode(body)?;
        if self.exchange.skip || self.refuses_outdated(bind.statement) {
            return Ok(None);
        }
        let prepared = self.statements.find(bind.statement).cloned();
        if self.is_reserved(bind.statement) {
            self.fail_unknown(bind.statement, false);
            return Ok(None);
        }
        if let Some(name) = prepared.as_ref().and_then(|it| it.names.as_deref())
            && self.is_reserved(name.as_bytes())
        {
            self.fail_unknown(name.as_bytes(), false);
            return Ok(None);
        }
        if let Some(prepared) = &prepared {
            self.allows(&prepared.intent)?;
        }
        match prepared {
            Some(prepared) if self.is_ours(&prepared) => {
                self.exchange.portal = Some((bind.portal.into(), prepared));
                self.push(Op::Say(Say::BindComplete));
            }
            prepared => {
                if self.local_portal(bind.portal).is_some() {
                    self.exchange.portal = None;
                }
                let named = !bind.statement.is_empty();
                self.note_bound(bind.portal, prepared.as_ref(), named, around);
                self.push(Op::Bind { prepared, named, span });
            }
        }
        Ok(None)
    }

    /// Answers as a server does whose plan of the statement does not fit the schema
    /// any more: on another connection it would be made anew, with other columns than
    /// the client expects.
    fn refuses_outdated(&mut self, name: &[u8]) -> bool {
        if self.exchange.skip {
            return false;
        }
        if let Some(prepared) = self.statements.find(name).filter(|_| !name.is_empty()) {
            let (prepared, told) = (Arc::clone(prepared), self.statements.told(name));
            self.exchange.uses.push(Use { prepared, own: None, told });
        }
        let outdated = self.statements.is_outdated(name);
        if outdated {
            self.fail(&outgrown());
        }
        outdated
    }

    fn take_describe(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let target = Target::decode(body)?;
        if target.kind == b'P' {
            if let Some(prepared) = self.local_portal(target.name) {
                self.say_described(&prepared, false);
            } else {
                let of = self.portals.named(target.name);
                self.push(Op::DescribePortal { of, span });
            }
            return Ok(None);
        }
        if self.refuses_outdated(target.name) {
            return Ok(None);
        }
        if self.is_reserved(target.name) {
            self.fail_unknown(target.name, false);
            return Ok(None);
        }
        let named = !target.name.is_empty();
        match self.statements.find(target.name).cloned() {
            Some(prepared) if self.is_ours(&prepared) => self.say_described(&prepared, true),
            prepared => {
                match &prepared {
                    Some(prepared) => self.note_described(prepared, around.library),
                    None => self.exchange.intent.add(&Intent::unread()),
                }
                self.push(Op::DescribeStatement { prepared, named, span });
            }
        }
        Ok(None)
    }

    fn say_described(&mut self, prepared: &Prepared, statement: bool) {
        let mut bytes = Vec::new();
        if statement {
            server::parameter_description(&mut bytes, &[]);
        }
        match &prepared.command {
            Some(command) => command::describe(command, &mut bytes),
            None => server::no_data(&mut bytes),
        }
        self.push(Op::Say(Say::Bytes(bytes.into())));
    }

    fn local_portal(&self, name: &[u8]) -> Option<Arc<Prepared>> {
        let (portal, prepared) = self.exchange.portal.as_ref()?;
        (**portal == *name).then(|| Arc::clone(prepared))
    }

    /// Carries out a command of ours that was bound to a portal.
    fn execute_local(
        &mut self,
        prepared: &Prepared,
        span: Span,
        around: &Around<'_>,
    ) -> Option<Gathered> {
        if let Some(name) = &prepared.deallocates {
            self.deallocate(&name.clone());
        }
        let Some(command) = prepared.command.as_ref().filter(|_| !self.exchange.skip) else {
            self.exchange.scanned = span.end;
            return None;
        };
        match self.carry_out(command, around) {
            Answer::NeedsFence => return Some(Gathered::NeedsFence(around.now)),
            Answer::Failed(report) => self.fail(&report),
            answer => {
                let mut bytes = Vec::new();
                command::write(&answer, false, &mut bytes);
                self.push(Op::Say(Say::Bytes(bytes.into())));
            }
        }
        self.exchange.scanned = span.end;
        None
    }

    fn take_close(&mut self, span: Span, body: &[u8]) -> Result<Option<Gathered>, ClientFault> {
        let target = Target::decode(body)?;
        if target.kind == b'P' {
            self.push(Op::ClosePortal(span));
        } else if (self.holds || self.unsure)
            && self.statements.find(target.name).is_none()
            && !self.is_reserved(target.name)
        {
            // Possibly a statement of SQL's PREPARE, which lives on the server.
            self.push(Op::CloseStatement(span));
        } else {
            if !self.exchange.skip {
                self.statements.remove(target.name);
            }
            self.push(Op::Say(Say::CloseComplete));
        }
        Ok(None)
    }

    fn take_flush(&mut self, span: Span) -> Gathered {
        self.push(Op::Flush(span));
        self.exchange.scanned = span.end;
        if self.phase != Phase::Gathering {
            return Gathered::Further;
        }
        if self.exchange.needs_server && !self.exchange.executes {
            self.exchange.flushed = true;
        }
        Gathered::Request(self.request())
    }

    fn take_sync(&mut self, span: Span) -> Gathered {
        self.exchange.skip = false;
        self.push(Op::Sync(span));
        self.exchange.complete = true;
        self.exchange.portal = None;
        if self.phase == Phase::Gathering {
            Gathered::Request(self.request())
        } else {
            Gathered::Further
        }
    }

    fn take_copy(&mut self, copy: u8, span: Span) {
        // Outside of COPY a server drops these silently: the tail of a COPY that failed.
        let end = copy != tag::COPY_DATA;
        match self.phase {
            Phase::Copying => {
                self.exchange.ops.push(Op::Copy(span));
                if end {
                    let simply = self.exchange.copies_simply;
                    self.phase = if simply { Phase::Running } else { Phase::Open };
                }
            }
            Phase::Open | Phase::Gathering if end && self.may_copy_ahead() => {
                self.exchange.ops.push(Op::CopyEndAhead(span));
            }
            Phase::Open => self.exchange.ops.push(Op::Copy(span)),
            Phase::Gathering if self.may_copy_ahead() => self.exchange.ops.push(Op::Copy(span)),
            Phase::Gathering | Phase::Running => {}
        }
    }

    /// Whether something in the exchange may take `COPY` data once a server executes it.
    fn may_copy_ahead(&self) -> bool {
        let exchange = &self.exchange;
        let copies = exchange.intent.copy_in || exchange.intent.unread;
        exchange.executes && copies && !exchange.skip
    }

    /// A message too long to be held: its beginning is looked at, the rest goes
    /// past us.
    fn take_oversized(
        &mut self,
        message: &Message,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Gathered, ClientFault> {
        let span = message.span;
        let left = message.head.total() - (span.end - span.start);
        let under_way = self.phase != Phase::Gathering;
        let discard = self.exchange.skip;
        match message.head.tag {
            tag::QUERY | tag::FUNCTION_CALL if !under_way => {
                self.exchange.intent.add(&Intent::unread());
                self.note_unsynced();
                let op = if message.head.tag == tag::QUERY { Op::Query } else { Op::FunctionCall };
                self.push_executing(op(span));
                if message.head.tag == tag::QUERY {
                    self.take_first_hints(body, around);
                }
                self.exchange.complete = true;
            }
            tag::PARSE if body.first() == Some(&0) => {
                self.statements.remove(b"");
                self.exchange.intent.add(&Intent::unread());
                self.push(Op::ParseUnread(span));
                let text = body.split(|byte| *byte == 0).nth(1).unwrap_or_default();
                self.take_first_hints(text, around);
            }
            tag::PARSE => {
                let max = self.limits.held_max;
                self.fail(
                    &Report::error("54000", format!("a named statement is limited to {max} bytes"))
                        .hint("use an unnamed statement, or raise clients.statement_buffer_max"),
                );
                self.upstream.discard = true;
            }
            tag::BIND => {
                let start = body.get(..NAMES_MAX.min(body.len())).unwrap_or_default();
                let bind = Bind::decode(start)?;
                let prepared = self.statements.find(bind.statement).cloned();
                let named = !bind.statement.is_empty();
                self.note_bound(bind.portal, prepared.as_ref(), named, around);
                self.exchange.intent.add(&Intent { statements: 0, ..Intent::unread() });
                self.push(Op::Bind { prepared, named, span });
            }
            tag::COPY_DATA if (under_way || self.may_copy_ahead()) && !discard => {
                self.exchange.ops.push(Op::Copy(span));
            }
            tag::COPY_DATA => self.upstream.discard = true,
            _ => {
                let claimed = message.head.body_len;
                return Err(Malformed::TooLong { claimed, limit: self.limits.held_max }.into());
            }
        }
        self.exchange.scanned = span.end;
        self.upstream.left = left;
        self.upstream.discard |= discard;
        if under_way {
            Ok(Gathered::Further)
        } else if self.exchange.ops.is_empty() {
            Ok(Gathered::NeedMore)
        } else {
            Ok(Gathered::Request(self.request()))
        }
    }

    /// Says what the gathered exchange needs.
    pub fn request(&self) -> Request {
        let exchange = &self.exchange;
        let reads = self.reads();
        let route = if !exchange.needs_server {
            Route::Local
        } else if self.in_transaction() || self.holds {
            Route::Held
        } else if self.mode == Mode::Session {
            Route::Primary(Reason::Pinned)
        } else if exchange.intent.unread || exchange.flushed || !exchange.complete {
            Route::Primary(Reason::Unread)
        } else if self.settings.is_serializable() {
            Route::Primary(Reason::Serializable)
        } else if exchange.intent.only_shows {
            // A replica would say that it is read-only, and drivers believe it.
            Route::Primary(Reason::Shows)
        } else {
            match exchange.intent.transaction {
                Transaction::Begins { read_only: true, serializable: false } => Route::Read,
                Transaction::Untouched if reads => Route::Read,
                Transaction::Begins { .. } => Route::Primary(Reason::Transaction),
                Transaction::Untouched | Transaction::Ends { .. } | Transaction::Mixed => {
                    Route::Primary(Reason::MayWrite)
                }
            }
        };
        let may_write = !matches!(route, Route::Read | Route::Local) && self.may_write();
        Request { route, may_write }
    }

    /// Whether what was gathered may write, should it run on the primary.
    ///
    /// On a connection that the client holds nothing proves that what was taken for a read
    /// does not write: there is no read-only transaction around it.
    pub(crate) fn may_write(&self) -> bool {
        let unproven = self.is_unguarded() && !self.exchange.intent.only_shows;
        self.exchange.executes && (unproven || !self.reads())
    }

    /// Whether its client holds the connection, outside of a transaction.
    pub(crate) fn is_unguarded(&self) -> bool {
        (self.holds || self.mode == Mode::Session) && !self.in_transaction()
    }

    fn reads(&self) -> bool {
        let intent = &self.exchange.intent;
        intent.reads_only() && intent.transaction == Transaction::Untouched
    }
}

/// Whether a message leaves nothing on its server that the next one would lack.
fn is_known_everywhere(op: &Op) -> bool {
    match op {
        Op::Parse { .. }
        | Op::DescribeStatement { prepared: Some(_), .. }
        | Op::Flush(_)
        | Op::Say(Say::ParseComplete | Say::CloseComplete) => true,
        Op::Query(_)
        | Op::FunctionCall(_)
        | Op::Fail { .. }
        | Op::ParseUnread(_)
        | Op::Bind { .. }
        | Op::DescribeStatement { prepared: None, .. }
        | Op::DescribePortal { .. }
        | Op::ClosePortal(_)
        | Op::CloseStatement(_)
        | Op::Execute(_)
        | Op::Sync(_)
        | Op::Copy(_)
        | Op::CopyEndAhead(_)
        | Op::Say(Say::BindComplete | Say::Bytes(_)) => false,
    }
}

/// Whether a client may send a message of this type after its login.
fn is_known(message: u8) -> bool {
    matches!(
        message,
        tag::QUERY
            | tag::PARSE
            | tag::BIND
            | tag::DESCRIBE
            | tag::EXECUTE
            | tag::CLOSE
            | tag::SYNC
            | tag::FLUSH
            | tag::TERMINATE
            | tag::COPY_DATA
            | tag::COPY_DONE
            | tag::COPY_FAIL
            | tag::FUNCTION_CALL
    )
}

struct Message {
    head: Head,
    span: Span,
    whole: bool,
}
