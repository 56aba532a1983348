//! Where the binary is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary `afterwrite`, built in the profile of this test.
///
/// Cargo does not build another package's binary for a test, and one that lies in the
/// target folder may be older than the code. So the test asks Cargo, which does
/// nothing if there is nothing to do. `E2E_AFTERWRITE` names another binary instead.
pub(crate) fn afterwrite() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("E2E_AFTERWRITE").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    // target/<profile>/deps/<this test>
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "afterwrite", "--bin", "afterwrite"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    profile.join("afterwrite")
}
