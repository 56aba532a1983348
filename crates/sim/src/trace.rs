//! What happened, line by line: kept only where somebody will read it.

use std::fmt::Arguments;

/// Lines of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    on: bool,
    lines: Vec<String>,
    /// Over every line, kept or not: equal runs have equal sums.
    sum: u64,
}

impl Trace {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    pub(crate) fn note(&mut self, step: u64, now: u64, line: Arguments<'_>) {
        if self.on {
            self.lines.push(format!("{step:>6} {:>9.3} ms  {line}", micros(now)));
        }
    }

    /// Mixes a number into the sum.
    pub(crate) fn mix(&mut self, number: u64) {
        self.sum = (self.sum ^ number).wrapping_mul(0x0100_0000_01B3).rotate_left(17);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people: a run lasts seconds")]
fn micros(now: u64) -> f64 {
    now as f64 / 1000.0
}
