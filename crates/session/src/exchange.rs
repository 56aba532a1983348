//! What a client asks for between two "ready"s.

use std::fmt;
use std::sync::Arc;

use afterwrite_core::{Key, Reason, Stuck};
use afterwrite_types::{Floor, Level, Moment};
use smallvec::SmallVec;

use crate::hint::ExchangeHints;
use crate::intent::Intent;
use crate::link::Say;
use crate::pinned::Causes;
use crate::shape::Shape;
use crate::statement::{Prepared, StatementId};
use crate::tables::Touched;

/// Where the bytes of a message stand, from the exchange's first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One message of the client, understood as far as it must be.
#[derive(Debug)]
pub(crate) enum Op {
    Query(Span),
    FunctionCall(Span),
    /// The proxy has refused something with this error, and the server must fail, too:
    /// as a query of its own, or within a batch.
    Fail {
        error: Box<[u8]>,
        simple: bool,
    },
    /// A statement of the client's; `named` on servers by our name for it.
    Parse {
        prepared: Arc<Prepared>,
        named: bool,
        span: Span,
    },
    /// A `Parse` too long to be held: passed on as it is, unnamed.
    ParseUnread(Span),
    Bind {
        prepared: Option<Arc<Prepared>>,
        named: bool,
        span: Span,
    },
    DescribeStatement {
        prepared: Option<Arc<Prepared>>,
        named: bool,
        span: Span,
    },
    /// Of a portal; `of` is the named statement that it is bound to.
    DescribePortal {
        of: Option<StatementId>,
        span: Span,
    },
    ClosePortal(Span),
    CloseStatement(Span),
    Execute(Span),
    Flush(Span),
    Sync(Span),
    /// Part of `COPY` data, or its end.
    Copy(Span),
    /// The end of `COPY` data that a server has not asked for yet.
    CopyEndAhead(Span),
    /// Answered by the proxy.
    Say(Say),
}

/// What kind of place an exchange needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The proxy answers it alone.
    Local,
    /// The server connection that the client holds already.
    Held,
    /// The primary, and why.
    Primary(Reason),
    /// A read: ask `decide`.
    Read,
}

/// An exchange that is ready to be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What kind of place it needs.
    pub route: Route,
    /// Whether it may write: its key must be marked before it is sent.
    pub may_write: bool,
}

/// Where an exchange was routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the primary.
    Primary(Reason),
    /// On a replica.
    Replica(Reason),
}

impl Place {
    /// Why there.
    pub fn reason(self) -> Reason {
        match self {
            Self::Primary(reason) | Self::Replica(reason) => reason,
        }
    }

    /// The role of the server that it names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary(_) => "primary",
            Self::Replica(_) => "replica",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.reason().name())
    }
}

/// Why an answer is thrown away and the exchange runs again elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discard {
    /// The replica cannot or will not do it.
    Refused,
    /// It was taken for a read and tried to write.
    Wrote,
}

/// A named statement in an exchange.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) prepared: Arc<Prepared>,
    /// The number of the Parse, if it is the exchange's own.
    pub(crate) own: Option<u64>,
    /// What the client was told of it.
    pub(crate) told: Option<Shape>,
}

/// What a client asks for between two "ready"s, and how far it has come.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Exchange {
    pub(crate) ops: SmallVec<[Op; 4]>,
    /// A moment between the admission of its server connection and the first message that was
    /// sent over it, if its reads may not see less than earlier ones.
    pub(crate) sent: Option<Moment>,
    pub(crate) intent: Intent,
    /// What hints in comments ask for; boxed, since most have none.
    pub(crate) hints: Option<Box<ExchangeHints>>,
    /// Something in it is executed at the session's own level.
    pub(crate) unhinted: bool,
    /// The tables it touches, in table scope.
    pub(crate) touched: Option<Box<Touched>>,
    /// Keys under which its write was noted.
    pub(crate) marked: SmallVec<[Key; 1]>,
    /// The text of each statement that changes a setting, in the order of the changes.
    pub(crate) setting_texts: Vec<String>,
    /// What the server has reported of `DateStyle`.
    pub(crate) date_style: Option<Box<str>>,
    /// Bytes of the client's that belong to it and were looked at.
    pub(crate) scanned: usize,
    /// It ended with a `Query`, a `FunctionCall` or a `Sync`.
    pub(crate) complete: bool,
    /// A query stands in it behind other messages without a Sync in between: if one of
    /// those fails, the server skips the query and whatever we send behind it.
    pub(crate) unsynced: bool,
    /// It executes something; otherwise it only prepares or describes.
    pub(crate) executes: bool,
    /// Something in it was answered by the proxy with an error: the rest up to
    /// the Sync is skipped.
    pub(crate) skip: bool,
    /// Something in it must reach a server.
    pub(crate) needs_server: bool,
    /// A Flush stood in it before anything was executed.
    pub(crate) flushed: bool,
    /// Something in it is only on the server that it was sent to: a portal, say.
    pub(crate) tied: bool,
    /// The client leaves the server before its Sync has come.
    pub(crate) parts: bool,
    /// Names that were given to statements, and how many of those are confirmed.
    pub(crate) parsed: SmallVec<[Box<[u8]>; 1]>,
    pub(crate) parsed_ok: usize,
    /// Where among them each "ready" within the exchange stands, and how many of those
    /// were told.
    pub(crate) readies: SmallVec<[usize; 0]>,
    pub(crate) readies_told: usize,
    /// One of them was confirmed by us, for a server that knew its text already.
    pub(crate) vouched: bool,
    /// The one among those that failed so: it is prepared anew, wherever it runs next.
    pub(crate) anew: Option<StatementId>,
    /// The server takes `COPY` data of a simple query, so no Sync follows them.
    pub(crate) copies_simply: bool,
    /// A read-only transaction of ours could not be opened around it.
    pub(crate) guard_failed: bool,
    /// The settings of the login were brought back behind a `RESET`, or could not be.
    pub(crate) restored: bool,
    pub(crate) restore_failed: bool,
    /// The portal bound to one of the proxy's own commands.
    pub(crate) portal: Option<(Box<[u8]>, Arc<Prepared>)>,
    /// Named statements that it uses.
    pub(crate) uses: SmallVec<[Use; 1]>,
    /// Those of them that the server refused to prepare or prepares otherwise than the
    /// client was told, and with which error.
    pub(crate) refused: Vec<(StatementId, Box<[u8]>)>,
    /// The statement that SQL executes by a name that only we know.
    pub(crate) executed: Option<(Box<str>, Arc<Prepared>)>,
    /// The least that it must see, if it is a read.
    pub(crate) floor: Floor,
    /// Where less will do.
    pub(crate) stuck: Option<Box<Stuck>>,
    /// It asked for more, and could not have it.
    pub(crate) relaxed: Option<Level>,
    /// The primary may have lost what that stands for; it was this high by then.
    pub(crate) suspected: Option<Moment>,
    /// Where it runs.
    pub(crate) place: Option<Place>,
    /// A read-only transaction of ours is around it.
    pub(crate) guarded: bool,
    /// The position is asked for behind it.
    pub(crate) captures: bool,
    pub(crate) captured: bool,
    /// It was asked for once more, behind everything else.
    pub(crate) captures_late: bool,
    /// The moment before the position was asked for.
    pub(crate) capture_asked: afterwrite_types::Moment,
    /// It is asked what the session leaves on the connection, and the answer.
    pub(crate) asks_inventory: bool,
    pub(crate) left: Option<Causes>,
    /// The error to be told in place of the server's.
    pub(crate) refusal: Option<Box<[u8]>>,
    /// The status to tell the client once everything of ours is answered.
    pub(crate) status: Option<u8>,
    pub(crate) failed: bool,
    /// Rows, a completion or an error were passed on: too late to run elsewhere.
    pub(crate) answered: bool,
    /// The client has seen some of the answer.
    pub(crate) shown: bool,
    /// The level that its place was chosen at.
    pub(crate) asked: Level,
    /// The answer is thrown away: it runs again elsewhere.
    pub(crate) discards: Option<Discard>,
    /// Tries so far.
    pub(crate) tries: u8,
}

impl Exchange {
    /// Whether anything of it was looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.scanned == 0 && self.ops.is_empty()
    }

    /// Whether it is as new, not even begun.
    pub(crate) fn is_untouched(&self) -> bool {
        let begun =
            self.complete || self.executes || self.skip || self.needs_server || self.flushed;
        let holds = !self.setting_texts.is_empty()
            || !self.parsed.is_empty()
            || !self.uses.is_empty()
            || self.portal.is_some()
            || !self.refused.is_empty()
            || self.executed.is_some();
        let runs = self.place.is_some() || self.status.is_some() || self.discards.is_some();
        self.is_empty() && !begun && !holds && !runs
    }

    /// The error for a message that uses a statement which was refused.
    pub(crate) fn refused(&self, op: &Op) -> Option<&[u8]> {
        if self.refused.is_empty() {
            return None;
        }
        let (Op::Bind { prepared: Some(prepared), named: true, .. }
        | Op::DescribeStatement { prepared: Some(prepared), named: true, .. }) = op
        else {
            return None;
        };
        self.refused.iter().find(|(id, _)| *id == prepared.id).map(|(_, error)| &**error)
    }

    /// Whether what its transaction shows may be fixed by it: under repeatable read that is so
    /// once a statement is prepared.
    pub(crate) fn may_take_snapshot(&self) -> bool {
        let prepares = |op: &Op| match op {
            Op::Parse { prepared, .. }
            | Op::Bind { prepared: Some(prepared), .. }
            | Op::DescribeStatement { prepared: Some(prepared), .. } => {
                prepared.intent.may_take_snapshot()
            }
            Op::ParseUnread(_)
            | Op::Bind { prepared: None, .. }
            | Op::DescribeStatement { prepared: None, .. } => true,
            Op::Query(_)
            | Op::FunctionCall(_)
            | Op::Fail { .. }
            | Op::DescribePortal { .. }
            | Op::ClosePortal(_)
            | Op::CloseStatement(_)
            | Op::Execute(_)
            | Op::Flush(_)
            | Op::Sync(_)
            | Op::Copy(_)
            | Op::CopyEndAhead(_)
            | Op::Say(_) => false,
        };
        self.executes && self.intent.may_take_snapshot() || self.ops.iter().any(prepares)
    }

    /// Whether it may still run again on another server, unseen.
    pub(crate) fn may_move(&self) -> bool {
        let harmless = !self.executes && !self.intent.unread || self.intent.is_harmless();
        self.complete && !self.shown && !self.answered && harmless
    }
}
