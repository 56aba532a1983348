//! A local cluster with a proxy in front, all ended by dropping them.

use std::net::SocketAddr;
use std::path::Path;

use afterwrite_backend::NodeStatus;
use afterwrite_cluster::{Cluster, ClusterError, Plan};
use afterwrite_config::{Overlay, load};
use afterwrite_net::Endpoint;
use afterwrite_proxy::Proxy;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::exit::Exit;
use crate::progress::Steps;
use crate::settings;

/// Starts a cluster in a temporary folder, telling each step.
pub(crate) async fn start_cluster(plan: Plan) -> Result<Cluster, Exit> {
    let steps = Steps::begin();
    let outcome = Cluster::start(plan, &|step| steps.step(step)).await;
    steps.end();
    outcome.map_err(|error| explain(&error))
}

/// A missing PostgreSQL is the one failure that a new user is likely to meet.
fn explain(error: &ClusterError) -> Exit {
    match error {
        ClusterError::NoPostgres { looked } => Exit::Failed(format!(
            "PostgreSQL's server programs (postgres, initdb, pg_basebackup) are not installed\n\
             `make setup` installs them, as does the package postgresql of your system; if they \
             are in a\nfolder of their own, name it with --pg-bin-dir. Looked in: {}",
            looked.join(", ")
        )),
        other => Exit::failed(other),
    }
}

/// A proxy in this process. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct LocalProxy {
    address: Endpoint,
    metrics: Option<SocketAddr>,
    login: String,
    database: String,
    _serving: JoinSet<()>,
}

impl LocalProxy {
    /// Starts one in front of `cluster`, on free ports, and returns once it has
    /// found every node. `set` are keys of the configuration with their values.
    ///
    /// The environment has no say: a figure must not depend on whose shell it is.
    pub(crate) async fn start(cluster: &Cluster, set: &[(&str, &str)]) -> Result<Self, Exit> {
        let overlay = Overlay {
            url: Some(cluster.url()),
            listen: vec!["127.0.0.1:0".to_owned()],
            metrics_listen: Some("127.0.0.1:0".to_owned()),
            set: set.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            ..Overlay::default()
        };
        let no_files = |path: &Path| std::fs::read_to_string(path);
        let config = load(None, [], &overlay, &no_files).map_err(Exit::failed)?;
        let proxy =
            Proxy::bind(settings::proxy(&config).map_err(Exit::Config)?).map_err(Exit::failed)?;
        let address = proxy.endpoints().into_iter().next();
        let address = address.ok_or_else(|| Exit::failed("the proxy listens nowhere"))?;
        let metrics = proxy.metrics_address();
        let (tell, told) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(proxy.run(std::future::pending(), |nodes| {
            // Nobody listens any more only if we are being dropped.
            let _ = tell.send(nodes.to_vec());
        }));
        let nodes = told.await.map_err(|_| Exit::failed("the proxy ended while starting"))?;
        match nodes.iter().find_map(trouble) {
            Some(trouble) => Err(Exit::Failed(trouble)),
            None => Ok(Self {
                address,
                metrics,
                login: config.cluster.user.clone(),
                database: config.cluster.database.clone(),
                _serving: serving,
            }),
        }
    }

    /// Where clients connect.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{}@{}/{}", self.login, self.address, self.database)
    }

    /// Where its metrics are.
    pub(crate) fn metrics_url(&self) -> Option<String> {
        self.metrics.map(|address| format!("http://{address}/metrics"))
    }
}

fn trouble(node: &NodeStatus) -> Option<String> {
    let error = node.error.as_deref().or((!node.up).then_some("no answer"))?;
    Some(format!("the proxy cannot reach {}: {error}", node.address))
}
