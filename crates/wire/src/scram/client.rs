//! The client's side of a login.

use std::fmt;

use base64::Engine;
use subtle::ConstantTimeEq;

use super::digest::{Hash, hash, hmac, salted_password, xor};
use super::{Attributes, BASE64, ITERATIONS_MAX, ScramError, is_nonce, text};
use crate::password::Secret;

/// No channel binding, and no other identity.
const GS2_HEADER: &str = "n,,";

/// The keys of one password under one salt.
///
/// Making them is the cost of a login. Kept from one login to the next, they
/// make the others nearly free; they are used only where password, salt and
/// rounds are still the same. A secret: `Debug` shows nothing.
#[derive(Clone)]
pub struct SaltedPassword {
    pub(super) password: Secret,
    salt: Vec<u8>,
    iterations: u32,
    proof: ProofKeys,
}

#[derive(Clone, Copy)]
struct ProofKeys {
    client: Hash,
    server: Hash,
}

impl SaltedPassword {
    fn derive(password: &Secret, salt: Vec<u8>, iterations: u32) -> Self {
        let salted = salted_password(password.expose(), &salt, iterations);
        let proof = ProofKeys {
            client: hmac(&salted, b"Client Key"),
            server: hmac(&salted, b"Server Key"),
        };
        Self { password: password.clone(), salt, iterations, proof }
    }

    fn fits(&self, password: &Secret, salt: &[u8], iterations: u32) -> bool {
        self.salt == salt && self.iterations == iterations && self.password == *password
    }
}

/// What a client logs in with.
enum Proof {
    Password { password: Secret, salted: Option<SaltedPassword> },
    Keys(ProofKeys),
}

/// One login, seen from the client. The caller hands in a fresh nonce for each.
pub struct ClientExchange {
    proof: Proof,
    nonce: String,
    /// What the server must sign with; known after [`ClientExchange::client_final`].
    expected: Option<Hash>,
}

impl ClientExchange {
    /// Begins a login with a password and a fresh nonce ([`super::nonce`]).
    pub fn new(password: impl Into<Secret>, client_nonce: impl Into<String>) -> Self {
        Self::begin(Proof::Password { password: password.into(), salted: None }, client_nonce)
    }

    /// Begins a login with keys instead of a password: what
    /// [`ServerExchange::finish`](super::ServerExchange::finish) and
    /// [`Keys::server_key`](super::Keys::server_key) gave. The server must have
    /// the same salt and rounds.
    pub fn with_keys(client_key: Hash, server_key: Hash, client_nonce: impl Into<String>) -> Self {
        Self::begin(Proof::Keys(ProofKeys { client: client_key, server: server_key }), client_nonce)
    }

    fn begin(proof: Proof, client_nonce: impl Into<String>) -> Self {
        Self { proof, nonce: client_nonce.into(), expected: None }
    }

    /// Uses what an earlier login kept ([`ClientExchange::salted_password`]).
    #[must_use]
    pub fn with_cache(mut self, cached: Option<SaltedPassword>) -> Self {
        if let Proof::Password { salted, .. } = &mut self.proof {
            *salted = cached;
        }
        self
    }

    /// What the next login can use: there after [`ClientExchange::client_final`],
    /// worth keeping after [`ClientExchange::verify`].
    pub fn salted_password(&self) -> Option<&SaltedPassword> {
        match &self.proof {
            Proof::Password { salted, .. } => salted.as_ref(),
            Proof::Keys(_) => None,
        }
    }

    /// The first message. The user name is left out, as libpq does: the startup
    /// packet has it.
    pub fn client_first(&self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.first_bare()).into_bytes()
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Reads the challenge and gives the proof.
    ///
    /// Slow, unless the cache fits: as many HMACs as the server asks for (about
    /// a millisecond for 4096), at most [`ITERATIONS_MAX`].
    pub fn client_final(&mut self, server_first: &[u8]) -> Result<Vec<u8>, ScramError> {
        if self.expected.is_some() {
            return Err(ScramError::OutOfTurn);
        }
        let message = text(server_first)?;
        let Challenge { nonce, salt, iterations } = Challenge::read(message)?;
        // The server must add something of its own: else a proof could be
        // made to be replayed.
        if !nonce.strip_prefix(&self.nonce).is_some_and(is_nonce) {
            return Err(ScramError::WrongNonce);
        }
        let unproven = format!("c={},r={nonce}", BASE64.encode(GS2_HEADER));
        let signed = format!("{},{message},{unproven}", self.first_bare());

        let keys = self.keys(salt, iterations);
        let signature = hmac(&hash(&keys.client), signed.as_bytes());
        self.expected = Some(hmac(&keys.server, signed.as_bytes()));
        let proof = BASE64.encode(xor(&keys.client, &signature));
        Ok(format!("{unproven},p={proof}").into_bytes())
    }

    fn keys(&mut self, salt: Vec<u8>, iterations: u32) -> ProofKeys {
        match &mut self.proof {
            Proof::Keys(keys) => *keys,
            Proof::Password { password, salted } => {
                let fitting = salted.take().filter(|kept| kept.fits(password, &salt, iterations));
                let fitting =
                    fitting.unwrap_or_else(|| SaltedPassword::derive(password, salt, iterations));
                salted.insert(fitting).proof
            }
        }
    }

    /// Checks that the server knows the password too. Only then is the login
    /// good, whatever the server says next.
    pub fn verify(&self, server_final: &[u8]) -> Result<(), ScramError> {
        let expected = self.expected.ok_or(ScramError::OutOfTurn)?;
        let message = text(server_final)?;
        if let Some(error) = message.strip_prefix("e=") {
            return Err(ScramError::Refused { error: error.to_owned() });
        }
        let signature = Attributes::new(message).take("v", "signature expected")?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| ScramError::Malformed { problem: "signature is not base64" })?;
        if !bool::from(signature.as_slice().ct_eq(&expected)) {
            return Err(ScramError::WrongServer);
        }
        Ok(())
    }
}

/// What the server's first message says.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    fn read(message: &'a str) -> Result<Self, ScramError> {
        if message.starts_with("m=") {
            return Err(ScramError::Unsupported { feature: "mandatory extension" });
        }
        let mut attributes = Attributes::new(message);
        let nonce = attributes.take("r", "nonce expected")?;
        let salt = BASE64
            .decode(attributes.take("s", "salt expected")?)
            .map_err(|_| ScramError::Malformed { problem: "salt is not base64" })?;
        let iterations = attributes
            .take("i", "iterations expected")?
            .parse()
            .map_err(|_| ScramError::Malformed { problem: "iterations are not a number" })?;
        match iterations {
            1..=ITERATIONS_MAX => Ok(Self { nonce, salt, iterations }),
            claimed => Err(ScramError::Iterations { claimed }),
        }
    }
}

impl fmt::Debug for SaltedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaltedPassword").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange").finish_non_exhaustive()
    }
}
