//! Ctrl-C and SIGTERM: what runs is put away, then the process ends.

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
