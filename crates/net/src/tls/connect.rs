//! TLS with servers.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsConnector;

use super::ALPN;
use super::error::{TlsError, TlsSettingsError};
use super::load::{self, Authorities, TlsVersion};
use super::session::Replayed;
use super::verify::ServerCheck;
use crate::stream::Stream;

/// Whether servers are spoken to over TLS: libpq's `sslmode`.
///
/// A Unix socket is never encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerMode {
    /// Never.
    #[default]
    Disable,
    /// Only if the server refuses us without.
    Allow,
    /// If the server offers it; without, if it fails.
    Prefer,
    /// Always. Nobody needs to vouch for the server, unless an authority is named.
    Require,
    /// Always, and an authority must vouch for the server.
    VerifyCa,
    /// Always, and an authority must vouch for the server under the name by which
    /// we know it.
    VerifyFull,
}

/// How the handshake begins: libpq's `sslnegotiation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Negotiation {
    /// After the server has been asked whether it speaks TLS.
    #[default]
    Postgres,
    /// At once, which saves a round trip. The server must be of version 17.
    Direct,
}

/// Who vouches for servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCa {
    /// The authorities in this file (PEM).
    File(PathBuf),
    /// Those that the operating system trusts. They vouch for anybody's server, so
    /// the name must be checked: only with [`ServerMode::VerifyFull`].
    System,
}

/// How servers are spoken to over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// Whether they are.
    pub mode: ServerMode,
    /// Who vouches for them. Checked in each mode if it is set, as by libpq.
    pub root_ca: Option<RootCa>,
    /// Our certificate, for servers that want one (PEM).
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub key: Option<PathBuf>,
    /// How the handshake begins.
    pub negotiation: Negotiation,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// One attempt at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Without TLS.
    Plain,
    /// With TLS if the server offers it.
    IfOffered,
    /// With TLS.
    Tls,
}

/// Makes TLS to servers. Its certificates can be replaced while it is in use.
#[derive(Debug, Default)]
pub struct Connector(Mutex<Option<Arc<Loaded>>>);

/// Equal if they were made from equal settings; what is in the files does not count.
impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        let settings = |it: &Self| it.0.lock().as_ref().map(|loaded| loaded.settings.clone());
        settings(self) == settings(other)
    }
}

#[derive(Debug)]
struct Loaded {
    settings: ConnectorSettings,
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<Authorities>>,
    identity: Option<Arc<CertifiedKey>>,
}

impl Connector {
    /// Never makes TLS.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Reads certificates and key.
    pub fn new(settings: &ConnectorSettings) -> Result<Self, TlsSettingsError> {
        Ok(Self(Mutex::new(load(settings)?)))
    }

    /// Reads certificates and key anew. If anything is wrong with them, all stays
    /// as it was.
    pub fn reload(&self, settings: &ConnectorSettings) -> Result<(), TlsSettingsError> {
        self.follow(&Self::new(settings)?);
        Ok(())
    }

    /// Goes on as `other` does now, which was made from what was read anew.
    pub fn follow(&self, other: &Self) {
        let loaded = other.0.lock().clone();
        *self.0.lock() = loaded;
    }

    /// Whether servers are spoken to over TLS, as it stands.
    pub fn mode(&self) -> ServerMode {
        self.0.lock().as_ref().map_or(ServerMode::Disable, |loaded| loaded.settings.mode)
    }

    /// How the handshake begins.
    pub fn negotiation(&self) -> Negotiation {
        self.0.lock().as_ref().map_or(Negotiation::Postgres, |loaded| loaded.settings.negotiation)
    }

    /// What to try with a server, one after the other: the next if the one before
    /// was refused.
    pub fn attempts(&self) -> &'static [Attempt] {
        match self.mode() {
            ServerMode::Disable => &[Attempt::Plain],
            ServerMode::Allow => &[Attempt::Plain, Attempt::Tls],
            ServerMode::Prefer => &[Attempt::IfOffered, Attempt::Plain],
            ServerMode::Require | ServerMode::VerifyCa | ServerMode::VerifyFull => &[Attempt::Tls],
        }
    }

    /// Makes the handshake with a server that is known as `host`.
    ///
    /// Sets no limit to its time. Cancel-safe: dropped, the connection closes.
    pub async fn connect(&self, stream: Stream, host: &str) -> Result<Stream, TlsError> {
        let loaded = self.0.lock().clone();
        let loaded = loaded.ok_or_else(|| TlsError::Handshake("it is disabled".to_owned()))?;
        let config = loaded.config(host).map_err(|error| TlsError::Handshake(error.to_string()))?;
        let stream = Replayed::new(stream, Vec::new());
        let connecting = TlsConnector::from(Arc::new(config)).connect(shown_name(host), stream);
        let connected = connecting.await.map_err(TlsError::of)?;
        let direct = loaded.settings.negotiation == Negotiation::Direct;
        if direct && connected.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(TlsError::NoAlpn);
        }
        Ok(Stream::over_tls(connected.into(), None))
    }
}

impl Loaded {
    fn config(&self, host: &str) -> Result<ClientConfig, rustls::Error> {
        let name = (self.settings.mode == ServerMode::VerifyFull).then_some(host);
        let check = ServerCheck::new(&self.provider, self.authorities.clone(), name);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.settings.min_version.and_later())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check));
        let mut config = match &self.identity {
            Some(identity) => {
                let own = SingleCertAndKey::from(Arc::clone(identity));
                builder.with_client_cert_resolver(Arc::new(own))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Each connection is checked by the authorities of now.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The name that is shown to the server (SNI). What cannot be one is not shown, as
/// an address is not; the check of the certificate has the name from elsewhere.
fn shown_name(host: &str) -> ServerName<'static> {
    let host = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(IpAddr::from(Ipv4Addr::UNSPECIFIED).into()))
}

fn load(settings: &ConnectorSettings) -> Result<Option<Arc<Loaded>>, TlsSettingsError> {
    match settings.mode {
        ServerMode::Disable => return Ok(None),
        ServerMode::Allow | ServerMode::Prefer | ServerMode::Require => {}
        ServerMode::VerifyCa | ServerMode::VerifyFull if settings.root_ca.is_some() => {}
        ServerMode::VerifyCa | ServerMode::VerifyFull => {
            return Err(TlsSettingsError::Missing("the authority that vouches for servers"));
        }
    }
    let authorities = match &settings.root_ca {
        None => None,
        Some(RootCa::File(path)) => Some(Authorities::from_file(path)?),
        Some(RootCa::System) if settings.mode == ServerMode::VerifyFull => {
            Some(Authorities::of_system()?)
        }
        Some(RootCa::System) => {
            return Err(TlsSettingsError::Contradiction(
                "the system's authorities vouch for anybody's server: verify-full is needed",
            ));
        }
    };
    let tls_is_sure = !matches!(settings.mode, ServerMode::Allow | ServerMode::Prefer);
    if settings.negotiation == Negotiation::Direct && !tls_is_sure {
        return Err(TlsSettingsError::Contradiction(
            "direct negotiation leaves no way back to clear text: at least require is needed",
        ));
    }
    let identity = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => Some(load::identity(certificate, key)?.0),
        (None, None) => None,
        (Some(_), None) => return Err(TlsSettingsError::Missing("the certificate's key")),
        (None, Some(_)) => return Err(TlsSettingsError::Missing("the key's certificate")),
    };
    Ok(Some(Arc::new(Loaded {
        settings: settings.clone(),
        provider: load::provider(),
        authorities: authorities.map(Arc::new),
        identity,
    })))
}
