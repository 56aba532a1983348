//! Leaves a server whose client has only prepared something.
//!
//! Drivers that ask with a Flush send their Sync with the first use, which may be much
//! later. What was prepared is known everywhere by then, so nothing ties the client to
//! the server, and the connection would be missing elsewhere.

use afterwrite_wire::client;
use afterwrite_wire::server::IDLE;

use crate::link::{Await, Link, Owner};
use crate::session::{Phase, Session};

impl Session {
    /// Everything that was sent is answered, and was no more than prepared and described.
    pub(crate) fn may_part(&self, link: &Link) -> bool {
        let exchange = &self.exchange;
        exchange.flushed
            && self.phase == Phase::Open
            && link.expects.is_empty()
            && link.passing.left == 0
            && link.status == IDLE
            && !link.skipping
            && !exchange.tied
            && !exchange.executes
            && !exchange.failed
            && !exchange.intent.unread
            && exchange.ops.is_empty()
            && self.upstream.left == 0
            && !self.in_transaction()
            && !self.holds
            && self.mode != crate::mode::Mode::Session
    }

    /// Ends the server's part; the client hears of no "ready" and goes on anywhere.
    pub(crate) fn part(&mut self, link: &mut Link, upstream: &mut Vec<u8>) {
        client::sync(upstream);
        link.expect(Await::Sync, Owner::Part);
        self.exchange.parts = true;
        self.phase = Phase::Running;
    }
}
