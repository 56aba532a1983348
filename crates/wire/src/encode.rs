//! Building one message at the end of a buffer.

use crate::frame::LENGTH;

/// A message under construction. [`Message::finish`] fills in its length.
///
/// What the protocol cannot carry is remembered and, at the end, the whole
/// message is replaced by a head that no peer accepts: see the crate's docs.
pub(crate) struct Message<'a> {
    out: &'a mut Vec<u8>,
    /// Where the length field is.
    length_at: usize,
    sound: bool,
}

impl<'a> Message<'a> {
    /// Begins a message with a tag.
    pub(crate) fn new(out: &'a mut Vec<u8>, tag: u8) -> Self {
        out.push(tag);
        let length_at = out.len();
        out.extend_from_slice(&[0; LENGTH]);
        Self { out, length_at, sound: true }
    }

    /// Begins a message without a tag: what a client sends first.
    pub(crate) fn untagged(out: &'a mut Vec<u8>) -> Self {
        let length_at = out.len();
        out.extend_from_slice(&[0; LENGTH]);
        Self { out, length_at, sound: true }
    }

    pub(crate) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub(crate) fn i16(self, value: i16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn i32(self, value: i32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn bytes(self, value: &[u8]) -> Self {
        self.out.extend_from_slice(value);
        self
    }

    /// A string and its zero byte. A zero byte inside would end it early and
    /// make the tail another field.
    pub(crate) fn cstr(mut self, value: &[u8]) -> Self {
        self.sound &= !value.contains(&0);
        self.bytes(value).u8(0)
    }

    /// How many items follow: 16 bits, unsigned as PostgreSQL reads parameters.
    pub(crate) fn count(mut self, items: usize) -> Self {
        let count = u16::try_from(items);
        self.sound &= count.is_ok();
        self.bytes(&count.unwrap_or(0).to_be_bytes())
    }

    /// How many items follow: 32 bits.
    pub(crate) fn long_count(mut self, items: usize) -> Self {
        let count = i32::try_from(items);
        self.sound &= count.is_ok();
        self.i32(count.unwrap_or(0))
    }

    /// A value with its length, or NULL.
    pub(crate) fn value(mut self, value: Option<&[u8]>) -> Self {
        let Some(value) = value else { return self.i32(-1) };
        let length = i32::try_from(value.len());
        self.sound &= length.is_ok();
        self.i32(length.unwrap_or(-1)).bytes(value)
    }

    /// One field after another.
    pub(crate) fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        field: impl Fn(Self, T) -> Self,
    ) -> Self {
        items.into_iter().fold(self, field)
    }

    /// Fills in the length.
    pub(crate) fn finish(self) {
        let length = i32::try_from(self.out.len().saturating_sub(self.length_at));
        let length = match length {
            Ok(length) if self.sound => length,
            Ok(_) | Err(_) => {
                self.out.truncate(self.length_at + LENGTH);
                // Less than the length field itself: no peer reads on.
                0
            }
        };
        let field = self.out.get_mut(self.length_at..).and_then(<[u8]>::first_chunk_mut);
        if let Some(field) = field {
            *field = length.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Malformed, split};

    #[test]
    fn what_cannot_be_carried_ends_the_conversation() {
        type Build = fn(Message<'_>) -> Message<'_>;
        let table: &[(&str, Build)] = &[
            ("zero byte in a string", |m| m.cstr(b"a\0b")),
            ("too many items", |m| m.count(70_000).bytes(b"tail")),
        ];
        for (name, build) in table {
            let mut out = b"S\0\0\0\x04".to_vec();
            build(Message::new(&mut out, b'Q')).finish();
            let (_, rest) = split(&out, 100).unwrap().unwrap();
            assert_eq!(split(rest, 100), Err(Malformed::TooShort { claimed: 0 }), "{name}");
            assert_eq!(rest.len(), 5, "{name}");
        }
    }
}
