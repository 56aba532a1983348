//! Tells what each statement of the standard input may do, or how long an analysis takes.
//!
//! `cargo run --release -p afterwrite-sql --example analyse -- --time`
//! `echo 'SELECT 1; DELETE FROM t' | cargo run -p afterwrite-sql --example analyse`

use std::hint::black_box;
use std::io::Read as _;
use std::time::Instant;

use afterwrite_sql::analyse;

fn main() -> std::io::Result<()> {
    if std::env::args().any(|argument| argument == "--time") {
        let point = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;";
        time("pgbench's point read", point);
        time(
            "pgbench's update",
            "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1;",
        );
        time("begin", "BEGIN;");
        let columns = "SELECT t.id, t.name, lower(t.email) AS email, o.total FROM users t \
            JOIN orders o ON (o.user_id = t.id AND o.state IN ('open', 'paid')) WHERE t.id = $1 AND ";
        let mut long = columns.repeat(2048 / columns.len());
        long.push_str("TRUE ORDER BY t.id LIMIT 10");
        time(&format!("a query of {} bytes", long.len()), &long);
        time("a hostile megabyte of operators", &"=/**/".repeat(200_000));
        time("a hostile megabyte of calls", &"set_config(".repeat(90_000));
        return Ok(());
    }
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    for statement in analyse(&text).statements {
        println!("{:?} {} {:?}", statement.access, statement.reason.name(), statement.effect);
    }
    Ok(())
}

fn time(what: &str, sql: &str) {
    let rounds = (100_000_000 / (sql.len() * 10 + 100)).clamp(5, 1_000_000);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(analyse(black_box(sql.as_bytes())));
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let each = start.elapsed().as_secs_f64() * 1e9 / rounds as f64;
        best = best.min(each);
    }
    println!("{what}: {best:.0} ns, {:?}", analyse(sql.as_bytes()).reads_only());
}
