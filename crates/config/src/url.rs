//! URLs that name a whole cluster.
//!
//! ```text
//! postgres://user:password@host1:5432,[::1]:5433,host3/database?sslmode=prefer
//! ```
//!
//! The form is libpq's, with percent-encoding in every part. What libpq takes
//! and this proxy cannot honour is refused rather than ignored.

mod error;

use std::fmt;
use std::net::Ipv6Addr;

pub use error::UrlError;
pub(crate) use error::quoted;

use crate::{NodeAddress, Secret, SslMode};

/// The port of a node that names none.
pub const DEFAULT_PORT: u16 = 5432;

/// The most nodes that one cluster may have.
pub const NODES_MAX: usize = 64;

/// The longest host name, in bytes; DNS allows no more.
const HOST_LENGTH_MAX: usize = 255;

/// A URL, taken apart and decoded.
///
/// Prints as a URL again, the password as `****`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterUrl {
    /// 1 to [`NODES_MAX`], in the order written.
    pub nodes: Vec<NodeAddress>,
    /// From before the `@`, or from `?user=`; never empty.
    pub user: Option<String>,
    /// From before the `@`, or from `?password=`; never empty.
    pub password: Option<Secret>,
    /// From the path; never empty. `None` stands for the user's name.
    pub database: Option<String>,
    /// From `?sslmode=`.
    pub sslmode: Option<SslMode>,
    /// From `?application_name=`; never empty.
    pub application_name: Option<String>,
}

/// Whether a text means to be a URL, so that its errors should be a URL's.
pub(crate) fn looks_like_url(text: &str) -> bool {
    text.contains("://")
}

/// Reads one URL of `postgres://` or `postgresql://`.
pub fn parse_multi_host(text: &str) -> Result<ClusterUrl, UrlError> {
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
        .ok_or_else(|| UrlError::scheme_of(text))?;

    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
    // A bare `/` or `?` in a password ends the authority early. The rest of the
    // password would then be taken, and printed, as a host, port or database.
    if tail.contains('@') {
        return Err(UrlError::BareAt);
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));

    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (login, hosts),
        None => ("", authority),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));

    let mut url = ClusterUrl {
        nodes: parse_hosts(hosts)?,
        user: decode_part(user, "user")?,
        password: decode_part(password, "password")?.map(Secret::new),
        database: decode_part(path.strip_prefix('/').unwrap_or(path), "database")?,
        sslmode: None,
        application_name: None,
    };
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        url.set_parameter(parameter)?;
    }
    Ok(url)
}

/// Reads `host`, `host:port` or `[IPv6]:port`; the port is 5432 unless given.
pub fn parse_node(text: &str) -> Result<NodeAddress, UrlError> {
    let decoded = decode(text, "host")?;
    let text = decoded.as_str();
    // What stands around an `@` may be a password; the errors below show text.
    if text.contains('@') {
        return Err(UrlError::BareAt);
    }
    if text.starts_with('/') {
        return Err(UrlError::Socket);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(|| UrlError::host(text))?;
        host.parse::<Ipv6Addr>().map_err(|_| UrlError::host(text))?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(host, port)?,
            None if port.is_empty() => DEFAULT_PORT,
            None => return Err(UrlError::host(text)),
        };
        return Ok(NodeAddress { host: host.to_owned(), port });
    }
    let (host, port) = match text.split_once(':') {
        Some((_, port)) if port.contains(':') => return Err(UrlError::BareIpv6),
        Some((host, port)) => (host, parse_port(host, port)?),
        None => (text, DEFAULT_PORT),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || host.len() > HOST_LENGTH_MAX || !host.chars().all(plain) {
        return Err(UrlError::host(host));
    }
    Ok(NodeAddress { host: host.to_owned(), port })
}

fn parse_hosts(hosts: &str) -> Result<Vec<NodeAddress>, UrlError> {
    if hosts.is_empty() {
        return Err(UrlError::NoHost);
    }
    if hosts.split(',').count() > NODES_MAX {
        return Err(UrlError::TooManyNodes);
    }
    let mut nodes = Vec::new();
    for host in hosts.split(',') {
        let node = parse_node(host)?;
        if nodes.contains(&node) {
            return Err(UrlError::NodeTwice { node });
        }
        nodes.push(node);
    }
    Ok(nodes)
}

fn parse_port(host: &str, text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(UrlError::port(host)),
    }
}

impl ClusterUrl {
    /// One node and nothing else.
    pub(crate) fn of_node(node: NodeAddress) -> Self {
        Self {
            nodes: vec![node],
            user: None,
            password: None,
            database: None,
            sslmode: None,
            application_name: None,
        }
    }

    fn set_parameter(&mut self, parameter: &str) -> Result<(), UrlError> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decode(name, "parameter's name")?;
        match name.as_str() {
            "user" => set_once(&mut self.user, decode_part(value, "user")?, "user"),
            "password" => {
                let value = decode_part(value, "password")?.map(Secret::new);
                set_once(&mut self.password, value, "password")
            }
            "dbname" => set_once(&mut self.database, decode_part(value, "database")?, "dbname"),
            "application_name" => {
                let value = decode_part(value, "application_name")?;
                set_once(&mut self.application_name, value, "application_name")
            }
            "sslmode" => {
                let mode = parse_sslmode(&decode(value, "sslmode")?)?;
                set_once(&mut self.sslmode, Some(mode), "sslmode")
            }
            "target_session_attrs" => match decode(value, "target_session_attrs")?.as_str() {
                "any" => Ok(()),
                other => Err(UrlError::session_attrs(other)),
            },
            _ => Err(UrlError::parameter(&name)),
        }
    }
}

/// libpq lets the later one win; two users are more likely a mistake.
fn set_once<T>(
    place: &mut Option<T>,
    value: Option<T>,
    name: &'static str,
) -> Result<(), UrlError> {
    if place.is_some() && value.is_some() {
        return Err(UrlError::Twice { name });
    }
    *place = value.or(place.take());
    Ok(())
}

fn parse_sslmode(text: &str) -> Result<SslMode, UrlError> {
    let known = SslMode::WORDS.iter().find(|(word, _)| *word == text);
    known.map(|(_, mode)| *mode).ok_or_else(|| UrlError::sslmode(text))
}

/// Decodes a part that may be left empty.
fn decode_part(text: &str, part: &'static str) -> Result<Option<String>, UrlError> {
    Ok(Some(decode(text, part)?).filter(|text| !text.is_empty()))
}

/// Resolves percent-encoding. `part` names the text in errors: the text itself
/// may be a password.
fn decode(text: &str, part: &'static str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        match (digit(), digit()) {
            // Two hexadecimal digits are a byte.
            (Some(high), Some(low)) => bytes.extend(u8::try_from(high * 16 + low)),
            _ => return Err(UrlError::Percent { part }),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| UrlError::NotUtf8 { part })?;
    // The protocol ends every text with a zero byte.
    if text.contains('\0') { Err(UrlError::ZeroByte { part }) } else { Ok(text) }
}

impl fmt::Display for ClusterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = &self.user {
            write!(f, "{}", Encoded(user))?;
        }
        if self.password.is_some() {
            f.write_str(":****")?;
        }
        if self.user.is_some() || self.password.is_some() {
            f.write_str("@")?;
        }
        for (index, node) in self.nodes.iter().enumerate() {
            write!(f, "{}{node}", if index == 0 { "" } else { "," })?;
        }
        if let Some(database) = &self.database {
            write!(f, "/{}", Encoded(database))?;
        }
        let mut separator = '?';
        if let Some(mode) = self.sslmode {
            write!(f, "{separator}sslmode={mode}")?;
            separator = '&';
        }
        if let Some(name) = &self.application_name {
            write!(f, "{separator}application_name={}", Encoded(name))?;
        }
        Ok(())
    }
}

/// Prints a text percent-encoded.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
    }
}
