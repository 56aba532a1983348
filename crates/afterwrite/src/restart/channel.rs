//! Messages, and sockets with them, over one Unix connection.

use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use afterwrite_net::{HANDED_MAX, Peer, Stream, hand_over, take_over};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::message::Message;

/// Bytes of one line.
const LINE_MAX: usize = 4096;

/// How long the other one may take to take a line.
const SEND_MAX: Duration = Duration::from_secs(5);

/// One connection between the two processes.
#[derive(Debug)]
pub(super) struct Channel {
    stream: Stream,
    buffer: Vec<u8>,
    sockets: Vec<OwnedFd>,
}

impl Channel {
    /// Only the user that we run as may be at the other end, or root.
    pub(super) fn new(stream: Stream) -> io::Result<Self> {
        let own = rustix::process::geteuid().as_raw();
        match stream.peer()? {
            Peer::Unix { uid, .. } if uid == own || uid == 0 => {
                Ok(Self { stream, buffer: Vec::new(), sockets: Vec::new() })
            }
            Peer::Unix { uid, .. } => {
                let what = format!("the other process runs as user {uid}, and we as {own}");
                Err(io::Error::new(ErrorKind::PermissionDenied, what))
            }
            Peer::Tcp(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// The process at the other end.
    pub(super) fn pid(&self) -> Option<i32> {
        match self.stream.peer() {
            Ok(Peer::Unix { pid, .. }) => pid,
            Ok(Peer::Tcp(_)) | Err(_) => None,
        }
    }

    fn unix(&self) -> io::Result<&UnixStream> {
        self.stream.as_unix().ok_or_else(|| ErrorKind::Unsupported.into())
    }

    pub(super) async fn send(&self, message: &Message) -> io::Result<()> {
        self.send_with(message, &[]).await
    }

    /// Sends a message, and sockets with it.
    pub(super) async fn send_with(
        &self,
        message: &Message,
        sockets: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let line = message.line();
        let sent = hand_over(self.unix()?, line.as_bytes(), sockets);
        timeout(SEND_MAX, sent).await.map_err(|_| io::Error::from(ErrorKind::TimedOut))?
    }

    /// The next message; `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Message>> {
        let invalid = |what: &str| io::Error::new(ErrorKind::InvalidData, what);
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let message = Message::parse(line.trim_end_matches('\n'));
                return message.map(Some).ok_or_else(|| invalid("it speaks another language"));
            }
            if self.buffer.len() > LINE_MAX {
                return Err(invalid("its line does not end"));
            }
            let mut bytes = [0; 1024];
            let stream =
                self.stream.as_unix().ok_or_else(|| io::Error::from(ErrorKind::Unsupported))?;
            let (count, sockets) = take_over(stream, &mut bytes).await?;
            if count == 0 {
                return Ok(None);
            }
            self.buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
            self.sockets.extend(sockets);
            if self.sockets.len() > HANDED_MAX {
                return Err(invalid("too many sockets came"));
            }
        }
    }

    /// As [`Self::next`], but not for longer than `limit`; the end is an error.
    pub(super) async fn expect(&mut self, limit: Duration) -> io::Result<Message> {
        match timeout(limit, self.next()).await {
            Ok(Ok(Some(message))) => Ok(message),
            Ok(Ok(None)) => Err(io::Error::new(ErrorKind::UnexpectedEof, "it hung up")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::new(ErrorKind::TimedOut, format!("silence for {limit:?}"))),
        }
    }

    /// The sockets that have come so far.
    pub(super) fn take_sockets(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.sockets)
    }
}
