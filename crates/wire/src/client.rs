//! Messages that a client sends: encoders here, decoders in what is re-exported.
//!
//! Names are bytes: PostgreSQL takes any but zero, in any encoding.

mod decode;

pub use decode::{Bind, Execute, Parse, SaslInitial, Target, password_text, query_text};

use crate::encode::Message;
use crate::startup::{CANCEL_CODE, PROTOCOL_3_0, SSL_CODE};
use crate::tags::client as tags;

/// The `kind` of a Describe or Close that means a prepared statement.
pub const STATEMENT: u8 = b'S';

/// The `kind` of a Describe or Close that means a portal.
pub const PORTAL: u8 = b'P';

/// Appends a startup packet for protocol 3.0.
pub fn startup(out: &mut Vec<u8>, parameters: &[(&str, &str)]) {
    Message::untagged(out)
        .u32(PROTOCOL_3_0)
        .each(parameters, |m, (name, value)| m.cstr(name.as_bytes()).cstr(value.as_bytes()))
        .u8(0)
        .finish();
}

/// Appends the question whether the server speaks TLS.
pub fn ssl_request(out: &mut Vec<u8>) {
    Message::untagged(out).u32(SSL_CODE).finish();
}

/// Appends a cancel request, which is all that its connection carries.
pub fn cancel(out: &mut Vec<u8>, pid: i32, key: &[u8]) {
    Message::untagged(out).u32(CANCEL_CODE).i32(pid).bytes(key).finish();
}

/// Appends a Query.
pub fn query(out: &mut Vec<u8>, sql: &str) {
    Message::new(out, tags::QUERY).cstr(sql.as_bytes()).finish();
}

/// Appends a Parse. An empty `name` is the unnamed statement; `types` are OIDs,
/// 0 for one that the server shall find out.
pub fn parse(out: &mut Vec<u8>, name: &str, sql: &str, types: &[u32]) {
    Message::new(out, tags::PARSE)
        .cstr(name.as_bytes())
        .cstr(sql.as_bytes())
        .count(types.len())
        .each(types, |m, &oid| m.u32(oid))
        .finish();
}

/// Appends a Parse under another name: `rest` is [`Parse::rest`].
pub fn parse_bytes(out: &mut Vec<u8>, name: &[u8], rest: &[u8]) {
    Message::new(out, tags::PARSE).cstr(name).bytes(rest).finish();
}

/// Appends a Bind. Formats are 0 (text) or 1 (binary): none for all text, one
/// for all values, or one for each.
pub fn bind(
    out: &mut Vec<u8>,
    portal: impl AsRef<[u8]>,
    statement: impl AsRef<[u8]>,
    params: &[Option<&[u8]>],
    param_formats: &[i16],
    result_formats: &[i16],
) {
    Message::new(out, tags::BIND)
        .cstr(portal.as_ref())
        .cstr(statement.as_ref())
        .count(param_formats.len())
        .each(param_formats, |m, &format| m.i16(format))
        .count(params.len())
        .each(params, |m, &value| m.value(value))
        .count(result_formats.len())
        .each(result_formats, |m, &format| m.i16(format))
        .finish();
}

/// Appends a Bind to another statement: `rest` is [`Bind::rest`].
pub fn bind_bytes(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], rest: &[u8]) {
    Message::new(out, tags::BIND).cstr(portal).cstr(statement).bytes(rest).finish();
}

/// Appends a Describe. `kind` is [`STATEMENT`] or [`PORTAL`].
pub fn describe(out: &mut Vec<u8>, kind: u8, name: impl AsRef<[u8]>) {
    Message::new(out, tags::DESCRIBE).u8(kind).cstr(name.as_ref()).finish();
}

/// Appends an Execute. `max_rows` of 0 means all.
pub fn execute(out: &mut Vec<u8>, portal: impl AsRef<[u8]>, max_rows: i32) {
    Message::new(out, tags::EXECUTE).cstr(portal.as_ref()).i32(max_rows).finish();
}

/// Appends a Close. `kind` is [`STATEMENT`] or [`PORTAL`].
pub fn close(out: &mut Vec<u8>, kind: u8, name: impl AsRef<[u8]>) {
    Message::new(out, tags::CLOSE).u8(kind).cstr(name.as_ref()).finish();
}

/// Appends a Sync.
pub fn sync(out: &mut Vec<u8>) {
    Message::new(out, tags::SYNC).finish();
}

/// Appends a Flush.
pub fn flush(out: &mut Vec<u8>) {
    Message::new(out, tags::FLUSH).finish();
}

/// Appends a Terminate.
pub fn terminate(out: &mut Vec<u8>) {
    Message::new(out, tags::TERMINATE).finish();
}

/// Appends a password in clear text.
pub fn password(out: &mut Vec<u8>, password: &str) {
    Message::new(out, tags::PASSWORD).cstr(password.as_bytes()).finish();
}

/// Appends the first SASL message: the mechanism chosen and its first data.
pub fn sasl_initial(out: &mut Vec<u8>, mechanism: &str, data: &[u8]) {
    Message::new(out, tags::PASSWORD).cstr(mechanism.as_bytes()).value(Some(data)).finish();
}

/// Appends a later SASL message.
pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) {
    Message::new(out, tags::PASSWORD).bytes(data).finish();
}

/// Appends a piece of a COPY stream.
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) {
    Message::new(out, tags::COPY_DATA).bytes(data).finish();
}

/// Appends the end of a COPY stream.
pub fn copy_done(out: &mut Vec<u8>) {
    Message::new(out, tags::COPY_DONE).finish();
}

/// Appends the giving up of a COPY, with the reason for the server's error.
pub fn copy_fail(out: &mut Vec<u8>, reason: &str) {
    Message::new(out, tags::COPY_FAIL).cstr(reason.as_bytes()).finish();
}
