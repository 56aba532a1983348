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

use super::binding::END_POINT_HEADER;
use super::digest::{Hash, hash, hmac, xor};
use super::{Attributes, BASE64, ChannelBinding, Keys, MECHANISM, MECHANISM_PLUS, ScramError};
use super::{is_nonce, text};

/// One login, seen from the server. The caller hands in a fresh nonce for each.
pub struct ServerExchange {
    keys: Arc<Keys>,
    nonce: String,
    offer: Offer,
    phase: Phase,
}

/// What was said of channel binding before the first message.
enum Offer {
    /// There is no TLS, or none that can be bound to.
    None,
    /// It was offered, and the client chose to do without.
    Declined,
    /// It was offered and chosen.
    Accepted(ChannelBinding),
}

enum Phase {
    Begun,
    Challenged {
        /// What `c=` must repeat, in base64: the header and the binding's bytes.
        bound: String,
        client_first_bare: String,
        server_first: String,
    },
    Over,
}

impl ServerExchange {
    /// Begins a login with a user's keys and a fresh nonce ([`super::nonce`]),
    /// without channel binding.
    pub fn new(keys: impl Into<Arc<Keys>>, server_nonce: impl Into<String>) -> Self {
        let (keys, nonce) = (keys.into(), server_nonce.into());
        Self { keys, nonce, offer: Offer::None, phase: Phase::Begun }
    }

    /// Begins a login by the mechanism that the client has chosen among those
    /// that [`mechanisms`](super::mechanisms) gave for the same `binding`.
    pub fn with_mechanism(
        keys: impl Into<Arc<Keys>>,
        server_nonce: impl Into<String>,
        mechanism: &str,
        binding: Option<&ChannelBinding>,
    ) -> Result<Self, ScramError> {
        let offer = match (mechanism, binding) {
            (MECHANISM_PLUS, Some(binding)) => Offer::Accepted(binding.clone()),
            (MECHANISM, Some(_)) => Offer::Declined,
            (MECHANISM, None) => Offer::None,
            _ => {
                let problem = "mechanism was not offered";
                return Err(ScramError::Malformed { problem });
            }
        };
        Ok(Self { offer, ..Self::new(keys, server_nonce) })
    }

    /// Reads the client's first message and gives the challenge.
    ///
    /// The user name in it is not looked at, as in PostgreSQL: the startup
    /// packet's counts.
    pub fn first(&mut self, client_first: &[u8]) -> Result<Vec<u8>, ScramError> {
        let Phase::Begun = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(ScramError::OutOfTurn);
        };
        let (bound, bare) = self.offer.split_header(text(client_first)?)?;
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
            bound: BASE64.encode(bound),
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
        let Phase::Challenged { bound, client_first_bare, server_first } =
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
        if attributes.take("c", "channel binding expected")? != bound {
            return Err(match self.offer {
                Offer::Accepted(_) => ScramError::BindingDiffers,
                Offer::None | Offer::Declined => {
                    ScramError::Malformed { problem: "channel binding does not match" }
                }
            });
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

impl Offer {
    /// Splits off what stands before the message proper (channel binding and the
    /// identity to act as) and gives what the last message must repeat of it.
    fn split_header<'a>(&self, message: &'a str) -> Result<(Vec<u8>, &'a str), ScramError> {
        let malformed = |problem| Err(ScramError::Malformed { problem });
        match message.as_bytes() {
            [b'p', b'=', ..] => {
                let Self::Accepted(binding) = self else {
                    return malformed("channel binding without the mechanism for it");
                };
                let Some(bare) = message.strip_prefix(END_POINT_HEADER) else {
                    return Err(ScramError::Unsupported {
                        feature: "channel binding of that type",
                    });
                };
                Ok(([END_POINT_HEADER.as_bytes(), &binding.end_point].concat(), bare))
            }
            [b'n' | b'y', b',', b'a', ..] => {
                Err(ScramError::Unsupported { feature: "authorization identity" })
            }
            [kind @ (b'n' | b'y'), b',', b',', ..] => match (self, kind) {
                (Self::Accepted(_), _) => malformed("channel binding expected"),
                // A client that can bind was made to believe that we cannot.
                (Self::Declined, b'y') => Err(ScramError::Downgraded),
                (Self::Declined | Self::None, _) => {
                    let (header, bare) = message.split_at_checked(3).unwrap_or((message, ""));
                    Ok((header.as_bytes().to_vec(), bare))
                }
            },
            _ => malformed("invalid header"),
        }
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
