//! Asks one node who it is and how far it has come: a mirror of the backend's probe.

use std::rc::Rc;
use std::time::{Duration, Instant};

use afterwrite_core::{Observed, furthest};
use afterwrite_types::{Fence, Moment, Position, Role};

use crate::cluster::{CONNECT_TIMEOUT, PROBE_TIMEOUT, Proxy};
use crate::connection::{Introduction, Socket, introduce};

const INTRODUCE_EVERY: u64 = 20_000;
const RETRY: u64 = 3_000;
const IDLE_INTERVAL: u64 = 8_000;
const WAITING_INTERVAL: u64 = 400;

/// Probes a node again and again.
pub(crate) async fn run(proxy: Rc<Proxy>, node: usize) {
    loop {
        let began = proxy.sequence.next();
        let error = watch(&proxy, node).await;
        lose(&proxy, node, &error, began);
        proxy.sim.sleep(RETRY).await;
    }
}

/// Probes a node until something goes wrong.
async fn watch(proxy: &Proxy, node: usize) -> String {
    let Some(socket) = Socket::open(&proxy.sim, node, false) else { return "refused".into() };
    let mut known: Option<Introduction> = None;
    let mut introduced = 0;
    loop {
        let (asked, asked_at) = (proxy.sequence.next(), proxy.sim.instant());
        let limit = if known.is_none() { CONNECT_TIMEOUT } else { PROBE_TIMEOUT };
        let said = match proxy.sim.timeout(limit, introduce(&socket)).await {
            None => return "timed out".into(),
            Some(Err(error)) => return error,
            Some(Ok(said)) => said,
        };
        // An ordinary probe does not ask for the line: it is that of the last introduction.
        let fresh = proxy.sim.now() >= introduced + INTRODUCE_EVERY;
        let line = known.filter(|known| !fresh && known.role == said.role).map(|it| it.line);
        if line.is_none() {
            introduced = proxy.sim.now();
        }
        let said = Introduction { line: line.unwrap_or(said.line), ..said };
        known = Some(said);
        publish(proxy, node, said, (asked, asked_at));
        pause(proxy, node).await;
    }
}

async fn pause(proxy: &Proxy, node: usize) {
    let since = proxy.sim.now();
    let due = || {
        let waited = proxy.sim.now() - since;
        let needed = proxy.demand.borrow()[node] > 0;
        let pause = if needed { WAITING_INTERVAL } else { IDLE_INTERVAL };
        (waited >= pause).then_some(())
    };
    proxy.sim.until(due).await;
}

/// Tells everyone what a node answered.
fn publish(proxy: &Proxy, node: usize, said: Introduction, (asked, asked_at): (Moment, Instant)) {
    let now = proxy.sim.instant();
    let position = Position { line: said.line, lsn: said.lsn };
    let behind = match said.role {
        Role::Replica => proxy.track.borrow().behind(said.lsn, now),
        Role::Primary => Duration::ZERO,
    };
    let news = {
        let mut nodes = proxy.nodes.borrow_mut();
        let state = &mut nodes[node];
        let news = !state.up || state.role != Some(said.role) || state.line != Some(said.line);
        state.role = Some(said.role);
        state.line = Some(said.line);
        state.observed = Some(Observed { replayed: position, asked });
        state.asked = asked;
        state.furthest = Some(furthest(state.furthest, position));
        state.lag.measure(behind, now);
        state.up = true;
        news
    };
    if news {
        proxy.elect();
    }
    let confirmed = proxy.primary.get().is_some_and(|it| (it.node, it.line) == (node, said.line));
    if said.role == Role::Primary && confirmed {
        let fence = Fence { position, asked };
        proxy.end.borrow_mut().answered(fence, proxy.sequence.now());
        proxy.observe_primary(position);
        proxy.fence.set(Some(fence));
        proxy.bounds.borrow_mut().record(asked_at, position);
    }
    let mut world = proxy.sim.world();
    world.changes += 1;
    world.note(format_args!("probe: node {node} is at {position}, asked at {}", asked.0));
}

/// Notes that a node is gone.
fn lose(proxy: &Proxy, node: usize, error: &str, began: Moment) {
    let was_up = {
        let mut nodes = proxy.nodes.borrow_mut();
        let state = &mut nodes[node];
        state.observed = None;
        state.asked = state.asked.max(began);
        std::mem::take(&mut state.up)
    };
    proxy.sim.world().note(format_args!("probe: node {node} is lost: {error}"));
    if was_up {
        proxy.nodes.borrow_mut()[node].life += 1;
        proxy.elect();
        proxy.sim.world().changes += 1;
    }
}
