//! Each method against each kind of stored secret.

use afterwrite_frontend::Auth;

use crate::client::{Login, log_in, right, wrong};
use crate::door::{self, Door};

async fn check(door: &Door, user: &str, expected: &str) {
    assert_eq!(right(door, user).await, expected, "{user}");
}

fn denied(asked: &str, user: &str) -> String {
    format!("{asked}: 28P01 password authentication failed for user \"{user}\"")
}

/// A wrong password, an unknown user and one without a password look the same.
async fn check_denials(door: &Door, asked: &str) {
    for user in ["nobody", "none"] {
        assert_eq!(right(door, user).await, denied(asked, user));
    }
}

#[tokio::test]
async fn clear_text() {
    let door = door::open(Auth::Password, door::users());
    for user in ["plain", "md5", "scram"] {
        check(&door, user, &format!("password: {user}@shop with a password")).await;
        assert_eq!(wrong(&door, user).await, denied("password", user));
    }
    check_denials(&door, "password").await;
    let empty = log_in(&door, Login::new("none", "")).await;
    assert_eq!(empty, denied("password", "none"));
}

#[tokio::test]
async fn md5() {
    let door = door::open(Auth::Md5, door::users());
    check(&door, "plain", "md5: plain@shop with a password").await;
    check(&door, "md5", "md5: md5@shop with an MD5 hash").await;
    check(&door, "scram", "scram: scram@shop with SCRAM keys").await;
    for (user, asked) in [("plain", "md5"), ("md5", "md5"), ("scram", "scram")] {
        assert_eq!(wrong(&door, user).await, denied(asked, user));
    }
    // Most secrets here are not SCRAM, so those who do not exist are asked for MD5.
    check_denials(&door, "md5").await;

    let mut users = door::users();
    for name in ["a", "b", "c"] {
        users.add(name, door::scram("right"));
    }
    check_denials(&door::open(Auth::Md5, users), "scram").await;
}

#[tokio::test]
async fn scram() {
    let door = door::open(Auth::Scram, door::users());
    check(&door, "plain", "scram: plain@shop with a password").await;
    check(&door, "scram", "scram: scram@shop with SCRAM keys").await;
    check(&door, "md5", &denied("scram", "md5")).await;
    for user in ["plain", "scram"] {
        assert_eq!(wrong(&door, user).await, denied("scram", user));
    }
    check_denials(&door, "scram").await;
    let expected = [
        "user \"md5\": wrong password, or SCRAM for a user with an MD5 secret",
        "user \"plain\": wrong password",
        "user \"nobody\": there is no such user",
        "user \"none\": the user has no password",
    ];
    for line in expected {
        let log = door.logged(line).await;
        assert!(!log.contains("right") && !log.contains("SCRAM-SHA-256$"), "{log}");
    }
}

#[tokio::test]
async fn without_a_proof() {
    let door = door::open(Auth::Trust, door::users());
    check(&door, "plain", "plain@shop with a password").await;
    check(&door, "md5", "md5@shop with an MD5 hash").await;
    check(&door, "scram", "scram@shop with nothing").await;
    check(&door, "none", "none@shop with nothing").await;
    check(&door, "nobody", "28000 user \"nobody\" is not served by this proxy").await;

    let door = door::open(Auth::Any, door::users());
    check(&door, "plain", "plain@shop with a password").await;
    check(&door, "nobody", "nobody@shop with nothing").await;
}

#[tokio::test]
async fn databases_are_told_to_proven_users_alone() {
    let door = door::open(Auth::Scram, door::users());
    let to = |database, password| Login { database, ..Login::new("plain", password) };
    let unknown = "scram: 3D000 database \"secret\" is not served by this proxy";
    assert_eq!(log_in(&door, to("secret", "right")).await, unknown);
    assert_eq!(log_in(&door, to("secret", "wrong")).await, denied("scram", "plain"));
    let admin = log_in(&door, to("afterwrite", "right")).await;
    assert_eq!(admin, "scram: plain@afterwrite with a password");
}
