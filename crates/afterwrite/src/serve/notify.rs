//! What the service manager is told (`sd_notify(3)`), if there is one.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterwrite_proxy::Handle;
use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// How often it is told how many clients there are.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// What the service manager is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notify(Option<Arc<Manager>>);

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
    /// Another process is the main one now.
    left: AtomicBool,
}

impl Notify {
    /// The manager that `NOTIFY_SOCKET` names.
    pub(crate) fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self(None);
        };
        let address = match name.as_bytes().split_first() {
            Some((b'@', rest)) => SocketAddr::from_abstract_name(rest),
            _ => SocketAddr::from_pathname(&name),
        };
        match address.and_then(|address| Ok((UnixDatagram::unbound()?, address))) {
            Ok((socket, address)) => {
                // A manager that does not read must not stop us.
                let _ = socket.set_nonblocking(true);
                let (watchdog, left) = (watchdog(), AtomicBool::new(false));
                Self(Some(Arc::new(Manager { socket, address, watchdog, left })))
            }
            Err(error) => {
                warn!(%error, "the service manager cannot be told anything");
                Self(None)
            }
        }
    }

    fn send(&self, state: &str) {
        let Some(manager) = &self.0 else { return };
        if manager.left.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = manager.socket.send_to_addr(state.as_bytes(), &manager.address) {
            warn!(%error, "the service manager was not told");
        }
    }

    /// Clients are served.
    pub(crate) fn ready(&self) {
        self.send(&format!("READY=1\nMAINPID={}\nSTATUS=ready", std::process::id()));
    }

    /// The configuration is being read again; [`Self::ready`] ends it.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.send(&format!(
            "RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reading the configuration"
        ));
    }

    /// No new clients from now on.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=waiting for clients to be done");
    }

    /// Another process is the main one from now on; this one says nothing any more.
    pub(crate) fn left_to(&self, pid: i32) {
        self.send(&format!("MAINPID={pid}"));
        if let Some(manager) = &self.0 {
            manager.left.store(true, Ordering::SeqCst);
        }
    }

    /// Shows now and then that we live, and how many clients there are. Cancel-safe.
    pub(crate) async fn keep_up(self, handle: Handle) {
        let Some(manager) = &self.0 else { return };
        let watchdog = if manager.watchdog.is_some() { "WATCHDOG=1\n" } else { "" };
        let every = manager.watchdog.map_or(STATUS_EVERY, |limit| STATUS_EVERY.min(limit / 2));
        let mut tick = tokio::time::interval(every);
        loop {
            tick.tick().await;
            self.send(&format!("{watchdog}STATUS={} clients", handle.clients()));
        }
    }
}

/// After how long without a sign of life the manager ends us.
fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|micros| for_us && *micros > 0).map(Duration::from_micros)
}
