//! Sharing floors with other proxies.

use std::time::Duration;

use crate::Secret;

/// Where floors of keys and tables are shared with other proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedConfig {
    /// `redis://`, `rediss://`, `valkey://` or `valkeys://`, without a password.
    pub url: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The group's name; the proxies that share have the same.
    pub name: String,
    /// How long a read waits for the store before it does without.
    pub timeout: Duration,
}
