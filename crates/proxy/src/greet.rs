//! From a proven user to a client that is ready for its first statement.

use std::sync::Arc;
use std::time::Instant;

use afterwrite_backend::ClaimError;
use afterwrite_core::Reason;
use afterwrite_frontend as frontend;
use afterwrite_net::Stream;
use afterwrite_session::{
    Answer, Fingerprint, Place, Progress, Session, Settings as Theirs, answer,
};
use afterwrite_sql::Command;
use afterwrite_wire::server::{self, Report};
use afterwrite_wire::startup::Startup;

use crate::buffer::{Inbox, Outbox};
use crate::client::Client;
use crate::publish::Withholds;
use crate::pump::Pumped;
use crate::roster::{Registered, Who};
use crate::settings::Settings;
use crate::shared::{Counted, Shared};
use crate::stats::Tally;
use crate::tenant::{Parameters, Tenant};

/// Since protocol 3.2 the keys of cancel requests may be long.
const LONG_KEYS: u16 = 2;

const APPLICATION_NAME: &str = "application_name";

/// Startup parameters that are not settings of the session.
const NOT_SETTINGS: [&str; 4] = ["user", "database", "options", "replication"];

/// Makes a client of a proven user: its settings are checked on a server, and it
/// is told what a server would tell it.
pub(crate) async fn greet(
    arrived: frontend::Client,
    shared: Arc<Shared>,
    place: Counted,
) -> Result<Box<Client>, (Stream, Report)> {
    let admitted = match admit(&arrived, &shared) {
        Ok(admitted) => admitted,
        Err(report) => return Err((arrived.stream, report)),
    };
    let kind = admitted.kind;
    let mut client = Box::new(Client {
        stream: arrived.stream,
        session: admitted.session,
        inbox: Inbox::with(&arrived.ahead),
        outbox: Outbox::default(),
        link: None,
        upstream: Outbox::default(),
        later_mark: None,
        replies: Inbox::default(),
        registered: admitted.registered,
        settings: shared.settings(),
        tenant: admitted.tenant,
        generation: admitted.generation,
        policy_generation: admitted.generation,
        shared,
        connected: Instant::now(),
        transaction: None,
        tally: Tally::default(),
        doubts: Vec::new(),
        owed: None,
        places: [place, admitted.places.0, admitted.places.1],
        gone: false,
        stall: None,
        idle_since: Instant::now(),
        restless: false,
        withholds: Withholds::No,
        pin_shown: false,
    });
    client.welcome(kind).await;
    Ok(client)
}

/// What a client has once it is let in.
struct Admitted {
    session: Session,
    tenant: Arc<Tenant>,
    registered: Registered,
    places: (Counted, Counted),
    generation: u64,
    kind: Kind,
}

/// What decides over the greeting of a client. Clients of one kind are told the same,
/// but for their names.
struct Kind {
    fingerprint: Fingerprint,
    /// Its `application_name`, where servers would take any and change nothing of it:
    /// then a new name is no reason to ask one.
    application: Option<String>,
}

impl Kind {
    fn of(settings: &[(String, String)]) -> Self {
        let is_name = |name: &str| name.eq_ignore_ascii_case(APPLICATION_NAME);
        let plain = |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let mut application = None;
        let named = settings.iter().map(|(name, value)| {
            if is_name(name) && plain(value) {
                application = Some(value.clone());
                (name.clone(), String::new())
            } else {
                (name.clone(), value.clone())
            }
        });
        let fingerprint = Theirs::at_login(named).fingerprint();
        Self { fingerprint, application }
    }
}

/// Finds the client's database and a place in it.
fn admit(arrived: &frontend::Client, shared: &Arc<Shared>) -> Result<Admitted, Report> {
    let frontend::Client { stream, startup, user, database, credentials, .. } = arrived;
    let generation = shared.generation();
    let settings = shared.settings();
    let (mut theirs, ours) = prepare(startup, &settings.clients.ignore_startup_parameters)?;
    if settings.clients.application_name_add_host {
        add_host(&mut theirs, stream);
    }
    let kind = Kind::of(&theirs);
    let theirs = Theirs::at_login(theirs);
    let tenant = shared.directory.tenant(database, user)?;
    tenant.note_login(credentials);
    tenant.database.stats.note_login();
    if tenant.database.is_disabled() {
        let name = &tenant.database.name;
        return Err(Report::fatal("57P03", format!("database \"{name}\" is disabled"))
            .hint("ENABLE in the console lets clients in again"));
    }
    let places = take_places(&tenant, &settings, shared)?;
    let mut session =
        Session::new(settings.clients.limits, Arc::clone(&tenant.terms), theirs, shared.turn());
    session.set_mode(tenant.mode.of_sessions());
    session.set_wary(tenant.database.settings().wary);
    session.set_on_orphan(settings.on_orphan);
    session.set_tables(tenant.database.schema.table_keys());
    session.set_token_policy(settings.tokens.clone());
    session.set_apart(tenant.site().sharing.is_some());
    take_ours(&ours, &mut session, shared, &tenant)?;
    let (from, local) = (stream.peer().ok(), stream.local());
    let application = startup.get("application_name").unwrap_or_default();
    let tls = stream.tls().map(|tls| tls.describe()).unwrap_or_default();
    let who = Who::new(Arc::clone(&tenant), from, local).called(application, &tls);
    let registered = shared
        .roster
        .enter(who, startup.spoken_minor() >= LONG_KEYS)
        .map_err(|error| Report::fatal("58000", format!("no random numbers: {error}")))?;
    Ok(Admitted { session, tenant, registered, places, generation, kind })
}

/// Names and values.
type Pairs = Vec<(String, String)>;

/// A place among the clients of its database, and of its user.
fn take_places(
    tenant: &Tenant,
    settings: &Settings,
    shared: &Shared,
) -> Result<(Counted, Counted), Report> {
    let database = &tenant.database;
    let of_user = settings.users.get(&tenant.user).unwrap_or(&settings.other_users).clients_max;
    let max = database.settings().clients_max;
    let in_database = Counted::within(&database.clients, max).ok_or_else(|| {
        Report::fatal("53300", format!("too many clients of database \"{}\"", database.name))
            .detail(format!("There may be {max}."))
    })?;
    let max = of_user;
    let counts = shared.directory.user(&tenant.user);
    let of_user = Counted::within(&counts.clients, max).ok_or_else(|| {
        Report::fatal("53300", format!("too many clients of user \"{}\"", tenant.user))
            .detail(format!("There may be {max}."))
    })?;
    Ok((in_database, of_user))
}

/// Has servers see where the client comes from, behind the name it gives itself.
fn add_host(theirs: &mut Pairs, stream: &Stream) {
    const NAME: &str = "application_name";
    let Some(from) = stream.peer().ok() else { return };
    let host = from.tcp().map_or("unix".to_owned(), |it| format!("{}:{}", it.ip(), it.port()));
    let given = theirs.iter().rposition(|(name, _)| name.eq_ignore_ascii_case(NAME));
    let name = given.map(|place| theirs.remove(place).1).unwrap_or_default();
    let name = if name.is_empty() { "app".to_owned() } else { name };
    theirs.push((NAME.to_owned(), format!("{name} - {host}")));
}

/// The client's settings for servers, and those for us.
fn prepare(startup: &Startup, ignored: &[String]) -> Result<(Pairs, Pairs), Report> {
    let options = startup
        .options()
        .map_err(|malformed| Report::fatal(malformed.sqlstate(), malformed.to_string()))?;
    let direct = startup
        .parameters
        .iter()
        .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()) && !name.starts_with("_pq_."))
        .cloned();
    let (ours, theirs): (Vec<_>, Vec<_>) = direct
        .chain(options)
        .partition(|(name, _)| name.to_ascii_lowercase().starts_with("afterwrite."));
    // What every server connection has anyway need not be set.
    let neutral = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("client_encoding")
            && matches!(
                value.to_ascii_uppercase().as_str(),
                "UTF8" | "UTF-8" | "UNICODE" | "'UTF-8'"
            )
    };
    let is_ignored = |name: &str| ignored.iter().any(|it| it.eq_ignore_ascii_case(name));
    let passed_on = |it: &(String, String)| !neutral(it) && !is_ignored(&it.0);
    let theirs: Vec<_> = theirs.into_iter().filter(passed_on).collect();
    Ok((theirs, ours))
}

/// Takes up `afterwrite.…` parameters given at login.
fn take_ours(
    ours: &[(String, String)],
    session: &mut Session,
    shared: &Shared,
    tenant: &Tenant,
) -> Result<(), Report> {
    for (name, value) in ours {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("afterwrite.").unwrap_or(&name).to_owned();
        let command = Command::Set { name, values: vec![value.clone()], local: false };
        let now = shared.sequence.now();
        let known = tenant.cluster().known_position();
        if let Answer::Failed(report) = answer(&command, session.scope_mut(), now, known, "", false)
        {
            return Err(Report::fatal(report.code, report.message));
        }
    }
    session.scope_mut().log_in();
    Ok(())
}

/// The server does not let this user in: waiting will not help.
fn refusal(error: &ClaimError) -> Option<Report> {
    let (code, message) = error.refused()?;
    Some(
        Report::fatal(code.to_owned(), message.clone())
            .detail("The server refused the proxy's login as this user.")
            .hint("the user may need another password there: users.<name>.server_password"),
    )
}

impl Client {
    /// Tells the client what a server would tell it, or why it cannot come in.
    async fn welcome(&mut self, kind: Kind) {
        let parameters = match self.tenant.greeting(kind.fingerprint) {
            Some(known) => Ok(known),
            None => self.learn_parameters(kind.fingerprint).await,
        };
        match parameters {
            Ok(parameters) => {
                let out = self.outbox.end();
                server::authentication_ok(out);
                for (name, value) in parameters.iter() {
                    let own = kind.application.as_ref().filter(|_| name == APPLICATION_NAME);
                    let value = own.unwrap_or(value);
                    self.session.parameter(name, value);
                    server::parameter_status(out, name, value);
                }
                self.session.report_token(out);
                let card = &self.registered.card;
                server::backend_key_data(out, card.pid, card.secret());
                server::ready(out, server::IDLE);
            }
            Err(report) => {
                self.shared.metrics.refused.inc();
                server::error(self.outbox.end(), &report);
                let _ = self.flush().await;
                self.gone = true;
            }
        }
    }

    /// Brings the client's settings to a server and takes up what it reports.
    async fn learn_parameters(&mut self, fingerprint: Fingerprint) -> Result<Parameters, Report> {
        let unavailable = |why: String| {
            Report::fatal("57P03", "no server could be asked to let the client in")
                .detail(why)
                .hint("try again when the servers are back")
        };
        let mut link = match self.tenant.pools.claim_primary().await {
            Ok(link) => link,
            Err(error) => match self.tenant.pools.claim_any_replica().await {
                Some(link) => link,
                None => {
                    return Err(refusal(&error).unwrap_or_else(|| unavailable(error.to_string())));
                }
            },
        };
        let mut parameters = (*link.parameters).clone();
        if let Some(prelude) = self.session.prelude(&link.link) {
            self.session.send_prelude(prelude, &mut link.link, self.upstream.end());
            self.link = Some(link);
            let pumped = self.pump(Place::Primary(Reason::Pinned)).await;
            let link = self.link.take();
            match pumped {
                Pumped::Progress(Progress::Prelude(Ok(()))) => {}
                Pumped::Progress(Progress::Prelude(Err(message))) => {
                    return Err(Report::fatal("22023", message));
                }
                Pumped::Lost(why) => return Err(unavailable(why)),
                Pumped::Fault(report) => return Err(report),
                Pumped::Progress(_) | Pumped::Gone => {
                    return Err(Report::fatal("08006", "the login was not finished"));
                }
            }
            if let Some(link) = link {
                link.release();
            }
            for (name, value) in self.session.take_prelude_reports() {
                match parameters.iter_mut().find(|(known, _)| *known == name) {
                    Some(known) => known.1 = value,
                    None => parameters.push((name, value)),
                }
            }
        } else {
            link.release();
        }
        for (name, value) in &mut parameters {
            // The proxy takes writes, wherever it learnt its parameters.
            if matches!(name.as_str(), "in_hot_standby" | "default_transaction_read_only") {
                "off".clone_into(value);
            }
        }
        let parameters = Arc::new(parameters);
        self.tenant.remember_greeting(fingerprint, Arc::clone(&parameters));
        Ok(parameters)
    }
}
