//! With a real server: Redis, or Valkey.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use afterwrite_core::Key;
use afterwrite_store::{Question, Store, StoreSettings};
use afterwrite_types::{Line, Lsn, SystemId, Timeline};
use smallvec::smallvec;
use tokio::time::sleep;

const LINE: Line = Line { system: SystemId(7), timeline: Timeline(1) };

/// On a socket in a folder of its own. It ends with this value.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let spawn = |program: &str| {
            Command::new(program)
                .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
                .arg(&socket)
                .arg("--dir")
                .arg(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
        };
        let child = spawn("redis-server").or_else(|_| spawn("valkey-server"));
        let child = child.unwrap_or_else(|error| {
            panic!("redis-server or valkey-server, see scripts/setup test: {error}")
        });
        Self { child, folder }
    }

    async fn connect(&self) -> Arc<Store> {
        let url = format!("redis+unix://{}", self.folder.path().join("s").display());
        let settings = StoreSettings::new(&url, None, "test", Duration::from_secs(2)).unwrap();
        let (store, worker) = Store::new(&settings);
        tokio::spawn(worker.run());
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(error) = store.connect().await {
            assert!(Instant::now() < end, "{error}");
            sleep(Duration::from_millis(20)).await;
        }
        store
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn raise(store: &Store, key: Key, lsn: u64) {
    let raise = Some((smallvec![key], Lsn(lsn)));
    store.ask(Question { line: LINE, raise, read: smallvec![] }).await.unwrap();
}

async fn floor(store: &Store, line: Line, key: Key) -> Option<u64> {
    let question = Question { line, raise: None, read: smallvec![key] };
    store.ask(question).await.unwrap().floor.map(|lsn| lsn.0)
}

/// Numbers of 64 bits, compared as such: neither as text nor as floating point.
#[tokio::test]
async fn floors_only_rise_whoever_raises_them() {
    let server = Server::start();
    let (one, other) = (server.connect().await, server.connect().await);
    let pairs = [
        (0x9FF_FFFF, 0x1000_0000),
        (0xFFFF_FFFF, 0x1_0000_0000),
        (0x9_FFFF_FFFF, 0x10_0000_0000),
        ((1 << 53) + 2, (1 << 53) + 3),
        (u64::MAX - 1, u64::MAX),
    ];
    for (number, (low, high)) in (0u32..).zip(pairs) {
        for (turn, lsns) in [(0, [low, high]), (1, [high, low])] {
            let key = Key(u128::from(number * 2 + turn) << 64);
            assert_eq!(floor(&one, LINE, key).await, None);
            raise(&one, key, lsns[0]).await;
            raise(&other, key, lsns[1]).await;
            for store in [&one, &other] {
                assert_eq!(floor(store, LINE, key).await, Some(high), "{lsns:x?}");
            }
            let next = Line { timeline: Timeline(2), ..LINE };
            assert_eq!(floor(&one, next, key).await, None, "another line has floors of its own");
        }
    }
}
