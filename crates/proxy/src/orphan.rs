//! What is kept of the past, and the primary's history: what may be lost is found here.

use afterwrite_types::{Need, Orphan};
use afterwrite_wire::server::Report;
use tracing::{debug, warn};

use crate::client::Client;

/// Orphans of one primary that are logged one by one; the rest is only counted.
const LOGGED_MAX: u64 = 20;

impl Client {
    /// Tells the floors that count for the exchange as ones of the primary's line of history.
    ///
    /// # Errors
    ///
    /// If a write in its scope may be lost, and the client wants to be stopped then.
    pub(crate) fn place_floors(&mut self) -> Result<(), Report> {
        let cluster = self.tenant.cluster();
        let Some(history) = cluster.history() else { return Ok(()) };
        let now = self.shared.sequence.now();
        self.session.place(&history, now);
        if let Some(newer) = self.session.ahead_of(history.line()) {
            cluster.note_newer(newer);
        }
        let mut named = self.session.named();
        named.extend_from_slice(&self.session.tables_written());
        for key in named {
            let found = self.tenant.site().keys.lock().place(key, &history, now);
            if let Some(orphan) = found {
                self.session.note_orphan(orphan);
            }
        }
        self.report_orphans().map_or(Ok(()), Err)
    }

    /// Has the primary asked before the read that was begun is routed, if it may have lost
    /// what the read must see. `now` is after all that was found.
    pub(crate) fn suspect_loss(&mut self) {
        if let Need::Position(need) = self.session.read_floor().need()
            && self.tenant.cluster().may_have_lost(need)
        {
            self.session.suspect_loss(self.shared.sequence.now());
        }
    }

    /// Counts and logs what was found, and tells the client as it wants to hear it.
    pub(crate) fn report_orphans(&mut self) -> Option<Report> {
        let orphans = self.session.take_orphans();
        if orphans.is_empty() {
            return None;
        }
        for orphan in &orphans {
            self.count_orphan(orphan);
        }
        self.session.tell_of_orphans(&orphans)
    }

    fn count_orphan(&self, orphan: &Orphan) {
        let (user, database) = (&self.tenant.user, &self.tenant.database.name);
        let (position, cause) = (orphan.position, orphan.cause.name());
        let switch = orphan.switch.map(|it| it.to_string()).unwrap_or_default();
        if self.shared.metrics.orphans.count(orphan.cause) < LOGGED_MAX {
            warn!(
                %user, %database, %position, switch, cause,
                "a write that was acknowledged may be lost"
            );
        } else {
            debug!(%user, %database, %position, switch, cause, "a write may be lost");
        }
    }
}
