//! Hashes that are announced and asked for.

use std::{collections::HashSet, fmt};

use neo_primitives::{Decode, DecodeError, Encode, Reader, UInt256, codec::write_var_int};

use super::command::Command;

/// Most hashes of one message.
pub const MAX_HASHES: usize = 500;

/// What a hash is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InventoryKind {
    /// A transaction.
    Transaction,
    /// A block.
    Block,
    /// An extensible payload.
    Extensible,
}

impl InventoryKind {
    /// The byte on the wire: the code of the command that carries it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Transaction => Command::Transaction.code(),
            Self::Block => Command::Block.code(),
            Self::Extensible => Command::Extensible.code(),
        }
    }
}

impl fmt::Display for InventoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transaction => "transaction",
            Self::Block => "block",
            Self::Extensible => "extensible payload",
        })
    }
}

/// Up to 500 hashes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Of what.
    pub kind: InventoryKind,
    /// The hashes.
    pub hashes: Vec<UInt256>,
}

impl Inventory {
    /// The same without the hashes that stand there before, in the same order.
    #[must_use]
    pub fn without_repeats(mut self) -> Self {
        let mut seen = HashSet::with_capacity(self.hashes.len());
        self.hashes.retain(|hash| seen.insert(*hash));
        self
    }

    /// The hashes in groups that fit a message.
    pub fn groups(kind: InventoryKind, hashes: &[UInt256]) -> impl Iterator<Item = Self> + '_ {
        hashes.chunks(MAX_HASHES).map(move |group| Self {
            kind,
            hashes: group.to_vec(),
        })
    }
}

impl Encode for Inventory {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind.code());
        write_var_int(out, self.hashes.len() as u64);
        for hash in &self.hashes {
            out.extend_from_slice(hash.as_wire());
        }
    }
}

impl Decode for Inventory {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = r.field("inventory type").u8()?;
        let kind = [
            InventoryKind::Transaction,
            InventoryKind::Block,
            InventoryKind::Extensible,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
        .ok_or_else(|| r.invalid(format!("{code:#04x} is no type of inventory")))?;
        let count = r.field("hash count").count(MAX_HASHES as u64, 32)?;
        Ok(Self {
            kind,
            hashes: r.field("hash").list(count, UInt256::decode)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_fit_messages() {
        let hashes = vec![UInt256::from_wire([1; 32]); 1001];
        let sizes: Vec<usize> = Inventory::groups(InventoryKind::Block, &hashes)
            .map(|group| group.hashes.len())
            .collect();
        assert_eq!(sizes, [500, 500, 1]);
        assert_eq!(Inventory::groups(InventoryKind::Block, &[]).count(), 0);
    }

    #[test]
    fn an_unknown_type_is_named() {
        let error = Inventory::from_bytes(&[0x77, 0]).unwrap_err();
        assert!(error.to_string().contains("0x77"), "{error}");
    }

    #[test]
    fn five_hundred_and_no_more() {
        let mut inventory = Inventory {
            kind: InventoryKind::Transaction,
            hashes: vec![UInt256::from_wire([3; 32]); 500],
        };
        let bytes = inventory.to_bytes();
        assert_eq!(bytes.len(), Command::Inv.limit());
        assert_eq!(Inventory::from_bytes(&bytes), Ok(inventory.clone()));
        inventory.hashes.push(UInt256::from_wire([3; 32]));
        assert!(matches!(
            Inventory::from_bytes(&inventory.to_bytes()),
            Err(DecodeError::TooLarge {
                value: 501,
                limit: 500,
                ..
            })
        ));
    }
}
