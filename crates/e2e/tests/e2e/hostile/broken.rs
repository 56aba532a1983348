//! Bytes that are not the protocol, and clients that take their time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use afterwrite_wire::client;

use crate::support::{ANSWER_MAX, Bed, Checks, Raw, connect, eventually, number, within};

const LOGIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What is sent instead of a startup packet.
fn openings() -> Vec<(&'static str, Vec<u8>)> {
    let startup = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len() + 4).unwrap();
        [&length.to_be_bytes()[..], bytes].concat()
    };
    vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.0\r\n".to_vec()),
        ("TLS at once", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 200]].concat()),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
        ("length 0", vec![0; 4]),
        ("length 4", vec![0, 0, 0, 4]),
        ("length 7", vec![0, 0, 0, 7, 0, 3, 0]),
        ("length 2 GiB", [&[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0][..], &[b'a'; 2000]].concat()),
        ("length negative", vec![0x80, 0, 0, 8, 0, 3, 0, 0]),
        ("length over the limit", [&[0, 1, 0, 0, 0, 3, 0, 0][..], &b"a".repeat(70_000)].concat()),
        ("protocol 2", startup(&[0, 2, 0, 0, 0])),
        ("protocol 4", startup(&[0, 4, 0, 0, 0])),
        ("no terminator", startup(b"\0\x03\0\0user\0app")),
        ("no user", startup(b"\0\x03\0\0database\0app\0\0")),
        ("a name without its value", startup(b"\0\x03\0\0user\0")),
        ("not text", startup(b"\0\x03\0\0user\0\xff\xfe\0\0")),
        ("bytes behind the end", startup(b"\0\x03\0\0user\0app\0\0more")),
        ("a cancel request too short", startup(&[4, 210, 22, 46, 0, 0])),
        ("a cancel request for nobody", startup(&[4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2])),
        ("a query instead", b"Q\0\0\0\x0dSELECT 1\0".to_vec()),
    ]
}

/// What is sent after the login; `true`: the connection must end.
fn messages() -> Vec<(&'static str, Vec<u8>, bool)> {
    let message = |tag: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    };
    vec![
        ("an unknown tag", message(b'!', b"x"), true),
        ("tag 0", message(0, &[0; 20]), true),
        ("a length of 0", vec![b'Q', 0, 0, 0, 0], true),
        ("a length of 3", vec![b'Q', 0, 0, 0, 3], true),
        ("a negative length", vec![b'Q', 0xff, 0xff, 0xff, 0xff], true),
        ("a length of 2 GiB", [&[b'Q', 0x7f, 0xff, 0xff, 0xff][..], &[b'a'; 5000]].concat(), true),
        ("2 GiB of CopyData", [&[b'd', 0x7f, 0xff, 0xff, 0xff][..], &[b'a'; 5000]].concat(), true),
        ("a query without its zero", message(b'Q', b"SELECT 1"), false),
        ("an empty query message", message(b'Q', b""), false),
        ("a parse without its zeros", message(b'P', b"name"), false),
        ("a parse with types that do not come", message(b'P', b"\0SELECT 1\0\xff\xff"), false),
        ("a bind cut short", message(b'B', b"\0\0\0\x01\0\0\0\x05"), false),
        ("a bind with too many values", message(b'B', b"\0\0\0\0\xff\xff"), false),
        ("a bind with a huge value", message(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0"), false),
        ("a bind with a length of -2", message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), false),
        ("a describe of nothing", message(b'D', b"X\0"), false),
        ("a close of nothing", message(b'C', b"X\0"), false),
        ("an execute cut short", message(b'E', b"\0\0"), false),
        ("a server's message", message(b'Z', b"I"), true),
        ("a second startup packet", vec![0, 0, 0, 9, 0, 3, 0, 0, 0], true),
        ("a password nobody asked for", message(b'p', b"secret\0"), true),
    ]
}

/// A well-behaved client that goes on all the time, and must never see an error.
struct Bystander {
    done: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<i64>,
}

impl Bystander {
    async fn start(url: &str) -> Self {
        let client = connect(url).await;
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        let task = tokio::spawn(async move {
            let mut count = 0;
            while !until.load(Ordering::Relaxed) {
                within("the bystander", client.batch_execute("INSERT INTO t VALUES (-1)"))
                    .await
                    .unwrap();
                count += 1;
                let sql = "SELECT count(*) FROM t WHERE id = -1";
                assert_eq!(number(&client, sql).await, count);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            count
        });
        Self { done, task }
    }

    async fn finish(self) {
        self.done.store(true, Ordering::Relaxed);
        let count = within("the bystander's end", self.task).await.unwrap();
        assert!(count > 10, "{count}");
    }
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[tokio::test]
async fn garbage_closes_one_connection_alone() {
    let mut bed = Bed::start(&["--set", "clients.login_timeout=1s", "--set", "pool.size=5"]).await;
    bed.prepare("CREATE TABLE t (id int)").await;
    let port = bed.proxy.port();
    let mut checks = Checks::default();
    let bystander = Bystander::start(&bed.proxy.url()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let files = open_files(bed.proxy.pid());
    for (name, bytes) in openings() {
        checks.run(&format!("opening: {name}"), opening(port, &bytes)).await;
    }
    checks.run("TLS and GSS are declined", declined(port)).await;
    checks.run("a newer protocol 3", newer_minor(port)).await;
    for (name, bytes, must_end) in messages() {
        checks.run(&format!("message: {name}"), after_login(port, &bytes, must_end)).await;
    }
    checks.run("noise", noise(port)).await;
    checks.run("nothing is sent", slow(port, b"", Duration::ZERO)).await;
    let mut startup = Vec::new();
    client::startup(&mut startup, &[("user", "app"), ("database", "app")]);
    checks.run("half a startup packet", slow(port, &startup[..10], Duration::ZERO)).await;
    checks.run("a byte at a time", slow(port, &startup[..20], Duration::from_millis(100))).await;
    checks.run("what was announced does not come", announced(&bed)).await;
    checks.run("connected and gone, 300 times", connected_and_gone(port)).await;
    checks.run("all others went on", bystander.finish()).await;
    let running = bed.proxy.is_running();
    checks.that("it still runs", running, "the proxy ended");
    let proxy = &bed.proxy;
    let quiet =
        async || proxy.metrics().await.clients() == 0.0 && open_files(proxy.pid()) <= files + 3;
    checks.run("nothing is left", eventually("no client, no file", ANSWER_MAX, quiet)).await;
    let panicked = proxy.log().iter().any(|line| line.contains("panicked"));
    checks.that("nothing panicked", !panicked, &proxy.log().join("\n"));
}

/// The connection ends, after an error or silently, in about the time for a login.
async fn opening(port: u16, bytes: &[u8]) {
    let begin = Instant::now();
    let mut raw = Raw::open(port).await;
    raw.send(bytes).await;
    let replies = raw.until_end().await;
    assert!(begin.elapsed() < LOGIN_TIMEOUT * 3, "open for {:?}", begin.elapsed());
    for reply in replies {
        assert_eq!(reply.tag, b'E', "{reply:?}");
        assert!(!reply.code().is_empty());
    }
}

async fn declined(port: u16) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for request in [80_877_103_u32, 80_877_104] {
        let mut raw = Raw::open(port).await;
        let mut question = 8_u32.to_be_bytes().to_vec();
        question.extend_from_slice(&request.to_be_bytes());
        raw.send(&question).await;
        let mut answer = [0];
        within("the answer", raw.stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"N");
        let mut startup = Vec::new();
        client::startup(&mut startup, &[("user", "app"), ("database", "app")]);
        raw.stream.write_all(&startup).await.unwrap();
        raw.until(b'Z').await;
        assert_eq!(raw.ask("SELECT 1").await, ["1"]);
    }
}

/// Protocol 3.9 and an unknown protocol option: told what there is, and on we go.
async fn newer_minor(port: u16) {
    let body = b"\0\x03\0\x09user\0app\0database\0app\0_pq_.new\0yes\0\0";
    let mut raw = Raw::open(port).await;
    raw.send(&[&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()).await;
    let replies = raw.until(b'Z').await;
    assert!(replies.iter().any(|reply| reply.tag == b'v'), "{replies:?}");
    assert_eq!(raw.ask("SELECT 1").await, ["1"]);
}

/// Each is answered with an error; then the connection ends, or it goes on after a Sync
/// as if nothing had been.
async fn after_login(port: u16, bytes: &[u8], must_end: bool) {
    let mut raw = Raw::login(port, &[]).await;
    raw.send(bytes).await;
    // Where the peer waits for more, this is the more; where it has hung up, no matter.
    let mut rest = Vec::new();
    client::sync(&mut rest);
    client::query(&mut rest, "SELECT 'after'");
    raw.send(&rest).await;
    let mut replies = Vec::new();
    let mut ended = true;
    while let Some(reply) = raw.next().await {
        let after = reply.tag == b'D' && reply.body.ends_with(b"after");
        replies.push(reply);
        if after {
            ended = false;
            break;
        }
    }
    assert!(ended || !must_end, "it went on: {replies:?}");
    let error = replies.iter().find(|reply| reply.tag == b'E');
    assert!(error.is_some_and(|error| !error.code().is_empty()), "{replies:?}");
}

/// Pseudo-random messages, each on its own connection.
async fn noise(port: u16) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..150 {
        let mut raw =
            if round % 3 == 0 { Raw::open(port).await } else { Raw::login(port, &[]).await };
        let mut bytes = Vec::new();
        for _ in 0..next() % 5 {
            let body: Vec<u8> = (0..next() % 60).map(|_| next().to_be_bytes()[3]).collect();
            bytes.push(b"QPBEDCSHXdcfFp!Z\0"[usize::try_from(next() % 17).unwrap()]);
            let length = u32::try_from(body.len() + 4).unwrap();
            let lie = if next() % 4 == 0 { next().to_be_bytes()[0].into() } else { 0_u32 };
            bytes.extend_from_slice(&length.wrapping_add(lie).to_be_bytes());
            bytes.extend_from_slice(&body);
        }
        raw.send(&bytes).await;
        let wait = Duration::from_millis(3);
        let _ = tokio::time::timeout(wait, raw.next()).await;
    }
}

/// Logging in too slowly is closed at the time for a login, not before.
async fn slow(port: u16, bytes: &[u8], pause: Duration) {
    let begin = Instant::now();
    let mut raw = Raw::open(port).await;
    if pause.is_zero() {
        raw.send(bytes).await;
    }
    for byte in bytes.iter().filter(|_| !pause.is_zero()) {
        raw.send(&[*byte]).await;
        tokio::time::sleep(pause).await;
    }
    raw.until_end().await;
    let open = begin.elapsed();
    assert!(open >= LOGIN_TIMEOUT && open < LOGIN_TIMEOUT * 3, "open for {open:?}");
}

/// Announced is not reserved.
async fn announced(bed: &Bed) {
    let before = bed.proxy.resident_bytes();
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::login(bed.proxy.port(), &[]).await;
        raw.send(&[b'Q', 0x20, 0, 0, 0]).await;
        raw.send(&[b'a'; 1000]).await;
        waiting.push(raw);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let grown = bed.proxy.resident_bytes().saturating_sub(before);
    assert!(grown < 30_000_000, "{grown} bytes");
}

async fn connected_and_gone(port: u16) {
    for round in 0..300 {
        let mut raw = Raw::open(port).await;
        if round % 2 == 0 {
            let mut startup = Vec::new();
            client::startup(&mut startup, &[("user", "app"), ("database", "app")]);
            raw.send(&startup).await;
        }
    }
    assert_eq!(Raw::login(port, &[]).await.ask("SELECT 1").await, ["1"]);
}
