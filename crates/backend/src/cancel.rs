//! Asks a server to cancel what one of its processes is doing.

use std::time::Duration;

use afterwrite_net::Endpoint;
use afterwrite_wire::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::ConnectError;

/// Which server process to interrupt.
#[derive(Clone, Debug)]
pub struct CancelTarget {
    /// Where its server listens.
    pub endpoint: Endpoint,
    /// The process.
    pub pid: i32,
    /// The key that proves the right to.
    pub key: Vec<u8>,
}

/// Sends a cancel request and waits until the server has acted on it: it closes
/// the connection only after the signal was sent. Until then the server
/// connection must not be given to another client.
pub async fn cancel(target: &CancelTarget, limit: Duration) -> Result<(), ConnectError> {
    let send = async {
        let mut stream = target.endpoint.connect().await?;
        let mut out = Vec::new();
        client::cancel(&mut out, target.pid, &target.key);
        stream.write_all(&out).await?;
        stream.flush().await?;
        let mut rest = [0; 16];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    timeout(limit, send).await.map_err(|_| ConnectError::TimedOut(limit))?
}
