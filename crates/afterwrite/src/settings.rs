//! From the configuration's words to each part's own settings.

mod proxy;
mod tls;

use std::fs;
use std::path::Path;

use afterwrite_config::{Config, Overlay, Problems, Threads, load};

pub(crate) use proxy::{keyring, proxy};

use crate::cli::{ConfigArguments, ServeArguments};
use crate::exit::Exit;

/// Threads that "auto" takes at most: it takes one for every two cores, since
/// moving a client between threads costs more than a thread less.
const AUTO_THREADS_MAX: usize = 16;

/// Loads the configuration that the arguments name.
pub(crate) fn configuration(
    arguments: &ConfigArguments,
    mut overlay: Overlay,
) -> Result<Config, Exit> {
    overlay.url.clone_from(&arguments.url);
    for pair in &arguments.set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Exit::Config(format!("afterwrite: --set {pair}: expected KEY=VALUE")));
        };
        overlay.set.push((key.to_owned(), value.to_owned()));
    }
    let text = match &arguments.config {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                Exit::Config(format!("afterwrite: cannot read {}: {error}", path.display()))
            })?;
            Some((path.display().to_string(), text))
        }
    };
    let file = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let read = |path: &Path| fs::read_to_string(path);
    load(file, environment(), &overlay, &read).map_err(|problems| Exit::Config(tell(&problems)))
}

/// The variables that are ours and are not read elsewhere.
fn environment() -> impl Iterator<Item = (String, String)> {
    const ELSEWHERE: [&str; 3] =
        ["AFTERWRITE_CONFIG", "AFTERWRITE_CLUSTER_PASSWORD", "AFTERWRITE_TEST_PARK_MS"];
    std::env::vars().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()))
}

fn tell(problems: &Problems) -> String {
    format!("{problems}")
}

/// What the flags of `serve` say.
pub(crate) fn overlay(arguments: &ServeArguments) -> Overlay {
    Overlay {
        listen: arguments.listen.clone(),
        metrics_listen: arguments.metrics_listen.clone(),
        log_level: arguments.log_level.clone(),
        log_format: arguments.log_format.clone(),
        log_decisions: arguments.log_decisions,
        ..Overlay::default()
    }
}

/// A runtime with as many threads as configured.
pub(crate) fn runtime(threads: Threads) -> std::io::Result<tokio::runtime::Runtime> {
    let count = match threads {
        Threads::Auto => {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            (cores / 2).clamp(1, AUTO_THREADS_MAX)
        }
        Threads::Exactly(count) => usize::from(count.get()),
    };
    if count == 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_all().build()
    }
}
