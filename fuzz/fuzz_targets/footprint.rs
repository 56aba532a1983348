#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| afterwrite_fuzzing::run("footprint", data));
