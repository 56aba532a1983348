//! `afterwrite serve`.

use afterwrite_backend::NodeStatus;
use afterwrite_config::ClientAuth;
use afterwrite_proxy::Proxy;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::cli::ServeArguments;
use crate::exit::Exit;
use crate::{log, settings};

/// Runs the proxy until it is told to stop.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Exit> {
    let config = settings::configuration(&arguments.config, settings::overlay(arguments))?;
    log::start(&config.log);
    let runtime = settings::runtime(config.threads).map_err(Exit::failed)?;
    runtime.block_on(async {
        let trust = config.clients.auth == ClientAuth::Trust;
        let proxy =
            Proxy::bind(settings::proxy(&config).map_err(Exit::Config)?).map_err(Exit::failed)?;
        for endpoint in proxy.endpoints() {
            info!(address = %endpoint, "listening for clients");
        }
        if let Some(address) = proxy.metrics_address() {
            info!("metrics at http://{address}/metrics");
        }
        if trust {
            warn!("clients are trusted without a password; only loopback is listened on");
        }
        let stop = stopped().map_err(Exit::failed)?;
        proxy.run(stop, tell).await;
        Ok(())
    })
}

/// Ends at the first SIGINT or SIGTERM; the second one ends the process at once.
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

/// Tells what was found, once all nodes were asked.
fn tell(nodes: &[NodeStatus]) {
    for node in nodes {
        match (&node.error, node.role) {
            (None, Some(role)) => {
                info!(address = %node.address, role = role.name(), "node found");
            }
            (Some(error), _) => {
                warn!(address = %node.address, %error, "node not reached; it is tried again");
            }
            (None, None) => warn!(address = %node.address, "node has not answered yet"),
        }
    }
    info!("ready");
}
