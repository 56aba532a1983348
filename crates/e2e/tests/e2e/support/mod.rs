//! What the tests stand on: the binary, a cluster with the proxy in front of it, a
//! client that speaks bytes, and programs that are run to their end.

mod bed;
mod binary;
mod certificates;
mod checks;
mod encrypted;
mod guarantee;
mod metrics;
mod proxy;
mod raw;
mod relay;
mod run;
mod sql;

pub(crate) use bed::Bed;
pub(crate) use binary::afterwrite;
pub(crate) use certificates::Certificates;
pub(crate) use checks::Checks;
pub(crate) use encrypted::trusting;
pub(crate) use guarantee::guarantee;
pub(crate) use metrics::Metrics;
pub(crate) use proxy::Proxy;
pub(crate) use raw::{Raw, Reply, batch, query};
pub(crate) use relay::Relay;
pub(crate) use run::{Ran, psql, run, run_in};
pub(crate) use sql::{connect, eventually, number, sqlstate, text, within};

/// No single answer takes longer than this: past it, something hangs.
pub(crate) const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(15);
