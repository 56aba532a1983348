//! Bad logins must not be felt by those who are in.

use std::time::Instant;

use afterwrite_frontend::Auth;
use afterwrite_wire::scram::Keys;
use afterwrite_wire::secret::StoredSecret;

use crate::client::{right, wrong};
use crate::door;

/// Three million rounds are seconds of work: were they done on the one thread that
/// serves, nothing else would move meanwhile.
#[tokio::test]
async fn rounds_are_not_done_where_others_are_served() {
    let mut users = door::users();
    let slow = Keys::derive("x", b"salt", 1).verifier().replace("$1:", "$3000000:");
    users.add("slow", StoredSecret::parse(&slow));
    let door = door::open(Auth::Password, users);
    let guess = wrong(&door, "slow");
    let others = async {
        let begun = Instant::now();
        for _ in 0..5 {
            assert!(right(&door, "plain").await.ends_with("with a password"));
        }
        begun.elapsed()
    };
    let begun = Instant::now();
    let (denied, others) = tokio::join!(guess, others);
    assert!(denied.contains("28P01"), "{denied}");
    assert!(others < begun.elapsed() / 2, "{others:?} of {:?}", begun.elapsed());
}
