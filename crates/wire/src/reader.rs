//! Reading the fields of a message body.

use crate::frame::Malformed;

/// A body and how far it has been read. Cannot be read past its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `body`.
    pub fn new(body: &'a [u8]) -> Self {
        Self { left: body }
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(u8::from_be_bytes)
    }

    /// An unsigned 16-bit number.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    /// A signed 16-bit number.
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// An unsigned 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A signed 32-bit number.
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// An unsigned 64-bit number.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A string up to its zero byte, which is read but not given.
    pub fn cstr(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.left.iter().position(|&byte| byte == 0).ok_or(Malformed::Truncated)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// A string up to its zero byte, as UTF-8.
    pub fn str(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.cstr()?).map_err(|_| Malformed::NotText)
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (taken, left) = self.left.split_at_checked(n).ok_or(Malformed::Truncated)?;
        self.left = left;
        Ok(taken)
    }

    /// A value that carries its own length: 32 bits, where -1 means NULL.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length)
                    .map_err(|_| Malformed::BadValue { field: "value length" })?;
                self.take(length).map(Some)
            }
        }
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Ends the reading; bytes left over are an error.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.left.len() {
            0 => Ok(()),
            bytes => Err(Malformed::Trailing { bytes }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, left) = self.left.split_first_chunk::<N>().ok_or(Malformed::Truncated)?;
        self.left = left;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_field_and_stops_at_the_end() {
        let body = b"\x01\xff\xfe\0\x02\0\0\0\x03\0\0\0\0\0\0\0\x04ab\0\xc3\xa9\0xyz";
        let mut reader = Reader::new(body);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.i16(), Ok(-2));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u32(), Ok(3));
        assert_eq!(reader.u64(), Ok(4));
        assert_eq!(reader.cstr(), Ok(&b"ab"[..]));
        assert_eq!(reader.str(), Ok("é"));
        assert_eq!(reader.take(4), Err(Malformed::Truncated));
        assert_eq!(reader.clone().finish(), Err(Malformed::Trailing { bytes: 3 }));
        assert_eq!(reader.rest(), b"xyz");
        assert!(reader.is_empty());
        assert_eq!(reader.u8(), Err(Malformed::Truncated));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn strings_need_their_end_and_values_their_length() {
        assert_eq!(Reader::new(b"abc").cstr(), Err(Malformed::Truncated));
        assert_eq!(Reader::new(b"\xff\0").str(), Err(Malformed::NotText));
        assert_eq!(Reader::new(b"\xff\xff\xff\xff").value(), Ok(None));
        assert_eq!(Reader::new(b"\0\0\0\x01a").value(), Ok(Some(&b"a"[..])));
        assert_eq!(Reader::new(b"\0\0\0\x02a").value(), Err(Malformed::Truncated));
        let negative = Malformed::BadValue { field: "value length" };
        assert_eq!(Reader::new(b"\xff\xff\xff\xfea").value(), Err(negative));
    }
}
