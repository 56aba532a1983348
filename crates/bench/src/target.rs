//! What pgbench talks to.

use clap::ValueEnum;
use serde::Serialize;

use crate::cell::{Cell, Workload};
use crate::door::Door;

/// Where the clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Target {
    /// The primary itself, without a proxy.
    Direct,
    /// PgBouncer in front of the primary.
    Pgbouncer,
    /// Afterwrite in front of the primary alone: it pools, and has nothing to split.
    AfterwritePrimary,
    /// Afterwrite in front of the primary and its replicas: it splits, and reads see own writes.
    Afterwrite,
}

impl Target {
    /// For tables and plots.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Pgbouncer => "PgBouncer",
            Self::AfterwritePrimary => "Afterwrite, primary only",
            Self::Afterwrite => "Afterwrite, splitting",
        }
    }

    pub(crate) fn is_afterwrite(self) -> bool {
        match self {
            Self::Direct | Self::Pgbouncer => false,
            Self::AfterwritePrimary | Self::Afterwrite => true,
        }
    }

    pub(crate) fn is_proxy(self) -> bool {
        match self {
            Self::Direct => false,
            Self::Pgbouncer | Self::AfterwritePrimary | Self::Afterwrite => true,
        }
    }

    /// The mix is there to be split, so the form that cannot split sits it out; the
    /// servers themselves have no other door.
    pub(crate) fn takes(self, cell: Cell) -> bool {
        match self {
            Self::AfterwritePrimary => cell.workload != Workload::Mix,
            Self::Direct => cell.door == Door::Trust,
            Self::Pgbouncer | Self::Afterwrite => true,
        }
    }
}
