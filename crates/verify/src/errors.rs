//! Counted errors.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Fault;

/// The texts come from outside, so their number is limited.
const KINDS_MAX: usize = 64;

/// How often what went wrong: by SQLSTATE, or `timeout`, `connection lost` and
/// `unexpected answer` where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Errors(BTreeMap<String, u64>);

impl Errors {
    pub(crate) fn count(&mut self, fault: &Fault) {
        let label = fault.label();
        let full = self.0.len() >= KINDS_MAX && !self.0.contains_key(&label);
        let label = if full { "other".to_owned() } else { label };
        *self.0.entry(label).or_default() += 1;
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each kind with its count, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(kind, count)| (kind.as_str(), *count))
    }
}
