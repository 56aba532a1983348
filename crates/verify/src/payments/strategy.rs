//! How an application chooses where to read.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use tokio_postgres::Config;

use crate::error::VerifyError;
use crate::random::Random;

/// A way to route reads. The first three are what applications do by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Every read on a replica taken at random.
    RandomReplica,
    /// Every read on the primary.
    PrimaryOnly,
    /// Reads on the primary for so long after the session's last write, else on a
    /// replica taken at random.
    FixedWindow(Duration),
    /// One connection to Afterwrite for everything.
    Afterwrite,
}

impl Strategy {
    /// A short name, such as `fixed window 500 ms`.
    pub fn name(self) -> String {
        self.to_string()
    }

    /// What it does, in one sentence.
    pub fn description(self) -> String {
        match self {
            Self::RandomReplica => {
                "The application sends every read to a replica taken at random.".to_owned()
            }
            Self::PrimaryOnly => {
                "The application sends every read to the primary; the replicas idle.".to_owned()
            }
            Self::FixedWindow(window) => format!(
                "The application reads from the primary for {window:?} after a session's write, \
                 else from a replica taken at random."
            ),
            Self::Afterwrite => "The application has one connection to Afterwrite, which reads \
                                 from a replica that has replayed the session's last write."
                .to_owned(),
        }
    }

    /// The servers that a session connects to, the one for its writes first.
    pub(super) fn lanes(
        self,
        primary: &Config,
        replicas: &[Config],
        proxy: Option<Config>,
    ) -> Result<Vec<Config>, VerifyError> {
        match self {
            Self::PrimaryOnly => Ok(vec![primary.clone()]),
            Self::Afterwrite => proxy
                .map(|proxy| vec![proxy])
                .ok_or_else(|| VerifyError::Plan("no URL of the proxy was given".to_owned())),
            Self::RandomReplica | Self::FixedWindow(_) if replicas.is_empty() => {
                Err(VerifyError::Plan(format!("{self} needs at least one replica")))
            }
            Self::RandomReplica | Self::FixedWindow(_) => {
                Ok(std::iter::once(primary).chain(replicas).cloned().collect())
            }
        }
    }

    /// Which of `lanes` servers a session reads from.
    pub(super) fn read_lane(
        self,
        lanes: usize,
        last_write: Option<Instant>,
        now: Instant,
        random: &mut Random,
    ) -> usize {
        let mut any_replica = || 1 + random.below(lanes.saturating_sub(1));
        match self {
            Self::PrimaryOnly | Self::Afterwrite => 0,
            Self::RandomReplica => any_replica(),
            Self::FixedWindow(window) => match last_write {
                Some(at) if now.saturating_duration_since(at) < window => 0,
                Some(_) | None => any_replica(),
            },
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RandomReplica => f.pad("random replica"),
            Self::PrimaryOnly => f.pad("primary only"),
            Self::FixedWindow(window) if window.subsec_millis() == 0 => {
                f.pad(&format!("fixed window {} s", window.as_secs()))
            }
            Self::FixedWindow(window) => f.pad(&format!("fixed window {} ms", window.as_millis())),
            Self::Afterwrite => f.pad("afterwrite"),
        }
    }
}

impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(
            Strategy::FixedWindow(Duration::from_millis(1500)).name(),
            "fixed window 1500 ms"
        );
        assert_eq!(Strategy::FixedWindow(Duration::from_secs(5)).name(), "fixed window 5 s");
    }

    #[test]
    fn reads_go_where_the_strategy_says() {
        let mut random = Random::new(1, 0);
        let written = Instant::now();
        let mut lane = |strategy: Strategy, since_write_ms: Option<u64>| {
            let now = written + Duration::from_millis(since_write_ms.unwrap_or(0));
            let written = since_write_ms.map(|_| written);
            strategy.read_lane(3, written, now, &mut random)
        };
        let window = Strategy::FixedWindow(Duration::from_millis(100));
        for _ in 0..20 {
            assert!([1, 2].contains(&lane(Strategy::RandomReplica, Some(0))));
            assert_eq!(lane(Strategy::PrimaryOnly, None), 0);
            assert_eq!(lane(Strategy::Afterwrite, Some(0)), 0);
            assert_eq!(lane(window, Some(99)), 0);
            assert!([1, 2].contains(&lane(window, Some(100))));
            assert!([1, 2].contains(&lane(window, None)));
        }
    }

    #[test]
    fn a_strategy_without_its_servers_is_refused() {
        let primary = Config::new();
        assert!(Strategy::RandomReplica.lanes(&primary, &[], None).is_err());
        assert!(Strategy::Afterwrite.lanes(&primary, &[], None).is_err());
        assert!(Strategy::PrimaryOnly.lanes(&primary, &[], None).is_ok());
    }
}
