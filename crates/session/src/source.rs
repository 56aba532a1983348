//! What the writes of an exchange are counted as, where keys are noted for them.

use afterwrite_types::Source;

use crate::exchange::Exchange;
use crate::session::Session;

impl Session {
    /// What the writes that are gathered, and those before them in their transaction, are
    /// counted as; `None` if there are none, and keys are noted only to be sure.
    ///
    /// A commit writes nothing of its own: it shows what the statements before it wrote.
    pub fn source(&self) -> Option<Source> {
        let written = self.written_by(&self.exchange).max(self.open.source);
        written.or(self.said_source(&self.exchange))
    }

    /// Keeps what the statements of an open transaction were until it ends.
    pub(crate) fn keep_source(&mut self, exchange: &Exchange) {
        self.open.source = self.open.source.max(self.written_by(exchange));
    }

    /// What its own statements have written: as the client says, or as they read.
    fn written_by(&self, exchange: &Exchange) -> Option<Source> {
        let intent = &exchange.intent;
        let read = match (intent.inserts, intent.changes_rows) {
            (_, true) => Source::Update,
            (true, false) => Source::Creation,
            (false, false) => return None,
        };
        self.said_source(exchange).or(Some(read))
    }

    fn said_source(&self, exchange: &Exchange) -> Option<Source> {
        let hinted = exchange.hints.as_ref().and_then(|hints| hints.source);
        hinted.or(self.scope.source())
    }
}
