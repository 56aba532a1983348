//! What goes wrong: crashes, promotions, cuts, restarts of proxies.

use std::rc::Rc;

use crate::app::Host;
use crate::cluster::Proxy;
use crate::world::World;

/// Something goes wrong.
pub(crate) fn fault(host: &Rc<Host>) {
    let sim = &host.sim;
    let mut world = sim.world();
    let kind = world.random.below(12);
    let kind = if kind == 2 { 11 } else { kind };
    if !world.plan.has(kind) {
        return;
    }
    let servers = world.servers.len();
    let node = world.random.index(servers);
    let primary = world.primary;
    let up = world.servers[node].up;
    let down_for = if world.random.permille(400) { 0 } else { world.random.below(25_000) };
    sim.judge().figures.faults += 1;
    match kind {
        0 | 1 if node != primary && up => world.crash(node, Some(down_for)),
        3 | 4 if world.servers[primary].up => world.crash(primary, Some(down_for)),
        5 | 6 => cut_some(&mut world),
        7 if node != primary => {
            let server = &mut world.servers[node];
            server.paused = !server.paused;
        }
        8 if node != primary && up && !world.is_diverged(node) => {
            // The old primary dies for good, or lives on and takes writes.
            // With several proxies only whoever promotes can see to it that it does: one that
            // has not heard of the new primary would write there.
            if world.random.permille(500) {
                world.crash(primary, None);
            }
            world.promote(node);
        }
        9 if world.is_diverged(node) => world.rejoin(node),
        10 => {
            // A proxy that has just started knows only whom it can reach: fencing an
            // old primary by then is the task of whoever promoted the new one.
            for zombie in 0..world.servers.len() {
                if zombie != primary && world.servers[zombie].is_primary() {
                    world.crash(zombie, None);
                }
            }
            let proxies = world.plan.proxies;
            let chosen = world.random.index(proxies);
            drop(world);
            host.proxies.borrow()[chosen].stop();
            let next = Proxy::start(sim);
            host.proxies.borrow_mut()[chosen] = next;
            let mut world = sim.world();
            world.changes += 1;
            world.note(format_args!("proxy: RESTARTED"));
        }
        // Rare coincidences made common: a commit's connection is cut.
        11 if world.random.permille(600) => world.ambush = true,
        11 => {
            let writing = (0..world.conns.len()).find(|&id| world.is_committing(id));
            if let Some(id) = writing {
                world.note(format_args!("connection {id} is CUT in a commit"));
                world.cut(id);
            }
        }
        _ => {}
    }
}

fn cut_some(world: &mut World) {
    let open: Vec<_> = (0..world.conns.len())
        .filter(|&id| world.conns[id].process.alive && !world.conns[id].closed_by_server)
        .collect();
    let chosen = world.random.index(open.len());
    if let Some(&id) = open.get(chosen) {
        world.note(format_args!("connection {id} is CUT"));
        world.cut(id);
    }
}
