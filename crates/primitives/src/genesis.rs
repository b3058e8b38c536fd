//! The genesis block and the accounts of validator sets.

use crate::block::{Block, Header};
use crate::hash::{UInt160, UInt256, hash160};
use crate::keys::PublicKey;
use crate::number::{Height, ValidatorIndex};
use crate::script::{Opcode, multisig_script};
use crate::witness::Witness;

/// Time of the genesis block: 2016-07-15 15:08:21 UTC, in milliseconds.
pub const GENESIS_TIMESTAMP: u64 = 1_468_595_301_000;

/// Nonce of the genesis block.
pub const GENESIS_NONCE: u64 = 2_083_236_893;

/// Votes that decide among `n` validators: `n − ⌊(n−1)/3⌋`, and 0 for none.
pub fn bft_quorum(n: usize) -> usize {
    n - n.saturating_sub(1) / 3
}

/// The account that signs blocks for these validators: [`bft_quorum`] of n, in any order of keys. Sets that have
/// no such account (empty, more than 1024, or with a repeated key) give the zero hash, for which nobody can sign.
pub fn consensus_address(validators: &[PublicKey]) -> UInt160 {
    multisig_script(bft_quorum(validators.len()), validators)
        .map(|script| hash160(&script))
        .unwrap_or_default()
}

/// Neo N3's genesis block for these standby validators. It does not depend on the network magic.
pub fn genesis_block(standby_validators: &[PublicKey]) -> Block {
    Block {
        header: Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: UInt256::ZERO,
            timestamp: GENESIS_TIMESTAMP,
            nonce: GENESIS_NONCE,
            index: Height(0),
            primary_index: ValidatorIndex(0),
            next_consensus: consensus_address(standby_validators),
        },
        witness: Witness {
            invocation: Vec::new(),
            verification: vec![Opcode::PUSH1.0],
        },
        transactions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decode, Encode};

    #[test]
    fn quorums() {
        let quorums: Vec<_> = (0..=10).map(bft_quorum).collect();
        assert_eq!(quorums, [0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7]);
        assert_eq!(
            (bft_quorum(21), bft_quorum(22), bft_quorum(100)),
            (15, 15, 67)
        );
    }

    #[test]
    fn genesis_of_the_private_network() {
        let standby = [
            "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
            "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
            "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
            "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
        ];
        let standby: Vec<PublicKey> = standby.iter().map(|key| key.parse().unwrap()).collect();
        let genesis = genesis_block(&standby);
        assert_eq!(
            genesis.hash().to_string(),
            "0x0f8fb4e17d2ab9f3097af75ca7fd16064160fb8043db94909e00dd4e257b9dc4"
        );
        let bytes = genesis.to_bytes();
        assert_eq!(bytes.len(), 114);
        assert_eq!(Block::from_bytes(&bytes), Ok(genesis.clone()));
        use base64::Engine as _;
        let header =
            base64::engine::general_purpose::STANDARD.encode(genesis.signed_header().to_bytes());
        assert_eq!(
            header,
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACI6hnvVQEAAB2sK3wAAAAAAAAAAABouegejA5skHm0udEF6HinbT8iPwEAARE="
        );
        assert_eq!(
            genesis.header.next_consensus.to_address(),
            "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"
        );
    }

    #[test]
    fn sets_without_an_account() {
        assert_eq!(consensus_address(&[]), UInt160::ZERO);
    }
}
