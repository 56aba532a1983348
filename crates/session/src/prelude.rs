//! Brings a server connection to where the client's own messages mean what they should.

use std::collections::VecDeque;
use std::sync::Arc;

use afterwrite_wire::client::{self, STATEMENT};
use afterwrite_wire::server::{self, IDLE, Report};
use smallvec::SmallVec;

use crate::dispatch::prepare;
use crate::exchange::Use;
use crate::link::{Await, Link, Owner, Unnamed};
use crate::relay::{Progress, Step, is_replicas_own};
use crate::session::{Phase, Session};
use crate::settings::{Fingerprint, is_role};
use crate::shape::Shape;
use crate::statement::{Prepared, StatementId};

/// What must be done on a connection before the client's own is sent there.
#[derive(Clone, Debug)]
pub struct Prelude {
    /// SQL that brings the client's settings.
    settings: Option<(String, Fingerprint)>,
    /// Statements that the server must tell of.
    statements: SmallVec<[Arc<Prepared>; 1]>,
}

/// A prelude that is under way.
#[derive(Debug)]
pub(crate) struct Preluding {
    /// The settings that it brings.
    settings: Option<Fingerprint>,
    /// Settings that are brought one by one after all, since one was refused; without a
    /// name where they are reset first.
    trials: VecDeque<Box<str>>,
    /// What stays refused.
    refused: Option<Complaint>,
}

/// What a server says against a setting.
#[derive(Debug)]
pub(crate) struct Complaint {
    message: String,
    /// It will say so again: the setting is not what it takes, or is not allowed.
    lasting: bool,
}

impl Session {
    /// What must be sent first so that `link` has this client's settings, and the
    /// statements that it uses as it was told of them.
    pub fn prelude(&self, link: &Link) -> Option<Prelude> {
        let (settings, statements) = (self.settings_for(link), self.statements_for(link));
        (settings.is_some() || !statements.is_empty()).then_some(Prelude { settings, statements })
    }

    /// Statements of which the server behind `link` has not told what the client was told.
    fn statements_for(&self, link: &Link) -> SmallVec<[Arc<Prepared>; 1]> {
        let mut statements = SmallVec::<[Arc<Prepared>; 1]>::new();
        if self.phase != Phase::Gathering || link.status == server::FAILED {
            return statements;
        }
        for Use { prepared, told, .. } in &self.exchange.uses {
            let shape = link.shape(prepared.id, prepared.generation());
            let agrees = |told: Shape| shape.is_some_and(|shape| told.agrees(shape));
            let differs = told.is_some_and(|told| !agrees(told));
            if differs && !statements.iter().any(|known| known.id == prepared.id) {
                statements.push(Arc::clone(prepared));
            }
        }
        statements
    }

    /// On a connection that stays with the client there is nothing to bring: its settings
    /// are there, also those that only the server knows.
    fn settings_for(&self, link: &Link) -> Option<(String, Fingerprint)> {
        let wanted = self.settings.fingerprint();
        let strange = link.stained.is_some_and(|session| session != self.id);
        if self.holds || link.status != server::IDLE || link.applied == Some(wanted) && !strange {
            return None;
        }
        let sets_role = || self.exchange.intent.replaces_role();
        let sql = if self.role_refused && sets_role() {
            self.settings.script_without_role(link.role())
        } else {
            self.settings.script(link.role(), link.other_role || link.stained.is_some())
        };
        Some((sql, wanted))
    }

    /// Writes the prelude; its replies end in `Progress::Prelude`.
    pub fn send_prelude(&mut self, prelude: Prelude, link: &mut Link, out: &mut Vec<u8>) {
        let mut settings = None;
        if let Some((sql, fingerprint)) = prelude.settings {
            client::query(out, &sql);
            // As every simple query, it ends the server's unnamed statement.
            link.unnamed = Unnamed::Unknown;
            link.expect(Await::Query, Owner::Prelude);
            // RESET ALL and SET may have run half: until "ready" nothing is known.
            link.applied = None;
            settings = Some(fingerprint);
        }
        for prepared in &prelude.statements {
            if link.has(prepared.id) {
                // Its plan has other columns, or nobody knows which.
                link.unlearn(prepared.id);
                client::close(out, STATEMENT, prepared.name.as_bytes());
                link.expect(Await::Drop(prepared.id), Owner::Evict);
            }
            prepare(prepared, link, Owner::Prelude, out);
            client::describe(out, STATEMENT, prepared.name.as_bytes());
            link.expect(Await::DescribeStatement(Some(prepared.id)), Owner::Prelude);
            // Each by itself: an error in one says nothing of the next.
            client::sync(out);
            link.expect(Await::Sync, Owner::Prelude);
        }
        self.prelude = Some(Preluding { settings, trials: VecDeque::new(), refused: None });
    }

    /// The server refuses a setting, or a statement that the client was told of.
    pub(crate) fn take_prelude_error(
        &mut self,
        link: &Link,
        code: &str,
        message: String,
        body: &[u8],
    ) {
        if let Some(Await::Parse(Some(id)) | Await::DescribeStatement(Some(id))) =
            link.expects.front().map(|front| &front.what)
        {
            self.take_refused(*id, code, body, link.status);
            return;
        }
        let lasting = matches!(code.get(..2), Some("22" | "42" | "55" | "0A"));
        self.prelude_error = Some(Complaint { message, lasting });
    }

    fn take_refused(&mut self, id: StatementId, code: &str, body: &[u8], status: u8) {
        if is_replicas_own(code) && status == IDLE {
            // Where the client's own message meets the same it goes elsewhere.
            return;
        }
        if let Some(error) = self.whole_error(body) {
            self.exchange.refused.push((id, error.into()));
        }
    }

    /// One part of a prelude is answered.
    pub(crate) fn take_prelude_ready(
        &mut self,
        link: &mut Link,
        what: &Await,
        out: &mut Vec<u8>,
        upstream: &mut Vec<u8>,
    ) -> Step {
        if *what == Await::Query {
            self.take_settings_ready(link, out, upstream);
        }
        if !link.expects.is_empty() {
            return Step::Drop;
        }
        let refused = self.prelude.take().and_then(|prelude| prelude.refused);
        Step::Stop(Progress::Prelude(refused.map_or(Ok(()), |complaint| Err(complaint.message))))
    }

    /// The settings, or one of them, are there or were refused.
    ///
    /// In a session a setting that has become invalid stays as it is or vanishes. So
    /// what a server refuses is given up, with a warning, instead of refusing everything
    /// that the client sends from then on; but never the role.
    fn take_settings_ready(&mut self, link: &mut Link, out: &mut Vec<u8>, upstream: &mut Vec<u8>) {
        let complaint = self.prelude_error.take();
        let Some(prelude) = self.prelude.as_mut() else { return };
        let trial = prelude.trials.pop_front();
        match (&trial, complaint) {
            (_, None) => {}
            (None, Some(complaint)) if complaint.lasting => {
                for (name, sql) in self.settings.parts(link.role(), true) {
                    client::query(upstream, sql);
                    link.expect(Await::Query, Owner::Prelude);
                    prelude.trials.push_back(name.into());
                }
            }
            (Some(name), Some(complaint)) if complaint.lasting && self.settings.give_up(name) => {
                if let Some(sql) = self.settings.statement(name) {
                    // What it was at login.
                    client::query(upstream, sql);
                    link.expect(Await::Query, Owner::Prelude);
                    prelude.trials.push_back(name.clone());
                }
                let message = format!("setting \"{name}\" is given up: {}", complaint.message);
                server::notice(out, &Report::warning("01000", message));
            }
            (_, Some(complaint)) => {
                self.role_refused |= trial.as_deref().is_some_and(is_role);
                prelude.refused = Some(complaint);
            }
        }
        if prelude.trials.is_empty() && prelude.refused.is_none() {
            let tried = trial.is_some();
            self.role_refused &= !tried;
            link.applied = if tried { Some(self.settings.fingerprint()) } else { prelude.settings };
            link.stained = None;
            link.other_role = self.settings.have_role();
        }
    }
}
