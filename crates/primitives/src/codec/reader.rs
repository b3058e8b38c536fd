//! A cursor over bytes from outside.

use super::DecodeError;

/// Reads Neo's encodings from a slice, never beyond it.
///
/// [`Reader::field`] names what is read next; errors carry that name and the offset.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    field: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            field: "value",
        }
    }

    /// Names what is read next, for errors.
    pub fn field(&mut self, name: &'static str) -> &mut Self {
        self.field = name;
        self
    }

    /// Offset of the next byte.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// The bytes read since `start`, an earlier [`Reader::position`]; empty for any other value.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    /// An error about the field named last, at this position.
    pub fn invalid(&self, reason: impl Into<String>) -> DecodeError {
        DecodeError::Invalid {
            field: self.field,
            offset: self.position,
            reason: reason.into(),
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] if something is left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            remaining => Err(DecodeError::TrailingBytes {
                offset: self.position,
                remaining,
            }),
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self
            .position
            .checked_add(count)
            .and_then(|end| self.bytes.get(self.position..end))
            .ok_or_else(|| self.unexpected_end(count as u64))?;
        self.position += count;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = self
            .bytes
            .get(self.position..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .ok_or_else(|| self.unexpected_end(N as u64))?;
        self.position += N;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, two's complement.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    /// One byte, 0 or 1.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`]; [`DecodeError::UnknownTag`] for any other byte.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(self.unknown_tag(value)),
        }
    }

    /// A variable-length integer up to `max`.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`], [`DecodeError::NonMinimalVarInt`], [`DecodeError::TooLarge`].
    pub fn var_int(&mut self, max: u64) -> Result<u64, DecodeError> {
        let offset = self.position;
        let (value, minimum) = match self.u8()? {
            0xfd => (u64::from(self.u16()?), 0xfd),
            0xfe => (u64::from(self.u32()?), 0x1_0000),
            0xff => (self.u64()?, 0x1_0000_0000),
            short => (u64::from(short), 0),
        };
        if value < minimum {
            return Err(DecodeError::NonMinimalVarInt {
                field: self.field,
                offset,
                value,
            });
        }
        if value > max {
            return Err(DecodeError::TooLarge {
                field: self.field,
                offset,
                value,
                limit: max,
            });
        }
        Ok(value)
    }

    /// A count of elements of at least `element_size` bytes each, up to `max`. The elements must fit in what is
    /// left of the input, so that the count can size an allocation.
    ///
    /// # Errors
    /// As [`Reader::var_int`]; [`DecodeError::UnexpectedEnd`] if that many elements cannot be there.
    pub fn count(&mut self, max: u64, element_size: usize) -> Result<usize, DecodeError> {
        let count = self.var_int(max)?;
        let needed = count.saturating_mul(element_size.max(1) as u64);
        if needed > self.remaining() as u64 {
            return Err(self.unexpected_end(needed));
        }
        usize::try_from(count).map_err(|_| self.unexpected_end(needed))
    }

    /// `count` elements, a number that [`Reader::count`] gave.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn list<T>(
        &mut self,
        count: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// A length up to `max` and that many bytes.
    ///
    /// # Errors
    /// As [`Reader::var_int`] and [`Reader::bytes`].
    pub fn var_bytes(&mut self, max: u64) -> Result<&'a [u8], DecodeError> {
        let length = self.count(max, 1)?;
        self.bytes(length)
    }

    /// A length up to `max` bytes and that much UTF-8 text.
    ///
    /// # Errors
    /// As [`Reader::var_bytes`]; [`DecodeError::NotUtf8`].
    pub fn var_string(&mut self, max: u64) -> Result<&'a str, DecodeError> {
        let offset = self.position;
        let bytes = self.var_bytes(max)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 {
            field: self.field,
            offset,
        })
    }

    /// [`DecodeError::UnknownTag`] for the byte just read.
    pub(crate) fn unknown_tag(&self, value: u8) -> DecodeError {
        DecodeError::UnknownTag {
            field: self.field,
            offset: self.position.saturating_sub(1),
            value,
        }
    }

    fn unexpected_end(&self, needed: u64) -> DecodeError {
        DecodeError::UnexpectedEnd {
            field: self.field,
            offset: self.position,
            needed,
            remaining: self.remaining(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_named() {
        let mut r = Reader::new(&[1, 2, 3]);
        assert_eq!(r.u16(), Ok(0x0201));
        assert_eq!(
            r.field("nonce").u32(),
            Err(DecodeError::UnexpectedEnd {
                field: "nonce",
                offset: 2,
                needed: 4,
                remaining: 1
            })
        );
        assert_eq!(
            r.finish(),
            Err(DecodeError::TrailingBytes {
                offset: 2,
                remaining: 1
            })
        );
        assert_eq!(r.u8(), Ok(3));
        assert_eq!(r.finish(), Ok(()));
    }

    #[test]
    fn longer_forms_of_lengths_are_refused() {
        for (bytes, value) in [
            (&[0xfd, 0xfc, 0x00][..], 0xfc),
            (&[0xfe, 0xff, 0xff, 0, 0], 0xffff),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 0xffff_ffff),
        ] {
            assert_eq!(
                Reader::new(bytes).field("count").var_int(u64::MAX),
                Err(DecodeError::NonMinimalVarInt {
                    field: "count",
                    offset: 0,
                    value
                })
            );
        }
    }

    #[test]
    fn limits_come_before_memory() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert!(matches!(
            Reader::new(&huge).var_bytes(1024),
            Err(DecodeError::TooLarge { .. })
        ));
        assert!(matches!(
            Reader::new(&huge).var_bytes(u64::MAX),
            Err(DecodeError::UnexpectedEnd { .. })
        ));
        assert!(matches!(
            Reader::new(&huge).count(u64::MAX, usize::MAX),
            Err(DecodeError::UnexpectedEnd { .. })
        ));
        assert!(matches!(
            Reader::new(&huge).bytes(usize::MAX),
            Err(DecodeError::UnexpectedEnd { .. })
        ));
    }

    #[test]
    fn booleans_and_text_are_strict() {
        assert_eq!(Reader::new(&[1]).bool(), Ok(true));
        assert_eq!(
            Reader::new(&[2]).field("flag").bool(),
            Err(DecodeError::UnknownTag {
                field: "flag",
                offset: 0,
                value: 2
            })
        );
        assert!(matches!(
            Reader::new(&[1, 0xff]).var_string(9),
            Err(DecodeError::NotUtf8 { .. })
        ));
        assert_eq!(Reader::new(&[2, b'o', b'k']).var_string(9), Ok("ok"));
    }
}
