//! What the messages of the extended query protocol amount to, one after the other.

use std::sync::Arc;

use afterwrite_sql::Command;
use afterwrite_wire::client::{Bind, Parse, Target};
use afterwrite_wire::server::{self, Report};

use crate::command::{self, Answer};
use crate::exchange::{Op, Span, Use};
use crate::fault::ClientFault;
use crate::gather::{Around, Gathered};
use crate::intent::Intent;
use crate::link::Say;
use crate::session::{Phase, Session};
use crate::shape::outgrown;
use crate::statement::Prepared;

impl Session {
    pub(crate) fn take_parse(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let parse = Parse::decode(body)?;
        if self.exchange.skip {
            return Ok(None);
        }
        let named = !parse.name.is_empty();
        if named && self.statements.find(parse.name).is_some() {
            let name = String::from_utf8_lossy(parse.name);
            let text = format!("prepared statement \"{name}\" already exists");
            self.fail(&Report::error("42P05", text));
            return Ok(None);
        }
        let known = (!named).then(|| self.statements.same_unnamed(parse.rest).cloned()).flatten();
        let prepared = known.unwrap_or_else(|| around.library.prepared(parse.rest));
        if matches!(prepared.command, Some(Command::SetConfig)) {
            // At once: a driver that was told of no parameters would not know what it did wrong.
            let failed = self.open.status == server::FAILED;
            self.fail(&if failed { command::aborted() } else { command::set_config() });
            return Ok(None);
        }
        let number = prepared.parsed();
        if named {
            let prepared = Arc::clone(&prepared);
            self.exchange.uses.push(Use { prepared, own: Some(number), told: None });
        }
        let max = self.limits.prepared_max;
        if !self.statements.insert(parse.name, Arc::clone(&prepared), number, max) {
            self.fail(
                &Report::error("54000", format!("a client may prepare at most {max} statements"))
                    .hint("close statements that are not needed any more, or raise clients.prepared_max"),
            );
            return Ok(None);
        }
        self.exchange.parsed.push(parse.name.into());
        self.judge_hints(prepared.hints.as_deref(), prepared.sql());
        if self.is_ours(&prepared) {
            self.push(Op::Say(Say::ParseComplete));
        } else {
            if self.misreads(prepared.sql()) {
                self.exchange.intent.add(&Intent::unread());
            }
            self.note_described(&prepared, around.library);
            self.push(Op::Parse { prepared, named, span });
        }
        Ok(None)
    }

    pub(crate) fn take_bind(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let bind = Bind::decode(body)?;
        if self.exchange.skip || self.refuses_outdated(bind.statement) {
            return Ok(None);
        }
        let prepared = self.statements.find(bind.statement).cloned();
        if self.is_reserved(bind.statement) {
            self.fail_unknown(bind.statement, false);
            return Ok(None);
        }
        if let Some(name) = prepared.as_ref().and_then(|it| it.names.as_deref())
            && self.is_reserved(name.as_bytes())
        {
            self.fail_unknown(name.as_bytes(), false);
            return Ok(None);
        }
        if let Some(prepared) = &prepared {
            self.allows(&prepared.intent)?;
        }
        match prepared {
            Some(prepared) if self.is_ours(&prepared) => {
                self.exchange.portal = Some((bind.portal.into(), prepared));
                self.push(Op::Say(Say::BindComplete));
            }
            prepared => {
                if self.local_portal(bind.portal).is_some() {
                    self.exchange.portal = None;
                }
                let named = !bind.statement.is_empty();
                self.note_bound(bind.portal, prepared.as_ref(), named, around);
                self.push(Op::Bind { prepared, named, span });
            }
        }
        Ok(None)
    }

    /// Answers as a server does whose plan of the statement does not fit the schema
    /// any more: on another connection it would be made anew, with other columns than
    /// the client expects.
    fn refuses_outdated(&mut self, name: &[u8]) -> bool {
        if self.exchange.skip {
            return false;
        }
        if let Some(prepared) = self.statements.find(name).filter(|_| !name.is_empty()) {
            let (prepared, told) = (Arc::clone(prepared), self.statements.told(name));
            self.exchange.uses.push(Use { prepared, own: None, told });
        }
        let outdated = self.statements.is_outdated(name);
        if outdated {
            self.fail(&outgrown());
        }
        outdated
    }

    pub(crate) fn take_describe(
        &mut self,
        span: Span,
        body: &[u8],
        around: &Around<'_>,
    ) -> Result<Option<Gathered>, ClientFault> {
        let target = Target::decode(body)?;
        if target.kind == b'P' {
            if let Some(prepared) = self.local_portal(target.name) {
                self.say_described(&prepared, false);
            } else {
                let of = self.portals.named(target.name);
                self.push(Op::DescribePortal { of, span });
            }
            return Ok(None);
        }
        if self.refuses_outdated(target.name) {
            return Ok(None);
        }
        if self.is_reserved(target.name) {
            self.fail_unknown(target.name, false);
            return Ok(None);
        }
        let named = !target.name.is_empty();
        match self.statements.find(target.name).cloned() {
            Some(prepared) if self.is_ours(&prepared) => self.say_described(&prepared, true),
            prepared => {
                match &prepared {
                    Some(prepared) => self.note_described(prepared, around.library),
                    None => self.exchange.intent.add(&Intent::unread()),
                }
                self.push(Op::DescribeStatement { prepared, named, span });
            }
        }
        Ok(None)
    }

    fn say_described(&mut self, prepared: &Prepared, statement: bool) {
        let mut bytes = Vec::new();
        if statement {
            server::parameter_description(&mut bytes, &[]);
        }
        match &prepared.command {
            Some(command) => command::describe(command, &mut bytes),
            None => server::no_data(&mut bytes),
        }
        self.push(Op::Say(Say::Bytes(bytes.into())));
    }

    pub(crate) fn local_portal(&self, name: &[u8]) -> Option<Arc<Prepared>> {
        let (portal, prepared) = self.exchange.portal.as_ref()?;
        (**portal == *name).then(|| Arc::clone(prepared))
    }

    /// Carries out a command of ours that was bound to a portal.
    pub(crate) fn execute_local(
        &mut self,
        prepared: &Prepared,
        span: Span,
        around: &Around<'_>,
    ) -> Option<Gathered> {
        if let Some(name) = &prepared.deallocates {
            self.deallocate(&name.clone());
        }
        let Some(command) = prepared.command.as_ref().filter(|_| !self.exchange.skip) else {
            self.exchange.scanned = span.end;
            return None;
        };
        match self.carry_out(command, around) {
            Answer::NeedsFence => return Some(Gathered::NeedsFence(around.now)),
            Answer::Failed(report) => self.fail(&report),
            answer => {
                let mut bytes = Vec::new();
                command::write(&answer, false, &mut bytes);
                self.push(Op::Say(Say::Bytes(bytes.into())));
            }
        }
        self.exchange.scanned = span.end;
        None
    }

    pub(crate) fn take_close(
        &mut self,
        span: Span,
        body: &[u8],
    ) -> Result<Option<Gathered>, ClientFault> {
        let target = Target::decode(body)?;
        if target.kind == b'P' {
            self.push(Op::ClosePortal(span));
        } else if (self.holds || self.unsure)
            && self.statements.find(target.name).is_none()
            && !self.is_reserved(target.name)
        {
            // Possibly a statement of SQL's PREPARE, which lives on the server.
            self.push(Op::CloseStatement(span));
        } else {
            if !self.exchange.skip {
                self.statements.remove(target.name);
            }
            self.push(Op::Say(Say::CloseComplete));
        }
        Ok(None)
    }

    pub(crate) fn take_flush(&mut self, span: Span) -> Gathered {
        self.push(Op::Flush(span));
        self.exchange.scanned = span.end;
        if self.phase != Phase::Gathering {
            return Gathered::Further;
        }
        if self.exchange.needs_server && !self.exchange.executes {
            self.exchange.flushed = true;
        }
        Gathered::Request(self.request())
    }

    pub(crate) fn take_sync(&mut self, span: Span) -> Gathered {
        self.exchange.skip = false;
        self.push(Op::Sync(span));
        self.exchange.complete = true;
        self.exchange.portal = None;
        if self.phase == Phase::Gathering {
            Gathered::Request(self.request())
        } else {
            Gathered::Further
        }
    }
}
