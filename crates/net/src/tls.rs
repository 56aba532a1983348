//! TLS with clients and with servers, by rustls.
//!
//! How a peer comes to begin a handshake is PostgreSQL's affair, and that of the two
//! halves of the proxy; the handshake itself and all that is known by it is here.

mod accept;
mod certificate;
mod connect;
mod der;
mod error;
mod load;
mod session;
mod verify;

pub use accept::{Acceptor, AcceptorSettings, ClientMode};
pub use certificate::{AlternativeName, Certificate};
pub use connect::{Attempt, Connector, ConnectorSettings, Negotiation, RootCa, ServerMode};
pub use error::{TlsError, TlsSettingsError};
pub use load::{TlsVersion, key_warning};
pub use session::TlsSession;
pub(crate) use session::{Replayed, Tls};

/// The protocol's name within TLS, as registered.
const ALPN: &[u8] = b"postgresql";

#[cfg(test)]
mod tests;
