//! A socket that no runtime watches.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use tokio::net::{TcpStream, UnixStream};

use crate::stream::{Kind, Stream};

/// A socket that no runtime watches: a number, and nothing beside it.
///
/// A [`Stream`] costs memory for as long as it may wake a task. One that is silent for
/// long can be put to sleep, watched together with others, and woken. Both cost a system
/// call.
#[derive(Debug)]
pub struct Dormant(Socket);

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Stream {
    /// Whether [`Self::sleep`] can be asked for.
    pub fn can_sleep(&self) -> bool {
        match self.kind() {
            Kind::Tcp(_) | Kind::Unix(_) => true,
            Kind::Tls(_) => false,
        }
    }

    /// Takes the socket out of the runtime. Bytes that have come, or come meanwhile, are
    /// kept by the system. An error, and the socket closed, if it does not let go of it.
    pub fn sleep(self) -> io::Result<Dormant> {
        Ok(Dormant(match self.into_kind() {
            Kind::Tcp(stream) => Socket::Tcp(stream.into_std()?),
            Kind::Unix(stream) => Socket::Unix(stream.into_std()?),
            Kind::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
        }))
    }
}

impl Dormant {
    /// Has the runtime watch the socket again; must be called within one.
    pub fn wake(self) -> io::Result<Stream> {
        match self.0 {
            Socket::Tcp(socket) => TcpStream::from_std(socket).map(Stream::from),
            Socket::Unix(socket) => UnixStream::from_std(socket).map(Stream::from),
        }
    }
}

impl AsRawFd for Dormant {
    fn as_raw_fd(&self) -> RawFd {
        match &self.0 {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn what_comes_during_its_sleep_is_read_afterwards() {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let near = Stream::from(listener.accept().await.unwrap().0);
        assert!(near.can_sleep());
        let near = near.sleep().unwrap();
        far.write_all(b"hello").await.unwrap();
        let mut near = near.wake().unwrap();
        let mut heard = [0; 5];
        near.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        near.write_all(b"yes").await.unwrap();
        near.flush().await.unwrap();
        far.read_exact(&mut heard[..3]).await.unwrap();
        assert_eq!(&heard[..3], b"yes");
        let (one, mut other) = UnixStream::pair().unwrap();
        let one = Stream::from(one).sleep().unwrap();
        drop(one.wake().unwrap());
        assert_eq!(other.read(&mut heard).await.unwrap(), 0);
    }

    #[test]
    fn it_is_no_larger_than_its_number_needs() {
        assert_eq!(size_of::<Dormant>(), 2 * size_of::<RawFd>());
    }
}
