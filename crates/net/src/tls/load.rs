//! Certificates and keys from files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::certificate::Certificate;
use super::error::TlsSettingsError;

/// The largest file that is read: a bundle of all authorities there are is smaller.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl TlsVersion {
    pub(super) fn and_later(self) -> &'static [&'static rustls::SupportedProtocolVersion] {
        static BOTH: &[&rustls::SupportedProtocolVersion] = &[&TLS13, &TLS12];
        static ALONE: &[&rustls::SupportedProtocolVersion] = &[&TLS13];
        match self {
            Self::V1_2 => BOTH,
            Self::V1_3 => ALONE,
        }
    }
}

/// The cryptography that is used, chosen here and not for the whole process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsSettingsError> {
    let unreadable = |error| TlsSettingsError::Unreadable { path: path.to_owned(), error };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_MAX {
        return Err(TlsSettingsError::unusable(path, "it is too large to be a certificate"));
    }
    fs::read(path).map_err(unreadable)
}

/// The certificates of a PEM file: at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSettingsError> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates
        .map_err(|error| TlsSettingsError::unusable(path, format!("it is damaged: {error}")))?;
    if certificates.is_empty() {
        return Err(TlsSettingsError::unusable(path, "there is no certificate (PEM) in it"));
    }
    Ok(certificates)
}

/// A certificate with those that vouch for it, and its key.
pub(super) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Arc<CertifiedKey>, Certificate), TlsSettingsError> {
    let chain = certificates(certificate)?;
    let own = chain.first().and_then(|own| Certificate::parse(own));
    let own = own.ok_or_else(|| {
        TlsSettingsError::unusable(certificate, "its first certificate cannot be read")
    })?;
    let text = read(key)?;
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let encrypted = text.windows(9).any(|part| part == b"ENCRYPTED");
        let problem = if encrypted {
            "the key is encrypted with a passphrase, which nobody could enter"
        } else {
            "there is no private key (PEM) in it"
        };
        TlsSettingsError::unusable(key, problem)
    })?;
    let secret = provider()
        .key_provider
        .load_private_key(secret)
        .map_err(|_| TlsSettingsError::unusable(key, "this kind of private key cannot be used"))?;
    if secret.public_key().is_some_and(|public| *public != *own.key.whole) {
        let problem = format!("the key does not belong to {}", certificate.display());
        return Err(TlsSettingsError::unusable(key, problem));
    }
    Ok((Arc::new(CertifiedKey::new(chain, secret)), own))
}

/// Those whose word is taken for a certificate.
#[derive(Debug)]
pub(super) struct Authorities {
    pub(super) roots: Arc<RootCertStore>,
    /// As they are in the file. A certificate that is itself among them needs
    /// nobody's word.
    pub(super) themselves: Vec<CertificateDer<'static>>,
}

impl Authorities {
    pub(super) fn from_file(path: &Path) -> Result<Self, TlsSettingsError> {
        let themselves = certificates(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in &themselves {
            if Certificate::parse(certificate).is_none() {
                let problem = "a certificate in it cannot be read";
                return Err(TlsSettingsError::unusable(path, problem));
            }
            // One that cannot vouch for others can still be the very one.
            let _ = roots.add(certificate.clone());
        }
        Ok(Self { roots: Arc::new(roots), themselves })
    }

    /// Those that the operating system trusts.
    pub(super) fn of_system() -> Result<Self, TlsSettingsError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(TlsSettingsError::Missing("the system's authorities (ca-certificates)"));
        }
        Ok(Self { roots: Arc::new(roots), themselves: Vec::new() })
    }
}

/// Says so if a key can be read by others than its owner and, if that is root, its
/// group: PostgreSQL would refuse it.
pub fn key_warning(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let allowed = if found.uid() == 0 { 0o740 } else { 0o700 };
    (found.mode() & 0o777 & !allowed != 0).then(|| {
        format!("{} can be read or changed by others (chmod 600 mends it)", path.display())
    })
}
