//! What the database says: its catalog, read once, as the proxy reads it.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{ConnectError, Login, Questions, Server};
use afterwrite_config::Overlay;
use afterwrite_footprint::Catalog;
use afterwrite_net::Address;
use afterwrite_proxy::{ANY, ClusterSettings, Settings, read_catalog};

use crate::cli::{ConfigArguments, ExplainArguments};
use crate::exit::Exit;
use crate::settings;

/// How long it may take to say whether it is a primary.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What is known from the configuration and the database.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) catalog: Option<Catalog>,
    /// Who has asked.
    pub(super) user: String,
    pub(super) functions_read: Vec<String>,
    pub(super) functions_write: Vec<String>,
}

/// Asks the database that the arguments name; `None` if they name none.
pub(super) fn ask(arguments: &ExplainArguments) -> Result<Option<Asked>, Exit> {
    let ExplainArguments { database, config, set, .. } = arguments;
    if database.is_none() && config.is_none() {
        return match set.as_slice() {
            [] => Ok(None),
            _ => Err(Exit::Config("afterwrite: --set goes with --database or --config".to_owned())),
        };
    }
    // With a file, a word is the name of one of its databases.
    let is_name = |it: &String| config.is_some() && !it.contains("://");
    let (name, url) = match database {
        Some(name) if is_name(name) => (Some(name.as_str()), None),
        other => (None, other.clone()),
    };
    let from = ConfigArguments { url, config: config.clone(), set: set.clone(), json: None };
    let config = settings::configuration(&from, Overlay::default())?;
    let settings = settings::proxy(&config).map_err(Exit::Config)?;
    let routing = &config.routing;
    let (cluster, database) = place(&settings, name)?;
    if routing.catalog_interval.is_none() {
        eprintln!(
            "afterwrite: routing.catalog_interval is off: the proxy will not know what is asked here"
        );
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    let catalog = runtime.block_on(catalog(cluster, &database))?;
    Ok(Some(Asked {
        catalog: Some(catalog),
        user: cluster.user.clone(),
        functions_read: routing.functions_read.clone(),
        functions_write: routing.functions_write.clone(),
    }))
}

/// The cluster, and the database's name there.
fn place<'s>(
    settings: &'s Settings,
    name: Option<&str>,
) -> Result<(&'s ClusterSettings, String), Exit> {
    let Some(name) = name else {
        let cluster = settings.clusters.values().next();
        let cluster = cluster.ok_or_else(|| Exit::failed("there is no cluster"))?;
        return Ok((cluster, cluster.database.clone()));
    };
    let no_such = || Exit::Config(format!("afterwrite: there is no database \"{name}\""));
    let database = settings.databases.get(name).or_else(|| settings.databases.get(ANY));
    let database = database.ok_or_else(no_such)?;
    let cluster = settings.clusters.get(&database.cluster).ok_or_else(no_such)?;
    Ok((cluster, database.server_name.clone().unwrap_or_else(|| name.to_owned())))
}

/// The primary's catalog; that of a replica if no primary answers.
async fn catalog(cluster: &ClusterSettings, database: &str) -> Result<Catalog, Exit> {
    let limit = cluster.watch.connect_timeout;
    let mut replica = None;
    let mut failed = Vec::new();
    for (host, port) in &cluster.nodes {
        let address = Address::new(host, *port);
        let told = format!("{address}");
        let server = Server { address, tls: Arc::clone(&cluster.tls) };
        let (user, password) = (cluster.user.clone(), cluster.password.clone());
        let login = Login::new(user, password, database.to_owned());
        match enter(&server, &login, limit).await {
            Ok((questions, true)) => return read(&told, questions).await,
            Ok((questions, false)) => replica = replica.or(Some((told, questions))),
            Err(error) => failed.push(format!("{told}: {error}")),
        }
    }
    match replica {
        Some((told, questions)) => read(&told, questions).await,
        None => Err(Exit::failed(format!("cannot ask the database: {}", failed.join("; ")))),
    }
}

/// Logs in; and whether it is a primary.
async fn enter(
    server: &Server,
    login: &Login,
    limit: Duration,
) -> Result<(Questions, bool), ConnectError> {
    let mut questions = Questions::connect(server, login, limit).await?;
    let mut primary = false;
    let sql = "SELECT (NOT pg_catalog.pg_is_in_recovery())::pg_catalog.text";
    let take = |row: &[Option<&str>]| primary = row.first().copied().flatten() == Some("true");
    questions.ask(sql, ANSWER_MAX, take).await?;
    Ok((questions, primary))
}

async fn read(address: &str, mut questions: Questions) -> Result<Catalog, Exit> {
    let catalog = read_catalog(&mut questions).await;
    let catalog = catalog
        .map_err(|error| Exit::failed(format!("{address}: the catalog cannot be read: {error}")))?;
    catalog.ok_or_else(|| Exit::failed(format!("{address}: the catalog is too large to be known")))
}
