//! Replays that the server waits for itself.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_types::{Line, Lsn, Position, SystemId, Timeline};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::server::{Script, Scripted, Waits};
use crate::{Watched, watch};

const WAIT: &str = "WAIT FOR LSN";
const POLL: &str = "execute SELECT";

fn replica(waits: Waits) -> Script {
    Script { waits, ..Script::default() }
}

fn at(timeline: u32, lsn: u64) -> Position {
    Position { line: Line { system: SystemId(4711), timeline: Timeline(timeline) }, lsn: Lsn(lsn) }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Waits in a task of its own; gives back whether it was reached, and when it was told.
fn wait(watched: &Watched, need: Position, at_most: Duration) -> JoinHandle<(bool, Instant)> {
    let cluster = Arc::clone(&watched.cluster);
    tokio::spawn(async move {
        let reached = cluster.wait_for_replay(need, at_most).await;
        (reached, Instant::now())
    })
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_server_and_nobody_polls() {
    let server = Scripted::start(replica(Waits::Truly)).await;
    let watched = watch(&[&server]).await;
    sleep(ms(100)).await;
    assert_eq!(server.heard(WAIT), 0, "nobody waits");
    let mut latest = ms(0);
    for round in 1..6 {
        let target = 0x1000 * round;
        let waiting = wait(&watched, at(1, target), ms(3000));
        sleep(ms(150)).await;
        assert!(server.last(WAIT).contains(&format!("'{}'", Lsn(target))), "{}", server.last(WAIT));
        let polls = server.heard(POLL);
        sleep(ms(300)).await;
        assert!(server.heard(POLL) - polls <= 2, "{} polls", server.heard(POLL) - polls);
        let replayed = Instant::now();
        server.replay(target);
        let (reached, told) = waiting.await.unwrap();
        assert!(reached);
        latest = latest.max(told - replayed);
    }
    // A few hundred microseconds; this machine may be busy.
    assert!(latest < ms(50), "{latest:?}");
    let waits = server.heard(WAIT);
    sleep(ms(300)).await;
    assert!(server.heard(WAIT) <= waits + 1, "nobody waits any more");
}

#[tokio::test]
async fn who_needs_less_is_not_held_up_by_who_needs_more() {
    let server = Scripted::start(replica(Waits::Truly)).await;
    let watched = watch(&[&server]).await;
    let high = wait(&watched, at(1, 0x9000), ms(3000));
    sleep(ms(60)).await;
    let low = wait(&watched, at(1, 0x2000), ms(3000));
    sleep(ms(20)).await;
    let replayed = Instant::now();
    server.replay(0x2000);
    let (reached, told) = low.await.unwrap();
    assert!(reached && told - replayed < ms(100), "{:?}", told - replayed);
    assert!(!high.is_finished());
    server.replay(0x9000);
    assert!(high.await.unwrap().0);
}

#[tokio::test]
async fn what_the_wait_says_is_no_position() {
    let server = Scripted::start(replica(Waits::Hastily)).await;
    let watched = watch(&[&server]).await;
    let begun = Instant::now();
    let (reached, _) = wait(&watched, at(1, 0x5000), ms(300)).await.unwrap();
    assert!(!reached && begun.elapsed() >= ms(300), "success is not believed");
    assert!((1..40).contains(&server.heard(WAIT)), "{} waits", server.heard(WAIT));
    let waiting = wait(&watched, at(1, 0x5000), ms(3000));
    sleep(ms(50)).await;
    server.replay(0x5000);
    assert!(waiting.await.unwrap().0, "polling goes on");
}

#[tokio::test]
async fn a_target_on_another_timeline_is_not_reached() {
    let server = Scripted::start(replica(Waits::Truly)).await;
    let watched = watch(&[&server]).await;
    let foreign = wait(&watched, at(2, 0x3000), ms(400));
    sleep(ms(50)).await;
    server.replay(0x8000);
    assert!(!foreign.await.unwrap().0);
    let heard = server.heard(WAIT);
    // It follows a promotion.
    server.rewrite(|script| script.timeline = 2);
    sleep(ms(1600)).await;
    server.replay(0x9000);
    assert!(!wait(&watched, at(1, 0x8fff), ms(300)).await.unwrap().0, "the number says nothing");
    assert_eq!(server.heard(WAIT), heard, "it is not asked for another timeline's");
    let waiting = wait(&watched, at(2, 0xa000), ms(2000));
    sleep(ms(100)).await;
    server.replay(0xa000);
    assert!(waiting.await.unwrap().0);
}

#[tokio::test]
async fn a_server_that_fails_to_wait_is_polled() {
    for (waits, goes_on) in [
        (Waits::Refused("57014"), true),
        (Waits::Refused("55000"), true),
        (Waits::Promoted, true),
        (Waits::Refused("42601"), false),
        (Waits::Refused("0A000"), false),
    ] {
        let server = Scripted::start(replica(waits)).await;
        let watched = watch(&[&server]).await;
        for round in 1..4 {
            let waiting = wait(&watched, at(1, 0x1000 * round), ms(3000));
            sleep(ms(80)).await;
            server.replay(0x1000 * round);
            assert!(waiting.await.unwrap().0, "{waits:?}");
        }
        let heard = server.heard(WAIT);
        assert_eq!(heard > 1, goes_on, "{waits:?}: {heard} waits");
        assert!(heard < 40, "{waits:?}: {heard} waits are no pause");
        // Another life of the server may know it.
        server.rewrite(|script| {
            script.started = "2026-01-02 00:00:00+00";
            script.waits = Waits::Truly;
        });
        sleep(ms(1600)).await;
        let waiting = wait(&watched, at(1, 0x8000), ms(3000));
        sleep(ms(700)).await;
        server.replay(0x8000);
        assert!(waiting.await.unwrap().0, "{waits:?}");
        assert!(server.heard(WAIT) > heard, "{waits:?}: asked again in another life");
    }
}

#[tokio::test]
async fn an_older_server_never_hears_of_it() {
    for version in ["15.18", "18.2 (Debian 18.2-1)"] {
        let server = Scripted::start(Script { version, ..replica(Waits::Truly) }).await;
        let watched = watch(&[&server]).await;
        let waiting = wait(&watched, at(1, 0x1000), ms(3000));
        sleep(ms(200)).await;
        assert!(server.heard(POLL) > 20, "{} polls", server.heard(POLL));
        server.replay(0x1000);
        assert!(waiting.await.unwrap().0);
        assert_eq!(server.heard(WAIT), 0, "{version}");
    }
}
