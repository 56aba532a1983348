//! Tokens.

use crate::Secret;

/// How tokens are signed, and who is told them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokensConfig {
    /// The first signs, all are believed; no two have the same number or the same secret.
    /// Empty: tokens are not signed.
    pub keys: Vec<TokenKey>,
    /// Whether clients are told their token behind each write, unless they say otherwise.
    pub report: bool,
}

/// A key that tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenKey {
    /// What tokens name it by; never zero.
    pub number: u8,
    /// At least 32 bytes.
    pub secret: Secret,
}
