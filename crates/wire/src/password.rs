//! Passwords that cannot be printed by accident, and what was derived from them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use crate::scram::ProofKeys;

/// Salts per password whose keys are kept. One is the rule: a primary and its
/// replicas have the same. The rest is for a change of it under way.
const DERIVED_MAX: usize = 4;

/// A password. Neither `Debug` nor `Display` shows it, and comparing two takes
/// as long for a near miss as for a far one (a different length is quicker).
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the password in.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl From<&str> for Secret {
    fn from(password: &str) -> Self {
        Self(password.to_owned())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

/// A password together with the SCRAM keys that were derived from it.
///
/// Deriving is costly on purpose (a millisecond for 4096 rounds), so it is done
/// once for each salt, by whoever comes first; clones share what was derived.
/// `Debug` shows nothing.
#[derive(Clone)]
pub struct Password(Arc<Shared>);

struct Shared {
    secret: Secret,
    /// The latest last, at most [`DERIVED_MAX`].
    derived: Mutex<Vec<Derived>>,
}

struct Derived {
    salt: Vec<u8>,
    iterations: u32,
    keys: ProofKeys,
}

impl Password {
    /// Takes the password in; nothing is derived yet.
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self(Arc::new(Shared { secret: secret.into(), derived: Mutex::default() }))
    }

    /// The password itself.
    pub fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// The keys under this salt. Slow unless they are kept; others who ask for
    /// keys of this password meanwhile wait, and most likely find theirs.
    pub(crate) fn keys(&self, salt: &[u8], iterations: u32) -> ProofKeys {
        let mut derived = self.derived();
        if let Some(kept) = derived.iter().find(|kept| kept.fits(salt, iterations)) {
            return kept.keys;
        }
        let keys = ProofKeys::derive(self.0.secret.expose(), salt, iterations);
        if derived.len() >= DERIVED_MAX {
            derived.remove(0);
        }
        derived.push(Derived { salt: salt.to_vec(), iterations, keys });
        keys
    }

    /// Whether the keys under this salt are kept. Never waits: where another is
    /// deriving just now, the answer is no.
    pub(crate) fn has_keys(&self, salt: &[u8], iterations: u32) -> bool {
        self.0
            .derived
            .try_lock()
            .is_ok_and(|derived| derived.iter().any(|kept| kept.fits(salt, iterations)))
    }

    fn derived(&self) -> MutexGuard<'_, Vec<Derived>> {
        // What a panic left behind is a list of whole entries all the same.
        self.0.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Derived {
    fn fits(&self, salt: &[u8], iterations: u32) -> bool {
        self.salt == salt && self.iterations == iterations
    }
}

impl<T: Into<Secret>> From<T> for Password {
    fn from(secret: T) -> Self {
        Self::new(secret)
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.secret == other.0.secret
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_once_for_each_salt() {
        let password = Password::from("hunter2");
        assert!(!password.has_keys(b"salt", 2));
        let keys = password.keys(b"salt", 2);
        assert!(password.clone().has_keys(b"salt", 2), "clones share them");
        assert!(!password.has_keys(b"salt", 3));
        assert!(!password.has_keys(b"tlas", 2));
        assert!(keys == password.keys(b"salt", 2));
        assert!(keys == Password::from("hunter2").keys(b"salt", 2));
        assert!(keys != password.keys(b"salt", 3));
        for salt in 0..DERIVED_MAX {
            password.keys(&[u8::try_from(salt).unwrap()], 1);
        }
        assert_eq!(password.derived().len(), DERIVED_MAX);
        assert!(!password.has_keys(b"salt", 2), "the oldest go");
        assert_eq!(format!("{password:?}"), "Password(redacted)");
        assert_eq!(password, Password::from("hunter2"));
        assert_ne!(password, Password::from("hunter3"));
    }

    #[test]
    fn never_shown_and_compared_whole() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "redacted Secret(redacted)");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(secret, Secret::from("hunter2"));
        assert_ne!(secret, Secret::from("hunter3"));
        assert_ne!(secret, Secret::from("hunter"));
    }
}
