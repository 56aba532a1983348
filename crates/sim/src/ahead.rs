//! Before a client that has read on a replica reads on the primary: does the primary show as
//! much? A mirror of `afterwrite-proxy`'s.

use std::rc::Rc;

use afterwrite_core::{Hidden, Life, Seen, Snapshot, transactions};
use afterwrite_types::{Moment, NodeId, Position, Standing};

use crate::client::Client;
use crate::cluster::PROBE_TIMEOUT;
use crate::connection::Connection;
use crate::course::micros;

/// Between questions to the primary.
const PAUSE: u64 = 500;

/// What came of waiting for the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// All that the client has seen.
    All,
    /// Not in time.
    NotYet,
    /// The connection to it is lost.
    Lost,
}

impl Client {
    /// Waits until the primary shows all that the client has seen on `node`; the client holds
    /// a connection to the primary.
    pub(crate) async fn let_primary_show(&mut self, node: NodeId) -> Shows {
        let sim = Rc::clone(&self.proxy.sim);
        let within = micros(self.session.terms().within.unwrap_or_default());
        let deadline = sim.now() + within.max(PAUSE);
        let Some(mut snapshot) = self.snapshot().await else { return Shows::Lost };
        let seen_by = self.proxy.sequence.now();
        let mut hidden = match self.shown_there(node, &snapshot).await {
            Some(hidden) => Hidden::These(hidden),
            None => match self.ask_primary("NEXT").await.and_then(|it| it.parse().ok()) {
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
            if sim.now() >= deadline {
                return Shows::NotYet;
            }
            sim.sleep(PAUSE).await;
            if matches!(hidden, Hidden::Below(_)) {
                need = match need {
                    None => self.fence_of_link(seen_by, deadline).await,
                    known => known,
                };
                let named = self.shown_anywhere(need, &snapshot).await;
                hidden = named.map_or(hidden, Hidden::These);
            }
            let Some(newer) = self.snapshot().await else { return Shows::Lost };
            snapshot = newer;
        }
    }

    /// What the primary shows.
    async fn snapshot(&mut self) -> Option<Snapshot> {
        Snapshot::parse(&self.ask_primary("SNAPSHOT").await?)
    }

    async fn ask_primary(&mut self, question: &str) -> Option<String> {
        let sim = Rc::clone(&self.proxy.sim);
        let link = self.link.as_mut()?;
        let answer = sim.timeout(PROBE_TIMEOUT, ask(link, question)).await.and_then(Result::ok);
        if answer.is_none() {
            self.drop_link();
        }
        answer
    }

    /// What the replica that was read from holds to be committed and the primary does not show;
    /// `None` if its life cannot be asked any more.
    async fn shown_there(&self, node: NodeId, primary: &Snapshot) -> Option<Vec<u64>> {
        let life = self.session.scope().seen().and_then(Seen::life)?;
        if life.node != node {
            return None;
        }
        self.ask_replica(usize::from(node.0), None, Some(life), primary).await
    }

    /// A position of the primary that is to be read from, asked for later than `seen_by`.
    async fn fence_of_link(&self, seen_by: Moment, deadline: u64) -> Option<Position> {
        let left = deadline.saturating_sub(self.proxy.sim.now());
        let need = self.proxy.fence(seen_by, left).await?.position;
        self.link.as_ref().filter(|link| link.link.line() == need.line).map(|_| need)
    }

    /// What any replica that covers `need` holds to be committed and the primary does not show.
    async fn shown_anywhere(&self, need: Option<Position>, primary: &Snapshot) -> Option<Vec<u64>> {
        let need = need?;
        self.proxy.wait_for_replay(need, PAUSE).await;
        for replica in self.proxy.replica_views() {
            let there = replica.observed.filter(|_| replica.healthy);
            if there.is_none_or(|it| it.replayed.standing(need) != Standing::Covers) {
                continue;
            }
            let asking = self.ask_replica(usize::from(replica.node.0), Some(need), None, primary);
            if let Some(hidden) = asking.await {
                return Some(hidden);
            }
        }
        None
    }

    /// What a replica holds to be committed and the primary does not show, if it covers `need`
    /// and is in this life.
    async fn ask_replica(
        &self,
        node: usize,
        need: Option<Position>,
        life: Option<Life>,
        primary: &Snapshot,
    ) -> Option<Vec<u64>> {
        let mut link = self.claim_replica(node, need, life).await?;
        let running: Vec<_> = primary.running.iter().map(u64::to_string).collect();
        let question = format!("COMMITTED 0:{}:{}", primary.next, running.join(","));
        let answer = self.proxy.sim.timeout(PROBE_TIMEOUT, ask(&mut link, &question)).await;
        let sound = matches!(answer, Some(Ok(_)));
        self.proxy.release(link, sound);
        answer?.ok().map(|it| transactions(&it))
    }
}

async fn ask(link: &mut Connection, question: &str) -> Result<String, String> {
    link.link.note_simple_query();
    link.socket.ask_sql(question).await
}

/// Whether a connection leads to this life of a replica.
pub(crate) fn is_of(link: &mut Connection, life: Life) -> bool {
    let same = link.link.node() == life.node && link.link.server() == life.server;
    same && link.link.proof_mut().is_some_and(|proof| proof.was_open_at(life.at))
}
