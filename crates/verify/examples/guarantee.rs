//! Judges any proxy or cluster: `guarantee URL PRIMARY_URL [READS]`.

use std::time::Duration;

use afterwrite_verify::guarantee::{Plan, Target, Until, check};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(primary)) = (arguments.next(), arguments.next()) else {
        return Err("usage: guarantee URL PRIMARY_URL [READS]".into());
    };
    let reads = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    let plan = Plan {
        until: Until::Reads(reads),
        elapsed_max: Duration::from_mins(10),
        ..Plan::default()
    };
    let findings = check(&Target::One { url }, &primary, &plan, &|_| {}).await?;
    println!("{findings}");
    if findings.is_clean() { Ok(()) } else { Err("the guarantee was broken".into()) }
}
