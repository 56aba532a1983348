//! A server in small: it keeps to the protocol, and insists that its client does.
//!
//! What a statement does is decided by its first words, so that any two servers answer
//! alike. It has transactions, prepared statements, portals and COPY, and no data.

use std::collections::{BTreeMap, BTreeSet};

use afterwrite_wire::client::{Bind, Execute, Parse, Target, query_text};
use afterwrite_wire::frame;
use afterwrite_wire::server::{self, FAILED, IDLE, IN_TRANSACTION, Report};
use afterwrite_wire::tags::client as tag;

use crate::bytes::Choices;

const MESSAGE_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    None,
    /// It takes data, for a simple query.
    Simple,
    /// It takes data, for an Execute: a Sync must follow.
    Extended,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Nothing,
    Row,
    /// As a row, but it writes.
    Counts,
    /// The proxy's question what is left here.
    Inventory,
    Write,
    Fails,
    /// It cannot even be parsed.
    Malformed,
    Begin,
    Commit,
    Rollback,
    CopyIn,
    CopyOut,
    Set,
    DiscardAll,
    DeallocateAll,
}

/// Why a run of statements stops.
enum Stop {
    Error,
    Copies,
}

/// One server process.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own name")]
pub(crate) struct Server {
    /// What has come and is not a whole message yet.
    inbox: Vec<u8>,
    replica: bool,
    /// Talks to a client without a proxy, which asks what clients ask.
    direct: bool,
    status: u8,
    /// The transaction was begun so.
    read_only: bool,
    /// The error of an extended batch: everything up to its Sync is skipped.
    skipping: bool,
    copy: Copy,
    statements: BTreeMap<Vec<u8>, Vec<u8>>,
    portals: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Portals that have given their row.
    run: BTreeSet<Vec<u8>>,
    /// A batch has opened a transaction that its Sync ends.
    implicit: bool,
    /// Statements that wrote.
    pub(crate) writes: u32,
}

impl Server {
    pub(crate) fn new(replica: bool, direct: bool) -> Self {
        Self {
            inbox: Vec::new(),
            replica,
            direct,
            status: IDLE,
            read_only: false,
            skipping: false,
            copy: Copy::None,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            run: BTreeSet::new(),
            implicit: false,
            writes: 0,
        }
    }

    /// One that the proxy has just admitted, with its own statement prepared.
    pub(crate) fn admitted(replica: bool, capture: (&str, &str)) -> Self {
        let mut server = Self::new(replica, false);
        server.statements.insert(capture.0.into(), capture.1.into());
        server
    }

    /// Nothing of any client is left.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.inbox.is_empty()
            && self.status == IDLE
            && !self.skipping
            && !self.implicit
            && self.copy == Copy::None
    }

    /// A Sync is due.
    pub(crate) fn is_in_batch(&self) -> bool {
        self.implicit || self.skipping
    }

    /// Everything up to the next Sync is skipped.
    pub(crate) fn skips(&self) -> bool {
        self.skipping
    }

    /// A transaction is open, or has failed.
    pub(crate) fn in_transaction(&self) -> bool {
        self.status != IDLE
    }

    /// It knows a statement of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.statements.contains_key(name.as_bytes())
    }

    pub(crate) fn takes_copy_data(&self) -> bool {
        self.copy != Copy::None
    }

    /// Takes bytes of its client's and answers.
    pub(crate) fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.inbox.extend_from_slice(bytes);
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = inbox.as_slice();
        loop {
            match frame::split(rest, MESSAGE_MAX) {
                Ok(Some((message, behind))) => {
                    self.message(message.tag, message.body, out);
                    rest = behind;
                }
                Ok(None) => break,
                Err(fault) => unreachable!("the server was sent {fault}: {rest:?}"),
            }
        }
        self.inbox = rest.to_vec();
    }

    fn message(&mut self, message: u8, body: &[u8], out: &mut Vec<u8>) {
        if self.copy != Copy::None {
            return self.during_copy(message, out);
        }
        if self.skipping && message != tag::SYNC {
            return;
        }
        let read = match message {
            tag::QUERY => query_text(body).map(|text| self.query(text, out)),
            tag::PARSE => Parse::decode(body).map(|parse| self.parse(parse, out)),
            tag::BIND => Bind::decode(body).map(|bind| self.bind(bind, out)),
            tag::DESCRIBE => Target::decode(body).map(|target| self.describe(target, out)),
            tag::EXECUTE => Execute::decode(body).map(|execute| self.execute(execute.portal, out)),
            tag::CLOSE => Target::decode(body).map(|target| {
                if target.kind == b'S' {
                    self.statements.remove(target.name);
                } else {
                    self.portals.remove(target.name);
                }
                server::close_complete(out);
            }),
            tag::SYNC => {
                self.sync(out);
                Ok(())
            }
            // The tail of a COPY that failed.
            tag::FLUSH | tag::COPY_DATA | tag::COPY_DONE | tag::COPY_FAIL => Ok(()),
            other => unreachable!("the server was sent a message of type {other}"),
        };
        if let Err(fault) = read {
            unreachable!("the server was sent {fault} in a message of type {message}: {body:?}");
        }
    }

    fn during_copy(&mut self, message: u8, out: &mut Vec<u8>) {
        let simple = self.copy == Copy::Simple;
        match message {
            tag::COPY_DATA | tag::FLUSH | tag::SYNC => return,
            tag::COPY_DONE => {
                self.copy = Copy::None;
                self.writes += 1;
                server::command_complete(out, "COPY 1");
            }
            other => {
                // A client may give up; anything else is its mistake.
                assert!(
                    self.direct || other == tag::COPY_FAIL,
                    "a message of type {other} was sent into COPY data"
                );
                self.copy = Copy::None;
                self.fail(if other == tag::COPY_FAIL { "57014" } else { "08P01" }, !simple, out);
            }
        }
        if simple {
            self.end_of_query(out);
        }
    }

    fn fail(&mut self, code: &str, extended: bool, out: &mut Vec<u8>) {
        server::error(out, &Report::error(code.to_owned(), "no"));
        if self.status != IDLE {
            self.status = FAILED;
        }
        self.skipping = extended;
        self.implicit &= extended;
    }

    fn query(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.implicit = false;
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
        let statements: Vec<_> = split(text).collect();
        if statements.iter().any(|text| does(text) == Does::Malformed) {
            self.fail("42601", false, out);
        } else if statements.is_empty() {
            server::empty_query(out);
        } else {
            for text in statements {
                match self.statement(text, true, out) {
                    Ok(()) => {}
                    Err(Stop::Error) => break,
                    Err(Stop::Copies) => {
                        self.copy = Copy::Simple;
                        return;
                    }
                }
            }
        }
        self.end_of_query(out);
    }

    fn end_of_query(&mut self, out: &mut Vec<u8>) {
        if self.status == IDLE {
            self.portals.clear();
        }
        server::ready(out, self.status);
    }

    /// Runs one statement; `columns` if they were not described yet.
    fn statement(&mut self, text: &[u8], columns: bool, out: &mut Vec<u8>) -> Result<(), Stop> {
        let extended = !columns;
        let does = does(text);
        if self.status == FAILED && !matches!(does, Does::Commit | Does::Rollback) {
            self.fail("25P02", extended, out);
            return Err(Stop::Error);
        }
        let read_only = self.replica || self.read_only && self.status != IDLE;
        if read_only && matches!(does, Does::Write | Does::CopyIn | Does::Counts) {
            self.fail("25006", extended, out);
            return Err(Stop::Error);
        }
        match does {
            Does::Nothing => server::empty_query(out),
            Does::Inventory => {
                let named = self.statements.keys().filter(|name| !name.is_empty()).count();
                let number = (named as u64) << 8;
                server::data_row(out, &[Some(&number.to_be_bytes())]);
                server::command_complete(out, "SELECT 1");
            }
            Does::Row | Does::Counts => {
                if columns {
                    server::row_description(out, &[("v", 20)]);
                }
                server::data_row(out, &[Some(&0x2000_u64.to_be_bytes())]);
                server::command_complete(out, "SELECT 1");
            }
            Does::Write => {
                self.writes += 1;
                server::command_complete(out, "INSERT 0 1");
            }
            Does::Fails => {
                if columns {
                    server::row_description(out, &[("v", 20)]);
                }
                self.fail("22012", extended, out);
                return Err(Stop::Error);
            }
            Does::Malformed => {
                self.fail("42601", extended, out);
                return Err(Stop::Error);
            }
            Does::Begin => {
                if self.status == IDLE {
                    self.read_only = contains(text, b"READ ONLY");
                }
                self.status = IN_TRANSACTION;
                server::command_complete(out, "BEGIN");
            }
            Does::Commit => {
                let failed = self.status == FAILED;
                self.end_transaction();
                server::command_complete(out, if failed { "ROLLBACK" } else { "COMMIT" });
            }
            Does::Rollback => {
                self.end_transaction();
                server::command_complete(out, "ROLLBACK");
            }
            Does::Set => server::command_complete(out, "SET"),
            Does::DiscardAll => {
                if self.status != IDLE {
                    self.fail("25001", extended, out);
                    return Err(Stop::Error);
                }
                self.statements.clear();
                self.portals.clear();
                server::command_complete(out, "DISCARD ALL");
            }
            Does::DeallocateAll => {
                self.statements.clear();
                server::command_complete(out, "DEALLOCATE ALL");
            }
            Does::CopyOut => {
                out.extend_from_slice(b"H\0\0\0\x07\0\0\0");
                out.extend_from_slice(b"d\0\0\0\x061\n");
                out.extend_from_slice(b"c\0\0\0\x04");
                server::command_complete(out, "COPY 1");
            }
            Does::CopyIn => {
                out.extend_from_slice(b"G\0\0\0\x07\0\0\0");
                return Err(Stop::Copies);
            }
        }
        Ok(())
    }

    fn end_transaction(&mut self) {
        self.status = IDLE;
        self.portals.clear();
    }

    fn parse(&mut self, parse: Parse<'_>, out: &mut Vec<u8>) {
        if !self.direct && !parse.name.is_empty() {
            assert!(parse.name.starts_with(b"_afterwrite_"), "a client's own name was prepared");
            assert!(!self.statements.contains_key(parse.name), "prepared twice: {parse:?}");
        }
        self.implicit = true;
        if parse.name.is_empty() {
            self.statements.remove(parse.name);
        }
        let does = does(parse.sql);
        if does == Does::Malformed || split(parse.sql).count() > 1 {
            return self.fail("42601", true, out);
        }
        if self.status == FAILED && !matches!(does, Does::Commit | Does::Rollback) {
            return self.fail("25P02", true, out);
        }
        if !parse.name.is_empty() && self.statements.contains_key(parse.name) {
            return self.fail("42P05", true, out);
        }
        self.statements.insert(parse.name.into(), parse.sql.into());
        server::parse_complete(out);
    }

    fn bind(&mut self, bind: Bind<'_>, out: &mut Vec<u8>) {
        self.implicit = true;
        let Some(text) = self.statements.get(bind.statement).cloned() else {
            assert!(
                self.direct || !bind.statement.starts_with(b"_afterwrite_"),
                "bound and not prepared: {bind:?}"
            );
            return self.fail("26000", true, out);
        };
        if self.status == FAILED && !matches!(does(&text), Does::Commit | Does::Rollback) {
            return self.fail("25P02", true, out);
        }
        if !bind.portal.is_empty() && self.portals.contains_key(bind.portal) {
            return self.fail("42P03", true, out);
        }
        self.run.remove(bind.portal);
        self.portals.insert(bind.portal.into(), text);
        server::bind_complete(out);
    }

    fn describe(&mut self, target: Target<'_>, out: &mut Vec<u8>) {
        self.implicit = true;
        let statement = target.kind == b'S';
        let found = if statement { &self.statements } else { &self.portals }.get(target.name);
        let Some(text) = found else {
            let code = if statement { "26000" } else { "34000" };
            return self.fail(code, true, out);
        };
        // PostgreSQL describes what has no columns here, too; but where the statement is
        // not prepared yet it could not be, so nobody is promised that.
        if self.status == FAILED && !matches!(does(text), Does::Commit | Does::Rollback) {
            return self.fail("25P02", true, out);
        }
        if statement {
            server::parameter_description(out, &[]);
        }
        match does(text) {
            Does::Row | Does::Counts | Does::Fails => {
                server::row_description(out, &[("v", 20)]);
            }
            _ => server::no_data(out),
        }
    }

    fn execute(&mut self, portal: &[u8], out: &mut Vec<u8>) {
        self.implicit = true;
        let Some(text) = self.portals.get(portal).cloned() else {
            return self.fail("34000", true, out);
        };
        if !self.run.insert(portal.into()) {
            // It has given all that it had, or cannot be run twice.
            return match does(&text) {
                Does::Row | Does::Counts => server::command_complete(out, "SELECT 0"),
                Does::Nothing => server::empty_query(out),
                _ => self.fail("55000", true, out),
            };
        }
        if let Err(Stop::Copies) = self.statement(&text, false, out) {
            self.copy = Copy::Extended;
        }
    }

    fn sync(&mut self, out: &mut Vec<u8>) {
        self.skipping = false;
        self.implicit = false;
        if self.status == IDLE {
            self.portals.clear();
        }
        server::ready(out, self.status);
    }
}

/// The statements of a text, without the empty ones.
fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn does(text: &[u8]) -> Does {
    let text = split(text).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let begins = |word: &str| text.starts_with(word);
    match () {
        () if text.is_empty() => Does::Nothing,
        () if begins("SELECT 1/0") => Does::Fails,
        () if text.ends_with("/* afterwrite: what the session left */") => Does::Inventory,
        () if begins("SELECT nextval") => Does::Counts,
        () if begins("SELECT") || begins("SHOW") || begins("VALUES") => Does::Row,
        () if begins("INSERT") || begins("UPDATE") => Does::Write,
        () if begins("BEGIN") => Does::Begin,
        () if begins("COMMIT") => Does::Commit,
        () if begins("ROLLBACK") => Does::Rollback,
        () if begins("COPY t FROM") => Does::CopyIn,
        () if begins("COPY t TO") => Does::CopyOut,
        () if begins("SET") || begins("RESET") || begins("LISTEN") => Does::Set,
        () if begins("DISCARD SEQUENCES") => Does::Set,
        () if begins("DISCARD ALL") => Does::DiscardAll,
        () if begins("DEALLOCATE ALL") => Does::DeallocateAll,
        () => Does::Malformed,
    }
}

/// A message that a server may send, at whatever time.
pub(crate) fn any_reply(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    const CODES: [&str; 6] = ["25006", "40001", "57P01", "0A000", "26000", "42601"];
    match choices.below(20) {
        0 => server::parse_complete(out),
        1 => server::bind_complete(out),
        2 => server::close_complete(out),
        3 => server::no_data(out),
        4 => server::row_description(out, &[("v", 25)]),
        5 => server::data_row(out, &[Some(&vec![b'x'; usize::from(choices.byte()) * 8])]),
        6 => server::data_row(out, &[Some(&[0, 0, 0, 0, 0, 0, 32, choices.byte()])]),
        7 => server::command_complete(out, choices.of(&["SELECT 1", "BEGIN", "COMMIT", "SET"])),
        8..=10 => server::ready(out, choices.of(&[IDLE, IN_TRANSACTION, FAILED, b'?'])),
        11 => server::error(out, &Report::error(choices.of(&CODES), "no")),
        12 => server::error(out, &Report::fatal(choices.of(&CODES), "no")),
        13 => server::notice(out, &Report::notice("00000", "by the way")),
        14 => server::parameter_status(
            out,
            choices.of(&["standard_conforming_strings", "client_encoding", "in_hot_standby"]),
            choices.of(&["on", "off", "SJIS"]),
        ),
        15 => out.extend_from_slice(b"G\0\0\0\x07\0\0\0"),
        16 => out.extend_from_slice(b"H\0\0\0\x07\0\0\0"),
        17 => out.extend_from_slice(b"d\0\0\0\x061\n"),
        18 => server::empty_query(out),
        _ => server::parameter_description(out, &[25]),
    }
}

/// Answers what of these bytes can be read, more or less as a server does.
pub(crate) fn answer_loosely(bytes: &[u8], choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Ok(Some((message, behind))) = frame::split(rest, MESSAGE_MAX) {
        match message.tag {
            tag::PARSE => server::parse_complete(out),
            tag::BIND => server::bind_complete(out),
            tag::CLOSE => server::close_complete(out),
            tag::DESCRIBE => server::no_data(out),
            tag::EXECUTE => server::command_complete(out, "SELECT 0"),
            tag::SYNC => server::ready(out, choices.of(&[IDLE, IDLE, IN_TRANSACTION, FAILED])),
            tag::QUERY => {
                if choices.below(4) == 0 {
                    any_reply(choices, out);
                }
                server::command_complete(out, choices.of(&["SELECT 0", "BEGIN", "COMMIT"]));
                server::ready(out, choices.of(&[IDLE, IDLE, IN_TRANSACTION, FAILED]));
            }
            _ => {}
        }
        rest = behind;
    }
}
