//! Several checks in one test: all of them run, and all that fail are told.

use std::time::Instant;

/// What failed so far. Dropped with failures in it, it fails the test.
#[derive(Default)]
pub(crate) struct Checks {
    failed: Vec<String>,
}

impl Checks {
    /// Runs one check to its end, also if it panics, and remembers how it went; whether
    /// it went well.
    pub(crate) async fn run(&mut self, name: &str, check: impl Future<Output = ()>) -> bool {
        let begin = Instant::now();
        // On the heap: some are large.
        let outcome = std::panic::AssertUnwindSafe(Box::pin(check));
        let outcome = futures_util::FutureExt::catch_unwind(outcome).await;
        let seconds = begin.elapsed().as_secs_f64();
        let well = outcome.is_ok();
        if well {
            println!("ok      {name} ({seconds:.1} s)");
        } else {
            println!("FAILED  {name} ({seconds:.1} s)");
            self.failed.push(name.to_owned());
        }
        well
    }

    /// Remembers a failure that was found without a panic.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        println!("FAILED  {name}: {why}");
        self.failed.push(format!("{name}: {why}"));
    }

    /// As [`Checks::run`], for a condition.
    pub(crate) fn that(&mut self, name: &str, holds: bool, why: &str) {
        if holds {
            println!("ok      {name}");
        } else {
            self.fail(name, why);
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        assert!(
            self.failed.is_empty() || std::thread::panicking(),
            "{} checks failed:\n  {}",
            self.failed.len(),
            self.failed.join("\n  ")
        );
    }
}
