//! Channel binding: tying a login to the TLS connection it runs over.

use super::{MECHANISM, MECHANISM_PLUS};

/// What names the one kind of binding that PostgreSQL knows.
pub(super) const END_POINT_HEADER: &str = "p=tls-server-end-point,,";

/// What identifies a TLS connection to both of its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding {
    /// `tls-server-end-point`: the hash of the server's certificate, by the hash
    /// function of its signature (SHA-256 where that is MD5 or SHA-1).
    pub end_point: Vec<u8>,
}

/// How a client stands to channel binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientBinding {
    /// It does not do it: there is no TLS, or it was told not to.
    #[default]
    Unsupported,
    /// It would, and the server did not offer it.
    NotOffered,
    /// It does, over this connection.
    EndPoint(ChannelBinding),
}

impl ClientBinding {
    /// The mechanism to choose.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Unsupported | Self::NotOffered => MECHANISM,
            Self::EndPoint(_) => MECHANISM_PLUS,
        }
    }

    /// What stands before the first message.
    pub(super) fn header(&self) -> &'static str {
        match self {
            Self::Unsupported => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => END_POINT_HEADER,
        }
    }

    /// What the last message repeats: the header, and the binding's bytes.
    pub(super) fn proven(&self) -> Vec<u8> {
        let bytes = match self {
            Self::Unsupported | Self::NotOffered => &[][..],
            Self::EndPoint(binding) => &binding.end_point,
        };
        [self.header().as_bytes(), bytes].concat()
    }
}

/// The mechanisms that a server offers, best first.
pub fn mechanisms(binding: Option<&ChannelBinding>) -> &'static [&'static str] {
    match binding {
        Some(_) => &[MECHANISM_PLUS, MECHANISM],
        None => &[MECHANISM],
    }
}
