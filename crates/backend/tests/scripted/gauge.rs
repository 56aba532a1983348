//! Servers whose logs tell nothing.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{GaugeChoice, GaugeSettings, HeartbeatTable, Product};
use afterwrite_core::WindowSettings;
use afterwrite_types::{Moment, Role};
use tokio::time::{Instant, sleep};

use crate::begin;
use crate::server::{Script, Scripted};

const AURORA: &str = "PostgreSQL 16.4 on aarch64-unknown-linux-gnu, compiled by gcc";

fn aurora(role: Role, lag: &'static str) -> Script {
    let aurora_lag_ms = Some(lag);
    Script { version: "16.4", banner: AURORA, role, aurora_lag_ms, ..Script::default() }
}

fn window(ms: u64, follows_lag: bool) -> GaugeSettings {
    let window = WindowSettings { fixed: Duration::from_millis(ms), follows_lag };
    GaugeSettings { window, ..GaugeSettings::default() }
}

/// How long after a write's fence a replica is taken to have it.
async fn time_to_replica(settings: GaugeSettings, lag: &'static str) -> Duration {
    let primary = Scripted::start(aurora(Role::Primary, lag)).await;
    let replica = Scripted::start(aurora(Role::Replica, lag)).await;
    let watched = begin(&[&primary, &replica], settings);
    watched.until("both are up", || watched.cluster.status().iter().all(|it| it.up)).await;
    assert_eq!(watched.cluster.gauge_name(), "window");
    for node in watched.cluster.status() {
        assert_eq!((node.product, node.position), (Product::Aurora, None));
    }
    // As reads do that find no replica: the lag is told often.
    for _ in 0..60 {
        watched.cluster.note_fallback(std::time::Instant::now());
        sleep(Duration::from_millis(10)).await;
    }
    let written = Instant::now();
    let fence = watched.cluster.fence(Moment(0), Duration::from_secs(2)).await.unwrap();
    assert!(fence.position.line.is_by_clock());
    assert!(watched.cluster.wait_for_replay(fence.position, Duration::from_secs(5)).await);
    assert_eq!(primary.heard("WAIT FOR") + replica.heard("WAIT FOR"), 0);
    written.elapsed()
}

#[tokio::test]
async fn on_aurora_a_window_takes_the_place_of_positions() {
    let fixed = time_to_replica(window(700, false), "20").await;
    assert!((700..1000).contains(&fixed.as_millis()), "{fixed:?}");
    let follows = time_to_replica(window(3000, true), "60").await;
    assert!((110..700).contains(&follows.as_millis()), "{follows:?}");
    let behind = time_to_replica(window(200, false), "800").await;
    assert!((1200..1900).contains(&behind.as_millis()), "{behind:?}");
}

#[tokio::test]
async fn a_primary_s_fence_is_not_from_before_it_was_asked_for() {
    let primary = Scripted::start(aurora(Role::Primary, "0")).await;
    let watched = begin(&[&primary], window(500, false));
    watched.until("it is up", || watched.cluster.primary().is_some()).await;
    let mut last = None;
    for _ in 0..20 {
        let before = watched.cluster.last_fence().map_or(Moment(0), |fence| fence.asked);
        sleep(Duration::from_millis(3)).await;
        let fence = watched.cluster.fence(before, Duration::from_secs(2)).await.unwrap();
        let at = fence.position.lsn.0;
        assert!(last.is_none_or(|last| at >= last + 3000), "{at} after {last:?}");
        last = Some(at);
    }
}

#[tokio::test]
async fn whoever_asks_during_a_beat_waits_for_the_next() {
    let script = Script { role: Role::Primary, ..Script::default() };
    let primary = Scripted::start(script).await;
    let settings = GaugeSettings { choice: GaugeChoice::Heartbeat, ..GaugeSettings::default() };
    let watched = begin(&[&primary], settings);
    watched.until("it is up", || watched.cluster.primary().is_some()).await;
    assert_eq!(primary.heard("SET synchronous_commit"), 0, "nobody needs a beat");
    for _ in 0..5 {
        primary.rewrite(|script| script.holds_beats = true);
        let ask = |cluster: Arc<afterwrite_backend::Cluster>, after| async move {
            cluster.fence(after, Duration::from_secs(3)).await.unwrap().position.lsn
        };
        let first = tokio::spawn(ask(Arc::clone(&watched.cluster), Moment(0)));
        sleep(Duration::from_millis(40)).await;
        // A write is acknowledged here, while the first beat is under way.
        let later = watched.now();
        let second = tokio::spawn(ask(Arc::clone(&watched.cluster), later));
        let third = tokio::spawn(ask(Arc::clone(&watched.cluster), later));
        sleep(Duration::from_millis(20)).await;
        primary.rewrite(|script| script.holds_beats = false);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert!(second > first, "{second} is not after {first}");
        assert_eq!(third.await.unwrap(), second, "shared by all who wait");
    }
}

#[tokio::test]
async fn what_replicates_otherwise_is_refused() {
    let banner = "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)";
    let server = Scripted::start(Script { banner, ..Script::default() }).await;
    let watched = begin(&[&server], GaugeSettings::default());
    let said = || watched.cluster.status()[0].error.clone().unwrap_or_default();
    watched.until("it is refused", || said().contains("this is CockroachDB")).await;
    assert!(!watched.cluster.status()[0].up);
}

#[tokio::test]
async fn with_a_table_named_aurora_has_heartbeats() {
    let heartbeat = Some(HeartbeatTable::default());
    let settings = GaugeSettings { heartbeat, ..GaugeSettings::default() };
    let primary = Scripted::start(aurora(Role::Primary, "20")).await;
    let watched = begin(&[&primary], settings);
    watched.until("it is up", || watched.cluster.primary().is_some()).await;
    assert_eq!(watched.cluster.gauge_name(), "heartbeat");
    // What is configured is not given up by itself.
    let settings = GaugeSettings { choice: GaugeChoice::Log, ..GaugeSettings::default() };
    let watched = begin(&[&primary], settings);
    let said = || watched.cluster.status()[0].error.clone().unwrap_or_default();
    watched.until("it fails", || said().contains("0A000")).await;
    assert_eq!(watched.cluster.gauge_name(), "log");
}
