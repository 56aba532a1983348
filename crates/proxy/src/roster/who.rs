//! Who a client is.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;

use afterwrite_net::Peer;

use crate::tenant::Tenant;

/// Who a client is.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) tenant: Arc<Tenant>,
    ends: Ends,
    texts: Option<Box<Texts>>,
}

/// Both ends of its connection: there are thousands of them, and most look alike.
#[derive(Debug)]
enum Ends {
    V4 { from: SocketAddrV4, local: SocketAddrV4 },
    Others(Box<(Option<Peer>, Option<SocketAddr>)>),
}

/// What not every client has.
#[derive(Debug)]
struct Texts {
    application: Box<str>,
    tls: Box<str>,
}

impl Who {
    pub(crate) fn new(tenant: Arc<Tenant>, from: Option<Peer>, local: Option<SocketAddr>) -> Self {
        let ends = match (from, local) {
            (Some(Peer::Tcp(SocketAddr::V4(from))), Some(SocketAddr::V4(local))) => {
                Ends::V4 { from, local }
            }
            others => Ends::Others(Box::new(others)),
        };
        Self { tenant, ends, texts: None }
    }

    /// With what it calls itself, and its TLS version and cipher; empty for none.
    pub(crate) fn called(mut self, application: &str, tls: &str) -> Self {
        if !(application.is_empty() && tls.is_empty()) {
            self.texts = Some(Box::new(Texts { application: application.into(), tls: tls.into() }));
        }
        self
    }

    /// Where it is.
    pub(crate) fn from(&self) -> Option<Peer> {
        match &self.ends {
            Ends::V4 { from, .. } => Some(Peer::Tcp((*from).into())),
            Ends::Others(ends) => ends.0,
        }
    }

    /// Where it came in.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match &self.ends {
            Ends::V4 { local, .. } => Some((*local).into()),
            Ends::Others(ends) => ends.1,
        }
    }

    /// What it called itself when it logged in.
    pub(crate) fn application(&self) -> &str {
        self.texts.as_ref().map_or("", |texts| &texts.application)
    }

    /// TLS version and cipher; empty for clear text.
    pub(crate) fn tls(&self) -> &str {
        self.texts.as_ref().map_or("", |texts| &texts.tls)
    }
}
