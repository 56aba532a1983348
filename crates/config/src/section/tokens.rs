//! `[tokens]`: how tokens are signed, and who is told them.

use std::path::Path;

use crate::check::{Checker, ReadFile, Refusal, items, name, path};
use crate::config::{TokenKey, TokensConfig};
use crate::secret::{Secret, read_alone};
use crate::source::{Entry, Value};

/// Keys at once: the one that signs, and a few that are on their way in or out.
const KEYS_MAX: usize = 16;

/// Bytes of a secret at least. A shorter one could be found by trying, with a token in hand.
const SECRET_MIN: usize = 32;

/// What a secret is made with.
const HINT: &str = "make one with: openssl rand -base64 32";

const EXPECTED: &str = "an array of keys, such as [\"2:file:token-2.key\", \"1:file:token-1.key\"]";

pub(crate) fn read_tokens(checker: &mut Checker<'_>) -> TokensConfig {
    let read_file = checker.read_file;
    let keys = checker.one("tokens.keys", EXPECTED, |entry| keys(entry, read_file));
    TokensConfig { keys: keys.unwrap_or_default(), report: checker.boolean("tokens.report", false) }
}

fn keys(entry: &Entry, read_file: ReadFile<'_>) -> Result<Vec<TokenKey>, Refusal> {
    // What is written there is secret: no refusal shows it.
    let list = items(entry).ok_or_else(|| Refusal::found(entry.value.kind()))?;
    let is_empty = |item: &&Entry| item.is_empty() && !item.is_typed();
    let mut keys: Vec<TokenKey> = Vec::new();
    for (place, item) in list.iter().filter(|item| !is_empty(item)).enumerate() {
        let key = key(item, place + 1, read_file)?;
        if keys.iter().any(|other| other.number == key.number) {
            return Err(Refusal::found(format!("two keys with the number {}", key.number)));
        }
        if keys.iter().any(|other| other.secret == key.secret) {
            return Err(Refusal {
                hint: Some(HINT.to_owned()),
                ..Refusal::found(format!("key {} with the secret of another", key.number))
            });
        }
        keys.push(key);
    }
    if keys.len() > KEYS_MAX {
        return Err(Refusal::found(format!("{} keys; at most {KEYS_MAX} are taken", keys.len())));
    }
    Ok(keys)
}

/// `NUMBER:SECRET` or `NUMBER:file:PATH`; the `place`th of the list.
fn key(item: &Entry, place: usize, read_file: ReadFile<'_>) -> Result<TokenKey, Refusal> {
    let text = name(item).map_err(|_| Refusal::found(item.value.kind()))?;
    let numbered = text.split_once(':').and_then(|(number, rest)| {
        Some((number.trim().parse::<u8>().ok().filter(|number| *number > 0)?, rest))
    });
    let Some((number, rest)) = numbered else {
        return Err(Refusal {
            hint: Some("each is NUMBER:SECRET or NUMBER:file:PATH, with 1 to 255".to_owned()),
            ..Refusal::found(format!("a key without a number (the {place}. of them)"))
        });
    };
    let secret = match rest.strip_prefix("file:") {
        Some(file) => {
            let file = Entry { value: Value::Text(file.to_owned()), place: item.place.clone() };
            let path =
                path(&file).map_err(|_| Refusal::found(format!("key {number} without a path")))?;
            read_key(&path, read_file)?
        }
        None => Secret::new(rest),
    };
    let length = secret.expose().len();
    if length < SECRET_MIN {
        return Err(Refusal {
            hint: Some(HINT.to_owned()),
            ..Refusal::found(format!(
                "key {number} with a secret of {length} bytes; {SECRET_MIN} are the least"
            ))
        });
    }
    Ok(TokenKey { number, secret })
}

fn read_key(path: &Path, read_file: ReadFile<'_>) -> Result<Secret, Refusal> {
    read_alone(path, "secret", read_file)
}
