//! One connection's TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::{CipherSuite, CommonState, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::certificate::Certificate;
use crate::stream::Stream;

/// One connection's TLS. Boxed, so that those without it do not pay for it.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) stream: TlsStream<Replayed>,
    /// Our certificate, if we are the server.
    own: Option<Arc<Certificate>>,
}

impl Tls {
    pub(crate) fn new(stream: TlsStream<Replayed>, own: Option<Arc<Certificate>>) -> Self {
        Self { stream, own }
    }

    /// The socket beneath.
    pub(crate) fn socket(&self) -> &Stream {
        &self.stream.get_ref().0.stream
    }

    /// Whether there is something to read without a look at the socket: it was
    /// decrypted, and not taken yet.
    pub(crate) fn is_ready(&self) -> bool {
        !self.stream.get_ref().1.wants_read()
    }
}

/// What is known of a connection's TLS.
#[derive(Clone, Copy, Debug)]
pub struct TlsSession<'a> {
    tls: &'a Tls,
}

impl<'a> TlsSession<'a> {
    pub(crate) fn new(tls: &'a Tls) -> Self {
        Self { tls }
    }

    fn state(self) -> &'a CommonState {
        self.tls.stream.get_ref().1
    }

    /// The version, as OpenSSL names it: `TLSv1.3`.
    pub fn version(&self) -> &'static str {
        match self.state().protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "unknown",
        }
    }

    /// The cipher suite, as OpenSSL names it.
    pub fn cipher(&self) -> &'static str {
        let Some(suite) = self.state().negotiated_cipher_suite() else { return "unknown" };
        match suite.suite() {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
            CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
                "ECDHE-ECDSA-CHACHA20-POLY1305"
            }
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
            CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
                "ECDHE-RSA-CHACHA20-POLY1305"
            }
            other => other.as_str().unwrap_or("unknown"),
        }
    }

    /// Version, cipher and key exchange as PgBouncer's `tls` column has them:
    /// `TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=X25519`.
    pub fn describe(&self) -> String {
        let exchange = self.state().negotiated_key_exchange_group();
        let exchange = exchange.map_or(String::new(), |group| format!("/ECDH={:?}", group.name()));
        format!("{}/{}{exchange}", self.version(), self.cipher())
    }

    /// The certificate that the peer showed. A client's has been checked; a
    /// server's has, if its mode asks for that.
    pub fn peer_certificate(&self) -> Option<Certificate> {
        Certificate::parse(self.state().peer_certificates()?.first()?)
    }

    /// The channel binding `tls-server-end-point`: the same on both sides, unless
    /// somebody sits between them. `None` if the server's certificate allows none.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        match &self.tls.own {
            Some(own) => own.end_point(),
            None => self.peer_certificate()?.end_point(),
        }
    }
}

/// A socket whose first bytes were read already: they come again.
#[derive(Debug)]
pub(crate) struct Replayed {
    stream: Stream,
    ahead: Vec<u8>,
    /// Bytes of `ahead` that have come.
    taken: usize,
}

impl Replayed {
    pub(crate) fn new(stream: Stream, ahead: Vec<u8>) -> Self {
        Self { stream, ahead, taken: 0 }
    }
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.ahead.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..count).unwrap_or_default());
        self.taken += count;
        if self.taken == self.ahead.len() {
            (self.ahead, self.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
