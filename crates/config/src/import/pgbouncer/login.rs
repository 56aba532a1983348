//! Where clients connect and how they prove who they are.

use std::net::IpAddr;

use super::super::Asks;
use super::super::draft::{At, Draft, quoted};
use super::super::ini::list;
use super::Source;

const AUTH: &str = "auth";
const CLIENTS: &str = "clients";

/// Writes the addresses, the login and TLS to clients. Gives the addresses where
/// strangers can connect.
pub(super) fn import(draft: &mut Draft, source: &Source) -> Vec<String> {
    let outside = listen(draft, source);
    files(draft, source);
    tls(draft, source);
    auth(draft, source);
    outside
}

fn listen(draft: &mut Draft, source: &Source) -> Vec<String> {
    let port = source.get("listen_port", "6432");
    let at = source.at("listen_addr");
    let mut addresses = Vec::new();
    let mut outside = Vec::new();
    for host in list(source.get("listen_addr", "")) {
        let (address, is_outside) = match host.parse::<IpAddr>() {
            Ok(ip @ IpAddr::V4(_)) => (format!("{ip}:{port}"), !ip.is_loopback()),
            Ok(ip @ IpAddr::V6(_)) => (format!("[{ip}]:{port}"), !ip.is_loopback()),
            Err(_) if host == "localhost" => (format!("localhost:{port}"), false),
            Err(_) if host == "*" => {
                let text = "listen_addr = *: every IPv4 address. For IPv6 as well, write \
                            \"[::]:PORT\" instead, which on most systems takes both.";
                draft.note("", Asks::Differs, &at, text);
                (format!("0.0.0.0:{port}"), true)
            }
            Err(_) => {
                let text = format!("listen_addr {host}: write the address it stands for.");
                draft.note("", Asks::Decision, &at, &text);
                continue;
            }
        };
        if is_outside {
            outside.push(address.clone());
        }
        addresses.push(address);
    }
    let folder = source.get("unix_socket_dir", "/tmp");
    if !folder.is_empty() {
        if source.find("unix_socket_dir").is_none() {
            let text = "unix_socket_dir is /tmp unless set; Debian sets /var/run/postgresql.";
            draft.note("", Asks::Default, &At::NOWHERE, text);
        }
        addresses.push(format!("{}/.s.PGSQL.{port}", folder.trim_end_matches('/')));
    }
    if !addresses.is_empty() {
        draft.set_list("", "listen", &addresses);
    }
    if let Some(mode) = source.find("unix_socket_mode") {
        draft.set_text("", "unix_socket_mode", &mode.value);
    }
    outside
}

fn files(draft: &mut Draft, source: &Source) {
    let keys = [
        ("auth_file", "users_file"),
        ("auth_query", "auth_query"),
        ("auth_user", "auth_user"),
        ("auth_dbname", "auth_database"),
    ];
    for (theirs, ours) in keys {
        if let Some(setting) = source.find(theirs).filter(|setting| !setting.value.is_empty()) {
            draft.set_text(CLIENTS, ours, &setting.value);
        }
    }
    // Without a user to ask as, PgBouncer asks nobody.
    if !draft.has(CLIENTS, "auth_user") {
        for key in ["auth_query", "auth_database"] {
            draft.remove(CLIENTS, key);
        }
        if let Some(setting) = source.find("auth_query") {
            let text = "auth_query without auth_user: PgBouncer does not ask it, unless a \
                        database names one.";
            draft.note(CLIENTS, Asks::Decision, &setting.at, text);
        }
        if let Some(setting) = source.find("auth_dbname") {
            let text = "auth_dbname without auth_user has no effect.";
            draft.note(CLIENTS, Asks::Gone, &setting.at, text);
        }
    }
    if draft.has(CLIENTS, "users_file") {
        let text = "the list is read as it is; a relative path is relative to this file.";
        draft.note_on((CLIENTS, "users_file"), Asks::Differs, &source.at("auth_file"), text);
    }
}

fn auth(draft: &mut Draft, source: &Source) {
    let at = source.at("auth_type");
    let theirs = source.get("auth_type", "md5");
    if source.find("auth_type").is_none() {
        let text = "auth_type is md5 unless set; scram-sha-256 is better where no list has MD5 \
                    hashes.";
        draft.note(CLIENTS, Asks::Default, &at, text);
    }
    let ours = match theirs {
        "trust" | "md5" | "scram-sha-256" | "cert" => theirs,
        "plain" => "password",
        "any" => {
            let text = "auth_type = any: as trust; the client's user name counts nonetheless, \
                        unless the database has a user.";
            draft.note(CLIENTS, Asks::Differs, &at, text);
            "trust"
        }
        "hba" if source.find("auth_hba_file").is_some_and(|it| !it.value.is_empty()) => "hba",
        other => {
            let text = format!(
                "auth_type = {other}: not available here; choose how clients log in. \
                 scram-sha-256 is set so that nobody gets in without a password."
            );
            draft.note(CLIENTS, Asks::Decision, &at, &text);
            "scram-sha-256"
        }
    };
    for (theirs, ours_key) in [("auth_hba_file", "hba_file"), ("auth_ident_file", "ident_file")] {
        let Some(file) = source.find(theirs).filter(|file| !file.value.is_empty()) else {
            continue;
        };
        if ours == "hba" {
            draft.set_text(CLIENTS, ours_key, &file.value);
        } else {
            let text = format!("{theirs} is read only with auth_type = hba; nor is it here.");
            draft.note(CLIENTS, Asks::Gone, &file.at, &text);
        }
    }
    draft.set_text(CLIENTS, AUTH, ours);
}

/// What the login that was written lacks: a file that does not say cannot be used,
/// and must not be open instead.
pub(super) fn check(draft: &mut Draft, source: &Source, outside: &[String]) {
    let at = source.at("auth_type");
    let auth = draft.value(CLIENTS, AUTH).unwrap_or_default().to_owned();
    let has_users = draft.has(CLIENTS, "users_file") || draft.has(CLIENTS, "auth_user");
    let mut chosen = auth.trim_matches('"').to_owned();
    if chosen == "cert"
        && !draft.value("clients.tls", "mode").is_some_and(|it| it.contains("verify"))
    {
        let text = "auth_type = cert needs client_tls_sslmode = verify-full, in PgBouncer too; \
                    until then, passwords are asked for.";
        draft.note_on((CLIENTS, AUTH), Asks::Decision, &at, text);
        "scram-sha-256".clone_into(&mut chosen);
    }
    if matches!(chosen.as_str(), "md5" | "password" | "scram-sha-256") && !has_users {
        let text = "there is neither auth_file nor auth_user: nobody could log in. Name users by \
                    users_file or [users]; until then, they are looked up on the servers.";
        draft.note_on((CLIENTS, AUTH), Asks::Decision, &at, text);
        let user = draft.value("cluster", "user").unwrap_or("\"afterwrite\"").to_owned();
        draft.set(CLIENTS, "auth_user", user);
    }
    draft.set_text(CLIENTS, AUTH, &chosen);
    if chosen != "trust" || outside.is_empty() {
        return;
    }
    let text = format!(
        "clients are trusted, and {} can be reached by others: that is refused. This machine alone \
         is listened to until clients.auth asks for a password.",
        outside.join(" and ")
    );
    draft.note_on(("", "listen"), Asks::Decision, &source.at("listen_addr"), &text);
    let listen = draft.value("", "listen").unwrap_or_default().to_owned();
    let port = source.get("listen_port", "6432");
    let mut kept: Vec<_> = listen
        .trim_matches(['[', ']'])
        .split(", ")
        .filter(|address| !outside.iter().any(|it| quoted(it) == **address))
        .map(str::to_owned)
        .collect();
    let local = quoted(&format!("127.0.0.1:{port}"));
    if !kept.contains(&local) {
        kept.insert(0, local);
    }
    draft.set("", "listen", format!("[{}]", kept.join(", ")));
}

fn tls(draft: &mut Draft, source: &Source) {
    let section = "clients.tls";
    for (theirs, ours) in [
        ("client_tls_sslmode", "mode"),
        ("client_tls_cert_file", "certificate"),
        ("client_tls_key_file", "key"),
        ("client_tls_ca_file", "client_ca"),
    ] {
        if let Some(setting) = source.find(theirs).filter(|setting| !setting.value.is_empty()) {
            draft.set_text(section, ours, &setting.value);
        }
    }
    // Ours would use a certificate that is there.
    if draft.has(section, "certificate") && !draft.has(section, "mode") {
        draft.set_text(section, "mode", "disable");
    }
    let mode = draft.value(section, "mode").unwrap_or_default().trim_matches('"').to_owned();
    let at = source.at("client_tls_sslmode");
    let mut missing = Vec::new();
    if !matches!(mode.as_str(), "" | "disable") {
        missing.extend(["certificate", "key"]);
    }
    if mode.starts_with("verify") {
        missing.push("client_ca");
    }
    missing.retain(|key| !draft.has(section, key));
    if !missing.is_empty() {
        let text = format!("client_tls_sslmode = {mode} needs {}.", missing.join(", "));
        draft.note(section, Asks::Decision, &at, &text);
        draft.set_text(section, "mode", "disable");
    }
    if let Some(setting) = source.find("client_tls_protocols") {
        protocols(draft, section, &setting.value, &setting.at);
    }
    for key in [
        "client_tls_ciphers",
        "client_tls13_ciphers",
        "client_tls_dheparams",
        "client_tls_ecdhcurve",
    ] {
        if let Some(setting) = source.find(key) {
            let text = format!("{key}: the ciphers are the TLS library's own, all of them strong.");
            draft.note(section, Asks::Gone, &setting.at, &text);
        }
    }
}

fn protocols(draft: &mut Draft, section: &str, value: &str, at: &At) {
    let words: Vec<_> = value.split([',', ':']).map(|word| word.trim().to_lowercase()).collect();
    if words.iter().all(|word| word == "tlsv1.3") {
        draft.set_text(section, "min_version", "1.3");
    } else if words
        .iter()
        .any(|word| matches!(word.as_str(), "all" | "legacy" | "tlsv1.0" | "tlsv1.1"))
    {
        let text = format!("client_tls_protocols = {value}: nothing older than TLS 1.2 is spoken.");
        draft.note(section, Asks::Differs, at, &text);
    } else {
        draft.set_text(section, "min_version", "1.2");
    }
}
