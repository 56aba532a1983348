//! Prepared statements and portals of the extended protocol.

use std::collections::{HashMap, VecDeque};

use afterwrite_wire::client::Bind;
use afterwrite_wire::frame::Malformed;
use afterwrite_wire::reader::Reader;
use afterwrite_wire::server::Report;

use crate::command::Command;
use crate::refusal;
use crate::table::{Column, Format, Value};

/// Prepared statements that a client may have at once.
const STATEMENTS_MAX: usize = 256;

/// Portals that a client may have at once. Each may keep the rows of a whole table.
const PORTALS_MAX: usize = 16;

/// A prepared statement.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// `None` for a text without a statement.
    pub(crate) command: Option<Command>,
    /// The columns it was described with; they stay, whatever the session sets.
    pub(crate) columns: Option<Vec<Column>>,
}

/// A statement that can be executed.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    pub(crate) prepared: Prepared,
    /// One for each column.
    pub(crate) formats: Vec<Format>,
    pub(crate) progress: Progress,
}

/// How far a portal has come.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// Nothing was done.
    New,
    /// These rows are left.
    Rows(VecDeque<Vec<Value>>),
    /// A command without rows was carried out, or failed.
    Spent,
}

/// What a client has prepared and bound, by name.
#[derive(Debug, Default)]
pub(crate) struct Held {
    statements: HashMap<Vec<u8>, Prepared>,
    portals: HashMap<Vec<u8>, Portal>,
}

impl Held {
    pub(crate) fn prepare(&mut self, name: &[u8], prepared: Prepared) -> Result<(), Report> {
        let known = self.statements.contains_key(name);
        if known && !name.is_empty() {
            return Err(refusal::name_taken("prepared statement", "42P05", name));
        }
        if !known && self.statements.len() >= STATEMENTS_MAX {
            return Err(refusal::too_many("prepared statements", STATEMENTS_MAX));
        }
        self.statements.insert(name.to_vec(), prepared);
        Ok(())
    }

    pub(crate) fn statement(&self, name: &[u8]) -> Result<&Prepared, Report> {
        self.statements.get(name).ok_or_else(|| refusal::no_such_statement(name))
    }

    /// Makes a portal; the outer error is a message that cannot be read.
    pub(crate) fn bind(&mut self, bind: &Bind<'_>) -> Result<Result<(), Report>, Malformed> {
        let values = Values::decode(bind.rest)?;
        Ok(self.bind_values(bind, &values))
    }

    fn bind_values(&mut self, bind: &Bind<'_>, values: &Values) -> Result<(), Report> {
        let prepared = self.statement(bind.statement)?.clone();
        if values.parameters > 0 {
            return Err(refusal::bind_mismatch(format!(
                "bind message supplies {} parameters, but prepared statement \"{}\" requires 0",
                values.parameters,
                bind.statement.escape_ascii()
            )));
        }
        let columns = prepared.columns.as_ref().map_or(0, Vec::len);
        let formats = values.formats_for(columns)?;
        let known = self.portals.contains_key(bind.portal);
        if known && !bind.portal.is_empty() {
            return Err(refusal::name_taken("portal", "42P03", bind.portal));
        }
        if !known && self.portals.len() >= PORTALS_MAX {
            return Err(refusal::too_many("portals", PORTALS_MAX));
        }
        let portal = Portal { prepared, formats, progress: Progress::New };
        self.portals.insert(bind.portal.to_vec(), portal);
        Ok(())
    }

    pub(crate) fn portal(&mut self, name: &[u8]) -> Result<&mut Portal, Report> {
        self.portals.get_mut(name).ok_or_else(|| refusal::no_such_portal(name))
    }

    pub(crate) fn close_statement(&mut self, name: &[u8]) {
        self.statements.remove(name);
    }

    pub(crate) fn close_portal(&mut self, name: &[u8]) {
        self.portals.remove(name);
    }

    /// Forgets all portals: they live no longer than their transaction, and outside
    /// of one each ReadyForQuery ends theirs.
    pub(crate) fn end_transaction(&mut self) {
        self.portals.clear();
    }

    pub(crate) fn forget_statements(&mut self) {
        self.statements.clear();
    }
}

/// What a Bind says behind its names.
struct Values {
    parameters: usize,
    result_formats: Vec<i16>,
}

impl Values {
    fn decode(rest: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(rest);
        for _ in 0..reader.u16()? {
            reader.i16()?;
        }
        let parameters = reader.u16()?;
        for _ in 0..parameters {
            reader.value()?;
        }
        let formats = reader.u16()?;
        let result_formats = (0..formats).map(|_| reader.i16()).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { parameters: parameters.into(), result_formats })
    }

    /// None means all text, one is for all columns, else there is one for each.
    fn formats_for(&self, columns: usize) -> Result<Vec<Format>, Report> {
        let read = |&code: &i16| {
            let unknown = || refusal::unknown_format(code);
            Format::from_code(code).ok_or_else(unknown)
        };
        match self.result_formats.as_slice() {
            [] => Ok(vec![Format::Text; columns]),
            [one] => Ok(vec![read(one)?; columns]),
            each if each.len() == columns => each.iter().map(read).collect(),
            each => Err(refusal::bind_mismatch(format!(
                "bind message has {} result formats but query has {columns} columns",
                each.len()
            ))),
        }
    }
}
