//! Channel binding, offered where the connection has TLS.

use std::sync::Arc;

use afterwrite_frontend::{Auth, Gate, Peer, PeerTls};
use afterwrite_wire::scram::{ChannelBinding, ClientBinding};

use crate::client::{Login, log_in};
use crate::door::{self, Door};

fn here() -> ChannelBinding {
    ChannelBinding { end_point: vec![7; 32] }
}

fn encrypted(peer: Peer) -> Peer {
    Peer { tls: Some(PeerTls { binding: Some(here()), certificate: None }), ..peer }
}

fn door() -> Door {
    let rules = door::rules(Auth::Scram, door::users());
    door::as_if_from(Arc::new(Gate::new(rules, None).unwrap()), encrypted)
}

#[tokio::test]
async fn every_stand_of_a_client() {
    let door = door();
    let check = async |binding: ClientBinding, expected: &str| {
        for (user, with) in [("scram", "SCRAM keys"), ("plain", "a password")] {
            let login = Login { binding: binding.clone(), ..Login::new(user, "right") };
            let expected = expected.replace("IN", &format!("{user}@shop with {with}"));
            assert_eq!(log_in(&door, login).await, format!("scram-plus/scram: {expected}"));
        }
    };
    check(ClientBinding::EndPoint(here()), "IN").await;
    check(ClientBinding::Unsupported, "IN").await;
    let downgraded =
        "28000 SCRAM channel binding was offered, and the client believes that it was not";
    check(ClientBinding::NotOffered, downgraded).await;
    let other = ChannelBinding { end_point: vec![8; 32] };
    check(ClientBinding::EndPoint(other), "28000 SCRAM channel binding check failed").await;
}

#[tokio::test]
async fn what_a_client_must_not_say() {
    let door = door();
    let check = async |mechanism: &'static str, data: &'static str, expected: &str| {
        for user in ["scram", "nobody"] {
            let login = Login { sasl: Some((mechanism, data)), ..Login::new(user, "right") };
            assert_eq!(log_in(&door, login).await, format!("scram-plus/scram: {expected}"));
        }
    };
    let plus = "SCRAM-SHA-256-PLUS";
    check(plus, "n,,n=,r=a", "08P01 malformed SCRAM message: channel binding expected").await;
    check(
        plus,
        "p=tls-unique,,n=,r=a",
        "0A000 SCRAM channel binding of that type is not supported",
    )
    .await;
    let without = "08P01 malformed SCRAM message: channel binding without the mechanism for it";
    check("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=a", without).await;
    check("PLAIN", "x", "08P01 malformed SCRAM message: mechanism was not offered").await;
}
