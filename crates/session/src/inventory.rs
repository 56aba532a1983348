//! Asks the server what a session has left on its connection.
//!
//! The text of a statement does not tell what a function, a `DO` block or a procedure
//! leaves behind, nor whether a `DROP` or an unlock ended the last of what it names.
//! The server knows. It is asked behind an exchange that may have changed the answer,
//! once no transaction is open: in the same write where that is safe, else when the
//! client's answer is in. The client's "ready" is held meanwhile.
//!
//! # Invariant: nothing of one session is seen by another
//!
//! A connection serves another session only if the last answer on it was "nothing".
//! Without an answer it is retired.

use afterwrite_sql::{Pin, Reason};
use afterwrite_wire::client;

use crate::intent::Transaction;
use crate::link::{Await, Link, Owner};
use crate::mode::Mode;
use crate::pinned::Causes;
use crate::session::Session;

/// The statement that asks what is left, prepared where it is first needed.
pub const INVENTORY_NAME: &str = "_afterwrite_inventory";

/// Its text. One number: a bit for each kind of thing, and above them how many
/// statements the protocol has prepared. Every name is qualified, so that no
/// `search_path` can put something else in its place.
pub const INVENTORY_SQL: &str = "SELECT (((\
 CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend \
   WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass \
   AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) THEN 1 ELSE 0 END) \
 OPERATOR(pg_catalog.+) \
 CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_listening_channels()) THEN 2 ELSE 0 END) \
 OPERATOR(pg_catalog.+) \
 CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable) THEN 8 ELSE 0 END) \
 OPERATOR(pg_catalog.+) \
 CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks \
   WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text \
   AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()) THEN 16 ELSE 0 END \
 OPERATOR(pg_catalog.+) \
 (SELECT (pg_catalog.count(*) FILTER (WHERE NOT from_sql) OPERATOR(pg_catalog.*) 256) \
   OPERATOR(pg_catalog.+) CASE WHEN pg_catalog.bool_or(from_sql) THEN 4 ELSE 0 END \
   FROM pg_catalog.pg_prepared_statements) /* afterwrite: what the session left */";

/// What is left of a session on its server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) causes: Causes,
    /// Statements that the protocol has prepared: all of them are ours.
    prepared: i64,
}

impl Inventory {
    /// Reads the answer.
    pub(crate) fn decode(answer: [u8; 8]) -> Self {
        let number = i64::from_be_bytes(answer);
        let kinds = [
            (1, Pin::TemporaryTable),
            (2, Pin::Listen),
            (4, Pin::Prepare),
            (8, Pin::HoldCursor),
            (16, Pin::AdvisoryLock),
        ];
        let left = kinds.into_iter().filter(|(bit, _)| number & bit != 0).map(|(_, pin)| pin);
        Self { causes: left.collect(), prepared: number >> 8 }
    }
}

impl Session {
    /// Notes, before it is sent, what the exchange may leave on the connection.
    pub(crate) fn note_what_may_stay(&mut self, link: &mut Link) {
        let intent = &self.exchange.intent;
        if intent.writes.is_some() {
            link.sequences = link.sequences.moved_by(self.id);
        }
        let opaque = intent.opaque || intent.strays || self.wary && self.exchange.executes;
        if opaque || !intent.pins.is_empty() {
            self.unsure = true;
            link.stained = Some(self.id);
        } else if intent.releases && self.pinned.is_some() {
            self.unsure = true;
        }
        link.other_role |= intent.changes_role();
    }

    /// Whether the server must be told to forget what `currval` would tell.
    ///
    /// Only the movements of this session may be told to it. So they are forgotten
    /// before it asks; and where it may ask later on the same connection, before it
    /// moves any. Whoever moves one by name is likely to ask, and mostly finds the
    /// same connection even outside of a transaction.
    pub(crate) fn wants_fresh_sequences(&self, link: &Link) -> bool {
        let intent = &self.exchange.intent;
        if !link.sequences.are_strange_to(self.id) {
            return false;
        }
        let asks = intent.pins.contains(Pin::Sequence)
            || intent.opaque
            || self.wary && self.exchange.executes;
        let stays = self.holds || self.mode == Mode::Session || self.in_transaction();
        let stays = stays || intent.transaction != Transaction::Untouched;
        let by_name = intent.writes == Some(Reason::SequenceFunction);
        asks || by_name || intent.moves_sequence && stays
    }

    /// Whether it is not known what is left, and would decide whether the connection
    /// may serve others.
    pub(crate) fn wants_inventory(&self) -> bool {
        let lasting = |causes: Causes| !causes.without(Causes::that_can_be_asked()).is_empty();
        self.unsure
            && self.mode != Mode::Session
            && !self.pinned.is_some_and(|pinned| lasting(pinned.causes))
    }

    /// Whether it can be asked in the same breath: no transaction will be open, and
    /// the question will not be taken for something else.
    pub(crate) fn may_ask_at_once(&self, link: &Link) -> bool {
        let intent = &self.exchange.intent;
        let ends = match intent.transaction {
            Transaction::Untouched => !self.in_transaction(),
            Transaction::Ends { .. } => true,
            Transaction::Begins { .. } | Transaction::Mixed => false,
        };
        ends && !self.exchange.unsynced
            && !intent.copy_in
            && !intent.unread
            && !intent.forgets_prepared
            && !link.skipping
    }

    /// Sends the question.
    pub(crate) fn ask_inventory(&mut self, link: &mut Link, out: &mut Vec<u8>) {
        self.exchange.asks_inventory = true;
        if !link.inventory_ready {
            client::parse(out, INVENTORY_NAME, INVENTORY_SQL, &[]);
            link.expect(Await::Parse(None), Owner::Inventory);
        }
        client::bind(out, "", INVENTORY_NAME, &[], &[], &[1]);
        link.expect(Await::Bind(None), Owner::Inventory);
        client::execute(out, "", 0);
        link.expect(Await::Execute, Owner::Inventory);
        client::sync(out);
        link.expect(Await::Sync, Owner::Inventory);
    }

    /// Takes up the answer.
    pub(crate) fn take_inventory(&mut self, link: &mut Link, answer: [u8; 8]) {
        let inventory = Inventory::decode(answer);
        self.exchange.left = Some(inventory.causes);
        if usize::try_from(inventory.prepared) != Ok(link.prepared_on_server()) {
            // Something unseen has dropped some: the next client's would be missing.
            link.retire("its prepared statements are not those that were prepared");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let nothing = Inventory::decode((3_i64 * 256).to_be_bytes());
        assert_eq!(nothing, Inventory { causes: Causes::default(), prepared: 3 });
        let all = Inventory::decode((256_i64 + 31).to_be_bytes());
        assert_eq!(all.causes, Causes::that_can_be_asked());
        assert_eq!(all.prepared, 1);
    }
}
