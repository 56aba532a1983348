//! Structured logs, to standard error.

use std::io::{IsTerminal as _, stderr};

use afterwrite_config::{LogConfig, LogFormat};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// Which lines there are decides the outer one, how they look the inner one.
type Filtered = Layered<reload::Layer<EnvFilter, Registry>, Registry>;
type Lines = Box<dyn Layer<Filtered> + Send + Sync>;

/// Changes what is logged while it runs.
#[derive(Clone)]
pub(crate) struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    lines: reload::Handle<Lines, Filtered>,
}

/// Starts logging as configured.
pub(crate) fn start(config: &LogConfig) -> Log {
    let (filter, filter_handle) = reload::Layer::new(filter(config));
    let (lines, lines_handle) = reload::Layer::new(lines(config));
    // A second start in one process keeps the first: only tests do that.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Log { filter: filter_handle, lines: lines_handle }
}

impl Log {
    /// From now on it is logged like this.
    pub(crate) fn change(&self, config: &LogConfig) {
        // They fail only if another subscriber is in use, in tests.
        let _ = self.filter.reload(filter(config));
        let _ = self.lines.reload(lines(config));
    }
}

fn filter(config: &LogConfig) -> EnvFilter {
    EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn lines(config: &LogConfig) -> Lines {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = fmt::layer().with_writer(stderr);
    match config.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(stderr().is_terminal() && !plain).boxed(),
    }
}
