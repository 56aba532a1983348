//! Asks one node, over a connection of its own, who it is and how far it has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_core::{Observed, furthest};
use afterwrite_types::{Fence, InsertPointer, Line, Lsn, Moment, Position, Role};
use afterwrite_wire::client;
use afterwrite_wire::server::DataRow;
use afterwrite_wire::tags::server as tag;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::beat;
use crate::cluster::Cluster;
use crate::connect::{self, Greeting, Introduction, Purpose};
use crate::error::ConnectError;
use crate::gauge::{Gauge, identify};
use crate::node::Node;
use crate::replay;
use crate::stream::Messages;
use crate::timeline;

const PROBE_NAME: &str = "_afterwrite_probe";

const PROBE_SQL: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
 CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
      ELSE pg_catalog.pg_current_wal_insert_lsn() END /* afterwrite: probe */";

/// How often a node is asked who it is, beside how far it has come.
const INTRODUCE_EVERY: Duration = Duration::from_secs(1);

/// Between attempts to reach a node that is down, growing from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A primary that does not answer may only be busy, and what runs on it may be
/// long and dear: it is given up only this long after its last answer. (If its
/// connections break, whoever uses them is told at once.)
const PRIMARY_GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

/// Probes a node until the cluster is gone. A node that is down is tried again
/// and again.
pub(crate) async fn run(cluster: Arc<Cluster>, node: Arc<Node>) {
    let mut retry = RETRY.0;
    let mut down_since = None;
    loop {
        let mut started = Instant::now();
        let began = cluster.sequence.next();
        let Err(error) = watch(&cluster, &node, &mut down_since, &mut started).await;
        let since = *down_since.get_or_insert(started);
        lose(&cluster, &node, &error, Asked { moment: began, at: since });
        if down_since == Some(started) {
            retry = RETRY.0;
        }
        node.demand.before_retry((RETRY.0, retry)).await;
        retry = (retry * 2).min(RETRY.1);
    }
}

/// Probes a node until something goes wrong; `answered` is when it last answered.
async fn watch(
    cluster: &Arc<Cluster>,
    node: &Arc<Node>,
    down_since: &mut Option<Instant>,
    answered: &mut Instant,
) -> Result<std::convert::Infallible, ConnectError> {
    let limit = cluster.settings().probe_timeout;
    let (mut messages, greeting) = within_limit(
        cluster.settings().connect_timeout,
        connect::enter(&node.server, &cluster.login, Purpose::Probe),
    )
    .await?;
    // Another connection: another process, whatever is between.
    {
        let mut state = node.state.lock();
        state.pooled = None;
        state.version = replay::major_version(&greeting.parameters);
    }
    let product = within_limit(limit, identify(&mut messages)).await?;
    node.state.lock().product = product;
    if !product.tells_positions() {
        cluster.gauges.log_is_silent(node, product.name());
    }
    let mut proven = None;
    let mut known = introduce(cluster, node, &greeting, &mut messages, &mut proven).await?;
    *down_since = None;
    let mut introduced = Instant::now();
    let mut prepared = false;
    loop {
        let settings = cluster.settings();
        let pace = (settings.idle_interval, settings.busy_interval, settings.waiting_interval);
        node.demand.pause(pace, cluster.waiters.lowest(known.line)).await;
        let by_log = cluster.gauges.used() == Gauge::Log;
        if introduced.elapsed() >= INTRODUCE_EVERY || !by_log {
            known = introduce(cluster, node, &greeting, &mut messages, &mut proven).await?;
            introduced = Instant::now();
            if !by_log {
                *answered = introduced;
            }
            continue;
        }
        if !prepared {
            within_limit(limit, prepare(&mut messages)).await?;
            prepared = true;
        }
        let asked = Asked::now(cluster);
        let (role, lsn) = within_limit(limit, probe(&mut messages)).await?;
        if role != known.role {
            known = introduce(cluster, node, &greeting, &mut messages, &mut proven).await?;
            introduced = Instant::now();
            continue;
        }
        let lsn = match role {
            Role::Primary => InsertPointer(lsn.0).last_record_end(known.wal),
            Role::Replica => lsn,
        };
        publish(cluster, node, &Introduction { lsn, ..known }, asked);
        *answered = Instant::now();
    }
}

/// When a question was sent; taken before that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) moment: Moment,
    pub(crate) at: Instant,
}

impl Asked {
    pub(crate) fn now(cluster: &Cluster) -> Self {
        Self { moment: cluster.sequence.next(), at: Instant::now() }
    }
}

pub(crate) async fn within_limit<T>(
    limit: Duration,
    what: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(limit, what).await.map_err(|_| ConnectError::TimedOut(limit))?
}

/// Asks who the node is, and tells everyone.
///
/// `proven` is the line that it was found to replay while this connection was open: what it
/// says of itself in SQL may be older for minutes.
async fn introduce(
    cluster: &Arc<Cluster>,
    node: &Arc<Node>,
    greeting: &Greeting,
    messages: &mut Messages,
    proven: &mut Option<Line>,
) -> Result<Introduction, ConnectError> {
    let limit = cluster.settings().probe_timeout;
    let mut asked = Asked::now(cluster);
    let mut said = within_limit(limit, introduce_by_gauge(cluster, node, messages)).await?;
    let process = said.backend.filter(|_| said.is_pooled(greeting));
    node.note_pooler(process);
    // Lives and times have no history.
    let by_log = cluster.gauges.used() == Gauge::Log;
    if by_log
        && process.is_none()
        && timeline::learn(cluster, node, &said, messages, proven).await?
    {
        // Once more: what it says now it says in the same life, and on that timeline.
        asked = Asked::now(cluster);
        said = within_limit(limit, connect::introduce(messages, node)).await?;
    }
    if let Some(line) = proven.filter(|line| line.is_newer_than(said.line)) {
        said.line = line;
    }
    publish(cluster, node, &said, asked);
    Ok(said)
}

/// The same, by what tells how far it has come; where its log does not, something else may.
async fn introduce_by_gauge(
    cluster: &Cluster,
    node: &Node,
    messages: &mut Messages,
) -> Result<Introduction, ConnectError> {
    let mut said = connect::introduce(messages, node).await;
    if let Err(ConnectError::Refused { code, message }) = &said
        && code == "0A000"
        && cluster.gauges.log_is_silent(node, message)
    {
        said = connect::introduce(messages, node).await;
    }
    beat::settle(messages, node, &cluster.gauges, said).await
}

async fn prepare(messages: &mut Messages) -> Result<(), ConnectError> {
    let mut out = Vec::new();
    client::parse(&mut out, PROBE_NAME, PROBE_SQL, &[]);
    client::sync(&mut out);
    messages.send(&out).await?;
    connect::until_ready(messages).await
}

async fn probe(messages: &mut Messages) -> Result<(Role, Lsn), ConnectError> {
    let mut out = Vec::new();
    client::bind(&mut out, "", PROBE_NAME, &[], &[], &[1]);
    client::execute(&mut out, "", 0);
    client::sync(&mut out);
    messages.send(&out).await?;
    let mut answer = None;
    loop {
        let (message, body) = messages.next().await?;
        match message {
            tag::DATA_ROW => answer = read_answer(&body)?,
            tag::READY_FOR_QUERY => {
                return answer.ok_or_else(|| ConnectError::Protocol("no position".into()));
            }
            tag::ERROR => return Err(connect::unexpected(message, &body)),
            _ => {}
        }
    }
}

/// A NULL position is no position: an error, and never "caught up".
fn read_answer(body: &[u8]) -> Result<Option<(Role, Lsn)>, ConnectError> {
    let mut row = DataRow::decode(body)?;
    let (Some(recovers), Some(lsn)) = (row.next().transpose()?, row.next().transpose()?) else {
        return Ok(None);
    };
    let role = match recovers {
        Some([0]) => Role::Primary,
        Some([1]) => Role::Replica,
        _ => return Ok(None),
    };
    let lsn = lsn.and_then(|bytes| Some(Lsn(u64::from_be_bytes(bytes.try_into().ok()?))));
    Ok(lsn.map(|lsn| (role, lsn)))
}

/// Tells everyone what a node answered.
pub(crate) fn publish(cluster: &Arc<Cluster>, node: &Arc<Node>, said: &Introduction, asked: Asked) {
    let now = Instant::now();
    let told = cluster.sequence.now();
    let position = Position { line: said.line, lsn: said.lsn };
    let observed = Observed { replayed: position, asked: asked.moment };
    let behind = match said.role {
        Role::Replica => cluster.behind(said.lsn, now),
        Role::Primary => Duration::ZERO,
    };
    let before = node.state.lock().observed.filter(|it| it.replayed.line == said.line);
    let passed = before.and_then(|it| cluster.passed(it.replayed.lsn, said.lsn, now));
    let newest = cluster.note_line(said.line);
    let news = {
        let mut state = node.state.lock();
        let news = !state.up || state.role != Some(said.role) || state.line != Some(said.line);
        let same = state.line == Some(said.line) && state.server == said.server;
        state.astray = state.astray.filter(|_| same && said.role == Role::Replica);
        state.asked = state.asked.max(asked.moment);
        state.told = told;
        state.role = Some(said.role);
        state.line = Some(said.line);
        state.wal = said.wal;
        state.server = said.server;
        state.observed = Some(observed);
        state.covers = said.is_fence;
        state.furthest = Some(furthest(state.furthest, position));
        state.lag.measure(behind, now);
        if let Some(within) = passed {
            state.lag.caught_up(within, now);
        }
        state.error = None;
        state.up = true;
        state.falters = false;
        state.tried = true;
        news
    };
    if news {
        info!(node = %node.address(), role = said.role.name(), line = %said.line, "node is up");
    }
    if news || newest {
        cluster.elect();
    }
    cluster.judge(node);
    cluster.settled.notify_waiters();
    match said.role {
        Role::Replica => {
            cluster.waiters.replayed(position);
            cluster.forget_replayed();
        }
        Role::Primary if said.is_fence && cluster.is_primary(node.id, said.line) => {
            cluster.answered(node, Fence { position, asked: asked.moment });
            cluster.observe_primary(position, now);
            cluster.bounded(asked.at, position);
        }
        Role::Primary => {}
    }
}

/// Notes that a node does not answer any more.
///
/// A primary that is merely silent keeps its place for a while: what runs on it
/// goes on, and nobody else could take it. `failed` is when it was tried in vain, and since
/// when.
fn lose(cluster: &Arc<Cluster>, node: &Arc<Node>, error: &ConnectError, failed: Asked) {
    let silent = matches!(error, ConnectError::TimedOut(_));
    let text = error.to_string();
    let (was_there, falters, news, first) = {
        let mut state = node.state.lock();
        let first = !state.tried;
        let was_there = state.up || state.falters;
        let is_primary = was_there && state.role == Some(Role::Primary);
        state.falters = is_primary && silent && failed.at.elapsed() < PRIMARY_GIVEN_UP_AFTER;
        state.up = false;
        state.observed = None;
        state.asked = state.asked.max(failed.moment);
        state.tried = true;
        let news = state.error.as_ref() != Some(&text);
        state.error = Some(text.clone());
        (was_there, state.falters, news, first)
    };
    if news {
        warn!(node = %node.address(), error = %text, "node is down");
    }
    if was_there && !falters {
        // Its connections may be dead without our having heard of it.
        node.give_up();
        cluster.elect();
    } else if first {
        // Whoever waits for all to be asked waits for one less.
        cluster.elect();
    }
    cluster.settled.notify_waiters();
}
