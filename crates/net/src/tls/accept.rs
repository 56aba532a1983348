//! TLS with clients.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsAcceptor;

use super::ALPN;
use super::certificate::Certificate;
use super::error::{TlsError, TlsSettingsError};
use super::load::{self, Authorities, TlsVersion};
use super::session::Replayed;
use super::verify::ClientCheck;
use crate::stream::Stream;

/// Whether clients use TLS. The names are those of PgBouncer's `client_tls_sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientMode {
    /// They cannot.
    #[default]
    Disable,
    /// If they ask for it.
    Allow,
    /// If they ask for it: the same as `Allow`.
    Prefer,
    /// They must, except over a Unix socket.
    Require,
    /// They must, and show a certificate that an authority vouches for.
    VerifyCa,
    /// The same as `VerifyCa`: clients have no name that could be compared.
    VerifyFull,
}

/// How clients use TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptorSettings {
    /// Whether they use it.
    pub mode: ClientMode,
    /// Our certificate, followed by those that vouch for it (PEM).
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub key: Option<PathBuf>,
    /// Who vouches for clients' certificates (PEM). In the modes that do not ask
    /// for one, a client may show one; if it does, it must be good.
    pub client_ca: Option<PathBuf>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// Accepts TLS from clients. Its certificates can be replaced while it is in use:
/// connections go on with those that they began with.
#[derive(Debug, Default)]
pub struct Acceptor(Mutex<Option<Arc<Loaded>>>);

/// Equal if they were made from equal settings; what is in the files does not count.
impl PartialEq for Acceptor {
    fn eq(&self, other: &Self) -> bool {
        let settings = |it: &Self| it.0.lock().as_ref().map(|loaded| loaded.settings.clone());
        settings(self) == settings(other)
    }
}

#[derive(Debug)]
struct Loaded {
    settings: AcceptorSettings,
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
}

impl Acceptor {
    /// Accepts no TLS.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Reads certificates and key.
    pub fn new(settings: &AcceptorSettings) -> Result<Self, TlsSettingsError> {
        Ok(Self(Mutex::new(load(settings)?)))
    }

    /// Reads certificates and key anew. If anything is wrong with them, all stays
    /// as it was.
    pub fn reload(&self, settings: &AcceptorSettings) -> Result<(), TlsSettingsError> {
        self.follow(&Self::new(settings)?);
        Ok(())
    }

    /// Goes on as `other` does now, which was made from what was read anew.
    pub fn follow(&self, other: &Self) {
        let loaded = other.0.lock().clone();
        *self.0.lock() = loaded;
    }

    /// Whether clients use TLS, as it stands.
    pub fn mode(&self) -> ClientMode {
        self.0.lock().as_ref().map_or(ClientMode::Disable, |loaded| loaded.settings.mode)
    }

    /// Whether a client that asks for TLS gets it.
    pub fn offers_tls(&self) -> bool {
        self.mode() != ClientMode::Disable
    }

    /// Whether a client may not log in over this stream, for want of TLS.
    pub fn refuses(&self, stream: &Stream) -> bool {
        match self.mode() {
            ClientMode::Disable | ClientMode::Allow | ClientMode::Prefer => false,
            ClientMode::Require | ClientMode::VerifyCa | ClientMode::VerifyFull => {
                !stream.is_tls() && !stream.is_unix()
            }
        }
    }

    /// Makes the handshake with a client that was told that it may begin.
    ///
    /// Sets no limit to its time. Cancel-safe: dropped, the connection closes.
    pub async fn accept(&self, stream: Stream) -> Result<Stream, TlsError> {
        self.handshake(stream, Vec::new(), false).await
    }

    /// As [`Self::accept`], for a client that began unasked; `ahead` is what was
    /// read already. It must name PostgreSQL (ALPN): a browser, made to send its
    /// request here, would not.
    pub async fn accept_direct(&self, stream: Stream, ahead: Vec<u8>) -> Result<Stream, TlsError> {
        self.handshake(stream, ahead, true).await
    }

    async fn handshake(
        &self,
        stream: Stream,
        ahead: Vec<u8>,
        direct: bool,
    ) -> Result<Stream, TlsError> {
        let loaded = self.0.lock().clone();
        let loaded = loaded.ok_or_else(|| TlsError::Handshake("it is not offered".to_owned()))?;
        let acceptor = TlsAcceptor::from(Arc::clone(&loaded.config));
        let accepted = acceptor.accept(Replayed::new(stream, ahead)).await.map_err(TlsError::of)?;
        if direct && accepted.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(TlsError::NoAlpn);
        }
        Ok(Stream::over_tls(accepted.into(), Some(Arc::clone(&loaded.certificate))))
    }
}

fn load(settings: &AcceptorSettings) -> Result<Option<Arc<Loaded>>, TlsSettingsError> {
    let mandatory = match settings.mode {
        ClientMode::Disable => return Ok(None),
        ClientMode::Allow | ClientMode::Prefer | ClientMode::Require => false,
        ClientMode::VerifyCa | ClientMode::VerifyFull => true,
    };
    let missing = TlsSettingsError::Missing;
    let path = settings.certificate.as_ref().ok_or(missing("a certificate"))?;
    let key = settings.key.as_ref().ok_or(missing("the certificate's key"))?;
    if mandatory && settings.client_ca.is_none() {
        return Err(missing("the authority that vouches for clients' certificates"));
    }
    let (identity, certificate) = load::identity(path, key)?;
    let provider = load::provider();
    let clients = match &settings.client_ca {
        Some(path) => {
            let authorities = Authorities::from_file(path)?;
            Arc::new(ClientCheck::new(&provider, authorities, mandatory))
        }
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(settings.min_version.and_later())
        .map_err(|error| TlsSettingsError::unusable(path, error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No session is resumed, as with PostgreSQL: each login shows its certificate,
    // and is checked by the authorities of now.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let certificate = Arc::new(certificate);
    Ok(Some(Arc::new(Loaded { settings: settings.clone(), config: Arc::new(config), certificate })))
}
