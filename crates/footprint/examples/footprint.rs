//! Tells the footprint of each statement of the standard input, or how long it takes to find.
//!
//! `cargo run --release -p afterwrite-footprint --example footprint -- --time`
//! `echo 'SELECT 1; DELETE FROM t' | cargo run -p afterwrite-footprint --example footprint`

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use afterwrite_footprint::{Knowledge, Path, Reading, Rules};

fn read(sql: &str) -> Reading {
    let mut normal = Vec::new();
    afterwrite_sql::normalise(sql.as_bytes(), &mut normal);
    let text = afterwrite_sql::normal_text(&normal);
    let (path, rules) = (Path::default(), Rules::default());
    afterwrite_footprint::read(sql.as_bytes(), text, Knowledge::Nothing, &path, &rules)
}

fn main() -> std::io::Result<()> {
    if std::env::args().any(|argument| argument == "--time") {
        time("pgbench's point read", "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;");
        time(
            "pgbench's update",
            "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1;",
        );
        let columns = "SELECT t.id, t.name, lower(t.email) AS email, o.total FROM users t \
            JOIN orders o ON (o.user_id = t.id AND o.state IN ('open', 'paid')) WHERE t.id = $1 AND ";
        let long = format!(
            "SELECT x.* FROM ({}TRUE) x ORDER BY 1 LIMIT 10",
            columns.repeat(4).replace("AND SELECT", "AND EXISTS (SELECT")
                + "TRUE)))".get(3..).unwrap_or("")
        );
        time(&format!("a query of {} bytes", long.len()), &long);
        let ids: Vec<_> = (0..400).map(|n| n.to_string()).collect();
        time("400 numbers in a list", &format!("SELECT a FROM t WHERE id IN ({})", ids.join(", ")));
        return Ok(());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    for footprint in read(&text).footprints {
        println!(
            "{} {}: {}; reads {}; writes {}{}",
            footprint.route.name(),
            footprint.kind.name(),
            footprint.why(),
            footprint.reads,
            footprint.writes,
            if footprint.cacheable { "; cacheable" } else { "" },
        );
    }
    Ok(())
}

fn time(what: &str, sql: &str) {
    let rounds = (10_000_000 / (sql.len() * 100 + 100)).clamp(5, 100_000);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(read(black_box(sql)));
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred thousand")]
        let each = start.elapsed().as_secs_f64() * 1e6 / rounds as f64;
        best = best.min(each);
    }
    let first = read(sql).footprints.first().map(|it| it.why().to_string()).unwrap_or_default();
    println!("{what}: {best:.1} µs, {first}");
}
