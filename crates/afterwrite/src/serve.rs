//! `afterwrite serve`.

mod activation;
mod files;
pub(crate) mod notify;
mod reload;
mod signals;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use afterwrite_backend::NodeStatus;
use afterwrite_config::{ClientAuth, Config};
use afterwrite_net::{Listener, UnixName};
use afterwrite_proxy::{Handle, Inherited, Proxy, Sockets, Stop};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::cli::ServeArguments;
use crate::exit::Exit;
use crate::restart::{Offer, Respawn, Taken, Takeover};
use crate::serve::notify::Notify;
use crate::serve::signals::Signals;
use crate::{log, settings};

/// Who may use the restart socket: only the user that we run as.
const RESTART_MODE: u32 = 0o600;

/// Cancel requests that wait for the process before this one.
const CANCELS_WAITING_MAX: usize = 64;

/// Runs the proxy until it is told to stop.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Exit> {
    // Before there are threads: it looks at the environment.
    let given = activation::sockets();
    let config = settings::configuration(&arguments.config, settings::overlay(arguments))?;
    let log = log::start(&config.log);
    let given = given.map_err(Exit::failed)?;
    let limit = files::raise_limit();
    let runtime = settings::runtime(config.threads).map_err(Exit::failed)?;
    runtime.block_on(async {
        let settings = settings::proxy(&config).map_err(Exit::Config)?;
        files::check(&settings, limit);
        let trust = config.clients.auth == ClientAuth::Trust;
        let mut ground = Ground::find(arguments, &config, given).await?;
        let proxy = Proxy::bind_with(settings, &mut ground.inherited).map_err(Exit::failed)?;
        for endpoint in proxy.endpoints() {
            info!(address = %endpoint, "listening for clients");
        }
        if let Some(address) = proxy.metrics_address() {
            info!("metrics at http://{address}/metrics");
        }
        if trust {
            warn!("clients are trusted without a password; only loopback is listened on");
        }
        serve(proxy, ground, reload::rereader(arguments, config, log)).await
    })
}

/// What a process finds when it starts.
struct Ground {
    inherited: Inherited,
    /// The restart socket, if there is to be one.
    restart: Option<Listener>,
    /// The process before this one, if it is to be taken over from.
    takeover: Option<Takeover>,
}

impl Ground {
    async fn find(
        arguments: &ServeArguments,
        config: &Config,
        given: Sockets,
    ) -> Result<Self, Exit> {
        let Some(path) = config.restart_socket.clone() else {
            if arguments.takeover {
                let what = "afterwrite: --takeover needs restart_socket in the configuration";
                return Err(Exit::Config(what.to_owned()));
            }
            let inherited = Inherited::adopt(given).map_err(Exit::failed)?;
            return Ok(Self { inherited, restart: None, takeover: None });
        };
        let failed = |error| Exit::Failed(format!("{}: {error}", path.display()));
        if arguments.takeover {
            if let Some(taken) = Takeover::begin(&path).await.map_err(failed)? {
                let Taken { takeover, inherited, restart } = taken;
                return Ok(Self { inherited, restart: Some(restart), takeover: Some(takeover) });
            }
            info!(socket = %path.display(), "nobody to take over from");
        }
        let restart = Some(listen_for_restart(&path)?);
        let inherited = Inherited::adopt(given).map_err(Exit::failed)?;
        Ok(Self { inherited, restart, takeover: None })
    }
}

fn listen_for_restart(path: &Path) -> Result<Listener, Exit> {
    Listener::bind(&UnixName::new(path).into(), RESTART_MODE).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            " (a proxy serves already: --takeover takes its place)"
        } else {
            ""
        };
        Exit::Failed(format!("cannot listen on {}: {error}{hint}", path.display()))
    })
}

/// From a bound proxy to its end.
async fn serve(
    proxy: Proxy,
    ground: Ground,
    rereader: Arc<afterwrite_proxy::Reread>,
) -> Result<(), Exit> {
    let Ground { inherited, restart, takeover } = ground;
    let handle = proxy.handle();
    handle.reread_by(rereader);
    let notify = Notify::from_environment();
    let signals = Signals::new().map_err(Exit::failed)?;
    let offer = Offer::new(
        handle.clone(),
        notify.clone(),
        Respawn::of_this_process().map_err(Exit::failed)?,
    );
    tokio::spawn(signals.obey(handle.clone(), notify.clone()));
    tokio::spawn(notify.clone().keep_up(handle.clone()));
    tokio::spawn(tell_when_stopping(handle.clone(), notify.clone()));
    // Nobody is accepted before the other process says so.
    handle.hold(takeover.is_some());
    let failure = Arc::new(OnceLock::new());
    let outcome = Arc::clone(&failure);
    let ready = move |nodes: &[NodeStatus]| {
        tell(nodes);
        tokio::spawn(async move {
            if let Some(takeover) = takeover
                && let Err(error) = succeed(takeover, &handle).await
            {
                error!(%error, "the takeover failed: the other process goes on");
                let _ = outcome.set(error);
                handle.stop(Stop::Now);
                return;
            }
            inherited.close();
            notify.ready();
            info!("ready");
            if let Some(listener) = restart {
                listener.own_file();
                offer.serve(listener).await;
            }
        });
    };
    proxy.run(std::future::pending(), ready).await;
    match failure.get() {
        None => Ok(()),
        Some(error) => Err(Exit::Failed(format!("the takeover failed: {error}"))),
    }
}

/// Takes the other process's place, now that everything is ready.
async fn succeed(takeover: Takeover, handle: &Handle) -> std::io::Result<()> {
    let predecessor = takeover.finish().await?;
    let (cancels, waiting) = mpsc::channel(CANCELS_WAITING_MAX);
    handle.cancel_elsewhere(cancels);
    handle.own_files(true);
    handle.hold(false);
    tokio::spawn(predecessor.serve(waiting));
    Ok(())
}

async fn tell_when_stopping(handle: Handle, notify: Notify) {
    handle.stopped(None).await;
    notify.stopping();
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
}
