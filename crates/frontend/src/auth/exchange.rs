//! Asking a client for its proof.

use std::sync::Arc;

use afterwrite_wire::client::{SaslInitial, password_text};
use afterwrite_wire::credentials::{Credentials, ScramKeys};
use afterwrite_wire::md5;
use afterwrite_wire::password::Secret;
use afterwrite_wire::scram::{self, Keys, ScramError, ServerExchange};
use afterwrite_wire::secret::StoredSecret;
use afterwrite_wire::server;
use afterwrite_wire::tags::client as tag;

use super::gate::{Found, Gate};
use super::peer::Peer;
use crate::error::{Denial, LoginError};
use crate::login::Wire;

/// One client that is asked for its proof.
pub(super) struct Asking<'a> {
    pub(super) gate: &'a Gate,
    pub(super) user: &'a str,
    pub(super) database: &'a str,
    pub(super) peer: &'a Peer,
    pub(super) wire: &'a mut Wire,
}

impl Asking<'_> {
    /// Asks for the password in clear text.
    pub(super) async fn password(&mut self, found: Found) -> Result<Credentials, LoginError> {
        let mut out = Vec::new();
        server::authentication_cleartext(&mut out);
        self.wire.send(&out).await?;
        let given = self.wire.next(tag::PASSWORD).await?;
        let given = Secret::new(password_text(&given)?);
        let mut found = found;
        loop {
            if let Some(known) = &found.known
                && let Some(proven) = known.check(given.clone(), self.gate.checking()).await?
            {
                return Ok(proven);
            }
            found = self.look_again(found).await?;
        }
    }

    /// Asks for the password's MD5.
    pub(super) async fn md5(&mut self, found: Found) -> Result<Credentials, LoginError> {
        let salt = md5::salt().map_err(LoginError::Scram)?;
        let mut out = Vec::new();
        server::authentication_md5(&mut out, salt);
        self.wire.send(&out).await?;
        let given = self.wire.next(tag::PASSWORD).await?;
        let given = Secret::new(password_text(&given)?);
        let mut found = found;
        loop {
            if let Some(known) = &found.known
                && known.md5().is_some_and(|hash| hash.fits(salt, given.expose()))
            {
                return Ok(known.credentials());
            }
            found = self.look_again(found).await?;
        }
    }

    /// Looks for the user again if that is worth while; else the login is denied.
    async fn look_again(&self, found: Found) -> Result<Found, LoginError> {
        if self.gate.failed(&found) {
            self.gate.find(self.database, self.user).await
        } else {
            Err(self.denied(why(&found)))
        }
    }

    /// Asks for SCRAM-SHA-256. A user that does not exist, or has no fitting
    /// secret, goes through the same steps as one with a wrong password.
    pub(super) async fn scram(&mut self, found: Found) -> Result<Credentials, LoginError> {
        let gate = self.gate;
        let keys = match &found.known {
            Some(known) => known.keys(gate.seed(), gate.deriving()).await?,
            None => None,
        };
        let possible = keys.is_some();
        let keys = keys.unwrap_or_else(|| Arc::new(Keys::mock(self.user, gate.seed())));
        let proven = self.prove(&keys).await;
        match (proven, &found.known) {
            (Ok((last, client_key)), Some(known)) if possible => {
                let mut out = Vec::new();
                server::authentication_sasl_final(&mut out, &last);
                self.wire.send(&out).await?;
                Ok(match &known.secret {
                    StoredSecret::Scram(keys) => {
                        Credentials::Scram(ScramKeys::new(client_key, keys.server_key()))
                    }
                    StoredSecret::Plain(_) | StoredSecret::Md5(_) | StoredSecret::Nothing => {
                        known.credentials()
                    }
                })
            }
            (Ok(_) | Err(LoginError::Scram(ScramError::WrongPassword)), _) => {
                // The client has been shown the old salt: only a new login can
                // succeed, and that one asks again.
                gate.failed(&found);
                Err(self.denied(why(&found)))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The exchange itself: the last message for the client, and its key.
    async fn prove(&mut self, keys: &Arc<Keys>) -> Result<(Vec<u8>, [u8; 32]), LoginError> {
        let binding = self.peer.tls.as_ref().and_then(|tls| tls.binding.as_ref());
        let mut out = Vec::new();
        server::authentication_sasl(&mut out, scram::mechanisms(binding));
        self.wire.send(&out).await?;
        let body = self.wire.next(tag::PASSWORD).await?;
        let initial = SaslInitial::decode(&body)?;
        let nonce = scram::nonce().map_err(LoginError::Scram)?;
        let mut exchange =
            ServerExchange::with_mechanism(Arc::clone(keys), nonce, initial.mechanism, binding)
                .map_err(LoginError::Scram)?;
        // Some clients send nothing with their choice, and wait to be asked.
        let first = if let Some(data) = initial.data {
            exchange.first(data)
        } else {
            out.clear();
            server::authentication_sasl_continue(&mut out, b"");
            self.wire.send(&out).await?;
            exchange.first(&self.wire.next(tag::PASSWORD).await?)
        };
        out.clear();
        server::authentication_sasl_continue(&mut out, &first.map_err(LoginError::Scram)?);
        self.wire.send(&out).await?;
        let last = self.wire.next(tag::PASSWORD).await?;
        exchange.finish(&last).map_err(LoginError::Scram)
    }

    fn denied(&self, why: &str) -> LoginError {
        let (user, why) = (self.user.to_owned(), why.to_owned());
        LoginError::Denied { user, denial: Denial::Password, why }
    }
}

/// Why a password login failed, for the log alone.
fn why(found: &Found) -> &'static str {
    match found.known.as_ref().map(|known| &known.secret) {
        None => "there is no such user",
        Some(StoredSecret::Nothing) => "the user has no password",
        Some(StoredSecret::Md5(_)) => "wrong password, or SCRAM for a user with an MD5 secret",
        Some(StoredSecret::Plain(_) | StoredSecret::Scram(_)) => "wrong password",
    }
}
