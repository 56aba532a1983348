//! How clients prove who they are, and what must be there for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::check::Checker;
use crate::config::{
    AuthQuery, ClientAuth, ClientTls, ClientTlsMode, ClusterConfig, Config, ListenAddress,
    UserConfig,
};
use crate::problem::Problem;
use crate::url::quoted;
use crate::{Secret, keys};

const AUTH: &str = "clients.auth";

/// Runs as `clients.auth_user`, on whatever that user's `search_path` is: every
/// name is qualified. A role whose time is over has no secret.
const AUTH_QUERY: &str = "SELECT rolname, \
     CASE WHEN rolvaliduntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL \
     ELSE rolpassword END FROM pg_catalog.pg_authid \
     WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolcanlogin";

/// The files that the login reads.
pub(super) struct AuthFiles {
    pub(super) users: Option<PathBuf>,
    pub(super) hba: Option<PathBuf>,
    pub(super) ident: Option<PathBuf>,
}

/// The question for a secret, if anything is said of one.
pub(super) fn read_auth_query(
    checker: &mut Checker<'_>,
    cluster: Option<&ClusterConfig>,
) -> Option<AuthQuery> {
    let query_key = "clients.auth_query";
    let query = checker.name_if_any(query_key);
    let user = checker.name_if_any("clients.auth_user");
    let database = checker.name_if_any("clients.auth_database");
    if let Some(query) = query.as_ref().filter(|query| !query.contains("$1")) {
        checker.report(Problem {
            key: query_key.to_owned(),
            place: checker.place_of(query_key),
            found: quoted(query),
            expected: "a query with the user's name as $1".to_owned(),
            hint: Some("never put the name into the text: it comes from a stranger".to_owned()),
        });
    }
    let is_asked = query.is_some() || user.is_some();
    if database.is_some() && !is_asked && checker.are_good(&[query_key, "clients.auth_user"]) {
        checker.report(Problem {
            key: "clients.auth_database".to_owned(),
            place: checker.place_of("clients.auth_database"),
            found: "a database to ask in, but nothing to ask".to_owned(),
            expected: "clients.auth_user or clients.auth_query beside it".to_owned(),
            hint: None,
        });
    }
    is_asked.then(|| AuthQuery {
        query: query.unwrap_or_else(|| AUTH_QUERY.to_owned()),
        // Without a cluster there is a problem, and nobody sees this.
        user: user.or_else(|| Some(cluster?.user.clone())).unwrap_or_default(),
        database,
    })
}

/// How clients log in; refuses trust where strangers can connect, and what lacks
/// something it needs.
pub(super) fn read_auth(
    checker: &mut Checker<'_>,
    cluster: Option<&ClusterConfig>,
    users: &BTreeMap<String, UserConfig>,
    listen: &[ListenAddress],
    files: &AuthFiles,
    auth_query: Option<&AuthQuery>,
    tls: &ClientTls,
) -> ClientAuth {
    let chosen = checker.choice(AUTH, ClientAuth::WORDS);
    let has_password = has_passwords(checker, cluster, users, files, auth_query);
    let auth = match (chosen, has_password) {
        (Some(auth), _) => auth,
        (None, _) if files.hba.is_some() => ClientAuth::Hba,
        (None, Some(false)) => ClientAuth::Trust,
        (None, Some(true) | None) => ClientAuth::ScramSha256,
    };
    if !checker.are_good(&[AUTH]) {
        return auth;
    }
    match auth {
        ClientAuth::Trust => refuse_trust_outside(checker, chosen.is_some(), listen),
        ClientAuth::Password | ClientAuth::Md5 | ClientAuth::ScramSha256 => {
            if has_password == Some(false) {
                lacks(
                    checker,
                    "a login with a password, but no password",
                    "a password in the URL, cluster.password, [users], clients.users_file or \
                     clients.auth_user",
                );
            }
        }
        ClientAuth::Cert => {
            let keys = ["clients.tls.mode", "clients.tls.certificate", "clients.tls.client_ca"];
            if tls.mode < ClientTlsMode::VerifyCa && checker.are_good(&keys) {
                lacks(
                    checker,
                    &format!("\"cert\", with clients.tls.mode {}", tls.mode),
                    "clients.tls.mode verify-ca or verify-full",
                );
            }
        }
        ClientAuth::Hba => {
            if files.hba.is_none() && checker.are_good(&["clients.hba_file"]) {
                lacks(checker, "\"hba\", but no clients.hba_file", "the file with the rules");
            }
        }
    }
    refuse_unused(checker, auth, files);
    auth
}

fn lacks(checker: &mut Checker<'_>, found: &str, expected: &str) {
    checker.report(Problem {
        key: AUTH.to_owned(),
        place: checker.place_of(AUTH),
        found: found.to_owned(),
        expected: expected.to_owned(),
        hint: None,
    });
}

/// Whether there is a password anywhere; `None` where that could not be read.
fn has_passwords(
    checker: &Checker<'_>,
    cluster: Option<&ClusterConfig>,
    users: &BTreeMap<String, UserConfig>,
    files: &AuthFiles,
    auth_query: Option<&AuthQuery>,
) -> Option<bool> {
    let of_users = users.values().any(|user| user.password.is_some());
    if of_users || files.users.is_some() || auth_query.is_some() {
        return Some(true);
    }
    let user_keys: Vec<_> = users
        .keys()
        .flat_map(|name| ["password", "password_file"].map(|key| (name, key)))
        .map(|(name, key)| keys::join(&keys::named("users", name), key))
        .collect();
    let mut keys = vec![
        "cluster.url",
        "cluster.nodes",
        "cluster.password",
        "cluster.password_file",
        "clients.users_file",
        "clients.auth_query",
        "clients.auth_user",
    ];
    keys.extend(user_keys.iter().map(String::as_str));
    let cluster = cluster.filter(|_| checker.are_good(&keys))?;
    Some(cluster.password.is_some())
}

fn refuse_trust_outside(checker: &mut Checker<'_>, is_chosen: bool, listen: &[ListenAddress]) {
    let tcp = listen.iter().filter_map(ListenAddress::tcp);
    let Some(address) = tcp.into_iter().find(|address| !address.ip().is_loopback()) else {
        return;
    };
    let found = if is_chosen {
        format!("\"trust\", with {address} to listen on")
    } else {
        format!("no password, so that clients are trusted, with {address} to listen on")
    };
    checker.report(Problem {
        key: AUTH.to_owned(),
        place: checker.place_of(AUTH).or_else(|| checker.place_of("listen")),
        found,
        expected: "a password for clients, or loopback addresses only".to_owned(),
        hint: Some(
            "with trust, whoever reaches the address is in the database without a password"
                .to_owned(),
        ),
    });
}

/// Rules that nobody reads would seem to protect something.
fn refuse_unused(checker: &mut Checker<'_>, auth: ClientAuth, files: &AuthFiles) {
    if auth == ClientAuth::Hba {
        return;
    }
    for (key, file) in [("clients.hba_file", &files.hba), ("clients.ident_file", &files.ident)] {
        if file.is_some() {
            checker.report(Problem {
                key: key.to_owned(),
                place: checker.place_of(key),
                found: format!("a file that is not read, with {AUTH} {auth}"),
                expected: format!("{AUTH} = \"hba\" beside it"),
                hint: None,
            });
        }
    }
}

/// Secrets that cannot be used in the way that is chosen.
pub(crate) fn check_secrets(
    checker: &mut Checker<'_>,
    auth: ClientAuth,
    users: &BTreeMap<String, UserConfig>,
) {
    for (name, user) in users {
        let at = keys::named("users", name);
        let password = user.password.as_ref().map(Secret::expose);
        let password_found = match password {
            Some(text) if auth == ClientAuth::ScramSha256 && is_md5(text) => {
                Some("an MD5 hash, with clients.auth scram-sha-256")
            }
            Some(text) if text.starts_with("SCRAM-SHA-256$") && !is_scram(text) => {
                Some("a SCRAM secret that is broken")
            }
            Some(_) | None => None,
        };
        let server = user.server_password.as_ref().map(Secret::expose);
        let server_found =
            server.filter(|text| is_md5(text) || is_scram(text)).map(|_| "a hash of a password");
        for (key, found, expected) in [
            ("password", password_found, "a password, or a secret SCRAM-SHA-256$… of pg_authid"),
            ("server_password", server_found, "the password itself: servers are given it"),
        ] {
            let key = keys::join(&at, key);
            let file_key = format!("{key}_file");
            if let Some(found) = found
                && checker.are_good(&[AUTH, &key, &file_key])
            {
                checker.report(Problem {
                    place: checker.place_of(&key).or_else(|| checker.place_of(&file_key)),
                    key,
                    found: found.to_owned(),
                    expected: expected.to_owned(),
                    hint: None,
                });
            }
        }
    }
}

fn is_md5(secret: &str) -> bool {
    secret
        .strip_prefix("md5")
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `SCRAM-SHA-256$iterations:salt$stored:server`.
fn is_scram(secret: &str) -> bool {
    let parts = || {
        let (iterations, rest) = secret.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        Some((iterations, salt, stored, server))
    };
    parts().is_some_and(|(iterations, salt, stored, server)| {
        iterations.parse::<u32>().is_ok_and(|count| count > 0)
            && [salt, stored, server].iter().all(|part| !part.is_empty())
    })
}

/// Users of the console, and of `[users]`, whom nobody can log in as.
///
/// Where secrets come from elsewhere, it is not known who there is.
pub(crate) fn check_users(checker: &mut Checker<'_>, config: &Config) {
    let clients = &config.clients;
    let all_are_named = clients.users_file.is_none()
        && clients.auth_query.is_none()
        && !matches!(clients.auth, ClientAuth::Trust | ClientAuth::Cert | ClientAuth::Hba);
    if !all_are_named || !checker.sources.problems.is_empty() {
        return;
    }
    for (name, user) in &config.users {
        if user.password.is_none() && *name != config.cluster.user {
            let at = keys::named("users", name);
            checker.report(Problem {
                key: keys::join(&at, "password"),
                place: checker.place_in(&at),
                found: "a user without a password".to_owned(),
                expected: format!("a password, with {AUTH} {}", clients.auth),
                hint: None,
            });
        }
    }
    let mut known: BTreeSet<&str> = config.users.keys().map(String::as_str).collect();
    known.insert(&config.cluster.user);
    let choices = known.iter().copied().collect::<Vec<_>>().join(", ");
    for (key, names) in
        [("admin.users", &config.admin.users), ("admin.stats_users", &config.admin.stats_users)]
    {
        for name in names.iter().filter(|name| !known.contains(name.as_str())) {
            let near = keys::nearest(name, known.iter().copied());
            checker.report(Problem {
                key: key.to_owned(),
                place: checker.place_of(key),
                found: format!("{}, who is no user here", quoted(name)),
                expected: format!("one of {choices}"),
                hint: near.map(|near| format!("did you mean {near:?}?")),
            });
        }
    }
}
