//! What ties a client to its server connection.

use std::fmt;

use afterwrite_sql::Pin;
use afterwrite_types::Moment;

/// What ties a client to its server connection, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Everything that ties it.
    pub causes: Causes,
    /// When it was pinned, in the proxy's order; a clock's time is the driver's to note.
    pub since: Moment,
}

/// A set of pins.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Causes(u16);

impl Causes {
    /// What a server can be asked for.
    pub(crate) fn that_can_be_asked() -> Self {
        Pin::ALL.into_iter().filter(|pin| pin.can_be_asked()).collect()
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is in it.
    pub fn contains(self, pin: Pin) -> bool {
        self.0 & bit(pin) != 0
    }

    /// What is in it, in the order of [`Pin::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Pin> {
        Pin::ALL.into_iter().filter(move |pin| self.contains(*pin))
    }

    pub(crate) fn insert(&mut self, pin: Pin) {
        self.0 |= bit(pin);
    }

    pub(crate) fn remove(&mut self, pin: Pin) {
        self.0 &= !bit(pin);
    }

    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

fn bit(pin: Pin) -> u16 {
    1 << match pin {
        Pin::TemporaryTable => 0,
        Pin::Listen => 1,
        Pin::Prepare => 2,
        Pin::HoldCursor => 3,
        Pin::AdvisoryLock => 4,
        Pin::SetConfig => 5,
        Pin::Load => 6,
        Pin::Sequence => 7,
        Pin::ServerState => 8,
        Pin::Other => 9,
    }
}

impl FromIterator<Pin> for Causes {
    fn from_iter<I: IntoIterator<Item = Pin>>(pins: I) -> Self {
        let mut causes = Self::default();
        for pin in pins {
            causes.insert(pin);
        }
        causes
    }
}

impl fmt::Debug for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Names with commas between them, for a console's column.
impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, pin) in self.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            f.write_str(pin.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_has_its_own_bit_and_its_name() {
        let all: Causes = Pin::ALL.into_iter().collect();
        assert_eq!(all.iter().count(), Pin::ALL.len());
        let two: Causes = [Pin::AdvisoryLock, Pin::Listen].into_iter().collect();
        assert_eq!(two.to_string(), "listen,advisory_lock");
        assert!(all.without(two).and(two) == all && !all.without(two).contains(Pin::Listen));
    }
}
