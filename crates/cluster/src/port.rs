//! Ports nobody listens on.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::ClusterError;

/// Below the range that systems hand out to outgoing connections, so that a
/// server that is stopped for a while finds its port free when it comes back.
const FIRST: u16 = 17_000;
const COUNT: u16 = 15_000;
const TRIES_MAX: u64 = 1_000;

/// The last ports that were given to somebody, who may not listen yet.
static GIVEN: Mutex<VecDeque<u16>> = Mutex::new(VecDeque::new());
const GIVEN_MAX: usize = 1_000;

/// A port of 127.0.0.1 that nobody listens on at the moment.
///
/// It is drawn at random, so that processes which ask at the same time hardly
/// ever get the same one; nothing reserves it. One process does not get the same
/// one twice in a row of [`GIVEN_MAX`]: two servers of one cluster that did would be
/// taken for each other, by the name of their socket.
pub fn free_port() -> Result<u16, ClusterError> {
    let random = RandomState::new();
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let port = (0..TRIES_MAX)
        .map(|salt| {
            let offset = random.hash_one(salt) % u64::from(COUNT);
            FIRST + u16::try_from(offset).unwrap_or(0)
        })
        .find(|port| !given.contains(port) && is_free(*port))
        .ok_or_else(|| ClusterError::Io {
            doing: "looking for a free port".to_owned(),
            source: io::Error::from(io::ErrorKind::AddrInUse),
        })?;
    if given.len() == GIVEN_MAX {
        given.pop_front();
    }
    given.push_back(port);
    Ok(port)
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    /// Of five hundred drawn at random from so few some would be equal.
    #[test]
    fn none_is_given_twice() {
        let ports: BTreeSet<u16> = (0..500).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 500);
    }

    #[test]
    fn a_free_port_can_be_listened_on() {
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
    }
}
