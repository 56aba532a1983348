//! What a primary shows, told by the numbers of transactions.
//!
//! A replica may show a commit before the primary does: there the transaction is over only
//! once a synchronous standby has confirmed it, or just a moment after its record was sent on.
//! Positions do not tell. Transaction numbers do: what the primary does not show, and a
//! replica holds to be committed, is what the one shows and the other does not yet.

/// What a server shows: every transaction below [`next`](Self::next) but those that are running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Behind the last transaction that is over. Others may have begun with higher numbers.
    pub next: u64,
    /// In order.
    pub running: Vec<u64>,
}

impl Snapshot {
    /// From `xmin:xmax:xip,xip`, as `pg_current_snapshot()` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').skip(1);
        let next = parts.next()?.parse().ok()?;
        Some(Self { next, running: transactions(parts.next()?) })
    }

    /// Whether a transaction that has committed is shown.
    pub fn shows(&self, number: u64) -> bool {
        number < self.next && self.running.binary_search(&number).is_err()
    }
}

/// Numbers of transactions between commas, in order.
pub fn transactions(list: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = list.split(',').filter_map(|it| it.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// What a primary does not show of what replicas have shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// These transactions at most.
    These(Vec<u64>),
    /// Nobody could name them: all below this number, which was used up since.
    Below(u64),
}

impl Hidden {
    /// Whether the primary shows all of it now.
    pub fn is_shown_by(&mut self, snapshot: &Snapshot) -> bool {
        match self {
            Self::These(numbers) => {
                numbers.retain(|number| !snapshot.shows(*number));
                numbers.is_empty()
            }
            Self::Below(end) => {
                snapshot.next >= *end && snapshot.running.first().is_none_or(|first| first >= end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_snapshot_shows() {
        let snapshot = Snapshot::parse("100:105:103,100").unwrap();
        let shown: Vec<_> = (98..107).filter(|number| snapshot.shows(*number)).collect();
        assert_eq!(shown, [98, 99, 101, 102, 104]);
        assert_eq!(Snapshot::parse("7:7:").map(|it| it.shows(6)), Some(true));
        for text in ["", "1", "1:2", "1:x:", "a"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_nobody_names_is_all_that_had_begun() {
        let shown = |mut hidden: Hidden, text| hidden.is_shown_by(&Snapshot::parse(text).unwrap());
        // Transaction 100 runs, and is not named: none behind it is over.
        assert!(!shown(Hidden::Below(101), "100:100:"));
        assert!(!shown(Hidden::Below(101), "100:102:100"));
        assert!(shown(Hidden::Below(101), "101:101:"));
        assert!(shown(Hidden::Below(101), "101:105:101,103"));
        assert!(!shown(Hidden::These(vec![100]), "100:100:"));
        assert!(shown(Hidden::These(vec![100]), "101:101:"));
        assert!(shown(Hidden::These(Vec::new()), "100:105:100"));
    }
}
