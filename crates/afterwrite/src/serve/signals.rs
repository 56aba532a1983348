//! Signals, as PgBouncer's users know them where they mean the same.

use std::io;

use afterwrite_proxy::{Handle, Stop};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use super::notify::Notify;
use super::reload;

/// As a shell reports a program that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// What the process can be told by signals.
pub(crate) struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    first_user: Signal,
    second_user: Signal,
}

enum Told {
    Reload,
    Stop,
    Quit,
    Pause,
    Resume,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            first_user: signal(SignalKind::user_defined1())?,
            second_user: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.quit.recv() => Told::Quit,
            _ = self.first_user.recv() => Told::Pause,
            _ = self.second_user.recv() => Told::Resume,
        }
    }

    /// Does what signals say, for as long as it is awaited. Cancel-safe.
    pub(crate) async fn obey(mut self, handle: Handle, notify: Notify) {
        loop {
            match self.next().await {
                Told::Reload => reload::by_signal(&handle, &notify),
                Told::Stop => stop(&handle, handle.stopping()),
                Told::Quit => stop(&handle, Some(Stop::AfterTransactions)),
                Told::Pause => {
                    warn!("paused: statements wait until RESUME, or SIGUSR2");
                    handle.pause();
                }
                Told::Resume => {
                    info!("resumed");
                    handle.resume();
                }
            }
        }
    }
}

/// The next more urgent way of stopping.
fn stop(handle: &Handle, before: Option<Stop>) {
    match before {
        None | Some(Stop::AfterClients) => handle.stop(Stop::AfterTransactions),
        Some(Stop::AfterTransactions) if handle.stopping() != Some(Stop::Now) => {
            handle.stop(Stop::Now);
        }
        // It has been told, and is still there.
        Some(Stop::AfterTransactions | Stop::Now) => std::process::exit(INTERRUPTED),
    }
}
