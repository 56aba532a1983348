//! Messages that a server sends: encoders here, decoders and [`Report`] in what
//! is re-exported.

mod decode;
mod report;

pub use decode::{
    Authentication, BackendKeyData, DataRow, ErrorFields, ParameterStatus, command_tag,
    ready_status,
};
pub use report::{Report, Severity};

use crate::encode::Message;
use crate::tags::server as tags;

/// The code of an authentication message.
mod authentication {
    pub(super) const OK: u32 = 0;
    pub(super) const CLEARTEXT: u32 = 3;
    pub(super) const MD5: u32 = 5;
    pub(super) const SASL: u32 = 10;
    pub(super) const SASL_CONTINUE: u32 = 11;
    pub(super) const SASL_FINAL: u32 = 12;
}

/// The status in ReadyForQuery outside a transaction.
pub const IDLE: u8 = b'I';

/// The status in ReadyForQuery inside a transaction.
pub const IN_TRANSACTION: u8 = b'T';

/// The status in ReadyForQuery inside a transaction that has failed.
pub const FAILED: u8 = b'E';

/// Appends the success of a login.
pub fn authentication_ok(out: &mut Vec<u8>) {
    Message::new(out, tags::AUTHENTICATION).u32(authentication::OK).finish();
}

/// Appends the demand for a password in clear text.
pub fn authentication_cleartext(out: &mut Vec<u8>) {
    Message::new(out, tags::AUTHENTICATION).u32(authentication::CLEARTEXT).finish();
}

/// Appends the demand for a password as MD5, to be hashed with `salt`.
pub fn authentication_md5(out: &mut Vec<u8>, salt: [u8; 4]) {
    Message::new(out, tags::AUTHENTICATION).u32(authentication::MD5).bytes(&salt).finish();
}

/// Appends the demand for a SASL login, with the mechanisms to choose from.
pub fn authentication_sasl(out: &mut Vec<u8>, mechanisms: &[&str]) {
    Message::new(out, tags::AUTHENTICATION)
        .u32(authentication::SASL)
        .each(mechanisms, |m, mechanism| m.cstr(mechanism.as_bytes()))
        .u8(0)
        .finish();
}

/// Appends a SASL challenge.
pub fn authentication_sasl_continue(out: &mut Vec<u8>, data: &[u8]) {
    Message::new(out, tags::AUTHENTICATION).u32(authentication::SASL_CONTINUE).bytes(data).finish();
}

/// Appends the last SASL data.
pub fn authentication_sasl_final(out: &mut Vec<u8>, data: &[u8]) {
    Message::new(out, tags::AUTHENTICATION).u32(authentication::SASL_FINAL).bytes(data).finish();
}

/// Appends a setting's value.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    Message::new(out, tags::PARAMETER_STATUS).cstr(name.as_bytes()).cstr(value.as_bytes()).finish();
}

/// Appends what a cancel request must show: 4 bytes of key in protocol 3.0,
/// up to 256 in 3.2.
pub fn backend_key_data(out: &mut Vec<u8>, pid: i32, key: &[u8]) {
    Message::new(out, tags::BACKEND_KEY_DATA).i32(pid).bytes(key).finish();
}

/// Appends a ReadyForQuery: [`IDLE`], [`IN_TRANSACTION`] or [`FAILED`].
pub fn ready(out: &mut Vec<u8>, status: u8) {
    Message::new(out, tags::READY_FOR_QUERY).u8(status).finish();
}

/// Appends the success of a command, such as `SELECT 1`.
pub fn command_complete(out: &mut Vec<u8>, tag: &str) {
    Message::new(out, tags::COMMAND_COMPLETE).cstr(tag.as_bytes()).finish();
}

/// Appends a `ParseComplete`.
pub fn parse_complete(out: &mut Vec<u8>) {
    Message::new(out, tags::PARSE_COMPLETE).finish();
}

/// Appends a `BindComplete`.
pub fn bind_complete(out: &mut Vec<u8>) {
    Message::new(out, tags::BIND_COMPLETE).finish();
}

/// Appends a `CloseComplete`.
pub fn close_complete(out: &mut Vec<u8>) {
    Message::new(out, tags::CLOSE_COMPLETE).finish();
}

/// Appends a `NoData`.
pub fn no_data(out: &mut Vec<u8>) {
    Message::new(out, tags::NO_DATA).finish();
}

/// Appends the answer to a text without a statement.
pub fn empty_query(out: &mut Vec<u8>) {
    Message::new(out, tags::EMPTY_QUERY).finish();
}

/// Appends the answer to a protocol newer than ours: we speak 3.`minor`, and do
/// not know these `_pq_.` options.
pub fn negotiate(out: &mut Vec<u8>, minor: u16, unknown: &[&str]) {
    Message::new(out, tags::NEGOTIATE)
        .u32(crate::startup::PROTOCOL_3_0 | u32::from(minor))
        .long_count(unknown.len())
        .each(unknown, |m, name| m.cstr(name.as_bytes()))
        .finish();
}

/// One column of a result that is of no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type's OID.
    pub type_oid: u32,
    /// Its type's width in bytes; -1 if it varies.
    pub width: i16,
    /// How its values are sent: 0 for text, 1 for binary.
    pub format: i16,
}

/// Appends a result's columns: names and type OIDs, sent as text, of no table.
pub fn row_description(out: &mut Vec<u8>, columns: &[(&str, u32)]) {
    const ANY_WIDTH: i16 = -1;
    const AS_TEXT: i16 = 0;
    let field =
        |&(name, type_oid): &(_, _)| Field { name, type_oid, width: ANY_WIDTH, format: AS_TEXT };
    fields(out, columns.iter().map(field));
}

/// Appends a result's columns, of no table.
pub fn fields<'a>(out: &mut Vec<u8>, fields: impl ExactSizeIterator<Item = Field<'a>>) {
    const OF_NO_TABLE: u32 = 0;
    const OF_NO_COLUMN: i16 = 0;
    const NO_MODIFIER: i32 = -1;
    Message::new(out, tags::ROW_DESCRIPTION)
        .count(fields.len())
        .each(fields, |m, field| {
            m.cstr(field.name.as_bytes())
                .u32(OF_NO_TABLE)
                .i16(OF_NO_COLUMN)
                .u32(field.type_oid)
                .i16(field.width)
                .i32(NO_MODIFIER)
                .i16(field.format)
        })
        .finish();
}

/// Appends a statement's parameter types, as OIDs.
pub fn parameter_description(out: &mut Vec<u8>, types: &[u32]) {
    Message::new(out, tags::PARAMETER_DESCRIPTION)
        .count(types.len())
        .each(types, |m, &oid| m.u32(oid))
        .finish();
}

/// Appends the end of an Execute that has more rows than it may send.
pub fn portal_suspended(out: &mut Vec<u8>) {
    Message::new(out, tags::PORTAL_SUSPENDED).finish();
}

/// Appends a row; `None` is NULL.
pub fn data_row(out: &mut Vec<u8>, values: &[Option<&[u8]>]) {
    Message::new(out, tags::DATA_ROW)
        .count(values.len())
        .each(values, |m, &value| m.value(value))
        .finish();
}

/// Appends an error.
pub fn error(out: &mut Vec<u8>, report: &Report) {
    report.append(Message::new(out, tags::ERROR));
}

/// Appends a notice.
pub fn notice(out: &mut Vec<u8>, report: &Report) {
    report.append(Message::new(out, tags::NOTICE));
}
