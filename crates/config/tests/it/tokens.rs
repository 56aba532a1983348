//! `[tokens]`: keys that are read from anywhere and shown nowhere.

use afterwrite_config::{Overlay, changes};

use super::{MINIMAL, load_environment, load_file, load_with};

const ONE: &str = "c2VjcmV0IG9mIHRoZSBmaXJzdCBrZXk6IGh1bnRlcjE=";
const TWO: &str = "c2VjcmV0IG9mIHRoZSBzZWNvbmQga2V5OiBodW50ZXIy";

fn keys(text: &str) -> String {
    format!("{MINIMAL}[tokens]\nkeys = {text}\n")
}

#[test]
fn keys_are_read_in_their_order_from_texts_and_files() {
    let text = format!("[\"2:{TWO}\", \"1:file:token.key\"]");
    let config = load_file(&keys(&text)).unwrap_or_else(|problems| panic!("{problems}"));
    let read: Vec<_> =
        config.tokens.keys.iter().map(|key| (key.number, key.secret.expose())).collect();
    assert_eq!(read, [(2, TWO), (1, ONE)]);
    assert!(!config.tokens.report);
    let environment = format!("2:{TWO},1:file:etc/token.key");
    let cluster = ("DATABASE_URL", "postgres://app@db1/shop");
    let same = load_environment(&[cluster, ("AFTERWRITE_TOKENS__KEYS", &environment)]);
    assert_eq!(same.unwrap().tokens, config.tokens);
    let overlay = Overlay { set: vec![("tokens.keys".into(), environment)], ..Overlay::default() };
    assert_eq!(load_with(Some(MINIMAL), &[], &overlay).unwrap().tokens, config.tokens);
    assert!(load_file(MINIMAL).unwrap().tokens.keys.is_empty());
}

#[test]
fn what_is_wrong_is_told_without_a_secret() {
    let many: Vec<_> = (1..=17).map(|n| format!("\"{n}:{ONE}{n}\"")).collect();
    let many = format!("[{}]", many.join(", "));
    for (text, found) in [
        (format!("[\"{ONE}\"]"), "a key without a number (the 1. of them)"),
        (format!("[\"1:{ONE}\", \"0:{TWO}\"]"), "a key without a number (the 2. of them)"),
        (format!("[\"256:{TWO}\"]"), "a key without a number"),
        (format!("[\"1:{ONE}\", \"1:{TWO}\"]"), "two keys with the number 1"),
        (format!("[\"1:{ONE}\", \"2:{ONE}\"]"), "key 2 with the secret of another"),
        ("[\"1:hunter3\"]".to_owned(), "key 1 with a secret of 7 bytes; 32 are the least"),
        ("[\"1:file:token.none\"]".to_owned(), "token.none\", which cannot be read"),
        ("[\"1:file:empty\"]".to_owned(), "empty\", which is empty"),
        ("[\"1:file:\"]".to_owned(), "key 1 without a path"),
        ("[7]".to_owned(), "an integer"),
        ("7".to_owned(), "an integer"),
        (many, "17 keys; at most 16 are taken"),
    ] {
        let problems = load_file(&keys(&text)).expect_err(&text).to_string();
        assert!(problems.contains("tokens.keys"), "{text}: {problems}");
        assert!(problems.contains(found), "{text}: {problems}");
        for secret in [ONE, TWO, "hunter"] {
            assert!(!problems.contains(secret), "{text}: {problems}");
        }
    }
}

#[test]
fn a_key_that_is_exchanged_is_seen_and_not_shown() {
    let before = load_file(&keys(&format!("[\"1:{ONE}\"]"))).unwrap();
    let after = load_file(&keys(&format!("[\"1:{TWO}\"]"))).unwrap();
    assert_eq!(changes(&before, &after).applied, ["tokens.keys"]);
    let shown = format!("{before:?}{before}{:?}", before.entries());
    assert!(!shown.contains(ONE), "{shown}");
    let entry = before.entries().into_iter().find(|entry| entry.key == "tokens.keys").unwrap();
    assert_eq!((entry.value.as_str(), entry.default.as_str()), ("1:****", ""));
}
