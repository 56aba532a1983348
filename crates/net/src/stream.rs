//! One connection's socket, whatever it goes over.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use crate::peer::Peer;
use crate::tls::{Certificate, Replayed, Tls, TlsSession};
use crate::tune::KeepAlive;

/// One connection's socket, whatever it goes over.
///
/// What was written is on its way only after a flush, which costs nothing where
/// there is nothing to flush.
#[derive(Debug)]
pub struct Stream(Kind);

/// As small as a TCP socket: most clients are silent, and each has one of these.
#[derive(Debug)]
pub(crate) enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Tls>),
}

/// The same call for whatever bytes go through.
macro_rules! through {
    ($kind:expr, $it:ident => $call:expr) => {
        match $kind {
            Kind::Tcp($it) => $call,
            Kind::Unix($it) => $call,
            Kind::Tls(tls) => {
                let $it = &mut tls.stream;
                $call
            }
        }
    };
}

impl Stream {
    pub(crate) fn over_tls(stream: TlsStream<Replayed>, own: Option<Arc<Certificate>>) -> Self {
        Self(Kind::Tls(Box::new(Tls::new(stream, own))))
    }

    /// The socket beneath TLS.
    fn socket(&self) -> &Self {
        match &self.0 {
            Kind::Tcp(_) | Kind::Unix(_) => self,
            Kind::Tls(tls) => tls.socket(),
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    pub(crate) fn into_kind(self) -> Kind {
        self.0
    }

    /// Has small messages sent at once, and a peer noticed that is gone without a
    /// word. Nothing is to be done for a Unix socket.
    pub fn tune(&self, keep_alive: &KeepAlive) -> io::Result<()> {
        match &self.0 {
            Kind::Tcp(stream) => {
                stream.set_nodelay(true)?;
                keep_alive.apply(&SockRef::from(stream))
            }
            Kind::Unix(_) => Ok(()),
            Kind::Tls(tls) => tls.socket().tune(keep_alive),
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> io::Result<Peer> {
        match &self.0 {
            Kind::Tcp(stream) => stream.peer_addr().map(Peer::Tcp),
            Kind::Unix(stream) => {
                let process = stream.peer_cred()?;
                Ok(Peer::Unix { uid: process.uid(), pid: process.pid() })
            }
            Kind::Tls(tls) => tls.socket().peer(),
        }
    }

    /// Where this end is; `None` over a Unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Tcp(stream) => stream.local_addr().ok(),
            Kind::Unix(_) => None,
            Kind::Tls(tls) => tls.socket().local(),
        }
    }

    /// Whether it goes over a Unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self.socket().0, Kind::Unix(_))
    }

    /// The Unix socket it goes over, if it does: for what only such a one can do.
    pub fn as_unix(&self) -> Option<&UnixStream> {
        match &self.0 {
            Kind::Tcp(_) | Kind::Tls(_) => None,
            Kind::Unix(stream) => Some(stream),
        }
    }

    /// Whether what goes over it is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls().is_some()
    }

    /// What is known of its TLS; `None` if it has none.
    pub fn tls(&self) -> Option<TlsSession<'_>> {
        match &self.0 {
            Kind::Tcp(_) | Kind::Unix(_) => None,
            Kind::Tls(tls) => Some(TlsSession::new(tls)),
        }
    }

    /// Waits until there may be something to read, without a buffer at hand. The
    /// end of the stream counts. Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_read_ready(context)).await
    }

    /// As [`Self::readable`]. Costs no system call while nothing has come.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::Tcp(stream) => stream.poll_read_ready(context),
            Kind::Unix(stream) => stream.poll_read_ready(context),
            Kind::Tls(tls) if tls.is_ready() => Poll::Ready(Ok(())),
            Kind::Tls(tls) => tls.socket().poll_read_ready(context),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        through!(&mut self.0, it => Pin::new(it).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        through!(&mut self.0, it => Pin::new(it).poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(&mut self.0, it => Pin::new(it).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        through!(&mut self.0, it => Pin::new(it).poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        through!(&mut self.0, it => Pin::new(it).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Tls(tls) => tls.stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_no_larger_than_a_socket_needs() {
        assert!(size_of::<Stream>() <= size_of::<TcpStream>() + size_of::<usize>());
    }
}
