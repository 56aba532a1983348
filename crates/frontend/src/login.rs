//! From the first byte to the proven user.

use std::io;
use std::time::Duration;

use afterwrite_net::Stream;
use afterwrite_net::tls::{Acceptor, TlsSession};
use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::frame;
use afterwrite_wire::scram::ChannelBinding;
use afterwrite_wire::server;
use afterwrite_wire::startup::Startup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::auth::{Gate, Peer, PeerCertificate, PeerTls};
use crate::error::LoginError;
use crate::open::{Opened, open};

/// Bytes of a password message at most.
const PASSWORD_MAX: usize = 8192;

/// What a new connection turned out to be.
#[derive(Debug)]
pub enum Arrival {
    /// A client that has proven who it is; it has been told nothing yet.
    Client(Box<Client>),
    /// A request to cancel what another client's statement is doing.
    Cancel {
        /// The process number that client was told.
        pid: i32,
        /// The key that client was told.
        key: Vec<u8>,
    },
    /// It went away, or only asked whether we speak TLS.
    Nobody,
}

/// A client that has proven who it is.
#[derive(Debug)]
pub struct Client {
    /// Its socket.
    pub stream: Stream,
    /// What it asked for.
    pub startup: Startup,
    /// Bytes it sent ahead.
    pub ahead: Vec<u8>,
    /// Who it is.
    pub user: String,
    /// The database it goes to; it is served.
    pub database: String,
    /// What a login to a server can be made with as this user.
    pub credentials: Credentials,
    /// Where it comes from.
    pub peer: Peer,
}

/// Receives a new connection: answers what comes before the login, and lets the
/// client prove who it is. A failed login has been reported to the client.
///
/// Cancel-safe: dropped, the connection closes.
pub async fn receive(
    stream: Stream,
    mut peer: Peer,
    acceptor: &Acceptor,
    gate: &Gate,
    limit: Duration,
) -> Result<Arrival, LoginError> {
    let mut wire = Wire { stream: Some(stream), buffer: Vec::new() };
    let result = match timeout(limit, greet(&mut wire, &mut peer, acceptor, gate)).await {
        Ok(result) => result,
        Err(_) => Err(LoginError::TimedOut(limit)),
    };
    match result {
        Ok(Greeted::Client { startup, user, database, credentials }) => {
            let stream = wire.take_stream()?;
            let ahead = wire.buffer;
            let client = Client { stream, startup, ahead, user, database, credentials, peer };
            Ok(Arrival::Client(Box::new(client)))
        }
        Ok(Greeted::Cancel { pid, key }) => Ok(Arrival::Cancel { pid, key }),
        Ok(Greeted::Nobody) => Ok(Arrival::Nobody),
        Err(error) => {
            if let Some(report) = error.report() {
                let mut out = Vec::new();
                server::error(&mut out, &report);
                // Best effort, and never for long: it has failed anyway.
                let _ = timeout(Duration::from_secs(1), wire.say_goodbye(&out)).await;
            }
            Err(error)
        }
    }
}

enum Greeted {
    Client { startup: Startup, user: String, database: String, credentials: Credentials },
    Cancel { pid: i32, key: Vec<u8> },
    Nobody,
}

async fn greet(
    wire: &mut Wire,
    peer: &mut Peer,
    acceptor: &Acceptor,
    gate: &Gate,
) -> Result<Greeted, LoginError> {
    let startup = match open(wire, acceptor).await? {
        Opened::Startup(startup) => startup,
        Opened::Cancel { pid, key } => return Ok(Greeted::Cancel { pid, key }),
        Opened::Nothing => return Ok(Greeted::Nobody),
    };
    if let Some(session) = wire.stream()?.tls() {
        peer.tls = Some(proven_by(session));
    }
    if startup.replication().is_some() {
        return Err(LoginError::Replication);
    }
    negotiate(wire, &startup).await?;
    let user = startup.user().ok_or(LoginError::NoUser)?.to_owned();
    let database = startup.database().unwrap_or(&user).to_owned();
    let credentials = gate.admit(&user, &database, peer, wire).await?;
    // Only who has proven who they are learns what is served here.
    if !gate.serves(&database) {
        return Err(LoginError::UnknownDatabase(database));
    }
    Ok(Greeted::Client { startup, user, database, credentials })
}

/// What a client's TLS proves. A certificate that it showed has been verified, or
/// there would have been no handshake.
fn proven_by(session: TlsSession<'_>) -> PeerTls {
    let certificate = session.peer_certificate();
    PeerTls {
        binding: session.end_point().map(|end_point| ChannelBinding { end_point }),
        certificate: certificate.map(|it| PeerCertificate { common_name: it.common_name }),
    }
}

/// Tells a client that asks for more than we speak what we do speak. As a server
/// does it, before anything else is said.
async fn negotiate(wire: &mut Wire, startup: &Startup) -> Result<(), LoginError> {
    let spoken = startup.spoken_minor();
    let unknown: Vec<_> = startup.protocol_options().collect();
    if spoken == startup.minor && unknown.is_empty() {
        return Ok(());
    }
    let mut out = Vec::new();
    server::negotiate(&mut out, spoken, &unknown);
    wire.send(&out).await
}

/// A client's socket before its login, read a message at a time.
pub(crate) struct Wire {
    /// `None` during a handshake, and after one that failed: nobody is there to be
    /// told anything.
    stream: Option<Stream>,
    /// What was read and not taken yet.
    pub(crate) buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        let stream = self.stream_mut()?;
        stream.write_all(bytes).await?;
        Ok(stream.flush().await?)
    }

    pub(crate) async fn fill(&mut self) -> Result<usize, LoginError> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        Ok(stream.read_buf(&mut self.buffer).await?)
    }

    /// The socket, to be asked about its peer and its TLS.
    pub(crate) fn stream(&self) -> Result<&Stream, LoginError> {
        Ok(self.stream.as_ref().ok_or_else(gone)?)
    }

    fn stream_mut(&mut self) -> Result<&mut Stream, LoginError> {
        Ok(self.stream.as_mut().ok_or_else(gone)?)
    }

    pub(crate) fn take_stream(&mut self) -> Result<Stream, LoginError> {
        Ok(self.stream.take().ok_or_else(gone)?)
    }

    pub(crate) fn put_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    /// The body of the next message, which must be of type `expected`.
    pub(crate) async fn next(&mut self, expected: u8) -> Result<Vec<u8>, LoginError> {
        loop {
            if let Some((message, rest)) = frame::split(&self.buffer, PASSWORD_MAX)? {
                if message.tag != expected {
                    return Err(frame::Malformed::Unexpected { tag: message.tag }.into());
                }
                let body = message.body.to_vec();
                let used = self.buffer.len() - rest.len();
                self.buffer.drain(..used);
                return Ok(body);
            }
            if self.fill().await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// Sends the last words and waits for the client to hang up, so that they
    /// are not lost to a reset while it is still sending.
    async fn say_goodbye(&mut self, bytes: &[u8]) {
        let Ok(stream) = self.stream_mut() else { return };
        if stream.write_all(bytes).await.is_err() {
            return;
        }
        let _ = stream.shutdown().await;
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
