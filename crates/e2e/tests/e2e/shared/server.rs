//! A Redis or Valkey server on a free port.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{eventually, within};

/// It ends with this value.
pub(super) struct StoreServer {
    child: Child,
    pub(super) port: u16,
    _folder: tempfile::TempDir,
}

impl StoreServer {
    pub(super) async fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = afterwrite_cluster::free_port().unwrap();
        let spawn = |program: &str| {
            Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .args(["--appendonly", "no", "--repl-diskless-sync-delay", "0"])
                .arg("--dir")
                .arg(folder.path())
                .args(more)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let child = spawn("redis-server").or_else(|_| spawn("valkey-server"));
        let server = Self {
            child: child.unwrap_or_else(|error| {
                panic!("redis-server or valkey-server, see scripts/setup test: {error}")
            }),
            port,
            _folder: folder,
        };
        eventually("the store answers", Duration::from_secs(10), async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        server
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// What it answers, as it comes.
    pub(super) async fn command(&self, words: &[&str]) -> String {
        within("the store", async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let parts = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
            let text = format!("*{}\r\n{}", words.len(), parts.collect::<String>());
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut answer = vec![0; 16 * 1024];
            let count = stream.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..count]).into_owned()
        })
        .await
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
