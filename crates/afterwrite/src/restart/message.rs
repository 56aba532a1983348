//! What the two processes say, a line each.

use std::fmt::{self, Write as _};

/// The version of what is said: processes of different releases must understand
/// each other.
const VERSION: &str = "1";

/// One line. None holds a secret but the key of a cancel request.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// New to old: hand your sockets over.
    TakeOver,
    /// Old to new, with the sockets: those of clients, then that of `/metrics`, then
    /// the restart socket itself. Those that are `managed` are the service manager's, too;
    /// releases that do not know of it say and hear nothing there.
    Sockets { clients: usize, metrics: bool, managed: Vec<bool> },
    /// New to old: I can serve.
    Ready,
    /// Old to new: I accept nobody any more.
    Go,
    /// New to old: this key is not one of mine.
    Cancel { id: u64, pid: i32, key: Vec<u8> },
    /// Old to new: that request was acted on.
    Done { id: u64 },
    /// Anybody to old: start a new process that takes over.
    Restart,
    /// Old to anybody: the new one serves.
    Restarted { pid: i32 },
    /// Old to anyone: no, and why.
    Refused(String),
}

impl Message {
    /// The line, with its end.
    pub(super) fn line(&self) -> String {
        let mut line = match self {
            Self::TakeOver => format!("take-over {VERSION}"),
            Self::Sockets { clients, metrics, managed } => {
                let digit = |it: &bool| if *it { '1' } else { '0' };
                let managed: String = managed.iter().map(digit).collect();
                format!("sockets {clients} {} {managed}", u8::from(*metrics))
            }
            Self::Ready => "ready".to_owned(),
            Self::Go => "go".to_owned(),
            Self::Cancel { id, pid, key } => {
                let mut line = format!("cancel {id} {pid} ");
                for byte in key {
                    // Writing to a string cannot fail.
                    let _ = write!(line, "{byte:02x}");
                }
                line
            }
            Self::Done { id } => format!("done {id}"),
            Self::Restart => "restart".to_owned(),
            Self::Restarted { pid } => format!("restarted {pid}"),
            Self::Refused(why) => format!("refused {}", why.replace('\n', "; ")),
        };
        line.push('\n');
        line
    }

    /// Understands a line without its end; `None` if it says nothing that is known.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ');
        let mut word = || words.next().unwrap_or_default();
        Some(match verb {
            "take-over" if rest == VERSION => Self::TakeOver,
            "sockets" => {
                let clients = word().parse().ok()?;
                let metrics = word() == "1";
                let managed = word().bytes().map(|digit| digit == b'1').collect();
                Self::Sockets { clients, metrics, managed }
            }
            "ready" => Self::Ready,
            "go" => Self::Go,
            "cancel" => {
                let (id, pid) = (word().parse().ok()?, word().parse().ok()?);
                Self::Cancel { id, pid, key: bytes(word())? }
            }
            "done" => Self::Done { id: word().parse().ok()? },
            "restart" => Self::Restart,
            "restarted" => Self::Restarted { pid: word().parse().ok()? },
            "refused" => Self::Refused(rest.to_owned()),
            _ => return None,
        })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line();
        f.write_str(line.split(' ').next().unwrap_or_default().trim_end())
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let said = [
            Message::TakeOver,
            Message::Sockets { clients: 3, metrics: true, managed: vec![false, true, false] },
            Message::Sockets { clients: 1, metrics: false, managed: vec![false] },
            Message::Ready,
            Message::Go,
            Message::Cancel { id: 7, pid: 12, key: vec![0, 255, 16] },
            Message::Done { id: 7 },
            Message::Restart,
            Message::Restarted { pid: 99 },
            Message::Refused("a b".to_owned()),
        ];
        for message in said {
            let line = message.line();
            assert_eq!(Message::parse(line.trim_end()).as_ref(), Some(&message), "{line:?}");
        }
        let of_before = Message::Sockets { clients: 3, metrics: true, managed: Vec::new() };
        assert_eq!(Message::parse("sockets 3 1"), Some(of_before));
        let two = Message::Refused("a\nb".to_owned()).line();
        assert_eq!(two, "refused a; b\n");
        for line in ["", "take-over", "take-over 2", "cancel 1 2 xy", "cancel a 2 00", "what"] {
            assert_eq!(Message::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", Message::Cancel { id: 1, pid: 2, key: vec![0xab] });
        assert_eq!(shown, "cancel");
    }
}
