//! Logins to servers that misbehave, and to a real one.

mod hostile;
mod real;

use afterwrite_net::{Address, connect};
use afterwrite_wire::client;
use afterwrite_wire::credentials::{Credentials, ScramKeys};
use afterwrite_wire::md5::Md5Hash;
use afterwrite_wire::password::{Password, Secret};
use afterwrite_wire::scram::{self, ChannelBinding, ClientExchange, Keys, ServerExchange};

use super::*;

fn password(text: &str) -> Credentials {
    Credentials::Password(Password::from(text))
}

fn md5(user: &str) -> Credentials {
    Credentials::Md5(Md5Hash::of("right", user))
}

/// What a user proves that logs in here by a secret, with the password "right".
fn proven(verifier: &str) -> Credentials {
    let keys = Keys::parse(verifier).unwrap();
    let server_key = keys.server_key();
    let mut client = ClientExchange::new("right", scram::nonce().unwrap());
    let mut server = ServerExchange::new(keys, scram::nonce().unwrap());
    let challenge = server.first(&client.client_first()).unwrap();
    let (_, client_key) = server.finish(&client.client_final(&challenge).unwrap()).unwrap();
    Credentials::Scram(ScramKeys::new(client_key, server_key))
}

/// Logs in on loopback: "in", or why not.
async fn log_in(port: u16, login: &Login, binding: Option<&ChannelBinding>) -> String {
    let attempt = async {
        let (stream, _) = connect(&Address::new("127.0.0.1", port)).await?;
        let mut messages = Messages::new(stream);
        let mut out = Vec::new();
        let parameters = [("user", login.user.as_str()), ("database", login.database.as_str())];
        client::startup(&mut out, &parameters);
        messages.send(&out).await?;
        authenticate(&mut messages, login, binding).await
    };
    match attempt.await {
        Ok(()) => "in".to_owned(),
        Err(error) => {
            let shown = format!("{error} {error:?} {login:?}");
            assert!(!shown.contains("right"), "a secret is shown: {shown}");
            error.to_string()
        }
    }
}

/// "in" is the whole outcome; of an error, a part will do.
fn is(outcome: &str, expected: &str) -> bool {
    if expected == "in" { outcome == expected } else { outcome.contains(expected) }
}

fn login(user: &str, credentials: impl Into<Credentials>) -> Login {
    Login::new(user.into(), credentials, "postgres".into())
}

#[test]
fn no_secret_is_shown() {
    for credentials in [password("hunter2"), md5("u"), Some(Secret::new("hunter2")).into()] {
        let shown = format!("{:?}", login("u", credentials));
        assert!(!shown.contains("hunter2") && shown.contains("redacted"), "{shown}");
    }
}
