//! Clients of the console: their sockets, and what they have done.

mod raise;
mod snapshot;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use afterwrite_console::{Action, Console, Permission, Shutdown, Step, refusal, welcome};
use afterwrite_frontend as frontend;
use afterwrite_net::Stream;
use afterwrite_wire::server::{self, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tracing::info;

use crate::control::Stop;
use crate::database::Database;
use crate::roster::Errand;
use crate::settings::AdminSettings;
use crate::shared::{Counted, Shared};

/// Clients of the console at once. They do not count among the others, so that the
/// console can be reached when the proxy is full.
const CLIENTS_MAX: usize = 64;

/// How long a client of the console may take to read an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Between looks whether what is waited for has happened.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Serves one client of the console until it leaves.
pub(crate) async fn serve(arrived: frontend::Client, shared: Arc<Shared>) {
    static CLIENTS: std::sync::OnceLock<Arc<AtomicUsize>> = std::sync::OnceLock::new();
    let frontend::Client { mut stream, startup, ahead, user, .. } = arrived;
    let place = Counted::within(CLIENTS.get_or_init(Arc::default), CLIENTS_MAX);
    let permission = permission(&shared.settings().admin, &user);
    let refused = match (&place, &permission) {
        (None, _) => Some(Report::fatal("53300", "too many clients of the console")),
        (_, Err(report)) => Some(report.clone()),
        (Some(_), Ok(_)) => None,
    };
    let mut out = Vec::new();
    if let Some(report) = refused {
        server::error(&mut out, &report);
        let _ = send(&mut stream, &out).await;
        return;
    }
    let mut console = Console::new(permission.unwrap_or(Permission::Stats), user.as_str());
    for (name, value) in &startup.parameters {
        console = console.with_setting(name, value);
    }
    for (name, value) in startup.options().unwrap_or_default() {
        console = console.with_setting(&name, &value);
    }
    server::authentication_ok(&mut out);
    welcome(&mut out, &user, startup.get("application_name").unwrap_or_default());
    server::backend_key_data(&mut out, 0, &[0; 4]);
    server::ready(&mut out, server::IDLE);
    if send(&mut stream, &out).await.is_ok() {
        info!(%user, "console: client connected");
        Talk { stream, console, shared, inbox: ahead, user }.run().await;
    }
}

fn permission(admin: &AdminSettings, user: &str) -> Result<Permission, Report> {
    let is_in = |users: &[String]| users.iter().any(|name| name == user);
    if is_in(&admin.users) {
        Ok(Permission::Admin)
    } else if is_in(&admin.stats_users) {
        Ok(Permission::Stats)
    } else {
        Err(Report::fatal("28000", format!("user \"{user}\" may not use the console"))
            .hint("admin.users and admin.stats_users name those who may"))
    }
}

/// One client of the console.
struct Talk {
    stream: Stream,
    console: Console,
    shared: Arc<Shared>,
    inbox: Vec<u8>,
    user: String,
}

impl Talk {
    async fn run(mut self) {
        loop {
            let used = self.console.receive(&self.inbox);
            self.inbox.drain(..used);
            let mut stepped = used > 0;
            while let Some(step) = self.console.next() {
                stepped = true;
                match step {
                    Step::Send(bytes) => {
                        if send(&mut self.stream, &bytes).await.is_err() {
                            return;
                        }
                    }
                    Step::Show(_) => self.console.give(&snapshot::take(&self.shared)),
                    Step::Do(action) => {
                        info!(user = %self.user, action = described(&action), "console");
                        let result = self.carry_out(action).await;
                        self.console.done(result);
                    }
                    Step::Closed(_) => return,
                }
            }
            if !stepped && self.read().await.is_err() {
                return;
            }
        }
    }

    /// Reads more; an error if the client has left or must go.
    async fn read(&mut self) -> Result<(), ()> {
        let stopped = self.shared.control.stopped(Some(Stop::AfterClients));
        tokio::select! {
            read = self.stream.read_buf(&mut self.inbox) => match read {
                Ok(count) if count > 0 => Ok(()),
                Ok(_) | Err(_) => Err(()),
            },
            _ = stopped => {
                let mut out = Vec::new();
                server::error(&mut out, &refusal::shutting_down());
                let _ = send(&mut self.stream, &out).await;
                Err(())
            }
        }
    }

    async fn carry_out(&self, action: Action) -> Result<(), Report> {
        match action {
            Action::Pause(name) => self.pause(name.as_deref()).await,
            Action::Resume(name) => self.resume(name.as_deref()),
            Action::Disable(name) => self.each(Some(&name), |it| it.set_disabled(true)),
            Action::Enable(name) => self.each(Some(&name), |it| it.set_disabled(false)),
            Action::Reconnect(name) => self.reconnect(name.as_deref()),
            Action::Kill(name) => self.kill(name.as_deref()),
            Action::KillClient(id) => match self.shared.roster.by_id(id) {
                Some(card) => {
                    card.send_away(Errand::Die);
                    Ok(())
                }
                None => Err(refusal::client_not_found()),
            },
            Action::WaitClose(name) => self.wait_close(name.as_deref()).await,
            Action::RaiseKey { key, database } => self.raise_key(&key, database.as_deref()).await,
            Action::Reload => {
                self.shared.control.forget_overrides();
                self.shared.reload().map(drop).map_err(|it| refusal::reload_failed(&it))
            }
            Action::Set { key, value } => {
                let before = self.shared.control.override_key(key, value);
                self.shared.reload().map(drop).map_err(|problem| {
                    self.shared.control.restore_overrides(before);
                    refusal::set_failed(&problem)
                })
            }
            Action::Shutdown(how) => {
                self.shared.control.stop(match how {
                    Shutdown::Now => Stop::Now,
                    Shutdown::WaitForServers => Stop::AfterTransactions,
                    Shutdown::WaitForClients => Stop::AfterClients,
                });
                Ok(())
            }
        }
    }

    /// The database of this name, or all of them.
    fn named(&self, name: Option<&str>) -> Result<Vec<Arc<Database>>, Report> {
        match name {
            None => Ok(self.shared.directory.databases()),
            Some(name) => match self.shared.directory.database(name) {
                Some(database) => Ok(vec![database]),
                None => Err(refusal::no_such_database(name)),
            },
        }
    }

    fn each(&self, name: Option<&str>, change: impl Fn(&Database)) -> Result<(), Report> {
        self.named(name)?.iter().for_each(|database| change(database));
        Ok(())
    }

    async fn pause(&self, name: Option<&str>) -> Result<(), Report> {
        let databases = self.named(name)?;
        if databases.iter().all(|database| database.is_paused()) && !databases.is_empty() {
            return Err(refusal::already_paused());
        }
        self.each(name, Database::pause)?;
        while self.is_busy(&databases) {
            if databases.iter().any(|database| !database.is_paused()) {
                return Err(Report::error("55000", "it was resumed before it had come to rest"));
            }
            sleep(LOOK_EVERY).await;
        }
        self.reconnect(name)
    }

    fn is_busy(&self, databases: &[Arc<Database>]) -> bool {
        let theirs = |it: &Arc<Database>| databases.iter().any(|other| Arc::ptr_eq(it, other));
        let tenants = self.shared.directory.tenants();
        tenants.iter().any(|tenant| theirs(&tenant.database) && tenant.pools.is_busy())
    }

    fn resume(&self, name: Option<&str>) -> Result<(), Report> {
        let databases = self.named(name)?;
        let resumed = databases.iter().filter(|database| database.resume()).count();
        match (resumed, name) {
            (0, Some(name)) => Err(refusal::database_not_paused(name)),
            (0, None) => Err(refusal::not_paused()),
            _ => Ok(()),
        }
    }

    fn reconnect(&self, name: Option<&str>) -> Result<(), Report> {
        self.named(name)?;
        for tenant in self.shared.directory.tenants() {
            if name.is_none_or(|name| tenant.database.name == name) {
                tenant.pools.reconnect();
                tenant.forget_greetings();
            }
        }
        Ok(())
    }

    fn kill(&self, name: Option<&str>) -> Result<(), Report> {
        self.each(name, Database::pause)?;
        for card in self.shared.roster.all() {
            if name.is_none_or(|name| card.who.tenant.database.name == name) {
                card.send_away(Errand::Die);
            }
        }
        self.reconnect(name)
    }

    async fn raise_key(&self, key: &str, database: Option<&str>) -> Result<(), Report> {
        let sites = match database {
            None => self.shared.directory.sites(),
            Some(_) => self.named(database)?.iter().map(|it| Arc::clone(&it.site)).collect(),
        };
        raise::raise(&self.shared, &sites, key).await
    }

    async fn wait_close(&self, name: Option<&str>) -> Result<(), Report> {
        self.named(name)?;
        let closing = || {
            let tenants = self.shared.directory.tenants();
            tenants.iter().any(|tenant| {
                name.is_none_or(|name| tenant.database.name == name)
                    && tenant.pools.pools().any(|(_, pool)| pool.outdated() > 0)
            })
        };
        while closing() {
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// A command for the log. What a key of the configuration is set to may be a secret.
fn described(action: &Action) -> String {
    match action {
        Action::Set { key, .. } => format!("Set({key:?})"),
        // A key may be somebody's name.
        Action::RaiseKey { database, .. } => format!("RaiseKey({database:?})"),
        Action::Pause(_)
        | Action::Resume(_)
        | Action::Disable(_)
        | Action::Enable(_)
        | Action::Reconnect(_)
        | Action::Kill(_)
        | Action::KillClient(_)
        | Action::WaitClose(_)
        | Action::Reload
        | Action::Shutdown(_) => format!("{action:?}"),
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> std::io::Result<()> {
    let sending = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(WRITE_TIMEOUT, sending).await?
}

impl Shared {
    /// Once a period: the averages that the console shows.
    pub(crate) fn tick_stats(&self) {
        let now = self.started.elapsed().unwrap_or_default();
        for database in self.directory.databases() {
            database.tick_stats(now);
        }
    }

    /// Connections that have not logged in yet.
    pub(crate) fn arriving_now(&self) -> usize {
        self.arriving.load(Ordering::Relaxed)
    }
}
