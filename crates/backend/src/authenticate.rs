//! Logging in to a server: whatever it asks, from what is known of the user.
//!
//! | the server asks for | a password | an MD5 hash | SCRAM keys | nothing |
//! | --- | --- | --- | --- | --- |
//! | nothing (trust, certificate, peer) | yes | yes | yes | yes |
//! | clear text | yes | no | no | no |
//! | MD5 | yes | yes | no | no |
//! | SCRAM-SHA-256, with channel binding or without | yes | no | yes | no |
//!
//! # Invariant: a SCRAM server proves itself
//!
//! Once SCRAM has begun, the login succeeds only after the server has shown that
//! it knows the password too, whatever it says.

use afterwrite_wire::client;
use afterwrite_wire::credentials::Credentials;
use afterwrite_wire::password::Password;
use afterwrite_wire::scram::{self, ChannelBinding, ClientBinding, ClientExchange};
use afterwrite_wire::server::Authentication;
use afterwrite_wire::tags::server as tag;
use tokio::task::spawn_blocking;

use crate::connect::{Login, unexpected};
use crate::error::ConnectError;
use crate::stream::Messages;

/// Whether logins are tied to their TLS connection: `channel_binding` of libpq.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BindingPolicy {
    /// They are not.
    Disable,
    /// They are wherever the server offers it.
    #[default]
    Prefer,
    /// They are, or there is no login.
    Require,
}

/// Proves to the server that we are the user of `login`; returns once the server
/// has said that we are in.
///
/// `binding` identifies the TLS connection, if there is one that can be bound to.
pub(crate) async fn authenticate(
    messages: &mut Messages,
    login: &Login,
    binding: Option<&ChannelBinding>,
) -> Result<(), ConnectError> {
    let (request, body) = messages.next().await?;
    if request != tag::AUTHENTICATION {
        return Err(refused(login, request, &body));
    }
    let mut out = Vec::new();
    match Authentication::decode(&body)? {
        Authentication::Ok => return bound_if_required(login),
        Authentication::Sasl { mechanisms } => {
            let exchange = begin(login, &mechanisms, binding)?;
            client::sasl_initial(&mut out, exchange.mechanism(), &exchange.client_first());
            messages.send(&out).await?;
            prove(messages, login, exchange).await?;
        }
        Authentication::CleartextPassword => {
            bound_if_required(login)?;
            client::password(
                &mut out,
                password(login, "the password in clear text")?.secret().expose(),
            );
            messages.send(&out).await?;
        }
        Authentication::Md5 { salt } => {
            bound_if_required(login)?;
            client::password(&mut out, &md5(login, salt)?);
            messages.send(&out).await?;
        }
        Authentication::SaslContinue(_) | Authentication::SaslFinal(_) => {
            return Err(ConnectError::Protocol("SASL out of turn".into()));
        }
        Authentication::Other(code) => return Err(ConnectError::Unsupported(kind(code))),
    }
    let (answer, body) = messages.next().await?;
    match answer {
        tag::AUTHENTICATION if Authentication::decode(&body)? == Authentication::Ok => Ok(()),
        _ => Err(refused(login, answer, &body)),
    }
}

/// The SCRAM exchange behind its first message, until the server is proven.
async fn prove(
    messages: &mut Messages,
    login: &Login,
    mut exchange: ClientExchange,
) -> Result<(), ConnectError> {
    let (answer, body) = messages.next().await?;
    let Some(Authentication::SaslContinue(challenge)) = request(answer, &body)? else {
        return Err(refused(login, answer, &body));
    };
    let last = if exchange.is_slow(challenge) {
        // A hostile server can ask for seconds of work: not on a thread that
        // serves others.
        let challenge = challenge.to_vec();
        let derived = spawn_blocking(move || {
            let last = exchange.client_final(&challenge);
            (exchange, last)
        });
        let (back, last) =
            derived.await.map_err(|error| ConnectError::Io(std::io::Error::other(error)))?;
        exchange = back;
        last?
    } else {
        exchange.client_final(challenge)?
    };
    let mut out = Vec::new();
    client::sasl_response(&mut out, &last);
    messages.send(&out).await?;
    let (answer, body) = messages.next().await?;
    let Some(Authentication::SaslFinal(signature)) = request(answer, &body)? else {
        return Err(refused(login, answer, &body));
    };
    Ok(exchange.verify(signature)?)
}

fn request(answer: u8, body: &[u8]) -> Result<Option<Authentication<'_>>, ConnectError> {
    Ok((answer == tag::AUTHENTICATION).then(|| Authentication::decode(body)).transpose()?)
}

/// Chooses the mechanism, and what to prove oneself with.
fn begin(
    login: &Login,
    mechanisms: &[&str],
    binding: Option<&ChannelBinding>,
) -> Result<ClientExchange, ConnectError> {
    let offers = |mechanism| mechanisms.contains(&mechanism);
    let how = match (login.channel_binding, binding) {
        (BindingPolicy::Prefer | BindingPolicy::Require, Some(binding))
            if offers(scram::MECHANISM_PLUS) =>
        {
            ClientBinding::EndPoint(binding.clone())
        }
        (BindingPolicy::Require, _) => return Err(ConnectError::NotBound),
        // "I could, and was not offered it": if the server did offer it, it now
        // learns that somebody in between took the offer out.
        (BindingPolicy::Prefer, Some(_)) => ClientBinding::NotOffered,
        (BindingPolicy::Prefer, None) | (BindingPolicy::Disable, _) => ClientBinding::Unsupported,
    };
    if !offers(how.mechanism()) {
        return Err(ConnectError::Unsupported("a SASL mechanism other than SCRAM-SHA-256"));
    }
    let nonce = scram::nonce()?;
    let exchange = match &login.credentials {
        Credentials::Password(password) => ClientExchange::new(password.clone(), nonce),
        Credentials::Scram(keys) => ClientExchange::with_keys(keys, nonce),
        Credentials::Nothing | Credentials::Md5(_) => return Err(lacking(login, "SCRAM-SHA-256")),
    };
    Ok(exchange.with_binding(how))
}

fn password<'a>(login: &'a Login, wanted: &'static str) -> Result<&'a Password, ConnectError> {
    match &login.credentials {
        Credentials::Password(password) => Ok(password),
        Credentials::Nothing | Credentials::Md5(_) | Credentials::Scram(_) => {
            Err(lacking(login, wanted))
        }
    }
}

fn md5(login: &Login, salt: [u8; 4]) -> Result<String, ConnectError> {
    use afterwrite_wire::md5::Md5Hash;
    match &login.credentials {
        Credentials::Password(password) => {
            Ok(Md5Hash::of(password.secret().expose(), &login.user).answer(salt))
        }
        Credentials::Md5(hash) => Ok(hash.answer(salt)),
        Credentials::Nothing | Credentials::Scram(_) => Err(lacking(login, "MD5")),
    }
}

fn lacking(login: &Login, wanted: &'static str) -> ConnectError {
    let user = login.user.clone();
    match &login.credentials {
        Credentials::Nothing => ConnectError::NoPassword { user },
        known => ConnectError::WrongKind { user, wanted, known: known.kind() },
    }
}

/// Only SCRAM can be bound to its connection.
fn bound_if_required(login: &Login) -> Result<(), ConnectError> {
    match login.channel_binding {
        BindingPolicy::Require => Err(ConnectError::NotBound),
        BindingPolicy::Disable | BindingPolicy::Prefer => Ok(()),
    }
}

/// What the server said instead of going on with the login.
fn refused(login: &Login, answer: u8, body: &[u8]) -> ConnectError {
    match (unexpected(answer, body), &login.credentials) {
        (ConnectError::Refused { code, message }, Credentials::Scram(_)) if code == "28P01" => {
            ConnectError::KeysRefused { user: login.user.clone(), message }
        }
        (error, _) => error,
    }
}

/// The name of what we do not do, by its code in the protocol.
fn kind(code: u32) -> &'static str {
    match code {
        2 => "Kerberos V5",
        7 | 8 => "GSSAPI",
        9 => "SSPI",
        _ => "another kind of authentication",
    }
}

#[cfg(test)]
mod tests;
