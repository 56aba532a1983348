//! Which clients we take, in each mode.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::bench::{Bench, Identity, Special, accepting, connecting, pair, shake};
use crate::stream::Stream;
use crate::tls::{
    Acceptor, AcceptorSettings, ClientMode, Connector, ConnectorSettings, Negotiation, ServerMode,
    TlsError, key_warning,
};

use ClientMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};

fn showing(identity: &Identity) -> Connector {
    let settings = ConnectorSettings {
        certificate: Some(identity.certificate.clone()),
        key: Some(identity.key.clone()),
        ..connecting(ServerMode::Require, None)
    };
    Connector::new(&settings).unwrap()
}

fn silent() -> Connector {
    Connector::new(&connecting(ServerMode::Require, None)).unwrap()
}

async fn check(settings: &AcceptorSettings, client: &Connector, fault: Option<&str>) {
    let acceptor = Acceptor::new(settings).unwrap();
    let (found, _) = shake(&acceptor, client, "proxy").await;
    let mode = settings.mode;
    match (found, fault) {
        (Ok(stream), None) => assert!(stream.is_tls()),
        (Err(error), Some(fault)) => {
            assert!(error.to_string().contains(fault), "{mode:?}: {error}");
        }
        (Ok(_), Some(fault)) => panic!("{mode:?}: no {fault}"),
        (Err(error), None) => panic!("{mode:?}: {error}"),
    }
}

#[tokio::test]
async fn each_mode_asks_for_what_pgbouncer_asks_for() {
    let bench = Bench::new();
    let (ours, other) = (bench.authority("ours"), bench.authority("other"));
    let proxy = bench.identity(&ours, &["proxy"], &Special::default());
    let of_client = Special { common_name: Some("ann"), for_client: true, years: None };
    let good = bench.identity(&ours, &[], &of_client);
    let strange = bench.identity(&other, &[], &of_client);
    let expired = Special { years: Some((2001, 2002)), ..of_client };
    let expired = bench.identity(&ours, &[], &expired);
    for mode in [Allow, Prefer, Require] {
        let settings = accepting(mode, &proxy);
        check(&settings, &silent(), None).await;
        // Nobody asks for it, so nobody minds.
        check(&settings, &showing(&strange), None).await;
        let settings = AcceptorSettings { client_ca: Some(ours.file.clone()), ..settings };
        check(&settings, &silent(), None).await;
        check(&settings, &showing(&good), None).await;
        check(&settings, &showing(&strange), Some("is signed by nobody")).await;
    }
    for mode in [VerifyCa, VerifyFull] {
        let settings =
            AcceptorSettings { client_ca: Some(ours.file.clone()), ..accepting(mode, &proxy) };
        check(&settings, &silent(), Some("showed no certificate")).await;
        check(&settings, &showing(&good), None).await;
        check(&settings, &showing(&strange), Some("is signed by nobody")).await;
        check(&settings, &showing(&expired), Some("has expired")).await;
        check(&settings, &showing(&bench.self_signed("ann")), Some("cannot be used")).await;
    }
}

#[tokio::test]
async fn plain_logins_are_refused_where_tls_is_a_must() {
    let bench = Bench::new();
    let proxy = bench.self_signed("proxy");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = Stream::from(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
    let (unix, _other_end) = pair();
    let client_ca = Some(proxy.certificate.clone());
    for (mode, refuses) in [
        (Disable, false),
        (Allow, false),
        (Prefer, false),
        (Require, true),
        (VerifyCa, true),
        (VerifyFull, true),
    ] {
        let settings = AcceptorSettings { client_ca: client_ca.clone(), ..accepting(mode, &proxy) };
        let acceptor = Acceptor::new(&settings).unwrap();
        assert_eq!(acceptor.refuses(&tcp), refuses, "{mode:?}");
        assert!(!acceptor.refuses(&unix), "{mode:?}");
        assert_eq!(acceptor.offers_tls(), mode != Disable, "{mode:?}");
    }
    let acceptor = Acceptor::new(&accepting(Require, &proxy)).unwrap();
    let (here, _there) = shake(&acceptor, &silent(), "proxy").await;
    assert!(!acceptor.refuses(&here.unwrap()));
}

#[tokio::test]
async fn a_certificate_that_vouches_for_itself_is_taken_if_it_is_named() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    let proxy = bench.identity(&ours, &["proxy"], &Special::default());
    let ann = bench.self_signed("ann");
    let settings = AcceptorSettings {
        client_ca: Some(ann.certificate.clone()),
        ..accepting(VerifyCa, &proxy)
    };
    check(&settings, &showing(&ann), None).await;
}

#[tokio::test]
async fn what_is_not_tls_is_refused() {
    let bench = Bench::new();
    let acceptor = Acceptor::new(&accepting(Allow, &bench.self_signed("proxy"))).unwrap();
    let (here, mut there) = pair();
    there.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f and so on").await.unwrap();
    let error = acceptor.accept(here).await.unwrap_err();
    assert!(error.to_string().contains("that is not TLS"), "{error}");
    // Closed half-way.
    let (here, mut there) = pair();
    there.write_all(&[0x16, 3, 1, 2]).await.unwrap();
    drop(there);
    let error = acceptor.accept(here).await.unwrap_err();
    assert!(matches!(error, TlsError::Io(_)), "{error}");
    // Silent half-way: the caller's patience is the limit.
    let (here, mut there) = pair();
    there.write_all(&[0x16, 3, 1, 2]).await.unwrap();
    timeout(Duration::from_millis(50), acceptor.accept(here)).await.unwrap_err();
    let (here, _there) = pair();
    assert!(Acceptor::disabled().accept(here).await.is_err());
}

/// A direct handshake, of which the first byte was read already.
async fn begin_directly(acceptor: &Acceptor, alpn: &[&[u8]]) -> Result<Stream, TlsError> {
    let (mut here, there) = pair();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let check = crate::tls::verify::ServerCheck::new(&provider, None, None);
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(check))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let client = connector.connect("proxy".try_into().unwrap(), there);
    let server = async {
        let mut ahead = vec![0; 100];
        let count = here.read(&mut ahead).await.unwrap();
        ahead.truncate(count);
        acceptor.accept_direct(here, ahead).await
    };
    let (accepted, _) = tokio::join!(server, client);
    accepted
}

#[tokio::test]
async fn a_direct_handshake_must_name_the_protocol() {
    let bench = Bench::new();
    let acceptor = Acceptor::new(&accepting(Allow, &bench.self_signed("proxy"))).unwrap();
    assert!(begin_directly(&acceptor, &[b"postgresql"]).await.unwrap().is_tls());
    assert!(begin_directly(&acceptor, &[b"http/1.1", b"postgresql"]).await.unwrap().is_tls());
    assert!(matches!(begin_directly(&acceptor, &[]).await, Err(TlsError::NoAlpn)));
    let error = begin_directly(&acceptor, &[b"http/1.1"]).await.unwrap_err();
    assert!(matches!(error, TlsError::Handshake(_)), "{error}");
    // Our own connector names it.
    let settings = ConnectorSettings {
        negotiation: Negotiation::Direct,
        ..connecting(ServerMode::Require, None)
    };
    let connector = Connector::new(&settings).unwrap();
    let (here, there) = pair();
    let (here, there) =
        tokio::join!(acceptor.accept_direct(here, Vec::new()), connector.connect(there, "proxy"));
    assert!(here.unwrap().is_tls() && there.unwrap().is_tls());
}

#[tokio::test]
async fn certificates_are_replaced_while_connections_live() {
    let bench = Bench::new();
    let (old, new) = (bench.authority("old"), bench.authority("new"));
    let of = |authority| bench.identity(authority, &["proxy"], &Special::default());
    let (first, second) = (of(&old), of(&new));
    let acceptor = Acceptor::new(&accepting(Allow, &first)).unwrap();
    let trusting = |authority: &super::bench::Authority| {
        Connector::new(&connecting(ServerMode::VerifyCa, Some(&authority.file))).unwrap()
    };
    let (here, there) = shake(&acceptor, &trusting(&old), "proxy").await;
    let (mut here, mut there) = (here.unwrap(), there.unwrap());
    let binding = there.tls().unwrap().end_point();

    // Something is wrong: all stays as it was.
    let mixed = Identity { certificate: second.certificate.clone(), key: first.key.clone() };
    let error = acceptor.reload(&accepting(Allow, &mixed)).unwrap_err().to_string();
    assert!(error.contains("the key does not belong to"), "{error}");
    assert!(shake(&acceptor, &trusting(&old), "proxy").await.1.is_ok());

    acceptor.reload(&accepting(Require, &second)).unwrap();
    assert_eq!(acceptor.mode(), Require);
    assert!(shake(&acceptor, &trusting(&new), "proxy").await.1.is_ok());
    assert!(shake(&acceptor, &trusting(&old), "proxy").await.1.is_err());

    there.write_all(b"still here").await.unwrap();
    there.flush().await.unwrap();
    let mut word = [0; 10];
    here.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"still here");
    // Bound to the certificate that it began with.
    assert_eq!(here.tls().unwrap().end_point(), binding);
}

fn refused(settings: &AcceptorSettings, told: &str) {
    let error = Acceptor::new(settings).unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_is_wrong() {
    let bench = Bench::new();
    let proxy = bench.self_signed("proxy");
    refused(&AcceptorSettings { certificate: None, ..accepting(Allow, &proxy) }, "a certificate");
    refused(&AcceptorSettings { key: None, ..accepting(Allow, &proxy) }, "the certificate's key");
    refused(&accepting(VerifyCa, &proxy), "vouches for clients' certificates");
    let swapped = Identity { certificate: proxy.key.clone(), key: proxy.certificate.clone() };
    refused(&accepting(Allow, &swapped), "self.key: there is no certificate (PEM) in it");
    let keyless = Identity { key: proxy.certificate.clone(), ..bench.self_signed("proxy") };
    refused(&accepting(Allow, &keyless), "self.crt: there is no private key (PEM) in it");
    let text =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = Identity { key: bench.write("locked", text), ..bench.self_signed("proxy") };
    refused(&accepting(Allow, &locked), "locked: the key is encrypted with a passphrase");
    assert!(Acceptor::new(&AcceptorSettings::default()).is_ok());
}

#[test]
fn a_key_that_others_can_read_is_told() {
    let bench = Bench::new();
    let key = bench.self_signed("proxy").key;
    let warned = |mode| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        key_warning(&key)
    };
    assert_eq!(warned(0o600), None);
    assert_eq!(warned(0o400), None);
    assert!(warned(0o644).unwrap().contains("self.key can be read"));
    assert!(warned(0o660).is_some());
}

#[tokio::test]
async fn much_goes_through_and_waiting_loses_nothing() {
    const BYTES: usize = 1 << 20;
    let bench = Bench::new();
    let acceptor = Acceptor::new(&accepting(Allow, &bench.self_signed("proxy"))).unwrap();
    let (here, there) = shake(&acceptor, &silent(), "proxy").await;
    let (mut here, mut there) = (here.unwrap(), there.unwrap());
    let sending = tokio::spawn(async move {
        there.write_all(&vec![7; BYTES]).await.unwrap();
        there.flush().await.unwrap();
        there
    });
    let (mut count, mut buffer) = (0, [0; 1000]);
    while count < BYTES {
        // What was decrypted and not taken must count as readable.
        timeout(Duration::from_secs(10), here.readable()).await.unwrap().unwrap();
        let read = timeout(Duration::from_secs(10), here.read(&mut buffer)).await.unwrap().unwrap();
        assert!(buffer[..read].iter().all(|byte| *byte == 7));
        count += read;
    }
    // The goodbye of TLS is the end of the stream.
    let mut there = sending.await.unwrap();
    there.shutdown().await.unwrap();
    assert_eq!(here.read(&mut buffer).await.unwrap(), 0);
}
