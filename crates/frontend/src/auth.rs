//! Who may log in, and how they prove who they are.

use std::sync::Arc;

use afterwrite_wire::client::{SaslInitial, password_text};
use afterwrite_wire::password::Secret;
use afterwrite_wire::scram::{self, Keys, ScramError, ServerExchange};
use afterwrite_wire::server;
use afterwrite_wire::tags::client as tag;

use crate::error::LoginError;
use crate::login::Wire;

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// They need not.
    Trust,
    /// By a password in clear text.
    Password,
    /// By SCRAM-SHA-256.
    Scram,
}

/// Who may log in.
#[derive(Debug)]
pub struct Users {
    auth: Auth,
    user: String,
    database: String,
    password: Option<Secret>,
    keys: Option<Arc<Keys>>,
    /// Makes the salt of users that do not exist look like a real one.
    seed: [u8; 16],
}

impl Users {
    /// One user with one password, for one database.
    ///
    /// The keys are derived here, once: it is costly on purpose.
    pub fn new(
        auth: Auth,
        user: String,
        password: Option<Secret>,
        database: String,
    ) -> Result<Self, ScramError> {
        let keys = match (&password, auth) {
            (Some(password), Auth::Scram) => {
                let salt = scram::salt()?;
                Some(Arc::new(Keys::derive(password.expose(), &salt, scram::ITERATIONS)))
            }
            _ => None,
        };
        Ok(Self { auth, user, database, password, keys, seed: scram::salt()? })
    }

    /// Whether the database is served here.
    pub(crate) fn serves(&self, database: &str) -> bool {
        self.database == database
    }

    /// Lets a client prove that it is `user`.
    pub(crate) async fn authenticate(&self, user: &str, wire: &mut Wire) -> Result<(), LoginError> {
        let known = user == self.user;
        let denied = || LoginError::Denied { user: user.to_owned() };
        let proven = match self.auth {
            Auth::Trust => true,
            Auth::Password => self.check_password(wire).await?,
            Auth::Scram => self.check_scram(user, known, wire).await?,
        };
        match (known, self.auth) {
            (true, _) if proven => Ok(()),
            // Nobody was asked for a password, so none is to blame.
            (_, Auth::Trust) => Err(LoginError::UnknownUser(user.to_owned())),
            (_, Auth::Password | Auth::Scram) => Err(denied()),
        }
    }

    async fn check_password(&self, wire: &mut Wire) -> Result<bool, LoginError> {
        let mut out = Vec::new();
        server::authentication_cleartext(&mut out);
        wire.send(&out).await?;
        let given = wire.next(tag::PASSWORD).await?;
        let given = Secret::new(password_text(&given)?);
        Ok(self.password.as_ref().is_some_and(|password| *password == given))
    }

    async fn check_scram(
        &self,
        user: &str,
        known: bool,
        wire: &mut Wire,
    ) -> Result<bool, LoginError> {
        let keys = match &self.keys {
            Some(keys) if known => Arc::clone(keys),
            _ => Arc::new(Keys::mock(user, &self.seed)),
        };
        let mut out = Vec::new();
        server::authentication_sasl(&mut out, &[scram::MECHANISM]);
        wire.send(&out).await?;
        let body = wire.next(tag::PASSWORD).await?;
        let initial = SaslInitial::decode(&body)?;
        let mut exchange = ServerExchange::new(keys, scram::nonce().map_err(LoginError::Scram)?);
        let first = exchange.first(initial.data.unwrap_or_default()).map_err(LoginError::Scram)?;
        out.clear();
        server::authentication_sasl_continue(&mut out, &first);
        wire.send(&out).await?;
        let last = wire.next(tag::PASSWORD).await?;
        // A wrong proof and an unknown user must look the same.
        let Ok((last, _)) = exchange.finish(&last) else { return Ok(false) };
        if known {
            out.clear();
            server::authentication_sasl_final(&mut out, &last);
            wire.send(&out).await?;
        }
        Ok(known)
    }
}
