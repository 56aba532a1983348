//! Certificates and keys, read from the files that the configuration names.

use std::path::Path;
use std::sync::Arc;

use afterwrite_config::{
    ClientTls, ClientTlsMode, ServerTls, SslMode, TlsNegotiation, TlsVersion as Oldest,
};
use afterwrite_net::tls::{
    Acceptor, AcceptorSettings, ClientMode, Connector, ConnectorSettings, Negotiation, RootCa,
    ServerMode, TlsVersion, key_warning,
};
use tracing::warn;

/// TLS with clients; what is wrong with its files otherwise.
pub(crate) fn acceptor(tls: &ClientTls) -> Result<Arc<Acceptor>, String> {
    let settings = AcceptorSettings {
        mode: match tls.mode {
            ClientTlsMode::Disable => ClientMode::Disable,
            ClientTlsMode::Allow => ClientMode::Allow,
            ClientTlsMode::Prefer => ClientMode::Prefer,
            ClientTlsMode::Require => ClientMode::Require,
            ClientTlsMode::VerifyCa => ClientMode::VerifyCa,
            ClientTlsMode::VerifyFull => ClientMode::VerifyFull,
        },
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        client_ca: tls.client_ca.clone(),
        min_version: match tls.min_version {
            Oldest::Tls12 => TlsVersion::V1_2,
            Oldest::Tls13 => TlsVersion::V1_3,
        },
    };
    let acceptor = Acceptor::new(&settings).map_err(|error| format!("clients.tls: {error}"))?;
    if acceptor.offers_tls() {
        warn_of(settings.key.as_deref());
    }
    Ok(Arc::new(acceptor))
}

/// TLS with servers; what is wrong with its files otherwise.
pub(crate) fn connector(name: &str, tls: &ServerTls) -> Result<Arc<Connector>, String> {
    let settings = ConnectorSettings {
        mode: match tls.mode {
            SslMode::Disable => ServerMode::Disable,
            SslMode::Allow => ServerMode::Allow,
            SslMode::Prefer => ServerMode::Prefer,
            SslMode::Require => ServerMode::Require,
            SslMode::VerifyCa => ServerMode::VerifyCa,
            SslMode::VerifyFull => ServerMode::VerifyFull,
        },
        root_ca: tls.root_ca.as_ref().map(|root_ca| match root_ca {
            afterwrite_config::RootCa::System => RootCa::System,
            afterwrite_config::RootCa::File(path) => RootCa::File(path.clone()),
        }),
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        negotiation: match tls.negotiation {
            TlsNegotiation::Postgres => Negotiation::Postgres,
            TlsNegotiation::Direct => Negotiation::Direct,
        },
        min_version: TlsVersion::default(),
    };
    let told = |error| format!("TLS of the cluster \"{name}\": {error}");
    let connector = Connector::new(&settings).map_err(told)?;
    if settings.mode != ServerMode::Disable {
        warn_of(settings.key.as_deref());
    }
    Ok(Arc::new(connector))
}

fn warn_of(key: Option<&Path>) {
    if let Some(warning) = key.and_then(key_warning) {
        warn!("{warning}");
    }
}
