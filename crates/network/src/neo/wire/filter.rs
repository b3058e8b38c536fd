//! Bloom filters of light clients. They are read, so that malformed ones are noticed, and have no effect.

use neo_primitives::{
    Decode, DecodeError, Encode, MAX_BLOCK_TRANSACTIONS, Reader, SignedHeader, UInt256,
    codec::{write_var_bytes, write_var_int},
};

/// Most bytes of a filter.
pub const MAX_FILTER: usize = 36_000;
/// Most hash functions of a filter.
pub const MAX_FILTER_FUNCTIONS: u8 = 50;
/// Most bytes of an element that is added to a filter.
pub const MAX_FILTER_ELEMENT: u64 = 520;

/// A bloom filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterLoad {
    /// Its bits.
    pub filter: Vec<u8>,
    /// How many hash functions it has, at most 50.
    pub functions: u8,
    /// A number that goes into each of them.
    pub tweak: u32,
}

impl Encode for FilterLoad {
    fn encode(&self, out: &mut Vec<u8>) {
        write_var_bytes(out, &self.filter);
        out.push(self.functions);
        out.extend_from_slice(&self.tweak.to_le_bytes());
    }
}

impl Decode for FilterLoad {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let filter = r.field("filter").var_bytes(MAX_FILTER as u64)?.to_vec();
        let functions = r.field("filter functions").u8()?;
        if functions > MAX_FILTER_FUNCTIONS {
            return Err(r.invalid(format!(
                "{functions} functions, the limit is {MAX_FILTER_FUNCTIONS}"
            )));
        }
        Ok(Self {
            filter,
            functions,
            tweak: r.field("filter tweak").u32()?,
        })
    }
}

/// A header with the part of the hash tree that a filter matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerkleBlock {
    /// The header.
    pub header: SignedHeader,
    /// Transactions of the block.
    pub transactions: u16,
    /// Hashes of the tree, no more than there are transactions.
    pub hashes: Vec<UInt256>,
    /// Which of them the filter matches.
    pub flags: Vec<u8>,
}

impl Encode for MerkleBlock {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        write_var_int(out, self.transactions.into());
        write_var_int(out, self.hashes.len() as u64);
        for hash in &self.hashes {
            out.extend_from_slice(hash.as_wire());
        }
        write_var_bytes(out, &self.flags);
    }
}

impl Decode for MerkleBlock {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header = SignedHeader::decode(r)?;
        let transactions = r
            .field("transaction count")
            .var_int(MAX_BLOCK_TRANSACTIONS)?;
        let count = r.field("hash count").count(transactions, 32)?;
        let hashes = r.field("hash").list(count, UInt256::decode)?;
        let flags = r
            .field("flags")
            .var_bytes(transactions.max(1).div_ceil(8))?
            .to_vec();
        Ok(Self {
            header,
            transactions: u16::try_from(transactions)
                .map_err(|_| r.invalid(format!("{transactions} transactions")))?,
            hashes,
            flags,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_its_limits() {
        let good = FilterLoad {
            filter: vec![1; MAX_FILTER],
            functions: 50,
            tweak: 7,
        };
        assert_eq!(FilterLoad::from_bytes(&good.to_bytes()), Ok(good.clone()));
        let long = FilterLoad {
            filter: vec![1; MAX_FILTER + 1],
            ..good.clone()
        };
        assert!(FilterLoad::from_bytes(&long.to_bytes()).is_err());
        let many = FilterLoad {
            functions: 51,
            ..good
        };
        assert!(FilterLoad::from_bytes(&many.to_bytes()).is_err());
    }
}
