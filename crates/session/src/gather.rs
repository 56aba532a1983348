//! Cuts what a client sends into exchanges.

use afterwrite_types::Moment;
use afterwrite_wire::client::{Bind, Execute};
use afterwrite_wire::frame::{self, Head, Malformed};
use afterwrite_wire::server::Report;
use afterwrite_wire::tags::client as tag;

use crate::exchange::{Op, Request, Span};
use crate::fault::ClientFault;
use crate::intent::{Intent, Transaction};
use crate::link::Say;
use crate::mode::Mode;
use crate::session::{Phase, Session};
use crate::statement::Library;

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
    pub(crate) fence_failed: bool,
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
    pub(crate) fn allows(&self, intent: &Intent) -> Result<(), ClientFault> {
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

    pub(crate) fn note_unsynced(&mut self) {
        let behind = !self.exchange.ops.is_empty() || self.phase != Phase::Gathering;
        self.exchange.unsynced |= behind;
    }

    pub(crate) fn push_executing(&mut self, op: Op) {
        self.exchange.executes |= !self.exchange.skip;
        self.push(op);
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
