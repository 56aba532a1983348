//! Progress on standard error: bars on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines of one phase where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often a spinner turns.
const TURN_EVERY: Duration = Duration::from_millis(100);

/// Steps that take a moment each, and of which nobody knows how long.
#[derive(Debug)]
pub(crate) struct Steps(Option<ProgressBar>);

impl Steps {
    pub(crate) fn begin() -> Self {
        Self(stderr().is_terminal().then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.set_style(style("  {spinner} {wide_msg}"));
            spinner.enable_steady_tick(TURN_EVERY);
            spinner
        }))
    }

    /// What is being done now.
    pub(crate) fn step(&self, text: &str) {
        match &self.0 {
            Some(spinner) => spinner.set_message(text.to_owned()),
            None => eprintln!("  {text}"),
        }
    }

    /// On a terminal no trace of them is left.
    pub(crate) fn end(self) {
        if let Some(spinner) = self.0 {
            spinner.finish_and_clear();
        }
    }
}

/// One phase with a known end.
#[derive(Debug)]
pub(crate) struct Phase {
    name: String,
    bar: Option<ProgressBar>,
    total: u64,
    told: Mutex<Instant>,
}

impl Phase {
    /// `name` is padded to `name_width`; `unicode` chooses the bar's characters.
    pub(crate) fn begin(name: &str, name_width: usize, total: u64, unicode: bool) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let chars = if unicode { "█▉▊▋▌▍▎▏ " } else { "##." };
            bar.set_style(style("  {prefix} {bar:20} {wide_msg}").progress_chars(chars));
            bar.set_prefix(format!("{name:<name_width$}"));
            bar.tick();
            bar
        });
        let name = format!("{name:<name_width$}");
        Self { name, bar, total, told: Mutex::new(Instant::now()) }
    }

    /// How far it is.
    pub(crate) fn at(&self, done: u64, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.min(self.total));
            bar.set_message(text.to_owned());
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LINE_EVERY {
            *told = Instant::now();
            eprintln!("  {}  {text}", self.name);
        }
    }

    /// It is over; the bar stays.
    pub(crate) fn end(self, text: &str) {
        match self.bar {
            Some(bar) => {
                bar.set_position(self.total);
                bar.finish_with_message(text.to_owned());
                // It leaves the cursor at the end of its line.
                eprintln!();
            }
            None => eprintln!("  {}  {text}", self.name),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; one that does not parse would lose only the looks.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
