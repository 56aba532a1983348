//! Connection strings.

use std::fmt::Write;

/// `postgres://user[:password]@127.0.0.1:p1,127.0.0.1:p2/database`.
pub(crate) fn url(user: &str, password: Option<&str>, ports: &[u16], database: &str) -> String {
    let mut url = String::from("postgres://");
    escape(&mut url, user);
    if let Some(password) = password {
        url.push(':');
        escape(&mut url, password);
    }
    for (index, port) in ports.iter().enumerate() {
        let before = if index == 0 { '@' } else { ',' };
        // Writing to a string cannot fail.
        let _ = write!(url, "{before}127.0.0.1:{port}");
    }
    url.push('/');
    escape(&mut url, database);
    url
}

/// Percent-encodes all but the unreserved characters of RFC 3986, and the star,
/// which needs none and stands for a hidden password.
fn escape(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~*".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn urls() {
        assert_eq!(url("app", None, &[5432], "app"), "postgres://app@127.0.0.1:5432/app");
        assert_eq!(
            url("a b", Some("p@s/:é"), &[1, 2], "d?"),
            "postgres://a%20b:p%40s%2F%3A%C3%A9@127.0.0.1:1,127.0.0.1:2/d%3F"
        );
    }
}
