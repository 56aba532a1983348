//! The admin console.

use afterwrite_console::{Command, Console, Permission, Snapshot, Step};
use afterwrite_wire::frame;
use afterwrite_wire::server::Report;

use crate::bytes::Choices;

/// What the console may ask to be read more, with a tag.
const UNREAD_MAX: usize = 16 * 1024 + 5;

/// Any client, in any pieces, gets whole messages or is told to go.
pub(crate) fn clients(data: &[u8]) {
    let mut choices = Choices::new(data);
    let permission = choices.of(&[Permission::Admin, Permission::Stats]);
    let mut console = Console::new(permission, "admin");
    let piece = choices.below(64) + 1;
    let (mut unread, mut sent) = (Vec::new(), Vec::new());
    for bytes in choices.rest().chunks(piece) {
        unread.extend_from_slice(bytes);
        loop {
            let consumed = console.receive(&unread);
            unread.drain(..consumed);
            let mut steps = 0;
            while let Some(step) = console.next() {
                steps += 1;
                match step {
                    Step::Send(bytes) => sent.extend(bytes),
                    Step::Show(_) => console.give(&Snapshot::default()),
                    Step::Do(_) if unread.len() % 2 == 0 => console.done(Ok(())),
                    Step::Do(_) => console.done(Err(Report::error("55000", "no"))),
                    Step::Closed(_) => {
                        whole(&sent);
                        return;
                    }
                }
            }
            if consumed == 0 && steps == 0 {
                break;
            }
        }
        assert!(unread.len() <= UNREAD_MAX, "it reads nothing of {} bytes", unread.len());
    }
    whole(&sent);
}

fn whole(mut sent: &[u8]) {
    while let Ok(Some((_, rest))) = frame::split(sent, 1 << 30) {
        sent = rest;
    }
    assert!(sent.is_empty(), "half a message was sent: {sent:?}");
}

/// Any text is a command or an error.
pub(crate) fn command(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(report) = Command::parse(text) {
        assert_eq!(report.code.len(), 5);
    }
}
