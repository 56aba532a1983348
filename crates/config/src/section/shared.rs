//! `[shared]`.

use super::{ms, secs};
use crate::check::{Checker, Refusal, name};
use crate::config::SharedConfig;
use crate::secret::secret;
use crate::source::{Entry, Value};

const NAME_MAX: usize = 64;

/// `None` without a URL, whatever else is written.
pub(crate) fn read_shared(checker: &mut Checker<'_>) -> Option<SharedConfig> {
    let expected = "redis://HOST:PORT/NUMBER, rediss://… or valkey://…, without a password";
    let url = checker.one("shared.url", expected, store_url);
    let password = secret(checker, "shared.password");
    let expected = "letters, digits, \"_\", \"-\" and \".\", at most 64";
    let name = checker.one("shared.name", expected, group_name);
    let timeout = checker.duration("shared.timeout", ms(1)..=secs(10), ms(20));
    let name = name.unwrap_or_else(|| "afterwrite".to_owned());
    Some(SharedConfig { url: url?, password, name, timeout })
}

fn store_url(entry: &Entry) -> Result<String, Refusal> {
    // What is wrong is not quoted: there may be a password in it.
    let refused = |found: &str| Refusal::found(found);
    let Value::Text(text) = &entry.value else { return Err(Refusal::default()) };
    let rest = ["redis://", "rediss://", "valkey://", "valkeys://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| refused("another kind of URL"))?;
    let (authority, number) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        let hint = "write it as shared.password, or name a file in shared.password_file";
        return Err(Refusal { hint: Some(hint.to_owned()), ..refused("a URL with a password") });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:[]".contains(c);
    let is_host = !host.is_empty() && !host.starts_with(':') && host.chars().all(plain);
    let is_number = number.len() <= 5 && number.bytes().all(|digit| digit.is_ascii_digit());
    if !is_host || !is_number || !user.chars().all(plain) {
        return Err(refused("a URL that is not of this form"));
    }
    Ok(text.clone())
}

fn group_name(entry: &Entry) -> Result<String, Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name = name(entry)?;
    let is_plain = name.len() <= NAME_MAX && name.chars().all(plain);
    is_plain.then_some(name).ok_or_else(Refusal::default)
}
