//! Rules in the form of `pg_hba.conf`: who may come from where, and by what proof.
//!
//! The first rule that fits decides. Where none fits, nobody comes in.

mod address;
mod parse;

use std::path::Path;

use super::file::{self, Beside, FileProblem};
use super::ident::IdentMaps;
use super::peer::{Peer, PeerAddress};
use address::Network;

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
}

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
        self.rules.iter().find(|rule| rule.fits(peer, database, user))
    }

    /// The maps of names that the rules refer to.
    pub(super) fn maps(&self) -> &IdentMaps {
        &self.maps
    }
}

impl Rule {
    fn fits(&self, peer: &Peer, database: &str, user: &str) -> bool {
        let encrypted = peer.tls.is_some();
        let kind = match (self.kind, &peer.address) {
            (Kind::Local, PeerAddress::Local { .. }) | (Kind::Host, PeerAddress::Ip(_)) => true,
            (Kind::HostSsl, PeerAddress::Ip(_)) => encrypted,
            (Kind::HostNoSsl, PeerAddress::Ip(_)) => !encrypted,
            (Kind::Local, PeerAddress::Ip(_))
            | (Kind::Host | Kind::HostSsl | Kind::HostNoSsl, PeerAddress::Local { .. }) => false,
        };
        let from = match (&self.from, &peer.address) {
            (From::Anywhere, _) => true,
            (From::Network(network), PeerAddress::Ip(ip)) => network.contains(*ip),
            (From::Network(_), PeerAddress::Local { .. }) => false,
        };
        kind && from
            && self.databases.iter().any(|it| match it {
                Database::All => true,
                Database::SameUser => database == user,
                Database::Replication => false,
                Database::One(name) => name == database,
            })
            && self.users.iter().any(|it| match it {
                User::All => true,
                User::One(name) => name == user,
            })
    }
}

#[cfg(test)]
mod tests;
