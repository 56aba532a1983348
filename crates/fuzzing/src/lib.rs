//! What is asked of every decoder and of the session, for any bytes.
//!
//! A *target* is a function of bytes that panics if a promise is broken. The fuzzer in
//! `fuzz/` runs each with bytes of its own making, on a nightly compiler; the test of this
//! crate runs each with the files of `fuzz/corpus`, on any. `docs/fuzzing.md` says how, and
//! what was run.
//!
//! A target asks for more than "it does not panic", where there is more to ask: that what was
//! read can be written and read again, that a stream cut otherwise means the same, that a
//! client sees through the session what it would see from a server.

mod bytes;
mod config;
mod console;
mod footprint;
mod login;
mod scram;
mod session;
mod sql;
mod types;
mod wire;

/// A name, as in `make fuzz TARGET=name`, and what is run.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("opening", wire::opening),
    ("startup_options", wire::startup_options),
    ("frames", wire::frames),
    ("client_messages", wire::client_messages),
    ("server_messages", wire::server_messages),
    ("errors", wire::errors),
    ("data_rows", wire::data_rows),
    ("scram_server", scram::server),
    ("scram_client", scram::client),
    ("scram_keys", scram::keys),
    ("sql", sql::analysis),
    ("footprint", footprint::reading),
    ("session", session::well_behaved),
    ("session_hostile", session::hostile),
    ("token", types::token),
    ("lsn", types::lsn),
    ("config", config::file),
    ("config_url", config::url),
    ("import", config::importer),
    ("user_list", login::user_list),
    ("hba", login::hba),
    ("stored_secret", login::stored_secret),
    ("console", console::clients),
    ("console_command", console::command),
];

/// Runs the target of this name.
///
/// # Panics
///
/// If there is none, or a promise is broken: the fuzzer notices.
#[expect(clippy::panic, reason = "a target fails by panicking")]
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|(known, _)| *known == name) {
        Some((_, target)) => target(data),
        None => panic!("there is no target {name}"),
    }
}
