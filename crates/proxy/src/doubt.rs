//! Writes whose server connection was lost: whether they happened is not known,
//! and they may still happen. Until the server process behind one is gone, no
//! position covers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use afterwrite_backend::Primary;
use afterwrite_core::WriteMark;
use afterwrite_types::Floor;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::shared::Shared;
use crate::tenant::Tenant;

/// Between questions whether the process is gone.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A doubtful write, as its client sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// Whether nothing of it can happen any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Watches a doubtful write until nothing of it can happen any more; only then
/// the mark of its key is taken away.
pub(crate) fn watch(
    shared: &Arc<Shared>,
    tenant: &Arc<Tenant>,
    primary: Primary,
    pid: i32,
    mark: Option<WriteMark>,
) -> Doubt {
    let doubt = Doubt::default();
    let (shared, tenant) = (Arc::clone(shared), Arc::clone(tenant));
    let settled = doubt.clone();
    shared.metrics.doubts.inc();
    warn!(pid, "a server connection was lost during a write: its outcome is unknown");
    tokio::spawn(async move {
        // On another line of history whatever it still does will not be seen.
        while tenant.cluster().primary().is_none_or(|now| now == primary) {
            if tenant.cluster().is_process_gone(primary.node, pid).await.unwrap_or(false) {
                break;
            }
            sleep(ASK_EVERY).await;
        }
        let now = shared.sequence.now();
        if let Some(mark) = mark {
            tenant.site().keys.lock().end_write(mark, Floor::since(now), now);
        }
        settled.0.store(true, Ordering::SeqCst);
        info!(pid, "the process of a lost write is gone");
    });
    doubt
}
