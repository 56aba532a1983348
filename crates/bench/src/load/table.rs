//! The figures, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::Figures;
use crate::args::LoadArgs;
use crate::machine::{self, Machine};

pub(super) fn in_short(figures: &Figures) -> String {
    let Figures { target, idle, active, flood, .. } = figures;
    format!(
        "{}: {:.0} and {:.0} bytes per idle client, {} errors, longest gap {}",
        target.title(),
        idle.per_client_connected.rss,
        idle.per_client_queried.rss,
        active.errors + flood.worker_errors,
        ms(flood.gap),
    )
}

/// The whole page. `versions` are those of PostgreSQL, PgBouncer and Afterwrite.
pub(super) fn markdown(
    args: &LoadArgs,
    versions: [&str; 3],
    debug: bool,
    figures: &[Figures],
) -> String {
    let machine = Machine::look();
    let mut page = String::from("# Many clients at once\n\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "`make load`, {}. {} processors ({}), Linux {}, load average before {}. PostgreSQL {}, \
         {}, {}. Proxies, servers and all clients share the machine.\n",
        machine::now(),
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.load_average,
        versions[0],
        versions[1],
        versions[2],
    );
    if debug {
        page.push_str("**Not a release build: the figures say little.**\n\n");
    }
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> String| {
        let cells: Vec<_> = figures.iter().map(value).collect();
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    };
    row("", &|it| it.target.title().to_owned());
    row("---", &|_| "---:".to_owned());
    row(&format!("{} idle clients, logged in: bytes of memory (RSS) each", args.idle), &|it| {
        format!("{:.0}", it.idle.per_client_connected.rss)
    });
    row("the same after one query each", &|it| format!("{:.0}", it.idle.per_client_queried.rss));
    row("the process before they came, KiB", &|it| (it.idle.before.rss / 1024).to_string());
    row("the process with them, KiB", &|it| (it.idle.queried.rss / 1024).to_string());
    row(&format!("{} active clients beside them: queries per second", args.active), &|it| {
        let queries = u32::try_from(it.active.queries).unwrap_or(u32::MAX);
        format!("{:.0}", f64::from(queries) / it.active.seconds)
    });
    row("errors", &|it| it.active.errors.to_string());
    row("latency: median", &|it| ms(it.active.median));
    row("99th percentile", &|it| ms(it.active.p99));
    row("longest", &|it| ms(it.active.longest));
    row("16 clients that ask for 100 MB each and read nothing: growth, KiB", &|it| {
        (it.slow_growth / 1024).to_string()
    });
    row(
        &format!(
            "{} connections in a second, half never finish their login: logged in",
            args.flood
        ),
        &|it| it.flood.logged_in.to_string(),
    );
    row("told that there are too many", &|it| it.flood.refused.to_string());
    row("failed otherwise", &|it| it.flood.failed.to_string());
    row("of those who never finish, closed at once", &|it| it.flood.hanging_refused.to_string());
    row("longest query of 8 clients at work, before", &|it| ms(it.flood.gap_calm));
    row("longest query of 8 clients at work, meanwhile", &|it| ms(it.flood.gap));
    row("errors of those", &|it| it.flood.worker_errors.to_string());
    for it in figures {
        for (what, why) in [("active", &it.active.first_error), ("flood", &it.flood.first_failure)]
        {
            if let Some(why) = why {
                let _ = writeln!(page, "\n{}, {what}, first error: {why}", it.target.title());
            }
        }
    }
    page
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
