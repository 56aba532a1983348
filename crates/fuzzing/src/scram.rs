//! SCRAM, both sides.

use afterwrite_wire::scram::{ClientExchange, Keys, MESSAGE_BYTES_MAX, ScramError, ServerExchange};

use crate::bytes::Choices;

const PASSWORD: &str = "pencil";
const SALT: &[u8] = b"0123456789abcdef";

/// Rounds that a run of the fuzzer can afford.
const ITERATIONS_MAX: u32 = 64;

fn server_with(nonce: &str) -> ServerExchange {
    ServerExchange::new(Keys::derive(PASSWORD, SALT, 1), nonce)
}

/// What a client sends lets nobody in who does not know the password.
pub(crate) fn server(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut first = choices.bytes();
    if first.is_empty() {
        first = b"n,,n=,r=abc";
    }
    let last = choices.rest();
    let mut server = server_with("SERVER");
    let challenge = server.first(first);
    if let Ok(challenge) = &challenge {
        assert!(challenge.len() <= 2 * MESSAGE_BYTES_MAX, "a challenge longer than its question");
        assert!(matches!(server.first(first), Err(ScramError::OutOfTurn)));
    }
    // One without a password cannot make a proof; the fuzzer has none.
    let mut server = server_with("SERVER");
    let begun = server.first(first).is_ok();
    let finished = server.finish(last);
    assert!(finished.is_err(), "a login without the password");
    assert!(begun || finished == Err(ScramError::OutOfTurn));
    assert!(matches!(server.finish(last), Err(ScramError::OutOfTurn)), "a second try");
}

/// What a server sends makes no client believe that it knows the password.
pub(crate) fn client(data: &[u8]) {
    let mut choices = Choices::new(data);
    let challenge = choices.bytes();
    let last = choices.rest();
    if claimed_rounds(challenge).is_some_and(|rounds| rounds > ITERATIONS_MAX) {
        return;
    }
    let mut client = ClientExchange::new(PASSWORD, "abc");
    assert_eq!(client.verify(last), Err(ScramError::OutOfTurn));
    if let Ok(proof) = client.client_final(challenge) {
        let proof = String::from_utf8_lossy(&proof).into_owned();
        assert!(proof.starts_with("c=biws,r=abc") && !proof.contains(PASSWORD), "{proof}");
        assert!(matches!(client.client_final(challenge), Err(ScramError::OutOfTurn)));
        assert!(client.verify(last).is_err(), "a server without the password was believed");
    }
    // The other way round: an honest server with this nonce understands the client.
    let Ok(nonce) = std::str::from_utf8(last) else { return };
    if nonce.bytes().any(|byte| byte == b',' || !byte.is_ascii_graphic()) {
        return;
    }
    let mut client = ClientExchange::new(PASSWORD, "abc");
    let mut server = server_with(nonce);
    let challenge = server.first(&client.client_first());
    let Ok(challenge) = challenge else { unreachable!("an honest client is refused") };
    if let Ok(proof) = client.client_final(&challenge) {
        let finished = server.finish(&proof);
        let Ok((signature, _)) = finished else { unreachable!("{nonce:?}: {finished:?}") };
        assert_eq!(client.verify(&signature), Ok(()));
    }
}

fn claimed_rounds(challenge: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(challenge).ok()?;
    text.split(',').filter_map(|it| it.strip_prefix("i=")).filter_map(|it| it.parse().ok()).max()
}

/// A verifier that is read prints as one that reads the same.
pub(crate) fn keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(keys) = Keys::parse(text) {
        assert!(keys.iterations() > 0);
        assert!(Keys::parse(&keys.verifier()).is_ok_and(|again| again == keys));
        assert!(!format!("{keys:?}").contains(text), "a verifier is a secret");
    }
}
