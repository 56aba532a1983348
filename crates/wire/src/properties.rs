//! What must hold for any message and any bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::client::{self, Bind, Execute, Parse, SaslInitial, Target};
use crate::frame::{Frame, HEAD, head, split};
use crate::md5::Md5Hash;
use crate::scram::{ChannelBinding, ClientExchange, Keys, MECHANISM_PLUS, ServerExchange};
use crate::secret::StoredSecret;
use crate::server::{
    self, Authentication, BackendKeyData, DataRow, ErrorFields, ParameterStatus, Report,
};
use crate::startup::{Opening, Startup, opening};

/// An encoder of plain bytes.
type Encode = fn(&mut Vec<u8>, &[u8]);

/// More than any message made here.
const LIMIT: usize = 1 << 20;

/// A string that can be in a message.
fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,40}"
}

/// A name as PostgreSQL takes it: any bytes but zero.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=u8::MAX, 0..40)
}

fn values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    vec(proptest::option::of(vec(any::<u8>(), 0..20)), 0..8)
}

fn borrowed(values: &[Option<Vec<u8>>]) -> Vec<Option<&[u8]>> {
    values.iter().map(Option::as_deref).collect()
}

/// Encodes behind a message that is there already, checks that every prefix is
/// "read more", and gives tag and body.
fn message(encode: impl FnOnce(&mut Vec<u8>)) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    client::sync(&mut out);
    encode(&mut out);
    let (_, bytes) = split(&out, LIMIT).unwrap().unwrap();
    for short in 0..bytes.len() {
        assert_eq!(split(&bytes[..short], LIMIT), Ok(None), "{short} bytes of {bytes:?}");
    }
    let (Frame { tag, body }, rest) = split(bytes, LIMIT).unwrap().unwrap();
    assert_eq!(rest, b"");
    assert_eq!(head(bytes).unwrap().unwrap().total(), bytes.len());
    (tag, body.to_vec())
}

proptest! {
    #[test]
    fn client_messages_come_back(
        portal in name(),
        statement in name(),
        sql in text(),
        types in vec(any::<u32>(), 0..5),
        params in values(),
        formats in vec(0..2_i16, 0..4),
        max_rows: i32,
        data in vec(any::<u8>(), 0..50),
    ) {
        let (tag, body) = message(|out| client::query(out, &sql));
        prop_assert_eq!((tag, client::query_text(&body)), (b'Q', Ok(sql.as_bytes())));

        let (tag, body) = message(|out| client::parse(out, "s1", &sql, &types));
        let parse = Parse::decode(&body).unwrap();
        prop_assert_eq!((tag, parse.name, parse.sql), (b'P', &b"s1"[..], sql.as_bytes()));
        let (_, renamed) = message(|out| client::parse_bytes(out, &statement, parse.rest));
        prop_assert_eq!(Parse::decode(&renamed), Ok(Parse { name: &statement, ..parse }));

        let (tag, body) = message(|out| {
            client::bind(out, &portal, "s1", &borrowed(&params), &formats, &formats);
        });
        let bind = Bind::decode(&body).unwrap();
        prop_assert_eq!((tag, bind.portal, bind.statement), (b'B', &portal[..], &b"s1"[..]));
        let (_, renamed) = message(|out| client::bind_bytes(out, &portal, &statement, bind.rest));
        prop_assert_eq!(Bind::decode(&renamed), Ok(Bind { statement: &statement, ..bind }));

        for kind in [client::STATEMENT, client::PORTAL] {
            let target = Target { kind, name: &statement };
            let (tag, body) = message(|out| client::describe(out, kind, &statement));
            prop_assert_eq!((tag, Target::decode(&body)), (b'D', Ok(target)));
            let (tag, body) = message(|out| client::close(out, kind, &statement));
            prop_assert_eq!((tag, Target::decode(&body)), (b'C', Ok(target)));
        }

        let (tag, body) = message(|out| client::execute(out, &portal, max_rows));
        let execute = Execute { portal: &portal, max_rows };
        prop_assert_eq!((tag, Execute::decode(&body)), (b'E', Ok(execute)));

        let (tag, body) = message(|out| client::password(out, &sql));
        prop_assert_eq!((tag, client::password_text(&body)), (b'p', Ok(sql.as_str())));
        let (tag, body) = message(|out| client::sasl_initial(out, &sql, &data));
        let initial = SaslInitial { mechanism: &sql, data: Some(&data) };
        prop_assert_eq!((tag, SaslInitial::decode(&body)), (b'p', Ok(initial)));

        for (expected, encode) in [(b'p', client::sasl_response as Encode), (b'd', client::copy_data)] {
            let (tag, body) = message(|out| encode(out, &data));
            prop_assert_eq!((tag, &body), (expected, &data));
        }
        let (tag, body) = message(|out| client::copy_fail(out, &sql));
        prop_assert_eq!((tag, client::query_text(&body)), (b'f', Ok(sql.as_bytes())));
    }

    #[test]
    fn bound_values_are_where_the_server_looks(params in values(), format in 0..2_i16) {
        let (_, body) = message(|out| {
            client::bind(out, "", "", &borrowed(&params), &[format], &[format, format]);
        });
        let mut reader = crate::reader::Reader::new(Bind::decode(&body).unwrap().rest);
        prop_assert_eq!((reader.i16(), reader.i16()), (Ok(1), Ok(format)));
        prop_assert_eq!(reader.u16().map(usize::from), Ok(params.len()));
        for value in &params {
            prop_assert_eq!(reader.value(), Ok(value.as_deref()));
        }
        prop_assert_eq!((reader.i16(), reader.i16(), reader.i16()), (Ok(2), Ok(format), Ok(format)));
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn server_messages_come_back(
        one in text(),
        other in text(),
        pid: i32,
        key in vec(any::<u8>(), 4..=256),
        row in values(),
        data in vec(any::<u8>(), 0..50),
        mechanisms in vec("[A-Z0-9-]{1,20}", 0..4),
    ) {
        let (tag, body) = message(|out| server::parameter_status(out, &one, &other));
        let status = ParameterStatus { name: &one, value: &other };
        prop_assert_eq!((tag, ParameterStatus::decode(&body)), (b'S', Ok(status)));

        let (tag, body) = message(|out| server::backend_key_data(out, pid, &key));
        let key = BackendKeyData { pid, key: &key };
        prop_assert_eq!((tag, BackendKeyData::decode(&body)), (b'K', Ok(key)));

        let (tag, body) = message(|out| server::command_complete(out, &one));
        prop_assert_eq!((tag, server::command_tag(&body)), (b'C', Ok(one.as_str())));

        let (tag, body) = message(|out| server::data_row(out, &borrowed(&row)));
        let read: Result<Vec<_>, _> = DataRow::decode(&body).unwrap().collect();
        prop_assert_eq!((tag, read), (b'D', Ok(borrowed(&row))));

        let mechanisms: Vec<_> = mechanisms.iter().map(String::as_str).collect();
        let (tag, body) = message(|out| server::authentication_sasl(out, &mechanisms));
        let expected = Authentication::Sasl { mechanisms };
        prop_assert_eq!((tag, Authentication::decode(&body)), (b'R', Ok(expected)));
        let (_, body) = message(|out| server::authentication_sasl_continue(out, &data));
        prop_assert_eq!(Authentication::decode(&body), Ok(Authentication::SaslContinue(&data)));
        let (_, body) = message(|out| server::authentication_sasl_final(out, &data));
        prop_assert_eq!(Authentication::decode(&body), Ok(Authentication::SaslFinal(&data)));
    }

    #[test]
    fn reports_come_back(text in any::<String>(), detail in any::<Option<String>>()) {
        let mut report = Report::fatal("57P01", text.clone()).hint("Try again.");
        report.detail.clone_from(&detail);
        for (expected, encode) in
            [(b'E', server::error as fn(&mut Vec<u8>, &Report)), (b'N', server::notice)]
        {
            let (tag, body) = message(|out| encode(out, &report));
            let fields = ErrorFields::decode(&body).unwrap();
            prop_assert_eq!((tag, fields.severity, fields.code), (expected, "FATAL", "57P01"));
            let sayable = |text: &String| text.replace('\0', "\u{fffd}");
            prop_assert_eq!(fields.message, sayable(&text));
            prop_assert_eq!(fields.detail.map(String::from), detail.as_ref().map(sayable));
            prop_assert_eq!(fields.hint.as_deref(), Some("Try again."));
        }
    }

    #[test]
    fn openings_come_back(
        parameters in vec(("[^\0]{1,10}", text()), 0..6),
        pid: i32,
        key in vec(any::<u8>(), 4..=256),
        tail in vec(any::<u8>(), 0..9),
    ) {
        let startup = Startup { minor: 0, parameters };
        let sent: Vec<_> =
            startup.parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut table: Vec<(Opening, Vec<u8>)> = Vec::new();
        let mut add = |opening, encode: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            encode(&mut out);
            table.push((opening, out));
        };
        add(Opening::Startup(startup.clone()), &|out| client::startup(out, &sent));
        add(Opening::Cancel { pid, key: key.clone() }, &|out| client::cancel(out, pid, &key));
        add(Opening::Ssl, &client::ssl_request);
        for (expected, mut bytes) in table {
            for short in 0..bytes.len() {
                prop_assert_eq!(opening(&bytes[..short]), Ok(None));
            }
            let used = bytes.len();
            bytes.extend_from_slice(&tail);
            prop_assert_eq!(opening(&bytes), Ok(Some((expected, used))));
        }
    }

    #[test]
    fn no_bytes_panic_and_no_count_lies(
        bytes in vec(any::<u8>(), 0..300),
        limit in 0..400_usize,
    ) {
        if let Ok(Some(head)) = head(&bytes) {
            prop_assert_eq!(Some(&head.tag), bytes.first());
            prop_assert!(head.total() >= HEAD);
        }
        if let Ok(Some((frame, rest))) = split(&bytes, limit) {
            prop_assert_eq!(HEAD + frame.body.len() + rest.len(), bytes.len());
            prop_assert!(frame.body.len() + 4 <= limit);
            prop_assert!(bytes.ends_with(rest));
        }
        if let Ok(Some((opened, used))) = opening(&bytes) {
            prop_assert!(used <= bytes.len());
            if let Opening::Startup(startup) = opened {
                _ = (startup.user(), startup.database(), startup.replication());
                _ = startup.options();
            }
        }
        _ = (client::query_text(&bytes), client::password_text(&bytes));
        _ = (Parse::decode(&bytes), Bind::decode(&bytes), Target::decode(&bytes));
        _ = (Execute::decode(&bytes), SaslInitial::decode(&bytes));
        _ = (server::ready_status(&bytes), server::command_tag(&bytes));
        _ = (ErrorFields::decode(&bytes), ParameterStatus::decode(&bytes));
        _ = (BackendKeyData::decode(&bytes), Authentication::decode(&bytes));
        if let Ok(row) = DataRow::decode(&bytes) {
            prop_assert!(row.count() <= bytes.len());
        }
    }

    /// Bytes that begin as an opening should, so that what follows is reached.
    #[test]
    fn no_startup_body_panics(
        code in prop::sample::select(vec![3_u32 << 16, 80_877_102, 80_877_103, 80_877_104]),
        body in vec(prop_oneof![Just(0), any::<u8>()], 0..100),
        line in "[-c=\\\\ a]{0,20}",
    ) {
        let mut bytes = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(&code.to_be_bytes());
        bytes.extend_from_slice(&body);
        let opened = opening(&bytes);
        prop_assert!(!matches!(opened, Ok(None)));
        if let Ok(Some((_, used))) = opened {
            prop_assert_eq!(used, bytes.len());
        }
        let startup = Startup { minor: 0, parameters: vec![("options".into(), line)] };
        _ = startup.options();
    }

    /// Text that looks like SCRAM, so that the deeper steps are reached.
    #[test]
    fn no_scram_message_panics(
        first in "(n,,|y,,|p=x,,|p=tls-server-end-point,,)?([nrsicpvem]=[ -~é]{0,6},?){0,5}",
        second in "(c=biws,r=ab)?([nrsicpvem]=[ -~é]{0,6},?){0,5}",
        bytes in vec(any::<u8>(), 0..100),
    ) {
        for message in [first.as_bytes(), second.as_bytes(), &bytes] {
            let mut server = ServerExchange::new(Keys::mock("u", b"seed"), "b");
            _ = server.first(message);
            let mut server = ServerExchange::new(Keys::mock("u", b"seed"), "b");
            server.first(b"n,,n=,r=a").unwrap();
            prop_assert!(server.finish(message).is_err());
            let bound = ChannelBinding { end_point: vec![7; 32] };
            let keys = Keys::mock("u", b"seed");
            let mut server =
                ServerExchange::with_mechanism(keys, "b", MECHANISM_PLUS, Some(&bound)).unwrap();
            _ = server.first(message);
            prop_assert!(server.finish(message).is_err());
            // A claimed count of rounds has at most six digits here, and few
            // messages get that far.
            let mut client = ClientExchange::new("password", "a");
            _ = client.client_final(message);
            _ = client.verify(message);
        }
        _ = Keys::parse(&first);
    }

    #[test]
    fn no_stored_secret_panics_or_is_shown(
        form in "(md5|SCRAM-SHA-256\\$|4096:|[0-9a-f]{32}|[A-Za-z0-9+/=$:]){0,6}",
        any in "\\PC{0,40}",
    ) {
        for text in [format!("{form}hunter2{any}"), form, any] {
            let shown = format!("{:?} {:?}", StoredSecret::parse(&text), Md5Hash::parse(&text));
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
    }
}
