//! Where the store is.

use std::fmt;
use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo as _};

use crate::error::StoreError;

/// Where the store is, and what of it is ours. Checked: one in hand can be connected to.
#[derive(Clone)]
pub struct StoreSettings {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) timeout: Duration,
}

/// Without what may be secret.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client: _, name, timeout } = self;
        f.debug_struct("StoreSettings")
            .field("name", name)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

impl StoreSettings {
    /// The store at a URL (`redis://`, `rediss://`, `valkey://` or `valkeys://`), for the group
    /// of this name. The password is used in the place of the URL's.
    pub fn new(
        url: &str,
        password: Option<&str>,
        name: &str,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        // What the library says of a bad address may quote it.
        let bad = || StoreError::Address("expected redis://host:port/number".to_owned());
        let info: ConnectionInfo = url.into_connection_info().map_err(|_| bad())?;
        let info = match password {
            Some(password) => {
                let settings = info.redis_settings().clone().set_password(password);
                info.set_redis_settings(settings)
            }
            None => info,
        };
        let client = Client::open(info).map_err(|_| bad())?;
        Ok(Self { client, name: name.to_owned(), timeout })
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let second = Duration::from_secs(1);
        for url in ["redis://u:hunter2@h:1/0", "rediss://:hunter2@h", "valkey://h", "valkeys://h"] {
            let settings = StoreSettings::new(url, Some("hunter3"), "x", second).unwrap();
            assert!(!format!("{settings:?}").contains("hunter"), "{settings:?}");
        }
        for url in ["", "http://hunter2@h", "redis://hunter2@", "hunter2"] {
            let error = StoreSettings::new(url, None, "x", second).unwrap_err();
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }
}
