//! Times of this process as positions, where nothing else tells them.
//!
//! One clock, the proxy's own, which never goes back.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use afterwrite_types::{Line, Lsn, Role};

use super::{Columns, Product, START_SQL};
use crate::connect::ServerId;
use crate::error::ConnectError;

/// Times of this process as positions.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    line: Line,
}

impl Clock {
    pub(super) fn begin(now: Instant) -> Self {
        Self { began: now, line: Line::by_clock(RandomState::new().build_hasher().finish()) }
    }

    pub(super) fn line(&self) -> Line {
        self.line
    }

    /// A time; never 0, which any replica has replayed.
    pub(super) fn at(&self, when: Instant) -> Lsn {
        let micros = when.saturating_duration_since(self.began).as_micros();
        Lsn(u64::try_from(micros).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// What is there after a window: all that was acknowledged before it.
    pub(super) fn before(&self, when: Instant, window: Duration) -> Lsn {
        when.checked_sub(window).filter(|it| *it >= self.began).map_or(Lsn(0), |it| self.at(it))
    }
}

/// Who a server is, and how far behind it says that it is.
pub(super) struct Who {
    pub(super) role: Role,
    pub(super) server: ServerId,
    pub(super) backend: Option<i32>,
    pub(super) lag: Option<Duration>,
}

pub(super) fn question(product: Product) -> String {
    let lag = match product {
        // Of the very server that is asked; it is NULL on the primary.
        Product::Aurora => {
            "(SELECT max(replica_lag_in_msec) FROM aurora_replica_status() \
             WHERE server_id OPERATOR(pg_catalog.=) aurora_db_instance_identifier())"
        }
        Product::Postgres
        | Product::AlloyDb
        | Product::Neon
        | Product::AzureFlexible
        | Product::CloudSql
        | Product::Rds => "NULL",
    };
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), {START_SQL}, pg_catalog.pg_backend_pid(), {lag}"
    )
}

pub(super) fn read(row: &[Option<String>]) -> Result<Who, ConnectError> {
    let mut columns = Columns::of(row);
    Ok(Who {
        role: columns.role()?,
        server: columns.server()?,
        backend: columns.any().and_then(|pid| pid.parse().ok()),
        lag: columns.any().and_then(|ms| ms.parse::<f64>().ok()).and_then(|ms| {
            // What is no number, or less than nothing, tells nothing.
            Duration::try_from_secs_f64(ms / 1000.0).ok()
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_on_a_replica_once_the_window_is_over() {
        let began = Instant::now();
        let clock = Clock::begin(began);
        let window = Duration::from_secs(5);
        let at = |ms| began + Duration::from_millis(ms);
        let written = clock.at(at(2000));
        assert!(clock.before(at(6999), window) < written);
        assert!(clock.before(at(7000), window) >= written);
        assert_eq!(clock.before(at(4000), window), Lsn(0), "nothing is there at first");
        assert!(clock.at(began) > Lsn(0));
    }

    #[test]
    fn a_lag_is_milliseconds() {
        let lag = |text: &str| {
            let row = ["t", "2026", "7", text].map(|it| Some(it.to_owned()));
            read(&row).unwrap().lag
        };
        assert_eq!(lag("18.5"), Some(Duration::from_micros(18_500)));
        assert_eq!((lag("-1"), lag("NaN"), lag("x")), (None, None, None));
    }
}
