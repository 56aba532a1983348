//! Before a client that has read on a replica reads on the primary: does the primary show as
//! much?
//!
//! The numbers of transactions tell ([`Hidden`]): the replica that was read from says which have
//! committed that the primary does not show. If it cannot say any more, any other can that has
//! replayed a position of the primary asked for since: log is shipped after it was written
//! there, so it knows of all those commits. If none can, whatever had begun on the primary is
//! waited for.

use std::time::{Duration, Instant};

use afterwrite_backend::Claimed;
use afterwrite_core::{Hidden, Life, Seen, Snapshot, transactions};
use afterwrite_types::{Moment, NodeId, Position, Standing};
use tokio::time::timeout;
use tracing::debug;

use crate::client::Client;
use crate::roster::{Card, Life as Stage};

/// What the primary shows. The old name: it is there in every version.
const SNAPSHOT: &str =
    "SELECT pg_catalog.txid_current_snapshot()::pg_catalog.text /* afterwrite: snapshot */";

/// What the next transaction's number is. It uses that up: the numbers of those that have begun
/// are told by nothing else, and [`SNAPSHOT`] leaves out those behind the last that is over.
const NEXT: &str = "SELECT pg_catalog.txid_current()::pg_catalog.text /* afterwrite: next */";

/// Between questions to the primary.
const PAUSE: Duration = Duration::from_millis(1);

/// Transactions that are asked about at most.
const ASKED_MAX: usize = 10_000;

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
        let card = self.begin_wait_with_link(Stage::Waiting).await;
        let shows = self.wait_for_primary(node, &card).await;
        self.end_wait_with_link();
        shows
    }

    async fn wait_for_primary(&mut self, node: NodeId, card: &Card) -> Shows {
        let limit = self.tenant.cluster().settings().probe_timeout;
        let deadline = Instant::now() + self.wait_max().max(PAUSE);
        let Some(mut snapshot) = self.snapshot(limit).await else { return Shows::Lost };
        let seen_by = self.shared.sequence.now();
        let mut hidden = match self.shown_there(node, &snapshot, deadline).await {
            Some(hidden) => Hidden::These(hidden),
            None => match self.number(NEXT, limit).await {
                Some(next) => Hidden::Below(next),
                None => return Shows::Lost,
            },
        };
        let mut need = None;
        loop {
            if hidden.is_shown_by(&snapshot) {
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
            if matches!(hidden, Hidden::Below(_)) {
                need = match need {
                    None => self.fence_of_link(seen_by, deadline).await,
                    known => known,
                };
                let named = self.shown_anywhere(need, &snapshot, deadline).await;
                hidden = named.map_or(hidden, Hidden::These);
            }
            let Some(newer) = self.snapshot(limit).await else { return Shows::Lost };
            snapshot = newer;
        }
    }

    /// What the primary shows.
    async fn snapshot(&mut self, limit: Duration) -> Option<Snapshot> {
        self.ask_primary(SNAPSHOT, limit, Snapshot::parse).await
    }

    async fn number(&mut self, question: &str, limit: Duration) -> Option<u64> {
        self.ask_primary(question, limit, |text| text.parse().ok()).await
    }

    /// The primary's answer; `None` if there is none, and then no connection to it either.
    async fn ask_primary<T>(
        &mut self,
        question: &str,
        limit: Duration,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let link = self.link.as_mut()?;
        let answer = link.ask(question, limit).await;
        let said = answer.as_ref().ok().and_then(|text| read(text.as_ref()?));
        if said.is_none() {
            debug!(?answer, "the primary did not say what it shows");
            self.drop_link();
        }
        said
    }

    /// What the replica that was read from holds to be committed and the primary does not show;
    /// `None` if its life cannot be asked any more.
    async fn shown_there(
        &self,
        node: NodeId,
        primary: &Snapshot,
        deadline: Instant,
    ) -> Option<Vec<u64>> {
        let life = self.session.scope().seen().and_then(Seen::life)?;
        if life.node != node {
            return None;
        }
        // Half of the time at most: others may know it, too.
        let left = deadline.saturating_duration_since(Instant::now()) / 2;
        timeout(left, self.ask_replica(node, None, Some(life), primary)).await.ok().flatten()
    }

    /// A position of the primary that is to be read from, asked for later than `seen_by`.
    async fn fence_of_link(&self, seen_by: Moment, deadline: Instant) -> Option<Position> {
        let left = deadline.saturating_duration_since(Instant::now());
        let need = self.tenant.cluster().fence(seen_by, left).await?.position;
        self.link.as_ref().filter(|link| link.link.line() == need.line).map(|_| need)
    }

    /// What any replica that covers `need` holds to be committed and the primary does not show.
    async fn shown_anywhere(
        &self,
        need: Option<Position>,
        primary: &Snapshot,
        deadline: Instant,
    ) -> Option<Vec<u64>> {
        let (need, cluster) = (need?, self.tenant.cluster());
        // So that they are asked where they are.
        if !cluster.wait_for_replay(need, PAUSE).await {
            return None;
        }
        for replica in cluster.replica_views(Instant::now()) {
            let there = replica.observed.filter(|_| replica.healthy);
            if there.is_none_or(|it| it.replayed.standing(need) != Standing::Covers) {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let asking = self.ask_replica(replica.node, Some(need), None, primary);
            if let Ok(Some(hidden)) = timeout(left, asking).await {
                return Some(hidden);
            }
        }
        None
    }

    /// What a replica holds to be committed and the primary does not show, if it covers `need`
    /// and is in this life.
    async fn ask_replica(
        &self,
        node: NodeId,
        need: Option<Position>,
        life: Option<Life>,
        primary: &Snapshot,
    ) -> Option<Vec<u64>> {
        let mut link = self.claim_replica(node, need, life).await?;
        let limit = self.tenant.cluster().settings().probe_timeout;
        let list = link.ask(&committed_beyond(primary), limit).await.ok()?;
        link.release();
        Some(transactions(&list.unwrap_or_default()))
    }
}

/// Whether a connection leads to this life of a replica.
pub(crate) fn is_of(link: &mut Claimed, life: Life) -> bool {
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
