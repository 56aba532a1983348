//! Every file of the corpus, through its target.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use afterwrite_fuzzing::{TARGETS, run};

/// Bytes of the whole corpus at most: it is in the repository.
const CORPUS_BYTES_MAX: u64 = 200 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn entries(folder: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[test]
fn every_file_keeps_every_promise() {
    let mut bytes = 0;
    for (target, _) in TARGETS {
        let files = entries(&corpus().join(target));
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            let data = std::fs::read(&file).unwrap();
            bytes += data.len() as u64;
            let kept = std::panic::catch_unwind(|| run(target, &data));
            assert!(kept.is_ok(), "{} breaks a promise of {target}", file.display());
        }
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has grown to {bytes} bytes");
}

#[test]
fn every_target_can_be_fuzzed_and_has_its_files() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "a name is used twice");
    let named = |folder: &Path| -> BTreeSet<_> {
        entries(folder).iter().map(|path| name(path).to_owned()).collect()
    };
    assert_eq!(named(&corpus()), targets, "fuzz/corpus");
    assert_eq!(named(&corpus().join("../fuzz_targets")), targets, "fuzz/fuzz_targets");
}
