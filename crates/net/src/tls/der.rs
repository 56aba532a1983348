//! Reads DER, as far as certificates need it. Never past the end.

/// The universal tags that certificates use.
pub(super) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8: u8 = 0x0c;
    pub(crate) const PRINTABLE: u8 = 0x13;
    pub(crate) const IA5: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
}

/// What is left of some DER.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

/// One value: its tag, what it holds, and all of it with tag and length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value; `None` at the end, and if it is not DER.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // 4 GiB are more than any certificate has.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Value { tag: *tag, body, whole })
    }

    /// The next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Value<'a>> {
        let value = self.next()?;
        (value.tag == tag).then_some(value)
    }

    /// The next value if it has this tag; otherwise nothing is taken.
    pub(super) fn take_if(&mut self, tag: u8) -> Option<Value<'a>> {
        let mut ahead = *self;
        let value = ahead.take(tag)?;
        *self = ahead;
        Some(value)
    }
}

impl<'a> Value<'a> {
    /// What it holds, as values.
    pub(super) fn inside(&self) -> Der<'a> {
        Der(self.body)
    }

    /// The bytes of a bit string that has no unused bits.
    pub(super) fn bits(&self) -> Option<&'a [u8]> {
        self.body.strip_prefix(&[0])
    }
}
