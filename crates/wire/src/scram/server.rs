//! The server's side of a login.
//!
//! ```text
//! Begun ──first──► Challenged ──finish──► Over
//!   └──────any fault─────┴──────────────────┘
//! ```

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use subtle::ConstantTimeEq;

use super::digest::{Hash, hash, hmac, xor};
use super::{Attributes, BASE64, Keys, ScramError, is_nonce, text};

/// One login, seen from the server. The caller hands in a fresh nonce for each.
pub struct ServerExchange {
    keys: Arc<Keys>,
    nonce: String,
    phase: Phase,
}

enum Phase {
    Begun,
    Challenged {
        /// What `c=` must repeat, in base64.
        gs2_header: String,
        client_first_bare: String,
        server_first: String,
    },
    Over,
}

impl ServerExchange {
    /// Begins a login with a user's keys and a fresh nonce ([`super::nonce`]).
    pub fn new(keys: impl Into<Arc<Keys>>, server_nonce: impl Into<String>) -> Self {
        Self { keys: keys.into(), nonce: server_nonce.into(), phase: Phase::Begun }
    }

    /// Reads the client's first message and gives the challenge.
    ///
    /// The user name in it is not looked at, as in PostgreSQL: the startup
    /// packet's counts.
    pub fn first(&mut self, client_first: &[u8]) -> Result<Vec<u8>, ScramError> {
        let Phase::Begun = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(ScramError::OutOfTurn);
        };
        let (gs2_header, bare) = split_gs2_header(text(client_first)?)?;
        if bare.starts_with("m=") {
            return Err(ScramError::Unsupported { feature: "mandatory extension" });
        }
        let mut attributes = Attributes::new(bare);
        attributes.take("n", "user name expected")?;
        let client_nonce = attributes.take("r", "nonce expected")?;
        if !is_nonce(client_nonce) {
            return Err(ScramError::Malformed { problem: "invalid nonce" });
        }
        // Optional extensions may follow: they count for the proof and are
        // otherwise ignored.
        let server_first = format!(
            "r={client_nonce}{},s={},i={}",
            self.nonce,
            BASE64.encode(&self.keys.salt),
            self.keys.iterations
        );
        self.nonce.insert_str(0, client_nonce);
        let challenge = server_first.clone().into_bytes();
        self.phase = Phase::Challenged {
            gs2_header: BASE64.encode(gs2_header),
            client_first_bare: bare.to_owned(),
            server_first,
        };
        Ok(challenge)
    }

    /// Checks the client's proof and gives the server's last message, and the
    /// client's key.
    ///
    /// With that key and [`Keys::server_key`] one can log in elsewhere as this
    /// client, where salt and rounds are the same: it is a secret.
    pub fn finish(&mut self, client_final: &[u8]) -> Result<(Vec<u8>, Hash), ScramError> {
        let Phase::Challenged { gs2_header, client_first_bare, server_first } =
            std::mem::replace(&mut self.phase, Phase::Over)
        else {
            return Err(ScramError::OutOfTurn);
        };
        let message = text(client_final)?;
        let no_proof = ScramError::Malformed { problem: "proof expected at the end" };
        let (unproven, proof) = message.rsplit_once(",p=").ok_or(no_proof.clone())?;
        let proof = BASE64.decode(proof).ok().and_then(|proof| Hash::try_from(proof).ok());
        let proof = proof.ok_or(no_proof)?;

        let mut attributes = Attributes::new(unproven);
        if attributes.take("c", "channel binding expected")? != gs2_header {
            return Err(ScramError::Malformed { problem: "channel binding does not match" });
        }
        if attributes.take("r", "nonce expected")? != self.nonce {
            return Err(ScramError::WrongNonce);
        }

        let signed = format!("{client_first_bare},{server_first},{unproven}");
        let client_key = xor(&proof, &hmac(&self.keys.stored_key, signed.as_bytes()));
        if !bool::from(hash(&client_key).ct_eq(&self.keys.stored_key)) {
            return Err(ScramError::WrongPassword);
        }
        let signature = hmac(&self.keys.server_key, signed.as_bytes());
        Ok((format!("v={}", BASE64.encode(signature)).into_bytes(), client_key))
    }
}

/// Splits off what stands before the message proper: channel binding and the
/// identity to act as.
fn split_gs2_header(message: &str) -> Result<(&str, &str), ScramError> {
    for header in ["n,,", "y,,"] {
        if let Some(bare) = message.strip_prefix(header) {
            return Ok((header, bare));
        }
    }
    match message.as_bytes() {
        [b'p', b'=', ..] => Err(ScramError::Unsupported { feature: "channel binding" }),
        [b'n' | b'y', b',', b'a', ..] => {
            Err(ScramError::Unsupported { feature: "authorization identity" })
        }
        _ => Err(ScramError::Malformed { problem: "invalid header" }),
    }
}

impl fmt::Debug for ServerExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Begun => "begun",
            Phase::Challenged { .. } => "challenged",
            Phase::Over => "over",
        };
        f.debug_struct("ServerExchange").field("phase", &phase).finish_non_exhaustive()
    }
}
