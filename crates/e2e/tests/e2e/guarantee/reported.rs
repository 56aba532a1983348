//! The token that comes with a write's own answer: for every way to write it is there
//! before "ready", and whoever brings it to another proxy sees the write.

use std::time::Duration;

use afterwrite_cluster::Plan;
use afterwrite_wire::server::{ParameterStatus, ready_status};

use super::writes::{SCHEMA, WAYS};
use crate::support::{Bed, Checks, Proxy, Raw, Reply, batch};

/// What all proxies of the test sign with.
const KEYS: &str = "tokens.keys=1:a secret of the tests that is long enough";

/// A client that is told its token.
struct Told {
    raw: Raw,
    token: String,
}

impl Told {
    async fn login(proxy: &Proxy) -> Self {
        let raw = Raw::login(proxy.port(), &[("options", "-c afterwrite.report_token=on")]).await;
        assert_eq!(raw.parameters.get("afterwrite.token").map(String::as_str), Some(""));
        Self { raw, token: String::new() }
    }

    /// Everything up to the next "ready", of which the status is given back.
    async fn ready(&mut self) -> u8 {
        let replies = self.raw.until(b'Z').await;
        self.hear(&replies);
        ready_status(&replies.last().unwrap().body).unwrap()
    }

    fn hear(&mut self, replies: &[Reply]) {
        for reply in replies.iter().filter(|reply| reply.tag == b'S') {
            let status = ParameterStatus::decode(&reply.body).unwrap();
            if status.name == "afterwrite.token" {
                status.value.clone_into(&mut self.token);
            }
        }
    }

    async fn run(&mut self, sql: &str, extended: bool) -> u8 {
        if extended {
            self.raw.send(&batch(sql)).await;
        } else {
            self.raw.query(sql).await;
        }
        self.ready().await
    }

    /// Who has only the token, at another proxy, sees as many rows.
    async fn is_seen(&self, other: &Proxy, rows: &str) {
        assert_eq!(self.token.len(), 43, "{:?}", self.token);
        let mut reader = Raw::login(other.port(), &[("afterwrite.token", &self.token)]).await;
        assert_eq!(reader.ask("SELECT count(*) FROM log").await, [rows]);
        let hint = format!("SELECT count(*) FROM log /*afterwrite.token='{}'*/", self.token);
        assert_eq!(Raw::login(other.port(), &[]).await.ask(&hint).await, [rows]);
    }
}

#[tokio::test]
async fn a_write_comes_with_its_token() {
    let plan = Plan { apply_delay: vec![Duration::from_millis(300); 2], ..Plan::default() };
    let bed = Bed::with(plan, &["--set", KEYS]).await;
    bed.prepare(SCHEMA).await;
    let other = bed.another(&["--set", KEYS]).await;
    let mut checks = Checks::default();
    let mut rows = 0;
    for extended in [false, true] {
        for steps in WAYS {
            rows += 1;
            let name = format!("{}, extended: {extended}", steps.join("; "));
            checks.run(&name, way(&bed.proxy, &other, steps, extended, rows)).await;
        }
    }
    let mut told = Told::login(&bed.proxy).await;
    checks.run("COPY FROM", copy(&mut told, &other, &mut rows)).await;
    checks.run("a function call", function_call(&mut told, &other, &mut rows)).await;
    checks.run("batches sent ahead", pipelined(&mut told, &other, &mut rows)).await;
    checks.run("several statements", several(&mut told, &other, &mut rows)).await;
    checks.run("DISCARD ALL", discarded(&mut told, &other, &mut rows)).await;
    checks.run("by the configuration", by_configuration(&bed)).await;
    checks.run("without replicas", without_replicas()).await;
}

async fn way(proxy: &Proxy, other: &Proxy, steps: &[&str], extended: bool, rows: i64) {
    let mut told = Told::login(proxy).await;
    let mut status = b'I';
    for step in steps {
        status = told.run(step, extended).await;
    }
    assert_eq!(status, b'I');
    told.is_seen(other, &rows.to_string()).await;
}

async fn copy(told: &mut Told, other: &Proxy, rows: &mut i64) {
    for _ in 0..2 {
        let before = told.token.clone();
        told.raw.query("COPY log FROM STDIN").await;
        told.raw.until(b'G').await;
        told.raw.send(b"d\0\0\0\x061\nc\0\0\0\x04").await;
        told.ready().await;
        *rows += 1;
        assert_ne!(told.token, before);
        told.is_seen(other, &rows.to_string()).await;
    }
}

async fn function_call(told: &mut Told, other: &Proxy, rows: &mut i64) {
    let oid = told.raw.ask("SELECT 'w'::regproc::oid::int").await;
    let oid: i32 = oid[0].parse().unwrap();
    // One argument as text, the result as text.
    let mut call = b"F\0\0\0\x13".to_vec();
    call.extend(oid.to_be_bytes());
    call.extend(b"\0\0\0\x01\0\0\0\x011\0\0");
    told.raw.send(&call).await;
    told.ready().await;
    *rows += 1;
    told.is_seen(other, &rows.to_string()).await;
}

async fn pipelined(told: &mut Told, other: &Proxy, rows: &mut i64) {
    let one = batch("INSERT INTO log VALUES (1)");
    told.raw.send(&one.repeat(3)).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        told.ready().await;
        tokens.push(told.token.clone());
    }
    *rows += 3;
    told.is_seen(other, &rows.to_string()).await;
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "each has its own");
    // In a transaction there is one, with the commit.
    let before = told.token.clone();
    let all = [batch("BEGIN"), one.repeat(2), batch("COMMIT")].concat();
    told.raw.send(&all).await;
    for _ in 0..3 {
        told.ready().await;
        assert_eq!(told.token, before);
    }
    told.ready().await;
    *rows += 2;
    assert_ne!(told.token, before);
    told.is_seen(other, &rows.to_string()).await;
}

async fn several(told: &mut Told, other: &Proxy, rows: &mut i64) {
    for sql in [
        "INSERT INTO log VALUES (1); SELECT 1",
        "BEGIN; INSERT INTO log VALUES (1); COMMIT",
        "INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (2); SELECT 1/0",
    ] {
        let before = told.token.clone();
        told.run(sql, false).await;
        *rows += 1;
        assert_ne!(told.token, before, "{sql}");
        told.is_seen(other, &rows.to_string()).await;
    }
    // Committed, and in the next transaction already: there it must not be asked for.
    told.run("BEGIN", false).await;
    told.run("INSERT INTO log VALUES (1)", false).await;
    told.run("COMMIT AND CHAIN", false).await;
    assert_eq!(told.token, "", "an older one would be taken for the commit's own");
    *rows += 1;
    told.run("COMMIT", false).await;
    told.is_seen(other, &rows.to_string()).await;
}

async fn discarded(told: &mut Told, other: &Proxy, rows: &mut i64) {
    told.run("INSERT INTO log VALUES (1)", false).await;
    *rows += 1;
    told.run("DISCARD ALL", false).await;
    told.is_seen(other, &rows.to_string()).await;
}

async fn by_configuration(bed: &Bed) {
    let proxy = bed.another(&["--set", "tokens.report=true"]).await;
    let mut raw = Raw::login(proxy.port(), &[]).await;
    assert!(raw.parameters.contains_key("afterwrite.token"));
    raw.ask("SET afterwrite.report_token = off").await;
    raw.query("UPDATE one SET n = 1").await;
    assert!(raw.until(b'Z').await.iter().all(|reply| reply.tag != b'S'));
    let plain = Raw::login(bed.proxy.port(), &[]).await;
    assert!(!plain.parameters.contains_key("afterwrite.token"), "who has not asked");
}

/// A proxy that has nothing to route gives tokens for those that have.
async fn without_replicas() {
    let bed = Bed::with(Plan { replicas: 0, ..Plan::default() }, &["--set", KEYS]).await;
    let mut told = Told::login(&bed.proxy).await;
    told.run("CREATE TABLE log (n int)", false).await;
    let created = told.token.clone();
    told.run("INSERT INTO log VALUES (1)", false).await;
    assert_ne!(told.token, created);
    told.is_seen(&bed.proxy, "1").await;
}
