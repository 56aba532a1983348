//! Which servers we take, in each mode.

use super::bench::{Bench, Identity, Special, accepting, connecting, shake};
use crate::tls::{
    Acceptor, AcceptorSettings, Attempt, ClientMode, Connector, ConnectorSettings, Negotiation,
    RootCa, ServerMode, TlsVersion,
};

use ServerMode::{Prefer, Require, VerifyCa, VerifyFull};

fn acceptor(identity: &Identity) -> Acceptor {
    Acceptor::new(&accepting(ClientMode::Allow, identity)).unwrap()
}

async fn check(acceptor: &Acceptor, settings: &ConnectorSettings, host: &str, fault: Option<&str>) {
    let connector = Connector::new(settings).unwrap();
    let (_, found) = shake(acceptor, &connector, host).await;
    let mode = settings.mode;
    match (found, fault) {
        (Ok(stream), None) => assert!(stream.is_tls()),
        (Err(error), Some(fault)) => {
            assert!(error.to_string().contains(fault), "{mode:?} {host}: {error}");
        }
        (Ok(_), Some(fault)) => panic!("{mode:?} {host}: no {fault}"),
        (Err(error), None) => panic!("{mode:?} {host}: {error}"),
    }
}

#[tokio::test]
async fn each_mode_checks_what_libpq_checks() {
    let bench = Bench::new();
    let (ours, other) = (bench.authority("ours"), bench.authority("other"));
    let server =
        acceptor(&bench.identity(&ours, &["db.example", "127.0.0.1"], &Special::default()));
    let with = |mode| connecting(mode, Some(&ours.file));
    let stranger = |mode| connecting(mode, Some(&other.file));
    let unknown = Some("is signed by nobody whom the configured authorities vouch for");

    check(&server, &connecting(Prefer, None), "elsewhere", None).await;
    check(&server, &connecting(Require, None), "elsewhere", None).await;
    check(&server, &with(Require), "elsewhere", None).await;
    check(&server, &stranger(Require), "elsewhere", unknown).await;
    check(&server, &stranger(Prefer), "elsewhere", unknown).await;
    check(&server, &with(VerifyCa), "elsewhere", None).await;
    check(&server, &stranger(VerifyCa), "db.example", unknown).await;
    check(&server, &with(VerifyFull), "db.example", None).await;
    check(&server, &with(VerifyFull), "DB.Example.", None).await;
    check(&server, &with(VerifyFull), "127.0.0.1", None).await;
    let wrong = "it is for db.example, 127.0.0.1, not for elsewhere";
    check(&server, &with(VerifyFull), "elsewhere", Some(wrong)).await;
    check(&server, &with(VerifyFull), "127.0.0.2", Some("not for 127.0.0.2")).await;
    check(&server, &with(VerifyFull), "no name at all", Some("not for no name at all")).await;
    check(&server, &stranger(VerifyFull), "db.example", unknown).await;
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused_if_it_is_checked() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    let past = Special { years: Some((2001, 2002)), ..Special::default() };
    let server = acceptor(&bench.identity(&ours, &["db"], &past));
    check(&server, &connecting(VerifyCa, Some(&ours.file)), "db", Some("has expired")).await;
    check(&server, &connecting(Require, None), "db", None).await;
    let future = Special { years: Some((3001, 3002)), ..Special::default() };
    let server = acceptor(&bench.identity(&ours, &["db"], &future));
    let settings = connecting(VerifyCa, Some(&ours.file));
    check(&server, &settings, "db", Some("is not valid yet")).await;
}

#[tokio::test]
async fn the_common_name_counts_if_nothing_else_is_named() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    let named = Special { common_name: Some("db.example"), ..Special::default() };
    let settings = connecting(VerifyFull, Some(&ours.file));
    let server = acceptor(&bench.identity(&ours, &[], &named));
    check(&server, &settings, "db.example", None).await;
    let server = acceptor(&bench.identity(&ours, &["other.example"], &named));
    check(&server, &settings, "db.example", Some("it is for other.example")).await;
}

#[tokio::test]
async fn a_server_that_vouches_for_itself_is_taken_if_it_is_named() {
    let bench = Bench::new();
    let own = bench.self_signed("db");
    let server = acceptor(&own);
    check(&server, &connecting(VerifyFull, Some(&own.certificate)), "db", None).await;
    let other = bench.authority("other");
    check(&server, &connecting(VerifyFull, Some(&other.file)), "db", Some("cannot be used")).await;
}

/// Made as PostgreSQL's documentation showed it for long: version 1 of X.509.
const OLD_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBFjCBvQIBATAKBggqhkjOPQQDAzAYMRYwFAYDVQQDDA1PbGQgYXV0aG9yaXR5\n\
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQDDApk\n\
Yi5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgK9h8nOKdsaV09jN\n\
m09SP+YUohfpM8Fv1IweVZ3WEyzfDB69Vsd5y/zoah9AxoRZdRynlHxeHO6CnrmA\n\
ILv+aDAKBggqhkjOPQQDAwNIADBFAiAsbLCW6rL8xLGtsI5WhrGFwSDedU7l8B6v\n\
EoYutfn5ugIhAOzuGa4NmdcBHKr38sW3HCeGvLrDx8MqqC11IcA0ysa2\n\
-----END CERTIFICATE-----\n\
";
const OLD_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg24dZ06gSyi81WOvt\n\
/xzhimJ0JOF92GXhCNup1jumdtWhRANCAASAr2Hyc4p2xpXT2M2bT1I/5hSiF+kz\n\
wW/UjB5VndYTLN8MHr1Wx3nL/OhqH0DGhFl1HKeUfF4c7oKeuYAgu/5o\n\
-----END PRIVATE KEY-----\n\
";

#[tokio::test]
async fn a_certificate_of_the_first_version_is_fit_for_what_is_not_checked() {
    let bench = Bench::new();
    let old = Identity {
        certificate: bench.write("old.crt", OLD_CERTIFICATE),
        key: bench.write("old.key", OLD_KEY),
    };
    for min_version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let settings = AcceptorSettings { min_version, ..accepting(ClientMode::Allow, &old) };
        let server = Acceptor::new(&settings).unwrap();
        check(&server, &connecting(Require, None), "db.example", None).await;
        let other = bench.authority("other");
        let told = Some("X.509 version 1");
        check(&server, &connecting(VerifyCa, Some(&other.file)), "db.example", told).await;
        // As its own authority it is the very one.
        check(&server, &connecting(VerifyFull, Some(&old.certificate)), "db.example", None).await;
    }
}

#[tokio::test]
async fn both_sides_know_the_same_of_the_connection() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    let identity = bench.identity(&ours, &["db"], &Special::default());
    let server = acceptor(&identity);
    let connector = Connector::new(&connecting(Require, None)).unwrap();
    let (here, there) = shake(&server, &connector, "db").await;
    let (here, there) = (here.unwrap(), there.unwrap());
    let (here, there) = (here.tls().unwrap(), there.tls().unwrap());
    assert_eq!(here.version(), "TLSv1.3");
    assert_eq!(here.cipher(), "TLS_AES_256_GCM_SHA384");
    assert!(here.describe().starts_with("TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=X25519"));
    assert_eq!(here.describe(), there.describe());
    let binding = here.end_point().unwrap();
    assert_eq!(binding.len(), 32);
    assert_eq!(there.end_point(), Some(binding));
    assert_eq!(here.peer_certificate(), None);
    assert_eq!(there.peer_certificate().unwrap().told_names(), "db");
}

#[tokio::test]
async fn the_oldest_version_is_kept_on_both_sides() {
    let bench = Bench::new();
    let identity = bench.self_signed("db");
    let settings = AcceptorSettings {
        min_version: TlsVersion::V1_3,
        ..accepting(ClientMode::Allow, &identity)
    };
    let server = Acceptor::new(&settings).unwrap();
    check(&server, &connecting(Require, None), "db", None).await;
    let newest = ConnectorSettings { min_version: TlsVersion::V1_3, ..connecting(Require, None) };
    check(&acceptor(&identity), &newest, "db", None).await;
}

#[test]
fn what_is_tried_depends_on_the_mode() {
    let attempts = |mode| {
        let root_ca = Some(RootCa::System).filter(|_| mode == VerifyFull);
        let settings = ConnectorSettings { mode, root_ca, ..ConnectorSettings::default() };
        Connector::new(&settings).unwrap().attempts()
    };
    assert_eq!(attempts(ServerMode::Disable), [Attempt::Plain]);
    assert_eq!(attempts(ServerMode::Allow), [Attempt::Plain, Attempt::Tls]);
    assert_eq!(attempts(Prefer), [Attempt::IfOffered, Attempt::Plain]);
    assert_eq!(attempts(Require), [Attempt::Tls]);
}

fn refused(settings: &ConnectorSettings, told: &str) {
    let error = Connector::new(settings).unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_is_wrong() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    refused(&connecting(VerifyCa, None), "the authority that vouches for servers");
    let system = ConnectorSettings { root_ca: Some(RootCa::System), ..connecting(Require, None) };
    refused(&system, "verify-full is needed");
    let direct = ConnectorSettings { negotiation: Negotiation::Direct, ..connecting(Prefer, None) };
    refused(&direct, "at least require is needed");
    let halved =
        ConnectorSettings { certificate: Some(ours.file.clone()), ..connecting(Require, None) };
    refused(&halved, "the certificate's key");
    let nowhere = bench.write("empty", "").with_file_name("nowhere");
    refused(&connecting(VerifyCa, Some(&nowhere)), "nowhere: No such file");
    let empty = bench.write("empty", "nothing here");
    refused(&connecting(VerifyCa, Some(&empty)), "empty: there is no certificate (PEM) in it");
    let damaged = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let damaged = bench.write("damaged", damaged);
    refused(&connecting(VerifyCa, Some(&damaged)), "damaged: it is damaged");
    let nonsense = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let nonsense = bench.write("nonsense", nonsense);
    refused(&connecting(VerifyCa, Some(&nonsense)), "nonsense: a certificate in it cannot be read");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks_for_it() {
    let bench = Bench::new();
    let ours = bench.authority("ours");
    let server = bench.identity(&ours, &["db"], &Special::default());
    let special = Special { common_name: Some("afterwrite"), for_client: true, years: None };
    let own = bench.identity(&ours, &[], &special);
    let settings = AcceptorSettings {
        client_ca: Some(ours.file.clone()),
        ..accepting(ClientMode::VerifyCa, &server)
    };
    let acceptor = Acceptor::new(&settings).unwrap();
    let told = Some("the peer wants a certificate of us, and none is configured");
    check(&acceptor, &connecting(Require, None), "db", told).await;
    let shown = ConnectorSettings {
        certificate: Some(own.certificate),
        key: Some(own.key),
        ..connecting(Require, None)
    };
    check(&acceptor, &shown, "db", None).await;
    let (here, _) = shake(&acceptor, &Connector::new(&shown).unwrap(), "db").await;
    let certificate = here.unwrap().tls().unwrap().peer_certificate().unwrap();
    assert_eq!(certificate.common_name.as_deref(), Some("afterwrite"));
}
