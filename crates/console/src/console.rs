//! One client of the console, without its socket.
//!
//! ```text
//!            receive(bytes)
//!                 │
//!   ┌─────────────▼──────────────┐   give(snapshot)
//!   │ Idle ──Query──► Script ────┼──► Step::Show ──────► rows ─┐
//!   │   │                ▲ ▲     │   done(result)              │
//!   │   └──Execute─► Portal ─────┼──► Step::Do ────────► tag ──┤
//!   │                    └───────┼────────────────────────────-┘
//!   │ an error in a batch: what follows is skipped up to Sync  │
//!   └──────────────────────────────────────────────────────────┘
//! ```

mod batch;
mod carry_out;

use std::collections::VecDeque;

use afterwrite_wire::client::{Bind, Execute, Parse, Target, query_text};
use afterwrite_wire::frame::{self, Frame, Malformed};
use afterwrite_wire::server::{self, Report};
use afterwrite_wire::tags::client as tags;

use crate::action::Action;
use crate::command::Command;
use crate::portal::Held;
use crate::refusal;
use crate::settings::{Columns, Known, Settings};
use crate::show::Show;
use crate::snapshot::Snapshot;
use crate::table::{self, Table};

/// Bytes of a message at most. No command needs a tenth of that.
const MESSAGE_MAX: usize = 16 * 1024;

/// Bytes to be sent after which no further message is read until they are taken.
const UNSENT_MAX: usize = 64 * 1024;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Everything.
    Admin,
    /// Look at what is shown.
    Stats,
}

/// What the driver shall do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes to the client.
    Send(Vec<u8>),
    /// Take a snapshot that has what this reads, and answer with [`Console::give`].
    Show(Show),
    /// Carry this out, however long it takes, and answer with [`Console::done`].
    ///
    /// A client that goes away meanwhile, or cancels, no longer waits for it; what
    /// becomes of the action is the driver's to decide.
    Do(Action),
    /// Close the connection: the last step.
    Closed(Ending),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said goodbye.
    Goodbye,
    /// The client broke the protocol, and was told so.
    Fault(Malformed),
}

/// One client of the console.
///
/// The driver feeds it with [`receive`](Self::receive) and, after each, takes steps
/// with [`next`](Self::next) until there is none. Memory is bounded: the messages
/// that are read, the statements that are prepared and, for each of them, one table.
#[derive(Debug)]
pub struct Console {
    permission: Permission,
    user: String,
    columns: Columns,
    settings: Settings,
    held: Held,
    work: Work,
    ask: Option<Ask>,
    /// After an error in a batch of the extended protocol, until its Sync.
    skipping: bool,
    /// After a BEGIN: portals are kept, as drivers that fetch in parts expect.
    in_transaction: bool,
    out: Vec<u8>,
    ending: Option<Ending>,
}

/// What is under way.
#[derive(Debug)]
enum Work {
    Nothing,
    /// A Query: the commands that are left, the first being the one under way.
    Script(VecDeque<Command>),
    /// An Execute of this portal, of at most so many rows.
    Portal {
        name: Vec<u8>,
        rows_max: usize,
    },
}

/// What the driver must answer.
#[derive(Debug)]
struct Ask {
    what: What,
    /// Whether the driver has been told.
    told: bool,
}

#[derive(Clone, Debug)]
enum What {
    Show(Show),
    Do(Action),
}

/// What came of a command.
#[derive(Debug)]
enum Outcome {
    Table(Table),
    Tag(String),
    Failed(Report),
    /// The driver is asked first.
    Asked,
}

impl Console {
    /// The console of a user who has logged in. The driver has sent
    /// [`welcome`](crate::welcome) and ReadyForQuery.
    pub fn new(permission: Permission, user: impl Into<String>) -> Self {
        Self {
            permission,
            user: user.into(),
            columns: Columns::default(),
            settings: Settings::default(),
            held: Held::default(),
            work: Work::Nothing,
            ask: None,
            skipping: false,
            in_transaction: false,
            out: Vec::new(),
            ending: None,
        }
    }

    /// Sets what the client asked for in its startup packet; names that mean nothing
    /// here are passed over.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        if name.eq_ignore_ascii_case(Columns::SETTING) {
            self.columns = Columns::from_name(value).unwrap_or(self.columns);
        } else if let Some(known) = Known::find(name) {
            self.settings.set(known, Some(value));
        }
        self
    }

    /// Reads whole messages off the front of `bytes`, and says how many bytes those were.
    ///
    /// Stops where the driver must do something first: take the steps from
    /// [`next`](Self::next), then call this again with the rest. If it consumed
    /// nothing and there was no step, it needs more bytes, of which it never needs
    /// more than 16 KiB and a tag.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while self.ask.is_none() && self.ending.is_none() && self.out.len() < UNSENT_MAX {
            match frame::split(rest, MESSAGE_MAX) {
                Ok(None) => break,
                Ok(Some((message, after))) => {
                    rest = after;
                    if let Err(malformed) = self.handle(message) {
                        self.fail(malformed);
                    }
                }
                Err(malformed) => self.fail(malformed),
            }
        }
        bytes.len() - rest.len()
    }

    /// What to do next; `None` until something is received or answered.
    #[expect(clippy::should_implement_trait, reason = "steps depend on what is called between")]
    pub fn next(&mut self) -> Option<Step> {
        if !self.out.is_empty() {
            return Some(Step::Send(std::mem::take(&mut self.out)));
        }
        if let Some(ask) = self.ask.as_mut().filter(|ask| !ask.told) {
            ask.told = true;
            return Some(match ask.what.clone() {
                What::Show(show) => Step::Show(show),
                What::Do(action) => Step::Do(action),
            });
        }
        self.ending.map(Step::Closed)
    }

    /// Answers [`Step::Show`]. Without one it does nothing.
    pub fn give(&mut self, snapshot: &Snapshot) {
        if let Some(What::Show(show)) = self.asked() {
            self.ask = None;
            self.conclude(Outcome::Table(show.table(snapshot)));
        }
    }

    /// Answers [`Step::Do`]; the error is what the client is told, and
    /// [`refusal`] has those that PgBouncer gives. Without one it does nothing.
    pub fn done(&mut self, result: Result<(), Report>) {
        if let Some(What::Do(action)) = self.asked() {
            self.ask = None;
            self.conclude(match result {
                Ok(()) => Outcome::Tag(action.tag()),
                Err(report) => Outcome::Failed(report),
            });
        }
    }

    fn asked(&self) -> Option<What> {
        self.ask.as_ref().filter(|ask| ask.told).map(|ask| ask.what.clone())
    }

    /// The protocol is broken: nothing further can be read.
    fn fail(&mut self, malformed: Malformed) {
        let report = Report::fatal(malformed.sqlstate(), malformed.to_string());
        server::error(&mut self.out, &report);
        self.ending = Some(Ending::Fault(malformed));
    }

    fn handle(&mut self, message: Frame<'_>) -> Result<(), Malformed> {
        let Frame { tag, body } = message;
        match tag {
            tags::TERMINATE => self.ending = Some(Ending::Goodbye),
            tags::SYNC => {
                self.skipping = false;
                self.ready();
            }
            tags::QUERY
            | tags::PARSE
            | tags::BIND
            | tags::DESCRIBE
            | tags::EXECUTE
            | tags::CLOSE
            | tags::FLUSH
            | tags::FUNCTION_CALL
                if self.skipping => {}
            tags::QUERY => self.query(query_text(body)?),
            tags::PARSE => {
                let result = self.parse(&Parse::decode(body)?);
                self.batch(result);
            }
            tags::BIND => {
                let bound = self.held.bind(&Bind::decode(body)?)?;
                let result = bound.map(|()| server::bind_complete(&mut self.out));
                self.batch(result);
            }
            tags::DESCRIBE => {
                let result = self.describe(Target::decode(body)?);
                self.batch(result);
            }
            tags::EXECUTE => {
                let result = self.execute(Execute::decode(body)?);
                self.batch(result);
            }
            tags::CLOSE => self.close(Target::decode(body)?),
            tags::FUNCTION_CALL => {
                server::error(&mut self.out, &refusal::function_call());
                self.ready();
            }
            // What is written is sent without a Flush; COPY data is what is left of a
            // COPY that was refused.
            tags::FLUSH | tags::COPY_DATA | tags::COPY_DONE | tags::COPY_FAIL => {}
            tag => return Err(Malformed::Unexpected { tag }),
        }
        Ok(())
    }

    fn ready(&mut self) {
        if self.in_transaction {
            server::ready(&mut self.out, server::IN_TRANSACTION);
        } else {
            self.held.end_transaction();
            server::ready(&mut self.out, server::IDLE);
        }
    }

    /// A step of a batch: after an error, the rest of it is skipped.
    fn batch(&mut self, result: Result<(), Report>) {
        if let Err(report) = result {
            server::error(&mut self.out, &report);
            self.skipping = true;
        }
    }

    fn query(&mut self, text: &[u8]) {
        match Command::script(&String::from_utf8_lossy(text)) {
            Ok(commands) if commands.is_empty() => {
                server::empty_query(&mut self.out);
                self.ready();
            }
            Ok(commands) => {
                self.work = Work::Script(commands.into());
                self.go_on();
            }
            Err(report) => {
                server::error(&mut self.out, &report);
                self.ready();
            }
        }
    }

    /// Carries out the commands of a script, up to one that the driver is asked about.
    fn go_on(&mut self) {
        while let Work::Script(commands) = &self.work {
            let Some(command) = commands.front().cloned() else {
                self.work = Work::Nothing;
                self.ready();
                return;
            };
            match self.begin(&command) {
                Outcome::Asked => return,
                outcome => self.finish_statement(outcome),
            }
        }
    }

    /// Ends what was under way when the driver was asked.
    fn conclude(&mut self, outcome: Outcome) {
        match &self.work {
            Work::Nothing => {}
            Work::Script(_) => {
                self.finish_statement(outcome);
                self.go_on();
            }
            Work::Portal { .. } => {
                let result = self.finish_portal(outcome);
                self.batch(result);
            }
        }
    }

    fn finish_statement(&mut self, outcome: Outcome) {
        let Work::Script(commands) = &mut self.work else { return };
        let command = commands.pop_front();
        match outcome {
            Outcome::Table(table) => {
                let columns = command.as_ref().and_then(|command| command.columns(self.columns));
                let columns = columns.unwrap_or(table.columns);
                table::describe(&mut self.out, &columns, &[]);
                for row in &table.rows {
                    table::send_row(&mut self.out, &columns, &[], row);
                }
                let tag = command.map_or_else(String::new, |c| c.tag_of_rows(table.rows.len()));
                server::command_complete(&mut self.out, &tag);
            }
            Outcome::Tag(tag) => server::command_complete(&mut self.out, &tag),
            Outcome::Failed(report) => {
                // What stands behind a failed statement is not carried out.
                commands.clear();
                server::error(&mut self.out, &report);
            }
            Outcome::Asked => {}
        }
    }
}
