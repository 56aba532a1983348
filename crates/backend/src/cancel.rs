//! Asks a server to cancel what one of its processes is doing.

use std::io::ErrorKind;
use std::time::Duration;

use afterwrite_wire::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::ConnectError;
use crate::server::Route;

/// Which server process to interrupt.
#[derive(Debug)]
pub struct CancelTarget {
    /// The way to its server.
    pub route: Route,
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
        let mut stream = target.route.retrace().await?;
        let mut out = Vec::new();
        client::cancel(&mut out, target.pid, &target.key);
        stream.write_all(&out).await?;
        stream.flush().await?;
        let mut rest = [0; 16];
        loop {
            match stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // PostgreSQL closes without the goodbye of TLS.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    };
    timeout(limit, send).await.map_err(|_| ConnectError::TimedOut(limit))?
}
