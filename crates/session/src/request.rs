//! What an exchange that was gathered needs: which kind of server, and whether it may write.

use afterwrite_core::Reason;

use crate::exchange::{Request, Route};
use crate::intent::Transaction;
use crate::mode::Mode;
use crate::session::Session;

impl Session {
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
