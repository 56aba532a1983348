//! Ports nobody listens on.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::ClusterError;

/// Below the range that systems hand out to outgoing connections, so that a
/// server that is stopped for a while finds its port free when it comes back.
const FIRST: u16 = 17_000;
const COUNT: u16 = 15_000;
const TRIES_MAX: u64 = 1_000;

/// A port of 127.0.0.1 that nobody listens on at the moment.
///
/// It is drawn at random, so that processes which ask at the same time hardly
/// ever get the same one; nothing reserves it.
pub fn free_port() -> Result<u16, ClusterError> {
    let random = RandomState::new();
    (0..TRIES_MAX)
        .map(|salt| {
            let offset = random.hash_one(salt) % u64::from(COUNT);
            FIRST + u16::try_from(offset).unwrap_or(0)
        })
        .find(|port| is_free(*port))
        .ok_or_else(|| ClusterError::Io {
            doing: "looking for a free port".to_owned(),
            source: io::Error::from(io::ErrorKind::AddrInUse),
        })
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn a_free_port_can_be_listened_on() {
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
    }
}
