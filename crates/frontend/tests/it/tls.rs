//! TLS to clients: by libpq in each of its modes, and by hand where it would not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use afterwrite_frontend::{Auth, Gate};
use afterwrite_net::tls::{Acceptor, AcceptorSettings, ClientMode};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::door::{self, Door, LOGIN_TIMEOUT};
use crate::psql::psql;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30];

/// An authority, and certificates of it for the proxy and for a client.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn new() -> Self {
        let papers = Self { folder: TempDir::new().unwrap() };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        papers.write("root.crt", &params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        for (name, names) in [("proxy", vec!["localhost".to_owned()]), ("plain", Vec::new())] {
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            papers.write(&format!("{name}.crt"), &certificate.pem());
            papers.write(&format!("{name}.key"), &key.serialize_pem());
        }
        papers
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, auth: Auth, mode: ClientMode) -> Door {
        let settings = AcceptorSettings {
            mode,
            certificate: Some(self.path("proxy.crt")),
            key: Some(self.path("proxy.key")),
            client_ca: Some(self.path("root.crt")),
            ..AcceptorSettings::default()
        };
        let gate = Arc::new(Gate::new(door::rules(auth, door::users()), None).unwrap());
        door::over_tls(gate, Acceptor::new(&settings).unwrap(), |peer| peer)
    }

    /// What psql says, with `CERT` for the client's certificate and `ROOT` for the
    /// authority.
    async fn check(&self, door: &Door, more: &str, expected: &str) {
        let shown = |name| self.path(name).display().to_string();
        let cert = format!("sslcert={} sslkey={}", shown("plain.crt"), shown("plain.key"));
        let more = more.replace("CERT", &cert).replace("ROOT", &shown("root.crt"));
        // Nothing of whose home this runs in.
        let no_cert = if more.contains("sslcert") { "" } else { "sslcert=/nowhere" };
        let port = door.address.port();
        let said = psql(port, "plain", "right", &format!("{more} {no_cert}")).await;
        assert!(said.contains(expected), "{more}: {said}");
    }
}

const IN: &str = "plain@shop with a password";

#[tokio::test]
async fn libpq_in_each_mode_where_tls_is_offered() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Prefer);
    for mode in ["disable", "allow", "prefer", "require"] {
        papers.check(&door, &format!("sslmode={mode}"), IN).await;
    }
    papers.check(&door, "sslmode=verify-ca sslrootcert=ROOT", IN).await;
    papers.check(&door, "host=localhost sslmode=verify-full sslrootcert=ROOT", IN).await;
    let wrong = "does not match host name \"127.0.0.1\"";
    papers.check(&door, "sslmode=verify-full sslrootcert=ROOT", wrong).await;
    let old = "sslmode=require ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2";
    papers.check(&door, old, IN).await;
}

#[tokio::test]
async fn libpq_in_each_mode_where_tls_is_a_must() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Require);
    papers.check(&door, "sslmode=disable", "FATAL:  this proxy is spoken to over TLS only").await;
    for mode in ["allow", "prefer", "require"] {
        papers.check(&door, &format!("sslmode={mode}"), IN).await;
    }
    let door = papers.open(Auth::Password, ClientMode::Disable);
    papers.check(&door, "sslmode=prefer", IN).await;
    papers.check(&door, "sslmode=require", "server does not support SSL").await;
}

#[tokio::test]
async fn scram_is_bound_to_the_connection() {
    let papers = Papers::new();
    let door = papers.open(Auth::Scram, ClientMode::Require);
    papers.check(&door, "sslmode=require channel_binding=require", "plain@shop with").await;
}

#[tokio::test]
async fn a_certificate_logs_its_user_in() {
    let papers = Papers::new();
    let door = papers.open(Auth::Cert, ClientMode::VerifyFull);
    papers.check(&door, "sslmode=require CERT", IN).await;
    papers.check(&door, "sslmode=require", "certificate required").await;
    papers.check(&door, "user=scram sslmode=require CERT", "user \"scram\"").await;
    let log = door.logged("the peer showed no certificate").await;
    assert!(log.contains("TLS handshake failed"), "{log}");
}

async fn connect(door: &Door) -> TcpStream {
    TcpStream::connect(door.address).await.unwrap()
}

async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end as well: TLS has said all there is to say.
    let _ = timeout(2 * LOGIN_TIMEOUT, stream.read_to_end(&mut said)).await.unwrap();
    said
}

#[tokio::test]
async fn bytes_that_were_sent_ahead_of_the_answer_are_refused() {
    let papers = Papers::new();
    for mode in [ClientMode::Allow, ClientMode::Disable] {
        let door = papers.open(Auth::Password, mode);
        let requests =
            [(SSL_REQUEST, mode == ClientMode::Allow, "SSL"), (GSS_REQUEST, false, "GSSAPI")];
        for (request, offered, name) in requests {
            let mut stream = connect(&door).await;
            let mut bytes = request.to_vec();
            bytes.extend_from_slice(b"\0\0\0\x10\0\x03\0\0user\0x\0\0");
            stream.write_all(&bytes).await.unwrap();
            let said = read_all(&mut stream).await;
            assert_eq!(said.first(), Some(if offered { &b'S' } else { &b'N' }));
            let told = format!("received unencrypted data after {name} request");
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(said.contains(&told), "{said}");
        }
    }
}

#[tokio::test]
async fn a_handshake_that_stops_half_way_is_not_waited_for() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Allow);
    let mut silent = connect(&door).await;
    silent.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(silent.read_u8().await.unwrap(), b'S');
    silent.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut direct = connect(&door).await;
    direct.write_all(&[0x16, 3, 1]).await.unwrap();
    let (first, second) = tokio::join!(read_all(&mut silent), read_all(&mut direct));
    assert!(first.is_empty() && second.is_empty());
    door.logged("the login was not finished within 5s").await;
}

#[tokio::test]
async fn what_is_not_tls_ends_the_handshake() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Allow);
    let mut stream = connect(&door).await;
    stream.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'S');
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    read_all(&mut stream).await;
    door.logged("that is not TLS").await;
}

#[tokio::test]
async fn a_cancel_request_needs_no_tls() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Require);
    let mut stream = connect(&door).await;
    stream.write_all(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02").await.unwrap();
    assert!(read_all(&mut stream).await.is_empty());
}

/// What openssl's client, which asks for nothing first, makes of a direct handshake.
async fn directly(door: &Door, more: &'static [&'static str]) -> String {
    let address = door.address.to_string();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("openssl")
            .args(["s_client", "-connect", &address])
            .args(more)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("openssl is installed")
    });
    let output = output.await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_direct_handshake_must_name_the_protocol() {
    let papers = Papers::new();
    let door = papers.open(Auth::Password, ClientMode::Require);
    let said = directly(&door, &["-alpn", "postgresql"]).await;
    assert!(said.contains("ALPN protocol: postgresql"), "{said}");
    directly(&door, &[]).await;
    door.logged("it came without SSLRequest and without the protocol name").await;
    let said = directly(&door, &["-alpn", "http/1.1"]).await;
    assert!(!said.contains("ALPN protocol:"), "{said}");
}
