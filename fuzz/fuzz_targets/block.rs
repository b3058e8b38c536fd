//! Blocks, headers and their bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_fuzz::one_encoding;
use neo_primitives::{
    Block, BlockBody, Header, PublicKey, SignedHeader, has_duplicates, merkle_root,
};

fuzz_target!(|bytes: &[u8]| {
    if let Some(block) = one_encoding::<Block>(bytes) {
        let hashes: Vec<_> = block.transactions.iter().map(|one| one.hash()).collect();
        // Neo's tree gives lists with repeated ends the root of shorter ones; both are looked at.
        let _ = (merkle_root(&hashes), has_duplicates(&hashes));
    }
    one_encoding::<BlockBody>(bytes);
    one_encoding::<Header>(bytes);
    one_encoding::<SignedHeader>(bytes);
    one_encoding::<PublicKey>(bytes);
});
