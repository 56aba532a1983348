//! Where a server is, and how it is spoken to: in clear text or over TLS.

use std::sync::Arc;

use afterwrite_net::tls::{Attempt, Connector, Negotiation, TlsError};
use afterwrite_net::{Address, Endpoint, KeepAlive, Stream, connect};
use afterwrite_wire::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::ConnectError;

/// Where a server is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub address: Address,
    /// Whether over TLS, and what is checked then. Never over a Unix socket.
    pub tls: Arc<Connector>,
}

impl Server {
    /// Connects and logs in: over TLS or in clear text, as the mode says. Of the ways that
    /// it leaves open the next is tried if the one before failed for being that way.
    ///
    /// Sets no limit to its time. Cancel-safe, if `log_in` is.
    ///
    /// # Errors
    ///
    /// If both were tried, what went wrong over TLS.
    pub async fn enter<T, F>(
        &self,
        mut log_in: impl FnMut(Stream, Endpoint) -> F,
    ) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, ConnectError>>,
    {
        let attempts = self.attempts();
        let mut last = ConnectError::Protocol("nothing was tried".into());
        for (index, attempt) in attempts.iter().enumerate() {
            let failed = match self.try_to_enter(*attempt, &mut log_in).await {
                Ok(entered) => return Ok(entered),
                Err(failed) => failed,
            };
            let again = index + 1 < attempts.len() && failed.is_otherwise_with(*attempt);
            if index == 0 || *attempt == Attempt::Tls {
                last = failed.error;
            }
            if !again {
                break;
            }
        }
        Err(last)
    }

    async fn try_to_enter<T, F>(
        &self,
        attempt: Attempt,
        log_in: &mut impl FnMut(Stream, Endpoint) -> F,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, ConnectError>>,
    {
        let reached = self.reach(attempt).await;
        let (stream, endpoint) = reached.map_err(|error| Failed { error, tls: false })?;
        let tls = stream.is_tls();
        log_in(stream, endpoint).await.map_err(|error| Failed { error, tls })
    }

    /// What to try, one after the other.
    fn attempts(&self) -> &'static [Attempt] {
        match self.address {
            Address::Tcp { .. } => self.tls.attempts(),
            Address::Unix(_) => &[Attempt::Plain],
        }
    }

    /// Connects, in this way.
    async fn reach(&self, attempt: Attempt) -> Result<(Stream, Endpoint), ConnectError> {
        let (stream, endpoint) = connect(&self.address).await?;
        stream.tune(&KeepAlive::SERVERS)?;
        Ok((self.secure(stream, attempt).await?, endpoint))
    }

    async fn secure(&self, mut stream: Stream, attempt: Attempt) -> Result<Stream, ConnectError> {
        let Some(host) = self.address.host().filter(|_| attempt != Attempt::Plain) else {
            return Ok(stream);
        };
        if self.tls.negotiation() == Negotiation::Postgres {
            match ask_for_tls(&mut stream).await? {
                b'S' => {}
                b'N' if attempt == Attempt::IfOffered => return Ok(stream),
                b'N' => return Err(ConnectError::NoTls),
                // An error from who is not known yet: its text is not worth passing on.
                _ => {
                    let what = "the server answered SSLRequest with an error".to_owned();
                    return Err(ConnectError::Tls(TlsError::Handshake(what)));
                }
            }
        }
        self.tls.connect(stream, host).await.map_err(ConnectError::Tls)
    }
}

/// What went wrong, and whether it did over TLS.
struct Failed {
    error: ConnectError,
    tls: bool,
}

impl Failed {
    /// Whether it may go better the other way: TLS did not come about, or the server
    /// has a rule against how we came (`hostssl`, `hostnossl`).
    fn is_otherwise_with(&self, attempt: Attempt) -> bool {
        let ruled_out =
            matches!(&self.error, ConnectError::Refused { code, .. } if code == "28000");
        match attempt {
            Attempt::IfOffered => self.tls && ruled_out || self.error.is_of_tls(),
            Attempt::Plain => ruled_out,
            Attempt::Tls => false,
        }
    }
}

/// Takes one byte and no more: what came behind it was not encrypted, and must not
/// be taken for something that was.
async fn ask_for_tls(stream: &mut Stream) -> Result<u8, ConnectError> {
    let mut out = Vec::new();
    client::ssl_request(&mut out);
    stream.write_all(&out).await?;
    stream.flush().await?;
    Ok(stream.read_u8().await?)
}

/// How a connection got to its server: a cancel request takes the same way.
#[derive(Debug)]
pub struct Route {
    /// The server.
    pub server: Server,
    /// The very place, if its name stands for several.
    pub endpoint: Endpoint,
    /// Whether it is encrypted.
    pub tls: bool,
}

impl Route {
    /// Takes it again.
    pub(crate) async fn retrace(&self) -> Result<Stream, ConnectError> {
        let stream = self.endpoint.connect().await?;
        stream.tune(&KeepAlive::SERVERS)?;
        let attempt = if self.tls { Attempt::Tls } else { Attempt::Plain };
        self.server.secure(stream, attempt).await
    }
}
