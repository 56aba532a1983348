//! No bytes and no text do harm.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use afterwrite_console::{Command, Console, Permission, Snapshot, Step};
use afterwrite_wire::client;
use proptest::prelude::*;

/// Feeds `bytes` in pieces and gives all that was answered.
fn talk(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Vec<String>) {
    let mut console = Console::new(Permission::Admin, "ann");
    let (mut answer, mut done) = (Vec::new(), Vec::new());
    let (mut start, mut end) = (0, 0);
    let mut pieces = pieces.iter().copied().chain(std::iter::once(bytes.len()));
    loop {
        let consumed = console.receive(&bytes[start..end]);
        start += consumed;
        assert!(start <= end);
        let mut stepped = false;
        while let Some(step) = console.next() {
            stepped = true;
            match step {
                Step::Send(bytes) => answer.extend(bytes),
                Step::Show(_) => console.give(&Snapshot::default()),
                Step::Do(action) => {
                    done.push(format!("{action:?}"));
                    console.done(Ok(()));
                }
                Step::Closed(_) => return (answer, done),
            }
        }
        if consumed == 0 && !stepped {
            match pieces.next() {
                Some(piece) => end = (end + piece).min(bytes.len()),
                None => return (answer, done),
            }
        }
    }
}

/// Words that commands are made of, so that random texts reach deep.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "show",
        "select",
        "set",
        "pause",
        "resume",
        "kill_client",
        "stats",
        "pools",
        "1",
        "app",
        "=",
        "to",
        "'",
        "\"",
        ";",
        "(",
        ")",
        ",",
        "*",
        "--",
        "/*",
        "*/",
        "version()",
        "as",
        "\n",
        "time zone",
        "afterwrite.columns",
        "pgbouncer",
        "é",
        "begin",
        "all",
        "discard",
        "''",
    ]);
    prop::collection::vec(words, 0..12).prop_map(|words| words.join(" "))
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let name = || prop::sample::select(vec!["", "a", "b"]);
    let build = |f: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        f(&mut out);
        out
    };
    prop_oneof![
        text().prop_map(move |text| build(&|out| client::query(out, &text))),
        (name(), text()).prop_map(move |(n, text)| build(&|out| client::parse(out, n, &text, &[]))),
        (name(), name(), 0..3_i16).prop_map(move |(p, s, f)| build(&|out| client::bind(
            out,
            p,
            s,
            &[],
            &[],
            &[f]
        ))),
        (name(), prop::bool::ANY).prop_map(move |(n, s)| build(&|out| client::describe(
            out,
            if s { b'S' } else { b'P' },
            n
        ))),
        (name(), -1..3_i32).prop_map(move |(n, max)| build(&|out| client::execute(out, n, max))),
        name().prop_map(move |n| build(&|out| client::close(out, b'S', n))),
        Just(()).prop_map(move |()| build(&|out| client::sync(out))),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn any_text_is_a_command_or_refused(text in "\\PC*") {
        let _either = Command::script(&text);
    }

    #[test]
    fn any_words_are_a_command_or_refused(text in text()) {
        let one = Command::parse(&text);
        if let Ok(commands) = Command::script(&text) {
            prop_assert_eq!(one.is_ok(), commands.len() < 2);
        }
    }

    #[test]
    fn any_bytes_are_answered_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        talk(&bytes, &[]);
    }

    #[test]
    fn how_bytes_are_cut_makes_no_difference(
        messages in prop::collection::vec(message(), 0..12),
        pieces in prop::collection::vec(1..40_usize, 0..20),
    ) {
        let bytes = messages.concat();
        prop_assert_eq!(talk(&bytes, &pieces), talk(&bytes, &[]));
    }
}

/// Each Sync and each Query gets its ReadyForQuery, whatever went wrong before.
#[test]
fn every_sync_is_answered() {
    let mut runner = proptest::test_runner::TestRunner::default();
    let sound = prop::collection::vec(message(), 0..8)
        .prop_filter("whole messages", |m| m.iter().all(|m| m.is_empty() || is_whole(m)));
    runner
        .run(&sound, |messages| {
            let mut bytes = messages.concat();
            client::sync(&mut bytes);
            let (answer, _) = talk(&bytes, &[]);
            let ready = [b"Z\0\0\0\x05I", b"Z\0\0\0\x05T"];
            prop_assert!(ready.iter().any(|ready| answer.ends_with(*ready)));
            Ok(())
        })
        .unwrap();
}

fn is_whole(message: &[u8]) -> bool {
    let known = message.first().is_some_and(|tag| b"QPBDECS".contains(tag));
    known && matches!(afterwrite_wire::frame::split(message, 1 << 16), Ok(Some((_, []))))
}
