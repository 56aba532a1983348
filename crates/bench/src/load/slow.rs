//! Clients that ask for much and read nothing.

use std::time::Duration;

use crate::client::Client;
use crate::error::BenchError;
use crate::proxy::{Ground, Proxy};

/// They ask at the same time; fewer than there are server connections.
const READERS: usize = 16;

/// About 100 MB.
const MUCH: &str = "SELECT repeat('x', 1000) FROM generate_series(1, 100000)";

/// In which what is not held back would have arrived.
const WATCHED: Duration = Duration::from_secs(4);

const SETTLE: Duration = Duration::from_secs(1);

/// By how many bytes the proxy grew at most.
pub(super) async fn measure(proxy: &Proxy, ground: &Ground) -> Result<u64, BenchError> {
    tokio::time::sleep(SETTLE).await;
    let before = proxy.memory()?.rss;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut client = Client::connect(proxy.port, &ground.user, &ground.database).await?;
        client.ask_in_vain(MUCH).await?;
        readers.push(client);
    }
    let mut most = before;
    for _ in 0..WATCHED.as_millis() / 100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(proxy.memory()?.rss);
    }
    drop(readers);
    Ok(most.saturating_sub(before))
}
