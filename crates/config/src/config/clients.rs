//! What clients may do, and how they prove who they are.

use std::path::PathBuf;
use std::time::Duration;

/// What clients may do.
///
/// A time or number that is `None` has no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientsConfig {
    /// How a client proves who it is. For [`ClientAuth::Trust`], every TCP
    /// address to listen on is a loopback one. For the three with a password,
    /// there is somewhere to find passwords.
    pub auth: ClientAuth,
    /// Users and their secrets in PgBouncer's format (`"name" "secret"` per
    /// line), beside `[users]`, which wins.
    pub users_file: Option<PathBuf>,
    /// The rules of [`ClientAuth::Hba`]; there if and only if that is chosen.
    pub hba_file: Option<PathBuf>,
    /// User name maps for those rules, as in PostgreSQL's `pg_ident.conf`.
    pub ident_file: Option<PathBuf>,
    /// How a server is asked for the secret of a user that is known nowhere
    /// else; `None`: such a user is refused.
    pub auth_query: Option<AuthQuery>,
    /// How many clients may be connected at once.
    pub connections_max: usize,
    /// How many of them may be of one user.
    pub connections_per_user_max: Option<usize>,
    /// How many of them may be in one database.
    pub connections_per_database_max: Option<usize>,
    /// From the accepted connection to the end of the login.
    pub login_timeout: Duration,
    /// A client that says nothing outside a transaction for so long is closed.
    pub idle_timeout: Option<Duration>,
    /// A client that says nothing inside a transaction for so long is closed.
    pub idle_transaction_timeout: Option<Duration>,
    /// A transaction that takes longer is ended, and its client closed.
    pub transaction_timeout: Option<Duration>,
    /// A statement that takes longer is cancelled, and its client closed.
    pub query_timeout: Option<Duration>,
    /// A client that takes none of its reply for so long is closed.
    pub write_timeout: Duration,
    /// Bytes of one message from a client, length included.
    pub message_max: usize,
    /// Bytes of an unfinished batch, or of one Query, that are held to be
    /// analysed; what is larger goes to the primary unread. At most
    /// `message_max`.
    pub statement_buffer_max: usize,
    /// Named prepared statements of one client.
    pub prepared_max: usize,
    /// Startup parameters that are dropped unread, in lower case.
    pub ignore_startup_parameters: Vec<String>,
    /// Whether servers see the client's address behind its `application_name`.
    pub application_name_add_host: bool,
    /// TLS to clients.
    pub tls: ClientTls,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Not at all.
    Trust,
    /// With the password in clear text.
    Password,
    /// With an MD5 hash of the password; with SCRAM where only a SCRAM secret is
    /// known.
    Md5,
    /// With SCRAM-SHA-256: the password does not cross the wire.
    ScramSha256,
    /// With a certificate whose common name is the user's; comes with a
    /// [`ClientTls`] that checks certificates.
    Cert,
    /// As `hba_file` says for its address, user and database.
    Hba,
}

/// How a server is asked for a user's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthQuery {
    /// Takes the user's name as `$1`; gives no row, or a name and a secret.
    pub query: String,
    /// Who asks; the cluster's user unless said otherwise.
    pub user: String,
    /// Where; `None`: in the database that the client wants.
    pub database: Option<String>,
}

/// TLS to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientTls {
    /// Whether it is wanted, and what is checked. Anything but
    /// [`ClientTlsMode::Disable`] comes with a certificate and its key.
    pub mode: ClientTlsMode,
    /// The proxy's certificate, and those between it and its root, in PEM.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key in PEM.
    pub key: Option<PathBuf>,
    /// Who signs the clients' certificates, in PEM. Without it, none is asked for.
    pub client_ca: Option<PathBuf>,
    /// The oldest version of the protocol that is spoken.
    pub min_version: TlsVersion,
}

/// Whether TLS is wanted on client connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTlsMode {
    /// It is refused.
    Disable,
    /// The client chooses.
    Allow,
    /// The client chooses; the same as [`ClientTlsMode::Allow`].
    Prefer,
    /// A client without it is refused.
    Require,
    /// A client without it, or without a certificate signed by the root, is
    /// refused.
    VerifyCa,
    /// The same as [`ClientTlsMode::VerifyCa`]: a client has no host name to
    /// compare.
    VerifyFull,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}
