//! Three proxies, a primary and two stores that lose and forget, by seeds: no read may miss a
//! write whose client had been told of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use afterwrite_types::{Line, Lsn, Moment, Need, Position, SystemId, Timeline};

use super::*;

const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };
const PROXIES: usize = 3;
/// Of the simulation, in milliseconds.
const TICK: u64 = 10;
/// Ticks of one run; the last ones without faults.
const TICKS: u64 = 3200;
const CALM: u64 = 1000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// Once in `of` times.
    fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// One floor is enough: every key is the same key.
#[derive(Clone, Copy, Default)]
struct StoreServer {
    life: u64,
    floor: u64,
}

struct Node {
    group: Membership,
    /// Its clock's speed, in hundredths.
    speed: u64,
    /// Which store it reaches.
    store: Option<usize>,
    /// Its connection to the primary: its number there, if the primary still has it.
    session: Option<u64>,
    connected: bool,
    /// It does nothing until then.
    sleeps_until: u64,
    /// A look that was asked for and is not answered yet.
    look: Option<(Instant, Vec<Announced>, u64)>,
    /// Commits whose clients wait to be told.
    untold: Vec<(u64, Option<StoreLife>)>,
}

struct World {
    random: Random,
    begin: Instant,
    tick: u64,
    lsn: u64,
    /// The last write that a client was told of.
    told: u64,
    sessions: u64,
    announced: BTreeMap<u64, Vec<Announcement>>,
    stores: [StoreServer; 2],
    nodes: Vec<Node>,
    trusted_reads: u64,
    tells: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let nodes = (0..PROXIES)
            .map(|_| Node {
                group: Membership::default(),
                speed: 90 + random.below(21),
                store: Some(0),
                session: None,
                connected: false,
                sleeps_until: 0,
                look: None,
                untold: Vec::new(),
            })
            .collect();
        Self {
            random,
            begin: Instant::now(),
            tick: 0,
            lsn: 100,
            told: 0,
            sessions: 0,
            announced: BTreeMap::new(),
            stores: [StoreServer { life: 1, floor: 0 }, StoreServer { life: 2, floor: 0 }],
            nodes,
            trusted_reads: 0,
            tells: 0,
        }
    }

    fn now(&self, node: usize) -> Instant {
        self.begin + Duration::from_millis(self.tick * TICK * self.nodes[node].speed / 100)
    }

    fn moment(&self) -> Moment {
        Moment(self.tick)
    }

    /// What may happen to any of them.
    fn misfortune(&mut self) {
        let node = usize::try_from(self.random.below(PROXIES as u64)).unwrap();
        match self.random.below(9) {
            0 => self.nodes[node].store = None,
            1 => self.nodes[node].store = Some(1),
            2 | 3 => self.nodes[node].store = Some(0),
            // Emptied, or started again.
            4 => {
                let store = usize::try_from(self.random.below(2)).unwrap();
                self.stores[store] = StoreServer { life: 3 + self.tick, floor: 0 };
            }
            // Another takes its place that lacks the last writes.
            5 => {
                let floor = self.stores[0].floor.saturating_sub(self.random.below(5));
                self.stores[0] = StoreServer { life: 3 + self.tick, floor };
            }
            // The primary loses the connection, and nobody notices yet.
            6 | 7 => {
                if let Some(session) = self.nodes[node].session.take() {
                    self.announced.remove(&session);
                }
            }
            _ => self.nodes[node].sleeps_until = self.tick + self.random.below(900),
        }
    }

    /// The node's own task: the connection, the store's health, one step, one look.
    fn tend(&mut self, index: usize) {
        let now = self.now(index);
        self.ask_store(index, None);
        if !self.nodes[index].connected {
            self.sessions += 1;
            let node = &mut self.nodes[index];
            if let Some(closed) = node.session.replace(self.sessions) {
                self.announced.remove(&closed);
            }
            node.connected = true;
            self.announced.insert(self.sessions, Vec::new());
            self.nodes[index].group.connected(LINE);
        }
        let step = self.nodes[index].group.next(now);
        if let Some(step) = step {
            let node = &mut self.nodes[index];
            node.group.begin(step);
            // Without the connection it is not answered.
            let Some(mine) = node.session.and_then(|it| self.announced.get_mut(&it)) else {
                return self.lose(index);
            };
            match step {
                Step::Announce(what) => {
                    mine.push(what);
                    node.connected = node.group.announced(what, now);
                }
                Step::Withdraw(what) => mine.retain(|it| *it != what),
            }
        }
        if self.nodes[index].look.is_none() {
            let Some(own) = self.nodes[index].session else { return self.lose(index) };
            let all = self.announced.iter().flat_map(|(session, all)| {
                all.iter().map(move |what| Announced { what: *what, own: *session == own })
            });
            let all = all.collect();
            let answered = self.tick + self.random.below(15);
            self.nodes[index].look = Some((now, all, answered));
        }
    }

    fn lose(&mut self, index: usize) {
        // How long that takes to be noticed is up to the network.
        if self.tick > TICKS - CALM || self.random.once_in(60) {
            let node = &mut self.nodes[index];
            (node.connected, node.look) = (false, None);
            node.group.disconnected();
        }
    }

    fn answer_look(&mut self, index: usize) {
        let (now, moment) = (self.now(index), self.moment());
        let due = |look: &mut (Instant, Vec<Announced>, u64)| look.2 <= self.tick;
        let node = &mut self.nodes[index];
        if let Some((asked, all, _)) = node.look.take_if(due)
            && !node.group.seen((asked, now), &all, moment)
        {
            node.connected = false;
        }
    }

    /// Writes, or only asks; what it answers, if it does.
    fn ask_store(&mut self, index: usize, write: Option<u64>) -> Option<(StoreLife, u64)> {
        let now = self.now(index);
        let node = &mut self.nodes[index];
        let Some(store) = node.store else {
            node.group.missed(now);
            return None;
        };
        let store = &mut self.stores[store];
        store.floor = store.floor.max(write.unwrap_or(0));
        node.group.found(StoreLife(store.life), now);
        Some((StoreLife(store.life), store.floor))
    }

    fn write(&mut self, index: usize) {
        self.lsn += 1;
        let lsn = self.lsn;
        let stored = self.ask_store(index, Some(lsn)).map(|(life, _)| life);
        self.nodes[index].untold.push((lsn, stored));
    }

    fn tell(&mut self, index: usize) {
        let now = self.now(index);
        for (lsn, stored) in std::mem::take(&mut self.nodes[index].untold) {
            if self.nodes[index].group.may_tell(LINE, stored, now) {
                self.told = self.told.max(lsn);
                self.tells += 1;
            } else {
                let again = self.ask_store(index, Some(lsn)).map(|(life, _)| life);
                self.nodes[index].untold.push((lsn, again));
            }
        }
    }

    fn read(&mut self, index: usize, seed: u64) {
        let now = self.now(index);
        if !self.nodes[index].group.may_ask(LINE, now) {
            return;
        }
        let needed = self.told;
        let Some((life, stored)) = self.ask_store(index, None) else { return };
        let lsn = self.lsn;
        let moment = self.moment();
        let group = &mut self.nodes[index].group;
        let Some(base) = group.trusts(LINE, life, now) else { return };
        let Need::Position(base) = base.need() else {
            let position = Position { line: LINE, lsn: Lsn(lsn) };
            group.resolve(Fence { position, asked: Moment(moment.0 + 1) });
            return;
        };
        self.trusted_reads += 1;
        let floor = base.lsn.0.max(stored);
        assert!(floor >= needed, "seed {seed}, tick {}: {floor} is below {needed}", self.tick);
    }

    fn run(seed: u64) -> (u64, u64) {
        let mut world = Self::new(seed);
        while world.tick < TICKS {
            world.tick += 1;
            let calm = world.tick > TICKS - CALM;
            if !calm && world.random.once_in(40) {
                world.misfortune();
            }
            if world.tick == TICKS - CALM {
                world.nodes.iter_mut().for_each(|node| node.store = Some(0));
            }
            for index in 0..PROXIES {
                if world.nodes[index].sleeps_until > world.tick && !calm {
                    continue;
                }
                let due =
                    if calm { world.tick.is_multiple_of(12) } else { world.random.once_in(12) };
                if due {
                    world.tend(index);
                }
                world.answer_look(index);
                if world.random.once_in(20) {
                    world.write(index);
                }
                world.tell(index);
                if world.random.once_in(4) {
                    world.read(index, seed);
                }
            }
        }
        let end = world.nodes.iter().map(|node| node.group.standing(world.now_at_end()));
        assert!(
            end.clone().all(|it| it == Standing::Trusts),
            "seed {seed}: {:?}",
            end.collect::<Vec<_>>()
        );
        assert!(world.nodes.iter().all(|node| node.untold.len() < 3), "seed {seed}");
        (world.trusted_reads, world.tells)
    }

    fn now_at_end(&self) -> Instant {
        self.begin + Duration::from_millis(self.tick * TICK * 90 / 100)
    }
}

#[test]
fn nobody_misses_a_write_that_was_told() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(300);
    let seeds = seeds.min(3000);
    let (mut reads, mut tells) = (0, 0);
    for seed in 1..=seeds {
        let (read, told) = World::run(seed);
        reads += read;
        tells += told;
    }
    // What trusts nobody is never wrong.
    assert!(reads > seeds * 200 && tells > seeds * 200, "{reads} reads, {tells} writes told");
}

#[test]
fn an_announcement_is_never_that_of_being_apart() {
    assert_ne!(Announcement::of(StoreLife(0)), Announcement::APART);
    assert_ne!(Announcement::of(StoreLife(0x0000_0005_0000_0005)), Announcement::APART);
    assert_eq!(Announcement::from_number(Announcement::of(StoreLife(9)).number()).number(), 9);
}
