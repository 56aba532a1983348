//! Ctrl-C and SIGTERM: what runs is put away, then the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// Runs `work` to its end, or to the first SIGINT or SIGTERM.
///
/// Then `work` is dropped, which ends what it has started, and the result is
/// [`Exit::Interrupted`]. A second signal ends the process at once; a cluster's
/// watchdog still puts the servers and the folder away.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Exit>>,
) -> Result<T, Exit> {
    let mut signals = Signals::new().map_err(Exit::failed)?;
    let mut work = Box::pin(work);
    tokio::select! {
        outcome = &mut work => outcome,
        () = signals.next() => {
            eprintln!("\nstopping: one moment, please");
            tokio::spawn(async move {
                signals.next().await;
                std::process::exit(130);
            });
            drop(work);
            Err(Exit::Interrupted)
        }
    }
}

/// A flag that the first SIGINT or SIGTERM sets: for work that has something to put away
/// itself. A second signal ends the process at once, having told what is `left`.
pub(crate) fn stop_flag(left: String) -> Result<Arc<AtomicBool>, Exit> {
    let mut signals = Signals::new().map_err(Exit::failed)?;
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    tokio::spawn(async move {
        signals.next().await;
        set.store(true, Ordering::Relaxed);
        eprintln!("\nstopping: one moment, please");
        signals.next().await;
        eprintln!("{left}");
        std::process::exit(130);
    });
    Ok(flag)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
