//! A socket to a server, read and written a message at a time.
//!
//! For logins and probes only: a few small messages. What clients ask for is
//! relayed elsewhere, without being cut into messages here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use afterwrite_wire::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

use crate::error::ConnectError;

/// Bytes of one message at most: logins and probes are small.
const MESSAGE_MAX: usize = 64 * 1024;

/// A socket to a server, read and written a message at a time.
pub(crate) struct Messages {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    used: usize,
}

impl Messages {
    pub(crate) async fn open(host: &str, port: u16) -> Result<Self, ConnectError> {
        let mut last = None;
        for address in lookup_host((host, port)).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    tune(&stream)?;
                    return Ok(Self { stream, buffer: Vec::new(), used: 0 });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the name has no address")).into())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectError> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The next message's tag and body.
    pub(crate) async fn next(&mut self) -> Result<(u8, Vec<u8>), ConnectError> {
        self.buffer.drain(..self.used);
        self.used = 0;
        loop {
            if let Some((message, rest)) = frame::split(&self.buffer, MESSAGE_MAX)? {
                self.used = self.buffer.len() - rest.len();
                return Ok((message.tag, message.body.to_vec()));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// The bare socket, if nothing is left unread.
    pub(crate) fn into_stream(self) -> Result<TcpStream, ConnectError> {
        if self.buffer.len() > self.used {
            return Err(ConnectError::Protocol("unexpected bytes after the login".into()));
        }
        Ok(self.stream)
    }
}

/// Sends at once, and notices a peer that is gone without a word.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

pub(crate) fn peer(stream: &TcpStream) -> Option<SocketAddr> {
    stream.peer_addr().ok()
}
