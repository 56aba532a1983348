//! A socket to a server, read and written a message at a time.
//!
//! For logins and probes only: a few small messages. What clients ask for is
//! relayed elsewhere, without being cut into messages here.

use std::io;

use afterwrite_net::Stream;
use afterwrite_wire::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::ConnectError;

/// Bytes of one message at most: logins and probes are small.
const MESSAGE_MAX: usize = 64 * 1024;

/// A socket to a server, read and written a message at a time.
pub(crate) struct Messages {
    pub(crate) stream: Stream,
    buffer: Vec<u8>,
    used: usize,
}

impl Messages {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new(), used: 0 }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
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
    pub(crate) fn into_stream(self) -> Result<Stream, ConnectError> {
        if self.buffer.len() > self.used {
            return Err(ConnectError::Protocol("unexpected bytes after the login".into()));
        }
        Ok(self.stream)
    }
}
