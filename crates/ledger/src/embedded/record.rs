//! The bytes of a block's records in the store.

use neo_primitives::{Block, DecodeError, Encode, Height, Reader};

use super::history::write_history;
use crate::{
    execution::{Executed, encode_outcomes},
    store::{Batch, Table},
};

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) height: Height,
    pub(super) position: u32,
    /// First byte in the block's bytes.
    pub(super) offset: u32,
    /// Number of bytes.
    pub(super) length: u32,
}

impl Place {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        for number in [self.height.0, self.position, self.offset, self.length] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let place = Self {
            height: Height(r.field("height").u32()?),
            position: r.field("position").u32()?,
            offset: r.field("offset").u32()?,
            length: r.field("length").u32()?,
        };
        r.finish()?;
        Ok(place)
    }
}

/// The key of a height.
pub(crate) fn height_key(height: Height) -> [u8; 4] {
    height.0.to_be_bytes()
}

/// Adds everything that is stored for a block.
pub(super) fn write_block(batch: &mut Batch, block: &Block, executed: &Executed) {
    let key = height_key(block.header.index);
    let bytes = block.to_bytes();
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    // The transactions are the last part of a block.
    let total: usize = block
        .transactions
        .iter()
        .map(|transaction| transaction.size())
        .sum();
    let mut offset = bytes.len().saturating_sub(total);
    for (position, transaction) in block.transactions.iter().enumerate() {
        let place = Place {
            height: block.header.index,
            position: size(position),
            offset: size(offset),
            length: size(transaction.size()),
        };
        batch.put(
            Table::Transactions,
            transaction.hash().as_wire().as_slice(),
            place.to_bytes(),
        );
        offset = offset.saturating_add(transaction.size());
    }
    batch.put(Table::Blocks, key, bytes);
    batch.put(Table::BlockHeights, executed.hash.as_wire().as_slice(), key);
    batch.put(Table::Outcomes, key, encode_outcomes(&executed.outcomes));
    batch.put(
        Table::StateHashes,
        key,
        executed.state_hash.as_wire().as_slice(),
    );
    write_history(batch, block.header.index, executed);
    for (key, value) in &executed.sorted_writes {
        match value {
            Some(value) => batch.put(Table::State, key.as_slice(), value.as_slice()),
            None => batch.remove(Table::State, key.as_slice()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_come_back(height: u32, position: u32, offset: u32, length: u32) {
            let place = Place { height: Height(height), position, offset, length };
            prop_assert_eq!(Place::from_bytes(&place.to_bytes()), Ok(place));
        }

        #[test]
        fn damaged_places_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(Place::from_bytes(&bytes).is_ok(), bytes.len() == 16);
        }
    }

    #[test]
    fn heights_sort_as_numbers() {
        assert!(height_key(Height(255)) < height_key(Height(256)));
    }
}
