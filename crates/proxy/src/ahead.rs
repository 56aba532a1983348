//! Before a client that has read on a replica reads on the primary: does the primary show as
//! much?
//!
//! A replica may show a commit before the primary does: there the transaction is over only
//! once a synchronous standby has confirmed it, or just a moment after its record was sent on.
//! Positions do not tell. Transaction numbers do: what the primary holds to be running, and the
//! replica to be committed, is what the one shows and the other does not yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_backend::Claimed;
use afterwrite_core::Life as ServerLife;
use afterwrite_types::NodeId;
use tokio::time::timeout;
use tracing::debug;

use crate::client::Client;
use crate::roster::{Card, Life};

/// What the primary shows. The old name: it is there in every version.
const SNAPSHOT: &str =
    "SELECT pg_catalog.txid_current_snapshot()::pg_catalog.text /* afterwrite: snapshot */";

/// Between questions to the primary.
const PAUSE: Duration = Duration::from_millis(1);

/// Transactions that are asked about at most.
const ASKED_MAX: usize = 10_000;

/// What a server shows: every transaction below `next` but those that are running.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    next: u64,
    running: Vec<u64>,
}

impl Snapshot {
    /// From `xmin:xmax:xip,xip`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').skip(1);
        let next = parts.next()?.parse().ok()?;
        Some(Self { next, running: numbers(parts.next()?) })
    }

    fn shows(&self, number: u64) -> bool {
        number < self.next && self.running.binary_search(&number).is_err()
    }
}

/// What came of waiting for the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// All that the client has seen.
    All,
    /// Not in time.
    NotYet,
    /// The connection to it is lost.
    Lost,
    /// The client has cancelled its statement, or is sent away.
    Cancelled,
}

impl Client {
    /// Waits until the primary shows all that the client has seen on `node`, at most as long
    /// as a read may wait; the client holds a connection to the primary.
    ///
    /// Nothing of the client's runs meanwhile: a cancel request of its ends the wait, and does
    /// not hit the questions over its connection.
    pub(crate) async fn let_primary_show(&mut self, node: NodeId) -> Shows {
        if self.tenant.cluster().primary().is_some_and(|primary| primary.node == node) {
            // It was promoted, and shows what it showed before.
            self.session.caught_up();
            return Shows::All;
        }
        let card = Arc::clone(&self.registered.card);
        card.begin_waiting();
        card.lives(Life::Waiting);
        if card.clear() {
            card.quiet().await;
        }
        let shows = self.wait_for_primary(node, &card).await;
        if let Some(link) = &self.link {
            self.aim(link);
        }
        shows
    }

    async fn wait_for_primary(&mut self, node: NodeId, card: &Card) -> Shows {
        let life = self.session.scope().seen().and_then(afterwrite_core::Seen::life);
        let life = life.filter(|life| life.node == node);
        let limit = self.tenant.cluster().settings().probe_timeout;
        let deadline = Instant::now() + self.wait_max().max(PAUSE);
        let Some(mut snapshot) = self.snapshot(limit).await else { return Shows::Lost };
        // Once it is known what was shown early, the primary alone says for how long.
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = timeout(left, self.shown_early(node, life, &snapshot, limit)).await;
        let mut hidden = match asked.ok().flatten() {
            Some(hidden) => hidden,
            // The replica has gone, or is too busy, and cannot say: whatever was running.
            None => snapshot.running.clone(),
        };
        loop {
            hidden.retain(|number| !snapshot.shows(*number));
            if hidden.is_empty() {
                self.session.caught_up();
                return Shows::All;
            }
            if Instant::now() >= deadline {
                debug!(?hidden, "the primary does not show yet what a replica has shown");
                return Shows::NotYet;
            }
            if timeout(PAUSE, card.interrupted()).await.is_ok() {
                return Shows::Cancelled;
            }
            let Some(newer) = self.snapshot(limit).await else { return Shows::Lost };
            snapshot = newer;
        }
    }

    /// What the primary shows.
    async fn snapshot(&mut self, limit: Duration) -> Option<Snapshot> {
        let link = self.link.as_mut()?;
        let answer = link.ask(SNAPSHOT, limit).await;
        let snapshot = answer.as_ref().ok().and_then(|text| Snapshot::parse(text.as_ref()?));
        if snapshot.is_none() {
            debug!(?answer, "the primary did not say what it shows");
            self.drop_link();
        }
        snapshot
    }

    /// What the replica holds to be committed and the primary does not show; `None` if the
    /// life of the replica that the client has read from cannot be asked.
    async fn shown_early(
        &mut self,
        node: NodeId,
        life: Option<ServerLife>,
        primary: &Snapshot,
        limit: Duration,
    ) -> Option<Vec<u64>> {
        let mut link = self.tenant.pools.claim_replica(node).await.ok()?;
        if !life.is_some_and(|life| is_of(&mut link, life)) {
            link.release();
            return None;
        }
        let list = link.ask(&committed_beyond(primary), limit).await.ok()?;
        link.release();
        Some(numbers(&list.unwrap_or_default()))
    }
}

/// Whether a connection leads to this life of a replica.
pub(crate) fn is_of(link: &mut Claimed, life: ServerLife) -> bool {
    let same = link.link.node() == life.node && link.link.server() == life.server;
    same && link.link.proof_mut().is_some_and(|proof| proof.was_open_at(life.at))
}

/// Asks which transactions have committed that the primary does not show. Of what is beyond
/// its own snapshot a replica knows nothing, and has shown nothing.
fn committed_beyond(primary: &Snapshot) -> String {
    let running: Vec<_> = primary.running.iter().take(ASKED_MAX).map(u64::to_string).collect();
    format!(
        "SELECT pg_catalog.string_agg(x::pg_catalog.text, ',') FROM (\
         SELECT x FROM pg_catalog.unnest('{{{}}}'::pg_catalog.int8[]) x UNION ALL \
         SELECT x FROM pg_catalog.generate_series({}::pg_catalog.int8, \
         pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot())) x LIMIT {ASKED_MAX}) x \
         WHERE CASE WHEN x OPERATOR(pg_catalog.<) \
         pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) THEN \
         pg_catalog.txid_status(x) OPERATOR(pg_catalog.=) 'committed' ELSE false END \
         /* afterwrite: committed */",
        running.join(","),
        primary.next,
    )
}

fn numbers(list: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = list.split(',').filter_map(|it| it.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_snapshot_shows() {
        let snapshot = Snapshot::parse("100:105:100,103").unwrap();
        let shown: Vec<_> = (98..107).filter(|number| snapshot.shows(*number)).collect();
        assert_eq!(shown, [98, 99, 101, 102, 104]);
        assert_eq!(Snapshot::parse("7:7:").map(|it| it.shows(6)), Some(true));
        for text in ["", "1", "1:2", "1:x:", "a"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }
}
