//! From the first byte to the startup packet: TLS comes before it, or does not.
//!
//! ```text
//! SSLRequest ── S ── handshake ─┐
//!      │                        ▼
//!      └─────── N ────────►  startup packet, or cancel request
//!                               ▲
//! first byte 0x16 ── handshake ─┘     (direct TLS, with ALPN)
//! ```

use afterwrite_net::tls::Acceptor;
use afterwrite_wire::frame::Malformed;
use afterwrite_wire::startup::{Opening, Startup, opening};

use crate::error::LoginError;
use crate::login::Wire;

/// The first byte of a TLS handshake. No message begins with it: it would be
/// 352 MiB long.
const HANDSHAKE: u8 = 0x16;

/// What a client wants.
pub(crate) enum Opened {
    /// A session.
    Startup(Startup),
    /// A statement cancelled. Never refused for want of TLS: before PostgreSQL 17
    /// libpq sent these in clear text, whatever its `sslmode`.
    Cancel { pid: i32, key: Vec<u8> },
    /// Nothing: it hung up, perhaps after it was told that there is no TLS.
    Nothing,
}

/// Reads a connection's opening, with TLS as `acceptor` has it.
pub(crate) async fn open(wire: &mut Wire, acceptor: &Acceptor) -> Result<Opened, LoginError> {
    let mut is_first = true;
    loop {
        if is_first && wire.buffer.first() == Some(&HANDSHAKE) && acceptor.offers_tls() {
            let ahead = std::mem::take(&mut wire.buffer);
            let stream = acceptor.accept_direct(wire.take_stream()?, ahead).await?;
            wire.put_stream(stream);
            is_first = false;
        }
        let Some((opened, used)) = opening(&wire.buffer)? else {
            if wire.fill().await? == 0 {
                return Ok(Opened::Nothing);
            }
            continue;
        };
        wire.buffer.drain(..used);
        is_first = false;
        match opened {
            Opening::Startup(_) if acceptor.refuses(wire.stream()?) => {
                return Err(LoginError::TlsRequired);
            }
            Opening::Startup(startup) => return Ok(Opened::Startup(startup)),
            Opening::Cancel { pid, key } => return Ok(Opened::Cancel { pid, key }),
            Opening::Ssl => answer_ssl(wire, acceptor).await?,
            Opening::Gss => {
                wire.send(b"N").await?;
                nothing_unencrypted(wire, "GSSAPI")?;
            }
        }
    }
}

async fn answer_ssl(wire: &mut Wire, acceptor: &Acceptor) -> Result<(), LoginError> {
    if wire.stream()?.is_tls() {
        // What PostgreSQL says: encrypted, it is a version that there is not.
        return Err(Malformed::UnsupportedProtocol { major: 1234, minor: 5679 }.into());
    }
    let offers = acceptor.offers_tls();
    wire.send(if offers { b"S" } else { b"N" }).await?;
    nothing_unencrypted(wire, "SSL")?;
    if offers {
        let stream = acceptor.accept(wire.take_stream()?).await?;
        wire.put_stream(stream);
    }
    Ok(())
}

/// What a client sent before it had the answer was not encrypted: a man in the
/// middle may have put it there, to be taken for the client's own.
fn nothing_unencrypted(wire: &Wire, request: &'static str) -> Result<(), LoginError> {
    if wire.buffer.is_empty() { Ok(()) } else { Err(LoginError::Unencrypted { request }) }
}
