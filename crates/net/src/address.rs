//! Where a socket is: as people write it, and as it was found.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

/// Where a server is, as people write it: a name may stand for several machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A name or an IP address, and a port.
    Tcp {
        /// Without brackets, even if it is an IPv6 address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A socket of this machine.
    Unix(UnixName),
}

impl Address {
    /// Understands `host` as libpq does: if it begins with `/` it is a folder, and
    /// with `@` an abstract one; the socket in it is `.s.PGSQL.<port>`.
    pub fn new(host: &str, port: u16) -> Self {
        if host.starts_with(['/', '@']) {
            let folder = host.strip_suffix('/').unwrap_or(host);
            Self::Unix(UnixName::new(format!("{folder}/.s.PGSQL.{port}")))
        } else {
            Self::Tcp { host: host.to_owned(), port }
        }
    }

    /// The name or IP address of the machine; `None` if it is this one, by a Unix
    /// socket.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(name) => name.fmt(f),
        }
    }
}

/// One place that is listened on or was connected to: no name left to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A socket of this machine.
    Unix(UnixName),
}

impl Endpoint {
    /// The IP address and port; `None` for a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => match address.ip() {
                IpAddr::V4(ip) => ip.is_loopback(),
                IpAddr::V6(ip) => ip.is_loopback(),
            },
            Self::Unix(_) => true,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<UnixName> for Endpoint {
    fn from(name: UnixName) -> Self {
        Self::Unix(name)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(name) => name.fmt(f),
        }
    }
}

/// A Unix socket's name: a path, or one that begins with `@`, which is not in the
/// file system (an abstract one; Linux only).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixName(Arc<Path>);

impl UnixName {
    /// The socket of this name.
    pub fn new(name: impl AsRef<Path>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// The socket's file; `None` if it has none.
    pub fn file(&self) -> Option<&Path> {
        (!self.is_abstract()).then_some(&self.0)
    }

    fn is_abstract(&self) -> bool {
        self.0.as_os_str().as_bytes().first() == Some(&b'@')
    }

    /// As the system calls want it: an abstract name begins with a zero byte there.
    pub(crate) fn for_system(&self) -> Cow<'_, Path> {
        match self.0.as_os_str().as_bytes().split_first() {
            Some((b'@', rest)) => {
                let name = [&[0], rest].concat();
                Cow::Owned(OsString::from_vec(name).into())
            }
            _ => Cow::Borrowed(&self.0),
        }
    }

    /// The reverse of [`Self::for_system`].
    pub(crate) fn from_abstract(name: &[u8]) -> Self {
        Self::new(OsString::from_vec([b"@", name].concat()))
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, port: u16, shown: &str, named: Option<&str>) {
        let address = Address::new(host, port);
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.host(), named, "{shown}");
    }

    #[test]
    fn a_host_is_understood_as_libpq_does() {
        check("db1", 5432, "db1:5432", Some("db1"));
        check("::1", 5432, "[::1]:5432", Some("::1"));
        check("/run/postgresql", 5433, "/run/postgresql/.s.PGSQL.5433", None);
        check("/run/postgresql/", 5433, "/run/postgresql/.s.PGSQL.5433", None);
        check("@pg", 1, "@pg/.s.PGSQL.1", None);
        check("", 5432, ":5432", Some(""));
    }

    #[test]
    fn an_abstract_name_begins_with_a_zero_byte_for_the_system() {
        let name = UnixName::new("@pg/.s.PGSQL.1");
        assert_eq!(name.for_system().as_os_str().as_bytes(), b"\0pg/.s.PGSQL.1");
        assert_eq!(name.file(), None);
        assert_eq!(UnixName::from_abstract(b"pg/.s.PGSQL.1"), name);
        let name = UnixName::new("/tmp/@s");
        assert_eq!(name.for_system(), Path::new("/tmp/@s"));
        assert_eq!(name.file(), Some(Path::new("/tmp/@s")));
    }

    #[test]
    fn who_can_reach_an_endpoint() {
        let tcp = |text: &str| Endpoint::Tcp(text.parse().unwrap());
        assert!(tcp("127.0.0.1:1").is_local());
        assert!(tcp("[::1]:1").is_local());
        assert!(!tcp("0.0.0.0:1").is_local());
        assert!(Endpoint::Unix(UnixName::new("/tmp/s")).is_local());
    }
}
