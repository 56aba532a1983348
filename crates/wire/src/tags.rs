//! The byte that each message begins with. The same byte can mean one message
//! from a client and another from a server, so there are two modules.

/// Tags of messages that a client sends.
pub mod client {
    /// Query: simple protocol.
    pub const QUERY: u8 = b'Q';
    /// Parse: prepare a statement.
    pub const PARSE: u8 = b'P';
    /// Bind: make a portal of a statement and values.
    pub const BIND: u8 = b'B';
    /// Describe a statement or portal.
    pub const DESCRIBE: u8 = b'D';
    /// Execute a portal.
    pub const EXECUTE: u8 = b'E';
    /// Close a statement or portal.
    pub const CLOSE: u8 = b'C';
    /// Sync: the end of an extended-protocol batch.
    pub const SYNC: u8 = b'S';
    /// Flush: send what is ready without ending the batch.
    pub const FLUSH: u8 = b'H';
    /// Terminate: goodbye.
    pub const TERMINATE: u8 = b'X';
    /// `CopyData`: a piece of a COPY stream.
    pub const COPY_DATA: u8 = b'd';
    /// `CopyDone`: the COPY stream is complete.
    pub const COPY_DONE: u8 = b'c';
    /// `CopyFail`: the client gives up the COPY.
    pub const COPY_FAIL: u8 = b'f';
    /// `FunctionCall`: the old fast-path interface.
    pub const FUNCTION_CALL: u8 = b'F';
    /// A password or a SASL message: which, only the context tells.
    pub const PASSWORD: u8 = b'p';
}

/// Tags of messages that a server sends.
pub mod server {
    /// Every authentication request, and its success.
    pub const AUTHENTICATION: u8 = b'R';
    /// ParameterStatus: a setting's value.
    pub const PARAMETER_STATUS: u8 = b'S';
    /// `BackendKeyData`: what a cancel request must show.
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// ReadyForQuery, with the transaction's status.
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// `RowDescription`: a result's columns.
    pub const ROW_DESCRIPTION: u8 = b'T';
    /// `DataRow`: one row.
    pub const DATA_ROW: u8 = b'D';
    /// `CommandComplete`, with the command's tag.
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// `EmptyQueryResponse`: there was no statement in the text.
    pub const EMPTY_QUERY: u8 = b'I';
    /// `ErrorResponse`.
    pub const ERROR: u8 = b'E';
    /// `NoticeResponse`.
    pub const NOTICE: u8 = b'N';
    /// `NotificationResponse`: from LISTEN.
    pub const NOTIFICATION: u8 = b'A';
    /// `ParseComplete`.
    pub const PARSE_COMPLETE: u8 = b'1';
    /// `BindComplete`.
    pub const BIND_COMPLETE: u8 = b'2';
    /// `CloseComplete`.
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// `NoData`: what was described gives no rows.
    pub const NO_DATA: u8 = b'n';
    /// `ParameterDescription`: a statement's parameter types.
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// `PortalSuspended`: the row limit of an Execute was reached.
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// `CopyInResponse`: the server waits for data.
    pub const COPY_IN: u8 = b'G';
    /// `CopyOutResponse`: data follows.
    pub const COPY_OUT: u8 = b'H';
    /// `CopyBothResponse`: streaming replication.
    pub const COPY_BOTH: u8 = b'W';
    /// `CopyData`: a piece of a COPY stream.
    pub const COPY_DATA: u8 = b'd';
    /// `CopyDone`: the COPY stream is complete.
    pub const COPY_DONE: u8 = b'c';
    /// `FunctionCallResponse`.
    pub const FUNCTION_RESULT: u8 = b'V';
    /// `NegotiateProtocolVersion`.
    pub const NEGOTIATE: u8 = b'v';
}
