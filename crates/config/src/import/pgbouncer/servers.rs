//! TLS to the servers, for every cluster alike.

use super::super::Asks;
use super::super::draft::Draft;
use super::Source;

/// Notes on what cannot be said of a cluster.
pub(super) fn import(draft: &mut Draft, source: &Source) {
    let notes = [
        ("server_tls_protocols", "TLS 1.2 and 1.3 are spoken"),
        ("server_tls_ciphers", "the ciphers are the TLS library's own, all of them strong"),
        ("server_tls13_ciphers", "the ciphers are the TLS library's own, all of them strong"),
    ];
    for (key, why) in notes {
        if let Some(setting) = source.find(key) {
            draft.note("cluster.tls", Asks::Gone, &setting.at, &format!("{key}: {why}."));
        }
    }
}

/// TLS of one cluster.
pub(super) fn tls(draft: &mut Draft, source: &Source, cluster: &str) {
    let section = format!("{cluster}.tls");
    for (theirs, ours) in [
        ("server_tls_sslmode", "mode"),
        ("server_tls_ca_file", "root_ca"),
        ("server_tls_cert_file", "certificate"),
        ("server_tls_key_file", "key"),
    ] {
        if let Some(setting) = source.find(theirs).filter(|setting| !setting.value.is_empty()) {
            draft.set_text(&section, ours, &setting.value);
        }
    }
    let is_checked = draft.value(&section, "mode").is_some_and(|mode| mode.contains("verify"));
    if is_checked && !draft.has(&section, "root_ca") {
        draft.set_text(&section, "root_ca", "system");
        let text = "no server_tls_ca_file: those whom the system trusts.";
        draft.note(&section, Asks::Differs, &source.at("server_tls_sslmode"), text);
    }
    let has_root = draft.has(&section, "root_ca");
    if has_root && draft.value(&section, "mode") == Some("\"require\"") {
        let text = "with a root, require checks the certificate as verify-ca does, as libpq has \
                    it; PgBouncer does not.";
        draft.note(&section, Asks::Differs, &source.at("server_tls_sslmode"), text);
    }
}
