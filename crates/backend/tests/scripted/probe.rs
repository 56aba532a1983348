//! What is made of where servers say that they are.

use std::sync::Arc;
use std::time::Duration;

use afterwrite_backend::{Cluster, GaugeSettings};
use afterwrite_types::{Lsn, Moment, Role};
use tokio::time::sleep;

use crate::server::{Lost, Script, Scripted};
use crate::{Watched, begin, watch};

/// Every question that tells a position: who a server is, and where.
const POLL: &str = "execute SELECT";

fn primary() -> Script {
    Script { role: Role::Primary, ..Script::default() }
}

async fn fence(cluster: Arc<Cluster>, after: Moment) -> Lsn {
    cluster.fence(after, Duration::from_secs(3)).await.unwrap().position.lsn
}

/// Whether reads may go to the only server, and it is known how far it has come.
fn takes_reads(watched: &Watched) -> bool {
    let node = &watched.cluster.nodes()[0];
    node.takes_reads() && node.state().observed.is_some()
}

/// No replica of an idle primary replays the header of a page that nobody has written to.
#[tokio::test]
async fn no_fence_lies_behind_a_page_s_header() {
    for (pointer, end) in [(0x6018, 0x6000), (0x0500_0028, 0x0500_0000), (0x6030, 0x6030)] {
        let server = Scripted::start(primary()).await;
        server.replay(pointer);
        let watched = watch(&[&server]).await;
        assert_eq!(server.heard(POLL), 0, "as it has introduced itself");
        assert_eq!(watched.cluster.last_fence().unwrap().position.lsn, Lsn(end));
        let polled = fence(Arc::clone(&watched.cluster), watched.now()).await;
        assert!(server.heard(POLL) > 0, "as it was polled");
        assert_eq!(polled, Lsn(end));
    }
}

/// An answer says nothing of what was acknowledged after its question was sent.
#[tokio::test]
async fn what_is_on_its_way_covers_nothing_that_is_acknowledged_meanwhile() {
    for introduces in [false, true] {
        let server = Scripted::start(primary()).await;
        let watched = watch(&[&server]).await;
        // It is polled when somebody asks; after a second it introduces itself again.
        sleep(Duration::from_millis(700)).await;
        server.rewrite(|script| script.holds_positions = true);
        let first =
            (!introduces).then(|| tokio::spawn(fence(Arc::clone(&watched.cluster), watched.now())));
        sleep(Duration::from_millis(600)).await;
        // A write is acknowledged here.
        server.replay(0x9000);
        let second = tokio::spawn(fence(Arc::clone(&watched.cluster), watched.now()));
        sleep(Duration::from_millis(20)).await;
        server.rewrite(|script| script.holds_positions = false);
        if let Some(first) = first {
            assert_eq!(first.await.unwrap(), Lsn(0x100));
        }
        assert_eq!(second.await.unwrap(), Lsn(0x9000), "introduces: {introduces}");
    }
}

/// The same of a replica: its answer is of the life in which it was asked.
#[tokio::test]
async fn what_a_replica_has_replayed_is_dated_when_it_was_asked() {
    let server = Scripted::start(Script::default()).await;
    let watched = watch(&[&server]).await;
    server.rewrite(|script| script.holds_positions = true);
    sleep(Duration::from_millis(1200)).await;
    // A connection is admitted here, maybe to the life after a crash.
    let admitted = watched.now();
    watched.sequence.next();
    server.replay(0x9000);
    server.rewrite(|script| script.holds_positions = false);
    let observed = || watched.cluster.nodes()[0].state().observed.unwrap();
    let before = observed().asked;
    watched.until("the answer is there", || observed().asked > before).await;
    assert_eq!(observed().replayed.lsn, Lsn(0x100));
    assert!(observed().asked <= admitted, "{:?} after {admitted:?}", observed().asked);
}

/// A replica of the primary is never ahead of it: one that is follows another server, whatever
/// timeline it tells.
#[tokio::test]
async fn a_replica_that_is_ahead_of_the_primary_takes_no_reads() {
    let servers = [Scripted::start(primary()).await, Scripted::start(Script::default()).await];
    let [one, other] = &servers;
    one.replay(0x5000);
    other.replay(0x5000);
    let watched = watch(&[one, other]).await;
    let node = &watched.cluster.nodes()[1];
    // It was asked first, and told later than the primary: that is no proof.
    other.rewrite(|script| (script.holds_positions, script.tells_late) = (true, true));
    sleep(Duration::from_millis(700)).await;
    one.rewrite(|script| script.holds_positions = true);
    let held = tokio::spawn(fence(Arc::clone(&watched.cluster), watched.now()));
    sleep(Duration::from_millis(100)).await;
    other.replay(0x6000);
    other.rewrite(|script| script.holds_positions = false);
    let seen = || node.state().observed.map(|it| it.replayed.lsn) == Some(Lsn(0x6000));
    watched.until("it is seen further", seen).await;
    one.replay(0x6000);
    one.rewrite(|script| script.holds_positions = false);
    assert_eq!(held.await.unwrap(), Lsn(0x5000));
    assert!(node.takes_reads());
    fence(Arc::clone(&watched.cluster), watched.now()).await;
    assert!(node.takes_reads(), "it shows as much");

    other.replay(0x7000);
    watched.until("it is ahead, and out", || !node.takes_reads()).await;
    one.replay(0x8000);
    fence(Arc::clone(&watched.cluster), watched.now()).await;
    sleep(Duration::from_millis(1200)).await;
    assert!(!node.takes_reads(), "not even once the primary has come as far");
    other.rewrite(|script| script.started = "2026-01-01 00:00:05+00");
    watched.until("it was started anew", || node.takes_reads()).await;
}

#[tokio::test]
async fn a_replica_that_does_not_know_where_it_is_takes_no_reads() {
    for lost in [Lost::Polled, Lost::Always] {
        let server = Scripted::start(Script::default()).await;
        let watched = watch(&[&server]).await;
        assert!(takes_reads(&watched));
        server.rewrite(|script| script.is_lost = Some(lost));
        watched.until("it is out", || !takes_reads(&watched)).await;
        if lost == Lost::Always {
            sleep(Duration::from_millis(300)).await;
            assert!(!takes_reads(&watched), "no position is not the lowest one");
        }
        server.rewrite(|script| script.is_lost = None);
        watched.until("it is in again", || takes_reads(&watched)).await;
    }
}

#[tokio::test]
async fn a_replica_that_lets_nobody_in_yet_takes_no_reads() {
    let refuses = Some("57P03");
    let server = Scripted::start(Script { refuses, ..Script::default() }).await;
    let watched = begin(&[&server], GaugeSettings::default());
    watched.until("it was tried", || watched.cluster.nodes()[0].state().tried).await;
    assert!(!takes_reads(&watched));
    let said = watched.cluster.status()[0].error.clone().unwrap_or_default();
    assert!(said.contains("nobody may come in"), "{said}");
    server.rewrite(|script| script.refuses = None);
    watched.until("it is in", || takes_reads(&watched)).await;
}

/// Behind one address several servers may answer: what one has replayed proves nothing of a
/// connection that leads to another.
#[tokio::test]
async fn what_one_server_has_replayed_is_not_another_s_at_its_address() {
    let server = Scripted::start(Script::default()).await;
    let watched = watch(&[&server]).await;
    let node = &watched.cluster.nodes()[0];
    let one = node.state().server;
    assert!(node.observed(one).is_some());
    server.rewrite(|script| script.started = "2026-01-01 00:00:05+00");
    watched.until("another one answers", || node.state().server != one).await;
    assert!(node.observed(one).is_none(), "connections to the first one prove it themselves");
    assert!(node.observed(node.state().server).is_some());
}

/// Whoever asks who the primary is goes on when every other server has told or has failed, or
/// when it has waited long enough for one that does not answer.
#[tokio::test]
async fn who_is_the_primary_is_asked_at_once() {
    let down = Script { refuses: Some("57P03"), ..Script::default() };
    let old = Scripted::start(primary()).await;
    let new = Scripted::start(Script::default()).await;
    let down = Scripted::start(down).await;
    let watched = begin(&[&old, &new, &down], GaugeSettings::default());
    let timeline = || watched.cluster.primary().map(|it| it.line.timeline.0);
    let up = || watched.cluster.status().iter().filter(|it| it.up).count() == 2;
    watched.until("two are up", || up() && timeline() == Some(1)).await;

    new.rewrite(|script| script.holds_positions = true);
    watched.cluster.ask_who_is_primary(Duration::from_millis(50)).await;
    assert_eq!(timeline(), Some(1), "nobody has told of another");
    // It is asked for its line once it tells another role.
    new.rewrite(|script| {
        (script.role, script.timeline, script.holds_positions) = (Role::Primary, 2, false);
    });
    watched.cluster.ask_who_is_primary(Duration::from_mins(10)).await;
    assert_eq!(timeline(), Some(2), "it was waited for");
}
