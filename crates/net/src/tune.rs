//! What is asked of the kernel for a TCP socket.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// When a peer that is gone without a word is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// After how long of silence it is asked first.
    pub idle: Duration,
    /// Between questions.
    pub interval: Duration,
    /// Questions without an answer until the socket is closed; `None` is the
    /// system's number.
    pub retries: Option<u32>,
    /// How long bytes may stay unconfirmed or unsent before the socket is closed
    /// (Linux's `TCP_USER_TIMEOUT`).
    ///
    /// It also ends those who live but take nothing for so long: a server that
    /// waits for a lock while a COPY is sent to it is one. Hence `None` unless
    /// somebody asks for it.
    pub unconfirmed_max: Option<Duration>,
}

impl KeepAlive {
    /// For sockets to clients.
    pub const CLIENTS: Self = Self {
        idle: Duration::from_mins(1),
        interval: Duration::from_secs(15),
        retries: None,
        unconfirmed_max: None,
    };

    /// For sockets to servers.
    pub const SERVERS: Self = Self {
        idle: Duration::from_secs(30),
        interval: Duration::from_secs(10),
        retries: None,
        unconfirmed_max: None,
    };

    pub(crate) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let keepalive = TcpKeepalive::new().with_time(self.idle).with_interval(self.interval);
        let keepalive = match self.retries {
            Some(retries) => keepalive.with_retries(retries),
            None => keepalive,
        };
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        if self.unconfirmed_max.is_some() {
            socket.set_tcp_user_timeout(self.unconfirmed_max)?;
        }
        Ok(())
    }
}
