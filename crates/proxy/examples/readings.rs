//! What it costs to know what a text may do: when it is known, and when it is new.
//!
//! `cargo run --release -p afterwrite-proxy --example readings`

use std::hint::black_box;
use std::time::Instant;

use afterwrite_proxy::Readings;

fn main() {
    let join = "SELECT t.id, t.name, lower(t.email) AS email, o.total, coalesce(o.note, 'none') \
        FROM users t JOIN orders o ON o.user_id = t.id AND o.state IN ('open', 'paid') \
        LEFT JOIN items i ON i.order_id = o.id WHERE t.id = 12345 AND o.created > now() - \
        interval '30 days' AND EXISTS (SELECT 1 FROM tags g WHERE g.order_id = o.id AND \
        g.label LIKE 'x%') AND o.total BETWEEN 10 AND 200";
    let long = format!("{} ORDER BY 1 LIMIT 10", [join; 5].join(" UNION ALL "));
    let ids: Vec<_> = (0..400).map(|id| id.to_string()).collect();
    let list = format!("SELECT a FROM t WHERE id IN ({})", ids.join(", "));
    let update = "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1;";
    println!("{:<28} {:>8} {:>12} {:>12} {:>12}", "", "bytes", "words, µs", "known, µs", "new, µs");
    for (what, sql) in [
        ("pgbench -S", "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;"),
        ("pgbench's update", update),
        ("BEGIN", "BEGIN"),
        ("five joins in a union", long.as_str()),
        ("400 numbers in a list", list.as_str()),
    ] {
        let words = each(|_| drop(black_box(afterwrite_sql::analyse(sql.as_bytes()))));
        let readings = Readings::of_an_unknown_database();
        let known = each(|_| drop(black_box(readings.read(sql.as_bytes()))));
        // Too many at once would be read in haste.
        let new = best(30, &mut |_| {
            readings.forget();
            drop(black_box(readings.read(sql.as_bytes())));
        });
        println!("{what:<28} {:>8} {words:>12.3} {known:>12.3} {new:>12.1}", sql.len());
    }
}

/// The time of one in microseconds, the best of five runs.
fn each(mut work: impl FnMut(u32)) -> f64 {
    best(20_000, &mut work)
}

fn best(rounds: u32, work: &mut impl FnMut(u32)) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        // What was spent is to be had again.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let start = Instant::now();
        for round in 0..rounds {
            work(round);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    }
    best
}
