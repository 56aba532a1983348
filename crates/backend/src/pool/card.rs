//! What is shown of a server connection, whoever holds it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use afterwrite_net::Endpoint;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What is shown of a server connection, whoever holds it.
#[derive(Debug)]
pub struct ServerCard {
    /// Its number, unique in this process.
    pub id: u64,
    /// The server process.
    pub pid: i32,
    /// Where it leads to.
    pub remote: Endpoint,
    /// Where it comes from.
    pub local: Option<SocketAddr>,
    /// When it was opened.
    pub opened: SystemTime,
    /// TLS version and cipher; empty for clear text.
    pub tls: String,
    /// Somebody uses it.
    pub(crate) busy: AtomicBool,
    /// The number of the client that uses it; 0 for none.
    pub(crate) client: AtomicU64,
    /// Microseconds after `began` when it was last claimed.
    pub(crate) claimed: AtomicU64,
    pub(crate) began: Instant,
    pub(crate) prepared: AtomicU32,
    pub(crate) era: AtomicU64,
}

impl ServerCard {
    pub(crate) fn new(
        pid: i32,
        remote: Endpoint,
        local: Option<SocketAddr>,
        tls: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            pid,
            remote,
            local,
            opened: SystemTime::now(),
            tls,
            busy: AtomicBool::new(true),
            client: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            began: Instant::now(),
            prepared: AtomicU32::new(0),
            era: AtomicU64::new(0),
        })
    }

    /// Whether somebody uses it.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// The number of the client that uses it, if one does.
    pub fn client(&self) -> Option<u64> {
        Some(self.client.load(Ordering::Relaxed)).filter(|id| *id > 0)
    }

    /// When it was last claimed.
    pub fn requested(&self) -> SystemTime {
        let claimed = std::time::Duration::from_micros(self.claimed.load(Ordering::Relaxed));
        self.opened.checked_add(claimed).unwrap_or(self.opened)
    }

    /// Statements that were prepared on it when it last came back.
    pub fn prepared(&self) -> u32 {
        self.prepared.load(Ordering::Relaxed)
    }

    /// Notes whose statements run on it.
    pub fn serve(&self, client: u64) {
        self.client.store(client, Ordering::Relaxed);
    }

    pub(crate) fn claim(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began);
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.claimed.store(micros, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
    }

    pub(crate) fn rest(&self, prepared: usize) {
        self.client.store(0, Ordering::Relaxed);
        self.busy.store(false, Ordering::Relaxed);
        self.prepared.store(u32::try_from(prepared).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}
