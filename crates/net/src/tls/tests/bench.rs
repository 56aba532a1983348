//! Authorities, certificates, and two ends of a socket.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::stream::Stream;
use crate::tls::{
    Acceptor, AcceptorSettings, ClientMode, Connector, ConnectorSettings, RootCa, ServerMode,
    TlsError,
};

/// Where a test keeps its certificates.
pub(crate) struct Bench {
    folder: TempDir,
}

/// Who vouches for others.
pub(crate) struct Authority {
    pub(crate) file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in files.
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is special about a certificate.
#[derive(Default)]
pub(crate) struct Special {
    pub(crate) common_name: Option<&'static str>,
    pub(crate) for_client: bool,
    pub(crate) years: Option<(i32, i32)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn authority(&self, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let file = self.write(&format!("{name}.crt"), &params.self_signed(&key).unwrap().pem());
        Authority { file, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn identity(
        &self,
        authority: &Authority,
        names: &[&str],
        special: &Special,
    ) -> Identity {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        if let Some(name) = special.common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        if special.for_client {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        if let Some((from, to)) = special.years {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        let serial = fs::read_dir(self.folder.path()).unwrap().count();
        Identity {
            certificate: self.write(&format!("{serial}.crt"), &certificate.pem()),
            key: self.write(&format!("{serial}.key"), &key.serialize_pem()),
        }
    }

    /// A certificate that nobody but itself vouches for, as `openssl req -x509` makes it.
    pub(crate) fn self_signed(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: self.write("self.crt", &params.self_signed(&key).unwrap().pem()),
            key: self.write("self.key", &key.serialize_pem()),
        }
    }
}

/// Settings of the clients' side.
pub(crate) fn accepting(mode: ClientMode, identity: &Identity) -> AcceptorSettings {
    AcceptorSettings {
        mode,
        certificate: Some(identity.certificate.clone()),
        key: Some(identity.key.clone()),
        ..AcceptorSettings::default()
    }
}

/// Settings of the servers' side.
pub(crate) fn connecting(mode: ServerMode, authority: Option<&PathBuf>) -> ConnectorSettings {
    let root_ca = authority.map(|file| RootCa::File(file.clone()));
    ConnectorSettings { mode, root_ca, ..ConnectorSettings::default() }
}

pub(crate) fn pair() -> (Stream, Stream) {
    let (here, there) = UnixStream::pair().unwrap();
    (here.into(), there.into())
}

/// Both ends after the handshake, or what each end says of it. A word has been sent
/// in each direction, for only then TLS 1.3 is sure.
pub(crate) async fn shake(
    acceptor: &Acceptor,
    connector: &Connector,
    host: &str,
) -> (Result<Stream, TlsError>, Result<Stream, TlsError>) {
    let (here, there) = pair();
    let server = async {
        let mut stream = acceptor.accept(here).await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.map_err(TlsError::of)?;
        assert_eq!(&word, b"ping");
        stream.write_all(b"pong").await.map_err(TlsError::of)?;
        stream.flush().await.map_err(TlsError::of)?;
        Ok(stream)
    };
    let client = async {
        let mut stream = connector.connect(there, host).await?;
        stream.write_all(b"ping").await.map_err(TlsError::of)?;
        stream.flush().await.map_err(TlsError::of)?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.map_err(TlsError::of)?;
        assert_eq!(&word, b"pong");
        Ok(stream)
    };
    tokio::join!(server, client)
}
