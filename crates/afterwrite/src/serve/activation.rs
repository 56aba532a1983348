//! Sockets that the service manager listened on for us (`LISTEN_FDS`).

use std::io;
use std::os::fd::OwnedFd;

use afterwrite_proxy::Sockets;
use listenfd::ListenFd;

/// Those sockets; none if there is no such manager. All are for clients: each takes
/// the place of the configured address that it is bound to.
pub(crate) fn sockets() -> io::Result<Sockets> {
    let mut given = ListenFd::from_env();
    let mut clients = Vec::new();
    for place in 0..given.len() {
        let socket = match given.take_tcp_listener(place) {
            Ok(listener) => listener.map(OwnedFd::from),
            Err(_) => given.take_unix_listener(place)?.map(OwnedFd::from),
        };
        clients.extend(socket);
    }
    Ok(Sockets { managed: vec![true; clients.len()], clients, metrics: None })
}
