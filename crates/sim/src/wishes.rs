//! What sessions ask for: at their start, and when they change their mind.

use std::time::Duration;

use afterwrite_types::{Level, Steps, Terms};

use crate::random::Random;

/// What may happen at the end of a wait.
const ENDS: [&str; 6] = [
    "primary",
    "error",
    "stale",
    "primary, then eventual",
    "bounded within 2ms, then primary",
    "read_your_writes within 3ms, then bounded, then error",
];

pub(crate) fn level(random: &mut Random) -> Level {
    match random.below(20) {
        0 => Level::Eventual,
        1..4 => Level::Bounded,
        4..8 => Level::Causal,
        8..10 => Level::Strong,
        _ => Level::ReadYourWrites,
    }
}

pub(crate) fn within(random: &mut Random) -> Duration {
    Duration::from_millis([0, 2, 10, 30][random.index(4)])
}

pub(crate) fn end(random: &mut Random) -> Option<Steps> {
    ENDS[random.index(ENDS.len())].parse().ok()
}

pub(crate) fn staleness(random: &mut Random) -> Duration {
    Duration::from_millis([1, 5, 20, 60][random.index(4)])
}

/// What an application says of its own; often nothing.
pub(crate) fn choose(random: &mut Random) -> Terms {
    let mut terms = Terms::default();
    if random.permille(300) {
        terms.level = Some(level(random));
    }
    if random.permille(100) {
        terms.within = Some(within(random));
    }
    if random.permille(150) {
        terms.then = end(random);
    }
    if random.permille(120) {
        terms.max_staleness = Some(staleness(random));
    }
    terms
}

/// Its parts, by the names that settings and hints have for them.
pub(crate) fn parts(terms: &Terms) -> Vec<(&'static str, String)> {
    let millis = |time: Duration| format!("{}ms", time.as_millis());
    let parts = [
        ("level", terms.level.map(|it| it.to_string())),
        ("wait_max", terms.within.map(millis)),
        ("at_timeout", terms.then.map(|it| it.to_string())),
        ("max_staleness", terms.max_staleness.map(millis)),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A comment that says it.
pub(crate) fn hint(terms: &Terms) -> String {
    let quote = |(name, value): &(&str, String)| format!("afterwrite.{name}='{}'", encoded(value));
    let parts: Vec<_> = parts(terms).iter().map(quote).collect();
    if parts.is_empty() { String::new() } else { format!("/*app='sim',{}*/", parts.join(",")) }
}

fn encoded(value: &str) -> String {
    value.replace(' ', "%20").replace(',', "%2C")
}
