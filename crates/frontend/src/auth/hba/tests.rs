use std::io;

use afterwrite_wire::scram::ChannelBinding;
use proptest::prelude::*;

use super::*;
use crate::auth::peer::PeerTls;

const RULES: &str = r#"
# TYPE     DATABASE        USER           ADDRESS                  METHOD
local      all             postgres                                peer map=team
local      all             all                                     md5
host       all             banned         all                      reject
hostssl    all             certified      10.0.0.0/8               cert
hostnossl  plain,"a b"     all            10.0.0.0   255.0.0.0     password
host       sameuser        all            10.0.0.0/8               trust
host       all             @people        10.0.0.0/8               scram-sha-256
host       replication     all            0.0.0.0/0                trust
host       "all"           all            ::1/128                  trust
host       "sameuser"      "all"          ::1/128                  trust
host       one, \
           two             all            ::1/128                  md5
"#;

fn included(name: &str) -> io::Result<String> {
    match name {
        "people" => Ok("alice bob # and\n@more\n".into()),
        "more" => Ok("\"carol d\",\"@people\"".into()),
        "round" => Ok("@round".into()),
        "broken" => Ok("fine\n\"".into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn maps() -> IdentMaps {
    IdentMaps::parse("team root postgres").unwrap()
}

fn peer(from: &str) -> Peer {
    let (address, tls) = match from.strip_suffix("+tls") {
        Some(address) => {
            let binding = Some(ChannelBinding { end_point: vec![7; 32] });
            (address, Some(PeerTls { binding, certificate: None }))
        }
        None => (from, None),
    };
    let peer = match address {
        "local" => Peer::local(None),
        ip => Peer::tcp(ip.parse().unwrap()),
    };
    Peer { tls, ..peer }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let hba = Hba::parse(RULES, maps(), &included).unwrap();
    let check = |from: &str, database: &str, user: &str, expected: &str| {
        let rule = hba.rule(&peer(from), database, user);
        let shown = rule.map_or("none".into(), |rule| format!("{} {:?}", rule.line, rule.proof));
        assert_eq!(shown, expected, "{from} {database} {user}");
    };
    check("local", "x", "postgres", "3 Peer");
    check("local", "x", "alice", "4 Md5");
    check("10.1.1.1", "x", "banned", "5 Reject");
    check("::1", "x", "banned", "5 Reject");
    check("10.1.1.1+tls", "x", "certified", "6 Cert");
    check("10.1.1.1", "x", "certified", "none");
    check("10.1.1.1", "plain", "certified", "7 Password");
    check("10.1.1.1", "a b", "x", "7 Password");
    check("10.1.1.1+tls", "plain", "x", "none");
    check("11.1.1.1", "plain", "x", "none");
    check("10.1.1.1", "me", "me", "8 Trust");
    check("10.1.1.1+tls", "x", "alice", "9 Scram");
    check("10.1.1.1", "x", "bob", "9 Scram");
    check("10.1.1.1", "x", "carol d", "9 Scram");
    check("10.1.1.1", "x", "@people", "9 Scram");
    check("10.1.1.1", "x", "carol", "none");
    check("1.1.1.1", "replication", "x", "none");
    check("::1", "all", "x", "11 Trust");
    check("::1", "x", "x", "none");
    check("::1", "sameuser", "all", "12 Trust");
    check("::1", "two", "x", "13 Md5");
    check("::1", "three", "x", "none");
    assert_eq!(hba.rules[0].map.as_deref(), Some("team"));
}

#[test]
fn from_this_machine_and_its_networks() {
    let rules = "host all all samehost trust\n\
                 host all guest samenet reject\n\
                 host all all samenet md5\n\
                 host all all all password\n\
                 host \"samenet\" all 0.0.0.0 0.0.0.0 trust";
    let hba = Hba::parse(rules, maps(), &included).unwrap();
    let own = || {
        let networks =
            [("127.0.0.1", "255.0.0.0"), ("10.1.2.3", "255.255.255.0"), ("fd00::1", "::")];
        let networks = networks.map(|(address, mask)| {
            Network::of_interface(address.parse().unwrap(), mask.parse().unwrap())
        });
        Ok(networks.to_vec())
    };
    let unknown = || Err(io::ErrorKind::PermissionDenied.into());
    let check = |own: Own<'_>, from: &str, user: &str, expected: &str| {
        let rule = hba.rule_within(&peer(from), "x", user, own);
        let shown = rule.map_or("none".into(), |rule| format!("{} {:?}", rule.line, rule.proof));
        assert_eq!(shown, expected, "{from} {user}");
    };
    check(&own, "10.1.2.3", "guest", "1 Trust");
    check(&own, "127.0.0.1", "x", "1 Trust");
    check(&own, "fd00::1", "x", "1 Trust");
    check(&own, "127.0.0.2", "x", "3 Md5");
    check(&own, "10.1.2.4", "guest", "2 Reject");
    check(&own, "10.1.2.4", "x", "3 Md5");
    check(&own, "10.1.3.3", "guest", "4 Password");
    check(&own, "fd00::2", "x", "4 Password");
    check(&own, "local", "x", "none");
    // Whoever might be meant by a rule is not left to the next one.
    check(&unknown, "10.1.3.3", "x", "none");
    assert!(hba.rule(&peer("127.0.0.1"), "x", "x").is_some_and(|rule| rule.line == 1));
}

#[test]
fn what_is_not_understood_is_told() {
    let check = |line: &str, expected: &str| {
        let told = Hba::parse(line, maps(), &included).unwrap_err();
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, [format!("line 1: {expected}")], "{line}");
    };
    check(
        "hosts all all all trust",
        "unknown type \"hosts\", expected local, host, hostssl or hostnossl",
    );
    check("hostgssenc all all all trust", "GSSAPI encryption is not supported");
    check("include other.conf", "include of other files is not supported");
    check("a,b all all all trust", "the type cannot be a list");
    check("host", "the databases are missing");
    check("host all", "the users are missing");
    check("host all all", "the address is missing");
    check("host all all all", "the method is missing");
    check("local all all", "the method is missing");
    check("host all all 10.0.0.0/33 trust", "invalid address \"10.0.0.0/33\"");
    check("host all all 10.0.0/8 trust", "invalid address \"10.0.0/8\"");
    check("host all all 10.0.0.1 trust", "invalid mask \"trust\"");
    check("host all all 10.0.0.1 ::1 trust", "invalid mask \"::1\"");
    check(
        "host all all db.example trust",
        "invalid address \"db.example\": names of hosts are not supported",
    );
    check("host samerole all all trust", "database samerole is not supported");
    check("host all +admins all trust", "members of a role (+) are not supported");
    check("host /^a all all trust", "regular expressions are not supported");
    check("host all @nowhere all trust", "cannot read @nowhere: entity not found");
    check("host all @round all trust", "@ files are nested more than 8 deep");
    check("host all @broken all trust", "in @broken: line 2: a closing quote is missing");
    check("host all all all cert", "method cert is possible for hostssl alone");
    check("host all all all peer", "method peer is possible for local alone");
    check("host all all all ldap", "method ldap is not supported");
    check("host all all all scram", "unknown method \"scram\"");
    check("host all all all trust x", "expected name=value after the method");
    check("host all all all md5 map=team", "option map is possible for cert and peer alone");
    check("local all all peer map=none", "there is no map \"none\" in the ident file");
    check("host all all all md5 ldapbindpasswd=hunter2", "option ldapbindpasswd is not supported");

    let several = Hba::parse("x\nlocal all all trust\n\"\nhost", maps(), &included).unwrap_err();
    assert_eq!(several.iter().map(|it| it.line).collect::<Vec<_>>(), [Some(1), Some(3), Some(4)]);
}

proptest! {
    #[test]
    fn no_text_panics(text in "(host|local|all|@people|@round|trust|cert|map=|10\\.0\\.0\\.0/8|[\", #\\\\\n\\PC]){0,20}") {
        let _ = Hba::parse(&text, maps(), &included);
        let _ = IdentMaps::parse(&text);
    }
}
