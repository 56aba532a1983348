//! Finds a server connection for an exchange: a mirror of `afterwrite-proxy`'s `route`.

use std::time::Duration;

use afterwrite_core::{Decision, KeyFloor, Life, Reason, View, decide};
use afterwrite_session::Place;
use afterwrite_types::{Fence, Floor, Moment, Need, Position, Role, Standing, Step};
use afterwrite_wire::server::Report;

use crate::ahead::is_of;
use crate::client::Client;
use crate::cluster::PROBE_TIMEOUT;
use crate::connection::Connection;
use crate::course::{Course, TOO_FAR_BEHIND, micros};

/// Between two looks at replicas that have replayed the floor and may not be used.
const PAUSE: u64 = 500;

/// What a read is told that must not see less than an earlier one, and would.
pub(crate) const HIDDEN: NotRouted = NotRouted::Behind("the primary hides what was seen");

/// Why an exchange runs nowhere.
#[derive(Debug)]
pub(crate) enum NotRouted {
    /// No server connection could be had.
    Claim(String),
    /// No replica could answer as it asked, and it is to fail then.
    Behind(&'static str),
}

impl From<String> for NotRouted {
    fn from(error: String) -> Self {
        Self::Claim(error)
    }
}

impl NotRouted {
    /// What the client is told.
    pub(crate) fn report(self) -> Report {
        match self {
            Self::Claim(error) => not_sent(error),
            Self::Behind(why) => Report::error(TOO_FAR_BEHIND, why),
        }
    }
}

/// No server connection could be had.
pub(crate) fn not_sent(error: impl Into<String>) -> Report {
    Report::error("08001", error).detail("It was not sent.")
}

impl Client {
    pub(crate) async fn route_to_primary(
        &self,
        reason: Reason,
    ) -> Result<(Connection, Place), String> {
        let primary = self.proxy.primary.get().ok_or("there is no primary")?;
        let link = self.proxy.claim(primary.node, Role::Primary).await?;
        Ok((link, Place::Primary(reason)))
    }

    /// Fixes what the read that was gathered must see.
    fn begin_read(&mut self) {
        let line = self.proxy.primary.get().map(|primary| primary.line);
        let now = self.proxy.sequence.now();
        if let Some(line) = line {
            for key in self.session.named() {
                self.proxy.keys.borrow_mut().distrust(key, line, now);
            }
        }
        let key = self.key_floor();
        self.session.begin_read(key, line, now);
        if self.session.level().sees_own_writes()
            && let Some(tables) = self.table_floor(now)
        {
            self.session.raise_read_floor(tables, now);
        }
        if let Some(max_staleness) = self.session.max_staleness() {
            let bound = self.proxy.bound(max_staleness);
            self.session.raise_read_floor(bound.map_or(Floor::since(now), Floor::at), now);
        }
        if let Need::Position(need) = self.session.read_floor().need()
            && self.proxy.end.borrow().is_below(need)
        {
            self.session.suspect_loss(self.proxy.sequence.now());
        }
        if let Need::Fence(after) = self.session.read_floor().need()
            && let Some(fence) = self.proxy.last_fence()
            && fence.asked > after
        {
            // Often somebody has asked meanwhile, if only the probe.
            self.resolve(fence);
        }
    }

    /// A connection for a read.
    pub(crate) async fn route_read(&mut self) -> Result<(Connection, Place), NotRouted> {
        self.begin_read();
        let mut course = Course::begin(self.session.terms(), self.proxy.sim.now());
        match self.route_at_level(&course).await {
            Ok(routed) => Ok(routed),
            Err(reason) => self.route_further(&mut course, reason).await,
        }
    }

    /// A connection for a read that was to run on the primary, for this reason, and may not:
    /// what it must see is hidden there.
    pub(crate) async fn route_behind_primary(
        &mut self,
        reason: Reason,
    ) -> Result<(Connection, Place), NotRouted> {
        let course = Course::behind_primary(self.session.terms(), self.proxy.sim.now());
        let Some(mut course) = course.filter(|_| reason.ends_wait()) else { return Err(HIDDEN) };
        let (link, place) = self.route_further(&mut course, reason).await?;
        if matches!(place, Place::Primary(_)) {
            self.proxy.release(link, true);
            return Err(HIDDEN);
        }
        Ok((link, place))
    }

    /// A connection for a read that could not run as it asked, for this reason.
    async fn route_further(
        &mut self,
        course: &mut Course,
        mut reason: Reason,
    ) -> Result<(Connection, Place), NotRouted> {
        loop {
            let now = self.proxy.sim.now();
            let step = if reason.ends_wait() { course.next(reason, now) } else { Step::Primary };
            match step {
                Step::Error => return Err(NotRouted::Behind("no replica was fresh enough")),
                Step::Level { level, .. } => {
                    self.session.relax(level);
                    self.place_floors();
                    self.begin_read();
                }
                Step::Primary => match self.route_to_primary(reason).await {
                    Err(_) if reason.ends_wait() && !course.is_at_its_end() => continue,
                    routed => {
                        self.session.unrelax();
                        return Ok(routed?);
                    }
                },
            }
            match self.route_at_level(course).await {
                Ok(routed) => {
                    if course.weakened().is_some() {
                        self.tell_weakened();
                    }
                    return Ok(routed);
                }
                Err(next) => reason = next,
            }
        }
    }

    /// Tells the client that what it gets may be older than it asked for.
    fn tell_weakened(&mut self) {
        let level = self.session.terms().level.unwrap_or_default();
        let report =
            Report::warning(TOO_FAR_BEHIND, "no replica was fresh enough").detail(level.name());
        self.session.warn_weakened(&report);
    }

    /// A connection to a replica that covers the read at its present level; else why the
    /// primary would have to answer.
    async fn route_at_level(&mut self, course: &Course) -> Result<(Connection, Place), Reason> {
        if self.lacks_others() {
            // If it goes to the primary anyway, nobody need be asked.
            let decision = self.decide(course.left(self.proxy.sim.now()), false);
            if !matches!(decision, Decision::Primary(_)) {
                self.ask_others().await;
            }
        }
        let mut budget = course.left(self.proxy.sim.now());
        let mut waited = false;
        let mut reachable = true;
        loop {
            match self.decide(budget, waited) {
                Decision::Primary(reason) => return Err(reason),
                Decision::Replica { node, need, life, reason } => {
                    match self.claim_replica(usize::from(node.0), need, life).await {
                        Some(claimed) => return Ok((claimed, Place::Replica(reason))),
                        // Where it has read before nothing can be had: elsewhere, then.
                        None if life.is_some() => self.session.unstick(),
                        None => return Err(Reason::Rerouted),
                    }
                }
                Decision::Wait { need, at_most } => {
                    let start = self.proxy.sim.now();
                    self.proxy.wait_for_replay(need, micros(at_most)).await;
                    if waited && self.proxy.sim.now() < start + PAUSE {
                        self.proxy.sim.sleep(PAUSE).await;
                    }
                    waited = true;
                }
                Decision::Resolve { after, at_most } => {
                    let fence = self.proxy.fence(after, micros(at_most)).await;
                    reachable = fence.is_some();
                    if let Some(fence) = fence {
                        self.resolve(fence);
                    }
                }
            }
            budget = course.left(self.proxy.sim.now());
            if !reachable {
                budget = 0;
            }
        }
    }

    pub(crate) fn resolve(&mut self, fence: Fence) {
        self.session.resolve(fence);
        for key in self.session.named() {
            self.proxy.keys.borrow_mut().resolve(key, fence);
        }
        if let Some(sharing) = &self.proxy.sharing {
            sharing.resolve(fence);
        }
    }

    fn key_floor(&self) -> Option<KeyFloor> {
        self.proxy.keys.borrow().floors(&self.session.keys(), self.proxy.sequence.now())
    }

    /// What others have written to the tables that are read.
    fn table_floor(&self, now: Moment) -> Option<Floor> {
        let tables = self.session.tables_read();
        let found = self.proxy.keys.borrow().floors(&tables, now)?;
        let under_way = found.pending.then(|| Floor::since(now));
        Some(under_way.into_iter().fold(found.floor, |floor, other| floor.merge(other, now)))
    }

    fn decide(&self, budget: u64, waited: bool) -> Decision {
        let pending = self.key_floor().is_some_and(|key| key.pending);
        let replicas = self.proxy.replica_views();
        let view = View { primary: self.proxy.primary_view(), replicas: &replicas };
        let ask = self.session.ask(pending, Duration::from_micros(budget), waited);
        let decision = decide(&ask, &view, &self.proxy.policy);
        let mut world = self.proxy.sim.world();
        if decision != decide(&ask, &view, &self.proxy.policy) {
            world.fail(format!("equal inputs, other decision than {decision:?}"));
        }
        drop(world);
        let channel = self.channel;
        self.proxy.sim.judge().floors.insert(channel, ask.floor);
        self.proxy
            .sim
            .world()
            .note(format_args!("client {channel}: {decision:?} for {:?}", ask.floor));
        decision
    }

    /// A connection to a replica that itself proves `need`.
    pub(crate) async fn claim_replica(
        &self,
        node: usize,
        need: Option<Position>,
        life: Option<Life>,
    ) -> Option<Connection> {
        let mut link = self.proxy.claim(node, Role::Replica).await.ok()?;
        if life.is_some_and(|life| !is_of(&mut link, life)) {
            self.proxy.release(link, true);
            return None;
        }
        let Some(need) = need else { return Some(link) };
        let observed = self.proxy.nodes.borrow()[node].observed;
        if let (Some(observed), Some(proof)) = (observed, link.link.proof_mut()) {
            proof.learn(observed);
        }
        if proves(&mut link, need) {
            return Some(link);
        }
        let asked = self.proxy.sim.timeout(PROBE_TIMEOUT, link.witness()).await;
        let sound = matches!(asked, Some(Ok(())));
        if sound && proves(&mut link, need) {
            return Some(link);
        }
        self.proxy.release(link, sound);
        None
    }
}

fn proves(link: &mut Connection, need: Position) -> bool {
    link.link.proof_mut().is_some_and(|proof| proof.standing(need) == Standing::Covers)
}
