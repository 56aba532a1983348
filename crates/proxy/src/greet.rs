//! From a proven user to a client that is ready for its first statement.

use std::sync::Arc;

use afterwrite_core::Reason;
use afterwrite_frontend as frontend;
use afterwrite_session::{Answer, Fingerprint, Place, Progress, Session, Settings, answer};
use afterwrite_sql::Command;
use afterwrite_wire::server::{self, Report};
use afterwrite_wire::startup::Startup;

use crate::buffer::{Inbox, Outbox};
use crate::client::Client;
use crate::pump::Pumped;
use crate::shared::{Counted, Parameters, Shared};

/// Startup parameters that are not settings of the session.
const NOT_SETTINGS: [&str; 4] = ["user", "database", "options", "replication"];

/// Makes a client of a proven user: its settings are checked on a server, and it
/// is told what a server would tell it.
pub(crate) async fn greet(
    arrived: frontend::Client<tokio::net::TcpStream>,
    shared: Arc<Shared>,
    place: Counted,
) -> Result<Box<Client>, (tokio::net::TcpStream, Report)> {
    let frontend::Client { stream, startup, ahead, .. } = arrived;
    let (settings, ours) = match prepare(&startup) {
        Ok(prepared) => prepared,
        Err(report) => return Err((stream, report)),
    };
    let fingerprint = settings.fingerprint();
    let mut session =
        Session::new(shared.settings.limits, shared.settings.level, settings, shared.turn());
    if let Err(report) = take_ours(&ours, &mut session, &shared) {
        return Err((stream, report));
    }
    let cancel = match shared.cancels.enter() {
        Ok(cancel) => cancel,
        Err(error) => {
            let report = Report::fatal("58000", format!("no random numbers: {error}"));
            return Err((stream, report));
        }
    };
    let mut client = Box::new(Client {
        stream,
        session,
        inbox: Inbox::with(&ahead),
        outbox: Outbox::default(),
        link: None,
        upstream: Outbox::default(),
        replies: Inbox::default(),
        cancel,
        shared: Arc::clone(&shared),
        doubts: Vec::new(),
        owed: None,
        _place: place,
        gone: false,
        stall: None,
    });
    client.welcome(&startup, fingerprint).await;
    Ok(client)
}

/// The client's settings for servers, and those for us.
fn prepare(startup: &Startup) -> Result<(Settings, Vec<(String, String)>), Report> {
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
    let theirs: Vec<_> = theirs.into_iter().filter(|it| !neutral(it)).collect();
    Ok((Settings::at_login(theirs), ours))
}

/// Takes up `afterwrite.…` parameters given at login.
fn take_ours(
    ours: &[(String, String)],
    session: &mut Session,
    shared: &Shared,
) -> Result<(), Report> {
    for (name, value) in ours {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("afterwrite.").unwrap_or(&name).to_owned();
        let command = Command::Set { name, value: Some(value.clone()), local: false };
        let now = shared.sequence.now();
        let known = shared.cluster.known_position();
        if let Answer::Failed(report) = answer(&command, session.scope_mut(), now, known, "", false)
        {
            return Err(Report::fatal(report.code, report.message));
        }
    }
    Ok(())
}

impl Client {
    /// Tells the client what a server would tell it, or why it cannot come in.
    async fn welcome(&mut self, startup: &Startup, fingerprint: Fingerprint) {
        let parameters = match self.shared.greeting(fingerprint) {
            Some(known) => Ok(known),
            None => self.learn_parameters(fingerprint).await,
        };
        match parameters {
            Ok(parameters) => {
                let out = self.outbox.end();
                server::authentication_ok(out);
                if startup.minor > 0 || startup.protocol_options().next().is_some() {
                    let unknown: Vec<_> = startup.protocol_options().collect();
                    server::negotiate(out, 0, &unknown);
                }
                for (name, value) in parameters.iter() {
                    self.session.parameter(name, value);
                    server::parameter_status(out, name, value);
                }
                server::backend_key_data(out, self.cancel.key.pid, &self.cancel.key.secret);
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
        let mut link = match self.shared.cluster.claim_primary().await {
            Ok(link) => link,
            Err(error) => match self.shared.cluster.claim_any_replica().await {
                Some(link) => link,
                None => return Err(unavailable(error.to_string())),
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
        self.shared.remember_greeting(fingerprint, Arc::clone(&parameters));
        Ok(parameters)
    }
}
