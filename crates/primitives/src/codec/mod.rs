//! Neo's binary codec.
//!
//! Integers are little-endian. A variable-length integer is one byte below `fd`, `fd` and two bytes, `fe` and
//! four, or `ff` and eight. Only the shortest form is read: a value with two encodings would have two hashes.
//! Lengths are checked against the caller's limit and against the bytes that are there before memory is taken.

mod error;
mod reader;

pub use error::DecodeError;
pub use reader::Reader;

/// A value with Neo bytes.
pub trait Encode {
    /// Appends the bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// The bytes alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Number of bytes that [`Encode::encode`] appends.
    fn encoded_len(&self) -> usize {
        self.to_bytes().len()
    }
}

/// A value that can be read from Neo bytes.
pub trait Decode: Sized {
    /// Reads one value and leaves the reader after it.
    ///
    /// # Errors
    /// [`DecodeError`] names the field, the offset and what is wrong.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value from the whole input.
    ///
    /// # Errors
    /// As [`Decode::decode`]; bytes after the value are [`DecodeError::TrailingBytes`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::decode(&mut r)?;
        r.finish()?;
        Ok(value)
    }
}

/// Appends a variable-length integer in its shortest form.
pub fn write_var_int(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0xfc => out.push(value as u8),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&(value as u16).to_le_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend_from_slice(&(value as u32).to_le_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Appends the length and the bytes.
pub fn write_var_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_var_int(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Number of bytes of a variable-length integer.
pub fn var_int_len(value: u64) -> usize {
    match value {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Number of bytes of a length with its bytes.
pub fn var_bytes_len(bytes: &[u8]) -> usize {
    var_int_len(bytes.len() as u64) + bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn var_int_comes_back(value: u64, shift in 0u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            write_var_int(&mut out, value);
            prop_assert_eq!(out.len(), var_int_len(value));
            let mut r = Reader::new(&out);
            prop_assert_eq!(r.var_int(u64::MAX), Ok(value));
            prop_assert_eq!(r.finish(), Ok(()));
        }

        #[test]
        fn var_bytes_come_back(bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_var_bytes(&mut out, &bytes);
            prop_assert_eq!(out.len(), var_bytes_len(&bytes));
            let mut r = Reader::new(&out);
            prop_assert_eq!(r.var_bytes(bytes.len() as u64), Ok(&bytes[..]));
        }

        #[test]
        fn one_reading_of_any_var_int(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut r = Reader::new(&bytes);
            if let Ok(value) = r.var_int(u64::MAX) {
                let mut out = Vec::new();
                write_var_int(&mut out, value);
                prop_assert_eq!(&out[..], &bytes[..r.position()]);
            }
        }
    }
}
