//! Sockets that go from one process to another, over a Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The most sockets that go at once. The system's own limit is 253.
pub const HANDED_MAX: usize = 128;

const SPACE: usize = rustix::cmsg_space!(ScmRights(HANDED_MAX));

/// Sends `bytes`, of which there is at least one, and with the first of them the
/// sockets: the receiver gets duplicates.
///
/// Not cancel-safe: dropped, part of it may be sent.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] if there are more than [`HANDED_MAX`] sockets.
pub async fn hand_over(
    stream: &UnixStream,
    bytes: &[u8],
    sockets: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let too_many = || io::Error::new(io::ErrorKind::InvalidInput, "too many sockets at once");
    if sockets.len() > HANDED_MAX {
        return Err(too_many());
    }
    let mut left = bytes;
    let mut sockets = sockets;
    while !left.is_empty() {
        let attempt = || {
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
                return Err(too_many());
            }
            let sent = sendmsg(stream, &[IoSlice::new(left)], &mut control, SendFlags::NOSIGNAL)?;
            Ok(sent)
        };
        stream.writable().await?;
        match stream.try_io(Interest::WRITABLE, attempt) {
            Ok(sent) => {
                left = left.get(sent..).unwrap_or_default();
                sockets = &[];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads some bytes into `buffer`, and takes the sockets that came with them. No
/// bytes are the end of the stream. Cancel-safe.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] if more sockets came than there is room for.
pub async fn take_over(
    stream: &UnixStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    loop {
        let mut sockets = Vec::new();
        let receive = || {
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut bytes = [IoSliceMut::new(buffer)];
            let received = recvmsg(stream, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(taken) = message {
                    sockets.extend(taken);
                }
            }
            if received.flags.contains(ReturnFlags::CTRUNC) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "too many sockets came"));
            }
            Ok(received.bytes)
        };
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, receive) {
            Ok(count) => return Ok((count, sockets)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::{Endpoint, Listener};

    fn listener() -> Listener {
        Listener::bind(&Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), 0).unwrap()
    }

    #[tokio::test]
    async fn a_listener_goes_over_and_loses_nobody() {
        let (here, there) = UnixStream::pair().unwrap();
        let given = listener();
        let endpoint = given.endpoint().clone();
        hand_over(&here, b"take\n", &[given.as_fd()]).await.unwrap();
        // Who connects between the two is served by the second.
        let waiting = endpoint.connect().await.unwrap();
        drop(given);
        let mut buffer = [0; 64];
        let (count, mut sockets) = take_over(&there, &mut buffer).await.unwrap();
        assert_eq!(buffer.get(..count), Some(&b"take\n"[..]));
        let taken = Listener::adopt(sockets.remove(0)).unwrap();
        assert_eq!(taken.endpoint(), &endpoint);
        let (_, peer) = taken.accept().await.unwrap();
        assert_eq!(peer.tcp(), waiting.local());
        drop(here);
        assert_eq!(take_over(&there, &mut buffer).await.unwrap().0, 0);
    }

    #[tokio::test]
    async fn more_sockets_than_may_go_are_refused() {
        let (here, _there) = UnixStream::pair().unwrap();
        let given = listener();
        let most = vec![given.as_fd(); HANDED_MAX];
        hand_over(&here, b"x", &most).await.unwrap();
        let more = vec![given.as_fd(); HANDED_MAX + 1];
        let error = hand_over(&here, b"x", &more).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
