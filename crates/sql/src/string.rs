//! Strings of any kind: what they say, as the server takes them.

use crate::lexer::{Kind, Quotes, Token};

/// What a string says; `None` if it is none, if the server refuses it, or if it is written in a
/// form that we do not take (`B'…'`, `X'…'`, `N'…'`).
///
/// What follows the token is not looked at: behind a `U&'…'` whoever asks must not take a
/// `UESCAPE`, which changes what it says.
pub(crate) fn value(token: Token<'_>) -> Option<String> {
    let bytes = match token.kind {
        Kind::Text(Quotes::Plain) => undoubled(inside(token.text, 1)?),
        Kind::Text(Quotes::Dollar) => {
            let tag = token.text.iter().skip(1).position(|byte| *byte == b'$')?;
            inside(token.text, tag + 2)?.to_vec()
        }
        Kind::Text(Quotes::Prefixed) => match token.text {
            [b'e' | b'E', quoted @ ..] => escaped(quoted)?,
            [b'u' | b'U', b'&', quoted @ ..] => unicode(&undoubled(inside(quoted, 1)?))?,
            _ => return None,
        },
        _ => return None,
    };
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// What is left without `ends` bytes at both ends.
pub(crate) fn inside(text: &[u8], ends: usize) -> Option<&[u8]> {
    text.get(ends..text.len().checked_sub(ends)?)
}

fn undoubled(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(byte);
        if byte == b'\'' {
            bytes.next();
        }
    }
    plain
}

/// What `'…'` says with backslashes in it. One that goes on in another line is not taken.
fn escaped(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut half = None;
    let mut rest = inside(quoted, 1)?;
    while let Some((&first, more)) = rest.split_first() {
        rest = match (first, more) {
            (b'\\', [kind @ (b'u' | b'U'), more @ ..]) => {
                let (code, more) = hexadecimal(more, if *kind == b'u' { 4 } else { 8 })?;
                character(&mut half, code, &mut plain)?;
                more
            }
            _ if half.is_some() => return None,
            (b'\\', more) => escape(more, &mut plain)?,
            (b'\'', [b'\'', more @ ..]) => {
                plain.push(b'\'');
                more
            }
            (b'\'', _) => return None,
            (byte, more) => {
                plain.push(byte);
                more
            }
        };
    }
    half.is_none().then_some(plain)
}

/// Takes what stands behind a backslash, and hands back what follows.
fn escape<'a>(text: &'a [u8], plain: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&first, rest) = text.split_first()?;
    let (digits, base, most) = match first {
        b'0'..=b'7' => (text, 8, 3),
        b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => (rest, 16, 2),
        _ => {
            plain.push(match first {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => other,
            });
            return Some(rest);
        }
    };
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(base);
    let length = digits.iter().take(most).take_while(is_digit).count();
    let (digits, rest) = digits.split_at_checked(length)?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()?;
    // Of three octal digits the server keeps the last eight bits.
    plain.push(u8::try_from(code & 0xff).ok()?);
    Some(rest)
}

/// What a `U&'…'` says: `\0041`, `\+000041`, and `\\`.
fn unicode(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut half = None;
    let mut rest = text;
    while let Some((&first, more)) = rest.split_first() {
        rest = match (first, more) {
            (b'\\', [b'\\', more @ ..]) if half.is_none() => {
                plain.push(b'\\');
                more
            }
            (b'\\', digits) => {
                let (digits, length) = match digits {
                    [b'+', digits @ ..] => (digits, 6),
                    digits => (digits, 4),
                };
                let (code, more) = hexadecimal(digits, length)?;
                character(&mut half, code, &mut plain)?;
                more
            }
            _ if half.is_some() => return None,
            (byte, more) => {
                plain.push(byte);
                more
            }
        };
    }
    half.is_none().then_some(plain)
}

/// A number of exactly so many digits, and what follows.
fn hexadecimal(text: &[u8], length: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(length)?;
    let digits = std::str::from_utf8(digits).ok().filter(|it| !it.starts_with('+'))?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Adds a character by its code. Two of them may be the halves of one: the first is kept.
fn character(half: &mut Option<u32>, code: u32, plain: &mut Vec<u8>) -> Option<()> {
    let code = match (half.take(), code) {
        (None, 0xd800..=0xdbff) => {
            *half = Some(code);
            return Some(());
        }
        (None, code) => code,
        (Some(first), 0xdc00..=0xdfff) => 0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff),
        (Some(_), _) => return None,
    };
    let character = char::from_u32(code)?;
    plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::Lexer;

    fn check(string: &str, expected: Option<&str>) {
        let token = Lexer::new(string.as_bytes()).next().unwrap();
        assert_eq!(token.text.len(), string.len(), "{string} is one token");
        assert_eq!(value(token).as_deref(), expected, "{string}");
    }

    #[test]
    fn strings_say_what_they_say_to_the_server() {
        check("'it''s a \\'", Some("it's a \\"));
        check("$$it's$$", Some("it's"));
        check("$a$ $$ $a$", Some(" $$ "));
        check(r"E'DOMAIN\\user'", Some(r"DOMAIN\user"));
        check(r"e'it''s \'it\''", Some("it's 'it'"));
        check(r"E'\b\f\n\r\t\z'", Some("\u{8}\u{c}\n\r\tz"));
        check(r"E'\101\1018\7\x41\x4g\xg\x414'", Some("AA8\u{7}A\u{4}gxgA4"));
        check(r"E'\xc3\xa9\303\251\u00e9\U000000e9é'", Some("ééééé"));
        check(r"E'\uD83D\uDE00\U0000D83D\uDE00'", Some("😀😀"));
        check(r"U&'\0041\+000042\\ it''s d\00e9j\00E0 \d83d\de00'", Some("AB\\ it's déjà 😀"));
    }

    #[test]
    fn what_the_server_refuses_says_nothing() {
        for string in [
            r"E'\u004'",
            r"E'\U0000004'",
            r"E'\u+041'",
            r"E'\uD83D'",
            r"E'\uD83Dx\uDE00'",
            r"E'\uD83D\\'",
            r"E'\uDE00'",
            r"E'\xff'",
            r"E'\0'",
            r"E'\u0000'",
            r"E'\U00110000'",
            r"U&'\004'",
            r"U&'\+00004'",
            r"U&'\d83d'",
            r"U&'\d83d\\'",
            r"U&'\0000'",
            r"U&'\'",
        ] {
            check(string, None);
        }
        // Taken by the server, but not by us.
        for string in ["B'01'", "X'0f'", "N'a'", "E'a'\n'b'", "U&\"a\"", "a"] {
            check(string, None);
        }
    }
}
