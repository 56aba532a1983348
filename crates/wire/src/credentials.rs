//! What a login to a server can be made with.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::md5::Md5Hash;
use crate::password::{Password, Secret};
use crate::scram::ProofKeys;

/// What is known of a user, for logging in to a server as that user.
///
/// Cheap to clone; `Debug` tells the kind and nothing of the secret. Two are
/// equal if the same logins can be made with them.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing: the server must ask for nothing.
    #[default]
    Nothing,
    /// The password: enough for whatever a server asks.
    Password(Password),
    /// The MD5 hash: enough where the server asks for MD5.
    Md5(Md5Hash),
    /// The SCRAM keys that the user proved at its own login: enough where the
    /// server keeps the very secret that the user was checked against.
    Scram(ScramKeys),
}

impl Credentials {
    /// The kind, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Password(_) => "a password",
            Self::Md5(_) => "an MD5 hash",
            Self::Scram(_) => "SCRAM keys",
        }
    }
}

impl From<Option<Secret>> for Credentials {
    fn from(password: Option<Secret>) -> Self {
        password.map_or(Self::Nothing, |secret| Self::Password(secret.into()))
    }
}

impl From<Password> for Credentials {
    fn from(password: Password) -> Self {
        Self::Password(password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Password(_) => "Password(redacted)",
            Self::Md5(_) => "Md5(redacted)",
            Self::Scram(_) => "Scram(redacted)",
        })
    }
}

/// The two SCRAM keys of a user under one salt: what a client proves itself
/// with, and what the server must prove itself with. `Debug` shows nothing.
#[derive(Clone)]
pub struct ScramKeys(pub(crate) ProofKeys);

impl ScramKeys {
    /// `client_key` is what
    /// [`ServerExchange::finish`](crate::scram::ServerExchange::finish) found,
    /// `server_key` what [`Keys::server_key`](crate::scram::Keys::server_key) gives.
    pub fn new(client_key: [u8; 32], server_key: [u8; 32]) -> Self {
        Self(ProofKeys { client: client_key, server: server_key })
    }
}

impl PartialEq for ScramKeys {
    fn eq(&self, other: &Self) -> bool {
        let same: Choice =
            self.0.client.ct_eq(&other.0.client) & self.0.server.ct_eq(&other.0.server);
        same.into()
    }
}

impl Eq for ScramKeys {}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_by_kind_alone_and_compared_whole() {
        let password = Credentials::from(Some(Secret::new("hunter2")));
        let md5 = Credentials::Md5(Md5Hash::of("hunter2", "u"));
        let scram = Credentials::Scram(ScramKeys::new([1; 32], [2; 32]));
        let shown = format!("{:?} {password:?} {md5:?} {scram:?}", Credentials::from(None));
        assert_eq!(shown, "Nothing Password(redacted) Md5(redacted) Scram(redacted)");
        assert_eq!(password, Credentials::from(Password::from("hunter2")));
        assert_ne!(password, Credentials::from(Password::from("hunter3")));
        assert_ne!(password, md5);
        assert_ne!(scram, Credentials::Scram(ScramKeys::new([1; 32], [3; 32])));
        assert_ne!(scram, Credentials::Scram(ScramKeys::new([3; 32], [2; 32])));
    }
}
