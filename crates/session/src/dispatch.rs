//! Writes what a server must be sent for an exchange.

use std::sync::Arc;

use afterwrite_types::{Role, Sequence};
use afterwrite_wire::client::{self, Bind, PORTAL, STATEMENT};
use afterwrite_wire::frame;
use afterwrite_wire::server;

use crate::exchange::{Op, Place, Span};
use crate::intent::Transaction;
use crate::link::{Await, CAPTURE_NAME, CAPTURE_SQL, Link, Owner, Say, Unnamed};
use crate::mode::{Mode, Sequences, SessionId};
use crate::session::{Phase, Session};
use crate::statement::Prepared;

/// The statement that has sequences forgotten, and its portal.
const SEQUENCES_NAME: &str = "_afterwrite_sequences";

/// What is known where an exchange is dispatched.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch<'a> {
    /// Where it was routed.
    pub place: Place,
    /// Whether positions matter: the cluster has replicas.
    pub positions: bool,
    /// The proxy's order of events.
    pub sequence: &'a Sequence,
}

impl Session {
    /// Writes the gathered messages for the server behind `link`.
    ///
    /// `inbox` begins with the exchange's first byte, as for `gather`.
    pub fn dispatch(
        &mut self,
        link: &mut Link,
        inbox: &[u8],
        how: Dispatch<'_>,
        out: &mut Vec<u8>,
    ) {
        let first = self.phase == Phase::Gathering;
        if first {
            self.exchange.place = Some(how.place);
            self.exchange.status = None;
            // Not `now`: later than the admission of the very connection that it runs over.
            self.exchange.sent = self.level().is_monotonic().then(|| how.sequence.next());
            if let Some(id) = self.exchange.anew {
                link.doubt(id);
            }
            if self.wants_guard(how) {
                self.exchange.guarded = true;
                client::query(out, "BEGIN READ ONLY");
                link.unnamed = Unnamed::Unknown;
                link.expect(Await::Query, Owner::GuardBegin);
            }
        }
        if self.wants_fresh_sequences(link) {
            forget_sequences(link, first, out);
        }
        self.note_what_may_stay(link);
        let executed = self.exchange.executed.take();
        if let Some((name, prepared)) = &executed {
            client::parse_bytes(out, name.as_bytes(), &prepared.rest);
            link.expect(Await::Parse(None), Owner::Evict);
            client::sync(out);
            link.expect(Await::Sync, Owner::Evict);
        }
        self.open.has_run |= self.in_transaction() && self.exchange.may_take_snapshot();
        let ops = std::mem::take(&mut self.exchange.ops);
        for op in &ops {
            if let Some(error) = self.exchange.refused(op).map(Box::from) {
                fail(false, link, out);
                self.exchange.refusal.get_or_insert(error);
                continue;
            }
            send(op, link, self.id, inbox, out);
            if let Op::Fail { error, .. } = op {
                self.exchange.refusal.get_or_insert_with(|| error.clone());
            }
        }
        if let Some((name, _)) = &executed {
            client::close(out, STATEMENT, name.as_bytes());
            link.expect(Await::Close, Owner::Evict);
            client::sync(out);
            link.expect(Await::Sync, Owner::Evict);
        }
        if first && self.exchange.may_move() {
            // It may have to be sent once more.
            self.exchange.ops = ops;
        } else if !self.exchange.complete {
            // Part of it is out of our hands: what follows cannot run elsewhere alone.
            self.exchange.shown = true;
        }
        if self.exchange.complete && self.phase != Phase::Copying {
            self.phase = Phase::Running;
            self.close(link, how, out);
        } else if first {
            self.phase = Phase::Open;
        }
    }

    /// What the proxy sends behind the client's last message.
    fn close(&mut self, link: &mut Link, how: Dispatch<'_>, out: &mut Vec<u8>) {
        if self.exchange.guarded {
            client::query(out, "COMMIT");
            link.unnamed = Unnamed::Unknown;
            link.expect(Await::Query, Owner::GuardEnd);
        }
        if let Some(script) = self.restoration() {
            self.exchange.restored = true;
            client::query(out, &script);
            link.unnamed = Unnamed::Unknown;
            link.expect(Await::Query, Owner::Restore);
        }
        if self.wants_capture(link, how) {
            self.ask_position(link, how.sequence, out);
        }
        if self.wants_inventory() && self.may_ask_at_once(link) {
            self.ask_inventory(link, out);
        }
    }

    /// Asks for the position behind what the client has sent.
    pub(crate) fn ask_position(&mut self, link: &mut Link, sequence: &Sequence, out: &mut Vec<u8>) {
        self.exchange.captures = true;
        self.exchange.capture_asked = sequence.next();
        if !link.capture_ready {
            // DISCARD ALL or the like has dropped it.
            client::parse(out, CAPTURE_NAME, CAPTURE_SQL, &[]);
            link.expect(Await::Parse(None), Owner::Capture);
        }
        client::bind(out, "", CAPTURE_NAME, &[], &[], &[1]);
        link.expect(Await::Bind(None), Owner::Capture);
        client::execute(out, "", 0);
        link.expect(Await::Execute, Owner::Capture);
        client::sync(out);
        link.expect(Await::Sync, Owner::Capture);
    }

    /// What brings back the client's settings of its login, behind a `RESET`: the
    /// server would come back to its own.
    fn restoration(&self) -> Option<String> {
        let alone = self.exchange.intent.statements == 1 && !self.exchange.unsynced;
        if !alone || self.in_transaction() {
            return None;
        }
        self.settings.restoration(&self.exchange.intent.changes)
    }

    /// The same behind several statements: what they have undone is known once it is
    /// known that they succeeded. Where the connection goes to somebody else the next
    /// prelude does it.
    pub(crate) fn late_restoration(&mut self, link: &mut Link, out: &mut Vec<u8>) -> bool {
        let exchange = &self.exchange;
        let stays = self.holds || self.mode == Mode::Session || self.pinned.is_some();
        let followed = exchange.intent.transaction == Transaction::Untouched
            && !exchange.intent.unread
            && !exchange.failed;
        if !stays || !followed || exchange.restored || self.in_transaction() {
            return false;
        }
        let Some(script) = self.settings.restoration(&exchange.intent.changes) else {
            return false;
        };
        self.exchange.restored = true;
        client::query(out, &script);
        link.unnamed = Unnamed::Unknown;
        link.expect(Await::Query, Owner::Restore);
        true
    }

    /// Whether the position can be asked for in the same breath.
    ///
    /// # Invariant: after the commit, and only there
    ///
    /// The question must run in a transaction of its own behind the client's:
    /// before the client's commit it would be answered too low, and inside its
    /// transaction it would fix the client's snapshot. Behind `COPY FROM STDIN`
    /// it would end the connection. Where any of that could be, it is not sent,
    /// and the floor asks for a fence instead.
    fn wants_capture(&self, link: &Link, how: Dispatch<'_>) -> bool {
        let intent = &self.exchange.intent;
        let plain = !intent.copy_in && !intent.unread && !intent.forgets_prepared;
        let ends = match intent.transaction {
            Transaction::Untouched => !self.in_transaction(),
            Transaction::Ends { .. } => true,
            Transaction::Begins { .. } | Transaction::Mixed => false,
        };
        let on_primary = matches!(how.place, Place::Primary(_)) && link.role() == Role::Primary;
        on_primary
            && !self.exchange.guarded
            && !self.exchange.unsynced
            && (how.positions || self.scope.tokens.reports())
            && link.spec.capture
            && self.exchange.executes
            && plain
            && !intent.only_shows
            && ends
            && !self.open.read_only
            && !link.skipping
    }

    /// Whether a read that goes to the primary for want of a replica is put into
    /// a read-only transaction.
    ///
    /// It was taken for a read by its text. A view or an operator may still hide
    /// a function that writes, and then its position would have to be captured,
    /// which would raise the floor of every such read. Inside a read-only
    /// transaction the server itself proves that nothing was written.
    fn wants_guard(&self, how: Dispatch<'_>) -> bool {
        let exchange = &self.exchange;
        matches!(how.place, Place::Primary(_))
            && how.positions
            && exchange.complete
            && !exchange.unsynced
            && exchange.executes
            && exchange.intent.reads_only()
            && !exchange.intent.only_shows
            && exchange.intent.transaction == Transaction::Untouched
            && !self.in_transaction()
            && !self.is_unguarded()
    }
}

fn bytes(inbox: &[u8], span: Span) -> &[u8] {
    inbox.get(span.start..span.end).unwrap_or_default()
}

fn body(inbox: &[u8], span: Span) -> &[u8] {
    inbox.get(span.start + frame::HEAD..span.end).unwrap_or_default()
}

/// Writes one message of the client's in the words of this server.
fn send(op: &Op, link: &mut Link, who: SessionId, inbox: &[u8], out: &mut Vec<u8>) {
    let pass = |out: &mut Vec<u8>, span: Span, what: Option<Await>, link: &mut Link| {
        out.extend_from_slice(bytes(inbox, span));
        if let Some(what) = what {
            link.expect(what, Owner::Client);
        }
    };
    match op {
        Op::Query(span) => {
            // A simple query ends the server's unnamed statement.
            link.unnamed = Unnamed::Unknown;
            pass(out, *span, Some(Await::Query), link);
        }
        Op::FunctionCall(span) => pass(out, *span, Some(Await::FunctionCall), link),
        Op::ParseUnread(span) => {
            pass(out, *span, Some(Await::Parse(None)), link);
            link.unnamed = Unnamed::UnreadOf(who);
        }
        Op::Parse { prepared, named: false, span } => {
            if !link.skipping {
                link.unnamed = Unnamed::Is(prepared.id);
            }
            pass(out, *span, Some(Await::Parse(None)), link);
        }
        // Nothing that the server skips is taken for prepared.
        Op::Parse { named: true, .. } if link.skipping => {}
        Op::Parse { prepared, named: true, .. } => {
            drop_outdated(prepared, link, out);
            if !link.has(prepared.id) {
                prepare(prepared, link, Owner::Client, out);
            } else if link.status == server::FAILED {
                // The server has to be asked, since it refuses most now; but not by a
                // name that it knows already.
                client::parse_bytes(out, b"", &prepared.rest);
                link.unnamed = Unnamed::Unknown;
                link.expect(Await::Parse(None), Owner::Client);
            } else {
                link.expect(Await::Say(Say::ParseComplete), Owner::Client);
            }
        }
        Op::Bind { prepared: Some(prepared), named, span } => {
            provide(prepared, *named, link, out);
            if *named {
                rename_bind(prepared, inbox, *span, out);
            } else {
                out.extend_from_slice(bytes(inbox, *span));
            }
            link.expect(Await::Bind(named.then_some(prepared.id)), Owner::Client);
        }
        Op::Bind { prepared: None, named, span } => {
            if !named {
                hide_unnamed(link, who, out);
            }
            pass(out, *span, Some(Await::Bind(None)), link);
        }
        Op::DescribeStatement { prepared: Some(prepared), named, span } => {
            provide(prepared, *named, link, out);
            if *named {
                client::describe(out, STATEMENT, prepared.name.as_bytes());
            } else {
                out.extend_from_slice(bytes(inbox, *span));
            }
            link.expect(Await::DescribeStatement(named.then_some(prepared.id)), Owner::Client);
        }
        Op::DescribeStatement { prepared: None, named, span } => {
            if !named {
                hide_unnamed(link, who, out);
            }
            pass(out, *span, Some(Await::DescribeStatement(None)), link);
        }
        Op::DescribePortal { of, span } => {
            pass(out, *span, Some(Await::DescribePortal(*of)), link);
        }
        Op::ClosePortal(span) | Op::CloseStatement(span) => {
            pass(out, *span, Some(Await::Close), link);
        }
        Op::Execute(span) => pass(out, *span, Some(Await::Execute), link),
        Op::Flush(span) | Op::Copy(span) => pass(out, *span, None, link),
        Op::CopyEndAhead(span) => pass(out, *span, Some(Await::CopyEnd), link),
        Op::Sync(span) => pass(out, *span, Some(Await::Sync), link),
        Op::Fail { simple, .. } => fail(*simple, link, out),
        Op::Say(say) => link.expect(Await::Say(say.clone()), Owner::Client),
    }
}

/// Another session's unnamed statement must not be there to be bound or described.
fn hide_unnamed(link: &mut Link, who: SessionId, out: &mut Vec<u8>) {
    if link.unnamed != Unnamed::UnreadOf(who) {
        client::close(out, STATEMENT, b"");
        link.unnamed = Unnamed::Unknown;
        link.expect(Await::Close, Owner::Evict);
    }
}

/// Has the server forget what `currval` and `lastval` would tell. Within a batch that is
/// under way it must not be a transaction of its own.
fn forget_sequences(link: &mut Link, alone: bool, out: &mut Vec<u8>) {
    if link.status == server::FAILED {
        return;
    }
    if !link.sequences_ready {
        client::parse(out, SEQUENCES_NAME, "DISCARD SEQUENCES", &[]);
        link.expect(Await::Parse(None), Owner::Sequences);
        link.sequences_ready = true;
    }
    // A portal with a name: the unnamed one may be the client's, half read.
    client::bind(out, SEQUENCES_NAME, SEQUENCES_NAME, &[], &[], &[]);
    link.expect(Await::Bind(None), Owner::Sequences);
    client::execute(out, SEQUENCES_NAME, 0);
    link.expect(Await::Execute, Owner::Sequences);
    client::close(out, PORTAL, SEQUENCES_NAME);
    link.expect(Await::Close, Owner::Sequences);
    if alone {
        client::sync(out);
        link.expect(Await::Sync, Owner::Sequences);
    }
    link.sequences = Sequences::Untouched;
}

/// Makes the server fail where the proxy has refused something itself, so that what the
/// client did before is rolled back as the client must expect.
fn fail(simple: bool, link: &mut Link, out: &mut Vec<u8>) {
    /// A syntax error that says in the server's log where it comes from.
    const SQL: &str = "afterwrite has refused a statement of this transaction";
    if simple {
        client::query(out, SQL);
        link.unnamed = Unnamed::Unknown;
        link.expect(Await::Query, Owner::Fail);
    } else {
        // Named, since the client may still have an unnamed one.
        client::parse(out, "_afterwrite_refused", SQL, &[]);
        link.expect(Await::Parse(None), Owner::Fail);
    }
}

/// Sees to it that the server knows the statement.
fn provide(prepared: &Arc<Prepared>, named: bool, link: &mut Link, out: &mut Vec<u8>) {
    if link.skipping {
        return;
    }
    if named {
        drop_outdated(prepared, link, out);
        if !link.has(prepared.id) {
            prepare(prepared, link, Owner::Prepare, out);
        }
    } else if link.unnamed != Unnamed::Is(prepared.id) {
        client::parse_bytes(out, b"", &prepared.rest);
        link.unnamed = Unnamed::Is(prepared.id);
        link.expect(Await::Parse(None), Owner::Prepare);
    }
}

/// Closes the statement on the server, if its plan may not fit the schema any more.
fn drop_outdated(prepared: &Prepared, link: &mut Link, out: &mut Vec<u8>) {
    if link.drop_outdated(prepared.id, prepared.generation()) {
        client::close(out, STATEMENT, prepared.name.as_bytes());
        link.expect(Await::Drop(prepared.id), Owner::Evict);
    }
}

pub(crate) fn prepare(prepared: &Arc<Prepared>, link: &mut Link, owner: Owner, out: &mut Vec<u8>) {
    if let Some(evicted) = link.learn(prepared.id, prepared.generation()) {
        client::close(out, STATEMENT, format!("_afterwrite_{:x}", evicted.0));
        link.expect(Await::Drop(evicted), Owner::Evict);
    }
    client::parse_bytes(out, prepared.name.as_bytes(), &prepared.rest);
    link.expect(Await::Parse(Some(prepared.id)), owner);
}

/// A Bind under the name that servers know the statement by.
fn rename_bind(prepared: &Prepared, inbox: &[u8], span: Span, out: &mut Vec<u8>) {
    let original = body(inbox, span);
    let Ok(bind) = Bind::decode(original) else {
        // It was decoded when it was gathered; sent on as it is, the server refuses it.
        out.extend_from_slice(bytes(inbox, span));
        return;
    };
    let start = out.len();
    client::bind_bytes(out, bind.portal, prepared.name.as_bytes(), bind.rest);
    // Of an oversized Bind only the beginning is here: its length is that of the whole.
    let claimed = frame::head(bytes(inbox, span)).ok().flatten().map_or(0, |head| head.body_len);
    let missing = claimed.saturating_sub(original.len());
    if missing > 0
        && let Some(length) = out.get_mut(start + 1..).and_then(<[u8]>::first_chunk_mut::<4>)
    {
        let here = u32::from_be_bytes(*length);
        let whole = here.saturating_add(u32::try_from(missing).unwrap_or(u32::MAX));
        length.copy_from_slice(&whole.to_be_bytes());
    }
}
