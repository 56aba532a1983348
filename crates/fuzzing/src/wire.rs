//! The decoders of the wire protocol.

use afterwrite_wire::client::{self, Bind, Execute, Parse, SaslInitial, Target};
use afterwrite_wire::frame::{self, Frame, HEAD};
use afterwrite_wire::server::{
    self, Authentication, BackendKeyData, DataRow, ErrorFields, ParameterStatus, Report,
};
use afterwrite_wire::startup::{Opening, STARTUP_BYTES_MAX, Startup};
use afterwrite_wire::tags;

/// More than any message the fuzzer makes.
const LIMIT: usize = 1 << 20;

/// The body of the one message that `encode` writes.
fn body(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    match frame::split(&out, LIMIT) {
        Ok(Some((frame, []))) => frame.body.to_vec(),
        other => unreachable!("an encoder wrote {out:?}: {other:?}"),
    }
}

/// What a client opens with: read whole or not at all, and never over its limit.
pub(crate) fn opening(data: &[u8]) {
    let opened = afterwrite_wire::startup::opening(data);
    match &opened {
        Ok(None) => assert!(data.len() <= STARTUP_BYTES_MAX + 4, "more would be read for ever"),
        Ok(Some((opening, used))) => {
            let (whole, _) = data.split_at(*used);
            assert_eq!(&afterwrite_wire::startup::opening(whole), &opened, "the tail counted");
            for cut in [1, used / 2, used.saturating_sub(1)] {
                let short = whole.get(..cut.min(used - 1)).unwrap_or_default();
                assert_eq!(afterwrite_wire::startup::opening(short), Ok(None), "{cut} bytes");
            }
            match opening {
                Opening::Startup(startup) => accessors(startup),
                Opening::Cancel { pid, key } => {
                    let mut again = Vec::new();
                    client::cancel(&mut again, *pid, key);
                    assert_eq!(again, whole);
                }
                Opening::Ssl | Opening::Gss => assert_eq!(*used, 8),
            }
        }
        Err(fault) => assert_eq!(fault.sqlstate().len(), 5),
    }
}

fn accessors(startup: &Startup) {
    let _ = (startup.database(), startup.replication(), startup.protocol_options().count());
    assert!(startup.user().is_none_or(|user| !user.is_empty()));
    if let Ok(settings) = startup.options() {
        assert!(settings.iter().all(|(name, _)| !name.is_empty() && !name.contains('\0')));
    }
    if startup.minor == 0 {
        let sent: Vec<_> =
            startup.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut again = Vec::new();
        client::startup(&mut again, &sent);
        let read = afterwrite_wire::startup::opening(&again);
        let Ok(Some((Opening::Startup(read), _))) = read else { unreachable!("{read:?}") };
        assert_eq!(&read, startup);
    }
}

/// The `options` of a startup packet.
pub(crate) fn startup_options(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    let parameters = vec![("options".to_owned(), line.to_owned())];
    let settings = match (Startup { minor: 0, parameters }).options() {
        Ok(settings) => settings,
        Err(fault) => {
            assert_eq!(fault.sqlstate().len(), 5);
            return;
        }
    };
    // Written as a careful client does, they are read the same.
    let mut again = String::new();
    for (name, value) in &settings {
        again.push_str(" -c ");
        for character in name.chars().chain(['=']).chain(value.chars()) {
            again.push('\\');
            again.push(character);
        }
    }
    let parameters = vec![("options".to_owned(), again)];
    assert_eq!((Startup { minor: 0, parameters }).options(), Ok(settings));
}

/// A stream is cut into the same messages however it arrives.
pub(crate) fn frames(data: &[u8]) {
    let (mut rest, mut whole) = (data, Vec::new());
    let end = loop {
        match frame::split(rest, LIMIT) {
            Ok(Some((frame, behind))) => {
                assert_eq!(HEAD + frame.body.len() + behind.len(), rest.len());
                whole.push(frame);
                rest = behind;
            }
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    let (mut held, mut pieces) = (Vec::new(), Vec::new());
    let mut ended = None;
    for byte in data {
        held.push(*byte);
        match frame::split(&held, LIMIT) {
            Ok(Some((Frame { tag, body }, []))) => {
                pieces.push((tag, body.to_vec()));
                held.clear();
            }
            Ok(Some((_, behind))) => unreachable!("read late: {behind:?}"),
            Ok(None) => {}
            Err(fault) => {
                ended = Some(fault);
                break;
            }
        }
    }
    assert_eq!(ended, end);
    let pieces: Vec<_> = pieces.iter().map(|(tag, body)| Frame { tag: *tag, body }).collect();
    assert_eq!(pieces, whole);
    if let (Ok(Some(head)), Some(first)) = (frame::head(data), whole.first()) {
        assert_eq!((head.tag, head.body_len), (first.tag, first.body.len()));
    }
}

/// What a client sends after its login, and its passwords: a tag, then a body.
pub(crate) fn client_messages(data: &[u8]) {
    let Some((tag, sent)) = data.split_first() else { return };
    match *tag {
        tags::client::PARSE => {
            if let Ok(parse) = Parse::decode(sent) {
                let again = body(|out| client::parse_bytes(out, parse.name, parse.rest));
                assert_eq!(again, sent);
                assert!(parse.rest.starts_with(parse.sql));
            }
        }
        tags::client::BIND => {
            if let Ok(bind) = Bind::decode(sent) {
                let again =
                    body(|out| client::bind_bytes(out, bind.portal, bind.statement, bind.rest));
                assert_eq!(again, sent);
            }
        }
        tags::client::DESCRIBE | tags::client::CLOSE => {
            if let Ok(target) = Target::decode(sent) {
                assert_eq!(body(|out| client::describe(out, target.kind, target.name)), sent);
                assert_eq!(body(|out| client::close(out, target.kind, target.name)), sent);
            }
        }
        tags::client::EXECUTE => {
            if let Ok(it) = Execute::decode(sent) {
                assert_eq!(body(|out| client::execute(out, it.portal, it.max_rows)), sent);
            }
        }
        tags::client::PASSWORD => {
            if let Ok(text) = client::password_text(sent) {
                assert_eq!(body(|out| client::password(out, text)), sent);
            }
            if let Ok(SaslInitial { mechanism, data: Some(first) }) = SaslInitial::decode(sent) {
                assert_eq!(body(|out| client::sasl_initial(out, mechanism, first)), sent);
            }
        }
        _ => {
            if let Ok(text) = client::query_text(sent) {
                assert_eq!([text, b"\0"].concat(), sent);
                if let Ok(text) = std::str::from_utf8(text) {
                    assert_eq!(body(|out| client::query(out, text)), sent);
                }
            }
        }
    }
}

/// What a server sends, but for errors and rows: a tag, then a body.
pub(crate) fn server_messages(data: &[u8]) {
    let Some((tag, sent)) = data.split_first() else { return };
    match *tag {
        tags::server::PARAMETER_STATUS => {
            if let Ok(ParameterStatus { name, value }) = ParameterStatus::decode(sent) {
                assert_eq!(body(|out| server::parameter_status(out, name, value)), sent);
            }
        }
        tags::server::BACKEND_KEY_DATA => {
            if let Ok(BackendKeyData { pid, key }) = BackendKeyData::decode(sent) {
                assert_eq!(body(|out| server::backend_key_data(out, pid, key)), sent);
            }
        }
        tags::server::READY_FOR_QUERY => {
            if let Ok(status) = server::ready_status(sent) {
                assert_eq!(body(|out| server::ready(out, status)), sent);
            }
        }
        tags::server::COMMAND_COMPLETE => {
            if let Ok(text) = server::command_tag(sent) {
                assert_eq!(body(|out| server::command_complete(out, text)), sent);
            }
        }
        tags::server::AUTHENTICATION => match Authentication::decode(sent) {
            Ok(Authentication::Sasl { mechanisms }) => {
                assert_eq!(body(|out| server::authentication_sasl(out, &mechanisms)), sent);
            }
            Ok(Authentication::SaslContinue(data)) => {
                assert_eq!(body(|out| server::authentication_sasl_continue(out, data)), sent);
            }
            Ok(Authentication::SaslFinal(data)) => {
                assert_eq!(body(|out| server::authentication_sasl_final(out, data)), sent);
            }
            Ok(
                Authentication::Ok
                | Authentication::CleartextPassword
                | Authentication::Md5 { .. }
                | Authentication::Other(_),
            )
            | Err(_) => {}
        },
        _ => {}
    }
}

/// An error of a server, and one of ours about the same.
pub(crate) fn errors(data: &[u8]) {
    let Ok(fields) = ErrorFields::decode(data) else { return };
    let mut report = Report::fatal(fields.code.to_owned(), fields.message.clone());
    report.detail = fields.detail.clone().map(Into::into);
    report.hint = fields.hint.clone().map(Into::into);
    let ours = body(|out| server::error(out, &report));
    let read = ErrorFields::decode(&ours);
    let Ok(read) = read else { unreachable!("{report:?}: {read:?}") };
    assert_eq!((read.severity, read.code, &read.message), ("FATAL", fields.code, &fields.message));
    assert_eq!((read.detail, read.hint), (fields.detail, fields.hint));
}

/// A row: its values are where it says, and none is made up.
pub(crate) fn data_rows(data: &[u8]) {
    let Ok(row) = DataRow::decode(data) else { return };
    let mut values = Vec::new();
    for value in row {
        match value {
            Ok(value) => values.push(value),
            Err(_) => return,
        }
    }
    let claimed = data.first_chunk().map_or(0, |count| usize::from(u16::from_be_bytes(*count)));
    let again = body(|out| server::data_row(out, &values));
    if values.len() == claimed && again.len() == data.len() {
        assert_eq!(again, data);
    } else {
        // Bytes behind the last value are the next reader's to refuse.
        assert!(again.len() <= data.len(), "values from nowhere");
    }
}
