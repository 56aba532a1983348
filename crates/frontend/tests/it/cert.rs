//! Names that are proven elsewhere: certificates and the system's users.

use std::sync::Arc;

use afterwrite_frontend::{Auth, Gate, Hba, IdentMaps, Peer, PeerCertificate, PeerTls, Rules};

use crate::client::right;
use crate::door;

fn certified(peer: Peer) -> Peer {
    let certificate = PeerCertificate { common_name: Some("scram".into()) };
    Peer { tls: Some(PeerTls { binding: None, certificate: Some(certificate) }), ..peer }
}

fn encrypted(peer: Peer) -> Peer {
    Peer { tls: Some(PeerTls::default()), ..peer }
}

fn local(_: Peer) -> Peer {
    Peer::local(Some("root".into()))
}

async fn check(rules: Rules, from: fn(Peer) -> Peer, cases: &[(&str, &str)]) {
    let door = door::as_if_from(Arc::new(Gate::new(rules, None).unwrap()), from);
    for (user, expected) in cases {
        assert_eq!(right(&door, user).await, *expected);
    }
}

#[tokio::test]
async fn a_certificate_proves_one_name() {
    let rules = || door::rules(Auth::Cert, door::users());
    let denied = "28000 certificate authentication failed for user \"plain\"";
    check(rules(), certified, &[("scram", "scram@shop with nothing"), ("plain", denied)]).await;
    check(rules(), encrypted, &[("plain", denied)]).await;
    check(rules(), |peer| peer, &[("plain", denied)]).await;
}

#[tokio::test]
async fn names_are_mapped() {
    let maps = IdentMaps::parse("team scram plain\nteam root all").unwrap();
    let hba = "hostssl all all all cert map=team\nlocal all all peer map=team";
    let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let hba = Hba::parse(hba, maps, &none).unwrap();
    let rules = || Rules { hba: hba.clone(), ..door::rules(Auth::Hba, door::users()) };
    let denied = "28000 certificate authentication failed for user \"scram\"";
    check(rules(), certified, &[("plain", "plain@shop with a password"), ("scram", denied)]).await;
    let unknown = "28000 user \"nobody\" is not served by this proxy";
    check(rules(), local, &[("plain", "plain@shop with a password"), ("nobody", unknown)]).await;
    let stranger = |_: Peer| Peer::local(Some("stranger".into()));
    let denied = "28000 peer authentication failed for user \"plain\"";
    check(rules(), stranger, &[("plain", denied)]).await;
    check(rules(), |_| Peer::local(None), &[("plain", denied)]).await;
}
