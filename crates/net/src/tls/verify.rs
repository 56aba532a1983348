//! Whether a peer's certificate is taken.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::certificate::Certificate;
use super::load::{Authorities, TlsVersion};

/// A reason that has no name of its own.
#[derive(Debug)]
struct Because(String);

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Because {}

fn because(reason: impl Into<String>) -> Error {
    let reason = Because(reason.into());
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
}

fn parse(der: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::parse(der).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// Whether a certificate is trusted because it is itself among the authorities: one
/// that signed itself. `None` if it is not; that says nothing yet.
fn is_the_very_one(
    authorities: &Authorities,
    der: &CertificateDer<'_>,
    now: UnixTime,
) -> Option<Result<(), Error>> {
    if !authorities.themselves.contains(der) {
        return None;
    }
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Some(parse(der).and_then(|certificate| {
        if now < certificate.not_before {
            Err(Error::InvalidCertificate(CertificateError::NotValidYet))
        } else if now > certificate.not_after {
            Err(Error::InvalidCertificate(CertificateError::Expired))
        } else {
            Ok(())
        }
    }))
}

/// The one fault of a chain that its owner will not understand unless it is told.
fn explain(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("UnsupportedCertVersion") =>
        {
            because("it is of X.509 version 1; sign it anew with extensions (version 3)")
        }
        other => other,
    }
}

/// Checks the signature that proves that the peer has its certificate's key.
///
/// By the key alone: certificates of X.509's first version, as many were made by
/// PostgreSQL's own instructions, are fit for that.
fn check_signature(
    algorithms: &WebPkiSupportedAlgorithms,
    message: &[u8],
    der: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    version: TlsVersion,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let key = parse(der)?.key;
    let found = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let (_, candidates) = found.ok_or_else(bad)?;
    // From 1.3 on a scheme names its curve, which is the first, and RSA pads as PSS.
    let candidates = match version {
        TlsVersion::V1_2 => candidates,
        TlsVersion::V1_3 if is_pkcs1(signed.scheme) => return Err(bad()),
        TlsVersion::V1_3 => candidates.get(..1).unwrap_or_default(),
    };
    let fitting = candidates
        .iter()
        .find(|algorithm| *algorithm.public_key_alg_id() == *key.kind)
        .ok_or_else(bad)?;
    fitting.verify_signature(&key.bits, message, signed.signature()).map_err(|_| bad())?;
    Ok(HandshakeSignatureValid::assertion())
}

fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

/// What is asked of a server's certificate.
#[derive(Debug)]
pub(super) struct ServerCheck {
    algorithms: WebPkiSupportedAlgorithms,
    /// Who must vouch for it; `None` if nobody needs to.
    authorities: Option<Arc<Authorities>>,
    /// The name that it must be for; `None` if it does not matter.
    host: Option<Box<str>>,
}

impl ServerCheck {
    pub(super) fn new(
        provider: &CryptoProvider,
        authorities: Option<Arc<Authorities>>,
        host: Option<&str>,
    ) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        Self { algorithms, authorities, host: host.map(Box::from) }
    }
}

impl ServerCertVerifier for ServerCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            match is_the_very_one(authorities, end_entity, now) {
                Some(outcome) => outcome?,
                None => verify_server_cert_signed_by_trust_anchor(
                    &ParsedCertificate::try_from(end_entity).map_err(explain)?,
                    &authorities.roots,
                    intermediates,
                    now,
                    self.algorithms.all,
                )
                .map_err(explain)?,
            }
        }
        if let Some(host) = &self.host {
            let certificate = parse(end_entity)?;
            if !certificate.is_for(host) {
                let names = certificate.told_names();
                return Err(because(format!("it is for {names}, not for {host}")));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(&self.algorithms, message, der, signed, TlsVersion::V1_2)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(&self.algorithms, message, der, signed, TlsVersion::V1_3)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What is asked of a client's certificate.
#[derive(Debug)]
pub(super) struct ClientCheck {
    algorithms: WebPkiSupportedAlgorithms,
    authorities: Authorities,
    /// Checks the chain. `None` if no authority can vouch for others.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// Whether a client must have one at all.
    mandatory: bool,
}

impl ClientCheck {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        authorities: Authorities,
        mandatory: bool,
    ) -> Self {
        let roots = Arc::clone(&authorities.roots);
        let chain = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
        Self {
            algorithms: provider.signature_verification_algorithms,
            authorities,
            chain: chain.build().ok(),
            mandatory,
        }
    }
}

impl ClientCertVerifier for ClientCheck {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(outcome) = is_the_very_one(&self.authorities, end_entity, now) {
            return outcome.map(|()| ClientCertVerified::assertion());
        }
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let chain = self.chain.as_ref().ok_or(unknown)?;
        chain.verify_client_cert(end_entity, intermediates, now).map_err(explain)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(&self.algorithms, message, der, signed, TlsVersion::V1_2)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(&self.algorithms, message, der, signed, TlsVersion::V1_3)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
