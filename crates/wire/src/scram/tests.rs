use super::*;
use crate::credentials::ScramKeys;
use crate::password::Password;

/// The example of RFC 7677, section 3.
mod rfc7677 {
    pub(super) const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    pub(super) const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    pub(super) const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    pub(super) const CLIENT_FINAL: &str = "c=biws,\
         r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    pub(super) const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
}

fn pencil() -> Keys {
    Keys::derive("pencil", &BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4096)
}

/// Few rounds, so that tables of logins stay quick.
fn quick(password: &str) -> Keys {
    Keys::derive(password, b"salt", 2)
}

/// A whole login; the client's password against the server's keys.
fn login(keys: Keys, mut client: ClientExchange) -> Result<ClientExchange, ScramError> {
    let mut server = ServerExchange::new(keys, "SERVER");
    let challenge = server.first(&client.client_first())?;
    let proof = client.client_final(&challenge)?;
    let (last, _) = server.finish(&proof)?;
    client.verify(&last)?;
    Ok(client)
}

#[test]
fn the_example_of_the_rfc_from_the_server() {
    let mut server = ServerExchange::new(pencil(), rfc7677::SERVER_NONCE);
    let challenge = server.first(rfc7677::CLIENT_FIRST.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(challenge).unwrap(), rfc7677::SERVER_FIRST);
    let (last, client_key) = server.finish(rfc7677::CLIENT_FINAL.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(last).unwrap(), rfc7677::SERVER_FINAL);
    assert_eq!(digest::hash(&client_key), pencil().stored_key);
}

#[test]
fn both_sides_agree() {
    for password in ["pencil", "", "pässwörd", "I\u{ad}X", "a\u{7}\u{aa}", &"long".repeat(50)] {
        login(quick(password), ClientExchange::new(password, "CLIENT")).unwrap();
    }
    login(quick("IX"), ClientExchange::new("I\u{ad}X", "CLIENT")).unwrap();
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let wrong = |keys| login(keys, ClientExchange::new("pencil", "CLIENT")).unwrap_err();
    assert_eq!(wrong(quick("pencils")), ScramError::WrongPassword);
    assert_eq!(wrong(Keys::mock("nobody", b"seed")), ScramError::WrongPassword);

    let mock = Keys::mock("nobody", b"seed");
    assert_eq!(mock, Keys::mock("nobody", b"seed"));
    assert_ne!(mock.salt, Keys::mock("somebody", b"seed").salt);
    assert_ne!(mock.salt, Keys::mock("nobody", b"other").salt);
    assert_eq!((mock.salt.len(), mock.iterations), (SALT_BYTES, ITERATIONS));
}

#[test]
fn the_keys_of_one_login_open_another() {
    let mut client = ClientExchange::new("pencil", "CLIENT");
    let mut server = ServerExchange::new(quick("pencil"), "SERVER");
    let challenge = server.first(&client.client_first()).unwrap();
    let proof = client.client_final(&challenge).unwrap();
    let (_, client_key) = server.finish(&proof).unwrap();

    let keys = ScramKeys::new(client_key, quick("pencil").server_key());
    let onward = ClientExchange::with_keys(&keys, "ONWARD");
    login(quick("pencil"), onward).unwrap();
    let other_salt = Keys::derive("pencil", b"other", 2);
    let onward = ClientExchange::with_keys(&keys, "ONWARD");
    assert_eq!(login(other_salt, onward).unwrap_err(), ScramError::WrongPassword);
}

/// The rest of the example: what a client makes of it.
#[test]
fn the_example_of_the_rfc_from_the_client() {
    // We leave the user's name out, as libpq does, so proof and signature are
    // other ones than the example's; the keys behind them are the example's.
    let mut server = ServerExchange::new(pencil(), rfc7677::SERVER_NONCE);
    let mut client = ClientExchange::new("pencil", "rOprNGfwEbeRWgbNEkqO");
    let challenge = server.first(&client.client_first()).unwrap();
    assert_eq!(String::from_utf8(challenge.clone()).unwrap(), rfc7677::SERVER_FIRST);
    assert!(client.is_slow(&challenge));
    let (last, _) = server.finish(&client.client_final(&challenge).unwrap()).unwrap();
    client.verify(&last).unwrap();
    assert!(!client.is_slow(&challenge));
}

#[test]
fn a_kept_derivation_is_used_only_where_it_fits() {
    let password = Password::from("pencil");
    let again = |keys| {
        let client = ClientExchange::new(password.clone(), "AGAIN");
        login(keys, client).map(drop)
    };
    assert_eq!(again(quick("pencil")), Ok(()));
    assert!(password.has_keys(b"salt", 2));
    assert_eq!(again(quick("pencil")), Ok(()));
    // Another salt, another count: each derived anew.
    assert_eq!(again(Keys::derive("pencil", b"other", 2)), Ok(()));
    assert_eq!(again(Keys::derive("pencil", b"salt", 3)), Ok(()));
    assert_eq!(again(quick("pen")), Err(ScramError::WrongPassword));
}

fn binding(end_point: &[u8]) -> ChannelBinding {
    ChannelBinding { end_point: end_point.to_vec() }
}

/// A login with channel binding in whatever way the two ends see it.
fn bound(client: ClientBinding, server: Option<&ChannelBinding>) -> Result<(), ScramError> {
    let mut client = ClientExchange::new("pencil", "CLIENT").with_binding(client);
    let mechanism = client.mechanism();
    let mut server = ServerExchange::with_mechanism(quick("pencil"), "SERVER", mechanism, server)?;
    let challenge = server.first(&client.client_first())?;
    let (last, _) = server.finish(&client.client_final(&challenge)?)?;
    client.verify(&last)
}

#[test]
fn channel_binding() {
    use ClientBinding::{EndPoint, NotOffered, Unsupported};
    let (here, there) = (binding(&[7; 32]), binding(&[8; 32]));
    assert_eq!(bound(EndPoint(here.clone()), Some(&here)), Ok(()));
    assert_eq!(bound(EndPoint(there), Some(&here)), Err(ScramError::BindingDiffers));
    assert_eq!(bound(EndPoint(binding(b"")), Some(&here)), Err(ScramError::BindingDiffers));
    // Without TLS on either side, with TLS on one side only, and with the offer
    // taken out in between.
    assert_eq!(bound(Unsupported, None), Ok(()));
    assert_eq!(bound(NotOffered, None), Ok(()));
    assert_eq!(bound(Unsupported, Some(&here)), Ok(()));
    assert_eq!(bound(NotOffered, Some(&here)), Err(ScramError::Downgraded));
    let not_offered = ScramError::Malformed { problem: "mechanism was not offered" };
    assert_eq!(bound(EndPoint(here), None), Err(not_offered));
    assert_eq!(mechanisms(None), ["SCRAM-SHA-256"]);
    assert_eq!(mechanisms(Some(&binding(b"x"))), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
}

#[test]
fn headers_that_do_not_go_with_the_mechanism() {
    let check = |mechanism: &str, message: &str, expected: &str| {
        let here = binding(&[7; 32]);
        let server = ServerExchange::with_mechanism(quick("x"), "S", mechanism, Some(&here));
        let refused = server.unwrap().first(message.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{message}");
    };
    let expected = "malformed SCRAM message: channel binding expected";
    check(MECHANISM_PLUS, "n,,n=,r=a", expected);
    check(MECHANISM_PLUS, "y,,n=,r=a", expected);
    let other = "SCRAM channel binding of that type is not supported";
    check(MECHANISM_PLUS, "p=tls-unique,,n=,r=a", other);
    check(MECHANISM_PLUS, "p=tls-server-end-point,a=x,n=,r=a", other);
    let without = "malformed SCRAM message: channel binding without the mechanism for it";
    check(MECHANISM, "p=tls-server-end-point,,n=,r=a", without);
    let begun = ServerExchange::with_mechanism(quick("x"), "S", "PLAIN", None);
    assert!(begun.is_err());
}

#[test]
fn a_password_is_held_against_keys() {
    assert!(quick("pencil").fit("pencil"));
    assert!(!quick("pencil").fit("pencils"));
    let endless = Keys { iterations: ITERATIONS_MAX + 1, ..quick("pencil") };
    assert!(!endless.fit("pencil"));
    assert_eq!(Keys::salt_of("nobody", b"seed"), Keys::mock("nobody", b"seed").salt);
}

#[test]
fn client_firsts_that_the_server_refuses() {
    let check = |message: &str, expected: &str| {
        let refused = ServerExchange::new(quick("x"), "S").first(message.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{message}");
    };
    let without = "malformed SCRAM message: channel binding without the mechanism for it";
    check("p=tls-server-end-point,,n=,r=a", without);
    check("n,a=admin,n=,r=a", "SCRAM authorization identity is not supported");
    check("n,,m=x,n=,r=a", "SCRAM mandatory extension is not supported");
    check("", "malformed SCRAM message: invalid header");
    check("x,,n=,r=a", "malformed SCRAM message: invalid header");
    check("n,,r=a", "malformed SCRAM message: user name expected");
    check("n,,n=", "malformed SCRAM message: nonce expected");
    check("n,,n=,r=", "malformed SCRAM message: invalid nonce");
    check("n,,n=,r=a b", "malformed SCRAM message: invalid nonce");
    check(&format!("n,,n=,r={}", "a".repeat(1024)), "malformed SCRAM message: message is too long");

    for fine in ["n,,n=,r=a", "y,,n=*,r=a", "n,,n=u,r=a,x=extension"] {
        assert!(ServerExchange::new(quick("x"), "S").first(fine.as_bytes()).is_ok(), "{fine}");
    }
    assert!(ServerExchange::new(quick("x"), "S").first(b"n,,n=\xff,r=a").is_err());
}

#[test]
fn client_finals_that_the_server_refuses() {
    let check = |tamper: &dyn Fn(&str) -> String, expected: &str| {
        let mut server = ServerExchange::new(pencil(), rfc7677::SERVER_NONCE);
        server.first(rfc7677::CLIENT_FIRST.as_bytes()).unwrap();
        let tampered = tamper(rfc7677::CLIENT_FINAL);
        let refused = server.finish(tampered.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{tampered}");
        assert_eq!(server.finish(tampered.as_bytes()), Err(ScramError::OutOfTurn));
    };
    let swap = |from: &'static str, to: &'static str| move |text: &str| text.replace(from, to);
    check(&swap("c=biws", "c=eSws"), "malformed SCRAM message: channel binding does not match");
    check(&swap("c=biws", "r=biws"), "malformed SCRAM message: channel binding expected");
    check(&swap("r=rOpr", "r=xOpr"), "SCRAM nonce is not the one of this login");
    check(&swap("$k0", "$k"), "SCRAM nonce is not the one of this login");
    check(&swap("p=dHzb", "p=dHzc"), "password authentication failed");
    check(&swap(",p=", ",x=1,p="), "password authentication failed");
    check(&swap("VQ=", "VR="), "malformed SCRAM message: proof expected at the end");
    check(&swap("p=dHzb", "p="), "malformed SCRAM message: proof expected at the end");
    check(&swap(",p=", ",q="), "malformed SCRAM message: proof expected at the end");
    check(&|_| String::new(), "malformed SCRAM message: proof expected at the end");
}

#[test]
fn challenges_that_the_client_refuses() {
    let check = |challenge: &str, expected: &str| {
        let mut client = ClientExchange::new("pencil", "CLIENT");
        let refused = client.client_final(challenge.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{challenge}");
        assert_eq!(client.verify(b"v="), Err(ScramError::OutOfTurn));
    };
    let nonce = "SCRAM nonce is not the one of this login";
    check("r=OTHER,s=AAAA,i=1", nonce);
    check("r=CLIENT,s=AAAA,i=1", nonce);
    check("r=CLIENTé,s=AAAA,i=1", nonce);
    let range = "SCRAM iterations, expected 1 to 10000000";
    check("r=CLIENTx,s=AAAA,i=0", &format!("server asks for 0 {range}"));
    check("r=CLIENTx,s=AAAA,i=10000001", &format!("server asks for 10000001 {range}"));
    check("r=CLIENTx,s=AAAA,i=-1", "malformed SCRAM message: iterations are not a number");
    check("r=CLIENTx,s=AAAA", "malformed SCRAM message: iterations expected");
    check("r=CLIENTx,s=A,i=1", "malformed SCRAM message: salt is not base64");
    check("m=x,r=CLIENTx,s=AAAA,i=1", "SCRAM mandatory extension is not supported");
    check("", "malformed SCRAM message: nonce expected");
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    let mut client = ClientExchange::new("pencil", "CLIENT");
    assert_eq!(client.verify(b"v=AAAA"), Err(ScramError::OutOfTurn));
    client.client_final(b"r=CLIENTx,s=AAAA,i=1").unwrap();
    assert_eq!(client.client_final(b"r=CLIENTx,s=AAAA,i=1"), Err(ScramError::OutOfTurn));
    let forged = format!("v={}", BASE64.encode([0; 32]));
    assert_eq!(client.verify(forged.as_bytes()), Err(ScramError::WrongServer));
    assert_eq!(client.verify(b"v="), Err(ScramError::WrongServer));
    let refused = ScramError::Refused { error: "other-error".into() };
    assert_eq!(client.verify(b"e=other-error"), Err(refused));
    assert!(matches!(client.verify(b"v=?"), Err(ScramError::Malformed { .. })));
    assert!(matches!(client.verify(b""), Err(ScramError::Malformed { .. })));
}

#[test]
fn verifiers() {
    let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
         WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
         wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert_eq!(pencil().verifier(), verifier);
    assert_eq!(Keys::parse(verifier), Ok(pencil()));
    for broken in [
        "",
        "md5abc",
        &verifier.replace("SHA-256", "SHA-512"),
        &verifier.replace("4096", "0"),
        &verifier.replace("4096", "-1"),
        &verifier.replace("4096:", "4096"),
        &verifier.replace("W22Z", "W2Z"),
        &verifier.replace("WG5d", ""),
        &verifier.replace("=:", "="),
        &format!("{verifier}="),
    ] {
        assert_eq!(Keys::parse(broken), Err(ScramError::BadVerifier), "{broken}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let client = login(quick("pencil"), ClientExchange::new("pencil", "CLIENT")).unwrap();
    let server = ServerExchange::new(quick("pencil"), "SERVER");
    let shown = format!("{client:?} {server:?} {:?}", quick("pencil"));
    let expected = "ClientExchange { .. } \
         ServerExchange { phase: \"begun\", .. } Keys { iterations: 2, .. }";
    assert_eq!(shown, expected);
}

#[test]
fn nonces_are_fresh_and_fit() {
    let (one, other) = (nonce().unwrap(), nonce().unwrap());
    assert_ne!(one, other);
    assert_eq!(one.len(), 24);
    assert!(is_nonce(&one));
    assert_ne!(salt().unwrap(), salt().unwrap());
}
