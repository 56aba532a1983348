//! Rules in the form of `pg_hba.conf`: who may come from where, and by what proof.
//!
//! The first rule that fits decides. Where none fits, nobody comes in.

mod address;
mod parse;

use std::io;
use std::path::Path;

use tracing::warn;

use super::file::{self, Beside, FileProblem};
use super::ident::IdentMaps;
use super::peer::{Peer, PeerAddress};
use address::{Network, own_networks};

/// Rules, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Hba {
    rules: Vec<Rule>,
    maps: IdentMaps,
}

/// One line of the file.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Where it stands in the file.
    pub(super) line: usize,
    kind: Kind,
    databases: Vec<Database>,
    users: Vec<User>,
    from: From,
    pub(super) proof: Proof,
    /// The map of names, for [`Proof::Cert`] and [`Proof::Peer`].
    pub(super) map: Option<String>,
}

/// Which connections a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Local,
    Host,
    HostSsl,
    HostNoSsl,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Database {
    All,
    SameUser,
    /// Replication connections, none of which ever gets as far as here.
    Replication,
    One(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum User {
    All,
    One(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// Anywhere: `all`, or a Unix socket.
    Anywhere,
    Network(Network),
    /// From one of this machine's own addresses.
    SameHost,
    /// From a network that this machine is in.
    SameNet,
}

/// Finds out which networks this machine is in.
type Own<'a> = &'a dyn Fn() -> io::Result<Vec<Network>>;

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Trust,
    Reject,
    Password,
    Md5,
    Scram,
    Cert,
    Peer,
}

impl Hba {
    /// Reads a file, and those it names by `@name` beside it; blocks.
    pub fn read(path: &Path, maps: IdentMaps) -> Result<Self, Vec<FileProblem>> {
        let beside = Beside::new(path);
        Self::parse(&file::read(path)?, maps, &|name| beside.read(name))
    }

    /// Reads the text of a file. `included` gives the text of those it names by
    /// `@name`. Every problem is told.
    pub fn parse(
        text: &str,
        maps: IdentMaps,
        included: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, Vec<FileProblem>> {
        let rules = parse::rules(text, &maps, included)?;
        Ok(Self { rules, maps })
    }

    /// The rule for this login; `None` if none fits.
    pub(super) fn rule(&self, peer: &Peer, database: &str, user: &str) -> Option<&Rule> {
        self.rule_within(peer, database, user, &own_networks)
    }

    /// As [`Self::rule`]. If it cannot be found out whether a rule fits, none does: the
    /// next ones were written for those whom it does not fit.
    fn rule_within(&self, peer: &Peer, database: &str, user: &str, own: Own<'_>) -> Option<&Rule> {
        for rule in self.rules.iter().filter(|rule| rule.is_for(peer, database, user)) {
            match rule.from.holds(&peer.address, own) {
                Ok(true) => return Some(rule),
                Ok(false) => {}
                Err(error) => {
                    let line = rule.line;
                    warn!(line, %error, "this machine's addresses are not known: nobody comes in");
                    return None;
                }
            }
        }
        None
    }

    /// The maps of names that the rules refer to.
    pub(super) fn maps(&self) -> &IdentMaps {
        &self.maps
    }
}

impl Rule {
    /// Whether it fits, wherever the client comes from.
    fn is_for(&self, peer: &Peer, database: &str, user: &str) -> bool {
        let encrypted = peer.tls.is_some();
        let kind = match (self.kind, &peer.address) {
            (Kind::Local, PeerAddress::Local { .. }) | (Kind::Host, PeerAddress::Ip(_)) => true,
            (Kind::HostSsl, PeerAddress::Ip(_)) => encrypted,
            (Kind::HostNoSsl, PeerAddress::Ip(_)) => !encrypted,
            (Kind::Local, PeerAddress::Ip(_))
            | (Kind::Host | Kind::HostSsl | Kind::HostNoSsl, PeerAddress::Local { .. }) => false,
        };
        kind && self.databases.iter().any(|it| match it {
            Database::All => true,
            Database::SameUser => database == user,
            Database::Replication => false,
            Database::One(name) => name == database,
        }) && self.users.iter().any(|it| match it {
            User::All => true,
            User::One(name) => name == user,
        })
    }
}

impl From {
    fn holds(&self, address: &PeerAddress, own: Own<'_>) -> io::Result<bool> {
        Ok(match (self, address) {
            (Self::Anywhere, _) => true,
            (Self::Network(network), PeerAddress::Ip(ip)) => network.contains(*ip),
            (Self::SameHost, PeerAddress::Ip(ip)) => own()?.iter().any(|it| it.is_of(*ip)),
            (Self::SameNet, PeerAddress::Ip(ip)) => own()?.iter().any(|it| it.contains(*ip)),
            (Self::Network(_) | Self::SameHost | Self::SameNet, PeerAddress::Local { .. }) => false,
        })
    }
}

#[cfg(test)]
mod tests;
