//! Serialised stack items, as native contracts store them.

use neo_primitives::{DecodeError, Reader};

/// Items in one stored value, at most; a committee of 1,024 members has 3,073.
const MAX_ITEMS: usize = 4_096;
/// How deep items stand in each other, at most. A committee is an array of structures.
const MAX_DEPTH: usize = 4;
/// Bytes of a byte string, at most.
const MAX_BYTES: u64 = 1_024;

/// What of Neo's stack items native contracts store where validators are elected.
///
/// Source: neo-project/neo-vm `BinarySerializer`, the same in neo-go `stackitem.Serialize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StackItem {
    /// Null.
    Any,
    /// A Boolean.
    Boolean(bool),
    /// An integer; what does not fit is refused, no stored amount is that large.
    Integer(i128),
    /// A byte string.
    Bytes(Vec<u8>),
    /// An array or a structure.
    List(Vec<Self>),
}

impl StackItem {
    /// Reads one item that is all of the input.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let mut left = MAX_ITEMS;
        let item = decode(&mut r, &mut left, MAX_DEPTH)?;
        r.finish()?;
        Ok(item)
    }

    /// The elements of a list.
    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The bytes of a byte string.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An amount that is not negative.
    pub(crate) fn amount(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A Boolean.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

fn decode(r: &mut Reader<'_>, left: &mut usize, depth: usize) -> Result<StackItem, DecodeError> {
    r.field("stack item");
    *left = left
        .checked_sub(1)
        .ok_or_else(|| r.invalid(format!("more than {MAX_ITEMS} items")))?;
    match r.u8()? {
        0x00 => Ok(StackItem::Any),
        0x20 => Ok(StackItem::Boolean(r.bool()?)),
        0x21 => {
            let bytes = r.var_bytes(32)?;
            integer(bytes)
                .map(StackItem::Integer)
                .ok_or_else(|| r.invalid(format!("an integer has {} bytes", bytes.len())))
        }
        0x28 | 0x30 => Ok(StackItem::Bytes(r.var_bytes(MAX_BYTES)?.to_vec())),
        0x40 | 0x41 => {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(r.invalid(format!("items stand more than {MAX_DEPTH} deep")));
            };
            let count = r.count(MAX_ITEMS as u64, 1)?;
            let items: Result<Vec<_>, _> = (0..count).map(|_| decode(r, left, depth)).collect();
            Ok(StackItem::List(items?))
        }
        kind => Err(r.invalid(format!("type {kind:#04x} is not expected here"))),
    }
}

/// A little-endian integer in two's complement; no bytes are 0. `None` above 16 bytes.
pub(crate) fn integer(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(hex: &str) -> Result<StackItem, DecodeError> {
        StackItem::read(&hex::decode(hex).unwrap())
    }

    #[test]
    fn candidates_as_neo_go_stores_them() {
        // Seen in the storage of neo-go 0.120: registered without a vote, and with 25,000,000.
        let item = read("410220012100").unwrap();
        assert_eq!(
            item.list().unwrap(),
            [StackItem::Boolean(true), StackItem::Integer(0)]
        );
        let item = read("41022001210440787d01").unwrap();
        assert_eq!(item.list().unwrap()[1].amount(), Some(25_000_000));
    }

    #[test]
    fn integers_in_twos_complement() {
        for (bytes, value) in [
            (&[][..], 0),
            (&[0x7f], 127),
            (&[0x80], -128),
            (&[0x80, 0x00], 128),
            (&[0xff, 0xff], -1),
            (&[0x00, 0xe1, 0xf5, 0x05], 100_000_000),
        ] {
            assert_eq!(integer(bytes), Some(value), "{bytes:x?}");
        }
        assert_eq!(integer(&[1; 17]), None);
        assert_eq!(read("2101ff").unwrap().amount(), None, "-1 is no amount");
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (text, problem) in [
            ("", "stack item"),
            ("99", "type 0x99"),
            ("2002", ""),
            ("2111", ""),
            ("4001", ""),
            ("0000", ""),
            ("40014001400140014000", "deep"),
            ("2111ffffffffffffffffffffffffffffffffff", "17 bytes"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
        let many = [&[0x40, 0xfd, 0xff, 0x0f][..], &[0x00; 4_095]].concat();
        assert!(StackItem::read(&many).is_ok());
        let more = [&[0x40, 0xfd, 0x00, 0x10][..], &[0x00; 4_096]].concat();
        assert!(
            StackItem::read(&more)
                .unwrap_err()
                .to_string()
                .contains("4096")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StackItem::read(&bytes);
        }
    }
}
