//! The client's side of a login.

use std::fmt;

use base64::Engine;
use subtle::ConstantTimeEq;

use super::digest::{Hash, hash, hmac, xor};
use super::{Attributes, BASE64, ClientBinding, ITERATIONS_MAX, ProofKeys, ScramError};
use super::{is_nonce, text};
use crate::credentials::ScramKeys;
use crate::password::Password;

/// What a client logs in with.
enum Proof {
    Password(Password),
    Keys(ProofKeys),
}

/// One login, seen from the client. The caller hands in a fresh nonce for each.
pub struct ClientExchange {
    proof: Proof,
    nonce: String,
    binding: ClientBinding,
    /// What the server must sign with; known after [`ClientExchange::client_final`].
    expected: Option<Hash>,
}

impl ClientExchange {
    /// Begins a login with a password and a fresh nonce ([`super::nonce`]).
    pub fn new(password: impl Into<Password>, client_nonce: impl Into<String>) -> Self {
        Self::begin(Proof::Password(password.into()), client_nonce)
    }

    /// Begins a login with keys instead of a password. The server must have the
    /// same salt and rounds as where they come from.
    pub fn with_keys(keys: &ScramKeys, client_nonce: impl Into<String>) -> Self {
        Self::begin(Proof::Keys(keys.0), client_nonce)
    }

    fn begin(proof: Proof, client_nonce: impl Into<String>) -> Self {
        let binding = ClientBinding::default();
        Self { proof, nonce: client_nonce.into(), binding, expected: None }
    }

    /// Says how this client stands to channel binding.
    #[must_use]
    pub fn with_binding(mut self, binding: ClientBinding) -> Self {
        self.binding = binding;
        self
    }

    /// The mechanism that was chosen with the binding.
    pub fn mechanism(&self) -> &'static str {
        self.binding.mechanism()
    }

    /// Whether [`ClientExchange::client_final`] would be slow: keys must be
    /// derived that nobody has derived before. Where it is, it does not belong
    /// on a thread that serves others.
    pub fn is_slow(&self, server_first: &[u8]) -> bool {
        let Proof::Password(password) = &self.proof else { return false };
        text(server_first)
            .and_then(Challenge::read)
            .is_ok_and(|asked| !password.has_keys(&asked.salt, asked.iterations))
    }

    /// The first message. The user name is left out, as libpq does: the startup
    /// packet has it.
    pub fn client_first(&self) -> Vec<u8> {
        format!("{}{}", self.binding.header(), self.first_bare()).into_bytes()
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Reads the challenge and gives the proof.
    ///
    /// Slow where [`ClientExchange::is_slow`] says so: as many HMACs as the server
    /// asks for (about a millisecond for 4096), at most [`ITERATIONS_MAX`].
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
        let unproven = format!("c={},r={nonce}", BASE64.encode(self.binding.proven()));
        let signed = format!("{},{message},{unproven}", self.first_bare());

        let keys = self.keys(&salt, iterations);
        let signature = hmac(&hash(&keys.client), signed.as_bytes());
        self.expected = Some(hmac(&keys.server, signed.as_bytes()));
        let proof = BASE64.encode(xor(&keys.client, &signature));
        Ok(format!("{unproven},p={proof}").into_bytes())
    }

    fn keys(&self, salt: &[u8], iterations: u32) -> ProofKeys {
        match &self.proof {
            Proof::Keys(keys) => *keys,
            Proof::Password(password) => password.keys(salt, iterations),
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

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange").finish_non_exhaustive()
    }
}
