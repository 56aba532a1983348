//! The other end of a connection, before it has said anything.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;

use afterwrite_wire::scram::ChannelBinding;

/// Where a client comes from, and what its connection proves.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: PeerAddress,
    /// Its TLS, if the connection is encrypted.
    pub tls: Option<PeerTls>,
}

impl Peer {
    /// A connection over TCP without TLS.
    pub fn tcp(address: IpAddr) -> Self {
        Self { address: PeerAddress::Ip(address), tls: None }
    }

    /// A connection over a Unix socket.
    pub fn local(system_user: Option<String>) -> Self {
        Self { address: PeerAddress::Local { system_user }, tls: None }
    }
}

/// Where a client comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// Over TCP, from this address.
    Ip(IpAddr),
    /// Over a Unix socket.
    Local {
        /// The name of the system's user at the other end, if the system tells.
        system_user: Option<String>,
    },
}

/// What is known of a client's TLS.
#[derive(Clone, Debug, Default)]
pub struct PeerTls {
    /// What identifies the connection to both ends; `None` if it cannot be told.
    pub binding: Option<ChannelBinding>,
    /// The client's certificate. It has been verified: one that was not, is none.
    pub certificate: Option<PeerCertificate>,
}

/// A client's verified certificate, as far as a login looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The subject's common name; `None` if it has none, or more than one.
    pub common_name: Option<String>,
}

/// Bytes of the system's list of users that are read, at most.
const PASSWD_BYTES_MAX: u64 = 4 << 20;

/// The name of the system's user with this number, as `/etc/passwd` has it.
///
/// Blocks on a local file. Users that only a directory service knows have no name here.
pub fn system_user(uid: u32) -> Option<String> {
    let file = File::open("/etc/passwd").ok()?;
    named(BufReader::new(file.take(PASSWD_BYTES_MAX)), uid)
}

fn named(passwd: impl BufRead, uid: u32) -> Option<String> {
    passwd.lines().map_while(Result::ok).find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numbers() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nalice:x:1000:1:,,,:/:/bin/sh\n";
        assert_eq!(named(passwd.as_bytes(), 1000).as_deref(), Some("alice"));
        assert_eq!(named(passwd.as_bytes(), 0).as_deref(), Some("root"));
        assert_eq!(named(passwd.as_bytes(), 1), None);
        assert_eq!(system_user(0).as_deref(), Some("root"));
    }
}
