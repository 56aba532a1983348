//! What a simple query amounts to: one string, with any number of statements in it.

use std::sync::Arc;

use afterwrite_sql::{Analysis, Command, Effect};
use afterwrite_wire::client::query_text;
use afterwrite_wire::server::{self, Report};

use crate::command::{self, Answer, Surroundings};
use crate::exchange::{Op, Span};
use crate::fault::ClientFault;
use crate::gather::{Around, Gathered};
use crate::hint::TextHints;
use crate::intent::{Change, Intent};
use crate::link::Say;
use crate::session::Session;
use crate::statement::Prepared;

impl Session {
    pub(crate) fn take_query(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Gathered, ClientFault> {
        let text = query_text(body)?;
        let reading = around.library.reading(text, self.search_path());
        let reading = around.library.settled(text, reading);
        let (analysis, misread) = (&reading.analysis, self.misreads(text).then(Intent::unread));
        let intent = misread.as_ref().unwrap_or(&reading.intent);
        self.allows(intent)?;
        if let Some(name) = self.names_reserved(analysis) {
            self.fail_unknown(name.as_bytes(), true);
        } else if intent.local {
            let single = analysis.single().map(|statement| &statement.effect);
            if let Some(Effect::Afterwrite(command)) = single {
                let answer = self.carry_out(command, around);
                if answer == Answer::NeedsFence {
                    return Ok(Gathered::NeedsFence(around.now));
                }
                if let Answer::Failed(report) = &answer {
                    self.fail_query(report);
                } else {
                    let mut bytes = Vec::new();
                    command::write(&answer, true, &mut bytes);
                    self.push(Op::Say(Say::Bytes(bytes.into())));
                }
            } else {
                self.take_mixed(analysis, span, around);
                self.note_settings(intent, analysis, text);
            }
        } else if let Some(name) = self.deallocates(analysis) {
            self.deallocate(&name);
        } else {
            // As on a server, a simple query ends the unnamed statement.
            self.statements.remove(b"");
            self.exchange.executed = self.executes(analysis);
            self.note_settings(intent, analysis, text);
            self.note_unsynced();
            self.push_executing(Op::Query(span));
        }
        self.exchange.intent.add(intent);
        self.take_hints(text, intent, around);
        self.note_read(reading);
        self.exchange.scanned = span.end;
        self.exchange.complete = true;
        Ok(Gathered::Request(self.request()))
    }

    /// Takes up the hints of a simple query, and those of a statement that it executes.
    fn take_hints(&mut self, text: &[u8], intent: &Intent, around: &Around<'_>) {
        let hints = TextHints::of(text);
        self.judge_hints(hints.as_deref(), text);
        if self.exchange.executes {
            self.heed(hints.as_deref(), text, intent, around);
        }
        if let Some(prepared) = self.exchange.executed.as_ref().map(|(_, it)| Arc::clone(it)) {
            self.heed(prepared.hints.as_deref(), prepared.sql(), intent, around);
        }
    }

    /// Takes up the hints of a statement that is too long to be here as a whole.
    pub(crate) fn take_first_hints(&mut self, text: &[u8], around: &Around<'_>) {
        let hints = TextHints::at_beginning(text);
        self.judge_hints(hints.as_deref(), text);
        self.heed(hints.as_deref(), text, &Intent::unread(), around);
    }

    /// Notes the text of each statement that changes a setting.
    pub(crate) fn note_settings(&mut self, intent: &Intent, analysis: &Analysis, text: &[u8]) {
        if intent.changes.is_empty() {
            return;
        }
        for (statement, text) in analysis.statements.iter().zip(afterwrite_sql::texts(text)) {
            if Change::of(&statement.effect).is_some() {
                self.exchange.setting_texts.push(String::from_utf8_lossy(text).into_owned());
            }
        }
    }

    /// The statement that is deallocated, if it is one that only we know by this
    /// name: SQL and the protocol share their names.
    fn deallocates(&self, analysis: &Analysis) -> Option<Box<str>> {
        match &analysis.single()?.effect {
            Effect::Deallocate { name: Some(name) } => {
                self.statements.find(name.as_bytes()).map(|_| name.clone())
            }
            _ => None,
        }
    }

    pub(crate) fn deallocate(&mut self, name: &str) {
        self.statements.remove(name.as_bytes());
        let mut bytes = Vec::new();
        server::command_complete(&mut bytes, "DEALLOCATE");
        self.push(Op::Say(Say::Bytes(bytes.into())));
    }

    /// The statement that SQL executes by the name the protocol gave it: the server
    /// must know it by that name, too.
    fn executes(&self, analysis: &Analysis) -> Option<(Box<str>, Arc<Prepared>)> {
        match &analysis.single()?.effect {
            Effect::Execute { name: Some(name) } => {
                let prepared = self.statements.find(name.as_bytes())?;
                Some((name.clone(), Arc::clone(prepared)))
            }
            _ => None,
        }
    }

    /// Whether a statement is carried out here and never sent to a server.
    pub(crate) fn is_ours(&self, prepared: &Prepared) -> bool {
        let deallocates = prepared.deallocates.as_ref();
        prepared.command.is_some()
            || deallocates.is_some_and(|name| self.statements.find(name.as_bytes()).is_some())
    }

    /// Settings of ours among other statements in one string: they take effect
    /// at once, and the server takes its own copies for unknown settings.
    fn take_mixed(&mut self, analysis: &Analysis, span: Span, around: &Around<'_>) {
        let before = self.scope.clone();
        for statement in &analysis.statements {
            let Effect::Afterwrite(command) = &statement.effect else { continue };
            let answer = match command {
                Command::Show { name } => Answer::Failed(
                    Report::error("0A000", format!("SHOW afterwrite.{name} must be sent alone"))
                        .detail(
                            "It stood in one string with other statements; none of them was run.",
                        ),
                ),
                Command::Set { .. }
                | Command::Reset { .. }
                | Command::SetConfig
                | Command::Malformed => self.carry_out(command, around),
            };
            match &answer {
                Answer::Failed(report) => {
                    // Nothing of a string is done whose parts cannot all be.
                    self.scope = before;
                    self.fail_query(report);
                    return;
                }
                Answer::Warned(_, report) => self.warn(report),
                Answer::Done(_) | Answer::Row(..) | Answer::NeedsFence => {}
            }
        }
        // The copies must not stay behind for the next client.
        self.exchange.intent.changes.push(Change::Reset(String::new()));
        self.exchange.setting_texts.push(String::new());
        self.note_unsynced();
        self.push_executing(Op::Query(span));
    }

    pub(crate) fn carry_out(&mut self, command: &Command, around: &Around<'_>) -> Answer {
        if self.open.status == server::FAILED {
            return Answer::Failed(command::aborted());
        }
        let last_decision = self.last_decision();
        let history = around.library.history();
        let surroundings = Surroundings {
            now: around.now,
            known: around.library.known_position(),
            history: history.as_deref(),
            last_decision: &last_decision,
            in_transaction: self.in_transaction(),
            in_doubt: self.in_doubt,
            table_scope: around.library.table_scope(),
        };
        let set = match command {
            Command::Set { name, .. } | Command::Reset { name } => Some(name.as_str()),
            Command::Show { .. } | Command::SetConfig | Command::Malformed => None,
        };
        match set {
            Some("session") if !self.keep_keys() => {
                return Answer::Failed(
                    Report::error("54000", "too many keys are named in one transaction")
                        .hint("commit before the next ones"),
                );
            }
            Some("level" | "max_staleness" | "wait_max" | "at_timeout") => self.keep_terms(),
            _ => {}
        }
        match command::carry_out(command, &mut self.scope, surroundings) {
            Answer::NeedsFence if around.fence_failed => Answer::Failed(command::no_fence()),
            answer => answer,
        }
    }
}
