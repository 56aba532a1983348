//! Floors that a proxy shares with others: a mirror of `afterwrite-proxy`'s `sharing` and
//! `publish`. What may be believed is decided by the product's own `Membership`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use afterwrite_core::{Announced, Announcement, Key, Membership, Step, WriteMark};
use afterwrite_session::Outcome;
use afterwrite_types::{Fence, Floor, Level, Line, Lsn, Need, Position};
use afterwrite_wire::server::Report;

use crate::client::{Client, End};
use crate::cluster::{PROBE_TIMEOUT, Primary, Proxy};
use crate::connection::{Socket, introduce};
use crate::runtime::Sim;
use crate::store::{self, Question};

/// A run lasts a fraction of a second, and what is agreed upon here takes seconds: the clock
/// by which it is runs so much faster, and not quite as fast for each proxy.
const SPEED: u64 = 60;
const SPEEDS: u64 = 12;

/// The proxy's limits, in microseconds of the run.
const EVERY: u64 = 3_000;
const LOOK_AGAIN: u64 = 400;
const HOLD_MAX: u64 = 100_000;
const STORE_TIMEOUT: u64 = 8_000;

/// One proxy's part.
pub(crate) struct Sharing {
    sim: Rc<Sim>,
    life: u64,
    speed: u64,
    pub(crate) group: RefCell<Membership>,
}

/// A write could not be shared.
struct NotShared;

impl Sharing {
    pub(crate) fn new(sim: &Rc<Sim>, life: u64) -> Self {
        let speed = SPEED + sim.world().random.below(SPEEDS);
        Self { sim: Rc::clone(sim), life, speed, group: RefCell::default() }
    }

    fn clock(&self) -> Instant {
        self.sim.instant() + Duration::from_micros(self.sim.now() * (self.speed - 1))
    }

    async fn answer(&self, asked: &store::Asked, at_most: u64) -> Option<store::Answer> {
        let there = || *asked.borrow();
        match self.sim.timeout(at_most, self.sim.until(there)).await {
            Some(Ok(answer)) => {
                self.group.borrow_mut().found(answer.life, self.clock());
                Some(answer)
            }
            Some(Err(())) | None => None,
        }
    }

    fn missed(&self) {
        self.group.borrow_mut().missed(self.clock());
    }

    /// Waits until a client may be told that its write, which `position` covers, is done.
    async fn publish(&self, keys: Vec<Key>, position: Position) -> Result<(), NotShared> {
        let began = self.sim.now();
        let raise = keys.into_iter().map(|key| (key, position.lsn)).collect();
        let question = Question { line: position.line, raise, read: Vec::new() };
        let mut asked = store::ask(&self.sim, self.life, question.clone());
        let mut stored = None;
        loop {
            if stored.is_none() {
                stored = self.answer(&asked, STORE_TIMEOUT).await.map(|answer| answer.life);
                if stored.is_none() {
                    self.missed();
                    if asked.borrow().is_some() {
                        asked = store::ask(&self.sim, self.life, question.clone());
                    }
                }
            }
            if self.group.borrow().may_tell(position.line, stored, self.clock()) {
                return Ok(());
            }
            if self.sim.now() >= began + HOLD_MAX || self.is_behind(position.line) {
                return Err(NotShared);
            }
            self.sim.sleep(LOOK_AGAIN).await;
        }
    }

    fn is_behind(&self, line: Line) -> bool {
        let at = self.group.borrow().line();
        at.is_some_and(|at| at.timeline > line.timeline)
    }

    /// What others have written under these keys, for a read that begins now.
    async fn floor(&self, proxy: &Proxy, line: Option<Line>, keys: Vec<Key>) -> Floor {
        let now = proxy.sequence.now();
        let line = line.filter(|line| self.group.borrow().may_ask(*line, self.clock()));
        let Some(line) = line else { return Floor::since(now) };
        let question = Question { line, raise: Vec::new(), read: keys };
        let asked = store::ask(&self.sim, self.life, question);
        let Some(answer) = self.answer(&asked, STORE_TIMEOUT).await else {
            return Floor::since(now);
        };
        self.sim.judge().figures.shared += 1;
        let base = self.group.borrow().trusts(line, answer.life, self.clock());
        let stored = answer.floor.map(|lsn: Lsn| Floor::at(Position { line, lsn }));
        match base {
            Some(base) => base.merge(stored.unwrap_or_default(), now),
            None => Floor::since(now),
        }
    }

    pub(crate) fn resolve(&self, fence: Fence) {
        self.group.borrow_mut().resolve(fence);
    }
}

/// Asks the store now and then whether it is still the same.
pub(crate) async fn tend_store(proxy: Rc<Proxy>) {
    let Some(sharing) = proxy.sharing.as_ref() else { return };
    loop {
        let line = sharing.group.borrow().line();
        if let Some(line) = line {
            let question = Question { line, raise: Vec::new(), read: Vec::new() };
            let asked = store::ask(&proxy.sim, proxy.life, question);
            if sharing.answer(&asked, STORE_TIMEOUT).await.is_none() {
                sharing.missed();
            }
        }
        proxy.sim.sleep(EVERY).await;
    }
}

/// Announces what is to be announced and looks what others do.
pub(crate) async fn announce(proxy: Rc<Proxy>) {
    let Some(sharing) = proxy.sharing.as_ref() else { return };
    let mut registry = None;
    loop {
        registry = announce_once(&proxy, sharing, registry.take()).await;
        if registry.is_none() {
            sharing.group.borrow_mut().disconnected();
        }
        proxy.sim.world().changes += 1;
        let since = proxy.sim.now();
        let wanted = || {
            let due = proxy.sim.now() >= since + EVERY;
            let wanted = sharing.group.borrow().next(sharing.clock()).is_some();
            (due || wanted && proxy.sim.now() > since).then_some(())
        };
        proxy.sim.until(wanted).await;
    }
}

/// Gives the connection back as long as it is of use.
async fn announce_once(
    proxy: &Proxy,
    sharing: &Sharing,
    known: Option<(Socket, Primary)>,
) -> Option<(Socket, Primary)> {
    let primary = proxy.primary.get()?;
    let kept = known.filter(|known| known.1 == primary);
    let (socket, primary) = if let Some(kept) = kept {
        kept
    } else {
        sharing.group.borrow_mut().disconnected();
        let socket = Socket::open(&proxy.sim, primary.node, false)?;
        let said = proxy.sim.timeout(PROBE_TIMEOUT, introduce(&socket)).await?.ok()?;
        if said.line != primary.line || proxy.primary.get() != Some(primary) {
            return None;
        }
        sharing.group.borrow_mut().connected(primary.line);
        (socket, primary)
    };
    loop {
        let step = {
            let mut group = sharing.group.borrow_mut();
            let step = group.next(sharing.clock());
            step.inspect(|step| group.begin(*step))
        };
        let Some(step) = step else { break };
        let (verb, what) = match step {
            Step::Announce(what) => ("ANNOUNCE", what),
            Step::Withdraw(what) => ("WITHDRAW", what),
        };
        let question = format!("{verb} {}", what.number());
        proxy.sim.timeout(PROBE_TIMEOUT, socket.ask_sql(&question)).await?.ok()?;
        if let Step::Announce(what) = step
            && !sharing.group.borrow_mut().announced(what, sharing.clock())
        {
            return None;
        }
    }
    let asked = sharing.clock();
    let all = proxy.sim.timeout(PROBE_TIMEOUT, socket.ask_sql("LOOK")).await?.ok()?;
    let (answered, moment) = (sharing.clock(), proxy.sequence.now());
    let all: Vec<_> = all.split(',').filter_map(read_announced).collect();
    let kept = sharing.group.borrow_mut().seen((asked, answered), &all, moment);
    kept.then_some((socket, primary))
}

/// `number:t` if it is our own.
fn read_announced(text: &str) -> Option<Announced> {
    let (number, own) = text.split_once(':')?;
    Some(Announced { what: Announcement::from_number(number.parse().ok()?), own: own == "t" })
}

impl Client {
    /// The keys of a write that others must be able to know of.
    pub(crate) fn to_publish(&self, mark: Option<&WriteMark>, outcome: Outcome) -> Vec<Key> {
        let shares = self.proxy.sharing.is_some() && (outcome.captured || outcome.unresolved);
        mark.filter(|_| shares).map(|mark| mark.keys().to_vec()).unwrap_or_default()
    }

    /// Waits until the client may hear that its write is done.
    pub(crate) async fn publish(&mut self, keys: Vec<Key>) -> Result<(), End> {
        let proxy = Rc::clone(&self.proxy);
        let Some(sharing) = proxy.sharing.as_ref().filter(|_| !keys.is_empty()) else {
            return Ok(());
        };
        let published = match self.written().await {
            Some(position) => sharing.publish(keys, position).await,
            None => Err(NotShared),
        };
        published.map_err(|NotShared| {
            self.outbox.clear();
            End::Fatal(Report::fatal("08007", "the write is done, but nobody could be told"))
        })
    }

    /// A position that covers what the client has written.
    async fn written(&mut self) -> Option<Position> {
        let began = self.proxy.sim.now();
        loop {
            match self.session.scope().floor().need() {
                Need::Position(position) => return Some(position),
                Need::Nothing => self.session.scope_mut().doubt(self.proxy.sequence.now()),
                Need::Fence(after) => {
                    let left = HOLD_MAX.checked_sub(self.proxy.sim.now() - began)?;
                    match self.proxy.fence(after, left).await {
                        Some(fence) => self.resolve(fence),
                        None => self.proxy.sim.sleep(LOOK_AGAIN).await,
                    }
                }
            }
        }
    }

    /// Whether others may have written, through other proxies, what the read must see.
    pub(crate) fn lacks_others(&self) -> bool {
        let level = self.session.terms().level.unwrap_or_default();
        let sees_them = level.sees_own_writes() && level != Level::Strong;
        let names = !(self.session.keys().is_empty() && self.session.tables_read().is_empty());
        sees_them && names && self.proxy.sharing.is_some()
    }

    /// Has the read see what others wrote.
    pub(crate) async fn ask_others(&mut self) {
        let proxy = Rc::clone(&self.proxy);
        let Some(sharing) = proxy.sharing.as_ref() else { return };
        let keys = self.session.named().into_vec();
        let line = proxy.primary.get().map(|primary| primary.line);
        let floor = sharing.floor(&proxy, line, keys).await;
        self.session.raise_read_floor(floor, proxy.sequence.now());
        if let Need::Fence(_) = self.session.read_floor().need()
            && let Some(fence) = proxy.last_fence()
        {
            self.resolve(fence);
        }
    }
}
