//! Before a client that has read on a replica reads on the primary: does the primary show as
//! much? A mirror of `afterwrite-proxy`'s.

use std::rc::Rc;

use afterwrite_core::{Life, Seen};
use afterwrite_types::{NodeId, Role};

use crate::client::Client;
use crate::cluster::PROBE_TIMEOUT;
use crate::connection::Connection;
use crate::course::micros;
use crate::numbers;

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
        let life = self.session.scope().seen().and_then(Seen::life);
        let life = life.filter(|life| life.node == node);
        let within = micros(self.session.terms().within.unwrap_or_default());
        let deadline = sim.now() + within.max(PAUSE);
        let Some((next, running)) = self.snapshot().await else { return Shows::Lost };
        let mut hidden = match self.shown_early(node, life, next, &running).await {
            Some(hidden) => hidden,
            // The replica has gone, and cannot say any more: whatever was running.
            None => running.clone(),
        };
        let (mut next, mut running) = (next, running);
        loop {
            hidden.retain(|number| *number >= next || running.contains(number));
            if hidden.is_empty() {
                self.session.caught_up();
                return Shows::All;
            }
            if sim.now() >= deadline {
                return Shows::NotYet;
            }
            sim.sleep(PAUSE).await;
            let Some(newer) = self.snapshot().await else { return Shows::Lost };
            (next, running) = newer;
        }
    }

    /// What the primary shows.
    async fn snapshot(&mut self) -> Option<(u64, Vec<u64>)> {
        let link = self.link.as_mut()?;
        let sim = Rc::clone(&self.proxy.sim);
        let answer = sim.timeout(PROBE_TIMEOUT, ask(link, "SNAPSHOT")).await;
        let snapshot = answer.and_then(Result::ok).map(|it| numbers::parse(&it));
        if snapshot.is_none() {
            self.drop_link();
        }
        snapshot
    }

    /// What the replica holds to be committed and the primary does not show; `None` if the
    /// life of the replica that the client has read from cannot be asked.
    async fn shown_early(
        &self,
        node: NodeId,
        life: Option<Life>,
        next: u64,
        running: &[u64],
    ) -> Option<Vec<u64>> {
        let mut link = self.proxy.claim(usize::from(node.0), Role::Replica).await.ok()?;
        if !life.is_some_and(|life| is_of(&mut link, life)) {
            self.proxy.release(link, true);
            return None;
        }
        let running: Vec<_> = running.iter().map(u64::to_string).collect();
        let question = format!("COMMITTED {next}:{}", running.join(","));
        let answer = self.proxy.sim.timeout(PROBE_TIMEOUT, ask(&mut link, &question)).await;
        let sound = matches!(answer, Some(Ok(_)));
        self.proxy.release(link, sound);
        answer?.ok().map(|it| numbers::list(&it))
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
