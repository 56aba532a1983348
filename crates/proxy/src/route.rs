//! Finds a server connection for an exchange: asks for a decision, and does what
//! it says until it names a place.

use std::time::{Duration, Instant};

use afterwrite_backend::{ClaimError, Claimed};
use afterwrite_core::{Decision, Life as ServerLife, Reason, View, decide};
use afterwrite_session::{Place, Route};
use afterwrite_types::{Fence, Floor, Moment, Need, NodeId, Position, Standing, Step};
use tokio::time::sleep;
use tracing::debug;

use crate::ahead::is_of;
use crate::client::Client;
use crate::roster::Life;
use crate::terms::{Course, NotRouted};

/// Between looks at replicas that are there and may not be used.
const PAUSE: Duration = Duration::from_millis(1);

/// A server connection for an exchange, and why that one.
pub(crate) struct Routed {
    pub(crate) link: Claimed,
    pub(crate) place: Place,
}

/// A read's floor is fixed: without that no place is decided on.
#[derive(Debug)]
pub(crate) struct ReadBegun {
    /// What others wrote through other proxies is not in it yet.
    pub(crate) lacks_others: bool,
}

impl Client {
    /// A connection to the primary.
    pub(crate) async fn route_to_primary(&self, reason: Reason) -> Result<Routed, ClaimError> {
        let pools = &self.tenant.pools;
        let link = if reason.is_fallback() {
            pools.claim_fallback().await?
        } else {
            pools.claim_primary().await?
        };
        Ok(Routed { link, place: Place::Primary(reason) })
    }

    /// A connection for the exchange, if one can be had without waiting for anything.
    ///
    /// Says in `read` that a read was begun, for whoever waits after all.
    pub(crate) fn route_at_once(
        &mut self,
        route: Route,
        forced: Option<Reason>,
        now: Instant,
        read: &mut Option<ReadBegun>,
    ) -> Option<Routed> {
        let reason = match (route, forced) {
            (Route::Read, None) => {
                let read = read.insert(self.begin_read());
                match self.decide(read, now, self.wait_max(), false) {
                    Decision::Primary(reason)
                        if reason.ends_wait() && !self.falls_back_at_once() =>
                    {
                        return None;
                    }
                    Decision::Primary(reason) => reason,
                    _ if read.lacks_others => return None,
                    Decision::Replica { node, need, life, reason } => {
                        let mut link = self.tenant.pools.replica_at_once(node, now)?;
                        let leads_there = life.is_none_or(|life| is_of(&mut link, life));
                        if !leads_there || need.is_some_and(|need| !proves(&mut link, need)) {
                            // Whoever waits asks over it.
                            link.release();
                            return None;
                        }
                        return Some(Routed { link, place: Place::Replica(reason) });
                    }
                    Decision::Wait { .. } | Decision::Resolve { .. } => return None,
                }
            }
            (Route::Read, Some(reason)) | (Route::Primary(reason), _) => reason,
            (Route::Held | Route::Local, _) => Reason::Pinned,
        };
        let pools = &self.tenant.pools;
        let link = if reason.is_fallback() {
            let link = pools.fallback_at_once(now)?;
            if route == Route::Read && forced.is_none() {
                self.tenant.cluster().note_fallback(now);
            }
            link
        } else {
            pools.primary_at_once(now)?
        };
        Some(Routed { link, place: Place::Primary(reason) })
    }

    /// Fixes what the read that was gathered must see.
    pub(crate) fn begin_read(&mut self) -> ReadBegun {
        let known = self.tenant.cluster().primary().map(|primary| primary.line);
        let now = self.shared.sequence.now();
        if let Some(line) = known {
            for key in self.session.named() {
                self.tenant.site().keys.lock().distrust(key, line, now);
            }
        }
        let mut key = self.key_floor();
        if let Some(key) = key.as_mut().filter(|_| self.shared.shares_keys()) {
            // The other process may have written it just now.
            key.floor = key.floor.merge(Floor::since(now), now);
        }
        self.session.begin_read(key, known, now);
        if self.session.level().sees_own_writes()
            && let Some(tables) = self.table_floor(now)
        {
            self.session.raise_read_floor(tables, now);
        }
        if let Some(max_staleness) = self.session.max_staleness() {
            let bound = self.tenant.cluster().bound(max_staleness, Instant::now());
            self.session.raise_read_floor(bound.map_or(Floor::since(now), Floor::at), now);
        }
        self.suspect_loss();
        if let Need::Fence(after) = self.session.read_floor().need()
            && let Some(fence) = self.tenant.cluster().last_fence()
            && fence.asked > after
        {
            // Often somebody has asked meanwhile, if only the probe.
            self.resolve(fence);
        }
        ReadBegun { lacks_others: self.lacks_others() }
    }

    /// As [`Self::begin_read`], after a wait in which the primary may have become another one:
    /// what is lost must be found before its floors ask for a fence instead.
    pub(crate) fn begin_read_anew(&mut self) -> Result<ReadBegun, NotRouted> {
        self.place_floors().map_err(NotRouted::Behind)?;
        Ok(self.begin_read())
    }

    /// A connection for a read.
    ///
    /// Waiting holds no server connection. Cancel-safe.
    pub(crate) async fn route_read(&mut self, mut read: ReadBegun) -> Result<Routed, NotRouted> {
        let mut course = Course::begin(self.session.terms(), Instant::now());
        match self.route_at_level(&mut read, &mut course).await {
            Ok(routed) => Ok(routed),
            Err(reason) => self.route_further(&mut course, reason).await,
        }
    }

    /// A connection for a read that was to run on the primary, for this reason, and may not:
    /// what it must see is hidden there.
    pub(crate) async fn route_behind_primary(
        &mut self,
        reason: Reason,
    ) -> Result<Routed, NotRouted> {
        let course = Course::behind_primary(self.session.terms(), Instant::now());
        let Some(mut course) = course.filter(|_| reason.ends_wait()) else {
            return Err(self.hidden());
        };
        match self.route_further(&mut course, reason).await? {
            Routed { link, place: Place::Primary(_) } => {
                link.release();
                Err(self.hidden())
            }
            routed => Ok(routed),
        }
    }

    /// A connection for a read that could not run as it asked, for this reason.
    async fn route_further(
        &mut self,
        course: &mut Course,
        mut reason: Reason,
    ) -> Result<Routed, NotRouted> {
        let asked = self.session.terms().level.unwrap_or_default();
        loop {
            let step = if reason.ends_wait() { course.next(reason) } else { Step::Primary };
            let mut read = match step {
                Step::Error => return Err(self.too_far_behind(asked, reason)),
                Step::Level { level, .. } => {
                    self.session.relax(level);
                    self.begin_read_anew()?
                }
                Step::Primary => {
                    if reason.is_fallback() {
                        self.tenant.cluster().note_fallback(Instant::now());
                    }
                    match self.route_to_primary(reason).await {
                        Err(error) if reason.ends_wait() && !course.is_at_its_end() => {
                            debug!(%error, "no connection to the primary for a read");
                            continue;
                        }
                        routed => {
                            self.session.unrelax();
                            return Ok(routed?);
                        }
                    }
                }
            };
            match self.route_at_level(&mut read, course).await {
                Ok(routed) => {
                    if let Some(reason) = course.weakened() {
                        self.tell_weakened(asked, reason);
                    }
                    return Ok(routed);
                }
                Err(next) => reason = next,
            }
        }
    }

    /// A connection to a replica that covers the read at its present level; else why the
    /// primary would have to answer.
    async fn route_at_level(
        &mut self,
        read: &mut ReadBegun,
        course: &mut Course,
    ) -> Result<Routed, Reason> {
        if std::mem::take(&mut read.lacks_others) {
            // If it goes to the primary anyway, nobody need be asked.
            let decision = self.decide(read, Instant::now(), course.left(), false);
            if !matches!(decision, Decision::Primary(_)) {
                self.ask_others().await;
            }
        }
        let mut budget = course.left();
        let mut waited = false;
        let mut reachable = true;
        loop {
            match self.decide(read, Instant::now(), budget, waited) {
                Decision::Primary(reason) => return Err(reason),
                Decision::Replica { node, need, life, reason } => {
                    match self.claim_replica(node, need, life).await {
                        Some(link) => return Ok(Routed { link, place: Place::Replica(reason) }),
                        // Where it has read before nothing can be had: elsewhere, then.
                        None if life.is_some() => self.session.unstick(),
                        None => return Err(Reason::Rerouted),
                    }
                }
                Decision::Wait { need, at_most } => {
                    let start = Instant::now();
                    let card = &self.registered.card;
                    card.lives(Life::AwaitingReplay);
                    self.tenant.cluster().wait_for_replay(need, at_most).await;
                    card.lives(Life::Waiting);
                    self.shared.metrics.waited(start.elapsed());
                    self.tally.replay_waits += u64::from(!waited);
                    if waited && start.elapsed() < PAUSE {
                        // One that has replayed it and may not be used: look again later.
                        sleep(PAUSE).await;
                    }
                    waited = true;
                }
                Decision::Resolve { after, at_most } => {
                    self.shared.metrics.fences.inc();
                    let fence = self.tenant.cluster().fence(after, at_most).await;
                    reachable = fence.is_some();
                    if let Some(fence) = fence {
                        self.resolve(fence);
                    }
                }
            }
            budget = course.left();
            if !reachable {
                // Nobody can say where the primary is; asking again will not help.
                budget = Duration::ZERO;
            }
        }
    }

    pub(crate) fn resolve(&mut self, fence: Fence) {
        self.session.resolve(fence);
        for key in self.session.named() {
            self.tenant.site().keys.lock().resolve(key, fence);
        }
        if let Some(sharing) = &self.tenant.site().sharing {
            sharing.resolve(fence);
        }
    }

    /// What others have written to the tables that are read.
    ///
    /// Of a write under way nobody has heard yet that it is done; unless it is one of several
    /// batches, each with its own "ready". So it asks for what the primary has now, and not for
    /// the primary itself: on a busy table a write is always under way.
    fn table_floor(&self, now: Moment) -> Option<Floor> {
        let tables = self.session.tables_read();
        if tables.is_empty() {
            return None;
        }
        let found = self.tenant.site().keys.lock().floors(&tables, now)?;
        let mut floor = found.floor;
        if found.pending || self.shared.shares_keys() {
            floor = floor.merge(Floor::since(now), now);
        }
        Some(floor)
    }

    pub(crate) fn key_floor(&self) -> Option<afterwrite_core::KeyFloor> {
        let keys = self.session.keys();
        if keys.is_empty() {
            return None;
        }
        self.tenant.site().keys.lock().floors(&keys, self.shared.sequence.now())
    }

    fn decide(&self, _: &ReadBegun, now: Instant, budget: Duration, waited: bool) -> Decision {
        let pending = self.key_floor().is_some_and(|key| key.pending);
        let replicas = self.tenant.cluster().replica_views(now);
        let view = View { primary: self.tenant.cluster().primary_view(), replicas: &replicas };
        let ask = self.session.ask(pending, budget, waited);
        decide(&ask, &view, &self.settings.policy)
    }

    /// A connection to a replica that itself proves `need`.
    ///
    /// What the probe saw counts for this connection only if both were open at
    /// once; if that does not suffice, the connection is asked itself.
    pub(crate) async fn claim_replica(
        &self,
        node: NodeId,
        need: Option<Position>,
        life: Option<ServerLife>,
    ) -> Option<Claimed> {
        let mut link = match self.tenant.pools.claim_replica(node).await {
            Ok(link) => link,
            Err(error) => {
                debug!(%error, node = node.0, "no connection to the replica");
                return None;
            }
        };
        if life.is_some_and(|life| !is_of(&mut link, life)) {
            link.release();
            return None;
        }
        let Some(need) = need else { return Some(link) };
        if proves(&mut link, need) {
            return Some(link);
        }
        let limit = self.tenant.cluster().settings().probe_timeout;
        match link.witness(limit).await {
            Ok(()) if covers(&mut link, need) => Some(link),
            Ok(()) => {
                link.release();
                None
            }
            Err(_) => None,
        }
    }
}

/// Whether a connection proves `need`, also by what the probe has seen meanwhile.
pub(crate) fn proves(link: &mut Claimed, need: Position) -> bool {
    let observed = link.node().observed(link.server);
    if let (Some(observed), Some(proof)) = (observed, link.link.proof_mut()) {
        proof.learn(observed);
    }
    covers(link, need)
}

fn covers(link: &mut Claimed, need: Position) -> bool {
    link.link.proof_mut().is_some_and(|proof| proof.standing(need) == Standing::Covers)
}
