//! Runs very many seeds: says every few seconds how far it has come, and stops at the first
//! violation with the seed that repeats it.
//!
//! `cargo run --release -p afterwrite-sim --example many -- FIRST COUNT [THREADS]`
//!
//! What it prints last is where the next run may go on: `FIRST` is that number then.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use afterwrite_sim::{Figures, Outcome, run};

/// Between two lines about the progress.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Lines of a failure's trace that are shown.
const TAIL: usize = 60;

fn argument(number: usize, otherwise: u64) -> u64 {
    std::env::args().nth(number).and_then(|it| it.parse().ok()).unwrap_or(otherwise)
}

fn main() -> ExitCode {
    let (first, count) = (argument(1, 1), argument(2, 200_000));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = argument(3, cores as u64).max(1);
    let (next, end) = (AtomicU64::new(first), first.saturating_add(count));
    let (tell, told) = mpsc::sync_channel::<Outcome>(1024);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || tell.send(run(seed, false)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let ended = follow(first, &told, began);
        // Whoever still runs finds nobody to tell.
        drop(told);
        ended
    })
}

/// Adds up what is told, in whatever order it comes.
fn follow(first: u64, told: &mpsc::Receiver<Outcome>, began: Instant) -> ExitCode {
    let mut figures = Figures::default();
    let (mut done, mut spoke) = (0_u64, began);
    // Seeds that are through, but for one before them.
    let mut early = BTreeSet::new();
    let mut through = first;
    for outcome in told {
        if outcome.failure.is_some() {
            return fail(&outcome, through, done);
        }
        figures.add(outcome.figures);
        done += 1;
        early.insert(outcome.seed);
        while early.remove(&through) {
            through += 1;
        }
        if spoke.elapsed() >= TELL_EVERY {
            spoke = Instant::now();
            say(done, through, began, &figures);
        }
    }
    say(done, through, began, &figures);
    println!("no violation");
    ExitCode::SUCCESS
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn say(done: u64, through: u64, began: Instant, figures: &Figures) {
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{done} seeds in {seconds:.0} s ({:.0}/s), all up to {through}; {figures:?}",
        done as f64 / seconds
    );
}

fn fail(failed: &Outcome, through: u64, done: u64) -> ExitCode {
    let seed = failed.seed;
    let traced = run(seed, true);
    let from = traced.trace.len().saturating_sub(TAIL);
    for line in traced.trace.iter().skip(from) {
        println!("{line}");
    }
    let what = failed.failure.as_deref().unwrap_or_default();
    println!("\nseed {seed} failed at step {}, after {done} seeds: {what}", failed.steps);
    println!("replay it: cargo run -p afterwrite-sim --example replay -- {seed}");
    println!("go on behind it: FIRST={} (all up to {through} are through)", seed + 1);
    ExitCode::FAILURE
}
