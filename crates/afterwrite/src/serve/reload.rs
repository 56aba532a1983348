//! Reading the configuration again: by SIGHUP, and by the console's RELOAD.

use std::sync::Arc;

use afterwrite_config::{Config, changes};
use afterwrite_proxy::{Handle, Reloaded, Reread};
use parking_lot::Mutex;
use tracing::{error, info};

use super::notify::Notify;
use crate::cli::ServeArguments;
use crate::exit::Exit;
use crate::log::Log;
use crate::settings;

/// Reads everything as at the start: file, environment, flags.
pub(crate) fn rereader(arguments: &ServeArguments, first: Config, log: Log) -> Arc<Reread> {
    let arguments = arguments.clone();
    let known = Mutex::new(first.clone());
    Arc::new(move |overrides| {
        let overlay = settings::overlay(&arguments);
        let mut arguments = arguments.config.clone();
        // The last one wins.
        arguments.set.extend(overrides.iter().map(|(key, value)| format!("{key}={value}")));
        let new = settings::configuration(&arguments, overlay).map_err(|exit| problems(&exit))?;
        let settings = settings::proxy(&new)?;
        let mut known = known.lock();
        let applied = changes(&known, &new).applied;
        info!(keys = %list(&applied), "read the configuration");
        // What the process started with is what it still does.
        let needs_restart = changes(&first, &new).needs_restart;
        if known.log != new.log {
            log.change(&new.log);
        }
        let reloaded = Reloaded { settings, needs_restart };
        *known = new;
        Ok(reloaded)
    })
}

/// What SIGHUP does. The old settings stay if anything is wrong with the new ones.
pub(crate) fn by_signal(handle: &Handle, notify: &Notify) {
    notify.reloading();
    if let Err(problems) = handle.reload() {
        for problem in problems.lines().filter(|line| !line.trim().is_empty()) {
            error!("{problem}");
        }
        error!("the configuration was not taken up: the old one holds");
    }
    notify.ready();
}

fn problems(exit: &Exit) -> String {
    match exit {
        Exit::Config(text) | Exit::Failed(text) | Exit::NoAnswer(text) => {
            text.trim_end().to_owned()
        }
        Exit::Unfit | Exit::Interrupted => String::new(),
    }
}

fn list(keys: &[String]) -> String {
    if keys.is_empty() { "nothing changed".to_owned() } else { keys.join(", ") }
}
