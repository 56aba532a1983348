//! `afterwrite check`: does every node of every cluster have what the guarantee needs?

mod ask;
mod judge;
mod report;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend as backend;
use afterwrite_backend::NodeStatus;
use afterwrite_config::Overlay;
use afterwrite_net::Address;
use afterwrite_proxy::ClusterSettings;
use afterwrite_store::{Store, StoreSettings};
use afterwrite_types::Sequence;
use tokio::task::JoinSet;

use crate::cli::ConfigArguments;
use crate::cluster::write_json;
use crate::exit::Exit;
use crate::settings;
use crate::stop::unless_stopped;
use crate::terminal::Terminal;
use ask::Answers;
use judge::{Expected, judge};
use report::{Grade, Part, Report, finding};

/// Checks the configuration, then asks every node.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Exit> {
    let config = settings::configuration(arguments, Overlay::default())?;
    let pool_size = config.pool.size;
    let wait_max = config.routing.wait_max;
    let settings = settings::proxy(&config).map_err(Exit::Config)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    runtime.block_on(unless_stopped(async {
        let mut parts = Vec::new();
        for (name, _) in config.clusters() {
            let Some(cluster) = settings.clusters.get(name) else { continue };
            let Report { parts: found, .. } = examine(cluster, pool_size, wait_max).await;
            let of_several = |part: Part| Part { name: format!("{name}: {}", part.name), ..part };
            let several = settings.clusters.len() > 1;
            parts.extend(found.into_iter().map(|it| if several { of_several(it) } else { it }));
        }
        parts.extend(match &settings.shared {
            Some(shared) => Some(store(shared).await),
            None => None,
        });
        let report = Report::of(parts);
        let terminal = Terminal::stdout();
        print!("{}", report.text(terminal));
        write_json(arguments.json.as_deref(), &report)?;
        // The last line has said why.
        if report.ready { Ok(()) } else { Err(Exit::Unfit) }
    }))
}

/// Connects to the store of shared floors.
async fn store(settings: &StoreSettings) -> Part {
    let (store, _worker) = Store::new(settings);
    let found = match store.connect().await {
        Ok(()) => finding("connection", Grade::Good, format!("group {}", settings.name())),
        Err(error) => finding("connection", Grade::Warning, error.to_string()).advise(
            "Reads by key and by table ask the primary for its position until it answers, and \
             writes made meanwhile are told to the other proxies by way of the primary.",
        ),
    };
    Part { name: "shared".to_owned(), role: None, behind_bytes: None, findings: vec![found] }
}

/// Asks every node twice: as the proxy does, with the same code, so that what it
/// would stumble over is found; and in detail, so that the reason is.
async fn examine(cluster: &ClusterSettings, pool_size: usize, wait_max: Duration) -> Report {
    let (seen, answers) = tokio::join!(as_the_proxy_does(cluster), in_detail(cluster));
    let expected = Expected { user: cluster.user.clone(), pool_size, wait_max };
    judge(&seen, &answers, &expected)
}

async fn as_the_proxy_does(settings: &ClusterSettings) -> Vec<NodeStatus> {
    let ClusterSettings { user, password, database, nodes, .. } = settings;
    let login = backend::Login::new(user.clone(), password.clone(), database.clone());
    let sequence = Arc::new(Sequence::default());
    let cluster = backend::Cluster::new(nodes, &settings.tls, login, sequence, settings.watch);
    cluster.configure(settings.gauge.clone());
    let mut watching = JoinSet::new();
    watching.spawn(Arc::clone(&cluster).run());
    cluster.settle(settings.watch.connect_timeout).await;
    cluster.status()
}

/// Of each node, in their order.
async fn in_detail(settings: &ClusterSettings) -> Vec<Result<Answers, String>> {
    let mut asking = JoinSet::new();
    for (index, (host, port)) in settings.nodes.iter().enumerate() {
        let mut login = tokio_postgres::Config::new();
        login
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name("afterwrite check")
            // Whether there is TLS is settled before it speaks.
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        if let Some(password) = &settings.password {
            login.password(password.expose());
        }
        let (address, tls) = (Address::new(host, *port), Arc::clone(&settings.tls));
        let server = backend::Server { address, tls };
        let limit = settings.watch.connect_timeout;
        asking.spawn(async move { (index, ask::ask(&server, &login, limit).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answers)| answers).collect()
}
