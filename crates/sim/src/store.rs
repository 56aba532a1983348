//! A store of floors that several proxies share, as `afterwrite-store` asks it: it may be slow,
//! away, emptied, started again, or replaced by a copy that lags.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use afterwrite_core::{Key, StoreLife};
use afterwrite_types::{Line, Lsn};

use crate::runtime::{Owner, Sim};
use crate::world::World;

/// Servers that may be the store: one, and a copy of it.
const SERVERS: usize = 2;

/// How long a question or an answer is under way at most, in microseconds.
const UNDER_WAY_MAX: u64 = 300;

type Floors = BTreeMap<(u32, Key), Lsn>;

/// One server that may be the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreServer {
    life: u64,
    floors: Floors,
    back_at: u64,
}

/// All of them, and which one each proxy reaches.
#[derive(Debug)]
pub(crate) struct Stores {
    servers: [StoreServer; SERVERS],
    reached: BTreeMap<u64, usize>,
    lives: u64,
}

impl Default for Stores {
    fn default() -> Self {
        let server = |life| StoreServer { life, ..StoreServer::default() };
        Self { servers: [server(1), server(2)], reached: BTreeMap::new(), lives: 2 }
    }
}

/// What is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) line: Line,
    pub(crate) raise: Vec<(Key, Lsn)>,
    pub(crate) read: Vec<Key>,
}

/// What it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) life: StoreLife,
    pub(crate) floor: Option<Lsn>,
}

/// A question under way: its answer, once it is there.
pub(crate) type Asked = Rc<RefCell<Option<Result<Answer, ()>>>>;

impl Stores {
    fn begin_life(&mut self, server: usize) {
        self.lives += 1;
        self.servers[server].life = self.lives;
    }

    fn answer(&mut self, proxy: u64, question: &Question, now: u64) -> Result<Answer, ()> {
        let reached = self.reached.get(&proxy).copied().unwrap_or(0);
        let server = &mut self.servers[reached];
        if now < server.back_at {
            return Err(());
        }
        let timeline = question.line.timeline.0;
        for (key, lsn) in &question.raise {
            let known = server.floors.entry((timeline, *key)).or_insert(*lsn);
            *known = (*lsn).max(*known);
        }
        let floors = question.read.iter().filter_map(|key| server.floors.get(&(timeline, *key)));
        Ok(Answer { life: StoreLife(server.life), floor: floors.max().copied() })
    }
}

impl World {
    /// Something goes wrong with the store.
    pub(crate) fn store_fault(&mut self, proxies: &[u64]) {
        let server = self.random.index(SERVERS);
        let away = self.now + self.random.below(60_000);
        let what = self.random.below(6);
        self.note(format_args!("store {server}: fault {what}"));
        let copied = self.stores.servers[1 - server].floors.clone();
        match what {
            0 => {
                self.stores.servers[server].floors.clear();
                self.stores.begin_life(server);
            }
            1 => self.stores.begin_life(server),
            2 => self.stores.servers[server].back_at = away,
            // The copy takes up what there is now; what comes later it may never get. With the
            // data it gets another life, and another again once it is promoted.
            3 => {
                self.stores.servers[server].floors = copied;
                self.stores.begin_life(server);
            }
            _ => {
                // All, or only some, are sent to the other one from now on.
                if !self.stores.reached.values().any(|reached| *reached == server) {
                    self.stores.begin_life(server);
                }
                for proxy in proxies {
                    if what == 4 || self.random.permille(500) {
                        self.stores.reached.insert(*proxy, server);
                    }
                }
            }
        }
    }

    /// It is there again, the same for all.
    pub(crate) fn heal_store(&mut self) {
        for server in &mut self.stores.servers {
            server.back_at = 0;
        }
        self.stores.reached.clear();
        self.stores.begin_life(0);
    }
}

/// Asks; the answer may come late, or never.
pub(crate) fn ask(sim: &Rc<Sim>, proxy: u64, question: Question) -> Asked {
    let asked = Asked::default();
    let (told, world) = (Rc::clone(&asked), Rc::clone(sim));
    sim.spawn(Owner::Proxy(proxy), async move {
        let (there, back, lost) = {
            let mut world = world.world();
            let random = &mut world.random;
            let slow = if random.permille(10) { 40 } else { 1 };
            let lost = random.permille(4);
            (random.below(UNDER_WAY_MAX) * slow, random.below(UNDER_WAY_MAX), lost)
        };
        world.sleep(there).await;
        let now = world.now();
        let answer = world.world().stores.answer(proxy, &question, now);
        world.sleep(back).await;
        let lost = lost && !world.world().calm;
        if !lost {
            *told.borrow_mut() = Some(answer);
            world.world().changes += 1;
        }
    });
    asked
}
