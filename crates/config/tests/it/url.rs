//! URLs that name a whole cluster.

use afterwrite_config::url::{UrlError, parse_multi_host, parse_node};

#[test]
fn good_urls() {
    let cases = [
        // (URL, as it is printed)
        ("postgres://h", "postgres://h:5432"),
        ("postgresql://u@h/d", "postgres://u@h:5432/d"),
        ("postgres://u:p@h1:1,h2,[::1]:3/d", "postgres://u:****@h1:1,h2:5432,[::1]:3/d"),
        ("postgres://u:p@[2001:db8::1],h/", "postgres://u:****@[2001:db8::1]:5432,h:5432"),
        ("postgres://u%40x:p%2Fq@h/d%20e", "postgres://u%40x:****@h:5432/d%20e"),
        ("postgres://u:p@q@h/d", "postgres://u:****@h:5432/d"),
        ("postgres://u:@h", "postgres://u@h:5432"),
        ("postgres://h?user=u&password=p&dbname=d", "postgres://u:****@h:5432/d"),
        ("postgres://u@h?sslmode=verify-full", "postgres://u@h:5432?sslmode=verify-full"),
        (
            "postgres://u@h?sslmode=allow&application_name=a%20b&target_session_attrs=any",
            "postgres://u@h:5432?sslmode=allow&application_name=a%20b",
        ),
    ];
    for (text, expected) in cases {
        let url = parse_multi_host(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.to_string(), expected);
        assert!(!format!("{url:?}").contains("\"p"), "{url:?}");
    }
    let url = parse_multi_host("postgres://u:p%40%25ss:w@h").unwrap();
    assert_eq!(url.password.unwrap().expose(), "p@%ss:w");
}

#[test]
fn bad_urls() {
    let cases = [
        ("", "a text that is no URL (not shown: it may hold a password)"),
        ("mysql://u:secret@h", "a URL of mysql://"),
        ("postgres:/u:secret@h", "a text that is no URL (not shown: it may hold a password)"),
        ("postgres://", "a URL without a host"),
        ("postgres://u:secret@/d", "a URL without a host"),
        ("postgres://u@h1,,h2", "the host \"\""),
        ("postgres://u@h:0", "something other than a port after the host \"h\""),
        ("postgres://u@h:65536", "something other than a port after the host \"h\""),
        ("postgres://u@h:+5", "something other than a port after the host \"h\""),
        ("postgres://u@h:", "something other than a port after the host \"h\""),
        ("postgres://u:secret/db", "something other than a port after the host \"u\""),
        ("postgres://u@::1", "a host with several colons"),
        ("postgres://u@[::1", "the host \"[::1\""),
        ("postgres://u@[h]", "the host \"[h]\""),
        ("postgres://u@[::1]x", "the host \"[::1]x\""),
        ("postgres://u@h h", "the host \"h h\""),
        ("postgres://u@%2Ftmp", "the path of a Unix socket"),
        ("postgres://u@h,h:5432", "the node h:5432 twice"),
        ("postgres://u:%zz@h", "a broken percent-encoding in the password"),
        ("postgres://u:secret%@h", "a broken percent-encoding in the password"),
        ("postgres://%ff@h", "bytes that are not UTF-8 in the user"),
        ("postgres://u@h/%00", "a zero byte in the database"),
        ("postgres://u:s/secret@h", "an @ out of place (not shown: it may be part of a password)"),
        ("postgres://u:5?secret@h", "an @ out of place (not shown: it may be part of a password)"),
        (
            "postgres://u%3Asecret%40h",
            "an @ out of place (not shown: it may be part of a password)",
        ),
        ("postgres://u@h?sslmode=maybe", "the sslmode \"maybe\""),
        ("postgres://u@h?target_session_attrs=read-write", "target_session_attrs=\"read-write\""),
        ("postgres://u@h?options=-c", "the parameter \"options\""),
        ("postgres://u@h?user=v", "user twice"),
    ];
    for (text, expected) in cases {
        let error = parse_multi_host(text).map(|url| url.to_string()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        assert!(!error.expected().is_empty());
        assert!(!format!("{error:?}{error}").contains("secret"), "{error:?}");
    }
    let many = format!("postgres://u@{}", vec!["h"; 65].join(","));
    assert_eq!(parse_multi_host(&many), Err(UrlError::TooManyNodes));
}

#[test]
fn hints_lead_to_the_key_that_does_it() {
    let hint = |text| parse_multi_host(text).unwrap_err().hint();
    assert_eq!(hint("postgres://u@h?connect_timeout=5"), Some("set pool.connect_timeout"));
    assert_eq!(hint("postgres://u@h?sslrootcert=x"), Some("set cluster.tls.root_ca"));
}

#[test]
fn nodes() {
    for (text, expected) in [("h", "h:5432"), ("10.0.0.1:1", "10.0.0.1:1"), ("[::1]", "[::1]:5432")]
    {
        assert_eq!(parse_node(text).unwrap().to_string(), expected);
    }
}
