//! What is wrong with a URL, without ever showing a password.

use std::error::Error;
use std::fmt;

use super::NODES_MAX;
use crate::NodeAddress;

/// Why a URL or a node's address was refused.
///
/// `Display` says what was found; [`UrlError::expected`] and [`UrlError::hint`]
/// say the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The URL is of another kind.
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// The text is no URL at all.
    NoScheme,
    /// An `@` stands where none may: a password with a bare `/`, `?` or `@`.
    BareAt,
    /// No node is named.
    NoHost,
    /// A host that cannot be one.
    Host {
        /// As written, shortened.
        host: String,
    },
    /// An IPv6 address without brackets.
    BareIpv6,
    /// A Unix socket's path.
    Socket,
    /// A port that cannot be one. It is not shown: in a URL whose `@host` was
    /// forgotten, the password stands in its place.
    Port {
        /// The host before it, shortened.
        host: String,
    },
    /// One node is named twice.
    NodeTwice {
        /// Which.
        node: NodeAddress,
    },
    /// More nodes than [`NODES_MAX`].
    TooManyNodes,
    /// A `%` without two hexadecimal digits.
    Percent {
        /// Which part of the URL.
        part: &'static str,
    },
    /// A part that does not decode to UTF-8.
    NotUtf8 {
        /// Which part of the URL.
        part: &'static str,
    },
    /// A part that contains `%00`.
    ZeroByte {
        /// Which part of the URL.
        part: &'static str,
    },
    /// A parameter that is not known, or cannot be honoured.
    Parameter {
        /// Its name, shortened.
        name: String,
        /// What to use instead, where there is something.
        instead: Option<&'static str>,
    },
    /// Something is said twice.
    Twice {
        /// The parameter's name.
        name: &'static str,
    },
    /// An `sslmode` that does not exist.
    SslMode {
        /// As written, shortened.
        mode: String,
    },
    /// A `target_session_attrs` other than `any`.
    SessionAttrs {
        /// As written, shortened.
        attrs: String,
    },
}

/// The most characters of a user's text that an error repeats.
const SHOWN_MAX: usize = 60;

/// A user's text, quoted, on one line and not endless.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() { format!("{shown:?}…") } else { format!("{shown:?}") }
}

impl UrlError {
    pub(super) fn scheme_of(text: &str) -> Self {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        match text.split_once("://") {
            // Something other than a scheme may be part of a password.
            Some((scheme, _)) if scheme.len() <= 20 && scheme.chars().all(known) => {
                Self::Scheme { scheme: scheme.to_owned() }
            }
            _ => Self::NoScheme,
        }
    }

    pub(super) fn host(host: &str) -> Self {
        Self::Host { host: quoted(host) }
    }

    pub(super) fn port(host: &str) -> Self {
        Self::Port { host: quoted(host) }
    }

    pub(super) fn sslmode(mode: &str) -> Self {
        Self::SslMode { mode: quoted(mode) }
    }

    pub(super) fn session_attrs(attrs: &str) -> Self {
        Self::SessionAttrs { attrs: quoted(attrs) }
    }

    pub(super) fn parameter(name: &str) -> Self {
        let instead = match name {
            "connect_timeout" => Some("set pool.connect_timeout"),
            "host" | "port" | "hostaddr" => {
                Some("write the nodes before the path: host1:port1,host2")
            }
            "load_balance_hosts" => Some("set routing.balance"),
            "passfile" => Some("set cluster.password_file"),
            "sslrootcert" => Some("set cluster.tls.root_ca"),
            "sslcert" => Some("set cluster.tls.certificate"),
            "sslkey" => Some("set cluster.tls.key"),
            "sslnegotiation" => Some("set cluster.tls.negotiation"),
            "sslpassword" => Some("the key's file must not have a password"),
            "sslcrl" | "sslcrldir" => Some("revocation lists are not read"),
            _ => None,
        };
        Self::Parameter { name: quoted(name), instead }
    }

    /// What should have been there.
    pub fn expected(&self) -> String {
        match self {
            Self::Scheme { .. } | Self::NoScheme => {
                "postgres://user:password@host1:5432,host2:5432/database".to_owned()
            }
            Self::BareAt => {
                "the user and password percent-encoded, and one @ before the hosts".to_owned()
            }
            Self::NoHost => {
                "at least one host, as in postgres://user@host1,host2/database".to_owned()
            }
            Self::Host { .. } | Self::Socket => {
                "a host name, an IPv4 address, or an IPv6 address in brackets".to_owned()
            }
            Self::BareIpv6 => "an IPv6 address in brackets, as in [::1]:5432".to_owned(),
            Self::Port { .. } => "a port from 1 to 65535".to_owned(),
            Self::NodeTwice { .. } => "each node once".to_owned(),
            Self::TooManyNodes => format!("at most {NODES_MAX} nodes"),
            Self::Percent { .. } => "two hexadecimal digits after each %".to_owned(),
            Self::NotUtf8 { .. } => "UTF-8 after percent-decoding".to_owned(),
            Self::ZeroByte { .. } => "no %00".to_owned(),
            Self::Parameter { .. } => {
                "user, password, dbname, sslmode, application_name or target_session_attrs"
                    .to_owned()
            }
            Self::Twice { .. } => "it once".to_owned(),
            Self::SslMode { .. } => {
                "sslmode=disable, allow, prefer, require, verify-ca or verify-full".to_owned()
            }
            Self::SessionAttrs { .. } => "target_session_attrs=any".to_owned(),
        }
    }

    /// What to do about it, when that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BareAt => Some("write %40 for @, %2F for /, %3F for ? and %25 for %"),
            Self::Percent { .. } => Some("write %25 for a % that stands for itself"),
            Self::Socket => Some("servers are reached over TCP"),
            Self::SessionAttrs { .. } => {
                Some("name every node: which is the primary is found by asking them")
            }
            Self::Parameter { instead, .. } => *instead,
            Self::Scheme { .. }
            | Self::NoScheme
            | Self::NoHost
            | Self::Host { .. }
            | Self::BareIpv6
            | Self::Port { .. }
            | Self::NodeTwice { .. }
            | Self::TooManyNodes
            | Self::NotUtf8 { .. }
            | Self::ZeroByte { .. }
            | Self::Twice { .. }
            | Self::SslMode { .. } => None,
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme { scheme } => write!(f, "a URL of {scheme}://"),
            Self::NoScheme => {
                write!(f, "a text that is no URL (not shown: it may hold a password)")
            }
            Self::BareAt => {
                write!(f, "an @ out of place (not shown: it may be part of a password)")
            }
            Self::NoHost => write!(f, "a URL without a host"),
            Self::Host { host } => write!(f, "the host {host}"),
            Self::BareIpv6 => write!(f, "a host with several colons"),
            Self::Socket => write!(f, "the path of a Unix socket"),
            Self::Port { host } => write!(f, "something other than a port after the host {host}"),
            Self::NodeTwice { node } => write!(f, "the node {node} twice"),
            Self::TooManyNodes => write!(f, "more than {NODES_MAX} nodes"),
            Self::Percent { part } => write!(f, "a broken percent-encoding in the {part}"),
            Self::NotUtf8 { part } => write!(f, "bytes that are not UTF-8 in the {part}"),
            Self::ZeroByte { part } => write!(f, "a zero byte in the {part}"),
            Self::Parameter { name, .. } => write!(f, "the parameter {name}"),
            Self::Twice { name } => write!(f, "{name} twice"),
            Self::SslMode { mode } => write!(f, "the sslmode {mode}"),
            Self::SessionAttrs { attrs } => write!(f, "target_session_attrs={attrs}"),
        }
    }
}

impl Error for UrlError {}
