//! Repeats a seed and shows everything that happened.
//!
//! `cargo run -p afterwrite-sim --example replay -- SEED`

fn main() {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let outcome = afterwrite_sim::run(seed, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("seed {seed}: {:?} after {} steps", outcome.failure, outcome.steps);
    println!("{:?}", outcome.figures);
}
