//! One run: chooses what happens next until everything has happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::app::{Host, Stage};
use crate::cluster::Proxy;
use crate::fault;
use crate::judge::Figures;
use crate::plan::Plan;
use crate::random::Random;
use crate::runtime::{Owner, Sim};
use crate::trace::Trace;
use crate::work;
use crate::world::World;

/// Steps that the end of a run may take.
const FINISH_STEPS: u64 = 200_000;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed that repeats it.
    pub seed: u64,
    /// Steps it took.
    pub steps: u64,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
    /// Everything that happened, if it was asked for.
    pub trace: Vec<String>,
    /// Equal runs have equal sums.
    pub sum: u64,
    /// What there was to judge.
    pub figures: Figures,
}

/// Runs a seed to its end or its first failure.
pub fn run(seed: u64, traced: bool) -> Outcome {
    let mut random = Random::new(seed);
    let plan = Plan::new(&mut random);
    let mut world = World::new(plan.clone(), random, Trace::new(traced));
    world.note(format_args!("{plan:?}"));
    let sim = Sim::new(world);
    sim.judge().shared = plan.shared;
    let host = Rc::new(Host {
        proxies: RefCell::new((0..plan.proxies).map(|_| Proxy::start(&sim)).collect()),
        sim: Rc::clone(&sim),
        stage: Cell::new(Stage::Storm),
        arrived: Cell::new(0),
    });
    for name in 0..plan.apps {
        sim.spawn(Owner::Clients, work::live(Rc::clone(&host), name));
    }
    let storm = || sim.world().step >= plan.steps;
    go_on(&host, plan.steps + 1, storm);
    sim.world().calm = true;
    host.stage.set(Stage::Finish);
    heal(&sim);
    go_on(&host, FINISH_STEPS, || host.arrived.get() == plan.apps && is_replayed(&sim));
    host.stage.set(Stage::Calm);
    host.arrived.set(0);
    sim.world().changes += 1;
    go_on(&host, FINISH_STEPS, || host.arrived.get() == plan.apps);
    finish(seed, &host)
}

fn finish(seed: u64, host: &Host) -> Outcome {
    let mut figures = host.sim.judge().figures;
    let acked = std::mem::take(&mut host.sim.judge().acked);
    host.proxies.borrow().iter().for_each(|proxy| proxy.stop());
    host.sim.kill(Owner::Clients);
    let mut world = host.sim.world();
    let lost = acked.iter().filter(|it| world.write(it.version).lost).count();
    figures.lost = lost as u64;
    Outcome {
        seed,
        steps: world.step,
        failure: world.failure.take(),
        trace: world.trace.take(),
        sum: world.trace.sum(),
        figures,
    }
}

/// Steps until something is true, or something is wrong.
fn go_on(host: &Rc<Host>, steps_max: u64, done: impl Fn() -> bool) {
    for _ in 0..steps_max {
        if done() || host.sim.world().failure.is_some() {
            return;
        }
        step(host);
    }
    if !done() {
        let stage = host.stage.get();
        host.sim.world().fail(format!("HANG: the stage {stage:?} does not end"));
    }
}

fn step(host: &Rc<Host>) {
    let sim = &host.sim;
    let (choice, calm, faults) = {
        let mut world = sim.world();
        world.step += 1;
        let choice = world.random.below(100);
        (choice, world.calm, world.plan.faults)
    };
    match choice {
        0..45 => {
            if !sim.poll_one() {
                pass_time(sim, 300);
            }
        }
        45..63 => serve(sim),
        63..91 => sim.world().storage_step(),
        _ => pass_time(sim, 700),
    }
    let store_strikes = !calm && sim.world().plan.shared && {
        let mut world = sim.world();
        world.random.below(10_000) < faults / 4
    };
    if store_strikes {
        let lives: Vec<_> = host.proxies.borrow().iter().map(|it| it.life).collect();
        sim.world().store_fault(&lives);
    }
    let strikes = !calm && sim.world().random.below(10_000) < faults;
    if strikes {
        fault::fault(host);
    }
}

fn pass_time(sim: &Sim, micros_max: u64) {
    let mut world = sim.world();
    world.now += 1 + world.random.below(micros_max);
    world.changes += 1;
}

/// Lets some server process go on.
fn serve(sim: &Sim) {
    let mut world = sim.world();
    let count = world.conns.len();
    let start = world.random.index(count);
    for at in 0..count {
        let id = (start + at) % count;
        if world.conns[id].process.alive && world.process_step(id) {
            return;
        }
    }
}

/// No more faults: everything comes back.
fn heal(sim: &Sim) {
    let mut world = sim.world();
    world.ambush = false;
    world.heal_store();
    for node in 0..world.servers.len() {
        world.servers[node].paused = false;
        if !world.servers[node].up {
            world.servers[node].back_at = 0;
        }
        if world.is_diverged(node) {
            world.rejoin(node);
        }
    }
    world.changes += 1;
}

/// Everything written is replayed everywhere.
fn is_replayed(sim: &Sim) -> bool {
    let world = sim.world();
    let primary = &world.servers[world.primary];
    let count = primary.log.len();
    world.servers.iter().all(|server| {
        server.up && server.log.len() == count && (server.is_primary() || server.replayed == count)
    }) && primary.flushed == count
}
