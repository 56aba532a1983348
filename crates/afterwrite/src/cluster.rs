//! `afterwrite cluster`: a real local cluster, for development.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use afterwrite_cluster::{Cluster, Plan, Status, down, status};

use crate::cli::{ClusterAction, ClusterArguments, DirectoryArguments, UpArguments};
use crate::exit::Exit;

/// Starts, shows or removes a cluster.
pub(crate) fn run(arguments: ClusterArguments) -> Result<(), Exit> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    runtime.block_on(async {
        match arguments.action {
            ClusterAction::Up(up) => start(up).await,
            ClusterAction::Status(place) => show(&place).await,
            ClusterAction::Down(place) => {
                down(&place.directory).await.map_err(Exit::failed)?;
                println!("the cluster in {} is stopped and removed", place.directory.display());
                Ok(())
            }
        }
    })
}

async fn start(up: UpArguments) -> Result<(), Exit> {
    let place = up.place;
    let plan = Plan {
        replicas: up.replicas,
        directory: Some(place.directory.clone()),
        bin_dir: up.pg_bin_dir,
        base_port: up.port,
        apply_delay: up.delay.into_iter().map(Duration::from_millis).collect(),
        password: up.password,
        fsync: true,
        detach: true,
        ..Plan::default()
    };
    let with_password = plan.password.is_some();
    let cluster = Cluster::start(plan, &|step| eprintln!("{step}")).await.map_err(Exit::failed)?;
    let url = if with_password { cluster.url_redacted() } else { cluster.url() };
    let found = cluster.status().await.map_err(Exit::failed)?;
    print!("{}", table(&found));
    println!("\nserve it:  afterwrite serve '{url}'");
    if with_password {
        println!("           (with the password you gave in place of ****)");
    }
    println!("stop it:   afterwrite cluster down --directory {}", place.directory.display());
    write_json(place.json.as_deref(), &found)
}

async fn show(place: &DirectoryArguments) -> Result<(), Exit> {
    let found = status(&place.directory).await.map_err(Exit::failed)?;
    print!("{}", table(&found));
    write_json(place.json.as_deref(), &found)
}

/// One line per server.
fn table(found: &Status) -> String {
    let mut text = format!(
        "{:<12} {:<8} {:>6}  {:<8} {:<14} {:>10}  {}\n",
        "server", "role", "port", "answers", "position", "behind", "replay"
    );
    for server in &found.servers {
        let role = format!("{:?}", server.role).to_lowercase();
        let replay = match (server.replay_paused, server.apply_delay_ms) {
            (Some(true), _) => "paused".to_owned(),
            (_, Some(delay)) if delay > 0 => format!("delayed by {delay} ms"),
            (Some(false), _) => "running".to_owned(),
            (None, _) => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "{:<12} {:<8} {:>6}  {:<8} {:<14} {:>10}  {}",
            server.name,
            role,
            server.port,
            if server.answers { "yes" } else { "no" },
            server.lsn.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            server.lag_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes} B")),
            replay,
        );
    }
    text
}

/// Writes the same figures as JSON, where they were asked for.
pub(crate) fn write_json(file: Option<&Path>, value: &impl serde::Serialize) -> Result<(), Exit> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(value).map_err(Exit::failed)?;
    fs::write(file, text + "\n")
        .map_err(|error| Exit::Failed(format!("cannot write {}: {error}", file.display())))
}
