//! Joins batches that a client has sent one behind the other.
//!
//! A client in pipeline mode ends each statement with a Sync of its own. One exchange
//! at a time, each would cost a round trip between proxy and server. Where the next
//! batch is there as a whole, goes where this one goes, and changes nothing that the
//! proxy must know before it reads on, both are one exchange with a "ready" in between.
//!
//! That "ready" is passed on as it comes: the client cannot read anything of what it
//! covers before the exchange is over, since its further messages wait for that, and
//! under its key the write is marked until then. The position is captured once, behind
//! the last.

use afterwrite_wire::client::{Bind, Execute, Parse, STATEMENT, Target};
use afterwrite_wire::frame;
use afterwrite_wire::server::FAILED;
use afterwrite_wire::tags::client as tag;

use crate::exchange::Op;
use crate::intent::{Intent, Transaction};
use crate::session::{Phase, Session};
use crate::statement::{Library, Prepared};

/// Batches in one exchange at most.
const BATCHES_MAX: usize = 64;

impl Session {
    /// The exchange has just come to its Sync. Whether it goes on with the batch behind
    /// it in `inbox`.
    pub(crate) fn joins_next(&mut self, inbox: &[u8], library: &dyn Library) -> bool {
        let exchange = &self.exchange;
        if self.apart
            || inbox.len() <= exchange.scanned
            || exchange.readies.len() + 1 >= BATCHES_MAX
            || self.phase != Phase::Gathering
            || self.open.status == FAILED
            || !exchange.executes
            || exchange.flushed
            || self.reports_each()
            || exchange.ops.iter().any(|op| matches!(op, Op::Say(_) | Op::Fail { .. }))
            || !self.is_joined(&exchange.intent)
        {
            return false;
        }
        let rest = inbox.get(exchange.scanned..).unwrap_or_default();
        let room = self.limits.held_max.saturating_sub(exchange.scanned);
        if !self.is_plain_batch(rest.get(..rest.len().min(room)).unwrap_or_default(), library) {
            return false;
        }
        self.exchange.readies.push(self.exchange.parsed.len());
        self.exchange.complete = false;
        true
    }

    /// Whether a batch that does this may stand beside others: it goes to the held
    /// connection, or to the primary since it may write, and nothing follows from it.
    fn is_joined(&self, intent: &Intent) -> bool {
        let here = self.holds || intent.writes.is_some();
        here && intent.transaction == Transaction::Untouched
            && intent.pins.is_empty()
            && intent.changes.is_empty()
            && !intent.unread
            && !intent.copy_in
            && !intent.savepoint
            && !intent.sets_transaction
            && !intent.releases
            && !intent.forgets_prepared
            && !intent.local
            && !intent.only_shows
    }

    /// Whether `bytes` begin with a whole batch that may be joined: an unnamed statement
    /// or known ones, bound and executed.
    fn is_plain_batch(&self, bytes: &[u8], library: &dyn Library) -> bool {
        let mut rest = bytes;
        let mut intent = Intent::default();
        let (mut parsed, mut executes) = (false, false);
        while let Ok(Some((message, behind))) = frame::split(rest, self.limits.message_max) {
            rest = behind;
            let fine = match message.tag {
                tag::SYNC => return executes && self.is_joined(&intent),
                tag::EXECUTE => {
                    executes = true;
                    Execute::decode(message.body)
                        .is_ok_and(|execute| !self.portals.holds(execute.portal))
                }
                tag::PARSE => Parse::decode(message.body).is_ok_and(|parse| {
                    let statement = library.prepared(parse.rest);
                    parsed = true;
                    intent.add(&statement.intent);
                    parse.name.is_empty() && self.is_plain(&statement)
                }),
                tag::BIND => Bind::decode(message.body).is_ok_and(|bind| {
                    bind.statement.is_empty() && parsed
                        || self.is_known_and_plain(bind.statement, &mut intent)
                }),
                tag::DESCRIBE => Target::decode(message.body).is_ok_and(|target| {
                    target.kind != STATEMENT
                        || target.name.is_empty() && parsed
                        || self.is_known_and_plain(target.name, &mut intent)
                }),
                _ => false,
            };
            if !fine {
                return false;
            }
        }
        false
    }

    fn is_known_and_plain(&self, name: &[u8], intent: &mut Intent) -> bool {
        // One that this very exchange prepares is there only if that succeeds.
        let confirmed = !self.exchange.parsed.iter().any(|parsed| **parsed == *name);
        self.statements.find(name).filter(|_| confirmed).is_some_and(|statement| {
            intent.add(&statement.intent);
            self.is_plain(statement) && !self.statements.is_outdated(name)
        })
    }

    /// Nothing of it is answered here.
    fn is_plain(&self, statement: &Prepared) -> bool {
        statement.command.is_none() && statement.names.is_none() && !self.misreads(statement.sql())
    }

    /// A "ready" between two batches has come: what the first one prepared is known now.
    pub(crate) fn take_ready_between(&mut self) {
        let exchange = &mut self.exchange;
        let Some(&end) = exchange.readies.get(exchange.readies_told) else { return };
        exchange.readies_told += 1;
        exchange.answered = true;
        if std::mem::take(&mut exchange.failed) {
            let later = exchange.parsed.get(end..).unwrap_or_default();
            let unnamed_later = later.iter().any(|name| name.is_empty());
            let unconfirmed = exchange.parsed.get(exchange.parsed_ok..end).unwrap_or_default();
            for name in unconfirmed.iter().filter(|name| !(name.is_empty() && unnamed_later)) {
                self.statements.remove(name);
            }
        }
        exchange.parsed_ok = end;
    }
}
