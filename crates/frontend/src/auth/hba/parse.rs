//! From the words of a file to its rules.

use std::io;
use std::net::IpAddr;
use std::vec::IntoIter;

use super::address::Network;
use super::{Database, FileProblem, From, IdentMaps, Kind, Proof, Rule, User};
use crate::auth::token::{self, Field, Line, Token};

/// Files that may name one another by `@name`, one inside the other.
const INCLUDES_MAX: usize = 8;

/// Names that one list may have, with all that its files name.
const NAMES_MAX: usize = 100_000;

type Included<'a> = &'a dyn Fn(&str) -> io::Result<String>;

pub(super) fn rules(
    text: &str,
    maps: &IdentMaps,
    included: Included<'_>,
) -> Result<Vec<Rule>, Vec<FileProblem>> {
    let (lines, mut problems) = token::lines(text);
    let mut rules = Vec::new();
    for line in lines {
        let number = line.number;
        match rule(line, maps, included) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(FileProblem::at(number, problem)),
        }
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn rule(line: Line, maps: &IdentMaps, included: Included<'_>) -> Result<Rule, String> {
    let number = line.number;
    let mut fields = line.fields.into_iter();
    let kind = kind(&single(&mut fields, "type")?)?;
    let databases = names(fields.next().ok_or("the databases are missing")?, included)?;
    let databases = databases.into_iter().map(database).collect::<Result<_, _>>()?;
    let users = names(fields.next().ok_or("the users are missing")?, included)?;
    let users = users.into_iter().map(user).collect::<Result<_, _>>()?;
    let from = match kind {
        Kind::Local => From::Anywhere,
        Kind::Host | Kind::HostSsl | Kind::HostNoSsl => from(&mut fields)?,
    };
    let proof = proof(&single(&mut fields, "method")?, kind)?;
    let map = options(fields, proof, maps)?;
    Ok(Rule { line: number, kind, databases, users, from, proof, map })
}

/// The one word of the next field.
fn single(fields: &mut IntoIter<Field>, what: &str) -> Result<Token, String> {
    let field = fields.next().ok_or_else(|| format!("the {what} is missing"))?;
    let [token] =
        <[Token; 1]>::try_from(field).map_err(|_| format!("the {what} cannot be a list"))?;
    Ok(token)
}

fn kind(token: &Token) -> Result<Kind, String> {
    match token.text.as_str() {
        "local" => Ok(Kind::Local),
        "host" => Ok(Kind::Host),
        "hostssl" => Ok(Kind::HostSsl),
        "hostnossl" => Ok(Kind::HostNoSsl),
        "hostgssenc" | "hostnogssenc" => Err("GSSAPI encryption is not supported".into()),
        "include" | "include_if_exists" | "include_dir" => {
            Err("include of other files is not supported".into())
        }
        other => {
            Err(format!("unknown type \"{other}\", expected local, host, hostssl or hostnossl"))
        }
    }
}

/// The names of a list, with those that its files have.
fn names(field: Field, included: Included<'_>) -> Result<Vec<Token>, String> {
    let mut names = Vec::new();
    // What is still to be looked at, the next one last, and how deep it was found.
    let mut left: Vec<_> = field.into_iter().rev().map(|token| (token, 0)).collect();
    while let Some((token, depth)) = left.pop() {
        match token.text.strip_prefix('@').filter(|name| !token.quoted && !name.is_empty()) {
            None => names.push(token),
            Some(_) if depth >= INCLUDES_MAX => {
                return Err(format!("@ files are nested more than {INCLUDES_MAX} deep"));
            }
            Some(name) => {
                let text =
                    included(name).map_err(|error| format!("cannot read @{name}: {error}"))?;
                let (lines, problems) = token::lines(&text);
                if let Some(problem) = problems.first() {
                    return Err(format!("in @{name}: {problem}"));
                }
                let inside = lines.into_iter().flat_map(|line| line.fields).flatten();
                let inside: Vec<_> = inside.map(|token| (token, depth + 1)).collect();
                left.extend(inside.into_iter().rev());
            }
        }
        if names.len() + left.len() > NAMES_MAX {
            return Err(format!("more than {NAMES_MAX} names"));
        }
    }
    Ok(names)
}

fn database(token: Token) -> Result<Database, String> {
    Ok(match token.text.as_str() {
        "all" if !token.quoted => Database::All,
        "sameuser" if !token.quoted => Database::SameUser,
        "replication" if !token.quoted => Database::Replication,
        "samerole" | "samegroup" if !token.quoted => {
            return Err(format!("database {} is not supported", token.text));
        }
        name if !token.quoted && name.starts_with('/') => {
            return Err("regular expressions are not supported".into());
        }
        _ => Database::One(token.text),
    })
}

fn user(token: Token) -> Result<User, String> {
    Ok(match token.text.as_str() {
        "all" if !token.quoted => User::All,
        name if !token.quoted && name.starts_with('+') => {
            return Err("members of a role (+) are not supported".into());
        }
        name if !token.quoted && name.starts_with('/') => {
            return Err("regular expressions are not supported".into());
        }
        _ => User::One(token.text),
    })
}

fn from(fields: &mut IntoIter<Field>) -> Result<From, String> {
    let token = single(fields, "address")?;
    if token.is("all") {
        return Ok(From::Anywhere);
    }
    if token.is("samehost") {
        return Ok(From::SameHost);
    }
    if token.is("samenet") {
        return Ok(From::SameNet);
    }
    let invalid = || format!("invalid address \"{}\"", token.text);
    let network = if let Some((address, length)) = token.text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        Network::with_length(address, length).ok_or_else(invalid)?
    } else {
        let Ok(address) = token.text.parse::<IpAddr>() else {
            return Err(format!("{}: names of hosts are not supported", invalid()));
        };
        let mask = single(fields, "mask")?;
        let wrong = || format!("invalid mask \"{}\"", mask.text);
        let parsed: IpAddr = mask.text.parse().map_err(|_| wrong())?;
        Network::with_mask(address, parsed).ok_or_else(wrong)?
    };
    Ok(From::Network(network))
}

fn proof(token: &Token, kind: Kind) -> Result<Proof, String> {
    match (token.text.as_str(), kind) {
        ("trust", _) => Ok(Proof::Trust),
        ("reject", _) => Ok(Proof::Reject),
        ("password", _) => Ok(Proof::Password),
        ("md5", _) => Ok(Proof::Md5),
        ("scram-sha-256", _) => Ok(Proof::Scram),
        ("cert", Kind::HostSsl) => Ok(Proof::Cert),
        ("cert", Kind::Local | Kind::Host | Kind::HostNoSsl) => {
            Err("method cert is possible for hostssl alone".into())
        }
        // As in PostgreSQL, `ident` over a Unix socket means `peer`.
        ("peer" | "ident", Kind::Local) => Ok(Proof::Peer),
        ("peer", Kind::Host | Kind::HostSsl | Kind::HostNoSsl) => {
            Err("method peer is possible for local alone".into())
        }
        (name @ ("ident" | "gss" | "sspi" | "pam" | "bsd" | "ldap" | "radius" | "oauth"), _) => {
            Err(format!("method {name} is not supported"))
        }
        (other, _) => Err(format!("unknown method \"{other}\"")),
    }
}

/// The map of names, the one option that there is. Another one's value is not
/// told: it may be a secret.
fn options(
    fields: IntoIter<Field>,
    proof: Proof,
    maps: &IdentMaps,
) -> Result<Option<String>, String> {
    let mut map = None;
    for token in fields.flatten() {
        let (name, value) =
            token.text.split_once('=').ok_or("expected name=value after the method")?;
        match (name, proof) {
            ("map", Proof::Cert | Proof::Peer) if maps.has(value) => map = Some(value.to_owned()),
            ("map", Proof::Cert | Proof::Peer) => {
                return Err(format!("there is no map \"{value}\" in the ident file"));
            }
            ("map", _) => return Err("option map is possible for cert and peer alone".into()),
            _ => return Err(format!("option {name} is not supported")),
        }
    }
    Ok(map)
}
