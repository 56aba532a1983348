//! What tells how far a server has come: its log, a heartbeat table, or nothing but the clock.
//!
//! Each gives positions of the same kind, on a line of its own, so that everything above
//! compares, waits and proves in one way. They differ in what a position stands for:
//!
//! | gauge | the primary's | a replica's |
//! | --- | --- | --- |
//! | log | where its last record ends | up to where it has replayed |
//! | heartbeat | the beat that was made for the question | the beat that it shows |
//! | window | the time of the question | that time, less the window |

mod clock;
pub(crate) mod heartbeat;
mod product;

use std::sync::Arc;
use std::time::Instant;

use afterwrite_core::WindowSettings;
use afterwrite_types::{Lsn, Role, WalGeometry};
use parking_lot::Mutex;
use tracing::{info, warn};

pub use heartbeat::HeartbeatTable;
pub use product::Product;

use crate::connect::{INTRODUCTION_SQL, Introduction, ServerId, read_introduction};
use crate::error::ConnectError;
use crate::node::Node;
use clock::Clock;

pub(crate) use product::identify;

/// What is told of the servers' positions in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaugeSettings {
    /// What is to be used.
    pub choice: GaugeChoice,
    /// The table, where there may be one: it is made if it is not there.
    pub heartbeat: Option<HeartbeatTable>,
    /// How long the window is.
    pub window: WindowSettings,
}

/// What is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GaugeChoice {
    /// The log; where a server does not tell of it, the heartbeat table if there may be one,
    /// and else the window.
    #[default]
    Auto,
    /// The log.
    Log,
    /// The heartbeat table.
    Heartbeat,
    /// The window.
    Window,
}

impl Default for GaugeSettings {
    fn default() -> Self {
        let window =
            WindowSettings { fixed: std::time::Duration::from_secs(5), follows_lag: false };
        Self { choice: GaugeChoice::Auto, heartbeat: None, window }
    }
}

/// What tells how far the servers of a cluster have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gauge {
    Log,
    Heartbeat(Arc<HeartbeatTable>),
    Window,
}

impl Gauge {
    fn new(choice: GaugeChoice, settings: &GaugeSettings) -> Self {
        let table = || Arc::new(settings.heartbeat.clone().unwrap_or_default());
        match choice {
            GaugeChoice::Auto | GaugeChoice::Log => Self::Log,
            GaugeChoice::Heartbeat => Self::Heartbeat(table()),
            GaugeChoice::Window => Self::Window,
        }
    }

    /// The word for it in logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Heartbeat(_) => "heartbeat",
            Self::Window => "window",
        }
    }
}

/// Which gauge is used, by all nodes of a cluster alike.
#[derive(Debug)]
pub(crate) struct Gauges {
    settings: Mutex<GaugeSettings>,
    used: Mutex<Gauge>,
    clock: Clock,
}

impl Gauges {
    pub(crate) fn new() -> Self {
        Self {
            settings: Mutex::default(),
            used: Mutex::new(Gauge::Log),
            clock: Clock::begin(Instant::now()),
        }
    }

    /// Takes up what is configured; nobody may be watched yet.
    pub(crate) fn configure(&self, settings: GaugeSettings) {
        let gauge = Gauge::new(settings.choice, &settings);
        if gauge == Gauge::Window {
            warn_of_window(&settings);
        }
        *self.used.lock() = gauge;
        *self.settings.lock() = settings;
    }

    pub(crate) fn used(&self) -> Gauge {
        self.used.lock().clone()
    }

    /// Takes up that a server does not tell positions of its log; says whether that changes
    /// anything.
    pub(crate) fn log_is_silent(&self, node: &Node, why: &str) -> bool {
        let settings = self.settings.lock().clone();
        let mut used = self.used.lock();
        if settings.choice != GaugeChoice::Auto || *used != Gauge::Log {
            return false;
        }
        let instead = match settings.heartbeat {
            Some(_) => GaugeChoice::Heartbeat,
            None => GaugeChoice::Window,
        };
        *used = Gauge::new(instead, &settings);
        info!(node = %node.address(), why, instead = used.name(), "positions of its log cannot be had");
        if *used == Gauge::Window {
            warn_of_window(&settings);
        }
        true
    }

    /// What a server is asked, to introduce itself.
    pub(crate) fn question(&self, product: Product) -> String {
        match self.used() {
            Gauge::Log => INTRODUCTION_SQL.to_owned(),
            Gauge::Heartbeat(table) => table.question(),
            Gauge::Window => clock::question(product),
        }
    }

    /// What it has answered; `asked` is from before the question.
    pub(crate) fn read(
        &self,
        row: &[Option<String>],
        node: &Node,
        asked: Instant,
    ) -> Result<Introduction, ConnectError> {
        match self.used() {
            Gauge::Log => read_introduction(row),
            Gauge::Heartbeat(_) => heartbeat::read(row),
            Gauge::Window => {
                let who = clock::read(row)?;
                if let Some(lag) = who.lag {
                    node.told_lags.lock().record(lag);
                }
                let lsn = match who.role {
                    Role::Primary => self.clock.at(asked),
                    Role::Replica => {
                        let settings = self.settings.lock().window;
                        let window = node.told_lags.lock().window(settings);
                        self.clock.before(asked, window)
                    }
                };
                Ok(Introduction {
                    role: who.role,
                    line: self.clock.line(),
                    wal: WalGeometry::default(),
                    lsn,
                    server: who.server,
                    backend: who.backend,
                    is_fence: true,
                    is_current: true,
                })
            }
        }
    }

    /// What is known of a server whose position this login may not ask for: who it is. How far
    /// it has come the probe's answers tell.
    pub(crate) fn read_blind(
        row: &[Option<String>],
        node: &Node,
    ) -> Result<Introduction, ConnectError> {
        let who = clock::read(row)?;
        let (line, wal) = {
            let state = node.state.lock();
            (state.line, state.wal)
        };
        let unknown = || ConnectError::Protocol("the server's line of history is not known".into());
        Ok(Introduction {
            role: who.role,
            line: line.ok_or_else(unknown)?,
            wal,
            lsn: Lsn(0),
            server: who.server,
            backend: who.backend,
            is_fence: false,
            is_current: true,
        })
    }

    /// The question for that.
    pub(crate) fn blind_question() -> String {
        clock::question(Product::Postgres)
    }
}

fn warn_of_window(settings: &GaugeSettings) {
    warn!(
        window = ?settings.window.fixed,
        follows_lag = settings.window.follows_lag,
        "reads go to the primary for a window after a write, and are then taken to be there on \
         every replica: that is assumed and not known"
    );
}

/// Where a server says that it is and when it was started: the same text in every question.
pub(crate) const START_SQL: &str = "pg_catalog.concat_ws(' ', pg_catalog.pg_postmaster_start_time(), \
     pg_catalog.inet_server_addr(), pg_catalog.inet_server_port())";

/// The columns of an answer, one after the other.
struct Columns<'a>(std::slice::Iter<'a, Option<String>>);

impl<'a> Columns<'a> {
    fn of(row: &'a [Option<String>]) -> Self {
        Self(row.iter())
    }

    fn any(&mut self) -> Option<&'a str> {
        self.0.next().and_then(|it| it.as_deref())
    }

    fn text(&mut self, what: &str) -> Result<&'a str, ConnectError> {
        self.any()
            .ok_or_else(|| ConnectError::Protocol(format!("the server did not tell its {what}")))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, ConnectError> {
        let text = self.text(what)?;
        text.parse().map_err(|_| {
            ConnectError::Protocol(format!("the server did not tell its {what} as a number"))
        })
    }

    fn role(&mut self) -> Result<Role, ConnectError> {
        Ok(if self.text("role")? == "t" { Role::Replica } else { Role::Primary })
    }

    fn server(&mut self) -> Result<ServerId, ConnectError> {
        Ok(ServerId::of(self.text("start")?))
    }
}
