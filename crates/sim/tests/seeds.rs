//! Thousands of seeds, each a different cluster with different luck.
//!
//! `SEEDS=1000000` runs more, `SEED=7` that one alone, with its trace. A failure
//! prints the seed that repeats it exactly.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use afterwrite_sim::{Figures, Outcome, run};

const SEEDS: u64 = 2200;

/// Lines of a failure's trace that are shown.
const TAIL: usize = 80;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn report(failed: &Outcome, tried: u64) -> ! {
    let traced = run(failed.seed, true);
    let from = traced.trace.len().saturating_sub(TAIL);
    let tail = traced.trace.get(from..).unwrap_or_default().join("\n");
    let (seed, steps) = (failed.seed, failed.steps);
    let what = failed.failure.clone().unwrap_or_default();
    panic!("{tail}\n\nseed {seed} failed at step {steps}, after {tried} seeds: {what}");
}

/// Runs seeds on every core until one fails.
fn run_all(first: u64, count: u64) -> (Figures, Option<Outcome>, u64) {
    let next = AtomicU64::new(first);
    let end = first + count;
    let worker = || {
        let mut figures = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= end {
                return (figures, None);
            }
            let outcome = run(seed, false);
            figures.add(outcome.figures);
            if outcome.failure.is_some() {
                next.store(end, Ordering::SeqCst);
                return (figures, Some(outcome));
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut figures = Figures::default();
        let mut failed: Option<Outcome> = None;
        for worker in workers {
            let Ok((its, outcome)) = worker.join() else { panic!("a run panicked") };
            figures.add(its);
            // The lowest seed, so that two cores report the same one more often.
            failed = [failed, outcome].into_iter().flatten().min_by_key(|it| it.seed);
        }
        let tried = failed.as_ref().map_or(count, |it| it.seed - first + 1);
        (figures, failed, tried)
    })
}

#[test]
fn nobody_reads_a_state_older_than_their_own_last_write() {
    let (first, count) = match number("SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("SEEDS").unwrap_or(SEEDS)),
    };
    let (figures, failed, tried) = run_all(first, count);
    if let Some(failed) = failed {
        report(&failed, tried);
    }
    println!("{count} seeds: {figures:?}");
    if count >= 1000 {
        // A simulation in which nothing happens proves nothing.
        let Figures { reads, on_replicas, writes, doubtful, lost, faults, .. } = figures;
        let Figures { monotonic, bounded, weakened, orphans, untold, .. } = figures;
        assert!(on_replicas * 5 > reads, "too few reads on replicas: {figures:?}");
        assert!(writes > count && doubtful > count / 10 && lost > count / 20, "{figures:?}");
        assert!(faults > count && orphans > count / 20, "{figures:?}");
        assert!(untold * 20 <= orphans, "losses are not found: {figures:?}");
        assert!(monotonic > count && bounded > count && weakened > count / 10, "{figures:?}");
    }
}

#[test]
fn a_seed_repeats_exactly() {
    for seed in 0..20 {
        let (one, two) = (run(seed, true), run(seed, true));
        assert_eq!(one.trace, two.trace, "seed {seed}");
        assert_eq!((one.sum, one.steps), (run(seed, false).sum, run(seed, false).steps));
    }
}
