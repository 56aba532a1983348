//! What a server keeps of a password.

use std::fmt;

use base64::Engine;
use subtle::ConstantTimeEq;

use super::digest::{HASH_BYTES, Hash, hash, hmac, salted_password};
use super::{BASE64, ITERATIONS, ITERATIONS_MAX, MECHANISM, SALT_BYTES, ScramError};

/// What a server keeps of a password: enough to check a login and to prove
/// itself, not enough to log in with. Still a secret: `Debug` leaves the keys
/// out.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) stored_key: Hash,
    pub(super) server_key: Hash,
}

impl Keys {
    /// Makes the keys of a password. Slow: `iterations` HMACs (about a
    /// millisecond for [`ITERATIONS`]). Zero iterations count as one.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let iterations = iterations.max(1);
        let ProofKeys { client, server } = ProofKeys::derive(password, salt, iterations);
        Self { salt: salt.to_vec(), iterations, stored_key: hash(&client), server_key: server }
    }

    /// Reads a verifier as PostgreSQL keeps it in `pg_authid`:
    /// `SCRAM-SHA-256$4096:salt$stored_key:server_key`.
    pub fn parse(verifier: &str) -> Result<Self, ScramError> {
        Self::parts(verifier).ok_or(ScramError::BadVerifier)
    }

    fn parts(verifier: &str) -> Option<Self> {
        let rest = verifier.strip_prefix(MECHANISM)?.strip_prefix('$')?;
        let (work, keys) = rest.split_once('$')?;
        let (iterations, salt) = work.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let key = |text: &str| Hash::try_from(BASE64.decode(text).ok()?).ok();
        Some(Self {
            salt: BASE64.decode(salt).ok()?,
            iterations: iterations.parse().ok().filter(|&iterations| iterations > 0)?,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }

    /// The verifier, as [`Keys::parse`] reads it. A secret.
    pub fn verifier(&self) -> String {
        let Self { salt, iterations, stored_key, server_key } = self;
        format!(
            "{MECHANISM}${iterations}:{}${}:{}",
            BASE64.encode(salt),
            BASE64.encode(stored_key),
            BASE64.encode(server_key)
        )
    }

    /// Keys for a user that there is not, which no password fits.
    ///
    /// The same user always gets the same salt, so a client cannot tell by
    /// asking twice. `seed` is a secret that must live as long as the salts of
    /// the users that there are. Users with other than [`ITERATIONS`] rounds
    /// can still be told from those.
    pub fn mock(user: &str, seed: &[u8]) -> Self {
        let part = |name: &[u8]| hmac(seed, &[name, b"\0", user.as_bytes()].concat());
        Self {
            salt: part(b"salt").into_iter().take(SALT_BYTES).collect(),
            iterations: ITERATIONS,
            stored_key: part(b"stored key"),
            server_key: part(b"server key"),
        }
    }

    /// The salt for a user's keys that we make ourselves: the one that
    /// [`Keys::mock`] shows, so that having a password cannot be told from it.
    pub fn salt_of(user: &str, seed: &[u8]) -> Vec<u8> {
        Self::mock(user, seed).salt
    }

    /// Whether this is the password. As slow as [`Keys::derive`]. Keys with more
    /// than [`ITERATIONS_MAX`] rounds have no password: it could not be found
    /// out in any sensible time.
    pub fn fit(&self, password: &str) -> bool {
        if self.iterations > ITERATIONS_MAX {
            return false;
        }
        let derived = Self::derive(password, &self.salt, self.iterations);
        derived.stored_key.ct_eq(&self.stored_key).into()
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The number of rounds.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// What the server proves itself with: a secret.
    pub fn server_key(&self) -> [u8; HASH_BYTES] {
        self.server_key
    }
}

/// The keys that two ends of a login prove themselves with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProofKeys {
    pub(crate) client: Hash,
    pub(crate) server: Hash,
}

impl ProofKeys {
    /// Slow: as many HMACs as there are iterations.
    pub(crate) fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = salted_password(password, salt, iterations);
        Self { client: hmac(&salted, b"Client Key"), server: hmac(&salted, b"Server Key") }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}
