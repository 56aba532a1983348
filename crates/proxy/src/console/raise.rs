//! `RAISE KEY`: reads of a key see what was written past the proxy.

use std::sync::Arc;
use std::time::Instant;

use afterwrite_core::{Key, Written};
use afterwrite_session::key_named;
use afterwrite_types::Source;
use afterwrite_wire::server::Report;
use smallvec::smallvec;

use crate::shared::Shared;
use crate::sharing::HOLD_MAX;
use crate::site::Site;

/// Raises a key in these clusters. Done once every proxy that shares its floors knows.
pub(super) async fn raise(shared: &Shared, sites: &[Arc<Site>], name: &str) -> Result<(), Report> {
    for site in sites {
        raise_in(shared, site, key_named(name)).await?;
    }
    Ok(())
}

async fn raise_in(shared: &Shared, site: &Site, key: Key) -> Result<(), Report> {
    let written = Written { source: Some(Source::Manual), at: Instant::now() };
    let now = shared.sequence.now();
    site.keys.lock().raise(key, written, now);
    let Some(sharing) = &site.sharing else { return Ok(()) };
    let fence = site.cluster.fence(now, HOLD_MAX).await.ok_or_else(not_shared)?;
    sharing.publish(smallvec![key], fence.position).await.map_err(|_| not_shared())
}

fn not_shared() -> Report {
    Report::error("08007", "the key is raised here, but other proxies could not be told of it")
        .detail("Reads of the key through another proxy of the group may not see the write yet.")
        .hint("repeat it")
}
