//! psycopg, on libpq: the script asserts what psycopg does with PostgreSQL, and runs
//! directly too, so that it is known to be right.

use crate::support::{Bed, Checks, run};

/// The Python that set-up provides psycopg for.
const PYTHON: &str = "/usr/bin/python3";

const SCRIPT: &str = include_str!("psycopg.py");

#[tokio::test]
async fn psycopg_works() {
    let bed = Bed::start(&[]).await;
    // One server connection a node: prepared statements must survive company.
    let narrow = bed.another(&["--set", "pool.size=1"]).await;
    let mut checks = Checks::default();
    let urls = [("directly", bed.direct()), ("proxied", bed.proxy.url()), ("narrow", narrow.url())];
    for (name, url) in urls {
        for round in ["first", "second"] {
            let ran = run(PYTHON, &["-", &url], SCRIPT);
            let good = ran.code == Some(0) && ran.out.ends_with("all done\n");
            checks.that(&format!("{name}, {round} time"), good, &format!("{}{}", ran.out, ran.err));
        }
    }
}
