//! What the writes are counted as under whose keys they are noted.

use afterwrite_session::Route;
use afterwrite_types::Source;

use crate::rig::{PRIMARY, Rig, batch, captured, done, query, told};

impl Rig {
    /// What these statements, sent one after the other, are counted as.
    fn counted(&mut self, texts: &[&str]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for sql in texts {
            if self.request(&query(sql)).route == Route::Local {
                let mut out = Vec::new();
                self.session.reply_locally(&mut out);
                assert!(told(&out).1.contains('C'), "{sql}: {}", told(&out).1);
                continue;
            }
            names.push(self.session.source().map_or("nothing", Source::name));
            let begins = sql.starts_with("BEGIN") || self.session.in_transaction();
            if begins && !sql.starts_with("COMMIT") {
                self.finish(PRIMARY, &done("BEGIN", b'T'));
            } else {
                self.finish(PRIMARY, &captured("COMMIT"));
            }
        }
        names
    }

    fn set(mut self, settings: &[&str]) -> Self {
        assert!(self.counted(settings).is_empty());
        self
    }
}

#[test]
fn what_only_adds_is_a_creation() {
    for (sql, expected) in [
        ("INSERT INTO t VALUES (1)", "creation"),
        ("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)", "creation"),
        ("SET search_path = a; INSERT INTO t VALUES (1)", "creation"),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", "creation"),
        ("INSERT INTO t VALUES (1); UPDATE u SET a = 1", "update"),
        ("UPDATE u SET a = 1", "update"),
        ("SELECT f(1)", "update"),
        ("DROP TABLE t", "update"),
        ("$$", "update"),
        ("LISTEN x", "nothing"),
    ] {
        let mut rig = Rig::new();
        rig.request(&query(sql));
        assert_eq!(rig.session.source().map_or("nothing", Source::name), expected, "{sql}");
    }
    let mut rig = Rig::new();
    rig.request(&batch(&["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"]));
    assert_eq!(rig.session.source(), Some(Source::Creation));
    let mut rig = Rig::new();
    rig.request(&batch(&["INSERT INTO t VALUES (1)", "DELETE FROM t"]));
    assert_eq!(rig.session.source(), Some(Source::Update));
}

/// Keys are noted again where it commits, and nothing is written there.
#[test]
fn a_commit_is_what_its_transaction_was() {
    let insert = "INSERT INTO t VALUES (1)";
    let mut rig = Rig::new();
    let counted = rig.counted(&["BEGIN", insert, "COMMIT"]);
    assert_eq!(counted, ["nothing", "creation", "creation"]);
    let counted = rig.counted(&["BEGIN", insert, "UPDATE t SET a = 1", insert, "COMMIT"]);
    assert_eq!(counted, ["nothing", "creation", "update", "update", "update"]);
    assert_eq!(rig.counted(&["BEGIN", "SELECT 1", "COMMIT"]), ["nothing"; 3]);
    assert_eq!(rig.counted(&[insert]), ["creation"], "the one before is over");
}

#[test]
fn what_the_client_says_counts() {
    let insert = "INSERT INTO t VALUES (1)";
    let update = "UPDATE t SET a = 1";
    let mut rig = Rig::new().set(&["SET afterwrite.source = 'Manual'"]);
    assert_eq!(rig.counted(&[insert, "BEGIN", "COMMIT"]), ["manual"; 3]);
    let creation = format!("{update} -- afterwrite: source=creation");
    assert_eq!(rig.counted(&[&creation, insert]), ["creation", "manual"], "for the statement");
    assert_eq!(rig.counted(&["RESET afterwrite.source", insert, update]), ["creation", "update"]);
    let local = ["BEGIN", "SET LOCAL afterwrite.source = 'manual'", update, "COMMIT", update];
    assert_eq!(rig.counted(&local), ["nothing", "manual", "manual", "update"]);
    assert_eq!(rig.counted(&["BEGIN", &creation, "COMMIT"]), ["nothing", "creation", "creation"]);
    let hint = format!("{insert} /*afterwrite.source='manual'*/");
    let counted = rig.counted(&["BEGIN", &hint, insert, "COMMIT"]);
    assert_eq!(counted, ["nothing", "manual", "manual", "manual"], "of several the greatest");
    rig.counted(&["SET LOCAL afterwrite.source = 'manual'"]);
    assert_eq!(rig.counted(&[update]), ["update"], "outside of a transaction it has no effect");
}

#[test]
fn a_source_that_there_is_not_is_refused_and_as_a_hint_left_out() {
    let mut rig = Rig::new();
    rig.request(&query("SET afterwrite.source = 'table'"));
    let mut out = Vec::new();
    rig.session.reply_locally(&mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    assert!(text.contains("22023") && text.contains("creation, update or manual"), "{text}");
    let (warnings, _) = rig.warned(
        &query("INSERT INTO t VALUES (1) -- afterwrite: source=table"),
        &captured("INSERT 0 1"),
    );
    assert!(warnings[0].contains("source \"table\""), "{warnings:?}");
}
