//! Listening sockets on their way between processes.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use afterwrite_net::{Endpoint, Listener};
use tracing::warn;

/// What a proxy listens on, for another process.
#[derive(Debug)]
pub struct Sockets {
    /// For clients.
    pub clients: Vec<OwnedFd>,
    /// Which of them the service manager listens on, too; none, where this ends.
    pub managed: Vec<bool>,
    /// For `/metrics`.
    pub metrics: Option<OwnedFd>,
}

/// What another process listened on, or still does.
///
/// Files of Unix sockets are not removed with it: they belong to the other process
/// until [`Handle::own_files`](crate::Handle::own_files) says something else.
#[derive(Debug, Default)]
pub struct Inherited {
    clients: Vec<Listener>,
    metrics: Option<Listener>,
}

impl Inherited {
    /// Takes over sockets that are listened on. Must be called within a runtime.
    pub fn adopt(sockets: Sockets) -> io::Result<Self> {
        let adopt = |socket| -> io::Result<Listener> {
            let listener = Listener::adopt(socket)?;
            listener.leave_file();
            Ok(listener)
        };
        let managed = sockets.managed.into_iter().chain(std::iter::repeat(false));
        let clients = sockets.clients.into_iter().zip(managed).map(|(socket, managed)| {
            let listener = adopt(socket)?;
            Ok(if managed { listener.managed() } else { listener })
        });
        Ok(Self {
            clients: clients.collect::<io::Result<_>>()?,
            metrics: sockets.metrics.map(adopt).transpose()?,
        })
    }

    /// Where it listens for clients.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.clients.iter().map(Listener::endpoint)
    }

    /// Closes what is not listened on any more, and removes the files of it: the other
    /// process is told to leave them. Those of the service manager's sockets stay.
    pub fn close(self) {
        for listener in self.clients.iter().chain(&self.metrics) {
            if listener.is_managed() {
                let address = listener.endpoint();
                warn!(%address, "not in `listen`: this socket of the service manager is not used");
            }
            listener.own_file();
        }
    }

    /// The socket of this address; port 0 takes that of any port.
    pub(crate) fn take(&mut self, endpoint: &Endpoint) -> Option<Listener> {
        let place = self.clients.iter().position(|it| is_meant(endpoint, it.endpoint()))?;
        Some(self.clients.remove(place))
    }

    pub(crate) fn take_metrics(&mut self, address: SocketAddr) -> Option<Listener> {
        self.metrics.take_if(|it| is_meant(&address.into(), it.endpoint()))
    }
}

fn is_meant(wanted: &Endpoint, found: &Endpoint) -> bool {
    match (wanted, found) {
        (Endpoint::Tcp(wanted), Endpoint::Tcp(found)) if wanted.port() == 0 => {
            wanted.ip() == found.ip()
        }
        _ => wanted == found,
    }
}
