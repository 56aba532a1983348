//! Runs one target with the bytes of files: what the fuzzer found, on any compiler.
//!
//! `cargo run -p afterwrite-fuzzing --example replay -- session fuzz/artifacts/session/crash-…`

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(target) = arguments.next() else {
        eprintln!("usage: replay TARGET FILE...");
        return ExitCode::from(2);
    };
    let mut broken = 0;
    for file in arguments {
        let kept = std::fs::read(&file).map(|data| {
            std::panic::catch_unwind(|| afterwrite_fuzzing::run(&target, &data)).is_ok()
        });
        let word = match kept {
            Ok(true) => "kept",
            Ok(false) => "broken",
            Err(_) => "cannot be read",
        };
        broken += u8::from(!matches!(kept, Ok(true)));
        println!("{file}: {word}");
    }
    ExitCode::from(u8::from(broken > 0))
}
