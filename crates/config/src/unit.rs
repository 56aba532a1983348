//! Durations, sizes and listen addresses as people write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// In milliseconds, the largest first.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// In bytes, the largest first within each family.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads `250ms`, `5s`, `10m`, `1h`. The error is a hint.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_number(text)?;
    if unit.is_empty() {
        return Err(format!("say the unit: \"{number}ms\" or \"{number}s\""));
    }
    let Some((_, unit_ms)) = DURATION_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err("the units are ms, s, m and h".to_owned());
    };
    number
        .checked_mul(*unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(|| "that is longer than can be counted".to_owned())
}

/// Reads `64KiB`, `1MiB`, `16MB`, or a number of bytes. The error is a hint.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_number(text)?;
    if unit.is_empty() {
        return Ok(number);
    }
    let Some((_, unit_bytes)) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))
    else {
        return Err("the units are B, KiB, MiB, GiB, KB, MB and GB".to_owned());
    };
    number.checked_mul(*unit_bytes).ok_or_else(|| "that is more than can be counted".to_owned())
}

/// Cuts `10m` into 10 and `m`.
fn split_number(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    if digits.is_empty() {
        return Err("begin with a number".to_owned());
    }
    if unit.starts_with(['.', ',', '_']) {
        return Err("write a whole number of a smaller unit".to_owned());
    }
    let number = digits.parse().map_err(|_| "that is more than can be counted".to_owned())?;
    Ok((number, unit.trim_start()))
}

/// The largest unit that leaves no fraction.
pub(crate) fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let unit = DURATION_UNITS.iter().find(|(_, unit_ms)| ms >= *unit_ms && ms % unit_ms == 0);
    match unit {
        Some((name, unit_ms)) => format!("{}{name}", ms / unit_ms),
        None => format!("{ms}ms"),
    }
}

/// The largest unit that leaves no fraction.
pub(crate) fn show_size(bytes: u64) -> String {
    let unit = SIZE_UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match unit {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// Reads `127.0.0.1:6432`, `[::1]:6432` or `localhost:6432`. The error is a hint.
///
/// Names other than `localhost` are refused: what they resolve to may change,
/// and with it who can reach the proxy.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, Option<String>> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(Some(format!("say the port: \"{}\"", SocketAddr::new(ip, 6432))));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(None);
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(Some("a port is a number from 0 to 65535".to_owned()));
    };
    match host {
        "localhost" => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        "*" | "" => {
            Err(Some(format!("for every interface: \"0.0.0.0:{port}\" or \"[::]:{port}\"")))
        }
        _ => Err(Some("write the IP address of an interface, not a name".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("0s", Some(0)),
            ("250ms", Some(250)),
            ("5s", Some(5_000)),
            ("5 s", Some(5_000)),
            ("10m", Some(600_000)),
            ("1h", Some(3_600_000)),
            ("50", None),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1d", None),
            ("5S", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_duration(text).ok(), ms.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("64kib", Some(65_536)),
            ("1MiB", Some(1_048_576)),
            ("16MB", Some(16_000_000)),
            ("1 GiB", Some(1 << 30)),
            ("1.5MiB", None),
            ("1K", None),
            ("MiB", None),
            ("99999999999999GiB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn shown_as_written() {
        for text in ["0ms", "1ms", "250ms", "90s", "10m", "24h"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["0B", "1023B", "16KiB", "1GiB"] {
            assert_eq!(show_size(parse_size(text).unwrap()), text);
        }
    }

    #[test]
    fn listen_addresses() {
        for (text, address) in [
            ("127.0.0.1:6432", "127.0.0.1:6432"),
            ("[::1]:6432", "[::1]:6432"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(parse_listen(text), Ok(address.parse().unwrap()));
        }
        for (text, hint) in [
            ("127.0.0.1", "say the port: \"127.0.0.1:6432\""),
            ("::1", "say the port: \"[::1]:6432\""),
            (":6432", "for every interface: \"0.0.0.0:6432\" or \"[::]:6432\""),
            ("*:6432", "for every interface: \"0.0.0.0:6432\" or \"[::]:6432\""),
            ("127.0.0.1:65536", "a port is a number from 0 to 65535"),
            ("db.example:6432", "write the IP address of an interface, not a name"),
        ] {
            assert_eq!(parse_listen(text), Err(Some(hint.to_owned())), "{text}");
        }
        assert_eq!(parse_listen("6432"), Err(None));
    }
}
