//! The extended protocol: statements and portals, one message at a time.

use afterwrite_wire::client::{Execute, PORTAL, Parse, Target};
use afterwrite_wire::server::{self, Report};

use super::{Console, Outcome, Work};
use crate::command::Command;
use crate::portal::{Prepared, Progress};
use crate::{refusal, table};

impl Console {
    pub(super) fn parse(&mut self, parse: &Parse<'_>) -> Result<(), Report> {
        let command = Command::parse(&String::from_utf8_lossy(parse.sql))?;
        let columns = command.as_ref().and_then(|command| command.columns(self.columns));
        self.held.prepare(parse.name, Prepared { command, columns })?;
        server::parse_complete(&mut self.out);
        Ok(())
    }

    pub(super) fn describe(&mut self, target: Target<'_>) -> Result<(), Report> {
        let (columns, formats) = if target.kind == PORTAL {
            let portal = self.held.portal(target.name)?;
            (portal.prepared.columns.clone(), portal.formats.clone())
        } else {
            let columns = self.held.statement(target.name)?.columns.clone();
            server::parameter_description(&mut self.out, &[]);
            (columns, Vec::new())
        };
        match columns {
            Some(columns) => table::describe(&mut self.out, &columns, &formats),
            None => server::no_data(&mut self.out),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, target: Target<'_>) {
        if target.kind == PORTAL {
            self.held.close_portal(target.name);
        } else {
            self.held.close_statement(target.name);
        }
        server::close_complete(&mut self.out);
    }

    pub(super) fn execute(&mut self, execute: Execute<'_>) -> Result<(), Report> {
        let rows_max = usize::try_from(execute.max_rows).unwrap_or(0);
        let rows_max = if rows_max == 0 { usize::MAX } else { rows_max };
        let portal = self.held.portal(execute.portal)?;
        let is_new = match &portal.progress {
            Progress::New => true,
            Progress::Rows(_) => false,
            Progress::Spent => return Err(refusal::portal_spent(execute.portal)),
        };
        let Some(command) = portal.prepared.command.clone() else {
            server::empty_query(&mut self.out);
            return Ok(());
        };
        self.work = Work::Portal { name: execute.portal.to_vec(), rows_max };
        if !is_new {
            return self.send_portal();
        }
        match self.begin(&command) {
            Outcome::Asked => Ok(()),
            outcome => self.finish_portal(outcome),
        }
    }

    pub(super) fn finish_portal(&mut self, outcome: Outcome) -> Result<(), Report> {
        let Work::Portal { name, .. } = &self.work else { return Ok(()) };
        let name = name.clone();
        // `DISCARD ALL` and its like forget statements, never the portal they run in.
        let portal = self.held.portal(&name)?;
        match outcome {
            Outcome::Table(table) => {
                portal.progress = Progress::Rows(table.rows.into());
                self.send_portal()
            }
            Outcome::Tag(tag) => {
                portal.progress = Progress::Spent;
                self.work = Work::Nothing;
                server::command_complete(&mut self.out, &tag);
                Ok(())
            }
            Outcome::Failed(report) => {
                portal.progress = Progress::Spent;
                self.work = Work::Nothing;
                Err(report)
            }
            Outcome::Asked => Ok(()),
        }
    }

    /// Sends as many of a portal's rows as its Execute asked for.
    fn send_portal(&mut self) -> Result<(), Report> {
        let Work::Portal { name, rows_max } = std::mem::replace(&mut self.work, Work::Nothing)
        else {
            return Ok(());
        };
        let portal = self.held.portal(&name)?;
        let columns = portal.prepared.columns.as_deref().unwrap_or_default();
        let Progress::Rows(rows) = &mut portal.progress else { return Ok(()) };
        let count = rows.len().min(rows_max);
        for row in rows.drain(..count) {
            table::send_row(&mut self.out, columns, &portal.formats, &row);
        }
        // As PostgreSQL: the limit was reached, whether or not there are more rows.
        if count == rows_max {
            server::portal_suspended(&mut self.out);
        } else if let Some(command) = &portal.prepared.command {
            server::command_complete(&mut self.out, &command.tag_of_rows(count));
        }
        Ok(())
    }
}
