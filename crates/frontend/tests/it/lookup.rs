//! Users that only the servers know.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use afterwrite_frontend::{Auth, Gate, Lookup, LookupError, Rules, Users};
use afterwrite_wire::secret::StoredSecret;
use parking_lot::Mutex;
use tokio::time::sleep;

use crate::client::{Login, log_in, right, wrong};
use crate::door::{self, Door};

/// A server with users of its own.
#[derive(Default)]
struct Server {
    users: Mutex<HashMap<String, StoredSecret>>,
    asked: AtomicUsize,
}

impl Lookup for Server {
    fn lookup(
        &self,
        database: &str,
        user: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<StoredSecret>, LookupError>> + Send + '_>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = match user {
            "unlucky" => Err(LookupError::new("server 10.0.0.1 is down")),
            _ if database != door::DATABASE => Ok(None),
            user => Ok(self.users.lock().get(user).cloned()),
        };
        Box::pin(async move { answer })
    }
}

fn bed(auth: Auth) -> (Arc<Server>, Door) {
    let server = Arc::new(Server::default());
    for (name, secret) in [("md5", door::md5("md5")), ("scram", door::scram("right"))] {
        server.users.lock().insert(name.into(), secret);
    }
    let mut users = Users::default();
    users.add("listed", StoredSecret::parse("right"));
    let door = door::with_lookup(auth, users, Arc::clone(&server) as _);
    (server, door)
}

#[tokio::test]
async fn who_is_not_in_the_list_is_looked_up() {
    let (server, door) = bed(Auth::Md5);
    assert_eq!(right(&door, "listed").await, "md5: listed@shop with a password");
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
    assert_eq!(right(&door, "md5").await, "md5: md5@shop with an MD5 hash");
    assert_eq!(right(&door, "scram").await, "scram: scram@shop with SCRAM keys");
    let denied = "md5: 28P01 password authentication failed for user \"nobody\"";
    assert_eq!(right(&door, "nobody").await, denied);
    let unlucky = "57P03 the user cannot be looked up at the moment";
    assert_eq!(right(&door, "unlucky").await, unlucky);
    door.logged("server 10.0.0.1 is down").await;
    let elsewhere = Login { database: "other", ..Login::new("md5", "right") };
    let denied = "md5: 28P01 password authentication failed for user \"md5\"";
    assert_eq!(log_in(&door, elsewhere).await, denied, "nothing is told of databases");
}

#[tokio::test]
async fn a_changed_password_works_at_once() {
    // By MD5 and in clear text the same login finds out; by SCRAM the next one,
    // because the client has been shown the old salt.
    for (auth, tries) in [(Auth::Md5, 1), (Auth::Password, 1), (Auth::Scram, 2)] {
        let (server, door) = bed(auth);
        let old = StoredSecret::parse("old");
        server.users.lock().insert("changed".into(), old);
        let login = |password| log_in(&door, Login::new("changed", password));
        assert!(login("old").await.ends_with("with a password"));
        sleep(Duration::from_millis(150)).await;
        server.users.lock().insert("changed".into(), StoredSecret::parse("new"));
        for _ in 1..tries {
            assert!(login("new").await.contains("28P01"));
        }
        assert!(login("new").await.ends_with("with a password"), "{auth:?}");
        assert!(login("old").await.contains("28P01"));
    }
}

#[tokio::test]
async fn guessing_asks_the_server_seldom() {
    let (server, door) = bed(Auth::Scram);
    for _ in 0..50 {
        assert!(wrong(&door, "scram").await.contains("28P01"));
    }
    let asked = server.asked.load(Ordering::SeqCst);
    assert!(asked < 25, "{asked} questions for 50 guesses");
}

#[tokio::test]
async fn a_reload_keeps_what_was_derived() {
    let rules = |users| -> Rules { door::rules(Auth::Scram, users) };
    let old = Gate::new(rules(door::users()), None).unwrap();
    let mut users = door::users();
    users.add("plain", StoredSecret::parse("changed"));
    let new = Arc::new(Gate::new(rules(users), Some(&old)).unwrap());
    let door = door::as_if_from(new, |peer| peer);
    assert_eq!(right(&door, "scram").await, "scram: scram@shop with SCRAM keys");
    assert!(right(&door, "plain").await.contains("28P01"));
    let changed = log_in(&door, Login::new("plain", "changed")).await;
    assert_eq!(changed, "scram: plain@shop with a password");
}
