//! Connecting to servers.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::sleep;

use crate::address::{Address, Endpoint, UnixName};
use crate::stream::Stream;

/// Between attempts at a Unix socket whose queue is full: the system lets nobody
/// wait in it.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// Connects to a server, and says which one it was. A name's addresses are tried
/// one after the other.
///
/// Waits as long as the system does; the caller sets the limit. Cancel-safe.
pub async fn connect(address: &Address) -> io::Result<(Stream, Endpoint)> {
    match address {
        Address::Tcp { host, port } => {
            let mut last = None;
            for found in lookup_host((host.as_str(), *port)).await? {
                let endpoint = Endpoint::Tcp(found);
                match endpoint.connect().await {
                    Ok(stream) => return Ok((stream, endpoint)),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(|| io::Error::other("the name has no address")))
        }
        Address::Unix(name) => {
            let endpoint = Endpoint::Unix(name.clone());
            Ok((endpoint.connect().await?, endpoint))
        }
    }
}

impl Endpoint {
    /// Connects to this very place.
    ///
    /// Waits as long as the system does; the caller sets the limit. Cancel-safe.
    pub async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(address) => Ok(TcpStream::connect(address).await?.into()),
            Self::Unix(name) => Ok(connect_unix(name).await?.into()),
        }
    }
}

async fn connect_unix(name: &UnixName) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(name.for_system()).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(QUEUE_FULL_PAUSE).await;
            }
            other => return other,
        }
    }
}
