//! What is kept of the past, and the primary's history: what may be lost is found here.

use afterwrite_types::{Need, Orphan};
use afterwrite_wire::server::Report;
use tracing::{debug, warn};

use crate::client::Client;
use crate::exchange::cancelled;
use crate::roster::Life;

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

    /// Whether the client has seen a line of history that is newer than the primary's, and the
    /// nodes were not asked since: then another may be the primary by now.
    pub(crate) fn may_have_another_primary(&mut self) -> bool {
        let known = self.tenant.cluster().primary();
        known.is_some_and(|known| self.session.asks_who_is_primary(known.line))
    }

    /// Has all nodes asked who the primary is. Those that do not answer in time hold nobody up:
    /// anyone can write a token that no server has given.
    ///
    /// # Errors
    ///
    /// If the client cancels meanwhile, or is sent away.
    pub(crate) async fn find_another_primary(&mut self) -> Result<(), Report> {
        let card = self.begin_wait_with_link(Life::Waiting).await;
        let limit = self.tenant.cluster().settings().probe_timeout;
        let asked = tokio::select! {
            biased;
            () = self.tenant.cluster().ask_who_is_primary(limit) => Ok(()),
            () = card.interrupted() => Err(cancelled()),
        };
        self.end_wait_with_link();
        if let Some(primary) = self.tenant.cluster().primary() {
            self.session.note_primary(primary.line);
        }
        asked
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
