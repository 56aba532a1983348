//! An error or notice of our own.

use std::borrow::Cow;

use crate::encode::Message;

/// How bad it is, and what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session is over.
    Fatal,
    /// The whole server is going down.
    Panic,
    /// Something the user should know of, and may not have meant.
    Warning,
    /// Something the user may like to know.
    Notice,
}

impl Severity {
    /// The word in the message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }
}

/// What is told to a client in an `ErrorResponse` or `NoticeResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How bad it is.
    pub severity: Severity,
    /// The SQLSTATE: five characters.
    pub code: Cow<'static, str>,
    /// What happened: one line, lower case, no full stop.
    pub message: String,
    /// More about it: whole sentences.
    pub detail: Option<String>,
    /// What to do about it: whole sentences.
    pub hint: Option<String>,
    /// The routine of the server that a driver knows the error by.
    pub routine: Option<&'static str>,
}

impl Report {
    /// An error after which the session goes on.
    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// An error that ends the session.
    pub fn fatal(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Fatal, code, message)
    }

    /// A warning.
    pub fn warning(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A notice.
    pub fn notice(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Notice, code, message)
    }

    /// A report of any severity.
    pub fn new(
        severity: Severity,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { severity, code, message, detail: None, hint: None, routine: None }
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the routine of the server that reports the same.
    #[must_use]
    pub fn routine(mut self, routine: &'static str) -> Self {
        self.routine = Some(routine);
        self
    }

    pub(super) fn append(&self, message: Message<'_>) {
        let severity = self.severity.as_str();
        let fields = [
            (b'S', Some(severity)),
            (b'V', Some(severity)),
            (b'C', Some(self.code.as_ref())),
            (b'M', Some(self.message.as_str())),
            (b'D', self.detail.as_deref()),
            (b'H', self.hint.as_deref()),
            (b'R', self.routine),
        ];
        let sent = fields.into_iter().filter_map(|(field, text)| Some((field, text?)));
        message.each(sent, |m, (field, text)| m.u8(field).cstr(&sayable(text))).u8(0).finish();
    }
}

/// Text without zero bytes. A report may quote what a peer sent, and must get
/// through all the same.
fn sayable(text: &str) -> Cow<'_, [u8]> {
    if text.contains('\0') {
        return Cow::Owned(text.replace('\0', "\u{fffd}").into_bytes());
    }
    Cow::Borrowed(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_zero_bytes_do_not_stop_a_report() {
        let mut out = Vec::new();
        Report::error("42601", "near \"a\0b\"").append(Message::new(&mut out, b'E'));
        let text = "SERROR\0VERROR\0C42601\0Mnear \"a\u{fffd}b\"\0\0";
        assert_eq!(out.split_off(5), text.as_bytes());
    }
}
