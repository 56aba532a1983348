//! Refuses in the proxy's own name.
//!
//! An error of the proxy's must have the effect of a server's: it undoes what the
//! client did before in the same transaction, and the transaction can only be rolled
//! back. So where a server has a part in the exchange, it is made to fail, too, and the
//! client is told the proxy's error in place of the server's.

use afterwrite_sql::{Analysis, Effect};
use afterwrite_wire::server::{self, Report};

use crate::exchange::{Exchange, Op};
use crate::link::Say;
use crate::session::Session;

/// How our own statements are called on server connections.
const RESERVED: &[u8] = b"_afterwrite_";

impl Session {
    /// Answers with an error, and skips what follows up to the Sync, as a server does.
    pub(crate) fn fail(&mut self, report: &Report) {
        self.refuse_here(report, false);
        self.exchange.skip = true;
    }

    /// Answers a simple query with an error.
    pub(crate) fn fail_query(&mut self, report: &Report) {
        self.refuse_here(report, true);
    }

    fn refuse_here(&mut self, report: &Report, simple: bool) {
        let mut error = Vec::new();
        server::error(&mut error, report);
        let error = error.into_boxed_slice();
        let server_has_a_part = self.in_transaction() || self.exchange.needs_server;
        if server_has_a_part && !self.exchange.skip {
            self.push(Op::Fail { error, simple });
        } else {
            self.push(Op::Say(Say::Bytes(error)));
        }
    }

    /// Refuses what was gathered in a transaction, and nothing of which was sent: dispatched,
    /// it makes the server fail in its place.
    ///
    /// So the failed state is the server's own: it refuses what follows, rolls back at
    /// `COMMIT`, and comes back to a savepoint.
    pub fn fail_transaction(&mut self, report: &Report) {
        let mut error = Vec::new();
        server::error(&mut error, report);
        let refused = std::mem::take(&mut self.exchange);
        let mut ops = refused.ops;
        let sync = ops.iter().position(|op| matches!(op, Op::Sync(_)));
        let simple = sync.is_none() && refused.complete && !refused.unsynced;
        // The batches behind its Sync have answers of their own.
        ops.drain(..sync.unwrap_or(ops.len()));
        ops.insert(0, Op::Fail { error: error.into(), simple });
        self.exchange = Exchange {
            ops,
            scanned: refused.scanned,
            complete: refused.complete,
            // What it still lacks is skipped, up to its Sync.
            skip: !refused.complete,
            needs_server: true,
            parsed: refused.parsed,
            readies: refused.readies,
            hints: refused.hints,
            ..Exchange::default()
        };
        self.upstream.discard = self.upstream.left > 0;
    }

    /// Whether a statement's name is one of ours on server connections and not one that
    /// this client has given: it would find another client's statement.
    pub(crate) fn is_reserved(&self, name: &[u8]) -> bool {
        name.starts_with(RESERVED) && self.statements.find(name).is_none()
    }

    /// The first of ours that SQL names, if it is one that the client must not find.
    pub(crate) fn names_reserved(&self, analysis: &Analysis) -> Option<Box<str>> {
        analysis.statements.iter().find_map(|statement| match &statement.effect {
            Effect::Execute { name: Some(name) } | Effect::Deallocate { name: Some(name) } => {
                self.is_reserved(name.as_bytes()).then(|| name.clone())
            }
            _ => None,
        })
    }

    /// What a server says of a statement that it does not know.
    pub(crate) fn fail_unknown(&mut self, name: &[u8], simple: bool) {
        let name = String::from_utf8_lossy(name);
        let report =
            Report::error("26000", format!("prepared statement \"{name}\" does not exist"));
        if simple { self.fail_query(&report) } else { self.fail(&report) }
    }
}
