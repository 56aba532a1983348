//! Who is at the other end.

use std::fmt;
use std::net::SocketAddr;

/// Who is at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A machine, perhaps this one.
    Tcp(SocketAddr),
    /// A process of this machine.
    Unix {
        /// The user it ran as when it connected.
        uid: u32,
        /// Its number, where the system tells it.
        pid: Option<i32>,
    },
}

impl Peer {
    /// Its IP address and port; `None` over a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix { .. } => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid, pid: Some(pid) } => write!(f, "unix(uid {uid}, pid {pid})"),
            Self::Unix { uid, pid: None } => write!(f, "unix(uid {uid})"),
        }
    }
}
