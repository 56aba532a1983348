//! A key that is left for another one: what was written under it still counts for its readers.

use afterwrite_session::Route;

use crate::rig::{PRIMARY, Rig, batch, captured, done, query};

fn name(rig: &mut Rig, sql: &str) {
    let (warned, _) = rig.warned(&query(sql), &[]);
    assert!(warned.is_empty(), "{sql}: {warned:?}");
}

#[test]
fn a_transaction_counts_for_each_key_that_it_was_under() {
    for leave in ["SET afterwrite.session = 'b'", "RESET afterwrite.session"] {
        let mut rig = Rig::new();
        name(&mut rig, "SET afterwrite.session = 'a'");
        rig.request(&query("BEGIN"));
        rig.finish(PRIMARY, &done("BEGIN", b'T'));
        rig.request(&query("INSERT INTO t VALUES (1)"));
        assert_eq!(rig.marked(), ["a"]);
        rig.finish(PRIMARY, &done("INSERT 0 1", b'T'));
        name(&mut rig, leave);
        rig.request(&query("COMMIT"));
        let mut marked = rig.marked();
        marked.sort();
        let both: &[&str] = if leave.starts_with("SET") { &["a", "b"] } else { &["a"] };
        assert_eq!(marked, both, "{leave}");
        rig.finish(PRIMARY, &captured("COMMIT"));
        rig.request(&query("INSERT INTO t VALUES (1)"));
        assert_eq!(rig.marked(), &both[1..], "{leave}: the transaction is over");
    }
}

#[test]
fn an_exchange_counts_for_each_key_that_it_names() {
    let insert = "INSERT INTO t VALUES (1)";
    let (a, b) = ("SET afterwrite.session = 'a'", "SET afterwrite.session = 'b'");
    for texts in [&[a, insert, b, insert][..], &[insert, b], &[a, insert, b]] {
        for bytes in [query(&texts.join("; ")), batch(texts)] {
            let mut rig = Rig::new();
            name(&mut rig, a);
            rig.request(&bytes);
            let mut marked = rig.marked();
            marked.sort();
            assert_eq!(marked, ["a", "b"], "{texts:?}");
        }
    }
}

#[test]
fn there_is_an_end_to_the_keys_of_a_transaction() {
    let mut rig = Rig::new();
    rig.request(&query("BEGIN"));
    rig.finish(PRIMARY, &done("BEGIN", b'T'));
    for number in 0..=1024 {
        name(&mut rig, &format!("SET afterwrite.session = 'k{number}'"));
    }
    let request = rig.request(&query("SET afterwrite.session = 'more'"));
    assert_eq!(request.route, Route::Held, "the server is made to fail");
}
