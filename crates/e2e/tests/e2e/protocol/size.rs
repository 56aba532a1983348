//! Large results, large values, large COPY, slow readers: the proxy's memory does not
//! grow with them.

use std::time::Duration;

use afterwrite_wire::client;
use futures_util::{SinkExt, TryStreamExt, pin_mut};
use tokio::io::AsyncReadExt;

use crate::support::{Bed, Checks, Raw, connect, number, within};

const MB: u64 = 1_000_000;

/// Growth that is fine: buffers, not results.
const GROWTH_MAX: u64 = 30 * MB;

/// Runs `work`, and fails if the proxy's memory grew by more than buffers, at its
/// highest.
async fn in_constant_memory<T>(bed: &Bed, work: impl Future<Output = T>) -> T {
    let before = bed.proxy.resident_bytes();
    let mut highest = before;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let limit = tokio::time::sleep(Duration::from_mins(1));
    let mut work = Box::pin(work);
    pin_mut!(limit);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            _ = ticks.tick() => highest = highest.max(bed.proxy.resident_bytes()),
            () = &mut limit => panic!("not done within a minute"),
        }
    };
    let grown = highest.max(bed.proxy.resident_bytes()) - before;
    println!("        {} MB before, {} kB more at most", before / MB, grown / 1000);
    assert!(grown < GROWTH_MAX, "grew by {grown} bytes");
    outcome
}

#[tokio::test]
async fn memory_does_not_grow_with_what_passes() {
    let bed = Bed::start(&[]).await;
    bed.prepare(
        "CREATE TABLE big (id int, text text); ALTER TABLE big ALTER text SET STORAGE EXTERNAL",
    )
    .await;
    let mut checks = Checks::default();
    checks.run("a million rows", in_constant_memory(&bed, million_rows(&bed, false))).await;
    checks
        .run("a million rows, in a write", in_constant_memory(&bed, million_rows(&bed, true)))
        .await;
    checks.run("a slow reader", in_constant_memory(&bed, slow_reader(&bed))).await;
    checks.run("a value of 100 MB", in_constant_memory(&bed, large_value(&bed))).await;
    checks.run("200 MB by COPY, in and out", in_constant_memory(&bed, copy(&bed))).await;
    checks.run("a parameter of 50 MB", in_constant_memory(&bed, large_parameter(&bed))).await;
    checks.run("a query of 20 MB", in_constant_memory(&bed, large_query(&bed))).await;
    checks.run("large queries sent ahead", in_constant_memory(&bed, sent_ahead(&bed))).await;
}

async fn million_rows(bed: &Bed, write: bool) {
    let client = connect(&bed.proxy.url()).await;
    let mut sql = "SELECT n, repeat('x', 60) FROM generate_series(1, 1000000) n".to_owned();
    if write {
        sql = format!("WITH w AS (INSERT INTO big VALUES (-1)) {sql}");
    }
    let no_values: [i32; 0] = [];
    let rows = client.query_raw(&sql, no_values).await.unwrap();
    let count = rows.try_fold(0_u32, async |count, _| Ok(count + 1)).await.unwrap();
    assert_eq!(count, 1_000_000);
    assert_eq!(number(&client, "SELECT 1").await, 1);
}

/// Others go on while somebody does not read.
async fn slow_reader(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.query("SELECT n, repeat('x', 60) FROM generate_series(1, 1000000) n").await;
    let client = connect(&bed.proxy.url()).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(number(&client, "SELECT 1").await, 1);
    }
    let mut buffer = vec![0; 1 << 20];
    let (mut total, mut tail) = (0, Vec::new());
    while !tail.ends_with(b"Z\0\0\0\x05I") {
        let read = within("the rest", raw.stream.read(&mut buffer)).await.unwrap();
        assert!(read > 0, "the connection ended after {total} bytes");
        total += read;
        tail.extend_from_slice(&buffer[read.saturating_sub(8)..read]);
        tail.drain(..tail.len().saturating_sub(8));
    }
    assert!(total > 80_000_000, "{total}");
    assert_eq!(raw.ask("SELECT 5").await, ["5"]);
}

async fn large_value(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    raw.query("SELECT repeat('x', 100000000)").await;
    let replies = raw.until(b'Z').await;
    let row = replies.iter().find(|reply| reply.tag == b'D').unwrap();
    assert_eq!(row.body.len(), 2 + 4 + 100_000_000);
    assert!(row.body[6..].iter().all(|byte| *byte == b'x'));
}

async fn copy(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let sink = client.copy_in("COPY big FROM STDIN").await.unwrap();
    pin_mut!(sink);
    let line = format!("1\t{}\n", "c".repeat(997));
    let piece = bytes::Bytes::from(line.repeat(1000));
    for _ in 0..200 {
        within("COPY", sink.send(piece.clone())).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 200_000);
    assert_eq!(number(&client, "SELECT count(*) FROM big WHERE id = 1").await, 200_000);
    let out = client.copy_out("COPY (SELECT * FROM big WHERE id = 1) TO STDOUT").await.unwrap();
    let total = out.try_fold(0, async |total, piece| Ok(total + piece.len())).await.unwrap();
    assert_eq!(total, 200 * 1000 * line.len());
}

async fn large_parameter(bed: &Bed) {
    let client = connect(&bed.proxy.url()).await;
    let value = "p".repeat(50_000_000);
    client.execute("INSERT INTO big VALUES (2, $1)", &[&value]).await.unwrap();
    let row = client.query_one("SELECT text FROM big WHERE id = 2", &[]).await.unwrap();
    assert!(row.get::<_, &str>(0) == value);
}

async fn large_query(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    let value = "q".repeat(20_000_000);
    raw.ask(&format!("INSERT INTO big VALUES (3, '{value}')")).await;
    assert_eq!(raw.ask("SELECT length(text) FROM big WHERE id = 3").await, ["20000000"]);
    assert_eq!(raw.ask(&format!("SELECT length('{value}')")).await, ["20000000"]);
}

/// Sent without reading an answer: what has not had its turn waits in the socket.
async fn sent_ahead(bed: &Bed) {
    let mut raw = Raw::login(bed.proxy.port(), &[]).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        client::query(&mut all, &format!("SELECT length('{}')", "a".repeat(900_000)));
    }
    let (mut read, mut write) = tokio::io::split(raw.stream);
    let send = async { tokio::io::AsyncWriteExt::write_all(&mut write, &all).await.unwrap() };
    let receive = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut seen = Vec::new();
        while seen.windows(6).filter(|window| window == b"Z\0\0\0\x05I").count() < 100 {
            assert!(within("answers", read.read_buf(&mut seen)).await.unwrap() > 0);
        }
    };
    tokio::join!(send, receive);
    raw = Raw::login(bed.proxy.port(), &[]).await;
    assert_eq!(raw.ask("SELECT 1").await, ["1"]);
}
