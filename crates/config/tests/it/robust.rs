//! No text can make the loader or the URL parser panic.

use afterwrite_config::Overlay;
use afterwrite_config::url::parse_multi_host;
use proptest::prelude::*;

use super::load_with;

/// Pieces that get past the first checks more often than plain noise does.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[cluster]\n".to_owned()),
        Just("nodes = ".to_owned()),
        Just("url = ".to_owned()),
        Just("listen = ".to_owned()),
        Just("[pool]\nsize = ".to_owned()),
        Just("\"postgres://a:b@h,[::1]:5/d?sslmode=prefer\"".to_owned()),
        Just("wait_timeout".to_owned()),
        Just("[[".to_owned()),
        Just("{".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("é\u{301}".to_owned()),
        Just("\r\n".to_owned()),
        "[\\[\\]{}=.,:@/?&%#\"'\n 0-9a-z_-]{0,12}",
        ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_file(text in pieces()) {
        let _ = load_with(Some(&text), &[], &Overlay::default());
    }

    #[test]
    fn any_variables_and_flags(name in "[A-Z_]{0,24}", value in pieces(), path in "[a-z_.]{0,24}") {
        let name = format!("AFTERWRITE_{name}");
        let flags = Overlay {
            url: Some(value.clone()),
            listen: vec![value.clone()],
            set: vec![(path, value.clone())],
            ..Overlay::default()
        };
        let environment = [
            (name.as_str(), value.as_str()),
            ("AFTERWRITE_CLUSTER__NODES", &value),
            ("AFTERWRITE_POOL__WAIT_TIMEOUT", &value),
            ("AFTERWRITE_CLIENTS__MESSAGE_MAX", &value),
        ];
        let _ = load_with(None, &environment, &flags);
    }

    #[test]
    fn any_url(rest in "[\\[\\]:@/?&=%,.a-f0-9\\PC]{0,40}") {
        if let Ok(url) = parse_multi_host(&format!("postgres://{rest}")) {
            let again = parse_multi_host(&url.to_string());
            let mut again = again.map_err(|error| TestCaseError::fail(format!("{url}: {error}")))?;
            prop_assert_eq!(again.password.is_some(), url.password.is_some());
            again.password.clone_from(&url.password);
            prop_assert_eq!(again, url);
        }
    }

    /// Whatever the password and the mistake, no error repeats it.
    #[test]
    fn no_error_shows_a_password(
        before in "[a-z0-9/?@:#%]{0,4}",
        after in "[a-z0-9/?@:#%]{0,4}",
        tail in "[@:/?,&=%a-z0-9]{0,8}",
    ) {
        let url = format!("postgres://app:{before}Hunter2{after}@db{tail}");
        let flags = Overlay { url: Some(url.clone()), ..Overlay::default() };
        if let Err(problems) = load_with(None, &[], &flags) {
            prop_assert!(!format!("{problems} {problems:?}").contains("Hunter2"), "{url}\n{problems}");
        }
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for open in ["[", "{a=", "[{a="] {
        let text = format!("listen = {}", open.repeat(100_000));
        assert!(load_with(Some(&text), &[], &Overlay::default()).is_err());
    }
    let dotted = format!("{}b = 1", "a.".repeat(100_000));
    assert!(load_with(Some(&dotted), &[], &Overlay::default()).is_err());
}
