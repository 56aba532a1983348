//! The few statements that are used, and what they give.

use afterwrite_wire::server;

use crate::log::{RowId, Version};

/// The row behind `sneaky`, a view that writes when it is read.
pub(crate) const SNEAKY_ROW: RowId = 99;

/// What a statement gives.
#[derive(Debug)]
pub(crate) enum Gives {
    Tag(&'static str),
    Row(Option<String>),
    /// A position, as eight bytes where the client wants it so.
    Position(u64),
}

impl Gives {
    /// Writes it as a server answers; `columns` if they were not described yet.
    pub(crate) fn write(&self, out: &mut Vec<u8>, columns: bool, binary: bool) {
        let value = match self {
            Self::Tag(tag) => return server::command_complete(out, tag),
            Self::Row(value) => value.clone().map(String::into_bytes),
            Self::Position(at) if binary => Some(at.to_be_bytes().to_vec()),
            Self::Position(at) => Some(at.to_string().into_bytes()),
        };
        if columns {
            server::row_description(out, &[("v", 20)]);
        }
        server::data_row(out, &[value.as_deref()]);
        server::command_complete(out, "SELECT 1");
    }
}

/// The parameters as text, and whether the results are wanted in binary.
pub(crate) fn read_bind(rest: &[u8]) -> Option<(Vec<String>, bool)> {
    let mut at = rest;
    let mut number = |size: usize| {
        let (head, tail) = at.split_at_checked(size)?;
        at = tail;
        Some(head.to_vec())
    };
    let short = |number: &mut dyn FnMut(usize) -> Option<Vec<u8>>| {
        Some(u16::from_be_bytes(number(2)?.try_into().ok()?))
    };
    for _ in 0..short(&mut number)? {
        short(&mut number)?;
    }
    let mut parameters = Vec::new();
    for _ in 0..short(&mut number)? {
        let length = u32::from_be_bytes(number(4)?.try_into().ok()?);
        parameters.push(String::from_utf8(number(usize::try_from(length).ok()?)?).ok()?);
    }
    let mut binary = false;
    for _ in 0..short(&mut number)? {
        binary = short(&mut number)? == 1;
    }
    Some((parameters, binary))
}

fn number<T: std::str::FromStr>(text: &str, parameters: &[String]) -> Option<T> {
    let text = match text.strip_prefix('$') {
        Some(index) => parameters.get(index.parse::<usize>().ok()?.checked_sub(1)?)?,
        None => text,
    };
    text.trim().parse().ok()
}

/// The row and version that a statement writes; without a version, a new one.
pub(crate) fn written(sql: &str, parameters: &[String]) -> Option<(RowId, Option<Version>)> {
    if sql == "SELECT v FROM sneaky" {
        return Some((SNEAKY_ROW, None));
    }
    let (version, row) = if let Some((_, rest)) = sql.split_once(" SET v = ") {
        rest.split_once(" WHERE k = ")?
    } else {
        let (row, version) = sql.strip_prefix("SELECT slip(")?.split_once(", ")?;
        (version.strip_suffix(')')?, row)
    };
    Some((number(row, parameters)?, Some(number(version, parameters)?)))
}

/// The row that a statement writes, if it writes one.
pub(crate) fn written_row(sql: &str, parameters: &[String]) -> Option<RowId> {
    written(sql, parameters).map(|(row, _)| row)
}

/// The row that a statement reads, if it reads one.
pub(crate) fn read_row(sql: &str, parameters: &[String]) -> Option<RowId> {
    if sql == "SELECT v FROM hidden" {
        return Some(SNEAKY_ROW);
    }
    let (_, row) = sql.strip_prefix("SELECT v FROM kv")?.split_once(" WHERE k = ")?;
    number(row, parameters)
}
