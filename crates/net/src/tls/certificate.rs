//! What we need to know of a certificate beyond whether it may be trusted.

use std::net::IpAddr;

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use super::der::{Der, Value, tag};

/// Object identifiers, as DER encodes them.
mod oid {
    pub(super) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    pub(super) const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
    /// `1.2.840.113549.1.1`: RSA signatures; the last number tells which.
    pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// `1.2.840.10045.4`: ECDSA signatures.
    pub(super) const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    pub(super) const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    /// `2.16.840.1.101.3.4.2`: hashes.
    pub(super) const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
}

/// What a certificate says of itself. Whether that is true is not asked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's common name; `None` if it has none, or several.
    pub common_name: Option<String>,
    /// Names and addresses that it is for as well.
    pub names: Vec<AlternativeName>,
    /// From when it is valid, in seconds since 1970.
    pub(crate) not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub(crate) not_after: i64,
    /// The subject's public key with its kind (a `SubjectPublicKeyInfo`).
    pub(crate) key: PublicKey,
    hash: Option<Hash>,
    der: Box<[u8]>,
}

/// A name that a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// A machine's name; it may begin with `*.`.
    Dns(String),
    /// A machine's address.
    Ip(IpAddr),
    /// Somebody's address for mail.
    Email(String),
    /// Any other identifier, as an URI.
    Uri(String),
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// All of it, as DER.
    pub(crate) whole: Box<[u8]>,
    /// What kind it is: the inside of an `AlgorithmIdentifier`.
    pub(crate) kind: Box<[u8]>,
    /// The key itself.
    pub(crate) bits: Box<[u8]>,
}

/// The hash that goes with a certificate's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    /// Also in the place of MD5 and SHA-1, which are too weak.
    Sha256,
    Sha224,
    Sha384,
    Sha512,
}

impl Certificate {
    /// Reads a certificate; `None` if it is not one.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let mut outside = Der::new(der).take(tag::SEQUENCE)?.inside();
        let mut inside = outside.take(tag::SEQUENCE)?.inside();
        let signature = outside.take(tag::SEQUENCE)?;
        // [0] version, which the first version does not have.
        inside.take_if(0xa0);
        inside.take(tag::INTEGER)?;
        inside.take(tag::SEQUENCE)?;
        let _issuer = inside.take(tag::SEQUENCE)?;
        let mut validity = inside.take(tag::SEQUENCE)?.inside();
        let subject = inside.take(tag::SEQUENCE)?;
        let key = public_key(&inside.take(tag::SEQUENCE)?)?;
        Some(Self {
            common_name: common_name(subject.inside()),
            names: alternative_names(inside)?,
            not_before: time(&validity.next()?)?,
            not_after: time(&validity.next()?)?,
            key,
            hash: hash_of(signature.inside()),
            der: der.into(),
        })
    }

    /// All of it, as it is sent (DER).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The channel binding `tls-server-end-point` (RFC 5929) of a connection to
    /// the server that this certificate is of; `None` if its kind of signature has
    /// no hash of its own (Ed25519), for which none is defined.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        Some(match self.hash? {
            Hash::Sha224 => Sha224::digest(&self.der).to_vec(),
            Hash::Sha256 => Sha256::digest(&self.der).to_vec(),
            Hash::Sha384 => Sha384::digest(&self.der).to_vec(),
            Hash::Sha512 => Sha512::digest(&self.der).to_vec(),
        })
    }

    /// Whether it is for a machine of this name or address, as libpq judges it:
    /// the common name counts only if nothing else is named.
    pub(crate) fn is_for(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        let mut named = false;
        for name in &self.names {
            let fits = match name {
                AlternativeName::Dns(pattern) => address.is_none() && matches(pattern, host),
                AlternativeName::Ip(ip) => address == Some(*ip),
                AlternativeName::Email(_) | AlternativeName::Uri(_) => continue,
            };
            if fits {
                return true;
            }
            named = true;
        }
        !named && self.common_name.as_ref().is_some_and(|name| matches(name, host))
    }

    /// What it is for, to be told to people.
    pub(crate) fn told_names(&self) -> String {
        let for_machines = self.names.iter().filter_map(|name| match name {
            AlternativeName::Dns(name) => Some(name.clone()),
            AlternativeName::Ip(ip) => Some(ip.to_string()),
            AlternativeName::Email(_) | AlternativeName::Uri(_) => None,
        });
        let mut names: Vec<_> = for_machines.collect();
        if names.is_empty() {
            names.extend(self.common_name.clone());
        }
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

/// Whether a name fits; a leading `*` stands for one label and nothing else.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match pattern.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && domain.contains('.') && rest.eq_ignore_ascii_case(domain)
        }),
        None => !pattern.is_empty() && pattern.eq_ignore_ascii_case(host),
    }
}

fn public_key(whole: &Value<'_>) -> Option<PublicKey> {
    let mut inside = whole.inside();
    let kind = inside.take(tag::SEQUENCE)?.body.into();
    let bits = inside.take(tag::BIT_STRING)?.bits()?.into();
    Some(PublicKey { whole: whole.whole.into(), kind, bits })
}

/// The common name; `None` if there is none that can be read, or more than one: whoever
/// signed it may have looked at another.
fn common_name(mut subject: Der<'_>) -> Option<String> {
    let mut found = None;
    while !subject.is_empty() {
        let mut parts = subject.take(tag::SET)?.inside();
        while !parts.is_empty() {
            let mut part = parts.take(tag::SEQUENCE)?.inside();
            if part.take(tag::OID)?.body == oid::COMMON_NAME {
                let value = part.next()?;
                let readable = matches!(value.tag, tag::UTF8 | tag::PRINTABLE | tag::IA5);
                if !readable || found.is_some() {
                    return None;
                }
                found = Some(text(value.body)?);
            }
        }
    }
    found
}

/// A zero byte within a name is a trick: whoever signed it saw another name.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

fn alternative_names(mut rest: Der<'_>) -> Option<Vec<AlternativeName>> {
    let mut names = Vec::new();
    // Unique identifiers may come first; [3] holds the extensions.
    while !rest.is_empty() {
        let value = rest.next()?;
        if value.tag != 0xa3 {
            continue;
        }
        let mut extensions = value.inside().take(tag::SEQUENCE)?.inside();
        while !extensions.is_empty() {
            let mut extension = extensions.take(tag::SEQUENCE)?.inside();
            if extension.take(tag::OID)?.body != oid::ALTERNATIVE_NAMES {
                continue;
            }
            // Whether it is critical may be said or not.
            extension.take_if(0x01);
            let list = extension.take(tag::OCTET_STRING)?;
            let mut list = list.inside().take(tag::SEQUENCE)?.inside();
            while !list.is_empty() {
                names.extend(alternative_name(&list.next()?));
            }
        }
    }
    Some(names)
}

fn alternative_name(value: &Value<'_>) -> Option<AlternativeName> {
    match value.tag {
        0x81 => text(value.body).map(AlternativeName::Email),
        0x82 => text(value.body).map(AlternativeName::Dns),
        0x86 => text(value.body).map(AlternativeName::Uri),
        0x87 => {
            let v4 = <[u8; 4]>::try_from(value.body).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(value.body).map(IpAddr::from))
                .ok()
                .map(AlternativeName::Ip)
        }
        _ => None,
    }
}

fn hash_of(mut signature: Der<'_>) -> Option<Hash> {
    let kind = signature.take(tag::OID)?.body;
    if kind == oid::ECDSA_SHA1 {
        return Some(Hash::Sha256);
    }
    match kind.split_last()? {
        (last, oid::RSA) => match last {
            // MD5 and SHA-1.
            4 | 5 | 11 => Some(Hash::Sha256),
            12 => Some(Hash::Sha384),
            13 => Some(Hash::Sha512),
            14 => Some(Hash::Sha224),
            10 => hash_of_pss(signature),
            _ => None,
        },
        (last, oid::ECDSA_SHA2) => match last {
            1 => Some(Hash::Sha224),
            2 => Some(Hash::Sha256),
            3 => Some(Hash::Sha384),
            4 => Some(Hash::Sha512),
            _ => None,
        },
        _ => None,
    }
}

/// RSA-PSS names its hash in a parameter; SHA-1 if it does not.
fn hash_of_pss(mut rest: Der<'_>) -> Option<Hash> {
    let Some(hash) = rest.take(tag::SEQUENCE)?.inside().take_if(0xa0) else {
        return Some(Hash::Sha256);
    };
    let kind = hash.inside().take(tag::SEQUENCE)?.inside().take(tag::OID)?.body;
    match kind.split_last()? {
        (2, oid::SHA2) => Some(Hash::Sha384),
        (3, oid::SHA2) => Some(Hash::Sha512),
        (4, oid::SHA2) => Some(Hash::Sha224),
        _ => Some(Hash::Sha256),
    }
}

/// Seconds since 1970 of a time that ends with `Z`, as RFC 5280 wants it.
fn time(value: &Value<'_>) -> Option<i64> {
    let digits = value.body.strip_suffix(b"Z")?;
    let mut pairs = digits.chunks_exact(2).map(|pair| {
        let [tens, ones] = <[u8; 2]>::try_from(pair).ok()?;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        Some(digit(tens)? * 10 + digit(ones)?)
    });
    let mut pair = || pairs.next().flatten();
    let year = match value.tag {
        tag::UTC_TIME => {
            let short = pair()?;
            short + if short < 50 { 2000 } else { 1900 }
        }
        tag::GENERALIZED_TIME => pair()? * 100 + pair()?,
        _ => return None,
    };
    let (month, day) = (pair()?, pair()?);
    let (hour, minute, second) = (pair()?, pair()?, pair()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests;
