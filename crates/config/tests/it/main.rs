//! The configuration, through its one way in.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod entries;
mod example;
mod import;
mod layers;
mod listen;
mod named;
mod problems;
mod robust;
mod tokens;
mod url;

use std::io;
use std::path::Path;

use afterwrite_config::{Config, Overlay, Problems, load};

/// Enough to be a configuration, without a password.
const MINIMAL: &str = "[cluster]\nnodes = [\"postgres://app@db1/shop\"]\n";

/// Password files of the tests, by path.
fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str().unwrap_or_default() {
        "etc/password" => Ok("from the file\r\n".to_owned()),
        "other/password" => Ok("from another file".to_owned()),
        "etc/empty" => Ok("\n".to_owned()),
        "etc/token.key" => Ok("c2VjcmV0IG9mIHRoZSBmaXJzdCBrZXk6IGh1bnRlcjE=\n".to_owned()),
        "etc/lines" => Ok("one\ntwo\n".to_owned()),
        "/run/folder" => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn load_with(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: &Overlay,
) -> Result<Config, Problems> {
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    load(file.map(|text| ("etc/a.toml", text)), environment, flags, &read_file)
}

fn load_file(text: &str) -> Result<Config, Problems> {
    load_with(Some(text), &[], &Overlay::default())
}

fn load_environment(environment: &[(&str, &str)]) -> Result<Config, Problems> {
    load_with(None, environment, &Overlay::default())
}
