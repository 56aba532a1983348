use super::*;

fn packet(body: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
    packet.extend_from_slice(body);
    packet
}

fn read(body: &[u8]) -> Result<Opening, Malformed> {
    opening(&packet(body)).map(|found| found.expect("a whole packet").0)
}

fn session(parameters: &[(&str, &str)]) -> Startup {
    let mut out = Vec::new();
    crate::client::startup(&mut out, parameters);
    match opening(&out).unwrap().unwrap() {
        (Opening::Startup(startup), used) if used == out.len() => startup,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_opening() {
    assert_eq!(read(&SSL_CODE.to_be_bytes()), Ok(Opening::Ssl));
    assert_eq!(read(&GSS_CODE.to_be_bytes()), Ok(Opening::Gss));
    let cancel = b"\x04\xd2\x16\x2e\0\0\0\x07\x01\x02\x03\x04";
    assert_eq!(read(cancel), Ok(Opening::Cancel { pid: 7, key: vec![1, 2, 3, 4] }));
    let startup = Startup { minor: 2, parameters: vec![("user".into(), "a".into())] };
    assert_eq!(read(b"\0\x03\0\x02user\0a\0\0"), Ok(Opening::Startup(startup)));
}

#[test]
fn what_is_not_an_opening() {
    use Malformed::{BadStartup, DirectTls, NotText, TooLong, TooShort, UnsupportedProtocol};
    let terminator = BadStartup { problem: "expected terminator as last byte" };
    let table: &[(&[u8], Malformed)] = &[
        (b"\0\x02\0\0", UnsupportedProtocol { major: 2, minor: 0 }),
        (b"\0\x04\0\x01user\0a\0\0", UnsupportedProtocol { major: 4, minor: 1 }),
        (b"\0\x03\0\0", terminator),
        (b"\0\x03\0\0user\0a\0", terminator),
        (b"\0\x03\0\0user\0a\0\0x", terminator),
        (b"\0\x03\0\0user\0\xff\0\0", NotText),
        (b"\x04\xd2\x16\x2e\0\0\0\x07\x01", BadStartup { problem: "invalid cancel key length" }),
        (b"\x04\xd2\x16\x2fx", Malformed::Trailing { bytes: 1 }),
    ];
    for (body, expected) in table {
        assert_eq!(read(body), Err(*expected), "{body:?}");
    }
    assert_eq!(opening(b"\x16"), Err(DirectTls));
    assert_eq!(opening(b"\0\0\0\x07"), Err(TooShort { claimed: 7 }));
    assert_eq!(opening(b"\xff\xff\xff\xff"), Err(TooShort { claimed: -1 }));
    assert_eq!(opening(b"\0\0\x27\x14"), Ok(None), "10 004 is the longest");
    assert_eq!(opening(b"\0\0\x27\x15"), Err(TooLong { claimed: 10_005, limit: 10_004 }));
    assert!(matches!(opening(b"GET / HTTP/1.1\r\n"), Err(TooLong { .. })));
}

#[test]
fn only_its_own_bytes_are_used() {
    let mut bytes = packet(&SSL_CODE.to_be_bytes());
    bytes.extend_from_slice(b"injected");
    assert_eq!(opening(&bytes), Ok(Some((Opening::Ssl, 8))));
}

#[test]
fn user_and_database() {
    let none = session(&[]);
    assert_eq!((none.user(), none.database()), (None, None));
    let user = session(&[("user", "ann")]);
    assert_eq!((user.user(), user.database()), (Some("ann"), Some("ann")));
    let empty = session(&[("user", "ann"), ("database", "")]);
    assert_eq!(empty.database(), Some("ann"));
    let both = session(&[("database", "x"), ("user", "ann"), ("database", "shop")]);
    assert_eq!((both.user(), both.database()), (Some("ann"), Some("shop")));
    assert_eq!(session(&[("user", "")]).user(), None);
}

#[test]
fn replication_and_extensions() {
    let ask = |value| session(&[("replication", value)]).replication().map(str::to_owned);
    for value in ["database", "true", "on", "1", "yes", "o", "nonsense"] {
        assert_eq!(ask(value).as_deref(), Some(value));
    }
    for value in ["false", "F", "off", "of", "0", "no", "n"] {
        assert_eq!(ask(value), None, "{value}");
    }
    assert_eq!(session(&[]).replication(), None);
    let extended = session(&[("_pq_.a", "1"), ("user", "u"), ("_pq_.b", "")]);
    assert_eq!(extended.protocol_options().collect::<Vec<_>>(), ["_pq_.a", "_pq_.b"]);
}

#[test]
fn options_are_read() {
    let startup = session(&[("options", "-c a=1 --b=2")]);
    let expected = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
    assert_eq!(startup.options().unwrap(), expected);
    assert_eq!(session(&[]).options().unwrap(), []);
}
