//! What the demo says before and after its figures.

use std::fmt::Write as _;
use std::time::Duration;

use afterwrite_cluster::Cluster;
use afterwrite_verify::payments::Strategy;

use super::lag::SCHEDULE;
use super::{PAGE_VIEWS, THINK};
use crate::cli::DemoArguments;
use crate::local::LocalProxy;
use crate::terminal::{Terminal, wrapped};

pub(super) const NEXT: &str = "Try it by hand:       afterwrite demo --keep
With your own nodes:  afterwrite serve 'postgres://user@host1,host2,host3/db'";

/// What will be shown, and how it is made.
pub(super) fn introduction(
    arguments: &DemoArguments,
    strategies: &[Strategy],
    terminal: Terminal,
) -> String {
    let line = |text: &str| wrapped(text, terminal.width, 0) + "\n";
    let between_payments = f64::from(PAGE_VIEWS + 1) * THINK.as_secs_f64();
    let mut text = terminal
        .bold("One PostgreSQL primary, two replicas that lag, four ways to read")
        + "\n\n"
        + &line(&format!(
            "A real cluster is started in a temporary folder. Its first replica shows every \
             commit {} ms late; the second keeps up, but its replay stands still for {} ms in \
             every {:.1} s.",
            ms(SCHEDULE.apply_delay),
            ms(SCHEDULE.pause),
            SCHEDULE.pause_every.as_secs_f64()
        ))
        + "\n"
        + &line(&format!(
            "{} customers pay, look at the page that follows, view {PAGE_VIEWS} more pages and \
             pay again. A page that lacks the customer's own payment is a stale read. Whoever \
             meets one right after paying believes that it failed and pays the same order \
             again: a duplicate payment.",
            arguments.sessions
        ))
        + "\n"
        + &line(&format!(
            "The same load, with the same lag, is routed in {} ways for {} s each:",
            strategies.len(),
            arguments.seconds
        ));
    let width = strategies.iter().map(|strategy| strategy.name().len()).max().unwrap_or(0);
    for strategy in strategies {
        let indent = width + 4;
        let what = wrapped(&routing(*strategy), terminal.width, indent);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<width$}  {what}", strategy.name());
    }
    text + "\n"
        + &line(&format!(
            "Everything is quick here, with {between_payments:.1} s from payment to payment, so the lag \
             and the window are short too. Windows in use are 1 to 5 s long; lag after a long \
             read or a bulk load is longer."
        ))
        + "\n"
}

fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}

fn routing(strategy: Strategy) -> String {
    match strategy {
        Strategy::RandomReplica => "each read on either replica".to_owned(),
        Strategy::PrimaryOnly => "each read on the primary; the replicas idle".to_owned(),
        Strategy::FixedWindow(window) => format!(
            "on the primary for {} ms after a customer's payment, then on either replica",
            window.as_millis()
        ),
        Strategy::Afterwrite => "through Afterwrite: on a replica known to have the customer's \
                                 last payment, else on the primary"
            .to_owned(),
    }
}

/// How to connect to everything that `--keep` keeps.
pub(super) fn connections(cluster: &Cluster, proxy: &LocalProxy, terminal: Terminal) -> String {
    let mut text = format!("\n{}\n", terminal.bold("All of it still runs, with the same lag:"));
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<11} {what}");
    };
    line("afterwrite", &format!("psql '{}'", proxy.url()));
    for server in cluster.servers() {
        line(server.name(), &format!("psql '{}'", server.url()));
    }
    if let Some(url) = proxy.metrics_url() {
        line("metrics", &format!("curl -s {url}"));
    }
    line("folder", &cluster.directory().display().to_string());
    text + "\nCtrl-C stops it and removes the folder.\n"
}
