//! Structured logs, to standard error.

use std::io::{IsTerminal as _, stderr};

use afterwrite_config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts logging as configured.
pub(crate) fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A second start in one process keeps the first: only tests do that.
    let _ = match config.format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(stderr().is_terminal() && !plain).try_init(),
    };
}
