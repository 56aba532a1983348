//! `[clients]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::auth::{AuthFiles, read_auth, read_auth_query};
use super::{CONNECTIONS_MAX, DAY, ms, secs};
use crate::check::Checker;
use crate::cluster::certificate_has_key;
use crate::config::{
    ClientTls, ClientTlsMode, ClientsConfig, ClusterConfig, ListenAddress, TlsVersion, UserConfig,
};
use crate::problem::Problem;

/// How long a client may be idle or busy, where that is limited.
const LIMIT: std::ops::RangeInclusive<Duration> = ms(1)..=secs(30 * 24 * 3600);

pub(crate) fn read_clients(
    checker: &mut Checker<'_>,
    cluster: Option<&ClusterConfig>,
    users: &BTreeMap<String, UserConfig>,
    listen: &[ListenAddress],
) -> ClientsConfig {
    const GIB: usize = 1 << 30;
    let tls = read_tls(checker);
    let auth_query = read_auth_query(checker, cluster);
    let files = AuthFiles {
        users: checker.file_if_any("clients.users_file"),
        hba: checker.file_if_any("clients.hba_file"),
        ident: checker.file_if_any("clients.ident_file"),
    };
    let auth = read_auth(checker, cluster, users, listen, &files, auth_query.as_ref(), &tls);
    let clients = ClientsConfig {
        auth,
        users_file: files.users,
        hba_file: files.hba,
        ident_file: files.ident,
        auth_query,
        connections_max: checker.integer("clients.connections_max", 1..=CONNECTIONS_MAX, 10_000),
        connections_per_user_max: checker
            .limit("clients.connections_per_user_max", CONNECTIONS_MAX),
        connections_per_database_max: checker
            .limit("clients.connections_per_database_max", CONNECTIONS_MAX),
        login_timeout: checker.duration("clients.login_timeout", ms(100)..=secs(600), secs(15)),
        idle_timeout: checker.duration_or_off("clients.idle_timeout", LIMIT, None),
        idle_transaction_timeout: checker.duration_or_off(
            "clients.idle_transaction_timeout",
            LIMIT,
            None,
        ),
        transaction_timeout: checker.duration_or_off("clients.transaction_timeout", LIMIT, None),
        query_timeout: checker.duration_or_off("clients.query_timeout", LIMIT, None),
        write_timeout: checker.duration("clients.write_timeout", ms(100)..=DAY, secs(60)),
        message_max: checker.size("clients.message_max", 16 << 10..=GIB, GIB),
        statement_buffer_max: checker.size(
            "clients.statement_buffer_max",
            1 << 10..=64 << 20,
            1 << 20,
        ),
        prepared_max: checker.integer("clients.prepared_max", 1..=1_000_000, 1_000),
        ignore_startup_parameters: lower_case(checker.names("clients.ignore_startup_parameters")),
        application_name_add_host: checker.boolean("clients.application_name_add_host", false),
        tls,
    };
    let (buffer, message) = ("clients.statement_buffer_max", "clients.message_max");
    if clients.statement_buffer_max > clients.message_max && checker.are_good(&[buffer, message]) {
        checker.report(Problem {
            key: buffer.to_owned(),
            place: checker.place_of(buffer).or_else(|| checker.place_of(message)),
            found: format!("{} bytes", clients.statement_buffer_max),
            expected: format!("at most {message}, which is {} bytes", clients.message_max),
            hint: None,
        });
    }
    clients
}

fn lower_case(mut names: Vec<String>) -> Vec<String> {
    for name in &mut names {
        name.make_ascii_lowercase();
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn read_tls(checker: &mut Checker<'_>) -> ClientTls {
    let at = "clients.tls";
    let (mode_key, certificate_key) = ("clients.tls.mode", "clients.tls.certificate");
    let ca_key = "clients.tls.client_ca";
    let mode = checker.choice(mode_key, ClientTlsMode::WORDS);
    let certificate = checker.file_if_any(certificate_key);
    let tls = ClientTls {
        // Whoever names a certificate wants it to be used.
        mode: mode.unwrap_or(match certificate {
            Some(_) => ClientTlsMode::Prefer,
            None => ClientTlsMode::Disable,
        }),
        certificate,
        key: checker.file_if_any("clients.tls.key"),
        client_ca: checker.file_if_any(ca_key),
        min_version: checker
            .choice("clients.tls.min_version", TlsVersion::WORDS)
            .unwrap_or(TlsVersion::Tls12),
    };
    certificate_has_key(checker, at, tls.certificate.as_deref(), tls.key.as_deref());
    let lacks_certificate = tls.certificate.is_none() && tls.key.is_none();
    let mut lacks = |key: &str, found: &str, expected: &str| {
        if checker.are_good(&[mode_key, key]) {
            checker.report(Problem {
                key: key.to_owned(),
                place: checker.place_of(mode_key),
                found: format!("{found}, with {mode_key} {}", tls.mode),
                expected: expected.to_owned(),
                hint: None,
            });
        }
    };
    if tls.mode != ClientTlsMode::Disable && lacks_certificate {
        lacks(certificate_key, "no certificate", "a certificate and its key, in PEM files");
    }
    if tls.mode >= ClientTlsMode::VerifyCa && tls.client_ca.is_none() {
        lacks(
            ca_key,
            "nothing to check the clients' certificates with",
            "the PEM file with the certificate of who signs them",
        );
    }
    tls
}
