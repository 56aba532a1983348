//! From nothing to a streaming cluster.

use std::fmt::Write;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::Progress;
use crate::account::Account;
use crate::binaries::{find_bin_dir, major_version};
use crate::cluster::{Cluster, PRIMARY_NAME, replica_names};
use crate::error::ClusterError;
use crate::folder::Folder;
use crate::plan::Plan;
use crate::port::{free_port, is_free};
use crate::server::Server;
use crate::settings::{self, REPLICATION_ROLE, SUPERUSER, Upstream, identifier, literal};
use crate::site::Site;
use crate::tool;
use crate::watchdog::Watchdog;

const INITDB_MAX: Duration = Duration::from_mins(2);
const BASEBACKUP_MAX: Duration = Duration::from_mins(2);
const STREAMING_MAX: Duration = Duration::from_secs(30);
/// Between choosing a free port and listening on it, another may take it.
const PORT_TRIES_MAX: u32 = 5;
/// Exists before the application's database does.
const FIRST_DATABASE: &str = "postgres";

pub(crate) async fn start(plan: Plan, progress: Progress<'_>) -> Result<Cluster, ClusterError> {
    plan.check()?;
    let (primary, replicas) = ports(&plan)?;
    let site = prepare(&plan, progress)?;
    // From here on, leaving this function in any way ends and removes everything.
    let mut cluster = Cluster::planned(site, primary, &replicas);
    // Now, so that nobody else takes the folder, and again with the final ports.
    cluster.save()?;

    progress("making the primary");
    let shared = settings::shared(&plan, cluster.socket_dir());
    make_primary(&mut cluster.primary, &plan, &shared).await?;
    if !cluster.replicas.is_empty() {
        progress(&format!("making {} replicas", cluster.replicas.len()));
        make_replicas(&mut cluster, &plan, &shared).await?;
        progress("waiting for the replicas to stream");
        cluster.wait_for_streaming(STREAMING_MAX).await?;
    }
    cluster.save()?;
    if plan.detach {
        cluster.let_go()?;
    } else if plan.directory.is_some() {
        cluster.let_files_stay()?;
    }
    progress(&format!("the cluster is up in {}", cluster.directory().display()));
    Ok(cluster)
}

/// Everything that must be there before the first server.
fn prepare(plan: &Plan, progress: Progress<'_>) -> Result<Site, ClusterError> {
    let bin_dir = find_bin_dir(plan.bin_dir.as_deref())?;
    let major = major_version(&bin_dir)?;
    progress(&format!("using PostgreSQL {major} in {}", bin_dir.display()));
    let account = Account::needed()?;
    if let Some(account) = &account {
        progress(&format!(
            "PostgreSQL refuses to run as root: running it as the account {}",
            account.name
        ));
    }
    let folder = Folder::make(plan.directory.as_deref(), account.as_ref())?;
    let mut names = replica_names(plan.replicas);
    names.push(PRIMARY_NAME.to_owned());
    let watchdog = Watchdog::start(&folder.paths(&names)).inspect_err(|_| folder.remove())?;
    Ok(Site {
        folder,
        bin_dir,
        account,
        user: plan.user.clone(),
        database: plan.database.clone(),
        password: plan.password.clone(),
        watchdog: Some(watchdog),
    })
}

/// The primary's and the replicas'.
fn ports(plan: &Plan) -> Result<(u16, Vec<u16>), ClusterError> {
    let Some(base) = plan.base_port else {
        let replicas = (0..plan.replicas).map(|_| free_port()).collect::<Result<_, _>>()?;
        return Ok((free_port()?, replicas));
    };
    let replicas: Vec<u16> = (base..).skip(1).take(plan.replicas).collect();
    match std::iter::once(&base).chain(&replicas).find(|port| !is_free(**port)) {
        Some(taken) => Err(ClusterError::PortTaken(*taken)),
        None => Ok((base, replicas)),
    }
}

async fn make_primary(
    primary: &mut Server,
    plan: &Plan,
    shared: &[(String, String)],
) -> Result<(), ClusterError> {
    initdb(primary, plan).await?;
    primary.write_file("pg_hba.conf", &settings::hba(plan.password.is_some()))?;
    let main = primary.data_dir().join("postgresql.conf");
    let initdbs = std::fs::read_to_string(&main)
        .map_err(ClusterError::io(format!("reading {}", main.display())))?;
    let include = format!("{initdbs}\ninclude '{}'\n", settings::FILE_NAME);
    primary.write_file("postgresql.conf", &include)?;

    start_on_a_port(primary, plan.base_port.is_some(), FIRST_DATABASE, |server| {
        let text = settings::conf(shared, server.name(), server.port(), None);
        server.write_file(settings::FILE_NAME, &text)
    })
    .await?;
    make_roles(primary, plan).await
}

async fn initdb(primary: &Server, plan: &Plan) -> Result<(), ClusterError> {
    let site = &primary.site;
    site.folder.make_data(primary.name(), site.account.as_ref())?;
    let mut command = site.command("initdb");
    command.arg("-D").arg(primary.data_dir());
    // Trust is for the sockets; `pg_hba.conf` is ours before the first start.
    command.args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale"]);
    if !plan.fsync {
        command.arg("--no-sync");
    }
    tool::run(site, "initdb", command, INITDB_MAX).await
}

/// Roles, slots and the application's database.
async fn make_roles(primary: &Server, plan: &Plan) -> Result<(), ClusterError> {
    let (user, database) = (identifier(&plan.user), identifier(&plan.database));
    // A statement that fails would be logged with its password.
    let mut sql = format!(
        "SET log_min_error_statement = panic; SET log_statement = none; \
         SET log_min_duration_statement = -1; \
         CREATE ROLE {REPLICATION_ROLE} LOGIN REPLICATION; CREATE ROLE {user} LOGIN; "
    );
    if let Some(password) = &plan.password {
        let password = literal(password);
        for role in [&user, SUPERUSER] {
            // Writing to a string cannot fail.
            let _ = write!(sql, "ALTER ROLE {role} PASSWORD {password}; ");
        }
    }
    primary.query_in(FIRST_DATABASE, &sql).await?;
    // The slots keep the log from here on, so that no base backup comes too late.
    for name in replica_names(plan.replicas) {
        let slot = literal(&format!("afterwrite_{name}"));
        let sql = format!("SELECT pg_create_physical_replication_slot({slot}, true)");
        primary.query_in(FIRST_DATABASE, &sql).await?;
    }
    let sql = format!("CREATE DATABASE {database} OWNER {user}");
    primary.query_in(FIRST_DATABASE, &sql).await?;
    primary.query(&format!("ALTER SCHEMA public OWNER TO {user}")).await.map(drop)
}

/// All at the same time.
async fn make_replicas(
    cluster: &mut Cluster,
    plan: &Plan,
    shared: &[(String, String)],
) -> Result<(), ClusterError> {
    let primary_port = cluster.primary.port();
    let delays = plan.apply_delay.iter().copied().chain(std::iter::repeat(Duration::ZERO));
    let making = cluster.replicas.iter_mut().zip(delays).map(|(replica, apply_delay)| async move {
        let slot = replica.slot().unwrap_or_default();
        let socket_dir = replica.site.folder.socket_dir.clone();
        let upstream =
            Upstream { socket_dir: &socket_dir, port: primary_port, slot: &slot, apply_delay };
        basebackup(replica, plan, &upstream).await?;
        replica.write_file("standby.signal", "")?;
        start_on_a_port(replica, plan.base_port.is_some(), &plan.database, |server| {
            let text = settings::conf(shared, server.name(), server.port(), Some(&upstream));
            server.write_file(settings::FILE_NAME, &text)
        })
        .await
    });
    all(making).await
}

async fn basebackup(
    replica: &Server,
    plan: &Plan,
    upstream: &Upstream<'_>,
) -> Result<(), ClusterError> {
    let site = &replica.site;
    site.folder.make_data(replica.name(), site.account.as_ref())?;
    let mut command = site.command("pg_basebackup");
    command.arg("-D").arg(replica.data_dir()).arg("-d").arg(settings::conninfo(upstream));
    // Our own configuration file takes the place of `--write-recovery-conf`.
    command.args(["--wal-method=stream", "--checkpoint=fast", "--no-password"]);
    command.args(["--slot", upstream.slot]);
    if !plan.fsync {
        command.arg("--no-sync");
    }
    tool::run(site, "pg_basebackup", command, BASEBACKUP_MAX).await
}

/// Starts `server`, on another port if its own was taken meanwhile and nobody
/// asked for that one.
async fn start_on_a_port(
    server: &mut Server,
    fixed: bool,
    database: &str,
    configure: impl Fn(&Server) -> Result<(), ClusterError>,
) -> Result<(), ClusterError> {
    let mut tries = 1;
    loop {
        configure(server)?;
        server.spawn()?;
        match server.ready(database).await {
            Err(ClusterError::Exited { log, .. })
                if !fixed && tries < PORT_TRIES_MAX && log.contains("Address already in use") =>
            {
                server.set_port(free_port()?);
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Runs the futures together; the first error ends them all.
async fn all<F>(futures: impl Iterator<Item = F>) -> Result<(), ClusterError>
where
    F: Future<Output = Result<(), ClusterError>>,
{
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        let mut failure = None;
        running.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(error)) => {
                failure.get_or_insert(error);
                false
            }
        });
        match failure {
            Some(error) => Poll::Ready(Err(error)),
            None if running.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}
