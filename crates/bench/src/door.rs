//! How clients get into a proxy: what each of its doors asks of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterwrite_wire::scram::{ITERATIONS, Keys};
use serde::Serialize;

use crate::error::BenchError;
use crate::program;

/// What the clients log in with where a password is asked for.
pub(crate) const PASSWORD: &str = "afterwrite-bench";
/// A fixed one, so that every run checks the same secret.
const SALT: &[u8] = b"afterwrite-bench";
/// A key of RSA takes a moment to be found.
const OPENSSL_MAX: Duration = Duration::from_secs(30);

/// What clients must do to get in. Each proxy has an instance for each door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Door {
    /// Nothing: no TLS, no password.
    Trust,
    /// Speak TLS; no password.
    Tls,
    /// Prove a password by SCRAM-SHA-256; no TLS.
    Scram,
}

impl Door {
    /// In the names of cells.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Tls => "tls",
            Self::Scram => "scram",
        }
    }

    /// For tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Tls => "trust over TLS",
            Self::Scram => "SCRAM-SHA-256",
        }
    }
}

/// The secret of [`PASSWORD`] as PostgreSQL keeps it. Both proxies get this one: from
/// a password in clear text, PgBouncer would derive it anew at every login.
pub(crate) fn secret() -> String {
    Keys::derive(PASSWORD, SALT, ITERATIONS).verifier()
}

/// A certificate signed by itself, and its key: PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Has openssl make one in `folder`: RSA with 2048 bits, as most have.
    pub(crate) async fn make(folder: &Path) -> Result<Self, BenchError> {
        let advice = "install the package openssl, or leave TLS out by --only";
        let openssl = program::find("openssl", program::search_path())
            .ok_or(BenchError::Missing { program: "openssl", advice })?;
        let made = Self { certificate: folder.join("server.crt"), key: folder.join("server.key") };
        let mut command = program::command(&openssl);
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        command.args(["-subj", "/CN=localhost", "-keyout"]).arg(&made.key);
        command.arg("-out").arg(&made.certificate);
        program::output("openssl", command, OPENSSL_MAX).await?;
        readable(folder)?;
        readable(&made.key)?;
        Ok(made)
    }
}

/// Lets everybody read it: PgBouncer looks once it has dropped to another account.
/// There is nothing in it that is worth anything after the run.
pub(crate) fn readable(path: &Path) -> Result<(), BenchError> {
    fs::set_permissions(path, Permissions::from_mode(0o755))
        .map_err(BenchError::io("letting a proxy read its files"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_of_the_password() {
        assert!(Keys::parse(&secret()).unwrap().fit(PASSWORD));
    }
}
