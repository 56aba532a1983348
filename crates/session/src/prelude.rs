//! Takes up what a server says of what it must be brought first.

use afterwrite_wire::server::IDLE;

use crate::link::{Await, Link};
use crate::relay::{Progress, Step, is_replicas_own};
use crate::session::Session;
use crate::statement::StatementId;

impl Session {
    /// The server refuses a setting, or a statement that the client was told of.
    pub(crate) fn take_prelude_error(
        &mut self,
        link: &Link,
        code: &str,
        message: String,
        body: &[u8],
    ) {
        match link.expects.front().map(|front| &front.what) {
            Some(Await::Parse(Some(id)) | Await::DescribeStatement(Some(id))) => {
                self.take_refused(*id, code, body, link.status);
            }
            _ => self.prelude_error = Some(message),
        }
    }

    fn take_refused(&mut self, id: StatementId, code: &str, body: &[u8], status: u8) {
        if is_replicas_own(code) && status == IDLE {
            // Where the client's own message meets the same it goes elsewhere.
            return;
        }
        if let Some(error) = self.whole_error(body) {
            self.exchange.refused.push((id, error.into()));
        }
    }

    /// One part of a prelude is answered.
    pub(crate) fn take_prelude_ready(&mut self, link: &mut Link, what: &Await) -> Step {
        let settings = self.prelude.and_then(|prelude| prelude.settings);
        if *what == Await::Query && self.prelude_error.is_none() {
            link.applied = settings;
            link.stained = None;
            link.other_role = self.settings.have_role();
        }
        if !link.expects.is_empty() {
            return Step::Drop;
        }
        self.prelude = None;
        Step::Stop(Progress::Prelude(self.prelude_error.take().map_or(Ok(()), Err)))
    }
}
