//! A header signature.

use neo_primitives::{
    Header, Height, Magic, UInt256, ValidatorIndex, has_duplicates, merkle_root, sign_data,
};

use super::{Asked, Malformed, account, hash, wrong};
use crate::proto::signpb::{BlockHeader, TrimmedBlock};
use crate::statement::{Bond, Phase, Statement};

/// Most transactions of a block.
const MAX_TRANSACTIONS: usize = 65_535;

impl Asked {
    /// The signature of this block's header. Its transactions must be those of the header.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn block(magic: Magic, block: &TrimmedBlock) -> Result<Self, Malformed> {
        let header = block
            .header
            .as_ref()
            .ok_or(Malformed::Missing("block.header"))?;
        let header = read_header(header)?;
        check_transactions(&header, &block.tx_hashes)?;
        let digest = header.hash();
        let bond = Bond {
            height: header.index,
            phase: Phase::Block,
            view: 0,
            digest,
        };
        Ok(Self {
            kind: "Block",
            height: Some(header.index),
            view: None,
            subject: Some(digest),
            statement: Statement::Binds(bond),
            preimage: sign_data(magic, &digest).to_vec(),
        })
    }
}

fn read_header(header: &BlockHeader) -> Result<Header, Malformed> {
    let primary = u8::try_from(header.primary_index).map_err(|_| {
        let index = header.primary_index;
        wrong(
            "block.header.primary_index",
            format!("{index} is above 255"),
        )
    })?;
    if header.version != 0 {
        let problem = format!("{} is not known, blocks have version 0", header.version);
        return Err(wrong("block.header.version", problem));
    }
    Ok(Header {
        version: header.version,
        prev_hash: hash("block.header.prev_hash", &header.prev_hash)?,
        merkle_root: hash("block.header.merkle_root", &header.merkle_root)?,
        timestamp: header.timestamp,
        nonce: header.nonce,
        index: Height(header.index),
        primary_index: ValidatorIndex(primary),
        next_consensus: account("block.header.next_consensus", &header.next_consensus)?,
    })
}

fn check_transactions(header: &Header, hashes: &[Vec<u8>]) -> Result<(), Malformed> {
    const FIELD: &str = "block.tx_hashes";
    if hashes.len() > MAX_TRANSACTIONS {
        let problem = format!("{} hashes, at most {MAX_TRANSACTIONS}", hashes.len());
        return Err(wrong(FIELD, problem));
    }
    let hashes = hashes.iter().map(|bytes| hash(FIELD, bytes));
    let hashes = hashes.collect::<Result<Vec<UInt256>, _>>()?;
    if has_duplicates(&hashes) {
        return Err(wrong(FIELD, "a hash is there twice"));
    }
    let root = merkle_root(&hashes);
    if root != header.merkle_root {
        let problem = format!(
            "their root is {root}, the header has {}",
            header.merkle_root
        );
        return Err(wrong(FIELD, problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MAGIC, block};

    #[test]
    fn a_block_is_judged_by_the_hash_that_is_signed() {
        let trimmed = block(7, 1);
        let asked = Asked::block(MAGIC, &trimmed).unwrap();
        let digest = asked.subject.unwrap();
        assert_eq!(asked.preimage, sign_data(MAGIC, &digest));
        assert_eq!(
            asked.statement,
            Statement::Binds(Bond {
                height: Height(7),
                phase: Phase::Block,
                view: 0,
                digest
            })
        );
        assert_ne!(Asked::block(MAGIC, &block(7, 2)).unwrap(), asked);
    }

    #[test]
    fn what_is_no_block_is_refused_with_its_field() {
        type Bend = fn(&mut TrimmedBlock);
        let cases: [(Bend, &str); 9] = [
            (|it| it.header = None, "block.header is missing"),
            (
                |it| header(it).prev_hash = vec![0; 31],
                "block.header.prev_hash has 31 bytes, 32 are needed",
            ),
            (
                |it| header(it).merkle_root = vec![],
                "block.header.merkle_root has 0 bytes",
            ),
            (
                |it| header(it).next_consensus = vec![0; 32],
                "block.header.next_consensus has 32 bytes, 20",
            ),
            (
                |it| header(it).primary_index = 256,
                "block.header.primary_index: 256 is above 255",
            ),
            (
                |it| header(it).version = 1,
                "block.header.version: 1 is not known",
            ),
            (
                |it| it.tx_hashes = vec![vec![3; 32]],
                "block.tx_hashes: their root is",
            ),
            (
                |it| it.tx_hashes = vec![vec![3; 30]],
                "block.tx_hashes has 30 bytes",
            ),
            (
                |it| it.tx_hashes = vec![vec![3; 32]; 2],
                "block.tx_hashes: a hash is there twice",
            ),
        ];
        for (bend, expected) in cases {
            let mut bent = block(7, 1);
            bend(&mut bent);
            let error = Asked::block(MAGIC, &bent).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn header(block: &mut TrimmedBlock) -> &mut BlockHeader {
        block.header.as_mut().unwrap()
    }
}
