//! What is kept of a user in order to check a login.

use std::fmt;
use std::sync::Arc;

use crate::md5::Md5Hash;
use crate::password::Password;
use crate::scram::Keys;

/// A user's stored secret, as in `pg_authid.rolpassword` or a user list.
///
/// `Debug` tells the kind and nothing of the secret.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredSecret {
    /// There is none: the user exists, and no password fits.
    Nothing,
    /// The password itself.
    Plain(Password),
    /// The MD5 of password and name. Good for logging in elsewhere by MD5.
    Md5(Md5Hash),
    /// SCRAM-SHA-256 keys: enough to check a login, not to log in.
    Scram(Arc<Keys>),
}

impl StoredSecret {
    /// Reads a secret in any of its forms. What has the form of neither hash is
    /// a password, as in PostgreSQL; an empty one is no secret.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::Nothing;
        }
        if let Some(hash) = Md5Hash::parse(text) {
            return Self::Md5(hash);
        }
        match Keys::parse(text) {
            Ok(keys) => Self::Scram(Arc::new(keys)),
            Err(_) => Self::Plain(text.into()),
        }
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Plain(_) => "Plain(redacted)",
            Self::Md5(_) => "Md5(redacted)",
            Self::Scram(_) => "Scram(redacted)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_tells_the_kind() {
        let verifier = Keys::derive("x", b"salt", 2).verifier();
        let check = |text: &str, kind: &str| {
            assert_eq!(format!("{:?}", StoredSecret::parse(text)), kind, "{text}");
        };
        check("", "Nothing");
        check("hunter2", "Plain(redacted)");
        check("md5", "Plain(redacted)");
        check("md5900150983cd24fb0d6963f7d28e17f72", "Md5(redacted)");
        check("md5900150983CD24FB0D6963F7D28E17F72", "Plain(redacted)");
        check(&verifier, "Scram(redacted)");
        check(&verifier[..40], "Plain(redacted)");
    }
}
